//! Budgets: how many runs may begin within any 24 hours, by what began in the 24 hours before.
//!
//! Each attempt counts, whatever became of it. What backfills begin counts against a budget of their own and
//! against no other one. A budget that is spent has room again when the oldest runs that spent it are a day old.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::declaration::DayLimits;
use chrono::{DateTime, TimeDelta, Utc};

use super::input::PlanInput;
use super::reason::Reason;

/// What budgets per day look back on.
pub const A_DAY: TimeDelta = TimeDelta::hours(24);

/// When runs began that count against one budget, the oldest first.
type Beginnings = Vec<DateTime<Utc>>;

/// What began within the last 24 hours, by what it counts against.
pub(super) struct Day<'a> {
    now: DateTime<Utc>,
    limits: &'a DayLimits,
    total: Beginnings,
    by_asset: BTreeMap<AssetKey, Beginnings>,
    by_pool: BTreeMap<String, Beginnings>,
    by_backfills: Beginnings,
}

impl<'a> Day<'a> {
    /// Counts what began; nothing where no budget is declared.
    pub(super) fn before(input: &PlanInput<'a>) -> Option<Self> {
        let limits = &input.limits.max_runs_per_day;
        if limits.is_empty() {
            return None;
        }
        let mut day = Self {
            now: input.now,
            limits,
            total: Vec::new(),
            by_asset: BTreeMap::new(),
            by_pool: BTreeMap::new(),
            by_backfills: Vec::new(),
        };
        let since = input.now - A_DAY;
        for run in input.memory.started.iter().filter(|run| run.at > since) {
            if run.is_for_backfill {
                day.by_backfills.push(run.at);
                continue;
            }
            day.count(run.at, &run.assets, run.pool.as_deref());
        }
        Some(day)
    }

    /// Counts a run that this pass begins.
    pub(super) fn begin(&mut self, asset: &AssetKey, pool: Option<&str>) {
        self.count(self.now, std::slice::from_ref(asset), pool);
    }

    /// Counts a run that this pass begins for a backfill.
    pub(super) fn begin_for_backfill(&mut self) {
        self.by_backfills.push(self.now);
    }

    fn count(&mut self, at: DateTime<Utc>, assets: &[AssetKey], pool: Option<&str>) {
        self.total.push(at);
        if self.limits.asset.is_some() {
            for asset in assets {
                self.by_asset.entry(asset.clone()).or_default().push(at);
            }
        }
        if let Some(pool) = pool.filter(|pool| self.limits.pools.contains_key(*pool)) {
            self.by_pool.entry(pool.to_owned()).or_default().push(at);
        }
    }

    /// Says which budget has no room for one more run of an asset.
    pub(super) fn spent(&self, asset: &AssetKey, pool: Option<&str>) -> Option<Reason> {
        let of_asset = self.by_asset.get(asset);
        let of_pool = pool.and_then(|pool| self.by_pool.get(pool));
        let pool_limit = pool.and_then(|pool| self.limits.pools.get(pool)).copied();
        spent(self.limits.total, Some(&self.total), || "runs".to_owned())
            .or_else(|| spent(self.limits.asset, of_asset, || format!("asset {asset}")))
            .or_else(|| {
                let name = || format!("pool {}", pool.unwrap_or_default());
                spent(pool_limit, of_pool, name)
            })
    }

    /// Says whether backfills have no room for one more run.
    pub(super) fn spent_by_backfills(&self) -> Option<Reason> {
        spent(self.limits.backfills, Some(&self.by_backfills), || {
            "backfills".to_owned()
        })
    }
}

/// Says that a budget is spent, and until when: so many of its runs have to be a day old that one more fits.
fn spent(
    allowed: Option<u32>,
    begun: Option<&Beginnings>,
    budget: impl FnOnce() -> String,
) -> Option<Reason> {
    let (allowed, begun) = (allowed?, begun?);
    let places = usize::try_from(allowed).unwrap_or(usize::MAX);
    let oldest = begun.get(begun.len().checked_sub(places)?)?;
    Some(Reason::Budget {
        budget: budget(),
        allowed,
        until: *oldest + A_DAY,
    })
}
