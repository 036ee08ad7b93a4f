//! Schedules, condition trees, hours and freezes.

use assets::condition::Condition;
use assets::diagnostic::Place;
use assets::policy::{Automation, Pacing};
use assets::run_times::RunTimes;
use assets::schedule::{Freeze, Hours, Schedule, parse_zone};
use assets::version::CodeVersion;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

use super::world::{World, key, start};
use crate::plan::Reason;
use crate::state::{Failure, IntentId};

fn schedule(expression: &str) -> Schedule {
    Schedule::new(expression, parse_zone("UTC").unwrap(), None).unwrap()
}

fn on_schedule(expression: &str) -> Automation {
    Automation::OnSchedule {
        schedule: schedule(expression),
        pacing: Pacing::default(),
    }
}

fn when(condition: Condition) -> Automation {
    let pacing = Pacing::default();
    Automation::When { condition, pacing }
}

/// One source and one table, built at 06:00.
fn pair(automation: Automation) -> World {
    let world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    let mut world = world.with("mart.b", |asset| asset.automation = automation);
    world.built("mart.b", &[("raw.a", 0)], 0);
    world
}

fn until(world: &mut World, name: &str) -> Option<DateTime<Utc>> {
    let graph = world.graph();
    let index = graph.index_of(name).unwrap();
    world.plan().decisions[index.position()].until
}

#[test]
fn a_schedule_builds_what_is_stale_once_for_each_instant() {
    let mut world = pair(on_schedule("0 * * * *"));
    world.later(10);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
    assert_eq!(
        until(&mut world, "mart.b"),
        Some(start() + TimeDelta::hours(1))
    );
    world.later(50);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    world.built("mart.b", &[("raw.a", 1)], 1);
    world.later(1);
    world.commit("raw.a", 2);
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
}

#[test]
fn what_is_up_to_date_at_its_instant_is_built_when_changes_come_after_it() {
    let mut world = pair(on_schedule("0 7 * * *"));
    world.later(90);
    assert_eq!(world.decisions(), Vec::<String>::new());
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn many_instants_that_nobody_saw_are_one_build() {
    let mut world = pair(on_schedule("*/5 * * * *"));
    world.commit("raw.a", 1);
    world.later(60 * 24 * 30);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    world.built("mart.b", &[("raw.a", 1)], 1);
    assert_eq!(world.decisions(), Vec::<String>::new());
}

#[test]
fn an_instant_during_a_run_is_not_taken_for_the_run_of_it() {
    let mut world = pair(on_schedule("0 7 * * *"));
    world.later(59);
    // Decided on at 06:59, and ended at 07:10.
    world.built("mart.b", &[("raw.a", 0)], 1);
    let begun = world.now;
    world.later(11);
    let build = world.memory.builds.get_mut(&key("mart.b")).unwrap();
    (build.begun_at, build.built_at) = (Some(begun), Some(begun + TimeDelta::minutes(11)));
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    // Decided on at the very instant, it is the run of it.
    let build = world.memory.builds.get_mut(&key("mart.b")).unwrap();
    build.begun_at = Some(start() + TimeDelta::hours(1));
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
}

#[test]
fn an_input_that_waits_for_its_schedule_is_not_waited_for() {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.daily", &["raw.a"])
        .table("stg.hourly", &["raw.a"])
        .table("mart.b", &["stg.daily", "stg.hourly"])
        .with("stg.daily", |asset| {
            asset.automation = on_schedule("0 5 * * *");
        });
    for name in ["stg.daily", "stg.hourly"] {
        world.built(name, &[("raw.a", 0)], 0);
    }
    world.built("mart.b", &[("stg.daily", 0), ("stg.hourly", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    let expected = [
        "wait mart.b: upstream_stale",
        "wait stg.daily: not_due",
        "run stg.hourly: upstream_changed",
    ];
    assert_eq!(world.decisions(), expected);
    world.built("stg.hourly", &[("raw.a", 1)], 1);
    let expected = ["run mart.b: upstream_changed", "wait stg.daily: not_due"];
    assert_eq!(world.decisions(), expected);
    world.built("mart.b", &[("stg.daily", 0), ("stg.hourly", 1)], 1);
    assert_eq!(world.decisions(), ["wait stg.daily: not_due"]);
    let graph = world.graph();
    let plan = world.plan();
    let of_mart = &plan.decisions[graph.index_of("mart.b").unwrap().position()];
    assert!(
        matches!(of_mart.reasons.as_slice(), [Reason::UpstreamNotDue { .. }]),
        "{of_mart:?}"
    );
    // Its time has come: now it is waited for, and the cut holds what was seen by now.
    world.later(60 * 23);
    world.commit("raw.a", 2);
    let expected = [
        "wait mart.b: upstream_stale",
        "run stg.daily: upstream_changed",
        "run stg.hourly: upstream_changed",
    ];
    assert_eq!(world.decisions(), expected);
}

#[test]
fn what_reads_nothing_is_built_by_its_schedule_alone() {
    let mut world = World::new().table("raw.api", &[]).with("raw.api", |asset| {
        asset.automation = on_schedule("0 * * * *");
    });
    world.built("raw.api", &[], 0);
    world.later(59);
    assert_eq!(world.decisions(), Vec::<String>::new());
    world.later(1);
    assert_eq!(world.decisions(), ["run raw.api: scheduled"]);
    world.built("raw.api", &[], 1);
    assert_eq!(world.decisions(), Vec::<String>::new());
    // A failure holds it until the next instant: it has no input that could change.
    world.later(60);
    let failure = Failure {
        intent: IntentId("i1".to_owned()),
        attempts: 3,
        at: world.now + TimeDelta::minutes(5),
        code: "TASK_FAILED".to_owned(),
        message: "no answer".to_owned(),
        inputs: std::collections::BTreeMap::new(),
        code_version: None,
        partitions: None,
    };
    world
        .memory
        .builds
        .get_mut(&key("raw.api"))
        .unwrap()
        .failure = Some(failure);
    world.later(10);
    assert_eq!(world.decisions(), ["hold raw.api: quarantined"]);
    world.later(50);
    assert_eq!(world.decisions(), ["run raw.api: scheduled"]);
}

#[test]
fn trees_are_what_they_say() {
    let missing_or_late = Condition::Any(vec![
        Condition::Missing,
        Condition::All(vec![
            Condition::Changed(Some(key("raw.a"))),
            Condition::Not(Box::new(Condition::CodeChanged)),
            Condition::LagOver(TimeDelta::minutes(30)),
        ]),
    ]);
    let mut world = pair(when(missing_or_late));
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
    assert_eq!(
        until(&mut world, "mart.b"),
        Some(world.now + TimeDelta::minutes(30))
    );
    world.later(30);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    let coded = world.with("mart.b", |asset| {
        asset.code_version = Some(CodeVersion::new("new"));
    });
    let mut world = coded;
    world
        .memory
        .builds
        .get_mut(&key("mart.b"))
        .unwrap()
        .code_version = Some(CodeVersion::new("old"));
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
    let mut manual = pair(when(Condition::All(vec![
        Condition::Manual,
        Condition::Changed(None),
    ])));
    manual.commit("raw.a", 1);
    assert_eq!(manual.decisions(), ["hold mart.b: manual"]);
    let mut nothing = pair(when(Condition::Any(Vec::new())));
    nothing.commit("raw.a", 1);
    assert_eq!(nothing.decisions(), ["hold mart.b: manual"]);
}

#[test]
fn a_named_view_has_changed_when_what_it_shows_has() {
    let mut world = World::new()
        .source("raw.a")
        .source("raw.c")
        .asset("stg.view", assets::AssetKind::View, &["raw.a"])
        .table("mart.b", &["stg.view", "raw.c"])
        .with("mart.b", |asset| {
            asset.automation = when(Condition::Changed(Some(key("stg.view"))));
        });
    world.built("mart.b", &[("raw.a", 0), ("raw.c", 0)], 0);
    world.commit("raw.c", 1);
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn hours_hold_what_is_due_until_they_begin() {
    let utc = parse_zone("UTC").unwrap();
    let hours = Hours::new("22:00", "05:00", utc, None).unwrap();
    let mut world = World::new()
        .source("raw.a")
        .table("mart.b", &["raw.a"])
        .on_change("mart.b", |on| on.pacing.window = Some(hours));
    world.observe("mart.b", crate::state::ObservedState::Absent);
    // What is missing waits as well: the hours are there to keep others from being disturbed.
    assert_eq!(world.decisions(), ["wait mart.b: outside_window"]);
    assert_eq!(
        until(&mut world, "mart.b"),
        Some(start() + TimeDelta::hours(16))
    );
    world.later(60 * 16);
    assert_eq!(world.decisions(), ["run mart.b: missing"]);
}

#[test]
fn nothing_frozen_is_built_and_nobody_waits_for_it() {
    let mut world = World::new()
        .source("raw.a")
        .table("fin.x", &["raw.a"])
        .table("mart.b", &["fin.x", "raw.a"]);
    world.built("fin.x", &[("raw.a", 0)], 0);
    world.built("mart.b", &[("fin.x", 0), ("raw.a", 0)], 0);
    let end = start() + TimeDelta::hours(2);
    world.freezes.push(Freeze {
        from: start(),
        to: end,
        reason: "closing".to_owned(),
        select: Some("fin".to_owned()),
        place: Place::start_of(&Arc::from("headwater.yml")),
    });
    world.later(1);
    world.commit("raw.a", 1);
    let expected = ["wait fin.x: frozen", "run mart.b: upstream_changed"];
    assert_eq!(world.decisions(), expected);
    assert_eq!(until(&mut world, "fin.x"), Some(end));
    world.later(119);
    let expected = ["run fin.x: upstream_changed", "wait mart.b: upstream_stale"];
    assert_eq!(world.decisions(), expected);
}

#[test]
fn a_clock_that_is_ahead_starves_no_schedule() {
    let mut world = pair(on_schedule("0 * * * *"));
    world.commit("raw.a", 1);
    let build = world.memory.builds.get_mut(&key("mart.b")).unwrap();
    build.begun_at = None;
    build.built_at = Some(start() + TimeDelta::days(4000));
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn before_a_deadline_it_begins_as_late_as_its_runs_allow() {
    use assets::policy::Deadline;
    let deadline = Deadline {
        schedule: schedule("0 9 * * *"),
        max_lag: TimeDelta::minutes(30),
    };
    let mut world = pair(Automation::BeforeDeadline {
        slack: TimeDelta::minutes(5),
        pacing: Pacing::default(),
    })
    .with("mart.b", |asset| asset.freshness.deadlines.push(deadline));
    world.later(1);
    world.commit("raw.a", 1);
    // Nobody knows how long it takes.
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    let mut times = RunTimes::default();
    times.push(TimeDelta::minutes(20));
    world.memory.run_times.insert(key("mart.b"), times);
    assert_eq!(world.decisions(), ["wait mart.b: not_due"]);
    let latest = start() + TimeDelta::minutes(180 - 25);
    assert_eq!(until(&mut world, "mart.b"), Some(latest));
    world.later((latest - world.now).num_minutes());
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    // A change that need not be in waits for the next day.
    world.built("mart.b", &[("raw.a", 1)], 1);
    world.commit("raw.a", 2);
    let tomorrow = latest + TimeDelta::days(1);
    assert_eq!(until(&mut world, "mart.b"), Some(tomorrow));
    // Nobody came by in time: what is missed is built at once.
    world.later(60 * 30);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn what_is_not_due_itself_says_so_while_its_inputs_move() {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.b", &["raw.a"])
        .table("mart.c", &["stg.b"])
        .with("mart.c", |asset| {
            asset.automation = on_schedule("0 8 * * *");
        });
    world.built("stg.b", &[("raw.a", 0)], 0);
    world.built("mart.c", &[("stg.b", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    let expected = ["wait mart.c: not_due", "run stg.b: upstream_changed"];
    assert_eq!(world.decisions(), expected);
    assert_eq!(
        until(&mut world, "mart.c"),
        Some(start() + TimeDelta::hours(2))
    );
    // When its time comes while its input still moves, it waits for that.
    world.later(119);
    let expected = ["wait mart.c: upstream_stale", "run stg.b: upstream_changed"];
    assert_eq!(world.decisions(), expected);
}

#[test]
fn a_run_that_is_under_way_is_waited_for_also_beyond_its_hours() {
    let utc = parse_zone("UTC").unwrap();
    let hours = Hours::new("05:00", "06:30", utc, None).unwrap();
    let mut world = World::new()
        .source("raw.a")
        .table("stg.b", &["raw.a"])
        .table("mart.c", &["stg.b", "raw.a"])
        .on_change("stg.b", |on| on.pacing.window = Some(hours));
    world.built("stg.b", &[("raw.a", 0)], 0);
    world.built("mart.c", &[("stg.b", 0), ("raw.a", 0)], 0);
    world.later(10);
    world.commit("raw.a", 1);
    world.running("stg.b");
    world.later(50);
    let expected = ["wait mart.c: upstream_stale", "wait stg.b: in_flight"];
    assert_eq!(world.decisions(), expected);
    world.memory.open_intents.clear();
    let expected = ["run mart.c: upstream_changed", "wait stg.b: outside_window"];
    assert_eq!(world.decisions(), expected);
}
