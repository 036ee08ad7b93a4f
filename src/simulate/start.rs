//! The memory to begin with.
//!
//! What the state remembers counts. Of what nobody has looked at yet, and of what could not be read,
//! it is assumed that it is there and as fresh as its inputs; that is told.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::version::{Origin, TableVersion};
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::checked;
use super::table::{self, table_id};
use crate::state::{
    Basis, Build, BuiltPartitions, Consumed, DataCommit, IntentState, Memory, ObservedState,
};

/// What was assumed of tables, in key order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumed {
    /// Never looked at: there, and fresh.
    pub unseen: Vec<AssetKey>,
    /// Not readable at the last look: readable.
    pub unknown: Vec<AssetKey>,
    /// Built by an open backfill: that is left out.
    pub in_backfill: Vec<AssetKey>,
}

/// Makes a memory ready to be simulated from an instant on.
pub fn begin(graph: &AssetGraph, mut memory: Memory, from: DateTime<Utc>) -> (Memory, Assumed) {
    let mut assumed = Assumed::default();
    memory.search = None;
    let is_here = |key: &AssetKey| graph.index_of(key.as_str()).is_some();
    memory.open_intents.retain(|_, intent| {
        intent.backfill.is_none() && intent.assets.first().is_some_and(is_here)
    });
    let backfills = std::mem::take(&mut memory.backfills).into_iter();
    let targets = backfills.flat_map(|backfill| backfill.targets.into_keys());
    assumed.in_backfill = targets.filter(is_here).collect();
    assumed.in_backfill.sort();
    assumed.in_backfill.dedup();
    for intent in memory.open_intents.values_mut() {
        if intent.state != IntentState::Pending {
            intent.state = IntentState::Running;
            intent.first_sent_at.get_or_insert(from);
        }
    }
    // Inputs first: what is assumed of an asset rests on what is known of them.
    for &index in graph.topological_order() {
        let asset = graph.asset(index);
        if !asset.kind.has_table() {
            continue;
        }
        match memory.observations.get_mut(&asset.key) {
            None => {
                assumed.unseen.push(asset.key.clone());
                invent(graph, &mut memory, index, from);
            }
            Some(seen) if matches!(seen.state, ObservedState::Unknown { .. }) => {
                assumed.unknown.push(asset.key.clone());
                seen.state = ObservedState::Ok;
                if seen.head.is_none() {
                    invent(graph, &mut memory, index, from);
                }
            }
            Some(_) => {}
        }
    }
    for index in graph.indices() {
        checked::pass(&mut memory, graph.asset(index), from);
    }
    assumed.unseen.sort();
    assumed.unknown.sort();
    (memory, assumed)
}

/// Has a table be there, with one commit of all that its inputs hold.
fn invent(graph: &AssetGraph, memory: &mut Memory, index: AssetIndex, from: DateTime<Utc>) {
    let asset = graph.asset(index);
    let observation = table::observation(asset, from);
    memory.observations.insert(asset.key.clone(), observation);
    let commits = memory.commits.entry(asset.key.clone()).or_default();
    if commits.is_empty() {
        commits.push(DataCommit {
            version: TableVersion {
                table_id: table_id(asset),
                version: 0,
            },
            committed_at: from,
            origin: Origin {
                at: from,
                seen: memory.pass,
            },
            operation: None,
            intent: None,
            partitions: None,
            event_at: None,
            names_run: false,
            provenance: None,
        });
    }
    let build = memory.builds.get(&asset.key);
    if !asset.is_built_here() || build.is_some_and(Build::was_built) {
        return;
    }
    let newest = |input: &AssetIndex| {
        let key = &graph.asset(*input).key;
        let commits = memory.commits.get(key);
        let newest = commits.and_then(|commits| commits.last());
        let version = newest.map(|commit| commit.version.clone());
        // As sure as if its writer had said so: what it shows of the roots is taken to be known.
        (key.clone(), Consumed::whole(version, Basis::Stamp))
    };
    let consumed: BTreeMap<_, _> = graph.inputs(index).iter().map(newest).collect();
    memory.consumption.insert(asset.key.clone(), consumed);
    let build = Build {
        code_version: asset.code_version.clone(),
        built_at: Some(from),
        is_adopted: true,
        partitions: asset
            .planned_partitions()
            .map(|definition| BuiltPartitions {
                built: definition.existing(from),
                ..BuiltPartitions::none_of(definition)
            }),
        ..memory.builds.remove(&asset.key).unwrap_or_default()
    };
    memory.builds.insert(asset.key.clone(), build);
}
