//! How long runs take, how often they fail and what they cost.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::run_times::RunTimes;
use assets::task::TaskName;
use assets::workload::{Runs, Workload};
use chrono::TimeDelta;

use super::arrivals::part_of;
use super::chance::{Purpose, draw, named};

/// How long a run takes of which nothing is recorded or declared.
pub const ASSUMED_DURATION: TimeDelta = TimeDelta::minutes(5);

/// How it is known how long the runs of an asset take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownBy {
    /// Its task, or all runs, are declared.
    Declared,
    /// Runs of it are on record.
    Recorded,
    /// By nothing: [`ASSUMED_DURATION`].
    Assumed,
}

impl KnownBy {
    /// Returns the word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Recorded => "recorded",
            Self::Assumed => "assumed",
        }
    }
}

/// How runs go: what is declared of a task counts first, then what is on record, then what is declared
/// of all runs.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    recorded: BTreeMap<AssetKey, RunTimes>,
    workload: Workload,
}

/// What is known of the runs of one asset.
#[derive(Debug, Clone)]
pub(super) struct Course<'a> {
    recorded: &'a [i64],
    runs: Runs,
    of: u64,
}

impl Durations {
    /// Takes what is on record and what is declared.
    pub fn new(recorded: BTreeMap<AssetKey, RunTimes>, workload: Workload) -> Self {
        Self { recorded, workload }
    }

    /// Returns what costs are counted in, where that is declared.
    pub fn currency(&self) -> Option<&str> {
        self.workload.currency.as_deref()
    }

    /// Returns how it is known how long runs take.
    pub fn known_by(&self, asset: &AssetKey, task: &TaskName) -> KnownBy {
        let course = self.of(asset, task);
        match (course.recorded.is_empty(), course.runs.duration) {
            (false, _) => KnownBy::Recorded,
            (true, Some(_)) => KnownBy::Declared,
            (true, None) => KnownBy::Assumed,
        }
    }

    /// Returns what an hour of a run costs, where that is declared.
    pub fn cost_per_hour(&self, task: &TaskName) -> Option<f64> {
        self.declared(task).or(self.workload.runs).cost_per_hour
    }

    /// Draws how long the `number`th attempt of an asset takes, and whether it fails.
    pub fn attempt(
        &self,
        asset: &AssetKey,
        task: &TaskName,
        seed: u64,
        number: u64,
    ) -> (TimeDelta, bool) {
        self.of(asset, task).attempt(seed, number)
    }

    fn declared(&self, task: &TaskName) -> Runs {
        let declared = self.workload.tasks.get(task);
        declared.map(|(runs, _)| *runs).unwrap_or_default()
    }

    pub(super) fn of(&self, asset: &AssetKey, task: &TaskName) -> Course<'_> {
        let declared = self.declared(task);
        let recorded = self.recorded.get(asset).map_or(&[][..], RunTimes::seconds);
        Course {
            recorded: if declared.duration.is_some() {
                &[]
            } else {
                recorded
            },
            runs: declared.or(self.workload.runs),
            of: named(asset.as_str()),
        }
    }
}

impl Course<'_> {
    /// Draws how long the `number`th attempt takes, and whether it fails.
    pub(super) fn attempt(&self, seed: u64, number: u64) -> (TimeDelta, bool) {
        let share = draw(seed, Purpose::Duration, self.of, number);
        let took = match self.recorded {
            [] => {
                let middle = self.runs.duration.unwrap_or(ASSUMED_DURATION);
                let spread = self.runs.spread.unwrap_or(0.0);
                part_of(middle, 1.0 + spread * (2.0 * share - 1.0))
            }
            recorded => TimeDelta::seconds(one_of(recorded, share)),
        };
        let rate = self.runs.failure_rate.unwrap_or(0.0);
        let fails = draw(seed, Purpose::Failure, self.of, number) < rate;
        (took.max(TimeDelta::milliseconds(1)), fails)
    }

    /// Draws how much of a backoff is waited.
    pub(super) fn backoff(&self, seed: u64, number: u64) -> f64 {
        draw(seed, Purpose::Backoff, self.of, number)
    }
}

/// The one of some figures that a share from 0 up to 1 falls on.
fn one_of(figures: &[i64], share: f64) -> i64 {
    let many = f64::from(u32::try_from(figures.len()).unwrap_or(u32::MAX));
    let mut upto = 0.0;
    for figure in figures {
        upto += 1.0 / many;
        if share < upto {
            return *figure;
        }
    }
    figures.last().copied().unwrap_or(0)
}
