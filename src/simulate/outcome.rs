//! What came of a policy, in figures.

use std::collections::BTreeMap;

use assets::AssetKey;
use chrono::{DateTime, TimeDelta, Utc};

use super::lag::Lags;

/// What came of one asset.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetOutcome {
    /// The asset.
    pub asset: AssetKey,
    /// Commits that arrived, of a source.
    pub arrivals: u64,
    /// Attempts of runs that were started.
    pub runs: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Runs whose attempts were exhausted.
    pub exhausted: u64,
    /// How far behind it was.
    pub lags: Lags,
    /// Deadlines on which a verdict was found.
    pub deadlines: u64,
    /// Those that were missed.
    pub missed: Vec<DateTime<Utc>>,
    /// For how long it was over its `max_lag`, or of an asset with `max_age` alone, over that.
    pub overdue: TimeDelta,
    /// How long its runs took together, failed attempts included.
    pub run_time: TimeDelta,
    /// What they cost, where that is declared.
    pub cost: Option<f64>,
}

/// What came of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// When it began, UTC.
    pub from: DateTime<Utc>,
    /// When it ended, UTC.
    pub until: DateTime<Utc>,
    /// Passes there were time for.
    pub ticks: u64,
    /// Passes in which something could have changed, and that were made.
    pub planned: u64,
    /// The assets, in key order.
    pub assets: Vec<AssetOutcome>,
    /// The most runs at once.
    pub peak: usize,
    /// How often an asset began to wait for a limit, by the limit.
    pub limited: BTreeMap<String, u64>,
    /// Passes that would have asked a person first.
    pub asked: Asked,
}

/// Passes that would have begun more runs than `confirm_above` allows unconfirmed. Nobody is there to be
/// asked: they are simulated as if each had been confirmed at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// How many there were.
    pub passes: u64,
    /// When the first one was made, UTC.
    pub first: Option<DateTime<Utc>>,
    /// The most runs that one of them began.
    pub most: usize,
}

impl AssetOutcome {
    pub(super) fn new(asset: AssetKey) -> Self {
        Self {
            asset,
            arrivals: 0,
            runs: 0,
            failed: 0,
            exhausted: 0,
            lags: Lags::default(),
            deadlines: 0,
            missed: Vec::new(),
            overdue: TimeDelta::zero(),
            run_time: TimeDelta::zero(),
            cost: None,
        }
    }
}
