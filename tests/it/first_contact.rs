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
    lake.settle();
    assert_eq!(lake.runs(), before);
    let explained = lake.json("explain bronze.app_event");
    for link in explained["chain"].as_array().unwrap() {
        assert_eq!(link["basis"], "run_start", "{link}");
        assert_eq!(link["is_assumed"], true, "{link}");
        assert_eq!(link["consumed_version"], link["current_version"], "{link}");
    }
    assert_eq!(explained["built"]["by_us"], Value::Bool(false));
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
    lake.settle();
    let version = Value::from(version);
    assert_eq!(lake.incorporated(asset, source), (version.clone(), version));
    assert!(lake.runs() > before);
    assert_eq!(lake.runs_of("bronze salesforce opportunity").len(), 2);
    lake.assert_sound();
}

#[test]
fn a_state_that_is_lost_while_runs_are_under_way_costs_runs_and_loses_nothing() {
    let lake = Lakehouse::built();
    lake.arrive(4);
    lake.json("reconcile");
    forget(&lake);
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
    // Everything was written within the margin: rather built once more than lost.
    lake.json("reconcile --wait --timeout 30s bronze.app_event");
    assert_eq!(lake.runs_of("bronze app event").len(), 2);
    let after = lake.json("explain bronze.app_event");
    assert_eq!(after["health"], "fresh");
    assert_eq!(after["chain"][0]["basis"], "run");
}
