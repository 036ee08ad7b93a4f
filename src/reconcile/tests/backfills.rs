//! Whole passes over backfills: each partition once, in order of its needs, whatever crashes.

use std::collections::BTreeMap;

use assets::partition::{Extent, PartitionSet};
use assets::version::PassNumber;

use super::partitions::{building, days, finish, shop, touched, write};
use super::traps::{Side, Spring};
use super::world::{Sim, key};
use crate::ports::RunState;
use crate::state::{Backfill, BackfillName, BackfillOrder, BackfillState, BackfillTarget, Intent};

fn name() -> BackfillName {
    BackfillName("b".to_owned())
}

/// The days of February from one to another.
fn from_to(from: u32, to: u32) -> PartitionSet {
    let days = days();
    let one = |day| days.set_of(days.parse_key(&format!("2026-02-{day}")).unwrap());
    PartitionSet::union_of((from..=to).map(one))
}

/// Asks for the same days of several assets.
fn ask(sim: &Sim, assets: &[&str], wanted: &PartitionSet) {
    let target = |asset: &&str| {
        let target = BackfillTarget::new(Some(&days()), wanted.clone());
        (key(asset), target)
    };
    let now = sim.fake.get().now;
    let backfill = Backfill {
        name: name(),
        state: BackfillState::Active,
        order: BackfillOrder::OldestFirst,
        chunk: Some(2),
        max_concurrent_runs: 2,
        is_forced: false,
        pass: PassNumber(0),
        created_at: now,
        created_by: "user ada".to_owned(),
        finished_at: None,
        targets: assets.iter().map(target).collect(),
    };
    sim.state.store.create_backfill(&backfill).unwrap();
}

fn known(sim: &Sim) -> Backfill {
    sim.state.store.backfill(&name()).unwrap().unwrap()
}

/// What is built by the runs under way of an asset, the first days first.
fn under_way(sim: &Sim, name: &str) -> Vec<String> {
    let open = sim.memory().open_intents.into_values();
    let own = open.filter(|intent| intent.assets == [key(name)]);
    let mut told: Vec<String> = own.map(|intent| told(&intent)).collect();
    told.sort();
    told
}

fn told(intent: &Intent) -> String {
    let set = intent.partitions.as_ref().unwrap().under(&days());
    let keys = set.iter().filter_map(|at| days().key(at));
    keys.map(|key| key[8..].to_owned())
        .collect::<Vec<_>>()
        .join(",")
}

/// The run of an asset that builds these days ends: it writes them, or fails.
fn end(sim: &mut Sim, asset: &str, days: &str, succeeds: bool) {
    let mut open = sim.memory().open_intents.into_values();
    let is_meant = |intent: &Intent| intent.assets == [key(asset)] && told(intent) == days;
    let run = open.find(is_meant).unwrap().run_id.unwrap();
    if succeeds {
        let days: Vec<String> = days
            .split(',')
            .map(|day| format!("2026-02-{day}"))
            .collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        let now = sim.fake.get().service_now();
        sim.log(asset, |log| {
            let commit = log.commit(now, true);
            commit.writer.job_run_id = Some(run.0);
            commit.partitions = touched(&days);
        });
    }
    let mut shared = sim.fake.get();
    let now = shared.service_now();
    let found = shared.run(run).unwrap();
    found.run.ended_at = Some(now);
    found.run.state = if succeeds {
        RunState::Succeeded
    } else {
        RunState::Failed {
            code: "RUN_EXECUTION_ERROR".to_owned(),
            message: "a task failed".to_owned(),
            is_transient: false,
        }
    };
}

/// Everything built and at rest.
fn built() -> Sim {
    let mut sim = shop();
    sim.pass();
    finish(&mut sim, "mid");
    finish(&mut sim, "top");
    sim.pass();
    assert_eq!(sim.memory().open_intents, BTreeMap::new());
    sim
}

/// Goes on until the backfill is at its end; returns what runs built, an asset after the other.
fn work_off(sim: &mut Sim) -> (Vec<String>, Vec<String>) {
    let mut done = (Vec::new(), Vec::new());
    for _ in 0..30 {
        sim.pass();
        if !known(sim).state.is_open() {
            return done;
        }
        for (asset, done) in [("mid", &mut done.0), ("top", &mut done.1)] {
            let running = under_way(sim, asset);
            let count = sim
                .runs_of(asset)
                .iter()
                .filter(|run| run.run.state == RunState::Active)
                .count();
            assert_eq!(running.len(), count, "{asset}");
            for days in running {
                end(sim, asset, &days, true);
                sim.pass();
                done.push(days);
            }
        }
    }
    panic!("it never ends: {:?}", known(sim));
}

#[test]
fn a_range_is_built_once_in_chunks_upstream_first() {
    let mut sim = built();
    ask(&sim, &["mid", "top"], &from_to(23, 27));
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), ["23,24", "25,26"]);
    assert_eq!(under_way(&sim, "top"), [""; 0]);
    end(&mut sim, "mid", "23,24", true);
    sim.pass();
    // What is complete upstream goes on downstream before more is begun upstream.
    assert_eq!(under_way(&sim, "top"), ["23,24"]);
    assert_eq!(under_way(&sim, "mid"), ["25,26"]);
    let (mid, mut top) = work_off(&mut sim);
    assert_eq!(mid, ["25,26", "27"]);
    // The day after them needs what was written: that is live, and not asked for.
    top.retain(|days| days != "28");
    assert_eq!(top, ["23,24", "25,26", "27"]);
    let backfill = known(&sim);
    assert_eq!(backfill.state, BackfillState::Completed);
    assert!(backfill.finished_at.is_some());
    for target in backfill.targets.values() {
        assert_eq!(target.done, from_to(23, 27));
    }
}

#[test]
fn a_restart_or_a_crash_at_any_step_in_the_middle_repeats_nothing() {
    for step in ["intend", "stamp", "record_run", "settle", "finish_pass"] {
        for side in [Side::Before, Side::After] {
            let mut sim = built();
            ask(&sim, &["mid", "top"], &from_to(23, 28));
            sim.pass();
            end(&mut sim, "mid", "23,24", true);
            sim.state.set(side, step, Spring::Crash);
            sim.crash();
            sim.pass();
            let rest = work_off(&mut sim);
            let place = format!("{side:?} {step}: {rest:?}");
            assert_eq!(known(&sim).state, BackfillState::Completed, "{place}");
            // The first run built all days at once; then each pair of days is built by one.
            assert_eq!(sim.runs_of("mid").len(), 1 + 3, "{place}");
            assert_eq!(sim.runs_of("top").len(), 1 + 3, "{place}");
        }
    }
}

#[test]
fn what_failed_is_told_and_tried_again_where_a_person_says_so() {
    let mut sim = built();
    ask(&sim, &["mid", "top"], &from_to(23, 28));
    sim.pass();
    end(&mut sim, "mid", "23,24", true);
    sim.pass();
    end(&mut sim, "mid", "25,26", false);
    work_off(&mut sim);
    let ended = known(&sim);
    assert_eq!(ended.state, BackfillState::Failed);
    assert_eq!(ended.targets[&key("mid")].failed, from_to(25, 26));
    // Each day needs the two before it.
    assert_eq!(ended.targets[&key("top")].skipped, from_to(25, 28));
    assert_eq!(
        sim.build("mid").failure,
        None,
        "nothing live is held for it"
    );

    let now = sim.fake.get().now;
    let again = (BackfillState::Active, true);
    sim.state
        .store
        .change_backfill(&name(), again, now)
        .unwrap();
    let (mid, top) = work_off(&mut sim);
    assert_eq!(mid, ["25,26"]);
    assert_eq!(top, ["25,26", "27,28"]);
    assert_eq!(known(&sim).state, BackfillState::Completed);
}

#[test]
fn live_work_goes_on_beside_it_and_fulfils_its_own_rounds() {
    let mut sim = built();
    ask(&sim, &["mid"], &from_to(23, 26));
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), ["23,24", "25,26"]);
    let begun = sim.build("mid").begun_at;
    write(&sim, "src", &["2026-02-28"]);
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), ["23,24", "25,26", "28"]);
    end(&mut sim, "mid", "23,24", true);
    sim.pass();
    assert_eq!(
        sim.build("mid").begun_at,
        begun,
        "a backfill is no round of its asset"
    );
    assert_eq!(known(&sim).targets[&key("mid")].done, from_to(23, 24));
    assert_eq!(building(&sim, "src"), [""; 0]);
}

#[test]
fn commits_that_name_no_run_belong_to_the_run_that_builds_their_partitions() {
    let mut sim = built();
    sim.names_runs = false;
    ask(&sim, &["mid"], &from_to(23, 26));
    sim.pass();
    let open = sim.memory().open_intents.into_values();
    let mut second: Vec<Intent> = open.filter(|intent| told(intent) == "25,26").collect();
    let second = second.pop().unwrap();
    // The second run writes first.
    let now = sim.fake.get().service_now();
    sim.log("mid", |log| {
        log.commit(now, true).partitions = touched(&["2026-02-25", "2026-02-26"]);
    });
    sim.pass();
    let commits = sim.memory().commits.remove(&key("mid")).unwrap();
    let newest = commits.last().unwrap();
    assert_eq!(newest.intent, Some(second.id));
    let expected = Extent {
        ordinals: days().ordinals_id().into(),
        partitions: from_to(25, 26),
    };
    assert_eq!(newest.partitions, Some(expected));
}

#[test]
fn paused_it_begins_nothing_and_cancelled_it_lets_go() {
    let mut sim = built();
    ask(&sim, &["mid"], &from_to(23, 28));
    let change = |sim: &Sim, to| {
        let now = sim.fake.get().now;
        sim.state
            .store
            .change_backfill(&name(), (to, false), now)
            .unwrap();
    };
    change(&sim, BackfillState::Paused);
    write(&sim, "src", &["2026-02-24"]);
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), [""; 0]);
    change(&sim, BackfillState::Active);
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), ["23,24", "25,26"]);
    change(&sim, BackfillState::Cancelled);
    end(&mut sim, "mid", "23,24", true);
    sim.pass();
    assert_eq!(under_way(&sim, "mid"), ["25,26"]);
    assert_eq!(known(&sim).state, BackfillState::Cancelled);
}
