//! Automation modifiers, limits, order, and laws over random graphs.

use assets::policy::{Bound, OnChange, UpdatesOn};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::world::{World, key, start};

fn pair() -> World {
    let mut world = World::new().source("raw.a").table("mart.b", &["raw.a"]);
    world.built("mart.b", &[("raw.a", 0)], 0);
    world
}

#[test]
fn fault_32_settle_waits_for_quiet_inputs_but_not_for_ever() {
    let mut world = pair().on_change("mart.b", |on| {
        on.pacing.settle = Some(TimeDelta::minutes(5));
    });
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: settling"]);
    let mut version = 1;
    // A commit every four minutes never lets it rest; ten times the settle is the end of patience.
    while world.now < start() + TimeDelta::minutes(49) {
        world.later(4);
        version += 1;
        world.commit("raw.a", version);
        assert_eq!(
            world.decisions(),
            ["wait mart.b: settling"],
            "{}",
            world.now
        );
    }
    world.later(4);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn settle_never_waits_beyond_half_of_the_lag_that_is_allowed() {
    let mut world = pair()
        .on_change("mart.b", |on| {
            on.pacing.settle = Some(TimeDelta::minutes(5));
        })
        .with("mart.b", |asset| {
            let limit = TimeDelta::minutes(6);
            asset.freshness.max_lag = Some(Bound { limit, warn: None });
        });
    world.later(1);
    world.commit("raw.a", 1);
    world.later(2);
    assert_eq!(world.decisions(), ["wait mart.b: settling"]);
    world.later(1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn every_bounds_how_often_and_tolerance_how_soon() {
    let mut world = pair().on_change("mart.b", |on| {
        on.pacing.every = Some(TimeDelta::minutes(60));
    });
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: too_soon"]);
    world.later(59);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);

    let mut world = pair().on_change("mart.b", |on| {
        on.pacing.tolerance = Some(TimeDelta::minutes(10));
    });
    world.later(1);
    world.commit("raw.a", 1);
    world.later(9);
    assert_eq!(world.decisions(), ["wait mart.b: tolerated"]);
    world.later(1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn nobody_waits_for_the_clock_of_another_to_come_true() {
    let wait = |change: fn(&mut OnChange)| {
        let mut world = pair().on_change("mart.b", change);
        world.later(1);
        world
    };
    let years = TimeDelta::days(3650);
    for ahead in [
        TimeDelta::hours(1),
        years,
        DateTime::<Utc>::MAX_UTC - start(),
    ] {
        let mut settling = wait(|on_change| on_change.pacing.settle = Some(TimeDelta::minutes(5)));
        let mut tolerant =
            wait(|on_change| on_change.pacing.tolerance = Some(TimeDelta::days(3650)));
        for world in [&mut settling, &mut tolerant] {
            let now = std::mem::replace(&mut world.now, start() + ahead);
            world.commit("raw.a", 1);
            world.now = now;
            assert_eq!(
                world.decisions(),
                ["run mart.b: upstream_changed"],
                "{ahead}"
            );
        }
        let mut often = wait(|on_change| on_change.pacing.every = Some(TimeDelta::days(3650)));
        often.commit("raw.a", 1);
        let mart = often.memory.builds.get_mut(&key("mart.b")).unwrap();
        mart.last_success_at = Some(start() + ahead);
        assert_eq!(
            often.decisions(),
            ["run mart.b: upstream_changed"],
            "{ahead}"
        );
    }
}

#[test]
fn the_longest_waits_are_waited_and_overflow_nothing() {
    let mut world = pair().on_change("mart.b", |on_change| {
        on_change.pacing.every = Some(TimeDelta::MAX);
    });
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: too_soon"]);
    let mut world = pair().on_change("mart.b", |on_change| {
        on_change.pacing.tolerance = Some(TimeDelta::MAX);
    });
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: tolerated"]);
    let mut world = pair().on_change("mart.b", |on_change| {
        on_change.pacing.settle = Some(TimeDelta::MAX);
    });
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: settling"]);
}

#[test]
fn updates_on_all_waits_for_every_direct_input() {
    let mut world = World::new()
        .source("raw.a")
        .source("raw.c")
        .table("mart.b", &["raw.a", "raw.c"])
        .on_change("mart.b", |on| on.updates_on = UpdatesOn::All);
    world.built("mart.b", &[("raw.a", 0), ("raw.c", 0)], 0);
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.decisions(), ["wait mart.b: not_all_changed"]);
    world.commit("raw.c", 1);
    assert_eq!(world.decisions(), ["run mart.b: upstream_changed"]);
}

#[test]
fn fault_61_limits_are_reasons_and_more_important_tiers_go_first() {
    let mut world = World::new().source("raw.a");
    for name in ["mart.x", "mart.y", "mart.z"] {
        world = world.table(name, &["raw.a"]);
        world.built(name, &[("raw.a", 0)], 0);
    }
    world = world.with("mart.z", |asset| asset.tier = Some(1));
    world.limits.max_concurrent_runs = 2;
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(
        world.decisions(),
        [
            "run mart.x: upstream_changed",
            "wait mart.y: limit",
            "run mart.z: upstream_changed"
        ]
    );
    assert_eq!(world.plan().requests[0].asset, key("mart.z"));
    world.running("mart.z");
    assert_eq!(
        world.decisions(),
        [
            "run mart.x: upstream_changed",
            "wait mart.y: limit",
            "wait mart.z: in_flight"
        ]
    );
}

#[test]
fn one_pass_begins_as_many_runs_as_it_may_and_the_next_one_goes_on() {
    let mut world = World::new().source("raw.a");
    for name in ["mart.x", "mart.y", "mart.z"] {
        world = world.table(name, &["raw.a"]);
        world.built(name, &[("raw.a", 0)], 0);
    }
    world.limits.max_runs_per_pass = Some(2);
    world.later(1);
    world.commit("raw.a", 1);
    assert_eq!(world.plan().requests.len(), 2);
    assert_eq!(world.decisions()[2], "wait mart.z: limit");
    world.running("mart.x");
    world.running("mart.y");
    assert_eq!(world.decisions()[2], "run mart.z: upstream_changed");
}

#[test]
fn more_runs_than_may_begin_unconfirmed_begin_none() {
    let mut world = World::new().source("raw.a");
    for name in ["mart.x", "mart.y", "mart.z"] {
        world = world.table(name, &["raw.a"]);
        world.built(name, &[("raw.a", 0)], 0);
    }
    world.later(1);
    world.commit("raw.a", 1);
    world.limits.confirm_above = Some(3);
    assert_eq!(world.plan().requests.len(), 3);
    world.limits.confirm_above = Some(2);
    assert!(world.plan().requests.is_empty());
    assert_eq!(
        world.decisions(),
        [
            "wait mart.x: mass_change",
            "wait mart.y: mass_change",
            "wait mart.z: mass_change"
        ]
    );
}

/// A random layered world: sources, then tables that read earlier assets; some sources committed.
pub(super) fn worlds() -> impl Strategy<Value = (usize, Vec<Vec<usize>>, Vec<usize>)> {
    (2..4_usize, 1..12_usize).prop_flat_map(|(sources, tables)| {
        let reads: Vec<_> = (0..tables)
            .map(|table| prop::collection::vec(0..sources + table, 1..4))
            .collect();
        (
            Just(sources),
            reads,
            prop::collection::vec(0..sources, 0..4),
        )
    })
}

pub(super) fn name(index: usize) -> String {
    format!("x.a{index:03}")
}

pub(super) fn build(sources: usize, reads: &[Vec<usize>], changed: &[usize]) -> World {
    let mut world = World::new();
    for source in 0..sources {
        world = world.source(&name(source));
    }
    for (table, reads) in reads.iter().enumerate() {
        let mut reads: Vec<String> = reads.iter().map(|read| name(*read)).collect();
        reads.sort();
        reads.dedup();
        let reads: Vec<&str> = reads.iter().map(String::as_str).collect();
        world = world.table(&name(sources + table), &reads);
        let inputs: Vec<(&str, u64)> = reads.iter().map(|read| (*read, 0)).collect();
        world.built(&name(sources + table), &inputs, 0);
    }
    world.later(1);
    for source in changed {
        let version = world.memory.commits[&key(&name(*source))].len();
        world.commit(&name(*source), u64::try_from(version).unwrap());
    }
    world
}

proptest! {
    #[test]
    fn the_plan_is_the_same_for_shuffled_assets((sources, reads, changed) in worlds()) {
        let mut world = build(sources, &reads, &changed);
        let plan = world.plan();
        world.assets.reverse();
        prop_assert_eq!(world.plan().requests, plan.requests);
    }

    #[test]
    fn planning_again_with_its_own_requests_in_flight_plans_nothing(
        (sources, reads, changed) in worlds()
    ) {
        let mut world = build(sources, &reads, &changed);
        for request in world.plan().requests {
            world.running(request.asset.as_str());
        }
        prop_assert_eq!(world.plan().requests, vec![]);
    }

    #[test]
    fn running_what_is_planned_converges_upstream_first_and_each_once(
        (sources, reads, changed) in worlds()
    ) {
        let mut world = build(sources, &reads, &changed);
        let mut runs: Vec<String> = Vec::new();
        for _ in 0..=reads.len() {
            let plan = world.plan();
            if plan.requests.is_empty() {
                break;
            }
            world.later(1);
            for request in plan.requests {
                let asset = request.asset.to_string();
                // Upstream first: nothing that was built reads something that still has to be.
                prop_assert!(!runs.contains(&asset), "{} ran twice", asset);
                let inputs: Vec<(String, u64)> = request
                    .inputs
                    .iter()
                    .map(|(input, version)| {
                        (input.to_string(), version.as_ref().unwrap().version)
                    })
                    .collect();
                let inputs: Vec<(&str, u64)> =
                    inputs.iter().map(|(input, version)| (input.as_str(), *version)).collect();
                let version = world.memory.commits[&request.asset].len();
                world.built(&asset, &inputs, u64::try_from(version).unwrap());
                runs.push(asset);
            }
        }
        prop_assert_eq!(world.decisions(), Vec::<String>::new());
        // Exactly the closure of what changed was run.
        let graph = world.graph();
        let roots: Vec<_> =
            changed.iter().map(|source| graph.index_of(&name(*source)).unwrap()).collect();
        let mut closure: Vec<String> = graph
            .descendants_of(&roots)
            .into_iter()
            .map(|index| graph.asset(index).key.to_string())
            .filter(|asset| !roots.iter().any(|root| graph.asset(*root).key.as_str() == asset))
            .collect();
        closure.sort();
        runs.sort();
        prop_assert_eq!(runs, closure);
    }
}
