//! Writes: other people's are taken for what they are, and ours are never taken for theirs.

use std::collections::BTreeMap;

use assets::delta::Unreadable;
use assets::policy::OutsideWrites;
use chrono::{DateTime, TimeDelta, Utc};

use super::fake::Fault;
use super::world::{Sim, start};

/// A source, and a table that was built here from it.
fn built() -> Sim {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
    sim
}

fn unreachable() -> Unreadable {
    let (path, detail) = ("mid".to_owned(), "no route".to_owned());
    Unreadable::Unreachable { path, detail }
}

#[test]
fn another_writers_rewrite_replaces_what_was_consumed() {
    let mut sim = built();
    sim.write("src");
    sim.later(3600);
    // Somebody rebuilds the table by hand; an hour later than the input, so it has seen it.
    sim.write("mid");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v1 by commit_time");
    assert!(sim.build("mid").is_adopted);
}

#[test]
fn fault_36_a_restore_to_what_an_older_input_gave_is_built_again() {
    let mut sim = built();
    sim.write("src");
    assert_eq!(sim.converge(), 1);
    sim.log("mid", |log| {
        let commit = log.commit(start() + TimeDelta::hours(5), true);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 0)]));
    });
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn outside_writes_that_are_ignored_change_nothing() {
    let mut sim = built().with("mid", |asset| asset.outside_writes = OutsideWrites::Ignore);
    sim.write("src");
    sim.later(7200);
    sim.write("mid");
    assert_eq!(
        sim.converge(),
        1,
        "the write is not believed to have seen its input"
    );
}

#[test]
fn our_commits_are_ours_whether_they_name_their_run_or_not() {
    for names_runs in [true, false] {
        let mut sim = Sim::new().source("src").table("mid", &["src"]);
        sim.names_runs = names_runs;
        sim.pass();
        // Seen before its run is settled.
        sim.later(5);
        sim.commit_of_run("mid");
        sim.pass();
        assert_eq!(sim.consumption("mid", "src"), "none");
        sim.finish("mid");
        sim.pass();
        assert_eq!(sim.consumption("mid", "src"), "v0 by run");
        assert!(!sim.build("mid").is_adopted);
        assert_eq!(sim.converge(), 0);
    }
}

#[test]
fn a_commit_seen_only_after_its_run_was_settled_is_ours() {
    for names_runs in [true, false] {
        let mut sim = built();
        sim.names_runs = names_runs;
        sim.write("src");
        sim.pass();
        sim.later(60);
        sim.log("mid", |log| log.problem = Some(unreachable()));
        sim.finish("mid");
        let report = sim.pass();
        assert_eq!(report.settled[0].outcome, "succeeded");
        sim.log("mid", |log| log.problem = None);
        assert_eq!(sim.converge(), 0, "names its run: {names_runs}");
        assert_eq!(sim.consumption("mid", "src"), "v1 by run");
        assert!(!sim.build("mid").is_adopted);
    }
}

#[test]
fn what_a_failed_run_wrote_is_not_taken_for_a_good_write() {
    for names_runs in [true, false] {
        for is_transient in [true, false] {
            let mut sim = built();
            sim.names_runs = names_runs;
            sim.write("src");
            sim.later(3600);
            sim.pass();
            sim.later(60);
            sim.commit_of_run("mid");
            sim.log("mid", |log| log.problem = Some(unreachable()));
            sim.fail("mid", is_transient);
            sim.pass();
            sim.log("mid", |log| log.problem = None);
            sim.pass();
            assert_eq!(sim.consumption("mid", "src"), "v0 by run");
            assert!(!sim.build("mid").is_adopted);
        }
    }
}

#[test]
fn a_commit_whose_run_is_not_known_yet_is_ours() {
    for names_runs in [true, false] {
        let mut sim = Sim::new().source("src").table("mid", &["src"]);
        sim.names_runs = names_runs;
        sim.fault(Fault::LostAnswer);
        sim.pass();
        assert_eq!(sim.intent().run_id, None);
        sim.finish("mid");
        // Nobody can send again in this pass, so that the commit is seen first.
        sim.fault(Fault::LostRequest);
        sim.pass();
        assert_eq!(sim.consumption("mid", "src"), "none");
        assert_eq!(sim.converge(), 0);
        assert_eq!(sim.consumption("mid", "src"), "v0 by run");
    }
}

#[test]
fn another_writers_commit_during_our_run_is_what_the_table_shows_afterwards() {
    let mut sim = built();
    sim.write("src");
    sim.pass();
    sim.later(60);
    sim.commit_of_run("mid");
    // Then a foreign run puts back what it made of the older input.
    let at = sim.fake.get().now + TimeDelta::seconds(10);
    sim.log("mid", |log| {
        let commit = log.commit(at, true);
        commit.writer.job_run_id = Some(7);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 0)]));
    });
    sim.later(20);
    sim.pass();
    sim.end("mid", crate::ports::RunState::Succeeded);
    assert_eq!(
        sim.converge(),
        1,
        "the table no longer shows the newer input"
    );
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn a_repair_from_outside_ends_a_failure() {
    let mut sim = built();
    sim.write("src");
    sim.pass();
    sim.fail("mid", false);
    assert_eq!(sim.decisions(), ["hold mid: quarantined"]);
    sim.later(3600);
    sim.write("mid");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v1 by commit_time");
    assert_eq!(sim.build("mid").failure, None);
}

#[test]
fn fault_38_a_write_from_the_ends_of_time_stops_nothing() {
    for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let mut sim = Sim::new().source("src").table("mid", &["src"]);
        for name in ["src", "mid"] {
            sim.log(name, |log| {
                log.commit(at, true);
            });
        }
        sim.converge();
        sim.write("src");
        assert_eq!(sim.converge(), 1);
    }
}

#[test]
fn a_writer_whose_clock_is_ahead_has_not_consumed_what_is_new() {
    let mut sim = built();
    sim.write("src");
    let ahead = sim.fake.get().now + TimeDelta::hours(2);
    // It began before the change came, on a machine that is two hours ahead.
    sim.log("mid", |log| {
        log.commit(ahead, true);
    });
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}
