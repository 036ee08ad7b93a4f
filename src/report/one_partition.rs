//! One partition in an `Explanation`: how it is, what it needs, and what of that it lacks.

use assets::partition::{Partition, PartitionSet};
use assets::{AssetKey, TableVersion};
use lineage::AssetIndex;
use serde_json::{Value, json};

use super::partitions::{PartitionStates, keys_or_all};
use super::{instant, version_number};
use crate::plan::PlanInput;
use crate::state::{Basis, Consumed, DataCommit};

/// Says how a partition of an asset is, and what it incorporates of each input; null for an asset without
/// partitions.
pub fn one_partition(
    input: &PlanInput<'_>,
    index: AssetIndex,
    partition: Partition,
    states: &PartitionStates,
) -> Value {
    let asset = input.graph.asset(index);
    let Some(definition) = &asset.partitions else {
        return Value::Null;
    };
    let state = states.iter().find(|(_, set)| set.contains(partition));
    let window = definition.window(partition);
    let one = definition.set_of(partition);
    let inputs = input.graph.inputs(index).iter();
    json!({
        "key": definition.key(partition),
        "state": state.map_or("nonexistent", |(state, _)| *state),
        "start": window.map(|window| instant(window.start)),
        "end": window.map(|window| instant(window.end)),
        "chain": inputs.map(|upstream| link(input, (index, *upstream), partition, &one)).collect::<Vec<_>>(),
    })
}

fn link(
    input: &PlanInput<'_>,
    (index, upstream): (AssetIndex, AssetIndex),
    partition: Partition,
    one: &PartitionSet,
) -> Value {
    let graph = input.graph;
    let read = graph.asset(upstream);
    let mapping = graph.mapping(index, upstream);
    let needs = mapping.map(|mapping| mapping.needs(one, input.now).partitions);
    let needs = needs.unwrap_or(PartitionSet::EVERYTHING);
    let there = read
        .planned_partitions()
        .map(|definition| definition.existing(input.now));
    let shown = there.map_or(PartitionSet::EVERYTHING, |there| needs.intersection(&there));
    let (version, basis) = incorporated(input, &graph.asset(index).key, &read.key, partition);
    let commits = input
        .memory
        .commits
        .get(&read.key)
        .map_or(&[][..], Vec::as_slice);
    let touched = |commit: &DataCommit| match (&commit.partitions, read.planned_partitions()) {
        (Some(extent), Some(definition)) => extent.under(definition),
        _ => PartitionSet::EVERYTHING,
    };
    let lacking = commits.iter().filter(|commit| {
        let is_in = version.is_some_and(|version| {
            version.table_id == commit.version.table_id && commit.version.version <= version.version
        });
        !is_in && basis != Some(Basis::Unknown) && touched(commit).meets(&needs)
    });
    json!({
        "upstream": read.key,
        "needs": keys_or_all(Some(read), Some(&shown)),
        "consumed_version": version_number(version),
        "basis": basis.map(Basis::as_str),
        "current_version": version_number(commits.last().map(|commit| &commit.version)),
        "lacks": lacking.map(|commit| commit.version.version).collect::<Vec<_>>(),
    })
}

/// What a partition incorporates of an input, and how that is known.
fn incorporated<'a>(
    input: &PlanInput<'a>,
    asset: &AssetKey,
    upstream: &AssetKey,
    partition: Partition,
) -> (Option<&'a TableVersion>, Option<Basis>) {
    let consumed: Option<&Consumed> = input
        .memory
        .consumption
        .get(asset)
        .and_then(|of| of.get(upstream));
    let Some(consumed) = consumed else {
        return (None, None);
    };
    let own = consumed
        .partitions
        .iter()
        .find(|part| part.set.contains(partition));
    match own {
        Some(part) => (part.version.as_ref(), Some(part.basis)),
        None => (consumed.version.as_ref(), Some(consumed.basis)),
    }
}
