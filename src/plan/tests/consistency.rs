//! `settled` and `latest`: cuts, unknown and failing upstreams.

use assets::policy::{Automation, Consistency};
use assets::version::{Origin, PassNumber};
use chrono::TimeDelta;

use super::world::{World, at, key};
use crate::state::{Failure, IntentId};

/// Two sources, one step each, joined in a mart; everything built once.
fn diamond() -> World {
    let mut world = World::new()
        .source("raw.a")
        .source("raw.b")
        .table("stg.a", &["raw.a"])
        .table("stg.b", &["raw.b"])
        .table("mart.j", &["stg.a", "stg.b"]);
    world.built("stg.a", &[("raw.a", 0)], 0);
    world.built("stg.b", &[("raw.b", 0)], 0);
    world.built("mart.j", &[("stg.a", 0), ("stg.b", 0)], 0);
    world
}

#[test]
fn a_settled_asset_waits_until_all_inputs_incorporate_the_cut() {
    let mut world = diamond();
    world.later(1);
    world.commit("raw.a", 1);
    world.commit("raw.b", 1);
    assert_eq!(
        world.decisions(),
        [
            "wait mart.j: upstream_stale",
            "run stg.a: upstream_changed",
            "run stg.b: upstream_changed"
        ]
    );
    world.later(1);
    world.built("stg.a", &[("raw.a", 1)], 1);
    assert_eq!(
        world.decisions(),
        ["wait mart.j: upstream_stale", "run stg.b: upstream_changed"]
    );
    world.later(1);
    world.built("stg.b", &[("raw.b", 1)], 1);
    assert_eq!(world.decisions(), ["run mart.j: upstream_changed"]);
}

#[test]
fn fault_32_a_source_that_never_rests_starves_nobody() {
    let mut world = diamond();
    world.later(1);
    world.commit("raw.a", 1);
    world.commit("raw.b", 1);
    world.decisions();
    world.later(1);
    world.built("stg.a", &[("raw.a", 1)], 1);
    world.built("stg.b", &[("raw.b", 1)], 1);
    // Changes after the cut: the next round's.
    world.commit("raw.a", 2);
    let decisions = world.decisions();
    assert!(
        decisions.contains(&"run mart.j: upstream_changed".to_owned()),
        "{decisions:?}"
    );
    assert!(
        decisions.contains(&"run stg.a: upstream_changed".to_owned()),
        "{decisions:?}"
    );
}

#[test]
fn a_commit_that_carries_an_old_change_belongs_to_the_old_cut() {
    let mut world = diamond();
    world.later(1);
    world.commit("raw.a", 1);
    world.decisions();
    // Somebody wrote `stg.b` with a change that was seen before the cut.
    let origin = Origin {
        at: world.now,
        seen: PassNumber(world.pass),
    };
    world.later(1);
    world.commit_from("raw.b", 1, origin);
    world.built("stg.a", &[("raw.a", 1)], 1);
    assert_eq!(
        world.decisions(),
        ["wait mart.j: upstream_stale", "run stg.b: upstream_changed"]
    );
}

#[test]
fn an_update_during_a_run_is_seen_after_it() {
    let mut world = diamond();
    world.later(1);
    world.commit("raw.a", 1);
    world.decisions();
    world.running("stg.a");
    world.later(1);
    world.commit("raw.a", 2);
    assert_eq!(
        world.decisions(),
        ["wait mart.j: upstream_stale", "wait stg.a: in_flight"]
    );
    world.memory.open_intents.clear();
    world.built("stg.a", &[("raw.a", 1)], 1);
    let decisions = world.decisions();
    assert!(
        decisions.contains(&"run stg.a: upstream_changed".to_owned()),
        "{decisions:?}"
    );
}

#[test]
fn an_unknown_upstream_never_triggers_settled_but_latest_goes_on() {
    let mut world = diamond();
    world.later(1);
    world.built("stg.a", &[("raw.a", 0)], 1);
    world.unknown("stg.b");
    assert_eq!(world.decisions(), ["wait mart.j: upstream_unknown"]);
    let mut world = world.latest("mart.j");
    let plan = world.plan();
    assert_eq!(plan.requests.len(), 1);
    assert_eq!(plan.requests[0].degraded_by, [key("stg.b")]);
}

#[test]
fn after_its_patience_a_settled_asset_goes_on_as_latest() {
    let mut world = diamond().with("mart.j", |asset| {
        let proceed_after = Some(TimeDelta::minutes(15));
        asset.consistency = Consistency::Settled { proceed_after };
    });
    world.later(1);
    world.commit("raw.b", 1);
    world.built("stg.a", &[("raw.a", 0)], 1);
    world.running("stg.b");
    assert!(
        world
            .decisions()
            .contains(&"wait mart.j: upstream_stale".to_owned())
    );
    world.later(14);
    assert!(
        world
            .decisions()
            .contains(&"wait mart.j: upstream_stale".to_owned())
    );
    world.later(1);
    assert!(
        world
            .decisions()
            .contains(&"run mart.j: upstream_changed".to_owned())
    );
}

#[test]
fn a_failed_upstream_holds_its_downstream_until_its_inputs_change() {
    let mut world = diamond();
    world.later(1);
    world.commit("raw.a", 1);
    world.built("stg.b", &[("raw.b", 0)], 1);
    world.memory.builds.get_mut(&key("stg.a")).unwrap().failure = Some(Failure {
        intent: IntentId("I".to_owned()),
        attempts: 3,
        at: world.now,
        code: "RUN_EXECUTION_ERROR".to_owned(),
        message: "it broke".to_owned(),
        inputs: [(key("raw.a"), Some(at("raw.a", 1)))].into(),
        code_version: None,
        partitions: None,
    });
    assert_eq!(
        world.decisions(),
        ["hold mart.j: upstream_failed", "hold stg.a: quarantined"]
    );
    world.commit("raw.a", 2);
    assert_eq!(
        world.decisions(),
        ["wait mart.j: upstream_stale", "run stg.a: upstream_changed"]
    );
}

#[test]
fn what_waits_for_a_person_is_not_waited_for() {
    let mut world = diamond().with("stg.b", |asset| asset.automation = Automation::Manual);
    world.later(1);
    world.commit("raw.a", 1);
    world.commit("raw.b", 1);
    world.built("stg.a", &[("raw.a", 1)], 1);
    assert_eq!(
        world.decisions(),
        ["run mart.j: upstream_changed", "hold stg.b: manual"]
    );
}
