//! The planner alone, over assets of which each has many partitions: a quiet plan, one commit of a root in
//! three partitions, and all plans until those are built everywhere below.

use std::hint::black_box;

use assets::Asset;
use assets::partition::{Extent, PartitionSet, Partitions, PartitionsSpec, WindowsSpec};
use assets::version::PassNumber;
use chrono::{DateTime, TimeDelta, Utc};
use headwater::state::BuiltPartitions;
use lineage::AssetGraph;

use crate::declared::{closure, declare, index, load};
use crate::measure::{cpu, peak_mib};
use crate::median_cpu;
use crate::pure::{World, everything_fresh, is_quiet, start};

pub(crate) const HEADER: &str = "\
| assets × partitions | plan, nothing new | plan, 3 partitions of 1 % touched | all plans until fresh | requested in passes | plan after | peak MiB |
|---|---|---|---|---|---|---|";

/// Measures one size, and returns its line of the table.
pub(crate) fn row(count: usize, partitions: usize) -> String {
    let declared = declare(count);
    let mut loaded = load(&declared.texts);
    let definition = definition(partitions);
    let there = definition.existing(start());
    assert_eq!(there.count(), u64::try_from(partitions).ok());
    loaded.graph = partitioned(&loaded.graph, &definition);
    let mut memory = everything_fresh(&loaded);
    for build in memory.builds.values_mut() {
        build.partitions = Some(BuiltPartitions {
            built: there.clone(),
            ..BuiltPartitions::none_of(&definition)
        });
    }
    let mut world = World {
        memory,
        loaded,
        now: start(),
        pass: PassNumber(1),
    };
    let steady = median_cpu(15, || assert!(is_quiet(&black_box(world.plan()))));
    let expected = closure(&world.loaded.graph, &declared).len();
    world.touch(&declared);
    let three = three_of(&there);
    for root in &declared.touched {
        let root = index(&world.loaded.graph, &declared, *root);
        let key = &world.loaded.graph.asset(root).key;
        let commits = world.memory.commits.get_mut(key).expect("it has commits");
        commits.last_mut().expect("it has a commit").partitions = Some(Extent {
            ordinals: definition.ordinals_id().into(),
            partitions: three.clone(),
        });
    }
    let touched = median_cpu(15, || assert!(!black_box(world.plan()).requests.is_empty()));
    let (mut requested, mut passes, mut spent) = (0, 0, 0.0);
    loop {
        let (plan, took) = cpu(|| world.plan());
        if plan.requests.is_empty() {
            break;
        }
        for request in &plan.requests {
            let asked = request.partitions.as_ref().expect("it is by partitions");
            assert_eq!(asked.partitions, three, "just those that were touched");
        }
        (requested, passes, spent) = (requested + plan.requests.len(), passes + 1, spent + took);
        world.run(&plan);
        for compaction in &plan.compactions {
            let known = world.memory.consumption.get_mut(&compaction.asset);
            let known = known.expect("it was built once");
            if known.get(&compaction.upstream) == Some(&compaction.before) {
                known.insert(compaction.upstream.clone(), compaction.after.clone());
            }
        }
    }
    assert_eq!(requested, expected, "exactly the closure is requested");
    let after = median_cpu(15, || assert!(is_quiet(&black_box(world.plan()))));
    format!(
        "| {count} × {partitions} | {steady:.2} | {touched:.2} | {spent:.1} | {requested} in {passes} | {after:.2} | {} |",
        peak_mib()
    )
}

/// Days, or for many hours, that end at the beginning of the benchmark.
fn definition(partitions: usize) -> Partitions {
    let count = i64::try_from(partitions).expect("not so many partitions");
    let is_daily = partitions <= 1_000;
    let step = if is_daily {
        TimeDelta::days(1)
    } else {
        TimeDelta::hours(1)
    };
    let end: DateTime<Utc> = if is_daily {
        start() - TimeDelta::hours(6)
    } else {
        start()
    };
    let first = end - step * i32::try_from(count).expect("not so many partitions");
    let windows = WindowsSpec {
        column: Some("at".to_owned()),
        start: first.format("%Y-%m-%dT%H:%M:%S").to_string(),
        ..WindowsSpec::default()
    };
    let spec = if is_daily {
        PartitionsSpec::Daily(windows)
    } else {
        PartitionsSpec::Hourly(windows)
    };
    Partitions::check(&spec).expect("partitions that there can be")
}

fn partitioned(graph: &AssetGraph, definition: &Partitions) -> AssetGraph {
    let by = |mut asset: Asset| {
        asset.partitions = Some(definition.clone());
        asset
    };
    let assets = graph.indices().map(|index| by(graph.asset(index).clone()));
    AssetGraph::build(assets.collect()).expect("the same edges as before")
}

/// The first, one in the middle, and the last one.
fn three_of(there: &PartitionSet) -> PartitionSet {
    let count = there.count().expect("they can be counted");
    let single = |place: u64| match place {
        0 => there.first_run(1),
        _ => there.difference(&there.first_run(place)).first_run(1),
    };
    PartitionSet::union_of([0, count / 2, count - 1].map(single))
}
