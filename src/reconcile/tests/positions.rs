//! Positions in change feeds: whatever happens in whatever order, the ranges that successful runs read follow
//! each other, have nothing in common, and leave out no change.

use assets::Consume;
use assets::policy::FullRefresh;
use chrono::TimeDelta;
use proptest::prelude::*;

use super::fake::Fault;
use super::world::{Sim, key};
use crate::plan::Health;
use crate::ports::{JobsError, RunState, State};
use crate::state::FullRefreshRequest;

const READER: &str = "r";

#[derive(Debug, Clone)]
enum Event {
    Pass,
    Crash(u32),
    Write,
    Maintain,
    Outside,
    Finish,
    Fail(bool),
    Lose(u8),
    Clean(u64),
    Feed(bool),
    Recreate,
    Ask,
    Lift,
    Wait(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(
        prop_oneof![
            10 => Just(Event::Pass),
            4 => (1..16_u32).prop_map(Event::Crash),
            8 => Just(Event::Write),
            3 => Just(Event::Maintain),
            2 => Just(Event::Outside),
            8 => Just(Event::Finish),
            2 => any::<bool>().prop_map(Event::Fail),
            3 => (0..4_u8).prop_map(Event::Lose),
            1 => (0..3_u64).prop_map(Event::Clean),
            1 => any::<bool>().prop_map(Event::Feed),
            1 => Just(Event::Recreate),
            1 => Just(Event::Ask),
            2 => Just(Event::Lift),
            2 => prop_oneof![1..40_i64, 300..7200_i64].prop_map(Event::Wait),
        ],
        1..60,
    )
}

fn world(full_refresh: FullRefresh) -> Sim {
    let mut sim = Sim::new().source("s").table(READER, &["s"]);
    sim.change(READER, |asset| {
        asset.upstreams[0].consume = Consume::Changes;
        asset.full_refresh = full_refresh;
    });
    let parameters = [
        ("from", "{{ inputs['s'].starting_version }}"),
        ("to", "{{ inputs['s'].ending_version }}"),
        ("table", "{{ inputs['s'].table_id }}"),
        ("full", "{{ 'yes' if full_refresh else 'no' }}"),
    ];
    let parameters = parameters.map(|(name, text)| (name.to_owned(), text.to_owned()));
    sim.parameters = parameters.into();
    sim
}

fn happen(sim: &mut Sim, event: &Event) {
    let now = sim.fake.get().now;
    match event {
        Event::Pass => {
            sim.pass();
        }
        Event::Crash(sides) => {
            sim.state.light_fuse(*sides);
            drop(sim.try_pass());
            sim.restart();
        }
        Event::Write => {
            sim.write("s");
        }
        Event::Maintain => sim.log("s", |log| {
            log.commit(now, false);
        }),
        Event::Outside => {
            sim.log(READER, |log| {
                if !log.commits.is_empty() {
                    log.commit(now, true);
                }
            });
        }
        Event::Finish if sim.is_running(READER) => sim.finish(READER),
        Event::Fail(is_transient) if sim.is_running(READER) => sim.fail(READER, *is_transient),
        Event::Finish | Event::Fail(_) => {}
        Event::Lose(0) => sim.fault(Fault::LostRequest),
        Event::Lose(1) => sim.fault(Fault::Late(120)),
        Event::Lose(2) => sim.fault(Fault::Answer(JobsError::Refused("no".to_owned()))),
        Event::Lose(_) => sim.fault(Fault::LostAnswer),
        Event::Clean(kept) => sim.log("s", |log| {
            let newest = log.next_version().saturating_sub(1);
            log.first_kept = log.first_kept.max(newest.saturating_sub(*kept));
        }),
        Event::Feed(is_on) => sim.log("s", |log| {
            log.feed_since = is_on.then(|| log.feed_since.unwrap_or_else(|| log.next_version()));
            log.commit(now, false);
        }),
        Event::Recreate => sim.log("s", |log| {
            let era = log.era + 1;
            *log = workspace::MemoryLog {
                era,
                ..workspace::MemoryLog::new(&format!("s-{era}"))
            };
            log.commit(now, true);
        }),
        Event::Ask => ask(sim),
        Event::Lift => {
            let lifted = sim.state.store.lift_quarantine(&key(READER), "ann", now);
            lifted.unwrap();
        }
        Event::Wait(seconds) => sim.later(*seconds),
    }
}

fn ask(sim: &Sim) {
    let request = FullRefreshRequest {
        asked_at: sim.fake.get().now,
        asked_by: "ann".to_owned(),
        remaining: None,
    };
    let asked = sim.state.store.request_full_refresh(&key(READER), &request);
    asked.unwrap();
}

/// What a successful run was told to read.
struct Read {
    table: String,
    from: u64,
    to: u64,
    is_full: bool,
}

fn reads(sim: &Sim) -> Vec<Read> {
    let shared = sim.fake.get();
    let succeeded = shared.ledger.iter();
    let succeeded = succeeded.filter(|found| found.run.state == RunState::Succeeded);
    let read = |found: &super::fake::LedgerRun| {
        let word = |name: &str| found.run.parameters[name].clone();
        Read {
            table: word("table"),
            from: word("from").parse().unwrap(),
            to: word("to").parse().unwrap(),
            is_full: word("full") == "yes",
        }
    };
    succeeded.map(read).collect()
}

fn check(sim: &Sim) {
    let mut position: Option<(String, u64)> = None;
    for read in reads(sim) {
        if read.is_full {
            assert_eq!(
                read.from, 0,
                "what is read in full is read from the beginning"
            );
        } else {
            let Some((table, position)) = &position else {
                panic!("the first run reads everything");
            };
            assert_eq!(*table, read.table, "read on in another table");
            assert!(read.from > *position, "v{} was read twice", read.from);
            let (known_id, changes) = sim.log("s", |log| {
                let changes = log.commits.iter().filter(|commit| commit.changed_data);
                let changes: Vec<u64> = changes.map(|commit| commit.version).collect();
                (log.table_id.clone(), changes)
            });
            if known_id == read.table {
                let skipped = changes
                    .iter()
                    .find(|v| (*position + 1..read.from).contains(v));
                assert_eq!(skipped, None, "a change was never read");
            }
            assert!(read.from <= read.to);
        }
        position = Some((read.table, read.to));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn ranges_follow_each_other(events in events(), is_automatic: bool) {
        let policy = if is_automatic { FullRefresh::Automatic } else { FullRefresh::Manual };
        let mut sim = world(policy);
        for event in &events {
            happen(&mut sim, event);
            check(&sim);
        }
        sim.fake.get().faults.clear();
        sim.restart();
        sim.later(600);
        if sim.log("s", |log| log.feed_since.is_none()) {
            happen(&mut sim, &Event::Feed(true));
        }
        // A person mends what only a person can.
        ask(&sim);
        sim.converge();
        ask(&sim);
        sim.converge();
        check(&sim);
        let (newest, first_kept) = sim.log("s", |log| (log.newest_data().unwrap(), log.first_kept));
        let last = reads(&sim).pop().unwrap();
        // Of a log that was cleaned before anybody looked, the last change came some time before it begins.
        prop_assert!(last.to == newest || (newest..first_kept).contains(&last.to));
        prop_assert!(sim.memory().full_refreshes.is_empty());
        prop_assert_eq!(sim.decisions(), Vec::<String>::new());
    }
}

#[test]
fn a_broken_position_is_a_failure_until_somebody_asks() {
    let mut sim = world(FullRefresh::Manual);
    sim.converge();
    sim.write("s");
    sim.write("s");
    sim.log("s", |log| log.first_kept = 2);
    sim.pass();
    assert_eq!(sim.decisions(), ["hold r: position_broken"]);
    assert_eq!(sim.health(READER).health, Health::Failing);
    // Whatever is written from outside, and however long it lasts.
    sim.later(TimeDelta::days(30).num_seconds());
    sim.write(READER);
    sim.pass();
    assert_eq!(sim.decisions(), ["hold r: position_broken"]);
    ask(&sim);
    sim.pass();
    assert_eq!(sim.health(READER).health, Health::Updating);
    sim.converge();
    assert_eq!(sim.health(READER).health, Health::Fresh);
    let last = reads(&sim).pop().unwrap();
    assert!(last.is_full && last.to == 2);
}

#[test]
fn a_request_that_comes_during_a_run_is_for_the_next_one() {
    let mut sim = world(FullRefresh::Manual);
    sim.converge();
    sim.write("s");
    sim.pass();
    sim.later(1);
    ask(&sim);
    sim.finish(READER);
    sim.pass();
    assert_eq!(
        sim.memory().full_refreshes.len(),
        1,
        "the run read changes only"
    );
    sim.converge();
    assert!(sim.memory().full_refreshes.is_empty());
    let full: Vec<bool> = reads(&sim).iter().map(|read| read.is_full).collect();
    assert_eq!(full, [true, false, true]);
}

#[test]
fn what_others_write_after_a_run_does_not_take_its_position_back() {
    let mut sim = world(FullRefresh::Manual);
    sim.converge();
    sim.write("s");
    sim.pass();
    sim.later(1);
    sim.finish(READER);
    sim.later(1);
    sim.write(READER);
    sim.pass();
    sim.write("s");
    sim.converge();
    let ranges: Vec<(u64, u64)> = reads(&sim)
        .iter()
        .map(|read| (read.from, read.to))
        .collect();
    assert_eq!(ranges, [(0, 0), (1, 1), (2, 2)]);
}
