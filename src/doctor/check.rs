//! One check: what was looked at, what was found, and what to do about it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::error::{CommandError, Exit};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and is probably not as meant.
    Warning,
    /// Something will not work.
    Error,
    /// It could not be looked at, or there is nothing to look at.
    Skipped,
}

impl Status {
    /// Returns the word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at: a stable word.
    pub name: &'static str,
    /// Which one of several: a task, a manifest, a kind of problem.
    pub subject: Option<String>,
    /// How it came out.
    pub status: Status,
    /// What was found, one sentence.
    pub found: String,
    /// What to do about it, if anything.
    pub help: Option<String>,
    /// The error code, where there is one.
    pub code: Option<&'static str>,
    /// How a command ends that finds this error.
    #[serde(skip)]
    pub exit: Exit,
}

impl Check {
    fn new(name: &'static str, status: Status, found: String, help: Option<String>) -> Self {
        Self {
            name,
            subject: None,
            status,
            found,
            help,
            code: None,
            exit: if status == Status::Error {
                Exit::Failed
            } else {
                Exit::Done
            },
        }
    }

    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, found.into(), None)
    }

    pub(super) fn warning(
        name: &'static str,
        found: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Warning, found.into(), Some(help.into()))
    }

    pub(super) fn error(
        name: &'static str,
        found: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::new(name, Status::Error, found.into(), Some(help.into()))
    }

    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self::new(name, Status::Skipped, why.into(), None)
    }

    /// Makes a check of an error. What is not about rights or reach is a plain error: doctor itself
    /// was used rightly.
    pub(super) fn of_error(name: &'static str, error: &CommandError) -> Self {
        let found = std::iter::once(&error.message).chain(&error.causes);
        let found: Vec<&str> = found.map(String::as_str).collect();
        let check = Self {
            code: Some(error.code),
            ..Self::new(name, Status::Error, found.join(": "), error.hint.clone())
        };
        match error.exit {
            Exit::Unauthorized | Exit::Unavailable => check.ends(error.exit),
            Exit::Done
            | Exit::Failed
            | Exit::Usage
            | Exit::LeaseHeld
            | Exit::Condition
            | Exit::Interrupted
            | Exit::Terminated => check,
        }
    }

    /// Says which one of several it is.
    #[must_use]
    pub(super) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says how a command ends that finds this.
    #[must_use]
    pub(super) fn ends(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// Returns how a command ends that found all this: missing rights count before an outage, which
/// may be their consequence, and an outage before everything else.
pub fn exit(checks: &[Check]) -> Exit {
    let errors = checks.iter().filter(|check| check.status == Status::Error);
    let exits: Vec<Exit> = errors.map(|check| check.exit).collect();
    [Exit::Unauthorized, Exit::Unavailable, Exit::Failed]
        .into_iter()
        .find(|exit| exits.contains(exit))
        .unwrap_or(Exit::Done)
}

/// Writes how long ago something was, in its largest unit.
pub(super) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).max(TimeDelta::zero()).num_seconds();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let largest = units.into_iter().find(|(unit, _)| seconds >= *unit);
    let (unit, name) = largest.unwrap_or((1, "s"));
    format!("{} {name} ago", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_decide_the_exit_code_before_an_outage_and_an_outage_before_the_rest() {
        let failed = Check::error("a", "x", "y");
        let denied = failed.clone().ends(Exit::Unauthorized);
        let gone = failed.clone().ends(Exit::Unavailable);
        let odd = Check::warning("a", "x", "y");
        assert_eq!(exit(&[odd.clone(), Check::skipped("a", "x")]), Exit::Done);
        assert_eq!(exit(&[odd, failed.clone()]), Exit::Failed);
        assert_eq!(exit(&[failed.clone(), gone.clone()]), Exit::Unavailable);
        assert_eq!(exit(&[gone, denied, failed]), Exit::Unauthorized);
    }

    #[test]
    fn a_distance_is_told_in_its_largest_unit() {
        let now = DateTime::UNIX_EPOCH;
        for (seconds, told) in [
            (-5, "0 s ago"),
            (59, "59 s ago"),
            (119, "1 min ago"),
            (7_200, "2 h ago"),
            (200_000, "2 d ago"),
        ] {
            assert_eq!(ago(now - TimeDelta::seconds(seconds), now), told);
        }
    }
}
