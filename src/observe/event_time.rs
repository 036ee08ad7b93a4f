//! The event time that a commit leaves its table at, noted with the commit.
//!
//! Of a table with a column of its own, it is how far that goes, and of one that a streaming query writes it is
//! the watermark of that. Of another one it is the least of what its inputs were at, at the versions that the
//! commit incorporates: those may be gone from memory later.

use std::collections::BTreeMap;

use assets::{Asset, AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::feeds::quiet;
use crate::plan::event_time_at;
use crate::ports::Sighting;
use crate::state::{DataCommit, Intent, Memory};

/// Notes event times with the newest commits of sightings.
pub(super) fn note(
    (graph, memory): (&AssetGraph, &Memory),
    found: &[&Intent],
    sightings: &mut Vec<Sighting>,
) {
    if sightings.is_empty() {
        return;
    }
    let positions = sightings.iter().enumerate();
    let positions: BTreeMap<AssetKey, usize> = positions
        .map(|(at, seen)| (seen.asset.clone(), at))
        .collect();
    let mut late = Vec::new();
    // Inputs first: what reads them may have been seen in the same pass.
    for &index in graph.topological_order() {
        let asset = graph.asset(index);
        let Some(&at) = positions.get(&asset.key) else {
            continue;
        };
        let streamed = asset.checkpoint().and_then(|_| streamed(sightings.get(at)));
        let event_at = match (asset.watermark_column(), streamed) {
            (Some(_), _) => own(sightings.get(at)),
            (None, Some(streamed)) => Some(streamed),
            (None, None) => of_inputs(
                &At {
                    graph,
                    memory,
                    found,
                    sightings,
                    positions: &positions,
                },
                (index, asset),
                at,
            ),
        };
        let Some(seen) = sightings.get_mut(at) else {
            continue;
        };
        match seen.commits.last_mut() {
            Some(newest) => newest.event_at = newest.event_at.or(event_at),
            // Files that were counted later than their commit was seen, or a micro-batch without data.
            None => late.extend(told_late(memory, seen, (event_at, streamed.is_some()))),
        }
    }
    for (asset, commit) in late {
        if let Some(&at) = positions.get(&asset) {
            if let Some(seen) = sightings.get_mut(at) {
                seen.commits.push(commit);
            }
        } else if let Some(observation) = memory.observations.get(&asset) {
            let mut seen = quiet(asset, observation.clone());
            seen.commits.push(commit);
            sightings.push(seen);
        }
    }
}

fn told_late(
    memory: &Memory,
    seen: &Sighting,
    (event_at, goes_on): (Option<DateTime<Utc>>, bool),
) -> Option<(AssetKey, DataCommit)> {
    let newest = memory.commits.get(&seen.asset)?.last()?;
    let head = seen.observation.head.as_ref()?;
    let is_of_newest = head.table_id == newest.version.table_id
        && head.data.as_ref().map(|data| data.version) == Some(newest.version.version);
    let is_later = newest.event_at < event_at && (goes_on || newest.event_at.is_none());
    (is_later && is_of_newest).then(|| {
        let commit = DataCommit {
            event_at,
            ..newest.clone()
        };
        (seen.asset.clone(), commit)
    })
}

/// How far the watched column of a table goes.
fn own(seen: Option<&Sighting>) -> Option<DateTime<Utc>> {
    let head = seen?.observation.head.as_ref()?;
    let contents = head.details.contents.as_ref()?;
    contents.columns.first()?.latest().ok()
}

/// The watermark of the streaming query that writes a table.
fn streamed(seen: Option<&Sighting>) -> Option<DateTime<Utc>> {
    let head = seen?.observation.head.as_ref()?;
    head.details.stream.as_ref()?.event_at
}

/// What is known at one moment of a pass.
struct At<'a> {
    graph: &'a AssetGraph,
    memory: &'a Memory,
    found: &'a [&'a Intent],
    sightings: &'a [Sighting],
    positions: &'a BTreeMap<AssetKey, usize>,
}

/// The least event time of what the newest commit of a table incorporates; none where one is not known.
fn of_inputs(
    at: &At<'_>,
    (index, asset): (AssetIndex, &Asset),
    seen: usize,
) -> Option<DateTime<Utc>> {
    let seen = at.sightings.get(seen)?;
    let newest = seen.commits.last()?;
    let inputs = at.graph.inputs(index);
    let mut open = at
        .memory
        .open_intents
        .values()
        .chain(at.found.iter().copied());
    let intent = newest.intent.as_ref();
    let intent = intent.and_then(|id| open.find(|intent| intent.id == *id));
    let read = intent.and_then(|intent| intent.inputs.get(&asset.key));
    let mut least: Option<DateTime<Utc>> = None;
    for &input in inputs {
        let key = &at.graph.asset(input).key;
        let version: &TableVersion = match read {
            Some(read) => read.get(key)?.as_ref()?,
            None => seen.consumption.as_ref()?.get(key)?.least()?,
        };
        let known = at.memory.commits.get(key).map_or(&[][..], Vec::as_slice);
        let fresh = at
            .positions
            .get(key)
            .and_then(|at_input| at.sightings.get(*at_input));
        let fresh = fresh.map_or(&[][..], |fresh| &fresh.commits);
        let event_at = event_time_at(fresh, version).or_else(|| event_time_at(known, version))?;
        least = Some(least.map_or(event_at, |least| least.min(event_at)));
    }
    least
}
