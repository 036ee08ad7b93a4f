//! Whether the automation of an asset that is due wants to wait although nothing stands in its way:
//! `tolerance`, `every`, `settle`.
//!
//! Commits and runs are dated by the clocks of others. What lies well ahead of ours was dated by a
//! clock that is wrong, and nobody waits for a wrong clock to come true.

use assets::policy::Pacing;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::reason::Reason;
use super::standing::Standing;
use super::verdict::Judge;

/// Clocks may be ahead of ours by this much.
pub(super) const SKEW: TimeDelta = TimeDelta::minutes(5);

impl Judge<'_> {
    /// Whether the automation wants to wait although nothing stands in the way.
    pub(super) fn automation_waits(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        pacing: &Pacing,
    ) -> Option<(Reason, Option<DateTime<Utc>>)> {
        // What does not exist, or was built with other code, does not wait for quiet inputs. Of an asset with
        // partitions, the others do.
        let is_whole = standing.parts.is_none();
        if standing.is_missing && is_whole {
            return None;
        }
        let now = self.input.now;
        if let (Some(every), Some(build)) = (pacing.every, standing.build)
            // Of a run here: what somebody else writes keeps nothing from being built.
            && let Some(built_at) = build.last_success_at
            && let Some(until) = still_waits(built_at, every, now)
        {
            let every_seconds = every.num_seconds();
            return Some((
                Reason::TooSoon {
                    built_at,
                    every_seconds,
                    until,
                },
                Some(until),
            ));
        }
        if standing.built_code.is_some() && is_whole {
            return None;
        }
        tolerated(standing, pacing, now).or_else(|| self.settling(index, standing, pacing))
    }

    fn settling(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        pacing: &Pacing,
    ) -> Option<(Reason, Option<DateTime<Utc>>)> {
        let settle = pacing.settle?;
        let first = standing
            .behind
            .iter()
            .filter_map(|b| b.between)
            .map(|(first, _)| first)
            .min()?;
        let last = standing
            .behind
            .iter()
            .filter_map(|b| b.between)
            .map(|(_, last)| last)
            .max()?;
        let at_most = pacing.settle_at_most.unwrap_or(ten_times(settle));
        let half_of_lag = self
            .input
            .graph
            .asset(index)
            .freshness
            .max_lag
            .map(|b| b.limit / 2);
        let at_most = half_of_lag.map_or(at_most, |half| half.min(at_most));
        let now = self.input.now;
        let until = still_waits(last, settle, now)?.min(still_waits(first, at_most, now)?);
        let settle_seconds = settle.num_seconds();
        let reason = Reason::Settling {
            last_change_at: last,
            settle_seconds,
            until,
        };
        Some((reason, Some(until)))
    }
}

fn tolerated(
    standing: &Standing<'_>,
    pacing: &Pacing,
    now: DateTime<Utc>,
) -> Option<(Reason, Option<DateTime<Utc>>)> {
    let tolerance = pacing.tolerance?;
    let since = standing.pending?.at;
    let until = still_waits(since, tolerance, now)?;
    let tolerance_seconds = tolerance.num_seconds();
    let reason = Reason::Tolerated {
        since,
        tolerance_seconds,
        until,
    };
    Some((reason, Some(until)))
}

/// Returns when a wait ends that began then, unless it has ended or began by a wrong clock.
pub(super) fn still_waits(
    began: DateTime<Utc>,
    wait: TimeDelta,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let until = began
        .checked_add_signed(wait)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    (now < until && began - now <= SKEW).then_some(until)
}

fn ten_times(wait: TimeDelta) -> TimeDelta {
    wait.checked_mul(10).unwrap_or(TimeDelta::MAX)
}
