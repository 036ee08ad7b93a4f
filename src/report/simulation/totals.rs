//! What comes of a policy over several assets.

use std::collections::BTreeSet;

use assets::AssetKey;
use chrono::TimeDelta;

use super::Simulated;
use crate::simulate::{AssetOutcome, Lags};

/// What came of a policy, over all of its assets.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// Attempts of runs.
    pub runs: u64,
    /// Attempts in a day of the simulation.
    pub runs_per_day: f64,
    /// Attempts that failed.
    pub failed: u64,
    /// The most runs at once.
    pub peak: usize,
    /// Deadlines that were missed.
    pub missed: usize,
    /// For how long assets were over their bounds, added up.
    pub overdue: TimeDelta,
    /// How long runs took.
    pub run_time: TimeDelta,
    /// What they cost, where that is declared of all of them.
    pub cost: Option<f64>,
    /// The lags of all assets that are built here.
    pub lags: Lags,
}

/// Adds up what came of the shown assets of a policy.
pub fn totals(simulated: &Simulated<'_>, shown: &BTreeSet<AssetKey>) -> Totals {
    let outcome = &simulated.outcome;
    let assets = || {
        outcome
            .assets
            .iter()
            .filter(|asset| shown.contains(&asset.asset))
    };
    let sum = |of: fn(&AssetOutcome) -> TimeDelta| assets().map(of).sum::<TimeDelta>();
    let runs = assets().map(|asset| asset.runs).sum::<u64>();
    let ran = || assets().filter(|asset| !asset.run_time.is_zero());
    let is_priced = ran().next().is_some() && ran().all(|asset| asset.cost.is_some());
    let is_built = |asset: &&AssetOutcome| {
        let index = simulated.graph.index_of(asset.asset.as_str());
        index.is_some_and(|index| simulated.graph.asset(index).is_built_here())
    };
    let days = hours(outcome.until - outcome.from) / 24.0;
    Totals {
        runs,
        runs_per_day: f64::from(u32::try_from(runs).unwrap_or(u32::MAX)) / days,
        failed: assets().map(|asset| asset.failed).sum(),
        peak: outcome.peak,
        missed: assets().map(|asset| asset.missed.len()).sum(),
        overdue: sum(|asset| asset.overdue),
        run_time: sum(|asset| asset.run_time),
        cost: is_priced.then(|| assets().filter_map(|asset| asset.cost).sum()),
        lags: Lags::of_all(assets().filter(is_built).map(|asset| &asset.lags)),
    }
}

/// Returns a span in hours.
pub fn hours(span: TimeDelta) -> f64 {
    span.to_std().unwrap_or_default().as_secs_f64() / 3600.0
}
