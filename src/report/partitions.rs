//! `Partitions`: which partitions an asset has, and how they are.

use assets::Asset;
use assets::delta::partition_tuple::{PartitionColumns, PartitionTuple};
use assets::partition::{PartitionSet, Partitions, Placing};
use chrono::{DateTime, Utc};
use lineage::AssetGraph;
use serde_json::{Value, json};

use super::{document, instant};
use crate::plan::{Standing, TableState};
use crate::state::Intent;

/// How the partitions of an asset are: sets that have nothing in common, each with its word.
pub type PartitionStates = Vec<(&'static str, PartitionSet)>;

/// Says how partitions are that exist at `now`, of an asset that is built or observed by them.
///
/// | word | means |
/// | --- | --- |
/// | `running` | a run that builds it is under way |
/// | `missing` | it should have content and has none |
/// | `stale` | an input changed where it needs it, or its code did |
/// | `beyond_lookback` | it is missing or stale, and too old to be built without a person: `lookback` |
/// | `upstream_stale` | what it needs has to be built first |
/// | `fresh` | it incorporates everything |
/// | `present`, `empty` | of what nobody here builds: whether it has files |
/// | `unknown` | its table could not be observed, or was not yet |
pub fn partition_states(
    asset: &Asset,
    standing: Option<&Standing<'_>>,
    tuples: &[PartitionTuple],
    now: DateTime<Utc>,
) -> PartitionStates {
    let Some(definition) = &asset.partitions else {
        return Vec::new();
    };
    let existing = definition.existing(now);
    let known = standing.and_then(|standing| Some((standing, standing.parts.as_deref()?)));
    let is_blind = |standing: &Standing<'_>| {
        matches!(
            standing.table,
            TableState::NotObserved | TableState::Unknown(_)
        )
    };
    let Some((standing, parts)) = known.filter(|(standing, _)| !is_blind(standing)) else {
        return vec![("unknown", existing)];
    };
    let mut left = existing;
    let mut states = Vec::new();
    let mut take = |word: &'static str, set: PartitionSet| {
        let set = left.intersection(&set);
        left = left.difference(&set);
        states.push((word, set));
    };
    if asset.is_built_here() {
        let running = standing.intent.map(|intent| match &intent.partitions {
            Some(extent) => extent.under(definition),
            None => PartitionSet::EVERYTHING,
        });
        let waiting = parts.pending.iter().map(|(_, set)| set.clone());
        take("running", running.unwrap_or_default());
        let beyond = parts.beyond.difference(&parts.stale);
        take("missing", parts.missing.difference(&beyond));
        take("stale", parts.stale.clone());
        take("beyond_lookback", beyond);
        take(
            "upstream_stale",
            PartitionSet::union_of(waiting).union(&parts.unbuilt),
        );
        take("fresh", PartitionSet::EVERYTHING);
    } else if let Some(columns) = partitioning(standing) {
        let placing = Placing::new(definition, columns);
        let placed = tuples.iter().map(|tuple| placing.place(tuple).partitions);
        take("present", PartitionSet::union_of(placed));
        take("empty", PartitionSet::EVERYTHING);
    } else {
        take("unknown", PartitionSet::EVERYTHING);
    }
    states
}

/// The columns by which a table is partitioned, where it was read.
fn partitioning<'a>(standing: &Standing<'a>) -> Option<&'a PartitionColumns> {
    let head = standing.observation?.head.as_ref()?;
    Some(&head.state.metadata.partitioning)
}

/// Makes the document of `headwater partitions ASSET`, whose ranges come in order.
pub fn partitions_document(asset: &Asset, states: &PartitionStates, now: DateTime<Utc>) -> Value {
    let definition = asset.partitions.as_ref();
    let ranges = definition.map(|definition| ranges(definition, states));
    let fields = json!({
        "asset": asset.key,
        "now": instant(now),
        "partitioned_by": definition.map(parts),
        "count": definition.map(|definition| definition.existing(now).count()),
        "ranges": ranges.unwrap_or_default(),
        "reason": definition.is_none().then_some("it declares no partitions: it is one whole"),
    });
    document("Partitions", fields)
}

/// Returns the keys of partitions of an asset, in order; `"all"` for the whole of it, and for what nobody knows
/// the keys of any more.
pub(super) fn keys_or_all(asset: Option<&Asset>, set: Option<&PartitionSet>) -> Value {
    let definition = asset.and_then(Asset::planned_partitions);
    match (definition, set) {
        (Some(definition), Some(set)) if !set.is_everything() => {
            json!(
                set.iter()
                    .filter_map(|at| definition.key(at))
                    .collect::<Vec<_>>()
            )
        }
        _ => json!("all"),
    }
}

/// Returns the keys of what an intent builds, as [`keys_or_all`].
pub(super) fn keys_of_intent(graph: &AssetGraph, intent: &Intent) -> Value {
    let asset = intent
        .assets
        .first()
        .and_then(|key| graph.index_of(key.as_str()));
    let asset = asset.map(|index| graph.asset(index));
    let definition = asset.and_then(Asset::planned_partitions);
    let set = definition.zip(intent.partitions.as_ref());
    let set = set.map(|(definition, extent)| extent.under(definition));
    keys_or_all(asset, set.as_ref())
}

fn parts(definition: &Partitions) -> Value {
    let parts = definition.parts().iter();
    let part =
        |part: &assets::partition::Part| json!({ "kind": part.kind(), "columns": part.columns() });
    Value::Array(parts.map(part).collect())
}

fn ranges(definition: &Partitions, states: &PartitionStates) -> Vec<Value> {
    let ranges = states
        .iter()
        .flat_map(|(state, set)| set.ranges().map(move |range| (*state, range)));
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|(_, range)| range.first);
    let ranges = ranges.into_iter().filter_map(|(state, range)| {
        let (first, last) = (
            definition.window(range.first),
            definition.window(range.last),
        );
        Some(json!({
            "from": definition.key(range.first)?,
            "to": definition.key(range.last)?,
            "count": range.count,
            "state": state,
            "start": first.map(|window| instant(window.start)),
            "end": last.map(|window| instant(window.end)),
        }))
    });
    ranges.collect()
}
