//! The Databricks workspace, spoken to over HTTP: jobs and their runs, catalog tables, who we are.
//!
//! [`resolve`] decides where the workspace is and as whom we speak; [`Workspace`] has one method
//! per call. Reads are repeated within bounds; what starts or cancels something is sent once, and
//! whether to send it again is for the caller to decide, who alone knows about idempotency. What does not answer or asks for patience is left alone for a while. An
//! [`ApiError`] says whether a request may have taken effect.
//!
//! Deliberately not here: reading variables and files (`config`), deciding what to run (`plan`),
//! when to send again (`execute`).
//!
//! Invariants: credentials go to the configured origin only; no secret and no query string stands
//! in an error or a log; an answer that cannot be read for sure is never taken for a definite one;
//! a word of a state that we do not know means "still running".

pub mod answer;
pub mod catalog;
pub mod credentials;
pub mod credentials_error;
pub mod error;
pub mod host;
pub mod http;
pub mod ids;
pub mod job;
pub mod jobs;
pub mod pacing;
pub mod run_state;
pub mod run_status;
pub mod workspace;

mod breaker;
mod config_file;
mod credential_values;
mod discovery;
mod refusal;
mod statements;
mod token;
mod unreached;

pub use catalog::{AwsCredentials, CatalogTable, TableCredentials};
pub use credentials::{
    Auth, ConfigFile, DeclaredConnection, ResolvedConnection, config_file_path, resolve,
};
pub use credentials_error::CredentialsError;
pub use error::{Answer, ApiError, Call, Unreached};
pub use host::{Host, HostError};
pub use http::{ClientError, Limits, LocalTime, Now};
pub use ids::{JobId, RunId};
pub use job::{FindJobError, Job, OwnTrigger};
pub use jobs::{RunFilter, RunRequest};
pub use pacing::Pacing;
pub use run_state::{CancelledBy, FailureClass, RunState};
pub use run_status::{RunStatus, TaskRun};
pub use statements::{StatementState, StatementStatus};
pub use workspace::{Principal, Settings, Workspace};

/// Every error code of this module with its title, in the order of the documentation.
pub const CODES: [(&str, &str); 22] = [
    ("W001", "the workspace did not answer"),
    ("W002", "the workspace gave no definite answer"),
    ("W003", "the workspace asks for fewer requests"),
    ("W004", "the workspace does not accept the credentials"),
    ("W005", "the workspace does not allow it"),
    ("W006", "the workspace does not know it"),
    ("W007", "the workspace refused the request"),
    ("W008", "a request was not sent, as it would be refused"),
    ("W009", "no job has the name"),
    ("W010", "several jobs have the name"),
    ("W020", "no workspace host is configured"),
    ("W021", "the workspace host cannot be used"),
    ("W022", "no credentials are configured"),
    ("W023", "more than one authorization method is configured"),
    ("W024", "the authorization method is not supported"),
    ("W025", "a part of the credentials is missing"),
    ("W026", "a credential is not usable"),
    ("W027", "the configuration file does not exist"),
    ("W028", "the configuration file does not have the profile"),
    ("W029", "the configuration file cannot be read"),
    ("W030", "profile and environment name different workspaces"),
    ("W031", "the HTTPS client cannot be set up"),
];

#[cfg(test)]
mod tests;
