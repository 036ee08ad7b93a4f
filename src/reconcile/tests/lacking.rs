//! What an asset lacks is neither forgotten nor made younger, whatever becomes of its inputs and of
//! those who read them.

use std::collections::{BTreeMap, BTreeSet};

use assets::policy::OutsideWrites;
use chrono::{DateTime, TimeDelta, Utc};

use super::world::Sim;
use crate::plan::Health;
use crate::state::ObservedState;

fn built() -> Sim {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    assert_eq!(sim.converge(), 1);
    sim
}

/// Somebody commits to the source now, and some time passes.
fn commit(sim: &Sim) -> DateTime<Utc> {
    let at = sim.fake.get().service_now();
    sim.write("src");
    sim.later(60);
    at
}

fn stale_since(sim: &Sim) -> Option<DateTime<Utc>> {
    sim.health("mid").stale_since
}

/// The source is dropped and made again, under another id or the same one.
fn make_anew(sim: &Sim, same_id: bool) {
    sim.log("src", |log| {
        log.commits.clear();
        log.era += 1;
        if !same_id {
            log.table_id = "src2".to_owned();
        }
    });
}

#[test]
fn a_source_that_is_gone_does_not_make_its_consumers_fresh() {
    let mut sim = built();
    let changed_at = commit(&sim);
    // It is seen, and before anything is started the source is dropped.
    sim.selected = Some(BTreeSet::new());
    sim.pass();
    assert_eq!(sim.health("mid").health, Health::Stale);
    sim.log("src", |log| log.exists = false);
    sim.pass();
    sim.selected = None;
    assert_eq!(sim.decisions(), ["hold mid: upstream_missing"]);
    assert_eq!(sim.observed("src"), ObservedState::Gone);
    let health = sim.health("mid");
    assert_eq!(
        (health.health, health.stale_since),
        (Health::Stale, Some(changed_at))
    );
    assert_eq!(sim.runs(), 1, "there is nothing to read");
    // It was a disk that was not mounted.
    sim.log("src", |log| log.exists = true);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
    assert_eq!(sim.health("mid").health, Health::Fresh);
}

#[test]
fn commits_that_a_run_under_way_has_not_seen_are_not_pruned() {
    let mut sim = built();
    commit(&sim);
    sim.pass();
    assert!(sim.is_running("mid"), "with version 1");
    let first_lacked = commit(&sim);
    for _ in 0..4 {
        commit(&sim);
    }
    // Somebody else writes the table meanwhile, and has read all there is.
    let now = sim.fake.get().service_now();
    sim.log("mid", |log| {
        let commit = log.commit(now, true);
        commit.writer.job_run_id = Some(4711);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 6)]));
    });
    sim.pass();
    assert_eq!(sim.consumption("mid", "src"), "v6 by stamp");
    for _ in 0..4 {
        commit(&sim);
    }
    sim.pass();
    // What the run writes replaces that, and never saw what came since it started.
    sim.finish("mid");
    sim.pass();
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
    assert_eq!(stale_since(&sim), Some(first_lacked));
    assert_eq!(sim.converge(), 0, "its next run is under way");
    assert_eq!(stale_since(&sim), None);
}

/// A table appears that somebody wrote at an instant, and perhaps says what version it was made of.
fn discover(sim: Sim, source: &str, written_at: DateTime<Utc>, stamp: Option<u64>) -> Sim {
    let sim = sim.table("new", &[source]).with("new", |asset| {
        let margin = TimeDelta::zero();
        asset.outside_writes = OutsideWrites::Assume { margin };
    });
    sim.log("new", |log| {
        let commit = log.commit(written_at, true);
        commit.inputs = stamp.map(|version| BTreeMap::from([(source.to_owned(), version)]));
    });
    sim
}

#[test]
fn what_a_table_lacks_that_is_new_to_us_is_kept_although_others_have_it() {
    // The source comes before its readers by name, or after them.
    for (source, reader) in [("a", "x"), ("y", "x")] {
        let mut sim = Sim::new().source(source).table(reader, &[source]);
        assert_eq!(sim.converge(), 1);
        let mut written = Vec::new();
        for _ in 0..8 {
            written.push(sim.fake.get().service_now());
            sim.write(source);
            sim.later(60);
        }
        assert_eq!(sim.converge(), 1);
        let between = written[1] + TimeDelta::seconds(30);
        let mut sim = discover(sim, source, between, None);
        sim.write(source);
        sim.pass();
        assert_eq!(sim.consumption("new", source), "v2 by commit_time");
        assert_eq!(sim.health("new").stale_since, Some(written[2]), "{source}");
    }
}

#[test]
fn a_stamp_older_than_all_that_is_known_lacks_all_that_came_since() {
    let lacking = |stamp: u64, first_kept: u64| {
        let sim = Sim::new().source("src");
        let written: Vec<_> = (0..8).map(|_| commit(&sim)).collect();
        sim.log("src", |log| log.first_kept = first_kept);
        sim.later(3600);
        let at = written[7] + TimeDelta::seconds(30);
        let mut sim = discover(sim, "src", at, Some(stamp));
        sim.pass();
        assert_eq!(sim.consumption("new", "src"), format!("v{stamp} by stamp"));
        let since = sim.health("new").stale_since.unwrap();
        (since, written)
    };
    // The first version is two hours older than the others.
    for stamp in [0, 3, 7] {
        let (since, written) = lacking(stamp, 0);
        assert_eq!(since, written[usize::try_from(stamp).unwrap()]);
    }
    // What came right after it is cleaned away.
    let (since, written) = lacking(3, 6);
    assert!(since <= written[5], "{since}");
    let (since, written) = lacking(3, 4);
    assert_eq!(since, written[3]);
}

#[test]
fn fault_35_after_a_table_is_made_anew_the_lag_counts_from_the_oldest_change_lacking() {
    for same_id in [false, true] {
        let mut sim = built();
        sim.later(3600);
        make_anew(&sim, same_id);
        let first = commit(&sim);
        commit(&sim);
        commit(&sim);
        sim.pass();
        assert_eq!(stale_since(&sim), Some(first), "same id: {same_id}");
        sim.finish("mid");
        assert_eq!(sim.converge(), 0, "same id: {same_id}");
        assert_eq!(stale_since(&sim), None);
    }
}

#[test]
fn fault_35_what_was_lacking_of_a_table_is_lacking_of_the_one_that_is_made_in_its_place() {
    for same_id in [false, true] {
        let mut sim = built();
        let first = commit(&sim);
        sim.pass();
        sim.fail("mid", false);
        sim.pass();
        assert_eq!(stale_since(&sim), Some(first));
        sim.later(3600);
        make_anew(&sim, same_id);
        commit(&sim);
        sim.pass();
        assert_eq!(stale_since(&sim), Some(first), "same id: {same_id}");
        sim.finish("mid");
        assert_eq!(sim.converge(), 0, "same id: {same_id}");
        assert_eq!(stale_since(&sim), None);
    }
}
