//! Times in which nothing is built: year-end closing, a migration, an audit.

use chrono::{DateTime, Utc};

use crate::diagnostic::Place;

/// A time in which nothing is built, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins, UTC.
    pub from: DateTime<Utc>,
    /// When it ends, UTC; exclusive.
    pub to: DateTime<Utc>,
    /// Why, for people.
    pub reason: String,
    /// Which assets, in dbt's selection syntax; all of them, where absent.
    pub select: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

impl Freeze {
    /// Returns whether it holds at an instant.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }
}
