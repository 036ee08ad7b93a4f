//! A state file that is new over a lakehouse that is not: what was written before is adopted, and
//! only what is behind is built.

use std::fs;

use serde_json::Value;
use workspace::faults::{Effect, Moment, RequestRule};

use crate::lakehouse::Lakehouse;

/// Loses everything that is remembered.
fn forget(lake: &Lakehouse) {
    fs::remove_dir_all(lake.path().join(".headwater")).unwrap();
}

/// The first pass over a lakehouse that an earlier state knew: it triggers nothing, and says so.
fn first_pass(lake: &Lakehouse) {
    let before = lake.runs();
    let pass = lake.json("reconcile");
    let problem = pass["problems"][0].as_str().unwrap();
    assert!(problem.contains("an earlier state was lost"), "{pass}");
    assert!(pass["nothing_triggered_until"].is_string(), "{pass}");
    assert_eq!(lake.runs(), before);
    lake.let_search_run_out();
}

/// The assets of a plan that it would have run, or wait for a run.
fn planned(lake: &Lakehouse) -> Vec<String> {
    let plan = lake.json("plan");
    let decisions = plan["decisions"].as_array().unwrap().iter();
    decisions
        .filter(|decision| decision["action"] != "none")
        .map(|decision| decision["asset"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_runs_have_built_is_taken_to_incorporate_what_was_there_when_they_started() {
    let lake = Lakehouse::built();
    let before = lake.runs();
    forget(&lake);
    let told = lake.run("plan").stdout;
    assert!(told.contains("Nothing to do"), "{told}");
    assert!(
        told.contains("What 18 assets incorporate is assumed"),
        "{told}"
    );
    assert!(
        !lake.state_file().exists(),
        "a plan leaves no state file behind"
    );
    first_pass(&lake);
    lake.settle();
    assert_eq!(lake.runs(), before);
    let explained = lake.json("explain bronze.app_event");
    for link in explained["chain"].as_array().unwrap() {
        assert_eq!(link["basis"], "run_start", "{link}");
        assert_eq!(link["is_assumed"], true, "{link}");
        assert_eq!(link["consumed_version"], link["current_version"], "{link}");
    }
    assert_eq!(explained["built"]["by_us"], Value::Bool(true));
    lake.assert_sound();
}

#[test]
fn what_arrived_after_the_last_run_is_built_and_nothing_else() {
    let lake = Lakehouse::built();
    let before = lake.runs();
    let (asset, source) = (
        "bronze.salesforce_opportunity",
        "landing.salesforce_opportunities",
    );
    let version = lake.arrive_in(source);
    forget(&lake);
    let planned = planned(&lake);
    assert!(planned.iter().any(|found| found == asset), "{planned:?}");
    for untouched in ["reference.currency_rate", "silver.exchange_rate"] {
        assert!(
            planned.iter().all(|found| found != untouched),
            "{planned:?}"
        );
    }
    first_pass(&lake);
    lake.settle();
    let version = Value::from(version);
    assert_eq!(lake.incorporated(asset, source), (version.clone(), version));
    assert!(lake.runs() > before);
    assert_eq!(lake.runs_of("bronze salesforce opportunity").len(), 2);
    lake.assert_sound();
}

#[test]
fn a_state_that_is_lost_while_runs_are_under_way_finds_them_and_loses_nothing() {
    let lake = Lakehouse::built();
    lake.arrive(4);
    let before = lake.json("reconcile");
    let started = before["triggered"].as_array().unwrap().len();
    forget(&lake);
    first_pass(&lake);
    let known = lake.json("runs list --limit 1000");
    let known = known["runs"].as_array().unwrap();
    let ids: Vec<&Value> = known.iter().map(|run| &run["run_id"]).collect();
    let begun = before["triggered"].as_array().unwrap().iter();
    for run in begun.map(|triggered| &triggered["run_id"]) {
        assert!(ids.contains(&run), "{run} of {started} is not known");
    }
    lake.settle();
    lake.assert_sound();
}

#[test]
fn where_nobody_knows_the_runs_the_commit_time_less_a_margin_counts() {
    let lake = Lakehouse::built();
    forget(&lake);
    let forgotten = Effect::Answer {
        status: 404,
        retry_after_secs: None,
        content_type: None,
        body: None,
        at: Moment::Before,
    };
    lake.request_faults(RequestRule::on("GET", "/api/2.*/jobs/runs/get", forgotten));
    assert_eq!(lake.run("plan --detailed-exitcode").exit, 6);
    lake.json("observe");
    let explained = lake.json("explain bronze.app_event");
    for link in explained["chain"].as_array().unwrap() {
        assert_eq!(link["basis"], "commit_time", "{link}");
        assert_eq!(link["is_assumed"], true, "{link}");
    }
    lake.no_faults();
    first_pass(&lake);
    // Everything was written within the margin: rather built once more than lost.
    lake.json("reconcile --wait --timeout 30s bronze.app_event");
    assert_eq!(lake.runs_of("bronze app event").len(), 2);
    let after = lake.json("explain bronze.app_event");
    assert_eq!(after["health"], "fresh");
    assert_eq!(after["chain"][0]["basis"], "run");
}
