//! What can go wrong inside a transaction, before it is known which file it concerned.
//!
//! Functions that work on a transaction return [`Fault`], so that `?` takes errors of the database
//! and of ours alike. The rim turns it into a [`StateError`] that names the file.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::StateError;
use crate::state::BackfillError;

/// An error of the database, or one that already says what it concerns.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database refused.
    Sql(rusqlite::Error),
    /// Ours.
    State(StateError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<BackfillError> for Fault {
    fn from(error: BackfillError) -> Self {
        Self::State(StateError::Backfill(error))
    }
}

impl Fault {
    /// Says that something stored makes no sense.
    pub(super) fn unreadable(place: &'static str, problem: &(impl ToString + ?Sized)) -> Self {
        Self::State(StateError::Unreadable {
            place,
            problem: problem.to_string(),
        })
    }

    /// Names the file and what was tried with it.
    pub(super) fn at(self, path: &Path, attempted: &'static str) -> StateError {
        match self {
            Self::State(error) => error,
            Self::Sql(error) => database(error, path, attempted),
        }
    }
}

/// Tells a damaged file and an unfit place from other refusals of the database.
pub(super) fn database(
    source: rusqlite::Error,
    path: &Path,
    attempted: &'static str,
) -> StateError {
    let path = path.display().to_string();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StateError::Damaged {
            path,
            problem: "it is not an SQLite database".to_owned(),
        },
        Some(ErrorCode::DatabaseCorrupt) => StateError::Damaged {
            path,
            problem: format!("its content is damaged ({source})"),
        },
        Some(ErrorCode::ReadOnly) => StateError::Place {
            path,
            problem: "it may only be read".to_owned(),
        },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StateError::Place {
            path,
            problem: format!(
                "it cannot be opened ({source}): another user may have made it, its disk may have \
                 no room for another file, or this process may have too many open"
            ),
        },
        _ => StateError::Database { attempted, source },
    }
}
