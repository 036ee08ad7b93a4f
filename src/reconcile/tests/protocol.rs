//! Crashes, lost answers and lost leases: one run per attempt, whatever happens.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::fake::Fault;
use super::traps::Side::{After, Before};
use super::traps::Spring;
use super::world::Sim;
use crate::execute::Sent;
use crate::ports::{JobsError, State, StateError};
use crate::state::IntentState;

fn missing() -> Sim {
    Sim::new().source("src").table("mid", &["src"])
}

/// At most one run carries the correlation of an attempt, and every token made one run.
fn check_ledger(sim: &Sim) {
    let shared = sim.fake.get();
    let attempts: BTreeSet<_> = shared
        .ledger
        .iter()
        .map(|found| found.run.parameters[crate::execute::CORRELATION].clone())
        .collect();
    assert_eq!(attempts.len(), shared.ledger.len());
}

#[test]
fn fault_01_02_03_05_a_crash_between_any_two_steps_is_repaired_by_the_next_pass() {
    let steps = [
        (Before, "intend"),
        (After, "intend"),
        (Before, "stamp"),
        (After, "stamp"),
        // The run exists, and nobody knows.
        (Before, "record_run"),
        (After, "record_run"),
        (Before, "finish_pass"),
    ];
    for (side, step) in steps {
        let mut sim = missing();
        sim.state.set(side, step, Spring::Crash);
        sim.crash();
        sim.pass();
        assert_eq!(sim.runs(), 1, "{side:?} {step}");
        assert_eq!(sim.intent().state, IntentState::Running);
        sim.finish("mid");
        assert_eq!(sim.converge(), 0, "{side:?} {step}");
        assert_eq!(sim.consumption("mid", "src"), "v0 by run");
        check_ledger(&sim);
    }
}

#[test]
fn fault_06_a_crash_around_the_end_of_a_run_is_repaired_by_the_next_pass() {
    let steps = [
        (Before, "record_sightings"),
        (After, "record_sightings"),
        (Before, "settle"),
        (After, "settle"),
    ];
    for (side, step) in steps {
        for names_runs in [true, false] {
            let mut sim = missing();
            sim.names_runs = names_runs;
            sim.pass();
            sim.finish("mid");
            sim.state.set(side, step, Spring::Crash);
            sim.crash();
            assert_eq!(sim.converge(), 0, "{side:?} {step}");
            assert_eq!(sim.consumption("mid", "src"), "v0 by run");
            assert!(!sim.build("mid").is_adopted);
        }
    }
}

#[test]
fn fault_04_a_lost_answer_leaves_one_run() {
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        let mut sim = missing();
        sim.fault(fault);
        let report = sim.pass();
        assert!(report.is_remote_unavailable);
        assert_eq!(sim.intent().state, IntentState::Sending);
        sim.pass();
        assert_eq!(sim.intent().state, IntentState::Running);
        assert_eq!(sim.runs(), 1);
        sim.finish("mid");
        assert_eq!(sim.converge(), 0);
    }
}

#[test]
fn fault_07_a_request_that_arrives_after_its_repetition_finds_its_token_used() {
    for seconds in [20, 120, 299] {
        let mut sim = missing();
        sim.fault(Fault::Late(seconds));
        sim.pass();
        sim.later(10);
        sim.pass();
        assert_eq!(sim.intent().state, IntentState::Running);
        sim.later(seconds);
        assert_eq!(sim.runs(), 1, "{seconds}");
        sim.finish("mid");
        assert_eq!(sim.converge(), 0, "{seconds}");
        check_ledger(&sim);
    }
}

#[test]
fn a_run_that_ended_before_its_answer_arrived_is_settled() {
    let mut sim = missing();
    sim.fault(Fault::LostAnswer);
    sim.pass();
    sim.finish("mid");
    sim.pass();
    assert_eq!(sim.runs(), 1);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
}

#[test]
fn fault_16_18_a_plea_for_patience_stops_sending_and_loses_no_answer() {
    let mut sim = Sim::new().source("src");
    let names: Vec<String> = (10..30).map(|number| format!("t{number}")).collect();
    for name in &names {
        sim = sim.table(name, &["src"]);
    }
    let retry_after = Some(Duration::from_secs(30));
    let message = "slow down".to_owned();
    sim.fault(Fault::Answer(JobsError::RateLimited {
        message,
        retry_after,
    }));
    let report = sim.pass();
    assert!(report.is_remote_unavailable);
    let limited = |sent: &Sent| {
        matches!(
            sent,
            Sent::RateLimited {
                retry_after: Some(_),
                ..
            }
        )
    };
    assert!(report.triggered.iter().any(|t| limited(&t.sent)));
    assert!(sim.runs() < 20, "it went on: {}", sim.runs());
    assert_eq!(
        report.started().count(),
        sim.runs(),
        "an answer was dropped"
    );
    assert_eq!(report.in_flight, 20);
    sim.later(30);
    sim.pass();
    assert_eq!(sim.runs(), 20);
    check_ledger(&sim);
}

#[test]
fn without_credentials_nothing_is_closed() {
    let mut sim = missing();
    let denied = JobsError::Unauthenticated {
        message: "token expired".to_owned(),
        hint: "log in".to_owned(),
    };
    sim.fault(Fault::Answer(denied.clone()));
    let report = sim.pass();
    assert!(report.denied.is_some());
    assert_eq!(report.in_flight, 1);
    assert!(sim.intent().state.is_open());
    sim.fake.get().job_faults.push_back(denied);
    sim.pass();
    assert!(sim.intent().state.is_open());
    assert_eq!(sim.converge(), 1);
}

#[test]
fn fault_22_a_definite_refusal_closes_the_intent_and_holds_what_is_downstream() {
    let forbidden = JobsError::Forbidden {
        message: "no".to_owned(),
        hint: "grant CAN_MANAGE_RUN".to_owned(),
    };
    let refusals = [
        forbidden,
        JobsError::NotFound("no such job".to_owned()),
        JobsError::Refused("bad parameters".to_owned()),
    ];
    for refusal in refusals {
        let mut sim = missing().table("top", &["mid"]);
        sim.fault(Fault::Answer(refusal));
        let report = sim.pass();
        assert!(report.has_failures());
        assert_eq!(report.in_flight, 0);
        assert_eq!(
            sim.decisions(),
            ["hold mid: quarantined", "hold top: upstream_failed"]
        );
        assert_eq!(sim.runs(), 0);
        sim.write("src");
        assert_eq!(sim.converge(), 2, "a new input lifts it");
    }
}

#[test]
fn a_refusal_is_not_believed_of_a_request_that_may_have_had_its_effect() {
    let refusal = || JobsError::NotFound("no such job".to_owned());
    for before_stamp in [false, true] {
        let mut sim = missing();
        sim.fault(Fault::LostAnswer);
        sim.pass();
        if before_stamp {
            sim.fake.get().job_faults.push_back(refusal());
        } else {
            sim.fault(Fault::Answer(refusal()));
        }
        sim.pass();
        assert!(sim.intent().state.is_open(), "its run is under way");
        sim.later(600);
        sim.pass();
        assert_eq!(sim.intent().state, IntentState::Running);
        sim.finish("mid");
        assert_eq!(sim.converge(), 0);
        assert_eq!(sim.runs(), 1);
    }
}

#[test]
fn fault_09_a_token_whose_run_was_deleted_counts_as_cancelled() {
    let mut sim = missing();
    sim.fault(Fault::Answer(JobsError::TokenRunDeleted(
        "deleted".to_owned(),
    )));
    sim.pass();
    assert_eq!(sim.build("mid").failure.unwrap().code, "cancelled");
    assert_eq!(sim.decisions(), ["hold mid: quarantined"]);
}

#[test]
fn fault_12_a_process_that_slept_between_stamp_and_send_does_not_send() {
    let mut sim = missing();
    let asleep = sim.fake.clone();
    let sleep = move |_: &crate::store::Store| {
        asleep.get().monotonic += Duration::from_secs(31);
    };
    sim.state.set(After, "stamp", Spring::Act(Box::new(sleep)));
    let report = sim.pass();
    assert_eq!(report.triggered[0].sent, Sent::Overtaken);
    assert_eq!(sim.runs(), 0);
    assert_eq!(sim.converge(), 1);
}

#[test]
fn a_process_that_slept_before_the_stamp_does_not_send_an_old_token() {
    let mut sim = missing();
    sim.fault(Fault::LostAnswer);
    sim.pass();
    sim.finish("mid");
    // It decides to send again, sleeps for two days, and wakes up with the lease still its own.
    let asleep = sim.fake.clone();
    let sleep = move |_: &crate::store::Store| {
        let mut shared = asleep.get();
        shared.now += TimeDelta::hours(50);
        shared.monotonic += Duration::from_hours(50);
    };
    sim.state
        .set(Before, "record_sightings", Spring::Act(Box::new(sleep)));
    sim.pass();
    assert_eq!(sim.runs(), 1, "the service forgot the token");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.runs(), 1);
}

#[test]
fn fault_12_a_holder_that_lost_its_lease_writes_and_sends_no_more() {
    let steps = ["record_sightings", "record_cuts", "intend", "stamp"];
    for step in steps {
        let mut sim = missing();
        if step == "record_cuts" {
            sim = sim.table("top", &["mid"]);
        }
        let later = sim.fake.get().now + TimeDelta::hours(1);
        let take = move |store: &crate::store::Store| {
            store
                .acquire_lease("another", later, TimeDelta::minutes(2))
                .unwrap();
        };
        sim.state.set(Before, step, Spring::Act(Box::new(take)));
        let lost = sim.try_pass();
        assert!(matches!(lost, Err(StateError::LeaseLost { .. })), "{step}");
        assert_eq!(sim.runs(), 0, "{step}");
        let lost = sim.try_pass();
        assert!(matches!(lost, Err(StateError::LeaseLost { .. })), "{step}");
        sim.later(3600);
        sim.restart();
        sim.converge();
        check_ledger(&sim);
    }
}

#[test]
fn an_answer_that_comes_after_the_lease_was_lost_is_still_true() {
    let mut sim = missing();
    let later = sim.fake.get().now + TimeDelta::hours(1);
    let take = move |store: &crate::store::Store| {
        store
            .acquire_lease("another", later, TimeDelta::minutes(2))
            .unwrap();
    };
    sim.state
        .set(Before, "record_run", Spring::Act(Box::new(take)));
    assert!(sim.try_pass().is_err());
    assert_eq!(sim.intent().state, IntentState::Running);
    assert_eq!(sim.runs(), 1);
}

#[test]
fn fault_60_the_state_of_one_workspace_is_not_used_with_another() {
    let mut sim = missing();
    sim.pass();
    assert_eq!(
        sim.state.store.pinned_workspace().unwrap().as_deref(),
        Some("w1")
    );
    // Another workspace knows nothing of the run: that says nothing about it.
    sim.fake.get().workspace = Some("w2".to_owned());
    sim.fake.get().ledger.clear();
    sim.later(24 * 3600);
    let refused = sim.try_pass();
    assert!(matches!(refused, Err(StateError::OtherWorkspace { .. })));
    assert_eq!(sim.intent().state, IntentState::Running);
}
