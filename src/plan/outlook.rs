//! What is expected of an asset that is not late yet: whether it will be, and when it is built next.

use assets::Asset;
use assets::duration::format_duration;
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::deadline::DeadlineState;
use super::decision::Decision;
use super::forecast::Forecast;
use super::health::HealthReason;
use super::input::PlanInput;
use super::reason::clock;
use super::standing::Standing;

/// Whether what it lacks will come too late for its next deadline or its `max_lag`, as things go.
pub(super) fn risk(
    asset: &Asset,
    standing: &Standing<'_>,
    deadline: Option<DeadlineState>,
    forecast: Forecast,
) -> Option<HealthReason> {
    let lacking = standing.pending?.at;
    let next = deadline.and_then(|deadline| deadline.next);
    let next = next.filter(|due| lacking < due.asked_before());
    let next = next.map(|due| (format!("its deadline of {}", clock(due.at)), due.at));
    // What is held is told with what holds it; a deadline is worth an alarm of its own.
    let is_moving = forecast != Forecast::Held;
    let max_lag = asset.freshness.max_lag.filter(|_| is_moving);
    let max_lag = max_lag.and_then(|bound| {
        let end = lacking.checked_add_signed(bound.limit)?;
        let what = format!("the {} of `max_lag`", format_duration(bound.limit));
        Some((what, end))
    });
    let (what, end) = next
        .into_iter()
        .chain(max_lag)
        .min_by_key(|(_, end)| *end)?;
    let message = match forecast {
        Forecast::At(expected) if expected.late > end => format!(
            "it may miss {what}: usually it would be clean at {}, and at {} when runs are late",
            clock(expected.usual),
            clock(expected.late)
        ),
        Forecast::Held => format!("it will miss {what} unless somebody does something"),
        Forecast::At(_) | Forecast::Unknown | Forecast::Clean => return None,
    };
    Some(HealthReason {
        code: "forecast",
        message,
    })
}

/// When an asset is expected to be built next.
pub(super) fn next_expected(
    input: &PlanInput<'_>,
    index: AssetIndex,
    decision: &Decision,
    forecast: Forecast,
) -> Option<DateTime<Utc>> {
    match forecast {
        Forecast::At(expected) => Some(expected.usual),
        Forecast::Unknown | Forecast::Held => decision.until,
        Forecast::Clean => {
            let asset = input.graph.asset(index);
            let condition = asset.automation.condition();
            let mut instants = condition.schedules().filter_map(|s| s.next(input.now));
            instants.next().filter(|_| asset.is_built_here())
        }
    }
}
