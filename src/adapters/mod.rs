//! Adapters: the workspace client and the log reader, fitted to the ports of the loop.
//!
//! They translate words and errors, and decide nothing.

mod catalog;
mod jobs;
mod lending;
mod statements;
mod tables;

pub use catalog::WorkspaceCatalog;
pub use jobs::WorkspaceJobs;
pub use lending::CatalogLender;
pub use statements::WorkspaceStatements;
pub use tables::LogTables;

use crate::databricks::{ApiError, Unreached};
use crate::ports::JobsError;

/// Says what the layers below the client said last, where that tells more than a word for it: which
/// certificate is not trusted and why, which address refused.
fn with_cause(error: &ApiError) -> String {
    let ApiError::Unreachable { why, source, .. } = error else {
        return error.to_string();
    };
    if *why == Unreached::Timeout {
        return error.to_string();
    }
    let mut deepest: &dyn std::error::Error = source.as_ref();
    while let Some(below) = deepest.source() {
        deepest = below;
    }
    if *why == Unreached::Tls {
        return format!("{error}: {deepest}; {}", error.hint());
    }
    format!("{error}: {deepest}")
}

/// Translates an error of the client into what the loop decides by.
fn jobs_error(error: &ApiError) -> JobsError {
    let message = with_cause(error);
    let hint = error.hint().to_owned();
    match error {
        ApiError::Unreachable { .. } | ApiError::Transient { .. } => JobsError::Unanswered(message),
        ApiError::RateLimited { retry_after, .. } => JobsError::RateLimited {
            message,
            retry_after: *retry_after,
        },
        // Nothing happened, and nothing should be sent for a while.
        ApiError::HeldBack { wait, .. } => JobsError::RateLimited {
            message,
            retry_after: Some(*wait),
        },
        ApiError::Auth { .. } => JobsError::Unauthenticated { message, hint },
        ApiError::Forbidden { .. } => JobsError::Forbidden { message, hint },
        ApiError::NotFound { .. } => JobsError::NotFound(message),
        ApiError::Invalid { .. } | ApiError::Unsent { .. } => {
            JobsError::Refused(format!("{message}; {hint}"))
        }
    }
}
