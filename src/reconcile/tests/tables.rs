//! Tables that are damaged, vanish, come back or begin anew.

use assets::AssetKind;
use assets::delta::Unreadable;
use assets::policy::OutsideWrites;

use super::world::{Sim, key};
use crate::ports::JobsError;
use crate::state::ObservedState;

fn built() -> Sim {
    let mut sim = Sim::new()
        .source("src")
        .source("other")
        .table("mid", &["src"])
        .table("far", &["other"]);
    assert_eq!(sim.converge(), 2);
    sim
}

fn code(sim: &Sim, name: &str) -> String {
    match sim.observed(name) {
        ObservedState::Unknown { code, .. } => code,
        other @ (ObservedState::Ok | ObservedState::Absent | ObservedState::Gone) => {
            format!("{other:?}")
        }
    }
}

#[test]
fn fault_33_a_torn_commit_holds_its_readers_and_nobody_else() {
    let mut sim = built();
    let torn = sim.write("src");
    sim.log("src", |log| log.torn = Some(torn));
    sim.write("other");
    let report = sim.pass();
    assert_eq!(code(&sim, "src"), "torn_commit");
    assert_eq!(report.unknown, 1);
    assert_eq!(sim.decided(&report), ["run far: upstream_changed"]);
    sim.finish("far");
    assert_eq!(sim.converge(), 0);
    sim.log("src", |log| log.torn = None);
    assert_eq!(sim.converge(), 1, "it became readable");
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn what_is_whole_before_a_torn_commit_counts_but_triggers_nothing_yet() {
    let mut sim = built();
    sim.write("src");
    let torn = sim.write("src");
    sim.log("src", |log| log.torn = Some(torn));
    assert_eq!(sim.decisions(), ["wait mid: upstream_unknown"]);
    assert_eq!(sim.converge(), 0);
    sim.log("src", |log| log.torn = None);
    assert_eq!(sim.converge(), 1);
}

#[test]
fn a_log_that_vanishes_for_a_moment_costs_nothing() {
    let mut sim = built();
    sim.log("mid", |log| log.exists = false);
    sim.pass();
    assert_eq!(code(&sim, "mid"), "vanished");
    sim.log("mid", |log| log.exists = true);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.observed("mid"), ObservedState::Ok);
}

#[test]
fn a_table_that_is_gone_is_built_again_at_the_second_look() {
    let mut sim = built();
    sim.log("mid", |log| log.exists = false);
    let report = sim.pass();
    assert!(sim.decided(&report).is_empty());
    assert_eq!(sim.decisions(), ["run mid: missing"]);
    assert_eq!(sim.observed("mid"), ObservedState::Gone);
    sim.log("mid", |log| {
        log.commits.clear();
        log.table_id = "mid2".to_owned();
        log.era += 1;
    });
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
}

#[test]
fn the_readers_of_a_source_that_is_gone_are_held_and_nothing_is_forgotten() {
    let mut sim = built();
    sim.log("src", |log| log.exists = false);
    sim.pass();
    sim.pass();
    assert_eq!(sim.observed("src"), ObservedState::Gone);
    assert_eq!(sim.converge(), 0);
    // A disk that was not mounted, say: the same log stands there again.
    sim.log("src", |log| log.exists = true);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
}

#[test]
fn a_source_that_was_gone_and_comes_back_as_another_is_consumed_anew() {
    for same_id in [false, true] {
        let mut sim = built();
        for _ in 0..5 {
            sim.write("src");
        }
        assert_eq!(sim.converge(), 1);
        sim.log("src", |log| log.exists = false);
        sim.pass();
        sim.pass();
        sim.log("src", |log| {
            log.commits.clear();
            log.era += 1;
            if !same_id {
                log.table_id = "src2".to_owned();
            }
        });
        // Fewer versions than had been consumed of it before.
        sim.write("src");
        sim.write("src");
        assert_eq!(sim.converge(), 1, "same id: {same_id}");
        assert_eq!(sim.consumption("mid", "src"), "v1 by run");
    }
}

#[test]
fn fault_35_a_table_that_was_recreated_between_two_looks_is_consumed_anew() {
    for same_id in [false, true] {
        let mut sim = built();
        for _ in 0..5 {
            sim.write("src");
        }
        assert_eq!(sim.converge(), 1);
        sim.log("src", |log| {
            log.commits.truncate(2);
            log.era += 1;
            if !same_id {
                log.table_id = "src2".to_owned();
            }
        });
        sim.write("src");
        assert_eq!(sim.converge(), 1, "same id: {same_id}");
        assert_eq!(sim.consumption("mid", "src"), "v2 by run");
        sim.write("src");
        assert_eq!(sim.converge(), 1, "same id: {same_id}");
    }
}

#[test]
fn a_log_that_is_rolled_back_during_a_run_does_not_hide_what_comes_after() {
    let mut sim = built();
    for _ in 0..5 {
        sim.write("src");
    }
    sim.pass();
    sim.log("src", |log| {
        log.commits.truncate(2);
        log.era += 1;
    });
    sim.write("src");
    sim.pass();
    sim.finish("mid");
    assert_eq!(sim.converge(), 1, "the run read what is no more");
    assert_eq!(sim.consumption("mid", "src"), "v2 by run");
    sim.write("src");
    assert_eq!(sim.converge(), 1);
}

#[test]
fn a_replaced_table_keeps_its_log_and_is_consumed_anew() {
    let mut sim = built();
    sim.log("src", |log| log.table_id = "src2".to_owned());
    sim.write("src");
    assert_eq!(sim.decisions(), ["run mid: upstream_recreated"]);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn fault_34_49_a_gap_in_the_log_counts_as_a_change() {
    let mut sim = built();
    let now = sim.fake.get().now;
    sim.write("src");
    // What is left of the log changed no data: what was cleaned away may have.
    sim.log("src", |log| {
        log.commit(now, false);
        log.first_kept = 2;
    });
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn a_recreated_table_of_ours_was_not_built_by_us() {
    let mut sim = built().with("mid", |asset| asset.outside_writes = OutsideWrites::Ignore);
    sim.log("mid", |log| {
        log.commits.clear();
        log.era += 1;
        log.table_id = "mid2".to_owned();
    });
    sim.write("mid");
    assert_eq!(sim.converge(), 1, "nobody knows what it is made of");
}

#[test]
fn fault_22_one_denial_of_the_catalog_does_not_drop_a_table() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .in_catalog("mid", true);
    assert_eq!(sim.converge(), 1);
    sim.later(2 * 24 * 3600);
    let lost = sim.fake.get().relations.remove("c.mid").unwrap();
    sim.pass();
    assert_eq!(code(&sim, "mid"), "vanished");
    sim.fake.get().relations.insert("c.mid".to_owned(), lost);
    assert_eq!(
        sim.converge(),
        0,
        "the catalog is asked again before that is believed"
    );
    // And a catalog that does not answer confirms nothing.
    sim.later(2 * 24 * 3600);
    sim.fake.get().relations.remove("c.mid");
    sim.pass();
    let unanswered = JobsError::Unanswered("timed out".to_owned());
    sim.fake.get().catalog_fault = Some(unanswered);
    for _ in 0..3 {
        sim.pass();
        assert_ne!(sim.observed("mid"), ObservedState::Gone);
    }
    sim.fake.get().catalog_fault = None;
    assert_eq!(sim.decisions(), ["run mid: missing"]);
}

#[test]
fn fault_15_without_an_answer_of_the_catalog_nothing_is_known_and_nothing_is_triggered() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .in_catalog("mid", false);
    let unanswered = JobsError::Unanswered("timed out".to_owned());
    sim.fake.get().catalog_fault = Some(unanswered);
    let report = sim.pass();
    assert!(report.is_remote_unavailable);
    assert_eq!(code(&sim, "mid"), "catalog_unavailable");
    assert_eq!(sim.runs(), 0);
    sim.fake.get().catalog_fault = None;
    assert_eq!(sim.decisions(), ["run mid: missing"]);
}

#[test]
fn a_first_look_at_a_damaged_table_is_no_first_contact() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .written("mid", 20);
    sim.log("mid", |log| {
        log.problem = Some(Unreadable::TimedOut { after_ms: 9 });
    });
    assert_eq!(sim.converge(), 0);
    sim.log("mid", |log| log.problem = None);
    assert_eq!(sim.converge(), 0, "it was current all the time");
}

#[test]
fn a_view_of_the_catalog_exists_is_missing_and_follows_its_code() {
    let view = |exists| {
        let version = |text: &str| Some(assets::CodeVersion::new(text));
        let sim = Sim::new()
            .source("src")
            .asset("view", AssetKind::View, &["src"])
            .in_catalog("view", exists)
            .with("view", |asset| asset.code_version = version("1"));
        (sim, version("2"))
    };
    let (mut sim, second) = view(true);
    assert_eq!(sim.converge(), 0);
    sim.write("src");
    assert_eq!(sim.converge(), 0, "a view shows its inputs as they are");
    sim.change("view", |asset| asset.code_version = second);
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.converge(), 0);

    let (mut sim, _) = view(false);
    assert_eq!(sim.decisions(), ["run view: missing"]);
    sim.finish("view");
    assert_eq!(sim.converge(), 0);
    sim.later(2 * 24 * 3600);
    sim.fake.get().relations.clear();
    assert_eq!(
        sim.decisions(),
        ["run view: missing"],
        "somebody dropped it"
    );
}

#[test]
fn a_view_whose_run_does_not_make_it_is_not_built_for_ever() {
    let mut sim = Sim::new()
        .source("src")
        .asset("view", AssetKind::View, &["src"])
        .in_catalog("view", false);
    sim.pass();
    sim.end("view", crate::ports::RunState::Succeeded);
    sim.pass();
    assert_eq!(sim.decisions(), ["hold view: quarantined"]);
    assert!(sim.memory().builds[&key("view")].failure.is_some());
}

#[test]
fn a_source_that_is_recreated_empty_is_consumed_anew() {
    let mut sim = built();
    let now = sim.fake.get().now;
    sim.log("src", |log| {
        log.commits.clear();
        log.table_id = "src2".to_owned();
        log.era += 1;
        log.commit(now, false);
    });
    assert_eq!(sim.decisions(), ["run mid: upstream_recreated"]);
    sim.finish("mid");
    assert_eq!(sim.converge(), 0);
    sim.write("src");
    assert_eq!(sim.converge(), 1);
}
