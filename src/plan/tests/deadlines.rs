//! Deadlines: met or missed, on record until the next one; and who is late because of whom.

use assets::policy::{Automation, Deadline, Pacing};
use assets::schedule::{Schedule, parse_zone};
use chrono::TimeDelta;

use super::world::{World, key, start};
use crate::plan::Health;

/// Changes up to 08:00 have to be in at 09:00.
fn at_nine() -> Deadline {
    Deadline {
        schedule: Schedule::new("0 9 * * *", parse_zone("UTC").unwrap(), None).unwrap(),
        max_lag: TimeDelta::hours(1),
    }
}

fn pair() -> World {
    let world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    let mut world = world.with("mart.b", |asset| asset.freshness.deadlines.push(at_nine()));
    world.later(-60 * 24);
    world.built("mart.b", &[("raw.a", 0)], 0);
    world.later(60 * 24);
    world
}

/// The verdict on record, `-` before there is any.
fn verdict(world: &mut World) -> &'static str {
    world.plan();
    match world.memory.deadlines.get(&key("mart.b")) {
        Some(verdict) if verdict.is_met => "met",
        Some(_) => "missed",
        None => "-",
    }
}

#[test]
fn what_has_to_be_in_is_what_is_older_than_the_lag_at_the_deadline() {
    let mut world = pair();
    assert_eq!(verdict(&mut world), "met", "yesterday's");
    world.later(119);
    world.commit("raw.a", 1);
    world.later(62);
    assert_eq!(verdict(&mut world), "missed", "07:59 is not in at 09:01");
    let told = world.told("mart.b");
    assert_eq!(told.health, Health::Overdue);
    assert_eq!(told.reasons[0].code, "deadline_missed");

    let mut world = pair();
    world.later(120);
    world.commit("raw.a", 1);
    world.later(61);
    assert_eq!(verdict(&mut world), "met", "08:00 need not be in at 09:01");
    assert_eq!(world.health("mart.b").0, Health::Stale);
}

#[test]
fn the_record_stays_until_the_next_deadline_and_health_speaks_of_now() {
    let mut world = pair();
    world.later(60);
    world.commit("raw.a", 1);
    world.later(121);
    assert_eq!(verdict(&mut world), "missed");
    world.later(10);
    world.built("mart.b", &[("raw.a", 1)], 1);
    assert_eq!(verdict(&mut world), "missed");
    let told = world.told("mart.b");
    assert_eq!(told.health, Health::Fresh);
    assert_eq!(told.reasons[0].code, "deadline_was_missed");
    world.later(60 * 24);
    assert_eq!(verdict(&mut world), "met");
    assert_eq!(world.told("mart.b").reasons, []);
}

#[test]
fn what_came_in_between_the_deadline_and_the_first_look_was_late() {
    let mut world = pair();
    world.later(60);
    world.commit("raw.a", 1);
    // 09:05: built after the deadline, before anybody looked.
    world.later(125);
    world.built("mart.b", &[("raw.a", 1)], 1);
    world.later(1);
    assert_eq!(verdict(&mut world), "missed");
    // At 08:55 it would have been in time, also for a look at noon.
    let mut world = pair();
    world.later(60);
    world.commit("raw.a", 1);
    world.later(115);
    world.built("mart.b", &[("raw.a", 1)], 1);
    world.later(185);
    assert_eq!(verdict(&mut world), "met");
}

#[test]
fn nobody_judges_what_nobody_can_see() {
    let mut world = pair();
    world.later(181);
    world.unknown("raw.a");
    assert_eq!(verdict(&mut world), "-");
    world.observe("raw.a", crate::state::ObservedState::Ok);
    assert_eq!(verdict(&mut world), "met");
}

#[test]
fn a_source_has_to_change_itself_for_each_deadline() {
    let mut world = World::new().source("raw.a");
    world = world.with("raw.a", |asset| asset.freshness.deadlines.push(at_nine()));
    world.later(130);
    world.commit("raw.a", 1);
    world.later(51);
    assert_eq!(world.health("raw.a").0, Health::Fresh, "08:10 at 09:01");
    world.plan();
    world.later(60 * 24);
    assert_eq!(world.health("raw.a").0, Health::Overdue, "and the next day");
}

#[test]
fn what_is_built_and_reads_nothing_is_asked_for_its_schedule_alone() {
    let mut seed = World::new().table("ref.rates", &[]);
    seed = seed.with("ref.rates", |asset| {
        asset.freshness.deadlines.push(at_nine());
    });
    seed.built("ref.rates", &[], 0);
    seed.later(60 * 24 + 181);
    assert_eq!(seed.health("ref.rates").0, Health::Fresh);
    let mut repeated = seed.with("ref.rates", |asset| {
        asset.automation = Automation::OnSchedule {
            schedule: at_nine().schedule,
            pacing: Pacing::default(),
        };
    });
    assert_eq!(repeated.health("ref.rates").0, Health::Overdue);
    // A run that found nothing new is as good as data.
    let begun = repeated.now - TimeDelta::hours(1);
    let build = repeated.memory.builds.get_mut(&key("ref.rates")).unwrap();
    build.begun_at = Some(begun);
    assert_eq!(repeated.health("ref.rates").0, Health::Fresh);
}

#[test]
fn one_late_root_is_one_incident() {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.b", &["raw.a"])
        .table("mart.c", &["stg.b"])
        .table("mart.d", &["mart.c"])
        .table("mart.e", &["raw.a"]);
    for name in ["mart.c", "mart.d", "mart.e"] {
        world = world.with(name, |asset| asset.freshness.deadlines.push(at_nine()));
    }
    world.built("stg.b", &[("raw.a", 0)], 0);
    world.built("mart.c", &[("stg.b", 0)], 0);
    world.built("mart.d", &[("mart.c", 0)], 0);
    world.built("mart.e", &[("raw.a", 0)], 0);
    world.commit("raw.a", 1);
    world.running("stg.b");
    world.later(181);
    let graph = world.graph();
    let at = |name: &str| graph.index_of(name).unwrap();
    let root = world.told("stg.b");
    assert_eq!(root.makes_late, [at("mart.c"), at("mart.d")]);
    assert_eq!(root.root_cause, None);
    for name in ["mart.c", "mart.d"] {
        let told = world.told(name);
        assert_eq!(
            (told.health, told.root_cause),
            (Health::Overdue, Some(at("stg.b")))
        );
        assert_eq!(told.reasons[1].code, "root_cause");
        let message = &told.reasons[1].message;
        assert!(
            message.starts_with("because of `stg.b`: intent I-stg.b is running"),
            "{message}"
        );
    }
    assert_eq!(
        world.told("mart.e").root_cause,
        None,
        "it is late by itself"
    );
    assert!(start() < world.now);
}
