//! A workload: what arrives at sources, how long runs take and what they cost, as people declare it
//! to try a policy out.
//!
//! Only the simulation reads it. Shares are between 0 and 1; costs are in units of the currency.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::diagnostic::Place;
use crate::schedule::Schedule;
use crate::task::TaskName;

/// What an arrivals file declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workload {
    /// What arrives, by the selection of its sources as it is written.
    pub sources: BTreeMap<String, Arrivals>,
    /// How runs of all tasks go that say nothing else themselves.
    pub runs: Runs,
    /// How runs of single tasks go.
    pub tasks: BTreeMap<TaskName, (Runs, Place)>,
    /// What costs are counted in; absent where nobody says it.
    pub currency: Option<String>,
}

/// What arrives at a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// When.
    pub rhythm: Rhythm,
    /// Up to this much later, evenly drawn.
    pub jitter: TimeDelta,
    /// Which partitions a commit changes.
    pub partitions: Changed,
    /// The share of commits that change an older partition instead.
    pub late: f64,
    /// Where it is declared.
    pub place: Place,
}

/// When something arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// At this interval, longer than zero.
    Every(TimeDelta),
    /// At the instants of a schedule.
    Schedule(Schedule),
}

/// Which partitions of a source a commit changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Changed {
    /// That of the time of the commit, whether or not it has ended; of lists of values, all.
    #[default]
    Latest,
    /// All that there are.
    All,
}

/// How runs go; what is absent is not declared.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Runs {
    /// How long one takes, in the middle; longer than zero.
    pub duration: Option<TimeDelta>,
    /// How far it may be from the middle in either direction, as a share of it.
    pub spread: Option<f64>,
    /// The share of attempts that fail.
    pub failure_rate: Option<f64>,
    /// What an hour of a run costs.
    pub cost_per_hour: Option<f64>,
}

impl Runs {
    /// Returns this, and for what it does not say, what another one says. A spread belongs to its duration.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (duration, spread) = match self.duration {
            Some(duration) => (Some(duration), self.spread),
            None => (other.duration, self.spread.or(other.spread)),
        };
        Self {
            duration,
            spread,
            failure_rate: self.failure_rate.or(other.failure_rate),
            cost_per_hour: self.cost_per_hour.or(other.cost_per_hour),
        }
    }
}
