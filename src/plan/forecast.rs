//! When each asset will be clean, by how long its runs took and what has to come before it.
//!
//! A forecast follows the critical path: an asset begins when its inputs are clean and its own
//! automation lets it, and takes as long as its runs did. Limits on what runs at once are left out,
//! and so are changes that are still to come. Where a run is not known, nothing is foretold.

use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::decision::{Action, Decision};
use super::input::PlanInput;
use super::standing::{Standing, must_be_built};
use crate::state::Intent;

/// When an asset will be clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// It is.
    Clean,
    /// Nobody knows: a run on the way was never seen.
    Unknown,
    /// Not before a person, or somebody else, does something.
    Held,
    /// Then.
    At(Expected),
}

/// An instant as it usually comes, and as it comes when runs are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// By the medians, UTC.
    pub usual: DateTime<Utc>,
    /// By the 95th percentiles, UTC; never before the usual one.
    pub late: DateTime<Utc>,
}

impl Expected {
    fn both(at: DateTime<Utc>) -> Self {
        Self {
            usual: at,
            late: at,
        }
    }

    fn at_least(self, other: Self) -> Self {
        Self {
            usual: self.usual.max(other.usual),
            late: self.late.max(other.late),
        }
    }

    fn after(self, usual: TimeDelta, late: TimeDelta) -> Self {
        let add = |at: DateTime<Utc>, took| {
            at.checked_add_signed(took)
                .unwrap_or(DateTime::<Utc>::MAX_UTC)
        };
        Self {
            usual: add(self.usual, usual),
            late: add(self.late, late),
        }
    }
}

/// Returns the forecast for every asset, by its position in the graph.
pub fn forecasts(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    decisions: &[Decision],
) -> Vec<Forecast> {
    let mut forecasts = vec![Forecast::Clean; standings.len()];
    for &index in input.graph.topological_order() {
        let position = index.position();
        let (Some(standing), Some(decision)) = (standings.get(position), decisions.get(position))
        else {
            continue;
        };
        let found = forecast(input, standings, &forecasts, (index, standing, decision));
        if let Some(forecast) = forecasts.get_mut(position) {
            *forecast = found;
        }
    }
    forecasts
}

fn forecast(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    forecasts: &[Forecast],
    (index, standing, decision): (AssetIndex, &Standing<'_>, &Decision),
) -> Forecast {
    let asset = input.graph.asset(index);
    if standing.pending.is_none() && !must_be_built(asset, standing) && standing.intent.is_none() {
        return Forecast::Clean;
    }
    let Some((usual, late)) = durations(input, index) else {
        return Forecast::Unknown;
    };
    let now = Expected::both(input.now);
    if let Some(intent) = standing.intent {
        let begins = Expected::both(begins(intent).unwrap_or(input.now));
        return Forecast::At(begins.after(usual, late).at_least(now));
    }
    if decision.action == Action::Hold {
        return Forecast::Held;
    }
    let mut begins = now;
    if let (Action::Wait, Some(until)) = (decision.action, decision.until) {
        begins = begins.at_least(Expected::both(until));
    }
    let mut is_coming = decision.action != Action::None;
    for upstream in input.graph.inputs(index) {
        let position = upstream.position();
        let is_awaited = standings
            .get(position)
            .is_some_and(|s| s.is_coming || s.intent.is_some());
        match forecasts.get(position) {
            Some(Forecast::At(expected)) => {
                // One that is kept by its own time is not waited for by what is stale already.
                if is_awaited || standing.behind.is_empty() {
                    begins = begins.at_least(*expected);
                }
                is_coming = true;
            }
            Some(Forecast::Unknown) if is_awaited => return Forecast::Unknown,
            Some(Forecast::Held) if standing.behind.is_empty() => return Forecast::Held,
            Some(Forecast::Unknown | Forecast::Held | Forecast::Clean) | None => {}
        }
    }
    if is_coming {
        Forecast::At(begins.after(usual, late))
    } else {
        Forecast::Held
    }
}

/// How long a run takes, usually and when it is late. What nobody builds takes no time.
fn durations(input: &PlanInput<'_>, index: AssetIndex) -> Option<(TimeDelta, TimeDelta)> {
    let asset = input.graph.asset(index);
    if !asset.is_built_here() {
        return Some((TimeDelta::zero(), TimeDelta::zero()));
    }
    let times = input.memory.run_times.get(&asset.key)?;
    Some((times.usual()?, times.late()?))
}

/// When the current attempt began, or may begin.
fn begins(intent: &Intent) -> Option<DateTime<Utc>> {
    intent.first_sent_at.or(intent.not_before)
}
