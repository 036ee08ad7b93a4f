//! What people are told of an asset's health: never more than is known.

use assets::partition::{Partitions, PartitionsSpec, WindowsSpec};
use assets::version::CodeVersion;

use super::world::{World, key};
use crate::plan::Health;
use crate::state::{Basis, Consumed, ObservedState};

fn chain() -> World {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.b", &["raw.a"])
        .table("mart.c", &["stg.b"])
        .with("stg.b", |asset| {
            asset.code_version = Some(CodeVersion::new("one"));
        });
    world.built("stg.b", &[("raw.a", 0)], 0);
    world.built("mart.c", &[("stg.b", 0)], 0);
    world
}

#[test]
fn what_incorporates_everything_is_fresh_without_lag() {
    let (health, lag) = chain().health("mart.c");
    assert_eq!(health, Health::Fresh);
    assert_eq!(lag, Some(0));
}

#[test]
fn below_changed_code_nothing_is_fresh_and_nobody_knows_the_lag() {
    let mut world = chain().with("stg.b", |asset| {
        asset.code_version = Some(CodeVersion::new("two"));
    });
    assert_eq!(world.health("mart.c"), (Health::Stale, None));
}

#[test]
fn below_a_table_that_is_gone_nothing_is_fresh() {
    let mut world = chain();
    world.observe("stg.b", ObservedState::Gone);
    assert_eq!(world.health("mart.c"), (Health::Stale, None));
}

#[test]
fn below_an_unknown_source_nothing_is_fresh() {
    let mut world = chain();
    world.unknown("raw.a");
    assert_eq!(world.health("mart.c"), (Health::Unknown, None));
}

#[test]
fn what_nobody_knows_of_an_input_is_neither_lacking_nor_fresh() {
    let mut world = chain();
    world.later(1);
    world.commit("raw.a", 1);
    let consumed = world.memory.consumption.get_mut(&key("stg.b")).unwrap();
    consumed.insert(key("raw.a"), Consumed::whole(None, Basis::Unknown));
    assert_eq!(world.decisions(), Vec::<String>::new());
    assert_eq!(world.health("stg.b"), (Health::Unknown, None));
    assert_eq!(world.health("mart.c"), (Health::Unknown, None));
    // Another input that changed is reason enough, and the run then says what it read.
    let consumed = world.memory.consumption.get_mut(&key("stg.b")).unwrap();
    consumed.insert(key("raw.a"), Consumed::whole(None, Basis::CommitTime));
    assert_eq!(world.decisions()[1], "run stg.b: upstream_changed");
}

#[test]
fn of_partitions_the_same() {
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-02-26".to_owned(),
        ..WindowsSpec::default()
    };
    let days = Partitions::check(&PartitionsSpec::Daily(windows)).unwrap();
    let mut world = World::new()
        .source("raw.a")
        .table("mart.b", &["raw.a"])
        .with("mart.b", |asset| asset.partitions = Some(days));
    world.built("mart.b", &[("raw.a", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
    let consumed = world.memory.consumption.get_mut(&key("mart.b")).unwrap();
    consumed.insert(key("raw.a"), Consumed::whole(None, Basis::Unknown));
    assert_eq!(world.decisions(), Vec::<String>::new());
    assert_eq!(world.health("mart.b"), (Health::Unknown, None));
}

#[test]
fn below_a_source_that_is_gone_nothing_is_fresh() {
    let mut world = chain();
    world.observe("raw.a", ObservedState::Gone);
    assert_eq!(world.health("mart.c"), (Health::Unknown, None));
    let told = world.told("mart.c");
    assert_eq!(told.reasons[0].code, "upstream_absent");
    assert_eq!(
        told.reasons[0].message,
        "the table of `raw.a` upstream of it does not exist"
    );
}

#[test]
fn what_lacks_something_of_a_source_that_is_gone_is_stale_for_sure() {
    let mut world = chain();
    world.later(1);
    world.commit("raw.a", 1);
    world.observe("raw.a", ObservedState::Gone);
    world.later(1);
    assert_eq!(world.health("stg.b"), (Health::Stale, Some(60)));
    assert_eq!(world.health("mart.c"), (Health::Stale, Some(60)));
}
