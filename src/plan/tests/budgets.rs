//! Budgets: how many runs begin within 24 hours.

use assets::declaration::DayLimits;
use chrono::TimeDelta;
use proptest::prelude::*;

use super::backfills::{backfill, from_to, shop};
use super::world::{World, key, start};
use crate::plan::{Action, Reason, sentence};
use crate::state::StartedRun;

/// Three marts of one source, all stale, built by a pool.
fn three() -> World {
    let mut world = World::new().source("raw.a");
    for name in ["mart.x", "mart.y", "mart.z"] {
        world = world.table(name, &["raw.a"]);
        world.built(name, &[("raw.a", 0)], 0);
    }
    world.later(1);
    world.commit("raw.a", 1);
    world
}

/// A run that began so many minutes ago.
fn begun(world: &World, asset: &str, minutes: i64) -> StartedRun {
    StartedRun {
        at: world.now - TimeDelta::minutes(minutes),
        assets: vec![key(asset)],
        pool: None,
        is_for_backfill: false,
    }
}

#[test]
fn a_budget_counts_what_began_within_a_day_and_what_this_pass_begins() {
    let mut world = three();
    world.limits.max_runs_per_day = DayLimits {
        total: Some(3),
        ..DayLimits::default()
    };
    world.memory.started = vec![
        begun(&world, "mart.x", 24 * 60),
        begun(&world, "mart.x", 24 * 60 - 1),
    ];
    let plan = world.plan();
    assert_eq!(plan.requests.len(), 2);
    let mut decisions = plan.decisions.iter();
    let last = decisions.find(|d| d.action == Action::Wait).unwrap();
    assert_eq!(
        sentence(&last.reasons[0]),
        "the budget of 3 within 24 hours is spent (runs); there is room again from 2026-03-01T06:02:00Z on"
    );
    assert_eq!(last.until, Some(world.now + TimeDelta::minutes(1)));
    // Then the oldest one is a day old.
    world.now += TimeDelta::minutes(1);
    assert_eq!(world.plan().requests.len(), 3);
}

#[test]
fn an_asset_that_is_built_too_often_waits_and_the_others_go_on() {
    let mut world = three();
    world.limits.max_runs_per_day = DayLimits {
        asset: Some(2),
        ..DayLimits::default()
    };
    world.memory.started = vec![
        begun(&world, "mart.y", 600),
        begun(&world, "mart.x", 30),
        begun(&world, "mart.y", 20),
    ];
    assert_eq!(
        world.decisions(),
        [
            "run mart.x: upstream_changed",
            "wait mart.y: budget",
            "run mart.z: upstream_changed"
        ]
    );
    let plan = world.plan();
    let waits = plan.decisions.iter().find_map(|decision| decision.until);
    assert_eq!(waits, Some(world.now + TimeDelta::minutes(24 * 60 - 600)));
}

#[test]
fn backfills_have_a_budget_of_their_own() {
    let mut world = shop();
    let asked = backfill(&world, &[("mid", from_to(16, 27))]);
    world.memory.backfills = vec![asked];
    let for_backfill = |minutes| StartedRun {
        is_for_backfill: true,
        ..begun(&world, "mid", minutes)
    };
    world.memory.started = vec![for_backfill(90), for_backfill(10)];
    let unbounded = world.plan().requests.len();
    assert!(unbounded >= 2, "{unbounded}");
    world.limits.max_runs_per_day = DayLimits {
        backfills: Some(3),
        total: Some(1),
        asset: Some(1),
        ..DayLimits::default()
    };
    let plan = world.plan();
    assert_eq!(plan.requests.len(), 1, "{:?}", plan.requests);
    let wait = plan.backfill_waits.last().unwrap();
    assert_eq!(
        wait.reason,
        Reason::Budget {
            budget: "backfills".to_owned(),
            allowed: 3,
            until: world.now + TimeDelta::minutes(24 * 60 - 90),
        }
    );
}

proptest! {
    #[test]
    fn no_day_sees_more_runs_than_its_budget_and_what_waits_is_run_at_the_instant_it_is_told(
        allowed in 1_u32..4,
        pauses in prop::collection::vec(1_i64..600, 1..24),
    ) {
        let mut world = World::new().source("raw.a").table("mart.x", &["raw.a"]);
        world.built("mart.x", &[("raw.a", 0)], 0);
        world.limits.max_runs_per_day.total = Some(allowed);
        let mut version = 0;
        for pause in pauses {
            world.later(pause);
            version += 1;
            world.commit("raw.a", version);
            let mut plan = world.plan();
            if let Some(until) = plan.decisions.iter().find_map(|decision| decision.until) {
                // A moment earlier there is no room; then there is.
                world.now = until - TimeDelta::seconds(1);
                prop_assert!(world.plan().requests.is_empty());
                world.now = until;
                plan = world.plan();
            }
            prop_assert_eq!(plan.requests.len(), 1);
            world.memory.started.push(begun(&world, "mart.x", 0));
            world.built("mart.x", &[("raw.a", version)], version);
            let began = &world.memory.started;
            let day = |at| move |run: &&StartedRun| run.at > at - TimeDelta::hours(24);
            let within = began.iter().filter(day(world.now)).count();
            prop_assert!(within <= usize::try_from(allowed).unwrap(), "{} at {}", within, world.now - start());
        }
    }
}
