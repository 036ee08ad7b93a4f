//! Schedules and deadlines through whole passes and the real state.

use assets::policy::{Automation, Deadline, Pacing};
use assets::schedule::{Schedule, parse_zone};
use chrono::TimeDelta;

use super::world::{Sim, key, start};
use crate::plan::Health;

fn schedule(expression: &str) -> Schedule {
    Schedule::new(expression, parse_zone("UTC").unwrap(), None).unwrap()
}

fn on_schedule(expression: &str) -> Automation {
    Automation::OnSchedule {
        schedule: schedule(expression),
        pacing: Pacing::default(),
    }
}

#[test]
fn what_reads_nothing_runs_once_for_each_instant_also_when_nobody_looked() {
    let mut sim = Sim::new().table("api", &[]);
    sim.change("api", |asset| {
        asset.automation = on_schedule("*/10 * * * *");
    });
    sim.pass();
    sim.later(600);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.finish("api");
    for _ in 0..4 {
        sim.later(60);
        sim.pass();
    }
    assert_eq!(sim.runs(), 1, "four minutes later");
    sim.later(600);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    // It runs for half an hour: the instants in between are one run more.
    sim.later(1800);
    sim.finish("api");
    sim.pass();
    sim.pass();
    assert_eq!(sim.runs(), 3);
    let known = sim.memory();
    let times = &known.run_times[&key("api")];
    assert!(times.late() >= Some(TimeDelta::minutes(30)), "{times:?}");
}

#[test]
fn a_run_that_is_decided_on_at_an_instant_is_the_run_of_it_whatever_the_service_says_of_the_time() {
    let mut sim = Sim::new().table("api", &[]);
    sim.change("api", |asset| asset.automation = on_schedule("0 * * * *"));
    sim.pass();
    // The very second of the instant.
    let next = schedule("0 * * * *").next(start()).unwrap();
    sim.later((next - start()).num_seconds());
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.finish("api");
    sim.pass();
    sim.later(60);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    assert!(sim.build("api").begun_at >= Some(next));
}

#[test]
fn the_verdict_on_a_deadline_is_on_record_after_the_pass_that_found_it() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.converge();
    sim.change("mid", |asset| {
        asset.automation = Automation::Manual;
        asset.freshness.deadlines.push(Deadline {
            schedule: schedule("0 0 * * *"),
            max_lag: TimeDelta::hours(1),
        });
    });
    sim.write("src");
    sim.later(86_400);
    sim.pass();
    let missed = sim.memory().deadlines[&key("mid")];
    assert!(!missed.is_met);
    assert_eq!(sim.health("mid").health, Health::Overdue);
    sim.change("mid", |asset| asset.automation = Automation::default());
    sim.converge();
    assert_eq!(sim.health("mid").health, Health::Fresh);
    assert_eq!(sim.memory().deadlines[&key("mid")], missed);
}
