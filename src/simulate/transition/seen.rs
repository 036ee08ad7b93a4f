//! Commits: one is seen, those that nobody needs any more are forgotten.

use assets::partition::Extent;
use assets::policy::{Consistency, OutsideWrites};
use assets::version::{Origin, PassNumber, TableVersion};
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::super::checked;
use super::super::table::{self, table_id};
use crate::state::{Basis, Consumed, DataCommit, Intent, IntentId, Memory, ObservedState};

/// As the store keeps them: the newest of a table that is read, of one that an asset under `snapshot`
/// reads, and of one that nobody reads.
const KEPT: usize = 2;
const KEPT_CHOICE: usize = 200;
const KEPT_UNCONSUMED: usize = 50;

/// What a commit that is seen is.
pub(in crate::simulate) struct Seen<'a> {
    pub(in crate::simulate) at: DateTime<Utc>,
    pub(in crate::simulate) partitions: Option<Extent>,
    /// The intent whose run wrote it.
    pub(in crate::simulate) by: Option<&'a Intent>,
}

/// Takes in a commit of an asset that is seen in a pass.
pub(in crate::simulate) fn see(
    memory: &mut Memory,
    graph: &AssetGraph,
    index: AssetIndex,
    seen: Seen<'_>,
    pass: PassNumber,
) {
    let asset = graph.asset(index);
    if let Some(observation) = memory.observations.get_mut(&asset.key)
        && observation.state != ObservedState::Ok
    {
        observation.state = ObservedState::Ok;
        observation.since = seen.at;
        if observation.head.is_none() {
            *observation = table::observation(asset, seen.at);
        }
    }
    let own = Origin {
        at: seen.at,
        seen: pass,
    };
    let origin = match seen.by {
        Some(intent) => intent.origin.map_or(own, |origin| own.oldest(origin)),
        None if graph.inputs(index).is_empty() => own,
        None => written_outside(memory, graph, index, own),
    };
    let head = memory.observations.get(&asset.key);
    let head = head.and_then(|observation| observation.head.as_deref());
    let commits = memory.commits.entry(asset.key.clone()).or_default();
    let newest = commits.last().map(|commit| commit.version.clone());
    let newest = newest.or_else(|| {
        head.map(|head| TableVersion {
            table_id: head.table_id.clone(),
            version: head.version,
        })
    });
    let version = match newest {
        Some(newest) => TableVersion {
            version: newest.version.saturating_add(1),
            ..newest
        },
        None => TableVersion {
            table_id: table_id(asset),
            version: 0,
        },
    };
    commits.push(DataCommit {
        version,
        committed_at: seen.at,
        origin,
        operation: None,
        intent: seen.by.map(|intent| intent.id.clone()),
        partitions: seen.partitions,
        event_at: None,
        names_run: seen.by.is_some(),
        provenance: None,
    });
    checked::pass(memory, asset, seen.at);
}

/// Somebody else built an asset that reads something: from what was there a margin before.
fn written_outside(
    memory: &mut Memory,
    graph: &AssetGraph,
    index: AssetIndex,
    own: Origin,
) -> Origin {
    let asset = graph.asset(index);
    let OutsideWrites::Assume { margin } = asset.outside_writes else {
        return own;
    };
    let read_at = own.at.checked_sub_signed(margin).unwrap_or(own.at);
    let mut origin = own;
    for &input in graph.inputs(index) {
        let key = &graph.asset(input).key;
        let commits = memory.commits.get(key).map_or(&[][..], Vec::as_slice);
        let is_read = |commit: &&DataCommit| commit.committed_at <= read_at;
        let Some(read) = commits.iter().rev().find(is_read) else {
            continue;
        };
        let version = read.version.clone();
        let consumption = memory.consumption.entry(asset.key.clone()).or_default();
        let before = consumption.get(key).and_then(|known| known.version.clone());
        if before.as_ref().is_some_and(|before| {
            before.table_id == version.table_id && before.version >= version.version
        }) {
            continue;
        }
        let is_new = |commit: &&DataCommit| {
            commit.version.version <= version.version
                && before
                    .as_ref()
                    .is_none_or(|before| commit.version.version > before.version)
        };
        let new = commits.iter().filter(is_new).map(|commit| commit.origin);
        origin = new.fold(origin, Origin::oldest);
        let consumed = Consumed::whole(Some(version), Basis::CommitTime);
        consumption.insert(key.clone(), consumed);
    }
    let build = memory.builds.entry(asset.key.clone()).or_default();
    build.built_at = Some(own.at);
    build.is_adopted = true;
    origin
}

/// Forgets the commits of an asset that nobody needs any more.
pub(in crate::simulate) fn prune(
    memory: &mut Memory,
    graph: &AssetGraph,
    index: AssetIndex,
    open: &dyn Fn(AssetIndex) -> Option<IntentId>,
) {
    let key = &graph.asset(index).key;
    let Some(newest) = memory.commits.get(key).and_then(|commits| commits.last()) else {
        return;
    };
    let table = newest.version.table_id.clone();
    let mut consumers = 0_usize;
    let mut needed = u64::MAX;
    for &reader in graph.readers(index) {
        let consumption = memory.consumption.get(&graph.asset(reader).key);
        let Some(consumed) = consumption.and_then(|consumption| consumption.get(key)) else {
            continue;
        };
        consumers += 1;
        match consumed.least() {
            Some(least) if least.table_id == table => needed = needed.min(least.version),
            // It has incorporated none of this incarnation.
            Some(_) | None => return,
        }
    }
    for &reader in graph.readers(index) {
        let intent = open(reader).and_then(|id| memory.open_intents.get(&id));
        let inputs = intent.and_then(|intent| intent.inputs.get(&graph.asset(reader).key));
        if let Some(input) = inputs.and_then(|inputs| inputs.get(key)) {
            let version = input.as_ref().map_or(0, |input| input.version);
            needed = needed.min(version);
        }
    }
    let kept = if consumers == 0 {
        needed = u64::MAX;
        KEPT_UNCONSUMED
    } else {
        KEPT
    };
    let is_choosing =
        |reader: &AssetIndex| graph.asset(*reader).consistency == Consistency::Snapshot;
    let kept = if graph.readers(index).iter().any(is_choosing) {
        KEPT_CHOICE
    } else {
        kept
    };
    if let Some(commits) = memory.commits.get_mut(key) {
        let old = commits.len().saturating_sub(kept);
        let mut at = 0;
        commits.retain(|commit| {
            at += 1;
            at > old || commit.version.version >= needed
        });
    }
}
