//! Whoever waits for the end of a reconciliation is told when there is nothing left to wait for.

use std::time::Duration;

use assets::policy::{Automation, Consistency, OnChange, Pacing};
use assets::schedule::{Schedule, parse_zone};
use chrono::TimeDelta;

use super::fake::Fault;
use super::world::Sim;
use crate::ports::JobsError;
use crate::reconcile::{Followed, follow};

fn followed(sim: &mut Sim) -> Followed {
    let report = sim.pass();
    let now = sim.fake.get().now;
    follow(&report, None, now, 0)
}

#[test]
fn it_goes_on_while_runs_are_under_way_and_ends_when_all_is_fresh() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    assert!(matches!(followed(&mut sim), Followed::Again(_)));
    assert!(matches!(followed(&mut sim), Followed::Again(_)));
    sim.finish("mid");
    assert!(
        matches!(followed(&mut sim), Followed::Again(_)),
        "settled now"
    );
    assert_eq!(followed(&mut sim), Followed::Settled);
}

#[test]
fn it_waits_for_what_ends_by_itself() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.converge();
    sim.change("mid", |asset| {
        asset.automation = Automation::OnChange(OnChange {
            pacing: Pacing {
                settle: Some(TimeDelta::seconds(3)),
                ..Pacing::default()
            },
            ..OnChange::default()
        });
    });
    sim.write("src");
    assert_eq!(followed(&mut sim), Followed::Again(Duration::from_secs(2)));
}

#[test]
fn nobody_waits_for_a_schedule() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.converge();
    sim.change("mid", |asset| {
        asset.automation = Automation::OnSchedule {
            schedule: Schedule::new("0 0 1 1 *", parse_zone("UTC").unwrap(), None).unwrap(),
            pacing: Pacing::default(),
        };
    });
    sim.write("src");
    assert_eq!(followed(&mut sim), Followed::Settled);
    assert_eq!(sim.runs(), 1, "the first one");
}

#[test]
fn it_gives_up_on_what_a_person_has_to_mend() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.pass();
    sim.fail("mid", false);
    sim.pass();
    assert_eq!(followed(&mut sim), Followed::Stuck);
}

#[test]
fn it_gives_up_on_a_request_that_cannot_be_written_down() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.change("mid", |asset| {
        let binding = asset.task.as_mut().unwrap();
        let template = "{{ inputs[\"nothing\"].version }}".to_owned();
        binding.parameters.insert("p".to_owned(), template);
    });
    let report = sim.pass();
    assert!(report.has_failures());
    assert_eq!(report.in_flight, 0);
    assert_eq!(followed(&mut sim), Followed::Stuck);
    assert_eq!(sim.runs(), 0);
}

#[test]
fn it_waits_for_the_end_of_patience() {
    let mut sim = Sim::new().source("src").source("other");
    sim = sim.table("mid", &["other", "src"]).with("mid", |asset| {
        let proceed_after = Some(TimeDelta::seconds(4));
        asset.consistency = Consistency::Settled { proceed_after };
    });
    sim.converge();
    sim.write("src");
    let torn = sim.write("other");
    sim.log("other", |log| log.torn = Some(torn));
    assert_eq!(followed(&mut sim), Followed::Again(Duration::from_secs(4)));
    sim.later(4);
    assert!(matches!(followed(&mut sim), Followed::Again(_)));
    assert!(sim.is_running("mid"));
}

#[test]
fn it_gives_up_on_an_attempt_of_which_nobody_can_ever_tell() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.fake.get().takes_correlation = false;
    sim.fault(Fault::LostAnswer);
    sim.pass();
    sim.later(25 * 3600);
    sim.take_lease();
    assert_eq!(followed(&mut sim), Followed::Stuck);
}

#[test]
fn it_does_not_sleep_as_long_as_anybody_may_ask_for() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.fault(Fault::Answer(JobsError::RateLimited {
        message: "too many requests".to_owned(),
        retry_after: Some(Duration::MAX),
    }));
    assert_eq!(followed(&mut sim), Followed::Again(Duration::from_mins(5)));
}
