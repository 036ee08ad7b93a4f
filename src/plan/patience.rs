//! Whether the automation of an asset wants to wait although nothing stands in its way:
//! `updates_on`, `tolerance`, `every`, `settle`.

use assets::AssetKey;
use assets::policy::{OnChange, UpdatesOn};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::reason::Reason;
use super::standing::Standing;
use super::verdict::Judge;

impl Judge<'_> {
    /// Whether the automation wants to wait although nothing stands in the way.
    pub(super) fn automation_waits(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        on_change: &OnChange,
    ) -> Option<(Reason, Option<DateTime<Utc>>)> {
        // What does not exist, or was built with other code, does not wait for quiet inputs.
        if standing.is_missing {
            return None;
        }
        let now = self.input.now;
        if let (Some(every), Some(build)) = (on_change.every, standing.build)
            && let Some(built_at) = build.built_at
            && let until = built_at + every
            && now < until
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
        if standing.built_code.is_some() {
            return None;
        }
        self.not_all_changed(index, standing, on_change)
            .map(|reason| (reason, None))
            .or_else(|| tolerated(standing, on_change, now))
            .or_else(|| self.settling(index, standing, on_change))
    }

    fn not_all_changed(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        on_change: &OnChange,
    ) -> Option<Reason> {
        if on_change.updates_on == UpdatesOn::Any {
            return None;
        }
        let changed = |input: &AssetIndex| standing.behind.iter().any(|b| b.input == *input);
        let inputs = self.input.graph.inputs(index).iter();
        let unchanged: Vec<AssetKey> = inputs
            .filter(|input| !changed(input))
            .map(|input| self.key(*input).clone())
            .collect();
        (!unchanged.is_empty()).then_some(Reason::NotAllChanged { unchanged })
    }

    fn settling(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        on_change: &OnChange,
    ) -> Option<(Reason, Option<DateTime<Utc>>)> {
        let settle = on_change.settle?;
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
        let at_most = on_change.settle_at_most.unwrap_or(settle * 10);
        let half_of_lag = self
            .input
            .graph
            .asset(index)
            .freshness
            .max_lag
            .map(|b| b.limit / 2);
        let at_most = half_of_lag.map_or(at_most, |half| half.min(at_most));
        let until = (last + settle).min(first + at_most);
        (self.input.now < until).then(|| {
            let settle_seconds = settle.num_seconds();
            (
                Reason::Settling {
                    last_change_at: last,
                    settle_seconds,
                    until,
                },
                Some(until),
            )
        })
    }
}

fn tolerated(
    standing: &Standing<'_>,
    on_change: &OnChange,
    now: DateTime<Utc>,
) -> Option<(Reason, Option<DateTime<Utc>>)> {
    let tolerance = on_change.tolerance?;
    let since = standing.pending?.at;
    let until = since + tolerance;
    (now < until).then(|| {
        let tolerance_seconds = tolerance.num_seconds();
        let reason = Reason::Tolerated {
            since,
            tolerance_seconds,
            until,
        };
        (reason, Some(until))
    })
}
