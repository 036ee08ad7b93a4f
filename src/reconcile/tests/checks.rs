//! Checks in whole passes: what is judged, by what, and what a failure holds.

use std::sync::Arc;

use assets::AssetKind;
use assets::Relation;
use assets::check::{Check, Percent, Rule, Severity, THIS};
use assets::dbt::{TestResult, TestStatus};
use assets::delta::contents::{Contents, WatchedColumn};
use assets::delta::{ColumnRange, DataType, NullCount};
use assets::policy::Consistency;
use chrono::{DateTime, TimeDelta, Utc};

use super::world::{Sim, key, start};
use crate::plan::Health;
use crate::ports::StatementAnswer;
use crate::reconcile::{Mode, PassReport};
use crate::state::{CheckResult, CheckStatus};

fn check(name: &str, rule: Rule) -> Check {
    Check {
        name: Arc::from(name),
        severity: Severity::Error,
        description: None,
        rule,
        warehouse: None,
    }
}

pub(super) fn not_null() -> Check {
    let columns = vec!["id".to_owned()];
    check("not_null_id", Rule::NotNull { columns })
}

fn unique() -> Check {
    let columns = vec!["id".to_owned()];
    Check {
        warehouse: Some(Arc::from("w1")),
        ..check("unique_id", Rule::Unique { columns })
    }
}

pub(super) fn contents(rows: u64, nulls: u64, untold_files: u64) -> Contents {
    Contents {
        files: 1,
        rows: Some(rows),
        columns: vec![WatchedColumn {
            name: "id".to_owned(),
            physical: vec!["id".to_owned()],
            data_type: DataType::Long,
            range: ColumnRange::EMPTY,
            nulls: Some(NullCount {
                rows: nulls,
                untold_files,
            }),
        }],
    }
}

/// A source with checks, a view over it, and what reads both; all of it is built.
fn shop(checks: Vec<Check>) -> Sim {
    let mut sim = Sim::new()
        .source("src")
        .asset("view", AssetKind::View, &["src"])
        .table("mid", &["view"])
        .table("next", &["mid"]);
    sim.change("src", |asset| {
        asset.checks = checks;
        asset.relation = Some(Relation::parse("c.s.src").unwrap());
    });
    sim.log("src", |log| log.contents = Some(contents(10, 0, 0)));
    sim.fake.get().warehouse = Some(StatementAnswer::Number(0));
    sim.converge();
    sim.fake.get().questions.clear();
    sim
}

fn write(sim: &Sim, files: Contents) -> u64 {
    sim.log("src", |log| log.contents = Some(files));
    sim.later(60);
    sim.write("src")
}

fn result(sim: &Sim, name: &str) -> CheckResult {
    sim.memory().checks[&key("src")][name].clone()
}

fn status(sim: &Sim, name: &str) -> (u64, CheckStatus) {
    let result = result(sim, name);
    (result.version.version, result.status)
}

fn pass(sim: &mut Sim) -> Vec<String> {
    let report: PassReport = sim.pass();
    sim.decided(&report)
}

#[test]
fn a_failed_check_holds_what_reads_the_version_across_processes_until_one_passes() {
    let mut sim = shop(vec![not_null()]);
    assert_eq!(status(&sim, "not_null_id"), (0, CheckStatus::Pass));
    write(&sim, contents(12, 3, 0));
    // Views are seen through, and what is further down waits for it in vain.
    assert_eq!(
        pass(&mut sim),
        ["hold mid: check_failed", "hold next: upstream_held"]
    );
    let failed = result(&sim, "not_null_id");
    assert_eq!(
        (failed.version.version, failed.status),
        (1, CheckStatus::Fail)
    );
    assert_eq!(failed.measured.as_deref(), Some("`id` is null in 3 rows"));
    assert_eq!(sim.health("src").health, Health::Failing);
    assert_eq!(sim.health("src").reasons[0].code, "check_failed");
    sim.restart();
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    write(&sim, contents(12, 0, 0));
    assert_eq!(sim.converge(), 2);
    assert_eq!(status(&sim, "not_null_id"), (2, CheckStatus::Pass));
    assert_eq!(sim.health("src").health, Health::Fresh);
    assert!(sim.fake.get().questions.is_empty(), "the log tells it all");
}

#[test]
fn a_failed_check_holds_latest_and_patience_too_and_gates_can_be_left_open() {
    for consistency in [
        Consistency::Latest,
        Consistency::Settled {
            proceed_after: Some(TimeDelta::minutes(1)),
        },
    ] {
        let mut sim = shop(vec![not_null()]).with("mid", |asset| asset.consistency = consistency);
        write(&sim, contents(12, 3, 0));
        pass(&mut sim);
        sim.later(600);
        assert_eq!(
            pass(&mut sim)[0],
            "hold mid: check_failed",
            "{consistency:?}"
        );
        sim.change("mid", |asset| asset.gates = false);
        assert_eq!(sim.converge(), 2);
    }
}

#[test]
fn a_warning_is_shown_and_holds_nothing() {
    let warn = Check {
        severity: Severity::Warn,
        ..not_null()
    };
    let mut sim = shop(vec![warn]);
    write(&sim, contents(12, 3, 0));
    assert_eq!(sim.converge(), 2);
    assert_eq!(status(&sim, "not_null_id"), (1, CheckStatus::Warn));
    let health = sim.health("src");
    assert_eq!(health.health, Health::Fresh);
    assert_eq!(health.reasons[0].code, "check_warned");
}

#[test]
fn rows_are_compared_with_the_last_version_that_passed_and_not_with_one_that_failed() {
    let max = Percent::parse("30%").unwrap();
    let drift = Rule::RowCountDrift { max, min_rows: 0 };
    let mut sim = shop(vec![check("drift", drift)]);
    write(&sim, contents(5, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    write(&sim, contents(5, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    assert_eq!(
        result(&sim, "drift").measured.as_deref(),
        Some("5 rows after 10")
    );
    write(&sim, contents(9, 0, 0));
    assert_eq!(sim.converge(), 2);
    assert_eq!(result(&sim, "drift").rows, Some(9));
}

#[test]
fn age_is_judged_by_time_alone_and_recorded_when_it_turns() {
    let max_age = TimeDelta::hours(3);
    let mut sim = shop(vec![check("freshness", Rule::Freshness { max_age })]);
    let first = result(&sim, "freshness");
    pass(&mut sim);
    assert_eq!(result(&sim, "freshness"), first, "nothing is written again");
    sim.later(2 * 3600);
    pass(&mut sim);
    assert_eq!(status(&sim, "freshness"), (0, CheckStatus::Fail));
    write(&sim, contents(10, 0, 0));
    assert_eq!(sim.converge(), 2);
    assert_eq!(status(&sim, "freshness"), (1, CheckStatus::Pass));
}

#[test]
fn columns_are_judged_by_the_schema_of_the_log() {
    let columns = [("id".to_owned(), "bigint".to_owned())].into();
    let rule = Rule::Columns {
        columns,
        allow_others: true,
    };
    let schema = |kind: &str| {
        let field = format!("{{\"name\":\"id\",\"type\":\"{kind}\",\"nullable\":true}}");
        Some(Arc::from(format!(
            "{{\"type\":\"struct\",\"fields\":[{field}]}}"
        )))
    };
    let mut sim = shop(vec![check("schema", rule)]);
    // Until anybody saw the columns, nobody knows.
    assert!(!sim.memory().checks.contains_key(&key("src")));
    assert!(!sim.is_running("mid") && sim.build("mid").built_at.is_none());
    sim.log("src", |log| log.schema = schema("string"));
    write(&sim, contents(10, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    assert_eq!(
        result(&sim, "schema").measured.as_deref(),
        Some("`id` is string")
    );
    sim.log("src", |log| log.schema = schema("long"));
    write(&sim, contents(10, 0, 0));
    assert_eq!(sim.converge(), 2);
}

#[test]
fn what_the_log_does_not_tell_is_asked_once_for_each_version() {
    let not_null = Check {
        warehouse: Some(Arc::from("w1")),
        ..not_null()
    };
    let mut sim = shop(vec![not_null, unique()]);
    write(&sim, contents(10, 0, 1));
    sim.fake.get().warehouse = None;
    assert_eq!(pass(&mut sim)[0], "wait mid: check_pending");
    let asked = std::mem::take(&mut sim.fake.get().questions);
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|question| question.contains("`c`.`s`.`src` VERSION AS OF 1"))
    );
    sim.fake.get().warehouse = Some(StatementAnswer::Number(0));
    assert_eq!(sim.converge(), 2);
    assert_eq!(sim.fake.get().questions.len(), 2);
    assert_eq!(status(&sim, "unique_id"), (1, CheckStatus::Pass));
    sim.restart();
    pass(&mut sim);
    assert_eq!(sim.fake.get().questions.len(), 2, "it is remembered");
    sim.fake.get().warehouse = Some(StatementAnswer::Number(4));
    write(&sim, contents(10, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    let failed = result(&sim, "unique_id");
    assert_eq!(failed.measured.as_deref(), Some("4 values more than once"));
}

#[test]
fn availability_goes_on_while_nobody_has_judged() {
    let mut sim = shop(vec![unique()]).with("mid", |asset| asset.consistency = Consistency::Latest);
    sim.fake.get().warehouse = Some(StatementAnswer::Running);
    write(&sim, contents(10, 0, 0));
    pass(&mut sim);
    assert!(sim.is_running("mid"));
}

#[test]
fn a_question_that_is_wrong_holds_and_is_asked_again_after_a_while() {
    let query = format!("SELECT * FROM {THIS} WHERE nothing");
    let sql = Check {
        warehouse: Some(Arc::from("w1")),
        ..check("sql", Rule::Sql { query })
    };
    let mut sim = shop(vec![sql]);
    let wrong = StatementAnswer::Failed("no column nothing".to_owned());
    sim.fake.get().warehouse = Some(wrong);
    write(&sim, contents(10, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    assert_eq!(status(&sim, "sql"), (1, CheckStatus::Error));
    pass(&mut sim);
    assert_eq!(sim.fake.get().questions.len(), 1);
    sim.fake.get().warehouse = Some(StatementAnswer::Number(0));
    sim.later(601);
    assert_eq!(sim.converge(), 2);
}

#[test]
fn what_nobody_can_judge_holds_nothing() {
    let alone = Check {
        warehouse: None,
        ..unique()
    };
    let mut sim = shop(vec![not_null(), alone]);
    write(&sim, contents(10, 0, 1));
    assert_eq!(sim.converge(), 2);
    assert_eq!(status(&sim, "not_null_id"), (1, CheckStatus::Unknown));
    assert!(sim.fake.get().questions.is_empty());
}

#[test]
fn nothing_is_asked_of_a_warehouse_by_a_look_or_a_plan() {
    let mut sim = shop(vec![unique(), not_null()]);
    write(&sim, contents(10, 1, 0));
    for mode in [Mode::Observe, Mode::PlanOnly] {
        let report = sim.pass_in(mode).unwrap();
        assert_eq!(sim.decided(&report)[0], "hold mid: check_failed");
    }
    assert!(sim.fake.get().questions.is_empty());
    assert_eq!(status(&sim, "not_null_id"), (1, CheckStatus::Fail));
}

fn told(status: TestStatus, at: DateTime<Utc>) -> TestResult {
    TestResult {
        unique_id: Arc::from("test.shop.t"),
        status,
        at,
        failures: Some(2),
        message: Some("Got 2 results".to_owned()),
    }
}

#[test]
fn a_test_of_dbt_counts_for_the_version_that_was_newest_when_it_began() {
    let rule = Rule::Dbt {
        unique_id: Arc::from("test.shop.t"),
        not_null: None,
    };
    let mut sim = shop(vec![check("t", rule)]);
    let tell = |sim: &mut Sim, status, at| {
        sim.tests.insert(Arc::from("test.shop.t"), told(status, at));
    };
    write(&sim, contents(10, 0, 0));
    let at = sim.fake.get().now;
    // It began before the newest commit: it says nothing of that.
    tell(&mut sim, TestStatus::Fail, at - TimeDelta::seconds(1));
    pass(&mut sim);
    assert!(sim.is_running("mid"));
    assert!(!sim.memory().checks.contains_key(&key("src")));
    sim.converge();
    write(&sim, contents(10, 0, 0));
    let at = sim.fake.get().now;
    tell(&mut sim, TestStatus::Fail, at);
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    // The file is overwritten by an invocation without that test; the state remembers.
    sim.tests.clear();
    sim.restart();
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    let later = sim.fake.get().now;
    tell(&mut sim, TestStatus::Warn, later);
    assert_eq!(sim.converge(), 2);
    assert_eq!(status(&sim, "t"), (2, CheckStatus::Warn));
    assert!(later > start());
}

#[test]
fn a_plain_not_null_test_of_dbt_is_answered_by_the_log() {
    let rule = Rule::Dbt {
        unique_id: Arc::from("test.shop.t"),
        not_null: Some("id".to_owned()),
    };
    let mut sim = shop(vec![check("t", rule)]);
    write(&sim, contents(10, 1, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    assert_eq!(status(&sim, "t"), (1, CheckStatus::Fail));
}

#[test]
fn a_check_that_is_declared_otherwise_judges_the_same_version_again() {
    let rows = |min| {
        check(
            "rows",
            Rule::RowCount {
                min: Some(min),
                max: None,
            },
        )
    };
    let mut sim = shop(vec![rows(5)]);
    write(&sim, contents(4, 0, 0));
    assert_eq!(pass(&mut sim)[0], "hold mid: check_failed");
    sim.change("src", |asset| asset.checks = vec![rows(3)]);
    assert_eq!(sim.converge(), 2);
    sim.change("src", |asset| asset.checks = vec![rows(6)]);
    pass(&mut sim);
    assert_eq!(status(&sim, "rows"), (1, CheckStatus::Fail));
}

#[test]
fn a_check_that_turns_stands_in_the_audit_trail() {
    let mut sim = shop(vec![not_null()]);
    for nulls in [2, 3, 0, 0] {
        write(&sim, contents(10, nulls, 0));
        pass(&mut sim);
    }
    let trail = sim.state.store.audit_tail(1000).unwrap();
    let turns = trail.iter().rev().map(|entry| entry.action.as_str());
    let turns: Vec<&str> = turns
        .filter(|action| action.starts_with("check."))
        .collect();
    assert_eq!(turns, ["check.pass", "check.fail", "check.pass"]);
}
