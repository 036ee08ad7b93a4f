//! First contact: a lakehouse that runs already is adopted, and only what is behind is built.

use std::collections::BTreeMap;

use assets::AssetKind;
use assets::delta::Unreadable;
use assets::policy::Adoption;
use chrono::TimeDelta;

use super::world::{Sim, start};
use crate::plan::Health;
use crate::ports::{Run, RunState};
use crate::state::{Basis, ObservedState, RunId};

#[test]
fn what_is_current_is_adopted_without_a_run() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 60)
        .table("top", &["mid"])
        .written("top", 20);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by commit_time");
    assert_eq!(sim.consumption("top", "mid"), "v0 by commit_time");
    assert!(sim.build("mid").is_adopted);
}

#[test]
fn only_what_is_behind_is_built() {
    let mut sim = Sim::new()
        .source("a")
        .source("b")
        .table("fresh", &["a"])
        .written("fresh", 60)
        .table("late", &["b"])
        .written("late", 180);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.runs_of("late").len(), 1);
    assert_eq!(sim.consumption("late", "b"), "v0 by run");
}

/// `mid` was written an hour ago, when `src` had been there for an hour; `src` cannot be read.
fn blind() -> Sim {
    let sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 60);
    sim.log("src", |log| log.problem = Some(unreadable()));
    sim
}

fn unreadable() -> Unreadable {
    Unreadable::TimedOut { after_ms: 5 }
}

fn basis(sim: &Sim) -> Basis {
    sim.consumed("mid", "src").unwrap().basis
}

#[test]
fn an_input_that_cannot_be_read_is_unknown_until_it_can() {
    let mut sim = blind();
    sim.pass();
    assert_eq!(basis(&sim), Basis::Unknown);
    assert_eq!(sim.health("mid").health, Health::Unknown);
    sim.restart();
    sim.pass();
    assert_eq!(basis(&sim), Basis::Unknown);
    sim.log("src", |log| log.problem = None);
    assert_eq!(sim.converge(), 0, "it was current all the time");
    assert_eq!(sim.consumption("mid", "src"), "v0 by commit_time");
    assert_eq!(sim.health("mid").health, Health::Fresh);
    sim.write("src");
    assert_eq!(sim.converge(), 1, "and sees what comes next");
}

#[test]
fn what_came_while_an_input_could_not_be_read_is_not_lost() {
    let mut sim = blind();
    sim.pass();
    sim.write("src");
    sim.log("src", |log| log.problem = None);
    assert_eq!(sim.decisions(), ["run mid: upstream_changed"]);
    assert_eq!(sim.consumption("mid", "src"), "v0 by commit_time");
    assert_eq!(sim.runs(), 1);
}

#[test]
fn what_a_write_says_it_read_is_believed_once_that_can_be_read() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.log("mid", |log| {
        let commit = log.commit(start() - TimeDelta::minutes(119), true);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 0)]));
    });
    sim.log("src", |log| log.problem = Some(unreadable()));
    sim.pass();
    assert_eq!(basis(&sim), Basis::Unknown);
    sim.log("src", |log| log.problem = None);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by stamp");
}

#[test]
fn while_its_own_write_cannot_be_read_back_nobody_knows_and_nothing_runs() {
    let mut sim = blind();
    sim.pass();
    sim.log("src", |log| log.problem = None);
    sim.log("mid", |log| log.problem = Some(unreadable()));
    assert_eq!(sim.converge(), 0);
    assert_eq!(basis(&sim), Basis::Unknown);
    assert_eq!(sim.health("mid").health, Health::Unknown);
    sim.log("mid", |log| log.problem = None);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by commit_time");
}

#[test]
fn an_input_that_turns_out_to_be_empty_was_empty() {
    let mut sim = blind();
    sim.pass();
    sim.log("src", |log| {
        log.problem = None;
        log.commits.clear();
    });
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "nothing by commit_time");
}

#[test]
fn a_write_within_the_margin_of_its_input_counts_as_not_having_seen_it() {
    // The input came two hours ago; a run that committed 10 minutes later may have read before it.
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 110);
    assert_eq!(sim.converge(), 1);
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 80);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn the_stamp_of_a_commit_is_believed_before_its_time() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.log("mid", |log| {
        let commit = log.commit(start() - TimeDelta::minutes(119), true);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 0)]));
    });
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by stamp");
}

#[test]
fn a_stamp_beyond_what_the_input_has_never_hides_what_comes() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.log("mid", |log| {
        let commit = log.commit(start() - TimeDelta::minutes(10), true);
        commit.inputs = Some(BTreeMap::from([("src".to_owned(), 999)]));
    });
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by stamp");
    sim.write("src");
    assert_eq!(sim.converge(), 1);
}

#[test]
fn the_start_of_the_run_that_wrote_it_is_believed_before_the_commits_time() {
    let adopted = |started_minutes_ago: i64| {
        let mut sim = Sim::new().source("src").table("mid", &["src"]);
        sim.log("mid", |log| {
            let commit = log.commit(start() - TimeDelta::minutes(10), true);
            commit.writer.job_run_id = Some(7);
        });
        let started_at = start() - TimeDelta::minutes(started_minutes_ago);
        sim.fake.get().ledger.push(super::fake::LedgerRun {
            run: Run {
                id: RunId(7),
                job_id: 99,
                state: RunState::Succeeded,
                started_at,
                ended_at: Some(start()),
                url: None,
                parameters: BTreeMap::new(),
            },
            token: String::new(),
            heads: BTreeMap::new(),
            visible_from: started_at,
        });
        let runs = sim.converge();
        (runs, sim.consumption("mid", "src"))
    };
    assert_eq!(adopted(30), (0, "v0 by run_start".to_owned()));
    // It started before the input came: the content cannot show it.
    assert_eq!(adopted(150), (1, "v0 by run".to_owned()));
}

#[test]
fn tables_without_inputs_are_adopted_too() {
    let mut sim = Sim::new()
        .asset("seed", AssetKind::Seed, &[])
        .written("seed", 600)
        .table("ingest", &[])
        .written("ingest", 5);
    assert_eq!(sim.converge(), 0);
    assert!(sim.build("seed").is_adopted && sim.build("ingest").is_adopted);
}

#[test]
fn a_table_that_is_to_be_rebuilt_counts_as_never_built_until_it_was() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 10)
        .with("mid", |asset| asset.adopt = Adoption::Rebuild);
    // It has to wait first: what it waits for must not make it look built.
    sim.log("src", |log| log.torn = Some(0));
    assert_eq!(sim.decisions(), ["wait mid: upstream_unknown"]);
    assert_eq!(sim.decisions(), ["wait mid: upstream_unknown"]);
    sim.log("src", |log| log.torn = None);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
    assert_eq!(sim.converge(), 0);
}

#[test]
fn a_table_to_be_rebuilt_whose_run_failed_is_tried_again_when_its_input_changes() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 10)
        .with("mid", |asset| asset.adopt = Adoption::Rebuild);
    sim.pass();
    sim.fail("mid", false);
    sim.pass();
    assert_eq!(sim.decisions(), ["hold mid: quarantined"]);
    sim.write("src");
    assert_eq!(sim.converge(), 1);
}

#[test]
fn an_input_that_is_declared_later_is_incorporated() {
    let mut sim = Sim::new().source("src").table("mid", &[]);
    assert_eq!(sim.converge(), 1);
    let edge = Sim::new().table("x", &["src"]).assets.remove(0).upstreams;
    sim.change("mid", |asset| asset.upstreams = edge);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
}

#[test]
fn a_table_that_is_not_there_is_built() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    let report = sim.pass();
    assert_eq!(sim.decided(&report), ["run mid: missing"]);
    assert_eq!(sim.observed("mid"), ObservedState::Absent);
    sim.later(10);
    sim.finish("mid");
    let report = sim.pass();
    assert_eq!(report.settled.len(), 1);
    assert!(sim.decided(&report).is_empty());
    assert!(!sim.build("mid").is_adopted);
    assert_eq!(report.settled[0].outcome, "succeeded");
}
