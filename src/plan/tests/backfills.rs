//! Backfills beside live work, one promise each.

use std::collections::BTreeMap;

use assets::partition::{
    Extent, MappingSpec, PartitionSet, Partitions, PartitionsSpec, WindowsSpec,
};
use assets::task::WriteMode;
use assets::version::PassNumber;

use super::world::*;
use crate::plan::{Plan, Reason, Request};
use crate::state::{
    Backfill, BackfillName, BackfillNews, BackfillOrder, BackfillState, BackfillTarget, Basis,
    BuiltPartitions, DataCommit,
};

/// Days from 2026-02-16 on; thirteen of them have ended when a test begins.
pub(super) fn days() -> Partitions {
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-02-16".to_owned(),
        ..WindowsSpec::default()
    };
    Partitions::check(&PartitionsSpec::Daily(windows)).unwrap()
}

/// The days of February from one to another.
pub(super) fn from_to(from: u32, to: u32) -> PartitionSet {
    let days = days();
    let one = |day| days.set_of(days.parse_key(&format!("2026-02-{day:02}")).unwrap());
    PartitionSet::union_of((from..=to).map(one))
}

/// A source of days, a table by days of it, one of which each day needs the two before it, and one that is
/// built as a whole; all of it built.
pub(super) fn shop() -> World {
    let mut world = World::new()
        .source("src")
        .table("mid", &["src"])
        .table("top", &["mid"])
        .table("sum", &["top"]);
    for name in ["src", "mid", "top"] {
        world = world.with(name, |asset| asset.partitions = Some(days()));
    }
    world = world.with("top", |asset| {
        asset.upstreams[0].mapping = Some(MappingSpec::Overlap {
            start_offset: -2,
            end_offset: 0,
        });
    });
    world.built("mid", &[("src", 0)], 1);
    world.built("top", &[("mid", 1)], 1);
    world.built("sum", &[("top", 1)], 1);
    world
}

pub(super) fn target(world: &World, name: &str, wanted: PartitionSet) -> BackfillTarget {
    let asset = world.assets.iter().find(|asset| asset.key.as_str() == name);
    BackfillTarget::new(asset.unwrap().planned_partitions(), wanted)
}

pub(super) fn backfill(world: &World, targets: &[(&str, PartitionSet)]) -> Backfill {
    let targets = targets.iter().cloned();
    Backfill {
        name: BackfillName("b".to_owned()),
        state: BackfillState::Active,
        order: BackfillOrder::OldestFirst,
        chunk: Some(2),
        max_concurrent_runs: 4,
        is_forced: false,
        pass: PassNumber(world.pass),
        created_at: world.now,
        created_by: "user ada".to_owned(),
        finished_at: None,
        targets: targets
            .map(|(name, wanted)| (key(name), target(world, name, wanted)))
            .collect(),
    }
}

/// What a request builds, such as `mid 16-17`.
fn told(request: &Request) -> String {
    let name = &request.asset;
    let Some(extent) = &request.partitions else {
        return name.to_string();
    };
    let ranges = days().key_ranges(&extent.partitions);
    let ranges: Vec<String> = ranges
        .iter()
        .map(|range| match range.count {
            1 => range.from[8..].to_owned(),
            _ => format!("{}-{}", &range.from[8..], &range.to[8..]),
        })
        .collect();
    format!("{name} {}", ranges.join(","))
}

fn asked(plan: &Plan) -> Vec<String> {
    plan.requests.iter().map(told).collect()
}

fn waits(plan: &Plan) -> Vec<String> {
    let wait = |wait: &crate::plan::BackfillWait| format!("{}: {}", wait.asset, wait.reason.code());
    plan.backfill_waits.iter().map(wait).collect()
}

/// A change in some days.
fn change(world: &mut World, name: &str, version: u64, set: PartitionSet) {
    world.commit(name, version);
    let commits: &mut Vec<DataCommit> = world.memory.commits.get_mut(&key(name)).unwrap();
    commits.last_mut().unwrap().partitions = Some(Extent {
        ordinals: days().ordinals_id().into(),
        partitions: set,
    });
}

/// A run of the backfill succeeds that wrote nothing, as it is recorded.
fn finish(world: &mut World, request: &Request) {
    let id = world.begin(request);
    let intent = world.memory.open_intents.remove(&id).unwrap();
    let target = world.memory.backfills[0].targets.get_mut(&request.asset);
    let target = target.unwrap();
    target.done = target
        .done
        .union(&target.part_of(intent.partitions.as_ref()));
}

#[test]
fn dates_are_completed_in_order_and_the_whole_comes_last() {
    let mut world = shop();
    let all = PartitionSet::EVERYTHING;
    let wanted = [
        ("mid", from_to(16, 19)),
        ("top", from_to(16, 19)),
        ("sum", all),
    ];
    let wanted = backfill(&world, &wanted);
    world.memory.backfills = vec![wanted];
    let mut rounds = Vec::new();
    while rounds.len() < 9 {
        let plan = world.plan();
        rounds.push(asked(&plan).join("; "));
        // One at a time ends.
        let Some(first) = plan.requests.first() else {
            let ended = plan.backfills.first().and_then(|news| news.ended);
            assert_eq!(ended, Some(BackfillState::Completed));
            break;
        };
        finish(&mut world, first);
    }
    let expected = [
        "mid 16-17; mid 18-19",
        "top 16-17; mid 18-19",
        "mid 18-19",
        "top 18-19",
        "sum",
        "",
    ];
    assert_eq!(rounds, expected);
}

#[test]
fn the_newest_dates_come_first_where_that_is_asked_for() {
    let mut world = shop();
    let mut wanted = backfill(&world, &[("mid", from_to(16, 20))]);
    wanted.order = BackfillOrder::NewestFirst;
    world.memory.backfills = vec![wanted];
    assert_eq!(asked(&world.plan()), ["mid 19-20", "mid 17-18", "mid 16"]);
}

#[test]
fn its_own_limit_holds_and_of_the_others_one_place_stays_free() {
    let mut world = shop();
    let wanted = backfill(&world, &[("mid", from_to(16, 28))]);
    world.memory.backfills = vec![wanted];
    let plan = world.plan();
    assert_eq!(
        asked(&plan),
        ["mid 16-17", "mid 18-19", "mid 20-21", "mid 22-23"]
    );
    assert_eq!(waits(&plan), ["mid: limit"]);
    world.limits.max_concurrent_runs = 3;
    assert_eq!(asked(&world.plan()), ["mid 16-17", "mid 18-19"]);
    // What is live takes the place that was left.
    world.observe("sum", crate::state::ObservedState::Absent);
    assert_eq!(asked(&world.plan()), ["sum", "mid 16-17"]);
    // Where only one run is allowed at all, what is live goes first.
    world.limits.max_concurrent_runs = 1;
    assert_eq!(asked(&world.plan()), ["sum"]);
    world.built("sum", &[("top", 1)], 2);
    assert_eq!(asked(&world.plan()), ["mid 16-17"]);
}

#[test]
fn live_work_leaves_alone_what_a_backfill_builds_and_goes_on_beside_it() {
    let mut world = shop();
    world.later(1);
    let wanted = backfill(&world, &[("mid", from_to(16, 17))]);
    world.memory.backfills = vec![wanted];
    change(&mut world, "src", 1, from_to(17, 18));
    assert_eq!(asked(&world.plan()), ["mid 18", "mid 16-17"]);
    // A run of the backfill keeps nothing live from beginning.
    let plan = world.plan();
    world.begin(&plan.requests[1]);
    assert_eq!(asked(&world.plan()), ["mid 18"]);
    // Cancelled, its run is still under way.
    world.memory.backfills.clear();
    assert_eq!(asked(&world.plan()), ["mid 18"]);
    // Where that run builds all that is left, there is nothing to be begun.
    change(&mut world, "src", 2, from_to(16, 16));
    let live = world.plan().requests.remove(0);
    let own = world.memory.consumption.get_mut(&key("mid")).unwrap();
    let own = own.get_mut(&key("src")).unwrap();
    own.incorporate(
        &live.partitions.unwrap().partitions,
        Some(at("src", 2)),
        Basis::Run,
    );
    assert_eq!(world.decisions()[0], "wait mid: in_flight");
}

#[test]
fn a_paused_backfill_begins_nothing_and_keeps_its_partitions() {
    let mut world = shop();
    world.later(1);
    let mut wanted = backfill(&world, &[("mid", from_to(16, 17))]);
    wanted.state = BackfillState::Paused;
    world.memory.backfills = vec![wanted];
    change(&mut world, "src", 1, from_to(17, 17));
    let plan = world.plan();
    assert_eq!(asked(&plan), Vec::<String>::new());
    assert_eq!(plan.backfills, []);
    let expected = Reason::InBackfill {
        backfill: BackfillName("b".to_owned()),
        is_paused: true,
    };
    let index = world.graph().index_of("mid").unwrap();
    assert_eq!(plan.decisions[index.position()].reasons[0], expected);
}

#[test]
fn what_had_been_seen_when_it_was_asked_for_has_to_be_in_what_it_reads() {
    let mut world = shop();
    world.later(1);
    change(&mut world, "src", 1, from_to(17, 17));
    let wanted = backfill(&world, &[("top", from_to(16, 25))]);
    world.memory.backfills = vec![wanted];
    let plan = world.plan();
    // Of three days the input is still to be built anew.
    assert_eq!(
        asked(&plan),
        ["mid 17", "top 16", "top 20-21", "top 22-23", "top 24-25"]
    );
    world.later(1);
    world.built("mid", &[("src", 1)], 2);
    change(&mut world, "src", 2, from_to(24, 24));
    // What comes later is not waited for.
    let all = asked(&world.plan());
    assert_eq!(
        all[2..],
        ["top 16-17", "top 18-19", "top 20-21", "top 22-23"],
        "{all:?}"
    );
}

#[test]
fn what_reads_something_that_failed_is_not_tried() {
    let mut world = shop();
    let mut wanted = backfill(
        &world,
        &[("mid", from_to(16, 20)), ("top", from_to(16, 20))],
    );
    let mid = wanted.targets.get_mut(&key("mid")).unwrap();
    mid.done = from_to(16, 19);
    mid.failed = from_to(20, 20);
    wanted.targets.get_mut(&key("top")).unwrap().done = from_to(16, 19);
    world.memory.backfills = vec![wanted];
    let plan = world.plan();
    assert_eq!(asked(&plan), Vec::<String>::new());
    let expected = BackfillNews {
        name: BackfillName("b".to_owned()),
        done: BTreeMap::new(),
        skipped: [(key("top"), from_to(20, 20))].into(),
        ended: Some(BackfillState::Failed),
    };
    assert_eq!(plan.backfills, [expected]);
}

#[test]
fn what_is_declared_otherwise_by_now_is_left_out() {
    let mut world = shop();
    let wanted = backfill(
        &world,
        &[("mid", from_to(16, 17)), ("top", from_to(16, 17))],
    );
    world.memory.backfills = vec![wanted];
    world = world.with("mid", |asset| asset.partitions = None);
    world = world.with("top", |asset| asset.upstreams[0].mapping = None);
    let news = world.plan().backfills;
    assert_eq!(news[0].skipped, [(key("mid"), from_to(16, 17))].into());
    assert_eq!(news[0].ended, None);
    world.assets.retain(|asset| asset.key.as_str() == "src");
    let news = world.plan().backfills;
    assert_eq!(news[0].skipped.len(), 2);
    assert_eq!(news[0].ended, Some(BackfillState::Failed));
}

#[test]
fn nothing_is_appended_a_second_time_unless_that_is_forced() {
    let mut world = shop();
    world.write_mode = WriteMode::Append;
    let mut parts = BuiltPartitions::none_of(&days());
    parts.build(&from_to(17, 28), (None, None));
    world.memory.builds.get_mut(&key("mid")).unwrap().partitions = Some(parts);
    let wanted = backfill(&world, &[("mid", from_to(16, 19))]);
    world.memory.backfills = vec![wanted];
    let plan = world.plan();
    assert_eq!(asked(&plan), ["mid 16"]);
    assert_eq!(
        plan.backfills[0].done,
        [(key("mid"), from_to(17, 19))].into()
    );
    world.memory.backfills[0].is_forced = true;
    assert_eq!(asked(&world.plan()), ["mid 16-17", "mid 18-19"]);
    // Nor is it by what is live: late data in a day that was appended is for a person to decide on.
    world.memory.backfills.clear();
    world.later(1);
    change(&mut world, "src", 1, from_to(20, 20));
    assert_eq!(asked(&world.plan()), ["mid 16"]);
    world.built("mid", &[("src", 0)], 2);
    assert_eq!(world.decisions()[0], "hold mid: appends_again");
}
