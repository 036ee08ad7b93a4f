//! `runs`: what is listed and shown, and that interfering does what it says and nothing else.

use serde_json::Value;
use workspace::FaultPlan;
use workspace::faults::{Break, Effect, Moment, RunEffect};

use crate::lakehouse::{Lakehouse, until};

const ASSET: &str = "silver.opportunity";
const JOB: &str = "silver opportunity";

/// The id of the newest run of the asset in this state.
fn newest(lake: &Lakehouse, state: &str) -> String {
    let listed = lake.json(&format!("runs list {ASSET} --state {state} --limit 1"));
    listed["runs"][0]["id"].as_str().unwrap().to_owned()
}

/// Lets the silver table become stale and its run hang, which is started.
fn hanging() -> Lakehouse {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.salesforce_opportunities");
    lake.run_fault(JOB, RunEffect::Hang { ms: None });
    until("the run hangs", 30, || {
        lake.run("reconcile");
        let running = lake.json(&format!("runs list {ASSET} --state running"));
        !running["runs"].as_array().unwrap().is_empty()
    });
    lake
}

/// Whether somebody holds the lease. To try to take it would be in the way of whoever starts.
fn is_held(lake: &Lakehouse) -> bool {
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    let held = "SELECT holder IS NOT NULL FROM lease";
    state.query_row(held, (), |row| row.get(0)).unwrap()
}

#[test]
fn runs_are_listed_newest_first_and_narrowed() {
    let lake = Lakehouse::built();
    let all = lake.json("runs");
    assert_eq!(all["kind"], "RunList");
    let runs = all["runs"].as_array().unwrap();
    assert!(runs.len() > 5 && runs.iter().all(|run| run["state"] == "succeeded"));
    // Ids begin with the time, to the millisecond; the service tells its own in seconds only.
    let made: Vec<&str> = runs
        .iter()
        .map(|run| &run["id"].as_str().unwrap()[..10])
        .collect();
    assert!(made.is_sorted_by(|a, b| a >= b), "{made:?}");

    let ids = |args: &str| -> Vec<Value> {
        let found = lake.json(&format!("runs list {args}"))["runs"].take();
        let found = found.as_array().unwrap().clone();
        found.iter().map(|run| run["id"].clone()).collect()
    };
    let of_one = ids(ASSET);
    assert!(!of_one.is_empty() && of_one.len() < runs.len());
    assert_eq!(ids("--limit 2").len(), 2);
    assert_eq!(ids("--state failed --state running"), Vec::<Value>::new());
    assert_eq!(ids("--since 2020-01-01").len(), runs.len());
    assert_eq!(ids("--since 2100-01-01"), Vec::<Value>::new());
    assert_eq!(ids("--since 1d").len(), runs.len());
    // A selection without any asset lists nothing, and not everything.
    assert_eq!(ids("health:overdue"), Vec::<Value>::new());

    let table = lake.run("runs list --limit 1");
    assert_eq!(table.exit, 0);
    assert!(table.stdout.starts_with("ID "), "{table:?}");
    assert!(table.stderr.contains("only the newest 1"), "{table:?}");
    let wrong = lake.run("runs list --state done");
    assert!(
        wrong.exit == 2 && wrong.stderr.contains("quarantined"),
        "{wrong:?}"
    );
}

#[test]
fn a_run_is_shown_by_its_id_and_by_that_of_the_workspace() {
    let lake = Lakehouse::built();
    let id = newest(&lake, "succeeded");
    let shown = lake.json(&format!("runs show {id}"));
    assert_eq!(
        (&shown["kind"], &shown["id"]),
        (&"Run".into(), &id.clone().into())
    );
    assert_eq!(shown["assets"][0], ASSET);
    let input = &shown["inputs"][ASSET]["bronze.salesforce_opportunity"];
    assert!(input["version"].is_u64(), "{shown}");
    let attempt = &shown["attempts"][0];
    assert!(attempt["duration_seconds"].is_u64(), "{attempt}");
    let run = attempt["run_id"].as_i64().unwrap();
    assert_eq!(lake.json(&format!("runs show {run}")), shown);
    assert_eq!(
        lake.json(&format!("runs show {}", id.to_lowercase())),
        shown
    );
    let told = lake.run(&format!("runs show {id}")).stdout;
    for part in [ASSET, JOB, "Attempts", "Inputs", "succeeded"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn an_id_that_nothing_has_brings_the_one_that_was_meant() {
    let lake = Lakehouse::built();
    let id = newest(&lake, "succeeded");
    let cut = &id[..id.len() - 1];
    for command in ["show", "cancel"] {
        let ran = lake.run(&format!("runs {command} {cut}"));
        assert_eq!((ran.exit, &*ran.stdout), (2, ""));
        assert!(ran.stderr.contains("error[C017]"), "{ran:?}");
        assert!(
            ran.stderr.contains(&format!("did you mean `{cut}")),
            "{ran:?}"
        );
        let asset = lake.run(&format!("runs {command} {ASSET}"));
        assert!(
            asset.exit == 2
                && asset
                    .stderr
                    .contains(&format!("headwater runs list {ASSET}")),
            "{asset:?}"
        );
    }
}

#[test]
fn interfering_without_a_state_makes_none() {
    let lake = Lakehouse::new();
    for args in ["runs cancel 7", &*format!("runs retry {ASSET}")] {
        let ran = lake.run(args);
        assert!(
            ran.exit == 2 && ran.stderr.contains("error[S006]"),
            "{ran:?}"
        );
    }
    assert!(!lake.state_file().exists());
    assert_eq!(lake.run("runs").stdout, "No runs.\n");
}

#[test]
fn a_run_under_way_is_cancelled_beside_a_reconciler_and_its_asset_held_until_retried() {
    let lake = hanging();
    let id = newest(&lake, "running");
    let before = lake.runs_of(JOB).len();
    // Awake all along, it holds the lease.
    let watcher = lake.start("reconcile --watch --interval 1s");
    until("the watcher holds the lease", 20, || is_held(&lake));
    let cancelled = lake.json(&format!("runs cancel {id}"));
    assert_eq!(cancelled["outcome"], "requested", "{cancelled}");
    until("the pass settles it", 20, || {
        lake.json(&format!("runs show {id}"))["state"] == "cancelled"
    });
    let again = lake.json(&format!("runs cancel {id}"));
    assert_eq!(again["outcome"], "ended");
    assert_eq!(lake.runs_of(JOB).len(), before, "it is held");

    lake.no_faults();
    let retried = lake.json(&format!("runs retry {ASSET}"));
    assert_eq!(retried["is_lifted"], true);
    until("it is run again", 20, || lake.runs_of(JOB).len() > before);
    until("all is fresh", 30, || lake.not("fresh").is_empty());
    watcher.kill();
    assert_eq!(
        lake.json(&format!("runs retry {ASSET}"))["is_lifted"],
        false
    );
    lake.assert_sound();
}

#[test]
fn what_was_not_sent_yet_is_closed_without_asking_anybody() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.salesforce_opportunities");
    let failing = RunEffect::Fail {
        code: "CLUSTER_ERROR".to_owned(),
        error_type: "CLOUD_FAILURE".to_owned(),
        message: "no machine".to_owned(),
        at: Moment::Before,
    };
    lake.run_fault(JOB, failing);
    // The second attempt waits for its backoff of half a minute.
    until("the second attempt waits", 30, || {
        lake.run("reconcile");
        let pending = lake.json(&format!("runs list {ASSET} --state pending"));
        !pending["runs"].as_array().unwrap().is_empty()
    });
    let id = newest(&lake, "pending");
    let shown = lake.json(&format!("runs show {id}"));
    let failure = shown["attempts"][0]["failure"]["message"].as_str().unwrap();
    assert!(failure.ends_with("no machine"), "{failure}");
    assert!(shown["attempts"][1]["not_before"].is_string(), "{shown}");
    let before = lake.runs_of(JOB).len();
    let nobody = [("DATABRICKS_TOKEN", "wrong")];
    let cancelled = lake.run_with(&format!("runs cancel {id} -o json"), &nobody);
    assert_eq!(cancelled.json()["outcome"], "cancelled", "{cancelled:?}");
    assert_eq!(lake.json(&format!("runs show {id}"))["state"], "cancelled");
    lake.run("reconcile");
    assert_eq!(lake.runs_of(JOB).len(), before);
}

#[test]
fn a_run_whose_answer_was_lost_is_found_before_it_is_cancelled() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.salesforce_opportunities");
    until("silver is to be run", 30, || {
        let plan = lake.json("plan silver.opportunity");
        plan["requests"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
            || {
                lake.run("reconcile bronze.salesforce_opportunity");
                false
            }
    });
    lake.run_now_faults(Effect::Drop {
        how: Break::Reset,
        at: Moment::Before,
    });
    lake.run("reconcile");
    let id = newest(&lake, "sending");
    let early = lake.run(&format!("runs cancel {id}"));
    assert!(
        early.exit == 1 && early.stderr.contains("error[C018]"),
        "{early:?}"
    );

    lake.faults(FaultPlan {
        runs: vec![workspace::faults::RunRule {
            job_id: Some(lake.job_id(JOB)),
            skip: 0,
            times: 1,
            effect: RunEffect::Hang { ms: None },
        }],
        requests: vec![workspace::faults::RequestRule::on(
            "POST",
            crate::lakehouse::RUN_NOW,
            Effect::Drop {
                how: Break::Reset,
                at: Moment::After,
            },
        )],
        ..FaultPlan::default()
    });
    let before = lake.runs_of(JOB).len();
    until("it is sent again, and arrives", 20, || {
        lake.run("reconcile");
        lake.runs_of(JOB).len() > before
    });
    assert_eq!(newest(&lake, "sending"), id);
    let cancelled = lake.json(&format!("runs cancel {id}"));
    assert_eq!(cancelled["outcome"], "requested", "{cancelled}");
    lake.no_faults();
    until("the pass settles it", 20, || {
        lake.run("reconcile");
        lake.json(&format!("runs show {id}"))["state"] == "cancelled"
    });
    assert_eq!(lake.duplicates(), Vec::<String>::new());
}

#[test]
fn what_the_service_refuses_is_told_with_its_exit_code() {
    let lake = hanging();
    let id = newest(&lake, "running");
    let denied = lake.run_with(
        &format!("runs cancel {id}"),
        &[("DATABRICKS_TOKEN", "wrong")],
    );
    assert!(
        denied.exit == 4 && denied.stderr.contains("error[W004]"),
        "{denied:?}"
    );
    let shown = lake.json(&format!("runs show {id}"));
    assert_eq!(shown["attempts"][0]["cancel_requested_at"], Value::Null);
}

#[test]
fn a_quiet_pass_says_nothing_where_nothing_happened() {
    let lake = Lakehouse::built();
    let ran = lake.run("reconcile -q");
    assert_eq!((ran.exit, &*ran.stdout), (0, ""), "{ran:?}");
    let told = lake.run("reconcile").stdout;
    assert!(told.contains("0 started"), "{told}");
}

#[test]
fn numbers_that_make_no_sense_are_usage_errors() {
    let lake = Lakehouse::built();
    for args in [
        "reconcile --watch --interval 0s",
        "reconcile --interval 5s",
        "runs list --limit 0",
        "status health:bad",
    ] {
        assert_eq!(lake.run(args).exit, 2, "{args}");
    }
}
