//! How fresh an asset is, for the people who read it.
//!
//! Health never says more than is known: with anything unobserved on the way from a root, the
//! asset is `unknown`, and its lag is not understated but absent.

use assets::duration::format_duration;
use assets::policy::Bound;
use assets::{AssetKey, TableVersion};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;
use serde::Serialize;

use super::cause::gather_causes;
use super::deadline::{DeadlineState, deadline_state};
use super::decision::Decision;
use super::event_time::{EventTime, event_times, unjudged};
use super::forecast::{Forecast, forecasts};
use super::gates::speaking_against;
use super::input::PlanInput;
use super::obstacle::standing_failure;
use super::outlook::{next_expected, risk};
use super::position::needs_a_person;
use super::reason::{clock, sentence};
use super::recovery::is_still_behind;
use super::standing::{Standing, TableState, must_be_built};
use crate::state::{DeadlineVerdict, IntentState};

/// The health of an asset, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its last attempts are exhausted, a check that holds its readers failed, or its position in a change
    /// feed is broken: a person has to help.
    Failing,
    /// Its freshness policy is breached.
    Overdue,
    /// It, or something on its way from a root, could not be observed.
    Unknown,
    /// It is past the warning level of its policy, or forecast to breach it.
    AtRisk,
    /// It was last built under `latest` with an input that is still behind.
    Degraded,
    /// It has changes to incorporate, within its policy.
    Stale,
    /// As stale, and a run is under way.
    Updating,
    /// It incorporates everything that its sources hold.
    Fresh,
}

impl Health {
    /// Every health, worst first.
    pub const ALL: [Self; 8] = [
        Self::Failing,
        Self::Overdue,
        Self::Unknown,
        Self::AtRisk,
        Self::Degraded,
        Self::Stale,
        Self::Updating,
        Self::Fresh,
    ];

    /// Returns the word used on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Overdue => "overdue",
            Self::Unknown => "unknown",
            Self::AtRisk => "at_risk",
            Self::Degraded => "degraded",
            Self::Stale => "stale",
            Self::Updating => "updating",
            Self::Fresh => "fresh",
        }
    }
}

/// What is being done about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// An intent is written down, and no run is known yet.
    Queued,
    /// A run is under way.
    Running,
    /// It waits between two attempts.
    Retrying,
}

impl Activity {
    /// Returns the word used on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
        }
    }
}

/// How fresh one asset is, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetHealth {
    /// Which asset.
    pub asset: AssetIndex,
    /// Its health.
    pub health: Health,
    /// What is being done about it.
    pub activity: Activity,
    /// Its data version, where it has a table that was read.
    pub data_version: Option<TableVersion>,
    /// When its data last changed, UTC; the newest of its inputs for a view.
    pub data_changed_at: Option<DateTime<Utc>>,
    /// Time since then, never negative.
    pub age: Option<TimeDelta>,
    /// Age of the oldest change that it does not show; absent where that cannot be known.
    pub lag: Option<TimeDelta>,
    /// The event time through which it is complete, UTC, or why that is not known.
    pub event_watermark: EventTime,
    /// Time since then, never negative; absent where it is not known.
    pub event_lag: Option<TimeDelta>,
    /// The time of that change, UTC.
    pub stale_since: Option<DateTime<Utc>>,
    /// When it is expected to be built next, UTC: when it will usually be clean, by how long runs
    /// took; where nobody knows, when it stops waiting; where nothing is to be done, the next
    /// instant of its schedule.
    pub next_expected_at: Option<DateTime<Utc>>,
    /// When it will be clean.
    pub forecast: Forecast,
    /// How it stands against its deadlines, if it has any.
    pub deadline: Option<DeadlineState>,
    /// Of an asset that is overdue or at risk: the asset at which what it lacks got stuck, where
    /// that is another one.
    pub root_cause: Option<AssetIndex>,
    /// The assets that are overdue or at risk because of this one, in key order.
    pub makes_late: Vec<AssetIndex>,
    /// Why, for people; the deciding one first.
    pub reasons: Vec<HealthReason>,
}

/// Why an asset has its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReason {
    /// A stable word for programs.
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
}

/// Returns the health of every asset, by its position in the graph.
///
/// `decisions` are those of a plan over the same input.
pub fn healths(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    decisions: &[Decision],
) -> Vec<AssetHealth> {
    let changed_at = newest_changes(input, standings);
    let forecasts = forecasts(input, standings, decisions);
    let times = changed_at.into_iter().zip(event_times(input, standings));
    let expected = decisions.iter().zip(times).zip(forecasts);
    let mut healths: Vec<AssetHealth> = input
        .graph
        .indices()
        .zip(standings)
        .zip(expected)
        .map(|((index, standing), ((decision, changed_at), forecast))| {
            let found = (decision, changed_at, forecast);
            health(input, standings, standing, index, found)
        })
        .collect();
    gather_causes(input, standings, decisions, &mut healths);
    healths
}

fn health(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    standing: &Standing<'_>,
    index: AssetIndex,
    (decision, (data_changed_at, event_watermark), forecast): (
        &Decision,
        (Option<DateTime<Utc>>, EventTime),
        Forecast,
    ),
) -> AssetHealth {
    let age = data_changed_at.map(|at| (input.now - at).max(TimeDelta::zero()));
    let stale_since = standing.pending.map(|origin| origin.at);
    let lag = match (stale_since, blindness(input, index, standing)) {
        (Some(since), _) => Some((input.now - since).max(TimeDelta::zero())),
        (None, Some(_)) => None,
        // What it shows will not stay, and nobody knows since when.
        (None, None) if standing.unbuilt.is_some() => None,
        (None, None) => Some(TimeDelta::zero()),
    };
    let deadline = deadline_state(input, index, standing);
    let event_lag = event_watermark.as_ref().ok();
    let event_lag = event_lag.map(|at| (input.now - *at).max(TimeDelta::zero()));
    let bound = input.graph.asset(index).freshness.max_event_lag;
    let found = Found {
        age,
        lag,
        event_lag,
        unjudged: unjudged(bound, &event_watermark),
        deadline,
        forecast,
    };
    let (health, mut reasons) = judge(input, standings, standing, index, found);
    reasons.extend(decision.reasons.iter().map(|reason| HealthReason {
        code: reason.code(),
        message: sentence(reason),
    }));
    AssetHealth {
        asset: index,
        health,
        activity: activity(input, standing),
        data_version: standing.data_version().cloned(),
        data_changed_at,
        age,
        lag,
        event_watermark,
        event_lag,
        stale_since,
        next_expected_at: next_expected(input, index, decision, forecast),
        forecast,
        deadline,
        root_cause: None,
        makes_late: Vec::new(),
        reasons,
    }
}

/// What an asset is judged by, beside how it stands.
struct Found {
    age: Option<TimeDelta>,
    lag: Option<TimeDelta>,
    event_lag: Option<TimeDelta>,
    /// Why a bound on the event lag cannot be judged, if so.
    unjudged: Option<HealthReason>,
    deadline: Option<DeadlineState>,
    forecast: Forecast,
}

/// The first health, from the worst, whose claim is true, with the facts behind it.
fn judge(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    standing: &Standing<'_>,
    index: AssetIndex,
    found: Found,
) -> (Health, Vec<HealthReason>) {
    let Found {
        age,
        lag,
        event_lag,
        unjudged,
        deadline,
        forecast,
    } = found;
    let asset = input.graph.asset(index);
    let mut reasons = Vec::new();
    let bounds = [
        ("max_lag", "lag", asset.freshness.max_lag, lag),
        ("max_age", "age", asset.freshness.max_age, age),
        (
            "max_event_lag",
            "event lag",
            asset.freshness.max_event_lag,
            event_lag,
        ),
    ];
    let mut breached = false;
    let mut warned = false;
    for (policy, what, bound, value) in bounds {
        if let (Some(bound), Some(value)) = (bound, value) {
            breached |= value > bound.limit;
            warned |= bound.warn.is_some_and(|warn| value > warn);
            reasons.extend(breach(policy, what, bound, value));
        }
    }
    let missed = deadline.filter(|deadline| deadline.is_lacking);
    if let Some(verdict) = missed.and_then(|deadline| deadline.last) {
        breached = true;
        reasons.push(HealthReason {
            code: "deadline_missed",
            message: format!("it missed its deadline of {}", clock(verdict.at)),
        });
    }
    if !breached && let Some(reason) = risk(asset, standing, deadline, forecast) {
        warned = true;
        reasons.push(reason);
    }
    let blindness = blindness(input, index, standing).or(unjudged);
    if let Some(reason) = &blindness {
        reasons.push(reason.clone());
    }
    let unbuilt = standing.unbuilt.or(standing.stale_view);
    if let Some(upstream) = unbuilt {
        let upstream = &input.graph.asset(upstream).key;
        let message = format!("`{upstream}` upstream of it has to be built");
        reasons.push(HealthReason {
            code: "upstream_unbuilt",
            message,
        });
    }
    let checks = speaking_against(input, index, standing);
    let is_refused = checks.iter().any(|(holds, _, _)| *holds);
    reasons.extend(checks.into_iter().map(|(holds, check, result)| {
        let measured = result.measured.as_ref().or(result.message.as_ref());
        let measured = measured.map_or("nothing", String::as_str);
        let (name, expected) = (&check.name, &result.expected);
        HealthReason {
            code: if holds {
                "check_failed"
            } else {
                "check_warned"
            },
            message: format!("its check `{name}` expected {expected}, and found {measured}"),
        }
    }));
    let is_stale =
        standing.pending.is_some() || unbuilt.is_some() || must_be_built(asset, standing);
    let is_held = standing.intent.is_none() && needs_a_person(input, index, standing);
    let is_failing = is_refused || standing_failure(input, index, standing).is_some();
    let health = if is_failing || is_held {
        Health::Failing
    } else if breached {
        Health::Overdue
    } else if blindness.is_some() {
        Health::Unknown
    } else if warned {
        Health::AtRisk
    } else if let Some(upstream) = still_degraded_by(input, standings, standing) {
        let message = format!("it was built while `{upstream}` was behind");
        reasons.push(HealthReason {
            code: "degraded",
            message,
        });
        Health::Degraded
    } else if standing.intent.is_some() {
        Health::Updating
    } else if is_stale {
        Health::Stale
    } else {
        Health::Fresh
    };
    let is_missed = |verdict: &DeadlineVerdict| !verdict.is_met;
    if let Some(deadline) = deadline.filter(|deadline| !deadline.is_lacking)
        && let Some(verdict) = deadline.last.filter(is_missed)
    {
        reasons.push(HealthReason {
            code: "deadline_was_missed",
            message: format!(
                "it was late for its deadline of {}, and has caught up",
                clock(verdict.at)
            ),
        });
    }
    (health, reasons)
}

fn breach(policy: &str, what: &str, bound: Bound, value: TimeDelta) -> Option<HealthReason> {
    let (code, level) = if value > bound.limit {
        ("overdue", bound.limit)
    } else {
        ("at_risk", bound.warn.filter(|warn| value > *warn)?)
    };
    let message = format!(
        "its {what} of {} is beyond the {} of `{policy}`{}",
        rounded(value),
        format_duration(level),
        if code == "at_risk" { "'s warning" } else { "" }
    );
    Some(HealthReason { code, message })
}

/// Writes a duration in its two largest units, cut off below: `2h 5m`.
fn rounded(duration: TimeDelta) -> String {
    let mut rest = duration.num_seconds();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let parts = units.map(|(unit, letter)| {
        let count = rest / unit;
        rest %= unit;
        (count, letter)
    });
    let parts = parts.into_iter().skip_while(|(count, _)| *count == 0);
    let shown: Vec<String> = parts
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, letter)| format!("{count}{letter}"))
        .collect();
    shown.join(" ")
}

/// Why nobody can say whether the asset is fresh, if so.
fn blindness(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
) -> Option<HealthReason> {
    let reason = |code, message| Some(HealthReason { code, message });
    match standing.table {
        TableState::Unknown(problem) => {
            return reason(
                "unknown",
                format!("its table could not be observed: {problem}"),
            );
        }
        TableState::NotObserved => {
            return reason(
                "not_observed",
                "nobody has looked at its table yet".to_owned(),
            );
        }
        TableState::Absent if !standing.is_missing => {
            return reason("absent", "its table does not exist".to_owned());
        }
        TableState::Absent | TableState::None | TableState::Known(_) => {}
    }
    if let Some(blind) = standing.blind_spot.filter(|blind| *blind != index) {
        let blind = &input.graph.asset(blind).key;
        return reason(
            "upstream_unknown",
            format!("`{blind}` upstream of it could not be observed"),
        );
    }
    // What lacks something is stale for sure, whatever the rest would hold.
    let asset = input.graph.asset(index);
    let is_stale =
        standing.pending.is_some() || standing.unbuilt.is_some() || must_be_built(asset, standing);
    let gone = standing
        .vacancy
        .filter(|gone| *gone != index && !is_stale)?;
    let gone = &input.graph.asset(gone).key;
    reason(
        "upstream_absent",
        format!("the table of `{gone}` upstream of it does not exist"),
    )
}

/// The first input that was behind when the asset was built, and still is.
fn still_degraded_by<'a>(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    standing: &Standing<'a>,
) -> Option<&'a AssetKey> {
    let mut inputs = standing.build?.degraded_by.iter();
    inputs.find(|upstream| is_still_behind(input, standings, upstream))
}

fn activity(input: &PlanInput<'_>, standing: &Standing<'_>) -> Activity {
    match standing.intent {
        None => Activity::Idle,
        Some(intent) => match intent.state {
            IntentState::Running => Activity::Running,
            IntentState::Pending if intent.not_before.is_some_and(|at| at > input.now) => {
                Activity::Retrying
            }
            IntentState::Pending
            | IntentState::Sending
            | IntentState::Uncertain
            | IntentState::Succeeded
            | IntentState::Failed
            | IntentState::Cancelled
            | IntentState::Quarantined => Activity::Queued,
        },
    }
}

/// When data last changed: of a table its own commit; of anything else, the newest of its inputs.
fn newest_changes(input: &PlanInput<'_>, standings: &[Standing<'_>]) -> Vec<Option<DateTime<Utc>>> {
    input
        .graph
        .indices()
        .zip(standings)
        .map(|(index, standing)| match standing.table {
            TableState::Known(data) => data.map(|(_, at)| at),
            TableState::None => {
                let inputs = input.graph.inputs(index).iter();
                inputs
                    .filter_map(|input| own_change(standings, *input))
                    .max()
            }
            TableState::NotObserved | TableState::Absent | TableState::Unknown(_) => {
                let key = &input.graph.asset(index).key;
                let commits = input.memory.commits.get(key);
                commits
                    .and_then(|commits| commits.last())
                    .map(|commit| commit.committed_at)
            }
        })
        .collect()
}

fn own_change(standings: &[Standing<'_>], index: AssetIndex) -> Option<DateTime<Utc>> {
    match standings.get(index.position())?.table {
        TableState::Known(data) => data.map(|(_, at)| at),
        TableState::None
        | TableState::NotObserved
        | TableState::Absent
        | TableState::Unknown(_) => None,
    }
}
