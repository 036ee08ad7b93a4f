//! Which values the `dynamic` partitions of assets have, by what was just seen.
//!
//! A value gets its place when it is first seen, in a commit or among the files of a table, or in an input that
//! the asset follows; the place is recorded with the look, before any set of partitions that has it.

use std::collections::{BTreeMap, BTreeSet};

use assets::delta::PartitionValue;
use assets::delta::contents::PartitionNews;
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::touched::Touched;
use assets::partition::{Mapping, OwnValues, Partitions};
use assets::{Asset, AssetKey};
use lineage::AssetGraph;

use super::{Seen, sighting};
use crate::state::{Memory, ValueNews, told};

/// What the look says of assets that were seen: by asset and by column as it is declared.
type Looked = BTreeMap<AssetKey, BTreeMap<String, OwnValues>>;

/// Adds the values that are new to what was seen; returns the graph with them, where there are any partitions
/// of this kind.
pub(super) fn learn(
    graph: &AssetGraph,
    memory: &Memory,
    seen: &mut Vec<Seen>,
) -> Option<AssetGraph> {
    if graph.dynamic().is_empty() {
        return None;
    }
    let mut looked = Looked::new();
    for found in seen.iter_mut() {
        let index = graph.index_of(found.sighting.asset.as_str());
        let asset = index.map(|index| graph.asset(index));
        if let Some(asset) = asset.filter(|asset| is_dynamic(asset)) {
            looked.insert(asset.key.clone(), look(asset, memory, found));
        }
    }
    let is_behind = |asset: &Asset, mappings: &[Mapping]| {
        asset.is_built_here()
            && mappings
                .iter()
                .flat_map(Mapping::followed)
                .any(|followed| !followed.new.is_empty())
    };
    let mut followers = graph.dynamic().iter();
    let is_news = !looked.is_empty()
        || followers.any(|index| {
            let mappings = graph.mappings(*index).unwrap_or_default();
            is_behind(graph.asset(*index), mappings)
        });
    if !is_news {
        return None;
    }
    let known = |asset: &Asset, column: &str| {
        let seen = looked.get(&asset.key).and_then(|of| of.get(column));
        let remembered = || memory.own_values(&asset.key, column);
        seen.cloned().unwrap_or_else(remembered)
    };
    let (graph, news) = graph.following(known);
    for new in news {
        let key = &graph.asset(new.asset).key;
        let news = ValueNews {
            column: new.column.to_lowercase(),
            at: None,
            added: new.values,
            brought: BTreeSet::new(),
        };
        match seen.iter_mut().find(|found| found.sighting.asset == *key) {
            Some(found) => found.sighting.values.push(news),
            None => {
                if let Some(observation) = memory.observations.get(key) {
                    let mut found = sighting::seen(key, observation.clone(), Vec::new());
                    found.sighting.values.push(news);
                    seen.push(found);
                }
            }
        }
    }
    Some(graph)
}

fn is_dynamic(asset: &Asset) -> bool {
    let partitions = asset.partitions.as_ref();
    partitions.is_some_and(|partitions| partitions.dynamic_parts().next().is_some())
}

/// Takes in what a look at an asset's own table found of its values.
fn look(asset: &Asset, memory: &Memory, found: &mut Seen) -> BTreeMap<String, OwnValues> {
    let partitions = asset.partitions.iter();
    let columns = partitions.flat_map(Partitions::dynamic_parts);
    let columns: Vec<String> = columns.map(|part| part.column().to_owned()).collect();
    let mut of = BTreeMap::new();
    for column in columns {
        let mut own = memory.own_values(&asset.key, &column);
        own.told = told(Some(&found.sighting.observation), &column);
        if let Some(at) = place_of(&column, found) {
            let (filled, others) = values_at(at, found);
            let all = filled.iter().chain(&others).cloned();
            let added = own.values.add(all);
            let is_counted = found.sighting.partitions != PartitionNews::Nothing;
            let is_new = |value: &&PartitionValue| !is_counted && !own.values.is_present(value);
            let brought: BTreeSet<_> = filled.iter().filter(is_new).cloned().collect();
            for value in &filled {
                own.values.mark_present(value);
            }
            if !added.is_empty() || !brought.is_empty() || is_counted {
                found.sighting.values.push(ValueNews {
                    column: column.to_lowercase(),
                    at: Some(at),
                    added,
                    brought,
                });
            }
        }
        of.insert(column, own);
    }
    of
}

/// Returns the place of a column among those by which the table is physically partitioned.
fn place_of(column: &str, found: &Seen) -> Option<usize> {
    let head = found.sighting.observation.head.as_ref()?;
    let mut columns = head.state.metadata.partitioning.columns().iter();
    columns.position(|known| known.name.eq_ignore_ascii_case(column))
}

/// Returns the values of a column that have files as far as is known, and others that commits named.
fn values_at(at: usize, found: &Seen) -> (BTreeSet<PartitionValue>, BTreeSet<PartitionValue>) {
    let value = |tuple: &PartitionTuple| tuple.values().get(at).cloned();
    let touched = found.commits.iter().flat_map(|commit| {
        let tuples = match &commit.partitions {
            Touched::These(tuples) => Some(tuples),
            Touched::All(_) => None,
        };
        tuples.into_iter().flatten()
    });
    let touched: BTreeSet<PartitionValue> = touched.filter_map(value).collect();
    match &found.sighting.partitions {
        PartitionNews::Nothing => (touched, BTreeSet::new()),
        PartitionNews::Changed(deltas) => (deltas.keys().filter_map(value).collect(), touched),
        PartitionNews::Replaced(all) => {
            let filled = all.iter().filter(|(_, state)| state.files > 0);
            (
                filled.filter_map(|(tuple, _)| value(tuple)).collect(),
                touched,
            )
        }
    }
}
