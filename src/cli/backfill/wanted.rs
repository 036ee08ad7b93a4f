//! Which partitions of which assets the words of a person mean.

use std::collections::{BTreeMap, BTreeSet};

use assets::partition::{Partition, PartitionSet, Partitions};
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::super::partitions::partition_of;
use super::super::{Context, select};
use super::create::CreateArgs;
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::state::BackfillTarget;

/// What is asked for.
pub(super) struct Wanted {
    /// The assets that were named, in key order.
    pub(super) seeds: Vec<AssetIndex>,
    /// What is to be built.
    pub(super) targets: BTreeMap<AssetKey, BackfillTarget>,
}

pub(super) fn wanted(
    context: &Context,
    app: &App,
    args: &CreateArgs,
) -> Result<Wanted, CommandError> {
    let has_range = args.from.is_some() || args.to.is_some();
    let says_which = has_range || !args.partitions.is_empty() || args.all;
    if args.select.select.is_empty() || !says_which {
        let message = "a backfill needs assets and partitions of them";
        return Err(CommandError::new("C028", Exit::Usage, message)
            .hint("name assets, and `--from` and `--to`, `--partitions` or `--all`"));
    }
    let selection = select::parse(&args.select)?;
    let seeds = select::find(context, &app.graph, &selection, &|_| "unknown")?;
    let now = app.clock().now();
    let mut sets: BTreeMap<AssetIndex, PartitionSet> = BTreeMap::new();
    for &index in &seeds {
        let asset = app.graph.asset(index);
        if !asset.is_built_here() && !args.downstream {
            let message = format!("`{}` is not built here: nothing can build it", asset.key);
            return Err(CommandError::new("C025", Exit::Usage, message)
                .hint("`--downstream` builds what it feeds; `headwater ls` shows the tasks"));
        }
        sets.insert(index, named(asset, args, now)?);
    }
    if args.downstream {
        add_fed(app, &seeds, &mut sets, now);
    }
    let mut targets = BTreeMap::new();
    for (index, set) in sets {
        let asset = app.graph.asset(index);
        if asset.is_built_here() && !set.is_empty() {
            let target = BackfillTarget::new(asset.planned_partitions(), set);
            targets.insert(asset.key.clone(), target);
        }
    }
    if targets.is_empty() {
        let message = "none of these partitions exist yet, or nothing here builds them";
        return Err(CommandError::new("C028", Exit::Usage, message)
            .hint("`headwater partitions ASSET` shows which there are"));
    }
    Ok(Wanted { seeds, targets })
}

/// The partitions of an asset that are named.
fn named(
    asset: &Asset,
    args: &CreateArgs,
    now: DateTime<Utc>,
) -> Result<PartitionSet, CommandError> {
    let Some(definition) = asset.planned_partitions() else {
        if args.all {
            return Ok(PartitionSet::EVERYTHING);
        }
        let message = format!("`{}` is built as a whole", asset.key);
        return Err(CommandError::new("C024", Exit::Usage, message)
            .hint("ask for it with `--all`, or leave it out with `--exclude`"));
    };
    let existing = definition.existing(now);
    if args.all {
        return Ok(existing);
    }
    if !args.partitions.is_empty() {
        let keys = args.partitions.iter();
        let sets: Result<Vec<PartitionSet>, CommandError> = keys
            .map(|key| Ok(definition.set_of(partition_of(asset, key)?)))
            .collect();
        return Ok(PartitionSet::union_of(sets?).intersection(&existing));
    }
    let end = |key: &Option<String>| {
        let key = key.as_deref();
        key.map(|key| partition_of(asset, key)).transpose()
    };
    let (from, to) = (end(&args.from)?, end(&args.to)?);
    Ok(between(definition, &existing, from, to))
}

fn between(
    definition: &Partitions,
    existing: &PartitionSet,
    from: Option<Partition>,
    to: Option<Partition>,
) -> PartitionSet {
    let is_within =
        |at: &Partition| from.is_none_or(|from| from <= *at) && to.is_none_or(|to| *at <= to);
    let within = existing.iter().filter(is_within);
    PartitionSet::union_of(within.map(|at| definition.set_of(at)))
}

/// Adds what the partitions feed, through any number of steps, of what is built here.
fn add_fed(
    app: &App,
    seeds: &[AssetIndex],
    sets: &mut BTreeMap<AssetIndex, PartitionSet>,
    now: DateTime<Utc>,
) {
    let graph = &app.graph;
    let below: BTreeSet<AssetIndex> = graph.descendants_of(seeds).into_iter().collect();
    let order = graph.topological_order().iter();
    for &index in order.filter(|index| below.contains(index)) {
        let asset = graph.asset(index);
        if !asset.is_built_here() {
            continue;
        }
        let mut fed = sets.get(&index).cloned().unwrap_or_default();
        for input in graph.inputs(index) {
            let Some(changed) = sets.get(input).filter(|changed| !changed.is_empty()) else {
                continue;
            };
            let more = match graph.mapping(index, *input) {
                Some(mapping) => mapping.feeds(changed, now),
                None => PartitionSet::EVERYTHING,
            };
            let more = match asset.planned_partitions() {
                Some(definition) => more.intersection(&definition.existing(now)),
                None => more,
            };
            fed = fed.union(&more);
        }
        sets.insert(index, fed);
    }
}
