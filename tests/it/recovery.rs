//! What crashes, lost answers, signals and rivals leave behind: no run twice, and nothing stale.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use rustix::process::Signal;
use workspace::faults::{Break, Effect, Moment, RequestRule};

use crate::lakehouse::{Lakehouse, Process, RUN_NOW, until};
use crate::points::stands_at;

/// How often the reconciler is killed, unless the variable `KILLS` says otherwise.
const KILLS: usize = 20;

fn kills() -> usize {
    let told = std::env::vars().find(|(name, _)| name == "KILLS");
    told.map_or(KILLS, |(_, kills)| kills.parse().unwrap())
}

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
#[expect(clippy::print_stdout, reason = "`make crash` shows these figures")]
fn fault_50_kills_and_lost_answers_start_nothing_twice_and_leave_nothing_stale() {
    let lake = Lakehouse::new();
    lake.request_faults(RequestRule::on("POST", RUN_NOW, lost_answer()).every(2));
    let mut chance = StdRng::seed_from_u64(20);
    let kills = kills();
    for kill in 0..kills {
        lake.arrive(2);
        let how = ["reconcile --wait", "reconcile --watch"][kill % 2];
        let reconciler = lake.start(how);
        let lives = Duration::from_millis(chance.random_range(50..900));
        let began = Instant::now();
        until("its time to die", 5, || began.elapsed() >= lives);
        reconciler.kill();
        // Seldom, since whoever looks puts the dead one's log away.
        if kill % 10 == 9 {
            assert_eq!(lake.run("state check").exit, 0, "after {kill} kills");
        }
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
    assert_eq!(lake.run("state check").exit, 0);
    let (runs, twice) = (lake.runs(), lake.duplicates().len());
    println!("{kills} kills, {runs} runs of which {twice} twice; every table as recomputed");
}

#[test]
fn fault_11_of_many_watchers_one_works_and_the_others_say_so() {
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
fn fault_11_overlapping_passes_of_cron_start_nothing_twice() {
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
fn fault_50_after_a_holder_that_died_the_next_goes_on_at_once() {
    let lake = Lakehouse::built();
    amid_a_pass(&lake, 60_000).kill();
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_57_an_interrupt_lets_the_pass_end() {
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
fn fault_12_57_a_pass_that_stands_still_keeps_others_out_and_ends_soon_when_it_is_told_to() {
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
    let state = Connection::open(lake.state_file()).unwrap();
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

/// Lets the lease run out, as minutes do.
fn let_the_lease_run_out(lake: &Lakehouse) {
    let state = Connection::open(lake.state_file()).unwrap();
    let earlier = "UPDATE lease SET expires_at = renewed_at - 1 WHERE holder IS NOT NULL";
    assert_eq!(state.execute(earlier, ()).unwrap(), 1);
}

/// The epoch, and whether somebody holds the lease.
fn lease(lake: &Lakehouse) -> (i64, bool) {
    let state = Connection::open(lake.state_file()).unwrap();
    let sql = "SELECT epoch, holder IS NOT NULL FROM lease";
    state
        .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

#[test]
fn fault_12_a_holder_that_stood_still_past_its_lease_does_nothing_more() {
    let lake = Lakehouse::built();
    for point in [
        "writing record_sightings",
        "writing intend",
        "written stamp",
        "asking POST /api/2.2/jobs/run-now",
        "answered POST /api/2.2/jobs/run-now",
        "writing settle",
    ] {
        lake.arrive_in("landing.salesforce_opportunities");
        let holder = stands_at(&lake, "reconcile --wait", point);
        let (epoch, _) = lease(&lake);
        assert_eq!(lake.run("reconcile").exit, 3, "{point}: its lease counts");
        let_the_lease_run_out(&lake);
        // A rival takes over, does its work, and that of data which comes meanwhile.
        lake.arrive(2);
        lake.settle();
        let (runs, recorded) = (lake.runs(), lake.recorded());
        assert!(lease(&lake).0 > epoch, "{point}");
        assert_eq!(holder.go_on().exit_within(20), Some(3), "{point}");
        // A request that was on its way was made, and its token led to the run that there was.
        assert_eq!(lake.runs(), runs, "{point}");
        assert_eq!(lake.recorded(), recorded, "{point}");
        lake.assert_sound();
    }
}

#[test]
fn fault_57_a_signal_lets_the_pass_finish_its_step_and_gives_the_lease_back() {
    let lake = Lakehouse::built();
    for point in [
        "writing intend",
        "committing stamp",
        "asking POST /api/2.2/jobs/run-now",
        "committing settle",
    ] {
        lake.arrive_in("landing.salesforce_opportunities");
        for how in ["reconcile --wait", "reconcile --watch"] {
            lake.arrive(2);
            let reconciler = stands_at(&lake, how, point);
            reconciler.signal(Signal::TERM);
            assert_eq!(reconciler.go_on().exit_within(5), Some(143), "{point}");
            assert!(!lease(&lake).1, "{point}: the lease was given back");
        }
        lake.settle();
        lake.assert_sound();
    }
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
