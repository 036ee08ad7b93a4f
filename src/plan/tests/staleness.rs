//! What makes an asset stale, and what does not.

use assets::AssetKind;
use assets::policy::CodeChanges;
use assets::version::{CodeVersion, TableId, TableVersion};

use super::world::{World, at, key};
use crate::plan::{Reason, sentence};
use crate::state::{Basis, ObservedState};

fn pair() -> World {
    let mut world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    world.built("mart.b", &[("raw.a", 0)], 0);
    world
}

#[test]
fn what_incorporates_everything_is_left_alone() {
    assert_eq!(pair().decisions(), Vec::<String>::new());
}

#[test]
fn a_newer_upstream_commit_makes_stale_and_carries_both_versions() {
    let mut world = pair();
    world.later(1);
    world.commit("raw.a", 3);
    let plan = world.plan();
    assert_eq!(plan.requests.len(), 1);
    assert_eq!(plan.requests[0].inputs[&key("raw.a")], Some(at("raw.a", 3)));
    assert_eq!(
        plan.requests[0].consumed[&key("raw.a")],
        Some(at("raw.a", 0))
    );
    assert_eq!(
        plan.decisions[0].reasons,
        vec![Reason::UpstreamChanged {
            upstream: key("raw.a"),
            consumed: Some(at("raw.a", 0)),
            basis: Some(Basis::Run),
            current: at("raw.a", 3),
            since: Some(world.now),
        }]
    );
}

#[test]
fn a_missing_table_is_built_once_its_inputs_exist() {
    let mut world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    world.observe("mart.b", ObservedState::Absent);
    assert_eq!(world.decisions(), ["run mart.b: missing"]);
    world.observe("raw.a", ObservedState::Absent);
    assert_eq!(world.decisions(), ["hold mart.b: upstream_missing"]);
}

#[test]
fn what_was_built_and_is_gone_is_not_said_to_have_never_been_built() {
    let mut world = pair();
    let built_at = world.now;
    world.later(1);
    world.observe("mart.b", ObservedState::Gone);
    let gone = Reason::Missing {
        built_at: Some(built_at),
    };
    let plan = world.plan();
    assert_eq!(plan.decisions[0].reasons, std::slice::from_ref(&gone));
    assert_eq!(
        sentence(&gone),
        "it is gone, and was last built at 2026-03-01T06:00:00Z"
    );
    // One that nobody ever built was not there before.
    world.memory.builds.clear();
    let never = Reason::Missing { built_at: None };
    assert_eq!(world.plan().decisions[0].reasons[0], never);
}

#[test]
fn a_chain_of_missing_tables_is_built_from_its_head() {
    let mut world = World::new()
        .source("raw.a")
        .table("mart.b", &["raw.a"])
        .table("mart.c", &["mart.b"]);
    world.observe("mart.b", ObservedState::Absent);
    world.observe("mart.c", ObservedState::Absent);
    assert_eq!(
        world.decisions(),
        ["run mart.b: missing", "wait mart.c: upstream_missing"]
    );
}

#[test]
fn another_incarnation_voids_what_was_consumed_whatever_its_version() {
    let mut world = pair();
    let commits = world.memory.commits.get_mut(&key("raw.a")).unwrap();
    commits.clear();
    world.commit("raw.a", 0);
    let commits = world.memory.commits.get_mut(&key("raw.a")).unwrap();
    commits[0].version = TableVersion {
        table_id: TableId::new("second"),
        version: 0,
    };
    assert_eq!(world.decisions(), ["run mart.b: upstream_recreated"]);
}

#[test]
fn changed_code_rebuilds_a_table_and_only_marks_an_incremental_model() {
    for (kind, expected) in [
        (AssetKind::Table, vec!["run mart.b: code_changed"]),
        (AssetKind::Incremental, vec![]),
    ] {
        let mut world = World::new()
            .source("raw.a")
            .asset("mart.b", kind, &["raw.a"]);
        world = world.with("mart.b", |asset| {
            asset.code_version = Some(CodeVersion::new("one"));
        });
        world.built("mart.b", &[("raw.a", 0)], 0);
        world = world.with("mart.b", |asset| {
            asset.code_version = Some(CodeVersion::new("two"));
        });
        assert_eq!(world.decisions(), expected, "{kind}");
        world = world.with("mart.b", |asset| asset.code_changes = CodeChanges::Ignore);
        assert_eq!(world.decisions(), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn changes_pass_through_views_to_what_has_a_table() {
    let mut world = World::new()
        .source("raw.a")
        .asset("stg.v", AssetKind::View, &["raw.a"])
        .table("mart.b", &["stg.v"]);
    world.built("mart.b", &[("raw.a", 0)], 0);
    assert_eq!(world.decisions(), Vec::<String>::new());
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn a_view_with_other_code_is_built_before_what_reads_through_it() {
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
    assert_eq!(
        world.decisions(),
        ["wait mart.b: view_stale", "run stg.v: code_changed"]
    );
}

#[test]
fn what_nobody_here_builds_is_never_requested() {
    let mut world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    world = world.with("mart.b", |asset| asset.task = None);
    world.built("mart.b", &[("raw.a", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), Vec::<String>::new());
}
