//! What crashes, lost answers, signals and rivals leave behind: no run twice, and nothing stale.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use workspace::faults::{Break, Effect, Moment, RequestRule};

use crate::lakehouse::{Lakehouse, Process, RUN_NOW, until};

/// How often the reconciler is killed.
const KILLS: usize = 20;

fn lost_answer() -> Effect {
    Effect::Drop {
        how: Break::Reset,
        at: Moment::After,
    }
}

fn late_answer(ms: u64) -> Effect {
    Effect::Delay {
        ms,
        at: Moment::After,
    }
}

#[test]
fn kills_and_lost_answers_start_nothing_twice_and_leave_nothing_stale() {
    let lake = Lakehouse::new();
    lake.request_faults(RequestRule::on("POST", RUN_NOW, lost_answer()).every(2));
    let mut chance = StdRng::seed_from_u64(20);
    for kill in 0..KILLS {
        lake.arrive(2);
        let how = ["reconcile --wait", "reconcile --watch"][kill % 2];
        let reconciler = lake.start(how);
        let lives = Duration::from_millis(chance.random_range(50..900));
        let began = Instant::now();
        until("its time to die", 5, || began.elapsed() >= lives);
        reconciler.kill();
    }
    let killed = lake.runs();
    assert!(
        killed > 0,
        "the reconcilers lived long enough to start runs"
    );
    // Answers are still lost while the last one brings everything to its end.
    lake.settle();
    assert!(lake.runs() > killed, "something was left to do");
    lake.assert_sound();
    assert_eq!(lake.run("plan --detailed-exitcode").exit, 0);
}

#[test]
fn of_many_watchers_one_works_and_the_others_say_so() {
    let lake = Lakehouse::built();
    lake.arrive(4);
    let before = lake.runs();
    let mut watchers: Vec<Process> = (0..20).map(|_| lake.start("reconcile --watch")).collect();
    let mut exits = Vec::new();
    until("one is left", 40, || {
        watchers.retain_mut(|watcher| match watcher.ended() {
            Some(status) => {
                exits.push(status.code());
                false
            }
            None => true,
        });
        watchers.len() <= 1
    });
    assert_eq!(exits, [Some(3); 19]);
    until("it works", 20, || {
        lake.runs() > before && lake.not("fresh").is_empty()
    });
    let mut holder = watchers.pop().unwrap();
    holder.signal(Signal::TERM);
    assert_eq!(holder.exit_within(5), Some(143));
    lake.assert_sound();
}

#[test]
fn overlapping_passes_of_cron_start_nothing_twice() {
    let lake = Lakehouse::built();
    lake.run_now_faults(late_answer(100));
    for _ in 0..2 {
        lake.arrive(3);
        let mut passes: Vec<Process> = (0..6).map(|_| lake.start("reconcile -q")).collect();
        let exits: Vec<_> = passes
            .iter_mut()
            .map(|pass| pass.exit_within(30).unwrap())
            .collect();
        assert!(exits.contains(&0), "{exits:?}");
        assert!(exits.iter().all(|exit| matches!(exit, 0 | 3)), "{exits:?}");
    }
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn after_a_holder_that_died_the_next_goes_on_at_once() {
    let lake = Lakehouse::built();
    amid_a_pass(&lake, 60_000).kill();
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn an_interrupt_lets_the_pass_end() {
    let lake = Lakehouse::built();
    let mut reconciler = amid_a_pass(&lake, 500);
    reconciler.signal(Signal::INT);
    assert_eq!(reconciler.exit_within(5), Some(130));
    lake.no_faults();
    assert_eq!(lake.json("reconcile")["kind"], "Pass");
    lake.settle();
    lake.assert_sound();
}

#[test]
fn a_pass_that_stands_still_keeps_others_out_and_ends_soon_when_it_is_told_to() {
    let lake = Lakehouse::built();
    let mut reconciler = amid_a_pass(&lake, 60_000);
    reconciler.signal(Signal::STOP);
    // It may go on at any moment: its lease counts until it runs out.
    for args in ["reconcile", "reconcile --wait", "observe"] {
        let ran = lake.run(args);
        assert_eq!(ran.exit, 3, "{args}: {ran:?}");
        assert!(ran.stderr.contains("error[S001]"), "{ran:?}");
        assert!(ran.stderr.contains("it runs out at 2"), "{ran:?}");
    }
    // Whoever only reads is not kept out.
    for args in ["plan", "status", "explain finance.receivable"] {
        assert_eq!(lake.run(args).exit, 0, "{args}");
    }
    // The same while the file is locked; it already is if this one stopped in the middle of a write.
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    drop(state.execute_batch("BEGIN IMMEDIATE"));
    let ran = lake.run("reconcile");
    assert!(
        ran.exit == 3 && ran.stderr.contains("error[S001]"),
        "{ran:?}"
    );
    drop(state);
    reconciler.signal(Signal::CONT);
    let began = Instant::now();
    reconciler.signal(Signal::TERM);
    assert_eq!(reconciler.exit_within(6), Some(143));
    assert!(began.elapsed() < Duration::from_secs(5));
    lake.no_faults();
    assert_eq!(
        lake.json("reconcile")["kind"],
        "Pass",
        "the lease was given back"
    );
    lake.settle();
    lake.assert_sound();
}

/// A reconciler that has started a run whose answer comes so much later.
fn amid_a_pass(lake: &Lakehouse, ms: u64) -> Process {
    lake.arrive(2);
    lake.run_now_faults(late_answer(ms));
    let before = lake.runs();
    let reconciler = lake.start("reconcile --wait");
    until("a run is made and not yet told", 20, || {
        lake.runs() > before
    });
    reconciler
}
