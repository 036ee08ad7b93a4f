//! `backfill`: ranges of partitions on the built program, against a workspace.

use workspace::faults::{Moment, RunEffect};

use crate::lakehouse::Lakehouse;
use crate::points::dies_at;
use crate::program::write;

const WAIT: &str = "reconcile --wait --timeout 60s";
const JOB: &str = "silver opportunity";
const RANGE: &str =
    "backfill create shop.days --from 2024-01-03 --to 2024-01-12 --chunk 3 --max-concurrent 2";

/// A table by days, built by a job that writes nothing of it, when a person says so.
fn shop() -> Lakehouse {
    let lake = Lakehouse::built();
    let assets = format!(
        "assets:\n  - key: shop.days\n    path: lake/days\n    automation: manual\n    retry: {{ attempts: 1 }}\n    \
         partitions: {{ daily: {{ column: day, start: 2024-01-01 }} }}\n    \
         task: {{ databricks_job: {{ name: {JOB} }} }}\n"
    );
    write(lake.path(), "assets/days.yml", &assets);
    // Its table was there before: the log of another one, as nobody reads its files.
    let log = lake.path().join("lake/days/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    let other = lake.table("silver.opportunity").join("_delta_log");
    for entry in std::fs::read_dir(other).unwrap() {
        let from = entry.unwrap().path();
        if from.is_file() {
            std::fs::copy(&from, log.join(from.file_name().unwrap())).unwrap();
        }
    }
    lake
}

/// What runs of the table built that succeeded, in order.
fn built(lake: &Lakehouse) -> Vec<String> {
    let listed = lake.json("runs list shop.days --state succeeded");
    let runs = listed["runs"].as_array().unwrap().iter();
    let keys = |run: &serde_json::Value| -> Vec<String> {
        let keys = run["partitions"].as_array().unwrap().iter();
        keys.map(|key| key.as_str().unwrap()[5..].to_owned())
            .collect()
    };
    let mut built: Vec<String> = runs.map(|run| keys(run).join(" ")).collect();
    built.sort();
    built
}

const CHUNKS: [&str; 4] = [
    "01-03 01-04 01-05",
    "01-06 01-07 01-08",
    "01-09 01-10 01-11",
    "01-12",
];

#[test]
fn a_dry_run_writes_nothing_down() {
    let lake = shop();
    let ran = lake.run(&format!("{RANGE} --dry-run --name b"));
    insta::assert_snapshot!(ran.stdout, @r"
    backfill b would be made: 10 partitions of 1 asset, at most 2 runs at once
      shop.days: 10, 2024-01-03 to 2024-01-12
    ");
    assert_eq!(lake.run("backfill").stdout, "No backfills.\n");
}

#[test]
fn a_range_is_built_once_though_reconcilers_are_killed_in_the_middle() {
    let lake = shop();
    let runs = lake.runs_of(JOB).len();
    let made = lake.json(&format!("{RANGE} --name b"));
    assert_eq!(made["partitions"]["wanted"], 10);
    for point in ["written settle", "committing intend", "written finish_pass"] {
        assert!(dies_at(&lake, WAIT, (point, 1)), "{point}");
    }
    let ran = lake.run(WAIT);
    assert_eq!(built(&lake), CHUNKS, "{ran:?}");
    assert_eq!(lake.runs_of(JOB).len() - runs, CHUNKS.len());
    let shown = lake.json("backfill show b");
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["partitions"]["done"], 10);
    let told = lake.run("backfill show b").stdout;
    insta::assert_snapshot!(told, @r"
    backfill b is completed: 10 of 10 partitions built, 0 running
    ASSET      WANTED  DONE  FAILED  SKIPPED  LEFT
    shop.days  10      10    0       0        0
    ");
    let listed = lake.json("backfill list");
    assert_eq!(listed["backfills"][0]["state"], "completed");
}

#[test]
fn who_waits_sees_the_end() {
    let lake = shop();
    let ran = lake.run(&format!("{RANGE} --wait -o json"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    let shown = ran.json();
    assert_eq!(shown["state"], "completed", "{shown}");
    assert!(
        shown["name"].as_str().unwrap().starts_with("days-"),
        "{shown}"
    );
    assert_eq!(built(&lake), CHUNKS);
}

#[test]
fn what_failed_is_tried_again_when_a_person_says_so() {
    let lake = shop();
    lake.run_fault(
        JOB,
        RunEffect::Fail {
            code: "RUN_EXECUTION_ERROR".to_owned(),
            error_type: "CLIENT_ERROR".to_owned(),
            message: "a task failed".to_owned(),
            at: Moment::Before,
        },
    );
    let ran = lake.run(&format!("{RANGE} --name b --wait -o json"));
    assert_eq!(ran.exit, 1, "{ran:?}");
    let shown = ran.json();
    assert_eq!(shown["state"], "failed", "{shown}");
    assert_eq!(shown["partitions"]["failed"], 3, "{shown}");
    lake.no_faults();
    assert_eq!(lake.run("backfill resume b").exit, 2);
    assert_eq!(lake.json("backfill resume b --failed")["state"], "active");
    lake.run(WAIT);
    assert_eq!(lake.json("backfill show b")["state"], "completed");
    assert_eq!(built(&lake), CHUNKS);
}

#[test]
fn it_is_paused_resumed_and_cancelled() {
    let lake = shop();
    lake.json(&format!("{RANGE} --name b"));
    let ran = lake.run(&format!("{RANGE} --name b"));
    assert!(ran.stderr.contains("error[S014]"), "{ran:?}");
    assert_eq!(lake.json("backfill pause b")["state"], "paused");
    lake.run("reconcile");
    assert_eq!(
        lake.json("backfill show b")["running"],
        serde_json::json!([])
    );
    lake.json("backfill resume b");
    lake.run("reconcile");
    let shown = lake.json("backfill show b");
    assert_eq!(shown["running"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["waits"][0]["reason"]["code"], "limit", "{shown}");
    lake.run("backfill cancel b");
    lake.run(WAIT);
    let shown = lake.json("backfill show b");
    assert_eq!(shown["state"], "cancelled");
    assert_eq!(shown["running"], serde_json::json!([]), "{shown}");
    let ran = lake.run("backfill cancel c");
    assert!(ran.stderr.contains("error[S013]"), "{ran:?}");
}

#[test]
fn nothing_is_appended_twice_unless_that_is_forced() {
    let lake = Lakehouse::built();
    let file = lake.path().join("assets/silver.yml");
    let before = std::fs::read_to_string(&file).unwrap();
    let job = format!("databricks_job: {{ name: {JOB} }}");
    let after = before.replace(&job, &format!("{job}\n      write_mode: append"));
    assert_ne!(before, after);
    std::fs::write(&file, after).unwrap();
    let create = "backfill create silver.opportunity --all --name b";
    let ran = lake.run(create);
    assert_eq!(ran.exit, 2, "{ran:?}");
    assert!(ran.stderr.contains("error[C029]"), "{ran:?}");
    let runs = lake.runs_of(JOB).len();
    let shown = lake.json(&format!("{create} --force --wait"));
    assert_eq!(shown["state"], "completed", "{shown}");
    assert_eq!(lake.runs_of(JOB).len(), runs + 1);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let lake = shop();
    for (args, code) in [
        ("shop.days", "C028"),
        ("--all", "C028"),
        ("shop.days --partitions 2099-01-01", "C028"),
        ("shop.days --partitions someday", "C024"),
        ("silver.opportunity --from 2024-01-01", "C024"),
        ("landing.salesforce_opportunities --all", "C025"),
        ("shop.days --all --name a/b", "C030"),
    ] {
        let ran = lake.run(&format!("backfill create {args}"));
        assert_eq!(ran.exit, 2, "{args}: {ran:?}");
        assert!(
            ran.stderr.contains(&format!("error[{code}]")),
            "{args}: {ran:?}"
        );
    }
}
