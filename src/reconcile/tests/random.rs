//! Whatever happens in whatever order: no second run, no claim beyond what was read, and when the
//! faults stop everything incorporates the newest of everything.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::fake::Fault;
use super::world::{Sim, key};
use crate::execute::CORRELATION;
use crate::ports::{JobsError, RunState, State};
use crate::state::Basis;
use crate::store::Store;
use crate::store::audit::verify;

#[derive(Debug, Clone)]
enum Event {
    Pass,
    Crash(u32),
    Write(u8),
    Maintain(u8),
    Tear(u8),
    Heal,
    Outside(u8),
    Commit(u8),
    Finish(u8),
    Fail(u8, bool),
    Cancel(u8),
    Lose(u8),
    Blind(u8),
    Wait(i64),
    Rebuild,
    BackUp,
    Restore,
}

const SOURCES: [&str; 2] = ["s1", "s2"];
const TABLES: [&str; 4] = ["a", "b", "c", "d"];

fn events() -> impl Strategy<Value = Vec<Event>> {
    let source = 0..2_u8;
    let table = 0..4_u8;
    prop::collection::vec(
        prop_oneof![
            12 => Just(Event::Pass),
            4 => (1..14_u32).prop_map(Event::Crash),
            5 => source.clone().prop_map(Event::Write),
            1 => table.clone().prop_map(Event::Maintain),
            1 => source.prop_map(Event::Tear),
            1 => Just(Event::Heal),
            1 => table.clone().prop_map(Event::Outside),
            2 => table.clone().prop_map(Event::Commit),
            6 => table.clone().prop_map(Event::Finish),
            3 => (table.clone(), any::<bool>()).prop_map(|(table, t)| Event::Fail(table, t)),
            1 => table.clone().prop_map(Event::Cancel),
            5 => (0..6_u8).prop_map(Event::Lose),
            1 => table.prop_map(Event::Blind),
            1 => Just(Event::Rebuild),
            1 => Just(Event::BackUp),
            1 => Just(Event::Restore),
            3 => prop_oneof![1..40_i64, 300..7200_i64, 60_000..120_000_i64].prop_map(Event::Wait),
        ],
        1..50,
    )
}

fn world(names_runs: bool, is_slow_to_show: bool) -> Sim {
    let mut sim = Sim::new()
        .source("s1")
        .source("s2")
        .table("a", &["s1"])
        .table("b", &["s1", "s2"])
        .table("c", &["a", "b"])
        .table("d", &["a", "c"]);
    sim.change("d", |asset| {
        asset.consistency = assets::policy::Consistency::Latest;
    });
    sim.names_runs = names_runs;
    let seconds = if is_slow_to_show { 60 } else { 0 };
    sim.fake.get().visible_after = TimeDelta::seconds(seconds);
    sim
}

fn happen(sim: &mut Sim, event: &Event, backup: &mut Option<Store>) {
    let table = |number: &u8| TABLES[usize::from(*number)];
    match event {
        Event::Pass => {
            sim.pass();
        }
        Event::Crash(sides) => {
            sim.state.light_fuse(*sides);
            // A short pass may end before the fuse does.
            drop(sim.try_pass());
            sim.restart();
        }
        Event::Write(source) => {
            sim.write(SOURCES[usize::from(*source)]);
        }
        Event::Maintain(number) => {
            let now = sim.fake.get().now;
            sim.log(table(number), |log| {
                if !log.commits.is_empty() {
                    log.commit(now, false);
                }
            });
        }
        Event::Tear(source) => {
            let source = SOURCES[usize::from(*source)];
            let torn = sim.write(source);
            sim.log(source, |log| log.torn = log.torn.or(Some(torn)));
        }
        Event::Heal => heal(sim),
        Event::Outside(number) => {
            let heads = sim.fake.get().heads();
            sim.write(table(number));
            sim.log(table(number), |log| log.content = heads);
        }
        Event::Commit(number) if sim.is_running(table(number)) => sim.commit_of_run(table(number)),
        Event::Finish(number) if sim.is_running(table(number)) => sim.finish(table(number)),
        Event::Fail(number, is_transient) if sim.is_running(table(number)) => {
            sim.fail(table(number), *is_transient);
        }
        Event::Cancel(number) if sim.is_running(table(number)) => {
            let message = String::new();
            sim.end(table(number), RunState::Cancelled { message });
        }
        Event::Commit(_) | Event::Finish(_) | Event::Fail(..) | Event::Cancel(_) => {}
        Event::Lose(0) => sim.fault(Fault::LostRequest),
        Event::Lose(1) => sim.fault(Fault::Answer(JobsError::RateLimited {
            message: "slow down".to_owned(),
            retry_after: None,
        })),
        Event::Lose(2) => sim.fault(Fault::Answer(JobsError::Refused("no".to_owned()))),
        Event::Lose(3) => sim.fault(Fault::Late(120)),
        Event::Lose(_) => sim.fault(Fault::LostAnswer),
        Event::Blind(number) => sim.log(table(number), |log| {
            log.problem = Some(assets::delta::Unreadable::TimedOut { after_ms: 1 });
        }),
        Event::Wait(seconds) => sim.later(*seconds),
        // What an unnamed run read is guessed by its commit, less a margin that it may outlast.
        Event::Rebuild if sim.names_runs => sim.rebuild(),
        Event::BackUp => *backup = Some(sim.back_up()),
        Event::Restore if sim.names_runs => {
            if let Some(backup) = backup {
                sim.restore(backup);
            }
        }
        Event::Rebuild | Event::Restore => {}
    }
}

fn heal(sim: &Sim) {
    for name in SOURCES.iter().chain(&TABLES) {
        sim.log(name, |log| {
            log.torn = None;
            log.problem = None;
        });
    }
}

fn check(sim: &Sim) {
    let shared = sim.fake.get();
    let mut attempts = BTreeSet::new();
    let mut tokens = BTreeSet::new();
    let mut active = BTreeSet::new();
    for found in &shared.ledger {
        let attempt = found.run.parameters[CORRELATION].clone();
        assert!(
            attempts.insert(attempt.clone()),
            "S1: two runs of {attempt}"
        );
        assert!(tokens.insert(&found.token), "a token was used twice");
        if found.run.state == RunState::Active {
            let job = found.run.job_id;
            assert!(active.insert(job), "S2: two runs of job {job} at once");
        }
    }
    let memory = sim.state.store.load().unwrap();
    for (asset, consumption) in &memory.consumption {
        let content = &shared.logs[asset.as_str()].content;
        for (upstream, consumed) in consumption {
            let Some(version) = &consumed.version else {
                continue;
            };
            let read = content.get(upstream.as_str());
            assert!(
                read.is_some_and(|read| version.version <= *read),
                "S4: {asset} claims {version} of {upstream} and shows {read:?}"
            );
        }
    }
}

fn converge(sim: &mut Sim) {
    heal(sim);
    {
        let mut shared = sim.fake.get();
        shared.faults.clear();
        shared.visible_after = TimeDelta::zero();
    }
    sim.restart();
    sim.later(600);
    loop {
        sim.converge();
        let now = sim.fake.get().now;
        let lifted = TABLES.iter().filter(|name| {
            let lifted = sim.state.store.lift_quarantine(&key(name), "ann", now);
            lifted.unwrap()
        });
        if lifted.count() == 0 {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn when_the_faults_stop_everything_is_fresh(events in events(), names_runs: bool, slow: bool) {
        let mut sim = world(names_runs, slow);
        let mut backup = None;
        for event in &events {
            happen(&mut sim, event, &mut backup);
            check(&sim);
        }
        converge(&mut sim);
        check(&sim);
        assert_eq!(sim.decisions(), Vec::<String>::new());
        let memory = sim.memory();
        for asset in sim.assets.iter().filter(|asset| asset.task.is_some()) {
            for upstream in &asset.upstreams {
                let newest = sim.log(upstream.asset.as_str(), |log| log.newest_data());
                let consumed = sim.consumed(asset.key.as_str(), upstream.asset.as_str());
                let consumed = consumed.unwrap();
                assert_eq!(consumed.version.map(|v| v.version), newest, "{}", asset.key);
                let is_ours = matches!(consumed.basis, Basis::Run | Basis::RunStart);
                assert!(is_ours || memory.builds[&asset.key].is_adopted);
            }
        }
        verify(&sim.state.store).unwrap();
    }
}
