//! What would change a verdict: of the main kinds, in words.

use assets::policy::{Automation, Bound, Consistency};
use assets::version::CodeVersion;
use chrono::TimeDelta;

use super::stuck::{chain, fail};
use super::world::{World, key};
use crate::state::ObservedState;

fn pair() -> World {
    let mut world = World::new()
        .source("raw.a")
        .table("mart.b", &["raw.a"])
        .with("mart.b", |asset| {
            asset.code_version = Some(CodeVersion::new("one"));
        });
    world.built("mart.b", &[("raw.a", 0)], 0);
    world
}

fn within(limit: TimeDelta) -> Bound {
    Bound { limit, warn: None }
}

/// As `pair`, with a change of a minute later.
fn behind(world: World) -> World {
    let mut world = world;
    world.later(1);
    world.commit("raw.a", 1);
    world
}

#[test]
fn what_is_fresh_is_so_until_an_input_or_its_code_changes() {
    let mut world = pair();
    insta::assert_snapshot!(world.would_change("mart.b"), @r"
    a commit to `raw.a` after v0 that changes data
    other code of `mart.b` than one
    ");
}

#[test]
fn a_source_is_fresh_until_it_changes_or_is_too_old() {
    let mut world = pair().with("raw.a", |asset| {
        asset.freshness.max_age = Some(within(TimeDelta::days(1)));
    });
    insta::assert_snapshot!(world.would_change("raw.a"), @r"
    a commit to `raw.a` after v0 that changes data
    the time: `max_age` is passed at 2026-03-02T06:00:00Z
    ");
    world.later(24 * 60 + 1);
    insta::assert_snapshot!(
        world.would_change("raw.a"),
        @"a commit to `raw.a` after v0 that changes data"
    );
}

#[test]
fn what_is_due_is_built_by_the_next_pass() {
    insta::assert_snapshot!(behind(pair()).would_change("mart.b"), @"`headwater reconcile`");
}

#[test]
fn what_is_tolerated_waits_for_the_time_and_has_a_budget() {
    let world = pair()
        .on_change("mart.b", |on| {
            on.pacing.tolerance = Some(TimeDelta::minutes(10));
        })
        .with("mart.b", |asset| {
            asset.freshness.max_lag = Some(within(TimeDelta::minutes(30)));
        });
    insta::assert_snapshot!(behind(world).would_change("mart.b"), @r"
    the time: 2026-03-01T06:11:00Z
    the time: `max_lag` is passed at 2026-03-01T06:31:00Z
    ");
}

#[test]
fn what_waits_for_an_input_says_for_what_of_it_and_when_that_is_expected() {
    let mut world = chain();
    world.memory.builds.get_mut(&key("stg.a")).unwrap().failure = None;
    insta::assert_snapshot!(
        world.would_change("mart.b"),
        @"`stg.a` incorporates what was seen up to pass 2"
    );
    for name in ["stg.a", "mart.b", "mart.c"] {
        world.ran(name, &[4]);
    }
    insta::assert_snapshot!(
        world.would_change("mart.b"),
        @"`stg.a` incorporates what was seen up to pass 2, usually by 2026-03-01T06:05:00Z"
    );
}

#[test]
fn what_is_held_names_what_ends_that_however_far_upstream() {
    let mut world = chain();
    for name in ["stg.a", "mart.b", "mart.c"] {
        assert_eq!(
            world.would_change(name),
            "`headwater runs retry stg.a`\na commit to `raw.a` after v1 that changes data",
            "{name}"
        );
    }
}

#[test]
fn what_does_not_exist_or_cannot_be_read_has_to() {
    let mut world = chain();
    world.memory.builds.get_mut(&key("stg.a")).unwrap().failure = None;
    world.unknown("raw.a");
    let seen = "`raw.a` can be read: `headwater observe --explain raw.a` shows what is wrong";
    assert_eq!(world.would_change("stg.a"), seen);
    world.observe("raw.a", ObservedState::Gone);
    for name in ["stg.a", "mart.b", "mart.c"] {
        assert_eq!(
            world.would_change(name),
            "somebody makes the table of `raw.a`",
            "{name}"
        );
    }
    let mut fresh = pair();
    fresh.observe("raw.a", ObservedState::Gone);
    assert_eq!(
        fresh.would_change("mart.b"),
        "somebody makes the table of `raw.a`"
    );
}

#[test]
fn what_a_person_has_to_do_is_a_command() {
    let world = pair().with("mart.b", |asset| asset.automation = Automation::Manual);
    insta::assert_snapshot!(
        behind(world).would_change("mart.b"),
        @"`headwater backfill create mart.b --all`"
    );
    let mut many = pair().table("mart.c", &["raw.a"]);
    many.built("mart.c", &[("raw.a", 0)], 0);
    many.limits.confirm_above = Some(1);
    insta::assert_snapshot!(
        behind(many).would_change("mart.b"),
        @"`headwater reconcile --allow-mass-change`"
    );
}

#[test]
fn a_run_has_to_end_and_room_has_to_be_made() {
    let mut world = pair().table("mart.c", &["raw.a"]);
    world.built("mart.c", &[("raw.a", 0)], 0);
    world.limits.max_concurrent_runs = 1;
    let mut world = behind(world);
    world.running("mart.c");
    insta::assert_snapshot!(
        world.would_change("mart.c"),
        @"attempt 1 of intent I-mart.c ends"
    );
    insta::assert_snapshot!(
        world.would_change("mart.b"),
        @"a run ends that counts against `runs`"
    );
}

#[test]
fn what_is_degraded_has_to_see_its_input_recover() {
    let mut world = World::new()
        .source("raw.a")
        .source("raw.b")
        .table("stg.a", &["raw.a"])
        .table("mart.j", &["raw.b", "stg.a"])
        .with("mart.j", |asset| asset.consistency = Consistency::Latest);
    world.built("stg.a", &[("raw.a", 0)], 0);
    world.built("mart.j", &[("raw.b", 0), ("stg.a", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    fail(&mut world, "stg.a");
    let built = world.memory.builds.get_mut(&key("mart.j")).unwrap();
    built.degraded_by = vec![key("stg.a")];
    insta::assert_snapshot!(world.would_change("mart.j"), @r"
    `headwater runs retry stg.a`
    a commit to `raw.a` after v1 that changes data
    `stg.a` incorporates what its inputs hold
    ");
}
