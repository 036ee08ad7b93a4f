//! Event time: through which instant is an asset complete, by the times in its rows?
//!
//! A table with a watermark column is as complete as that says, and one that a streaming query with a watermark
//! writes as complete as that. Any other asset is as complete as the least complete of what it shows: of each input, as that was at the version that is incorporated. What is not
//! known of one input is not known of what reads it.

use assets::policy::Bound;
use assets::{Asset, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::health::HealthReason;
use super::input::PlanInput;
use super::standing::{Standing, TableState};
use crate::state::{DataCommit, Pushed};

/// Through which event time an asset is complete, or why nobody knows.
pub type EventTime = Result<DateTime<Utc>, String>;

/// Returns the event time that a table was at with a version: that of the newest commit up to it of which
/// one is known, as event time goes on.
pub fn event_time_at(commits: &[DataCommit], version: &TableVersion) -> Option<DateTime<Utc>> {
    let is_in = |commit: &&DataCommit| {
        commit.version.table_id == version.table_id && commit.version.version <= version.version
    };
    let mut older = commits.iter().rev().filter(is_in);
    older.find_map(|commit| commit.event_at)
}

/// Returns the event time of every asset, by its position in the graph.
pub(super) fn event_times(input: &PlanInput<'_>, standings: &[Standing<'_>]) -> Vec<EventTime> {
    let unknown = || Err("nobody has looked".to_owned());
    let mut times: Vec<EventTime> = standings.iter().map(|_| unknown()).collect();
    for &index in input.graph.topological_order() {
        let asset = input.graph.asset(index);
        let time = match standings.get(index.position()) {
            Some(standing) => event_time(input, (index, asset), standing, &times),
            None => unknown(),
        };
        if let Some(slot) = times.get_mut(index.position()) {
            *slot = time;
        }
    }
    times
}

fn event_time(
    input: &PlanInput<'_>,
    (index, asset): (AssetIndex, &Asset),
    standing: &Standing<'_>,
    times: &[EventTime],
) -> EventTime {
    if standing.table == TableState::Absent {
        return Err("its table does not exist".to_owned());
    }
    if let Some(column) = asset.watermark_column() {
        return of_column(standing, column);
    }
    if asset.checkpoint().is_some()
        && let Some(time) = of_stream(standing)
    {
        return time;
    }
    let newest = input.memory.commits.get(&asset.key);
    let newest = newest.and_then(|commits| commits.last());
    if let Some(pushed) = newest.and_then(Pushed::of) {
        let none = || "its position was pushed without an event time".to_owned();
        return pushed.event_at.ok_or_else(none);
    }
    if input.graph.inputs(index).is_empty() {
        let none = match asset.checkpoint() {
            Some(_) => "its streaming query has no watermark",
            None => "it declares no watermark",
        };
        return Err(none.to_owned());
    }
    let time = of_inputs(input, (index, asset), times);
    // What its inputs were at may be forgotten, as where one was made anew; its commit still knows.
    let noted = newest.and_then(|newest| newest.event_at);
    time.or_else(|why| noted.ok_or(why))
}

fn of_inputs(
    input: &PlanInput<'_>,
    (index, asset): (AssetIndex, &Asset),
    times: &[EventTime],
) -> EventTime {
    let inputs = input.graph.inputs(index);
    let mut least: Option<DateTime<Utc>> = None;
    for &upstream in inputs {
        let key = &input.graph.asset(upstream).key;
        let time = if asset.kind.has_table() {
            incorporated(input, asset, upstream)
        } else {
            let shown = times.get(upstream.position()).cloned();
            shown.unwrap_or_else(|| Err("nobody has looked".to_owned()))
        };
        let time = time.map_err(|why| format!("`{key}`: {why}"))?;
        least = Some(least.map_or(time, |least| least.min(time)));
    }
    least.ok_or_else(|| "it reads nothing".to_owned())
}

fn of_column(standing: &Standing<'_>, column: &str) -> EventTime {
    let head = standing.observation.and_then(|seen| seen.head.as_deref());
    let contents = head.and_then(|head| head.details.contents.as_ref());
    let Some(contents) = contents else {
        return Err("its files were not counted yet".to_owned());
    };
    let watched = contents
        .columns
        .iter()
        .find(|watched| watched.name == column);
    let Some(watched) = watched else {
        return Err("the column was not looked at yet".to_owned());
    };
    watched.latest().map_err(|error| error.to_string())
}

/// The watermark of the streaming query that writes a table; none where the query has none.
fn of_stream(standing: &Standing<'_>) -> Option<EventTime> {
    let head = standing.observation.and_then(|seen| seen.head.as_deref());
    let Some(stream) = head.and_then(|head| head.details.stream.as_ref()) else {
        return Some(Err("its streaming checkpoint was not read yet".to_owned()));
    };
    match (stream.event_at, &stream.problem) {
        (Some(event_at), _) => Some(Ok(event_at)),
        (None, Some(problem)) => Some(Err(problem.clone())),
        (None, None) => None,
    }
}

/// What an input was at, at the version that is incorporated.
fn incorporated(input: &PlanInput<'_>, asset: &Asset, upstream: AssetIndex) -> EventTime {
    let key = &input.graph.asset(upstream).key;
    let consumption = input.memory.consumption.get(&asset.key);
    let Some(consumed) = consumption.and_then(|of| of.get(key)) else {
        return Err("nobody knows what of it is incorporated".to_owned());
    };
    if consumed.is_unknown() {
        return Err("nobody knows what of it is incorporated".to_owned());
    }
    let Some(version) = consumed.least() else {
        return Err("nothing of it is incorporated".to_owned());
    };
    let commits = input.memory.commits.get(key).map_or(&[][..], Vec::as_slice);
    event_time_at(commits, version)
        .ok_or_else(|| format!("its event time at {version} is not known"))
}

/// Says that a bound on the event lag cannot be judged, where there is one.
pub(super) fn unjudged(bound: Option<Bound>, time: &EventTime) -> Option<HealthReason> {
    let why = time.as_ref().err().filter(|_| bound.is_some())?;
    Some(HealthReason {
        code: "event_watermark_unknown",
        message: format!("how far it is in event time is not known: {why}"),
    })
}
