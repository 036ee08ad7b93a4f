//! Forecasts: when assets will be clean, and what will be missed if nothing gets better.

use assets::policy::{Bound, Deadline};
use assets::schedule::{Schedule, parse_zone};
use chrono::TimeDelta;
use proptest::prelude::*;

use super::world::{World, key, start};
use crate::plan::{Expected, Forecast, Health};

/// `raw.a` → `stg.b` → `mart.c`, built, and then `raw.a` changed.
fn chain() -> World {
    let mut world = World::new()
        .source("raw.a")
        .table("stg.b", &["raw.a"])
        .table("mart.c", &["stg.b"]);
    world.built("stg.b", &[("raw.a", 0)], 0);
    world.built("mart.c", &[("stg.b", 0)], 0);
    world.commit("raw.a", 1);
    world
}

fn expected(usual: i64, late: i64) -> Forecast {
    Forecast::At(Expected {
        usual: start() + TimeDelta::minutes(usual),
        late: start() + TimeDelta::minutes(late),
    })
}

#[test]
fn the_way_to_a_clean_table_takes_as_long_as_its_runs() {
    let mut world = chain();
    assert_eq!(world.told("raw.a").forecast, Forecast::Clean);
    assert_eq!(world.told("mart.c").forecast, Forecast::Unknown);
    world.ran("stg.b", &[10, 10, 30]);
    world.ran("mart.c", &[5]);
    assert_eq!(world.told("stg.b").forecast, expected(10, 30));
    assert_eq!(world.told("mart.c").forecast, expected(15, 35));
    let next = world.told("mart.c").next_expected_at;
    assert_eq!(next, Some(start() + TimeDelta::minutes(15)));
    // Under way since 06:00; at 06:12 it should have ended.
    world.running("stg.b");
    world.later(12);
    assert_eq!(world.told("stg.b").forecast, expected(12, 30));
    assert_eq!(world.told("mart.c").forecast, expected(17, 35));
}

#[test]
fn what_will_come_too_late_is_at_risk_before_it_is_late() {
    let mut world = chain().with("mart.c", |asset| {
        let limit = TimeDelta::minutes(40);
        asset.freshness.max_lag = Some(Bound { limit, warn: None });
    });
    world.ran("stg.b", &[10, 10, 30]);
    world.ran("mart.c", &[5]);
    assert_eq!(world.health("mart.c").0, Health::Stale);
    world.later(6);
    let told = world.told("mart.c");
    assert_eq!(
        (told.health, told.reasons[0].code),
        (Health::AtRisk, "forecast")
    );
    let graph = world.graph();
    assert_eq!(told.root_cause, graph.index_of("stg.b"));
    world.later(35);
    assert_eq!(world.health("mart.c").0, Health::Overdue);
}

#[test]
fn a_deadline_that_nobody_will_meet_by_himself_is_at_risk() {
    let deadline = Deadline {
        schedule: Schedule::new("0 9 * * *", parse_zone("UTC").unwrap(), None).unwrap(),
        max_lag: TimeDelta::hours(1),
    };
    let mut world = chain()
        .with("mart.c", |asset| asset.freshness.deadlines.push(deadline))
        .with("stg.b", |asset| {
            asset.automation = assets::policy::Automation::Manual;
        });
    world.ran("stg.b", &[10]);
    world.ran("mart.c", &[5]);
    // Yesterday's deadline asked for nothing that is lacking.
    world.plan();
    let told = world.told("mart.c");
    assert_eq!(told.forecast, Forecast::Held);
    assert_eq!(
        (told.health, told.reasons[0].code),
        (Health::AtRisk, "forecast")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Along a chain, forecasts add up; they never lie before now, nor the late one before the
    /// usual one, and no table is clean before what it reads.
    #[test]
    fn forecasts_add_up(
        runs in prop::collection::vec(prop::collection::vec(0_i64..300, 1..25), 1..8),
        later in 0_i64..600,
    ) {
        let mut world = World::new().source("raw.a");
        let mut before = "raw.a".to_owned();
        let names: Vec<String> = (0..runs.len()).map(|number| format!("t{number}.x")).collect();
        for name in &names {
            world = world.table(name, &[&before]);
            world.built(name, &[(&before, 0)], 0);
            before.clone_from(name);
        }
        world.commit("raw.a", 1);
        world.later(later);
        let (mut usual, mut late) = (world.now, world.now);
        for (name, runs) in names.iter().zip(&runs) {
            world.ran(name, runs);
            let times = &world.memory.run_times[&key(name)];
            usual += times.usual().unwrap();
            late += times.late().unwrap();
        }
        let mut last = world.now;
        for name in &names {
            let Forecast::At(found) = world.told(name).forecast else { panic!("no forecast") };
            prop_assert!(world.now <= found.usual && found.usual <= found.late && last <= found.usual);
            last = found.usual;
        }
        prop_assert_eq!(world.told(names.last().unwrap()).forecast, Forecast::At(Expected { usual, late }));
    }
}
