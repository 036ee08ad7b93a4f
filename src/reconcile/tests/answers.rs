//! What an answer of the service means depends on when it was asked for, who has the lease by then,
//! and whether the service has told its workspace and its time at all.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::fake::{Fault, Shared};
use super::traps::Side::Before;
use super::traps::Spring;
use super::world::Sim;
use crate::execute::{CORRELATION, correlation};
use crate::ports::{JobsError, RunRequest, State, StateError};
use crate::state::IntentState;
use crate::store::Store;

fn missing() -> Sim {
    Sim::new().source("src").table("mid", &["src"])
}

fn silence() -> JobsError {
    JobsError::Unanswered("timed out".to_owned())
}

fn calls(sim: &Sim, of: &str) -> usize {
    let shared = sim.fake.get();
    shared.calls.iter().filter(|c| c.starts_with(of)).count()
}

#[test]
fn fault_26_47_a_process_that_slept_on_a_not_found_does_not_take_a_young_run_for_a_forgotten_one() {
    let mut sim = missing();
    sim.fake.get().visible_after = TimeDelta::minutes(1);
    sim.pass();
    // The run is a second old and does not show up; the laptop is closed on the way to knowing it.
    let sleep = |shared: &mut Shared| {
        shared.now += TimeDelta::hours(8);
        shared.monotonic += Duration::from_hours(8);
    };
    sim.fake.get().during_poll.push_back(Box::new(sleep));
    let report = sim.pass();
    assert!(report.settled.is_empty(), "{:?}", report.settled);
    let intent = sim.intent();
    assert_eq!((intent.state, intent.attempt), (IntentState::Running, 1));
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.runs(), 1);
}

/// Another process takes over, stamps the attempt again, and gets its run.
fn succeed(sim: &Sim, is_recorded: bool) -> impl FnOnce(&Store) + Send + 'static {
    let fake = sim.fake.clone();
    move |store| {
        let mut shared = fake.get();
        shared.now += TimeDelta::hours(1);
        shared.monotonic += Duration::from_hours(1);
        let now = shared.now;
        let lease = store.acquire_lease("another", now, TimeDelta::minutes(2));
        let intent = store.load().unwrap().open_intents.into_values().next();
        let (lease, intent) = (lease.unwrap(), intent.unwrap());
        let stamped = store.stamp(&lease, &intent.id, intent.attempt, now, now);
        assert!(stamped.unwrap());
        let told = correlation(&intent.id, intent.attempt);
        let run = shared.start(&RunRequest {
            job_id: 2,
            token: intent.token,
            parameters: [(CORRELATION.to_owned(), told)].into(),
            task_key: None,
        });
        if is_recorded {
            let recorded = store.record_run(&intent.id, intent.attempt, run, None, now);
            assert!(recorded.unwrap());
        }
    }
}

#[test]
fn fault_12_a_refusal_that_comes_back_after_a_successor_sent_the_attempt_does_not_close_it() {
    let refusals = [
        JobsError::Refused("bad parameters".to_owned()),
        JobsError::NotFound("no such job".to_owned()),
        JobsError::TokenRunDeleted("deleted".to_owned()),
    ];
    for refusal in refusals {
        for is_recorded in [false, true] {
            let mut sim = missing();
            sim.fault(Fault::Answer(refusal.clone()));
            let other = Spring::Act(Box::new(succeed(&sim, is_recorded)));
            sim.state.set(Before, "settle_refused", other);
            let late = sim.try_pass();
            assert!(
                matches!(late, Err(StateError::LeaseLost { .. })),
                "{late:?}"
            );
            assert!(
                sim.intent().state.is_open(),
                "{refusal}: its run is under way"
            );
            sim.restart();
            sim.pass();
            assert_eq!(sim.intent().state, IntentState::Running, "{refusal}");
            sim.finish("mid");
            assert_eq!(sim.converge(), 0, "{refusal}");
            assert_eq!(sim.runs(), 1, "{refusal}");
        }
    }
}

#[test]
fn fault_14_60_nothing_is_intended_or_sent_before_the_service_told_its_workspace() {
    let mut sim = missing();
    {
        let mut shared = sim.fake.get();
        shared.workspace = None;
        shared.untold_workspace = Some("w1".to_owned());
        shared.has_told_time = false;
        // The service's clock is another one than ours.
        shared.offset = TimeDelta::hours(3);
        shared.job_faults.push_back(silence());
    }
    let report = sim.pass();
    assert!(report.is_remote_unavailable);
    assert_eq!((report.in_flight, report.triggered.len()), (0, 0));
    assert!(sim.memory().open_intents.is_empty());
    sim.pass();
    assert_eq!(
        sim.state.store.pinned_workspace().unwrap().as_deref(),
        Some("w1")
    );
    let intent = sim.intent();
    let service_now: DateTime<Utc> = sim.fake.get().service_now();
    assert_eq!(intent.created_at, service_now, "by the service's clock");
    assert_eq!(calls(&sim, "run_now"), 1);

    // The next process has what was not answered to send again, and the host is another workspace.
    let mut sim = missing();
    sim.fault(Fault::LostAnswer);
    sim.pass();
    {
        let mut shared = sim.fake.get();
        shared.workspace = None;
        shared.untold_workspace = Some("w2".to_owned());
        shared.ledger.clear();
        shared.tokens.clear();
        shared.calls.clear();
        shared.job_faults.push_back(silence());
    }
    sim.restart();
    assert!(sim.pass().is_remote_unavailable);
    assert_eq!(calls(&sim, "run_now"), 0);
    let refused = sim.try_pass();
    assert!(
        matches!(refused, Err(StateError::OtherWorkspace { .. })),
        "{refused:?}"
    );
    assert_eq!((calls(&sim, "run_now"), sim.runs()), (0, 0));
}

#[test]
fn fault_47_an_uncertain_attempt_is_looked_up_although_our_wall_clock_is_hours_behind() {
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        let has_run = fault == Fault::LostAnswer;
        let mut sim = missing();
        sim.fault(fault);
        sim.pass();
        sim.later(25 * 3600);
        sim.fake.get().poll_faults.push_back(silence());
        sim.pass();
        assert_eq!(sim.intent().state, IntentState::Uncertain);
        // The next process begins with a clock at which nothing was sent yet.
        {
            let mut shared = sim.fake.get();
            shared.now -= TimeDelta::hours(30);
            shared.offset += TimeDelta::hours(30);
            shared.has_told_time = false;
        }
        sim.restart();
        sim.pass();
        let intent = sim.intent();
        let expected = if has_run {
            (IntentState::Running, 1)
        } else {
            (IntentState::Pending, 2)
        };
        assert_eq!((intent.state, intent.attempt), expected);
        if has_run {
            sim.finish("mid");
        }
        assert_eq!(sim.converge(), usize::from(!has_run));
        assert_eq!(sim.runs(), 1);
    }
}
