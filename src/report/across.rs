//! `Partitions` of `--needs` and `--feeds`: what partitions are to those at the other end of an edge.

use assets::partition::{Partition, PartitionSet, Partitions, Window};
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex};
use serde_json::{Value, json};

use super::{document, instant};

/// Partitions of one asset at the other end of an edge.
#[derive(Debug, Clone)]
pub struct Across<'a> {
    /// The asset at the other end.
    pub asset: &'a Asset,
    /// Those that are needed or fed, and exist.
    pub existing: PartitionSet,
    /// Those that are needed and do not exist.
    pub nonexistent: PartitionSet,
}

/// Returns which partitions of an input `wanted` ones of an asset need: those that exist at `now`, and
/// those that do not.
pub fn needs<'a>(
    graph: &'a AssetGraph,
    (index, input): (AssetIndex, AssetIndex),
    wanted: &PartitionSet,
    now: DateTime<Utc>,
) -> Across<'a> {
    let asset = graph.asset(input);
    let needs = graph
        .mapping(index, input)
        .map(|mapping| mapping.needs(wanted, now));
    let needs = needs.unwrap_or_default();
    let Some(definition) = &asset.partitions else {
        return Across {
            asset,
            existing: PartitionSet::EVERYTHING,
            nonexistent: PartitionSet::NOTHING,
        };
    };
    let there = definition.existing(now);
    let existing = needs.partitions.intersection(&there);
    // Of everything that will ever be, nobody needs what is not there yet.
    let to_come = if needs.partitions.is_everything() {
        PartitionSet::NOTHING
    } else {
        needs.partitions.difference(&there)
    };
    Across {
        asset,
        existing,
        nonexistent: needs.nonexistent.union(&to_come),
    }
}

/// Returns which partitions of an asset `changed` ones of an input feed, of those that exist at `now`.
pub fn feeds<'a>(
    graph: &'a AssetGraph,
    (index, input): (AssetIndex, AssetIndex),
    changed: &PartitionSet,
    now: DateTime<Utc>,
) -> Across<'a> {
    let asset = graph.asset(index);
    let fed = graph
        .mapping(index, input)
        .map(|mapping| mapping.feeds(changed, now));
    let fed = fed.unwrap_or_default();
    let there = asset
        .partitions
        .as_ref()
        .map(|definition| definition.existing(now));
    Across {
        asset,
        existing: there.map_or(fed.clone(), |there| fed.intersection(&there)),
        nonexistent: PartitionSet::NOTHING,
    }
}

/// Makes the document of `--needs` or `--feeds`, which is `question`.
pub fn across_document(
    asset: &AssetKey,
    (question, key): (&str, &str),
    now: DateTime<Utc>,
    found: &[Across<'_>],
) -> Value {
    let keys = found
        .iter()
        .flat_map(|found| keys(found.asset, &found.existing));
    let nonexistent = found
        .iter()
        .flat_map(|found| keys_of(found.asset, &found.nonexistent));
    let fields = json!({
        "asset": asset,
        "now": instant(now),
        question: key,
        "keys": keys.collect::<Vec<_>>(),
        "nonexistent": nonexistent.collect::<Vec<_>>(),
    });
    document("Partitions", fields)
}

/// The partitions of a set; one without a key for the whole of an asset that has none.
fn keys(asset: &Asset, set: &PartitionSet) -> Vec<Value> {
    match &asset.partitions {
        None if set.is_empty() => Vec::new(),
        None => vec![json!({ "asset": asset.key, "key": null })],
        Some(_) => keys_of(asset, set),
    }
}

fn keys_of(asset: &Asset, set: &PartitionSet) -> Vec<Value> {
    let Some(definition) = &asset.partitions else {
        return Vec::new();
    };
    set.iter()
        .filter_map(|partition| key(asset, definition, partition))
        .collect()
}

fn key(asset: &Asset, definition: &Partitions, partition: Partition) -> Option<Value> {
    let mut item = json!({ "asset": asset.key, "key": definition.key(partition)? });
    if let (Some(Window { start, end }), Value::Object(item)) =
        (definition.window(partition), &mut item)
    {
        item.insert("start".to_owned(), json!(instant(start)));
        item.insert("end".to_owned(), json!(instant(end)));
    }
    Some(item)
}
