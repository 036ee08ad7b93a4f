//! Conditions: the tree by which an automation says when an asset is due.
//!
//! A condition speaks of how an asset stands now, and of what time it is; never of events. What
//! holds stays true until something is built, so that nothing is lost between two looks.

use std::fmt;

use chrono::TimeDelta;

use crate::duration::format_duration;
use crate::key::AssetKey;
use crate::schedule::Schedule;

/// When an asset is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// One of them holds; none of none does.
    Any(Vec<Self>),
    /// Each of them holds.
    All(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// An upstream, or a named one, has data that the asset has not incorporated.
    Changed(Option<AssetKey>),
    /// Every direct upstream has.
    AllChanged,
    /// The asset should exist and does not.
    Missing,
    /// Its code differs from the code it was built with, and its policy counts that.
    CodeChanged,
    /// An instant of the schedule has come since the asset's last build began.
    Cron(Schedule),
    /// A deadline or `max_lag` would be missed if the build began later than this before it is
    /// forecast to have to.
    Deadline {
        /// Begin this much earlier.
        slack: TimeDelta,
    },
    /// The oldest change that the asset does not show is older than this.
    LagOver(TimeDelta),
    /// Never by itself: a person asks.
    Manual,
}

impl Condition {
    /// Returns whether it can ever hold without a person.
    pub fn can_hold(&self) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(Self::can_hold),
            Self::All(parts) => parts.iter().all(Self::can_hold),
            Self::Manual => false,
            Self::Not(_)
            | Self::Changed(_)
            | Self::AllChanged
            | Self::Missing
            | Self::CodeChanged
            | Self::Cron(_)
            | Self::Deadline { .. }
            | Self::LagOver(_) => true,
        }
    }

    /// Returns every leaf, from left to right.
    pub fn leaves(&self) -> Vec<&Self> {
        let mut leaves = Vec::new();
        let mut next = vec![self];
        while let Some(condition) = next.pop() {
            match condition {
                Self::Any(parts) | Self::All(parts) => next.extend(parts.iter().rev()),
                Self::Not(part) => next.push(part),
                Self::Changed(_)
                | Self::AllChanged
                | Self::Missing
                | Self::CodeChanged
                | Self::Cron(_)
                | Self::Deadline { .. }
                | Self::LagOver(_)
                | Self::Manual => leaves.push(condition),
            }
        }
        leaves
    }

    /// Returns its schedules, from left to right.
    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.leaves().into_iter().filter_map(|leaf| match leaf {
            Self::Cron(schedule) => Some(schedule),
            Self::Any(_)
            | Self::All(_)
            | Self::Not(_)
            | Self::Changed(_)
            | Self::AllChanged
            | Self::Missing
            | Self::CodeChanged
            | Self::Deadline { .. }
            | Self::LagOver(_)
            | Self::Manual => None,
        })
    }
}

/// Writes it as it would stand in a file, on one line.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, parts: &[Self]| {
            let parts: Vec<String> = parts.iter().map(Self::as_part).collect();
            write!(f, "{word}: [{}]", parts.join(", "))
        };
        match self {
            Self::Any(parts) => list(f, "any", parts),
            Self::All(parts) => list(f, "all", parts),
            Self::Not(part) => write!(f, "not: {}", part.as_part()),
            Self::Changed(None) => f.write_str("changed"),
            Self::Changed(Some(upstream)) => write!(f, "changed: {upstream}"),
            Self::AllChanged => f.write_str("all_changed"),
            Self::Missing => f.write_str("missing"),
            Self::CodeChanged => f.write_str("code_changed"),
            Self::Cron(schedule) => write!(f, "cron: {schedule}"),
            Self::Deadline { slack } if slack.is_zero() => f.write_str("deadline"),
            Self::Deadline { slack } => write!(f, "deadline: {} slack", format_duration(*slack)),
            Self::LagOver(lag) => write!(f, "lag_over: {}", format_duration(*lag)),
            Self::Manual => f.write_str("manual"),
        }
    }
}

impl Condition {
    fn as_part(&self) -> String {
        match self {
            Self::Changed(None)
            | Self::AllChanged
            | Self::Missing
            | Self::CodeChanged
            | Self::Manual => self.to_string(),
            Self::Deadline { slack } if slack.is_zero() => self.to_string(),
            Self::Any(_)
            | Self::All(_)
            | Self::Not(_)
            | Self::Changed(Some(_))
            | Self::Cron(_)
            | Self::Deadline { .. }
            | Self::LagOver(_) => format!("{{ {self} }}"),
        }
    }
}
