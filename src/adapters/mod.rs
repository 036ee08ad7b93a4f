//! Adapters: the workspace client and the log reader, fitted to the ports of the loop.
//!
//! They translate words and errors, and decide nothing.

mod catalog;
mod jobs;
mod tables;

pub use catalog::WorkspaceCatalog;
pub use jobs::WorkspaceJobs;
pub use tables::LocalTables;

use crate::databricks::ApiError;
use crate::ports::JobsError;

/// Translates an error of the client into what the loop decides by.
fn jobs_error(error: &ApiError) -> JobsError {
    let message = error.to_string();
    let hint = error.hint().to_owned();
    match error {
        ApiError::Unreachable { .. } | ApiError::Transient { .. } => JobsError::Unanswered(message),
        ApiError::RateLimited { retry_after, .. } => JobsError::RateLimited {
            message,
            retry_after: *retry_after,
        },
        ApiError::Auth { .. } => JobsError::Unauthenticated { message, hint },
        ApiError::Forbidden { .. } => JobsError::Forbidden { message, hint },
        ApiError::NotFound { .. } => JobsError::NotFound(message),
        ApiError::Invalid { .. } | ApiError::Unsent { .. } => {
            JobsError::Refused(format!("{message}; {hint}"))
        }
    }
}
