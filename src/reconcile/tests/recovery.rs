//! Runs that fail, hang, vanish or are not ours, and attempts that nobody heard of again.

use std::time::Duration;

use chrono::TimeDelta;

use super::fake::Fault;
use super::world::{Sim, key};
use crate::execute::CORRELATION;
use crate::ports::{JobsError, RunState, State};
use crate::state::IntentState;

fn missing() -> Sim {
    Sim::new().source("src").table("mid", &["src"])
}

/// An attempt whose answer was lost, a day and more ago.
fn forgotten(fault: Fault) -> Sim {
    let mut sim = missing();
    sim.fault(fault);
    sim.pass();
    sim.later(25 * 3600);
    sim
}

#[test]
fn a_transient_failure_is_tried_again_later_with_a_new_token() {
    let mut sim = missing();
    sim.pass();
    let first = sim.intent();
    sim.fail("mid", true);
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
    let second = sim.intent();
    assert_eq!((second.attempt, second.state), (2, IntentState::Pending));
    assert_ne!(first.token, second.token);
    // Between half of the backoff of 30 s and all of it.
    let wait = second.not_before.unwrap() - sim.fake.get().now;
    assert!((15..=30).contains(&wait.num_seconds()), "{wait}");
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.later(30);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
}

#[test]
fn fault_31_exhausted_attempts_are_quarantined_until_something_changes() {
    let mut sim = missing().table("top", &["mid"]);
    for _ in 0..3 {
        sim.later(600);
        sim.pass();
        sim.fail("mid", true);
        sim.pass();
    }
    assert_eq!(sim.runs(), 3);
    assert_eq!(sim.build("mid").failure.unwrap().attempts, 3);
    sim.later(24 * 3600);
    assert_eq!(
        sim.decisions(),
        ["hold mid: quarantined", "hold top: upstream_failed"]
    );
    let now = sim.fake.get().now;
    let lifted = sim.state.store.lift_quarantine(&key("mid"), "ann", now);
    assert!(lifted.unwrap());
    assert_eq!(
        sim.decisions(),
        ["run mid: missing", "wait top: upstream_missing"]
    );
    sim.fail("mid", false);
    sim.pass();
    sim.change("mid", |asset| {
        asset.code_version = Some(assets::CodeVersion::new("2"));
    });
    assert_eq!(sim.converge(), 2, "other code lifts it too");
}

#[test]
fn fault_31_readers_of_what_failed_are_held() {
    let mut sim = missing().table("top", &["mid"]);
    assert_eq!(sim.converge(), 2);
    sim.write("src");
    sim.pass();
    sim.fail("mid", false);
    sim.pass();
    let decisions = sim.decisions();
    assert_eq!(decisions[0], "hold mid: quarantined");
    assert_eq!(sim.runs_of("top").len(), 1);
}

#[test]
fn a_run_that_a_person_cancelled_is_not_tried_again() {
    for timeout in [None, Some(TimeDelta::hours(1))] {
        let mut sim = missing();
        sim.timeout = timeout;
        sim.pass();
        let (intent, now) = (sim.intent(), sim.fake.get().now);
        // Asked for through Headwater, long before the timeout.
        sim.state
            .store
            .record_cancel_request(&intent.id, 1, now)
            .unwrap();
        let message = "cancelled by ann".to_owned();
        sim.end("mid", RunState::Cancelled { message });
        let report = sim.pass();
        assert_eq!(report.settled[0].outcome, "cancelled");
        assert_eq!(sim.decisions(), ["hold mid: quarantined"]);
    }
}

#[test]
fn fault_28_a_run_that_takes_too_long_is_cancelled_and_counts_as_failed_when_it_ended() {
    let mut sim = missing();
    sim.timeout = Some(TimeDelta::minutes(10));
    sim.pass();
    sim.later(601);
    sim.pass();
    sim.pass();
    let cancels = |sim: &Sim| {
        let shared = sim.fake.get();
        shared
            .calls
            .iter()
            .filter(|call| call.starts_with("cancel"))
            .count()
    };
    assert_eq!(cancels(&sim), 1, "asked once");
    // It takes its time: nothing else is started meanwhile.
    sim.later(3600);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.end(
        "mid",
        RunState::Cancelled {
            message: String::new(),
        },
    );
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
    sim.later(60);
    sim.pass();
    assert_eq!(sim.runs(), 2);
}

#[test]
fn a_run_whose_start_the_service_does_not_tell_is_not_taken_for_old() {
    let mut sim = missing();
    sim.timeout = Some(TimeDelta::minutes(10));
    sim.pass();
    sim.fake.get().ledger[0].run.started_at = chrono::DateTime::UNIX_EPOCH;
    sim.pass();
    assert!(sim.intent().cancel_requested_at.is_none());
}

#[test]
fn fault_10_a_run_of_somebody_else_is_refused() {
    let mut sim = missing();
    sim.pass();
    let wrong = "01SOMEBODYELSE.1".to_owned();
    let parameters = &mut sim.fake.get().ledger[0].run.parameters.clone();
    parameters.insert(CORRELATION.to_owned(), wrong);
    sim.fake.get().ledger[0].run.parameters = parameters.clone();
    sim.pass();
    assert_eq!(sim.build("mid").failure.unwrap().code, "foreign_run");

    let mut sim = missing();
    sim.fake.get().takes_correlation = false;
    sim.pass();
    sim.fake.get().ledger[0].run.job_id = 4711;
    sim.pass();
    assert_eq!(sim.build("mid").failure.unwrap().code, "foreign_run");
}

#[test]
fn fault_26_a_run_that_does_not_show_up_yet_is_not_given_up() {
    let mut sim = missing();
    sim.fake.get().visible_after = TimeDelta::minutes(1);
    sim.pass();
    sim.pass();
    assert_eq!(sim.intent().state, IntentState::Running);
    sim.later(60);
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.runs(), 1);
}

#[test]
fn fault_29_a_run_that_the_service_forgot_is_judged_by_its_table() {
    // It wrote its table, and that was seen at once, or before, or never happened.
    for seen_before in [false, true] {
        let mut sim = missing();
        sim.pass();
        sim.later(3600);
        sim.commit_of_run("mid");
        if seen_before {
            sim.pass();
        }
        sim.fake.get().ledger.clear();
        let report = sim.pass();
        assert_eq!(report.settled[0].outcome, "succeeded", "{seen_before}");
        assert_eq!(sim.converge(), 0);
    }
    let mut sim = missing();
    sim.pass();
    sim.later(3600);
    sim.fake.get().ledger.clear();
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
}

#[test]
fn what_an_earlier_attempt_wrote_is_no_proof_for_a_forgotten_one() {
    let mut sim = missing();
    sim.pass();
    sim.later(60);
    sim.commit_of_run("mid");
    sim.fail("mid", true);
    sim.pass();
    sim.later(60);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.later(3600);
    sim.fake.get().ledger.clear();
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
}

#[test]
fn fault_08_beyond_the_horizon_a_run_is_found_by_its_correlation() {
    let mut sim = forgotten(Fault::LostAnswer);
    sim.fake.get().token_memory = TimeDelta::hours(1);
    sim.pass();
    assert_eq!(sim.runs(), 1, "never sent again");
    assert_eq!(sim.intent().state, IntentState::Running);
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
}

#[test]
fn beyond_the_horizon_an_attempt_that_surely_has_no_run_makes_place_for_the_next() {
    let mut sim = forgotten(Fault::LostRequest);
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
    assert_eq!(sim.intent().attempt, 2);
    assert_eq!(sim.converge(), 1);
}

#[test]
fn a_clock_that_runs_ahead_makes_no_request_older_than_it_is() {
    let mut sim = missing();
    sim.fault(Fault::Late(60));
    sim.pass();
    // The next process begins with a clock that is two days ahead, and has heard of no other.
    sim.later(10);
    {
        let mut shared = sim.fake.get();
        shared.now += TimeDelta::days(2);
        shared.offset = -TimeDelta::days(2);
        shared.has_told_time = false;
        shared.delay_late(TimeDelta::days(2));
    }
    sim.take_lease();
    sim.pass();
    assert_eq!(sim.intent().attempt, 1, "a request may still be under way");
    sim.later(301);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    assert_eq!(sim.intent().attempt, 1);
}

#[test]
fn while_nobody_can_tell_an_attempt_stays_uncertain() {
    let mut sim = forgotten(Fault::LostAnswer);
    sim.fake.get().takes_correlation = false;
    let report = sim.pass();
    assert_eq!(sim.intent().state, IntentState::Uncertain);
    assert!(
        report.problems[0].contains("is uncertain"),
        "{:?}",
        report.problems
    );
    // A list that does not come is no answer either.
    sim.fake.get().takes_correlation = true;
    let lost = JobsError::Unanswered("timed out".to_owned());
    sim.fake.get().poll_faults.push_back(lost);
    sim.pass();
    assert_eq!(sim.intent().state, IntentState::Uncertain);
    sim.pass();
    assert_eq!(sim.intent().state, IntentState::Running);
    assert_eq!(sim.runs(), 1);
}

#[test]
fn fault_14_a_service_that_cannot_be_asked_leaves_runs_as_they_are() {
    let mut sim = missing();
    sim.pass();
    let lost = JobsError::Unanswered("timed out".to_owned());
    sim.fake.get().poll_faults.push_back(lost);
    let report = sim.pass();
    assert!(report.is_remote_unavailable);
    assert_eq!(report.in_flight, 1);
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
}

#[test]
fn many_runs_are_asked_for_in_one_sweep() {
    let mut sim = Sim::new().source("src");
    for number in 10..30 {
        sim = sim.table(&format!("t{number}"), &["src"]);
    }
    sim.pass();
    sim.fake.get().calls.clear();
    sim.pass();
    assert_eq!(sim.fake.get().calls, ["active_runs"]);
    sim.finish_all();
    assert_eq!(sim.converge(), 0);
}

#[test]
fn fault_47_a_wall_clock_that_jumps_neither_sends_twice_nor_waits_for_ever() {
    for hours in [-24 * 365, -2, 2, 24 * 365] {
        let jump = |sim: &Sim| {
            let mut shared = sim.fake.get();
            shared.now += TimeDelta::hours(hours);
            // The service's clock stays right.
            shared.offset -= TimeDelta::hours(hours);
            shared.monotonic += Duration::from_secs(1);
        };
        // With a request under way.
        let mut sim = missing();
        sim.fault(Fault::LostAnswer);
        sim.pass();
        jump(&sim);
        sim.take_lease();
        sim.pass();
        assert_eq!(sim.runs(), 1, "{hours}");
        assert_eq!(sim.intent().state, IntentState::Running);
        sim.finish("mid");
        assert_eq!(sim.converge(), 0, "{hours}");
        // Between two attempts.
        let mut sim = missing();
        sim.pass();
        sim.fail("mid", true);
        sim.pass();
        jump(&sim);
        sim.later(60);
        sim.pass();
        assert_eq!(sim.runs(), 2, "{hours}");
        // While a run is under way: its age is measured by the service's clock.
        let mut sim = missing();
        sim.timeout = Some(TimeDelta::minutes(10));
        sim.pass();
        jump(&sim);
        sim.pass();
        assert!(sim.intent().cancel_requested_at.is_none(), "{hours}");
    }
}
