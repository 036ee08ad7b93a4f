//! What a command fails with: a code, a sentence, its causes, what to do, and the exit code.
//!
//! Exit codes are a contract with scripts and cron. Nothing is printed here; errors of other
//! modules are turned into a [`CommandError`], with their own codes where they have any.

use std::fmt;

use crate::ports::{JobsError, StateError};
use crate::project::ProjectError;
use crate::store::codes::code_of;

/// The error codes of the command line with their titles; `docs/errors.md` explains each.
pub const CODES: [(&str, &str); 33] = [
    ("C000", "a fault of Headwater itself"),
    ("C001", "no project file was found"),
    ("C002", "the project has errors"),
    ("C003", "the environment is not declared"),
    ("C004", "the project file cannot be read"),
    ("C005", "the selection cannot be read"),
    ("C006", "the selection names no asset"),
    ("C007", "a file is there already"),
    ("C008", "a file cannot be written"),
    ("C009", "the result cannot be written"),
    ("C010", "the log filter cannot be read"),
    ("C011", "the folder of the dbt project cannot be used"),
    ("C012", "the current folder cannot be used"),
    ("C013", "the threads of the command cannot be started"),
    ("C014", "changes of files cannot be watched"),
    ("C015", "the demonstration cannot go on"),
    ("C016", "no workspace is declared"),
    ("C017", "no run has the id"),
    ("C018", "the run cannot be cancelled yet"),
    ("C019", "nobody agreed to replace the state"),
    ("C020", "the log of a table cannot be read"),
    ("C021", "nobody says where a table lies"),
    ("C022", "a variable for object stores cannot be used"),
    ("C023", "the range of versions is empty"),
    ("C024", "there is no such partition"),
    ("C025", "the asset is not built here"),
    ("C026", "the asset has a log of its own"),
    ("C027", "the position is not taken"),
    ("C028", "the backfill asks for nothing"),
    ("C029", "partitions would be appended a second time"),
    ("C030", "the name of the backfill cannot be used"),
    ("C031", "the arrivals file cannot be used"),
    ("C032", "many assets are gone from the project"),
];

/// How a command ends. The numbers are documented and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, also where there was nothing to do.
    Done,
    /// The command ran and something failed.
    Failed,
    /// A usage, configuration or declaration error.
    Usage,
    /// Another reconciler holds the lease.
    LeaseHeld,
    /// Not authenticated or not authorized.
    Unauthorized,
    /// A remote stayed unavailable after retries.
    Unavailable,
    /// A condition that was asked for holds.
    Condition,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    /// Every way to end, in the order of the numbers.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::LeaseHeld,
        Self::Unauthorized,
        Self::Unavailable,
        Self::Condition,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Returns the exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::LeaseHeld => 3,
            Self::Unauthorized => 4,
            Self::Unavailable => 5,
            Self::Condition => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// The stable code.
    pub code: &'static str,
    /// What failed, on what; one sentence without a final stop.
    pub message: String,
    /// Why, from the nearest cause to the farthest; each stands once.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// How the process ends.
    pub exit: Exit,
}

impl CommandError {
    /// Makes an error without causes.
    pub fn new(code: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            exit,
        }
    }

    /// Makes the error of something that should never happen.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new("C000", Exit::Failed, message)
            .hint("this is a fault of Headwater: please report it with the output of `-vv`")
    }

    /// Makes an error of another error, with everything in its chain of sources.
    pub fn from_chain(code: &'static str, exit: Exit, error: &dyn std::error::Error) -> Self {
        Self::new(code, exit, error.to_string()).because_of(error.source())
    }

    /// Adds a cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        let is_new = !cause.is_empty() && cause != self.message && !self.causes.contains(&cause);
        self.causes.extend(is_new.then_some(cause));
        self
    }

    /// Adds an error and everything in its chain of sources as causes.
    #[must_use]
    pub fn because_of(mut self, error: Option<&dyn std::error::Error>) -> Self {
        let mut next = error;
        while let Some(error) = next {
            self = self.because(error.to_string());
            next = error.source();
        }
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

impl From<ProjectError> for CommandError {
    fn from(error: ProjectError) -> Self {
        Self::from_chain(error.code(), Exit::Usage, &error).hint(error.hint())
    }
}

impl From<JobsError> for CommandError {
    fn from(error: JobsError) -> Self {
        let (code, exit) = match &error {
            JobsError::Unanswered(_) => ("W002", Exit::Unavailable),
            JobsError::RateLimited { .. } => ("W003", Exit::Unavailable),
            JobsError::Unauthenticated { .. } => ("W004", Exit::Unauthorized),
            JobsError::Forbidden { .. } => ("W005", Exit::Unauthorized),
            JobsError::NotFound(_) => ("W006", Exit::Failed),
            JobsError::TokenRunDeleted(_) | JobsError::Refused(_) => ("W007", Exit::Failed),
        };
        let told = Self::from_chain(code, exit, &error);
        match error {
            JobsError::Unauthenticated { hint, .. } | JobsError::Forbidden { hint, .. } => {
                told.hint(hint)
            }
            JobsError::Unanswered(_) | JobsError::RateLimited { .. } => {
                told.hint("nothing is lost: the next pass asks again")
            }
            JobsError::NotFound(_) => told.hint("check the name or id, and the environment"),
            JobsError::TokenRunDeleted(_) | JobsError::Refused(_) => told,
        }
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        let known = code_of(&error);
        let exit = match &error {
            StateError::LeaseHeld { .. } | StateError::LeaseLost { .. } => Exit::LeaseHeld,
            StateError::OtherWorkspace { .. }
            | StateError::Backfill(_)
            | StateError::NewerSchema { .. }
            | StateError::Missing { .. }
            | StateError::Place { .. } => Exit::Usage,
            StateError::IntentExists { .. }
            | StateError::Damaged { .. }
            | StateError::LowDisk { .. }
            | StateError::Database { .. }
            | StateError::Unreadable { .. } => Exit::Failed,
        };
        let told = Self::from_chain(known.code, exit, &error).hint(known.hint);
        if let StateError::LeaseHeld { expires_at, .. } = error {
            let until = expires_at.format("%Y-%m-%dT%H:%M:%SZ");
            return told.because(format!("it runs out at {until} unless it is renewed"));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_numbers() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 130, 143]);
    }

    #[test]
    fn every_code_of_commands_and_of_loading_is_documented_in_order() {
        let page = include_str!("../docs/errors.md");
        let documented = |letter: char| -> Vec<(&str, &str)> {
            page.lines()
                .filter_map(|line| line.strip_prefix("### ")?.split_once(": "))
                .filter(|(code, _)| code.starts_with(letter))
                .map(|(code, title)| (code, title.trim_end_matches(" (warning)")))
                .collect()
        };
        assert_eq!(documented('C'), CODES);
        assert_eq!(documented('L'), crate::project::CODES);
    }

    #[test]
    fn a_chain_names_each_cause_once() {
        let source = rusqlite::Error::InvalidQuery;
        let attempted = "read";
        let error = CommandError::from(StateError::Database { attempted, source });
        assert_eq!(error.message, "the state file could not be read");
        assert_eq!(error.causes, ["Query is not read-only"]);
        assert_eq!(error.clone().because("Query is not read-only"), error);
    }

    #[test]
    fn a_held_lease_has_its_own_exit_code_and_says_who_and_since_when() {
        let error = CommandError::from(StateError::LeaseHeld {
            holder: "cron@host".to_owned(),
            since: chrono::DateTime::UNIX_EPOCH,
            expires_at: chrono::DateTime::UNIX_EPOCH,
        });
        assert_eq!(error.exit.code(), 3);
        assert!(error.message.contains("`cron@host`"), "{error}");
        assert!(error.message.contains("1970-01-01"), "{error}");
    }

    #[test]
    fn remote_errors_tell_rights_from_outages() {
        let hint = "grant it".to_owned();
        let message = "no".to_owned();
        let denied = CommandError::from(JobsError::Forbidden { message, hint });
        assert_eq!(
            (denied.exit, denied.hint.as_deref()),
            (Exit::Unauthorized, Some("grant it"))
        );
        let lost = CommandError::from(JobsError::Unanswered("no answer".to_owned()));
        assert_eq!(lost.exit, Exit::Unavailable);
    }
}
