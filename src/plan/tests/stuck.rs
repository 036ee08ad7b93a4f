//! What is held holds what reads it, through any number of steps.

use std::collections::BTreeSet;

use assets::AssetKind;
use assets::policy::Consistency;
use assets::version::CodeVersion;
use chrono::TimeDelta;
use proptest::prelude::*;

use super::waiting::{build, name, worlds};
use super::world::{World, at, key};
use crate::plan::{Action, Reason, sentence};
use crate::state::{Failure, IntentId, ObservedState};

/// The last run of an asset failed, with all that its inputs hold now.
pub(super) fn fail(world: &mut World, name: &str) {
    let graph = world.graph();
    let inputs = graph.inputs(graph.index_of(name).unwrap());
    let newest = |input| {
        let key = &graph.asset(input).key;
        let commits = &world.memory.commits[key];
        (key.clone(), commits.last().map(|of| of.version.clone()))
    };
    let failure = Failure {
        intent: IntentId("I".to_owned()),
        attempts: 1,
        at: world.now,
        code: "RUN_EXECUTION_ERROR".to_owned(),
        message: "it broke".to_owned(),
        inputs: inputs.iter().map(|input| newest(*input)).collect(),
        code_version: None,
        partitions: None,
    };
    let build = world.memory.builds.entry(key(name)).or_default();
    build.failure = Some(failure);
}

/// `raw.a`, of which `stg.a` could not incorporate a change, `mart.b` that reads it, `mart.c` that reads that.
pub(super) fn chain() -> World {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.a", &["raw.a"])
        .table("mart.b", &["stg.a"])
        .table("mart.c", &["mart.b"]);
    world.built("stg.a", &[("raw.a", 0)], 0);
    world.built("mart.b", &[("stg.a", 0)], 0);
    world.built("mart.c", &[("mart.b", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    fail(&mut world, "stg.a");
    world
}

#[test]
fn what_reads_only_what_failed_is_held_and_so_is_what_reads_that() {
    let mut world = chain();
    assert_eq!(
        world.decisions(),
        [
            "hold mart.b: upstream_failed",
            "hold mart.c: upstream_held",
            "hold stg.a: quarantined"
        ]
    );
    let held = Reason::UpstreamHeld {
        upstream: key("mart.b"),
        held_at: key("stg.a"),
    };
    assert_eq!(
        world.plan().decisions[1].reasons,
        std::slice::from_ref(&held)
    );
    assert_eq!(
        sentence(&held),
        "`mart.b` has changes to incorporate first, and is held because of `stg.a`"
    );
    // Another change ends the quarantine, and with it all of this.
    world.later(1);
    world.commit("raw.a", 2);
    assert_eq!(
        world.decisions(),
        [
            "wait mart.b: upstream_stale",
            "wait mart.c: upstream_stale",
            "run stg.a: upstream_changed"
        ]
    );
}

#[test]
fn one_input_that_is_stuck_is_enough_unless_the_others_are_enough() {
    let with = |consistency| {
        let mut world = World::new()
            .source("raw.a")
            .source("raw.b")
            .table("stg.a", &["raw.a"])
            .table("stg.b", &["raw.b"])
            .table("mart.j", &["stg.a", "stg.b"])
            .with("mart.j", |asset| asset.consistency = consistency);
        world.built("stg.a", &[("raw.a", 0)], 0);
        world.built("stg.b", &[("raw.b", 0)], 0);
        world.built("mart.j", &[("stg.a", 0), ("stg.b", 0)], 0);
        world.later(1);
        world.commit("raw.a", 1);
        world.commit("raw.b", 1);
        fail(&mut world, "stg.b");
        world.running("stg.a");
        world
    };
    let first = |mut world: World| world.decisions().remove(0);
    let patient = |proceed_after| with(Consistency::Settled { proceed_after });
    assert_eq!(first(patient(None)), "hold mart.j: upstream_failed");
    let (patient, latest) = (
        patient(Some(TimeDelta::minutes(5))),
        with(Consistency::Latest),
    );
    assert_eq!(first(patient), "wait mart.j: upstream_stale");
    assert_eq!(first(latest), "wait mart.j: upstream_stale");
}

#[test]
fn what_goes_on_by_itself_after_its_patience_is_not_held() {
    let mut world = World::new()
        .source("raw.a")
        .source("raw.b")
        .table("stg.a", &["raw.a"])
        .table("mart.j", &["raw.b", "stg.a"])
        .table("mart.k", &["mart.j"])
        .with("mart.j", |asset| {
            let proceed_after = Some(TimeDelta::minutes(5));
            asset.consistency = Consistency::Settled { proceed_after };
        });
    world.built("stg.a", &[("raw.a", 0)], 0);
    world.built("mart.j", &[("raw.b", 0), ("stg.a", 0)], 0);
    world.built("mart.k", &[("mart.j", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    world.commit("raw.b", 1);
    fail(&mut world, "stg.a");
    assert_eq!(
        world.decisions(),
        [
            "wait mart.j: upstream_failed",
            "wait mart.k: upstream_stale",
            "hold stg.a: quarantined"
        ]
    );
    world.later(5);
    assert_eq!(world.decisions()[0], "run mart.j: upstream_changed");
}

#[test]
fn below_a_missing_source_everything_missing_is_held() {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.a", &["raw.a"])
        .table("mart.b", &["stg.a"])
        .table("mart.c", &["mart.b"]);
    for name in ["raw.a", "stg.a", "mart.b", "mart.c"] {
        world.observe(name, ObservedState::Absent);
    }
    assert_eq!(
        world.decisions(),
        [
            "hold mart.b: upstream_held",
            "hold mart.c: upstream_held",
            "hold stg.a: upstream_missing"
        ]
    );
    let reasons = &world.plan().decisions[1].reasons;
    let held = Reason::UpstreamHeld {
        upstream: key("mart.b"),
        held_at: key("raw.a"),
    };
    assert_eq!(reasons[0], held);
}

#[test]
fn a_view_that_failed_holds_what_reads_through_it() {
    let mut world = World::new()
        .source("raw.a")
        .asset("stg.v", AssetKind::View, &["raw.a"])
        .table("mart.b", &["stg.v"])
        .with("stg.v", |asset| {
            asset.code_version = Some(CodeVersion::new("one"));
        });
    world.built("mart.b", &[("raw.a", 0)], 0);
    world.built("stg.v", &[], 0);
    world.observe("stg.v", ObservedState::Ok);
    world = world.with("stg.v", |asset| {
        asset.code_version = Some(CodeVersion::new("two"));
    });
    world.later(1);
    world.commit("raw.a", 1);
    fail(&mut world, "stg.v");
    let view = world.memory.builds.get_mut(&key("stg.v")).unwrap();
    view.failure.as_mut().unwrap().code_version = Some(CodeVersion::new("two"));
    view.failure.as_mut().unwrap().inputs = [(key("raw.a"), Some(at("raw.a", 1)))].into();
    assert_eq!(
        world.decisions(),
        ["hold mart.b: upstream_failed", "hold stg.v: quarantined"]
    );
}

proptest! {
    /// The reference follows every path from what failed.
    #[test]
    fn exactly_what_is_downstream_of_a_failure_is_held(
        (sources, reads, changed) in worlds(),
        fails in prop::collection::vec(any::<bool>(), 12),
    ) {
        let mut world = build(sources, &reads, &changed);
        let is_behind = |reads: &Vec<usize>| reads.iter().any(|read| changed.contains(read));
        let mut expected: BTreeSet<String> = BTreeSet::new();
        for (table, reads) in reads.iter().enumerate() {
            let own = name(sources + table);
            let is_failed = fails[table] && is_behind(reads);
            if is_failed {
                fail(&mut world, &own);
            }
            if is_failed || reads.iter().any(|read| expected.contains(&name(*read))) {
                expected.insert(own);
            }
        }
        let graph = world.graph();
        let plan = world.plan();
        let held = plan.decisions.iter().filter(|decision| decision.action == Action::Hold);
        let held: BTreeSet<String> =
            held.map(|decision| graph.asset(decision.asset).key.to_string()).collect();
        prop_assert_eq!(held, expected);
    }
}
