//! A state that was lost, rebuilt or restored finds the runs that it does not know, and triggers
//! nothing beside them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::fake::Fault;
use super::world::{Sim, key, start};
use crate::execute::CORRELATION;
use crate::ports::{JobsError, RunState, State};
use crate::state::{IntentState, SearchCause};
use crate::store::audit::verify;

fn missing() -> Sim {
    Sim::new().source("src").table("mid", &["src"])
}

/// Every run belongs to an intent of the state (L2), and no job has two at once (S2).
fn check(sim: &Sim) {
    let mut active = BTreeSet::new();
    let mut attempts = BTreeSet::new();
    let ledger = sim.fake.get().ledger.clone();
    for found in ledger {
        let correlation = found.run.parameters[CORRELATION].clone();
        assert!(attempts.insert(correlation.clone()), "S1: {correlation}");
        let intent = sim.state.store.intent_of_run(found.run.id).unwrap();
        assert!(intent.is_some(), "L2: {correlation}");
        if found.run.state == RunState::Active {
            assert!(active.insert(found.run.job_id), "S2: {correlation}");
        }
    }
    verify(&sim.state.store).unwrap();
}

fn search(sim: &Sim) -> Option<SearchCause> {
    sim.memory().search.map(|search| search.cause)
}

#[test]
fn the_first_pass_of_a_new_project_triggers_at_once() {
    let mut sim = missing();
    sim.lose_state();
    assert_eq!(search(&sim), Some(SearchCause::New));
    assert_eq!(sim.converge(), 1);
    assert_eq!(search(&sim), None);
    sim.fake.get().calls.clear();
    sim.pass();
    assert_eq!(sim.fake.get().calls, Vec::<String>::new(), "looked once");
}

#[test]
fn a_run_under_way_when_the_state_was_lost_is_taken_over_and_no_second_one_is_made() {
    let mut sim = missing();
    sim.pass();
    sim.lose_state();
    let report = sim.pass();
    assert_eq!(report.found.len(), 1);
    assert!(
        report.problems[0].contains("(run 100)"),
        "{:?}",
        report.problems
    );
    let intent = sim.intent();
    assert_eq!((intent.state, intent.attempt), (IntentState::Running, 1));
    assert_eq!(search(&sim), Some(SearchCause::Lost));
    check(&sim);
    sim.later(60);
    sim.finish("mid");
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "succeeded");
    assert_eq!(sim.consumption("mid", "src"), "v0 by run_start");
    check(&sim);
    sim.later(600);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.runs(), 1);
}

#[test]
fn what_a_found_run_cannot_have_read_makes_another_run_once_the_search_is_over() {
    let mut sim = missing();
    sim.pass();
    sim.later(60);
    sim.write("src");
    sim.lose_state();
    sim.pass();
    sim.finish("mid");
    assert_eq!(sim.decisions(), ["wait mid: searching"]);
    let report = sim.pass();
    let until = sim.memory().search.unwrap().until.unwrap();
    assert_eq!(report.plan.decisions[0].until, Some(until));
    assert_eq!(until, start() + TimeDelta::seconds(62 + 300));
    sim.later(290);
    assert_eq!(sim.runs(), 1);
    sim.pass();
    assert_eq!(sim.runs(), 1, "not a second too early");
    sim.later(10);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    check(&sim);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn a_run_that_ended_just_before_the_state_was_lost_is_settled() {
    let mut sim = missing();
    sim.pass();
    sim.later(30);
    sim.finish("mid");
    sim.lose_state();
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "succeeded");
    assert_eq!(
        search(&sim),
        Some(SearchCause::Lost),
        "others may be under way"
    );
    check(&sim);
    sim.later(600);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn a_run_of_an_hour_ago_tells_that_the_state_was_lost_and_its_table_tells_the_rest() {
    let mut sim = missing();
    assert_eq!(sim.converge(), 1);
    sim.later(3000);
    sim.lose_state();
    let report = sim.pass();
    assert_eq!(
        (report.found.len(), search(&sim)),
        (0, Some(SearchCause::Lost))
    );
    assert_eq!(sim.consumption("mid", "src"), "v0 by run_start");
    sim.later(7200);
    assert_eq!(sim.converge(), 0);
    sim.lose_state();
    sim.pass();
    assert_eq!(
        search(&sim),
        None,
        "nothing speaks for a state that was lost"
    );
}

#[test]
fn a_request_that_arrives_minutes_after_the_state_was_lost_is_found() {
    for lost in [Sim::lose_state, Sim::rebuild] {
        let mut sim = missing().table("top", &["src"]);
        // One answer was lost with its request still under way, the other run is known.
        sim.fault(Fault::Late(240));
        sim.pass();
        assert_eq!(sim.runs(), 1);
        lost(&mut sim);
        sim.pass();
        sim.finish_all();
        for _ in 0..12 {
            sim.later(25);
            sim.pass();
        }
        assert_eq!(sim.runs(), 2);
        check(&sim);
        sim.later(60);
        assert_eq!(sim.converge(), 0);
        check(&sim);
    }
}

#[test]
fn a_list_that_lags_does_not_end_the_search_too_early() {
    let mut sim = missing();
    sim.fake.get().visible_after = TimeDelta::seconds(60);
    sim.fault(Fault::Late(200));
    sim.pass();
    sim.rebuild();
    for _ in 0..40 {
        sim.later(10);
        sim.pass();
    }
    assert_eq!(sim.runs(), 1);
    check(&sim);
}

#[test]
fn of_several_attempts_the_newest_is_current() {
    let mut sim = missing();
    sim.pass();
    sim.fail("mid", true);
    sim.pass();
    sim.later(60);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.lose_state();
    sim.pass();
    let intent = sim.intent();
    assert_eq!((intent.attempt, intent.run_id.unwrap().0), (2, 101));
    sim.fail("mid", true);
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "retry");
    // An attempt that nobody asked for yet waits for the end of the search.
    sim.later(120);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.later(300);
    sim.pass();
    assert_eq!(sim.intent().attempt, 3);
    assert_eq!(sim.runs(), 3);
    sim.fail("mid", true);
    sim.pass();
    assert_eq!(sim.build("mid").failure.unwrap().attempts, 3);
}

#[test]
fn a_shared_job_keeps_all_its_assets_and_builds_what_it_wrote() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .written("a", 180)
        .table("b", &["src"])
        .written("b", 180);
    sim.shared_job = vec!["a".to_owned(), "b".to_owned()];
    sim.limits.max_concurrent_runs = 1;
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.lose_state();
    sim.pass();
    assert_eq!(sim.intent().assets, [key("a"), key("b")]);
    assert_eq!(sim.decisions(), ["wait a: in_flight", "wait b: in_flight"]);
    sim.finish("a");
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "succeeded");
    assert_eq!(sim.consumption("a", "src"), "v0 by run_start");
    assert!(!sim.build("a").is_adopted);
    assert!(sim.build("b").is_adopted, "nobody took it as built");
    assert_eq!(sim.decisions(), ["wait b: searching"]);
    sim.later(600);
    sim.pass();
    assert_eq!(sim.runs(), 2, "the other is still behind");
}

#[test]
fn several_runs_of_a_shared_job_are_told_apart_by_their_parameters() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"]);
    sim.shared_job = vec!["a".to_owned(), "b".to_owned()];
    let table = ("table".to_owned(), "{{ asset }}".to_owned());
    sim.parameters = BTreeMap::from([table]);
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.lose_state();
    let report = sim.pass();
    let found: Vec<_> = report.found.iter().map(|f| f.assets.clone()).collect();
    assert_eq!(found, [[key("b")], [key("a")]]);
}

#[test]
fn several_runs_of_a_shared_job_that_cannot_be_told_apart_are_found_one_after_the_other() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"]);
    sim.shared_job = vec!["a".to_owned(), "b".to_owned()];
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.lose_state();
    sim.pass();
    sim.later(400);
    sim.pass();
    assert_eq!(
        search(&sim),
        Some(SearchCause::Lost),
        "one is not taken over yet"
    );
    sim.end("a", RunState::Succeeded);
    sim.pass();
    let report = sim.pass();
    assert_eq!(report.found.len(), 1);
    assert_eq!(sim.runs(), 2, "nothing was triggered meanwhile");
    assert_eq!(search(&sim), None);
    sim.end("a", RunState::Succeeded);
    sim.pass();
    assert_eq!(sim.runs(), 4, "neither wrote its table");
}

#[test]
fn runs_of_other_projects_and_environments_are_left_alone() {
    let mut sim = missing();
    let env = ("env".to_owned(), "{{ env }}".to_owned());
    sim.parameters = BTreeMap::from([env]);
    sim.pass();
    {
        let mut shared = sim.fake.get();
        let run = &mut shared.ledger[0].run;
        run.parameters.insert("env".to_owned(), "prod".to_owned());
    }
    sim.lose_state();
    sim.pass();
    assert_eq!(search(&sim), None);
    assert_eq!(sim.runs(), 2);

    let mut sim = missing();
    sim.pass();
    sim.fake.get().ledger[0].run.job_id = 4711;
    sim.lose_state();
    sim.pass();
    assert_eq!((search(&sim), sim.runs()), (None, 2));
}

#[test]
fn a_run_whose_declaration_changed_since_keeps_its_assets_and_nothing_follows_from_its_failure() {
    let mut sim = missing();
    let table = |to: &str| BTreeMap::from([("table".to_owned(), to.to_owned())]);
    sim.parameters = table("{{ asset }}");
    sim.pass();
    sim.parameters = table("new_{{ asset }}");
    sim.lose_state();
    sim.pass();
    assert_eq!(sim.intent().assets, [key("mid")]);
    sim.fail("mid", true);
    sim.pass();
    assert_eq!(sim.build("mid").failure, None);
    sim.later(400);
    sim.pass();
    assert_eq!(sim.runs(), 2);
}

#[test]
fn while_the_service_cannot_be_asked_nothing_is_triggered_by_a_new_state() {
    let mut sim = missing();
    sim.lose_state();
    let lost = JobsError::Unanswered("timed out".to_owned());
    sim.fake.get().poll_faults.push_back(lost.clone());
    let report = sim.pass();
    assert!(report.is_remote_unavailable);
    assert_eq!(sim.decided(&report), ["wait mid: searching"]);
    assert_eq!(sim.runs(), 0);
    // Half a list is none.
    sim.fake.get().poll_faults.push_back(lost.clone());
    sim.pass();
    assert_eq!(sim.runs(), 0);
    assert_eq!(sim.converge(), 1);

    // Nor does the search of a rebuilt one end while it cannot.
    sim.write("src");
    sim.rebuild();
    sim.pass();
    sim.later(400);
    sim.fake.get().poll_faults.push_back(lost);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    assert_eq!(sim.converge(), 1);
}

#[test]
fn an_old_backup_finds_the_runs_of_younger_intents() {
    let mut sim = missing();
    assert_eq!(sim.converge(), 1);
    let backup = sim.back_up();
    sim.later(3600);
    sim.write("src");
    sim.pass();
    assert_eq!(sim.runs(), 2);
    sim.restore(&backup);
    assert_eq!(search(&sim), Some(SearchCause::Restored));
    let report = sim.pass();
    assert_eq!(report.found.len(), 1);
    sim.write("src");
    sim.later(30);
    sim.finish("mid");
    sim.pass();
    assert_eq!(sim.consumption("mid", "src"), "v1 by run_start");
    assert_eq!(sim.decisions(), ["wait mid: searching"]);
    sim.later(400);
    assert_eq!(sim.converge(), 1);
    check(&sim);
}

#[test]
fn a_younger_run_settles_what_a_backup_has_open_for_its_table() {
    let mut sim = missing();
    sim.fault(Fault::LostRequest);
    sim.pass();
    let backup = sim.back_up();
    let first = sim.intent();
    // It is refused, its table is let go, and the next intent has a run.
    sim.later(10);
    let now = sim.fake.get().now;
    let sending = (&first.id, 1);
    let cancelled = sim
        .state
        .store
        .cancel_attempt(sending, IntentState::Sending, "no", now);
    assert!(cancelled.unwrap());
    sim.state
        .store
        .lift_quarantine(&key("mid"), "ann", now)
        .unwrap();
    sim.pass();
    assert_eq!(sim.runs(), 1);
    sim.restore(&backup);
    sim.pass();
    let found = sim.intent();
    assert_ne!(found.id, first.id);
    let old = sim.state.store.intent(&first.id).unwrap().unwrap();
    assert_eq!(old.state, IntentState::Failed);
    sim.later(400);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    check(&sim);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn a_crash_in_the_middle_of_taking_over_loses_nothing() {
    for sides in 1..20 {
        let mut sim = missing().table("top", &["src"]);
        sim.pass();
        sim.finish("top");
        sim.rebuild();
        sim.state.light_fuse(sides);
        drop(sim.try_pass());
        sim.restart();
        sim.pass();
        check(&sim);
        sim.later(400);
        assert_eq!(sim.converge(), 0, "{sides}");
        check(&sim);
    }
}
