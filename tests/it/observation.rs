//! What tables say, and what follows from it: maintenance, updates at awkward moments, and tables
//! that cannot be read.

use std::fs;
use std::path::Path;

use serde_json::Value;
use workspace::delta::{self, Stamp, Writer};
use workspace::faults::{Effect, Moment, RunEffect};

use crate::lakehouse::{Lakehouse, until};

const LOGS: &str = "landing.app_logs_eu";
const EVENTS: &str = "bronze.app_event";
const EVENTS_JOB: &str = "bronze app event";

fn by_hand(lake: &Lakehouse) -> Stamp {
    Stamp {
        at: lake.now(),
        writer: Writer::outside("Test/1", "tester"),
    }
}

/// What a document says of an asset.
fn of<'a>(document: &'a Value, list: &str, asset: &str) -> &'a Value {
    let items = document[list].as_array().unwrap();
    let found = items.iter().find(|item| item["asset"] == asset);
    found.unwrap_or_else(|| panic!("{asset} is not in {document}"))
}

fn codes(decision: &Value) -> Vec<&str> {
    let reasons = decision["reasons"].as_array().unwrap().iter();
    reasons
        .map(|reason| reason["code"].as_str().unwrap())
        .collect()
}

/// Fails unless an asset incorporates what an input holds, which is this version.
fn assert_incorporated(lake: &Lakehouse, asset: &str, input: &str, version: u64) {
    let expected = (Value::from(version), Value::from(version));
    assert_eq!(lake.incorporated(asset, input), expected, "{asset}");
}

#[test]
fn fault_36_maintenance_of_every_source_triggers_nothing() {
    let lake = Lakehouse::built();
    let before = lake.runs();
    let done = lake.arrivals().maintenance(lake.now()).unwrap();
    assert!(done.len() >= 3 * 7, "three commits or more on each source");
    assert_eq!(lake.run("plan --detailed-exitcode").exit, 0);
    lake.settle();
    assert_eq!(lake.runs(), before);
    let seen = lake.json("observe kind:source");
    for arrival in done.chunk_by(|a, b| a.asset == b.asset) {
        let last = arrival.last().unwrap();
        let table = of(&seen, "tables", &last.asset);
        assert_eq!(table["version"], last.version, "{table}");
        assert!(
            table["data_version"].as_u64().unwrap() < arrival[0].version,
            "{table}"
        );
    }
    lake.assert_sound();
}

#[test]
fn an_update_right_after_a_request_is_incorporated_by_a_later_run() {
    let lake = Lakehouse::built();
    let before = lake.runs_of(EVENTS_JOB).len();
    lake.arrive_in(LOGS);
    lake.run_now_faults(Effect::Delay {
        ms: 1_000,
        at: Moment::After,
    });
    let mut pass = lake.start("reconcile");
    until("the run is requested", 20, || {
        lake.runs_of(EVENTS_JOB).len() > before
    });
    let version = lake.arrive_in(LOGS);
    assert_eq!(pass.exit_within(20), Some(0));
    lake.no_faults();
    lake.settle();
    assert_incorporated(&lake, EVENTS, LOGS, version);
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 2);
    lake.assert_sound();
}

#[test]
fn an_update_during_a_run_is_incorporated_by_a_later_run() {
    let lake = Lakehouse::built();
    let before = lake.runs_of(EVENTS_JOB).len();
    lake.arrive_in(LOGS);
    lake.run_fault(EVENTS_JOB, RunEffect::Hang { ms: Some(2_000) });
    lake.json("reconcile");
    let version = lake.arrive_in(LOGS);
    let run = lake.runs_of(EVENTS_JOB).pop().unwrap();
    assert_eq!(run.ended_at, None, "it is under way");
    lake.settle();
    assert_incorporated(&lake, EVENTS, LOGS, version);
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 2);
    lake.assert_sound();
}

#[test]
fn an_update_that_a_run_has_missed_is_incorporated_by_a_later_run() {
    let lake = Lakehouse::built();
    let before = lake.runs_of(EVENTS_JOB).len();
    lake.arrive_in(LOGS);
    lake.json("reconcile");
    let last = || lake.runs_of(EVENTS_JOB).pop().unwrap();
    until("the run has read and written", 20, || {
        !last().tables.is_empty()
    });
    let version = lake.arrive_in(LOGS);
    lake.settle();
    assert_incorporated(&lake, EVENTS, LOGS, version);
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 2);
    lake.assert_sound();
}

#[test]
fn updates_between_two_passes_are_incorporated_by_one_later_run() {
    let lake = Lakehouse::built();
    let before = lake.runs_of(EVENTS_JOB).len();
    lake.arrive_in(LOGS);
    lake.json("reconcile");
    let last = || lake.runs_of(EVENTS_JOB).pop().unwrap();
    until("the run has ended", 20, || last().ended_at.is_some());
    lake.arrive_in(LOGS);
    let version = lake.arrive_in(LOGS);
    lake.settle();
    assert_incorporated(&lake, EVENTS, LOGS, version);
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 2);
    lake.assert_sound();
}

#[test]
fn fault_33_a_torn_commit_makes_its_table_unknown_and_the_others_go_on() {
    let lake = Lakehouse::built();
    let version = lake.arrive_in(LOGS);
    lake.arrive_in("landing.netsuite_invoices");
    let commit = lake.last_commit(LOGS);
    let whole = fs::read(&commit).unwrap();
    fs::write(&commit, &whole[..whole.len() / 2]).unwrap();

    let ran = lake.run("reconcile --wait --timeout 30s -o json");
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert_eq!(ran.json()["unknown"], 1);
    let seen = lake.run("observe -o json");
    assert_eq!(seen.exit, 5);
    let seen = seen.json();
    let torn = of(&seen, "tables", LOGS);
    assert_eq!(torn["state"], "unknown");
    assert!(!torn["reason"].as_str().unwrap().is_empty());
    assert_eq!(
        torn["data_version"],
        version - 1,
        "the last good reading stays"
    );
    let status = lake.json("status");
    for asset in [LOGS, EVENTS, "product.daily_usage"] {
        assert_eq!(of(&status, "assets", asset)["health"], "unknown", "{asset}");
    }
    assert_eq!(
        of(&status, "assets", "silver.invoice")["health"],
        "fresh",
        "what does not depend on it goes on"
    );

    fs::write(&commit, &whole).unwrap();
    lake.settle();
    assert_incorporated(&lake, EVENTS, LOGS, version);
    lake.assert_sound();
}

#[test]
fn a_source_that_vanishes_triggers_nothing_and_is_known_again_when_it_comes_back() {
    let lake = Lakehouse::built();
    let version = lake.arrive_in("landing.netsuite_payments");
    lake.run("reconcile --wait --timeout 30s landing.app_logs_eu+ landing.app_logs_us+");
    let before = lake.runs_of(EVENTS_JOB).len();
    let place = lake.table(LOGS);
    let elsewhere = lake.path().join("elsewhere");
    fs::rename(&place, &elsewhere).unwrap();

    let first = lake.run("observe landing.app_logs_eu -o json");
    let table = of(&first.json(), "tables", LOGS).clone();
    assert_eq!((first.exit, &table["state"]), (5, &"unknown".into()));
    let second = lake.run("observe landing.app_logs_eu -o json");
    let table = of(&second.json(), "tables", LOGS).clone();
    assert_eq!((second.exit, &table["state"]), (0, &"gone".into()));

    let ran = lake.run("reconcile --wait --timeout 30s");
    assert!(matches!(ran.exit, 0 | 1), "{ran:?}");
    assert_incorporated(
        &lake,
        "bronze.netsuite_payment",
        "landing.netsuite_payments",
        version,
    );

    fs::rename(&elsewhere, &place).unwrap();
    lake.settle();
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before, "nothing was new");
    lake.assert_sound();
}

#[test]
fn a_table_of_ours_that_vanishes_is_built_again() {
    let lake = Lakehouse::built();
    fs::remove_dir_all(lake.table("silver.account")).unwrap();
    let seen_once = lake.run("reconcile");
    assert_eq!(seen_once.exit, 5, "a look may lie once: {seen_once:?}");
    lake.settle();
    assert_eq!(lake.runs_of("silver account").len(), 2);
    lake.assert_sound();
}

/// Drops a table and makes it again with the same rows.
fn recreate(lake: &Lakehouse, asset: &str) {
    let path = lake.table(asset);
    let table = delta::snapshot(&path).unwrap();
    let rows = delta::rows(&path, &table).unwrap();
    fs::remove_dir_all(&path).unwrap();
    delta::create(&path, &table.schema, &rows, &by_hand(lake)).unwrap();
}

#[test]
fn fault_35_a_source_that_is_made_again_voids_what_was_consumed_of_it() {
    // Read as a whole, and by its change feed: what was in a feed that is gone is for a person to judge.
    let ways = [
        (
            "landing.salesforce_accounts",
            "bronze.salesforce_account",
            "bronze salesforce account",
            "run",
        ),
        (
            "landing.netsuite_invoices",
            "bronze.netsuite_invoice",
            "bronze netsuite invoice",
            "hold",
        ),
    ];
    for (source, reader, job, action) in ways {
        let lake = Lakehouse::built();
        lake.arrive_in(source);
        lake.arrive_in(source);
        lake.settle();
        recreate(&lake, source);
        let plan = lake.json("plan");
        let decision = of(&plan, "decisions", reader);
        assert_eq!(decision["action"], action, "{decision}");
        assert!(
            codes(decision).contains(&"upstream_recreated"),
            "{decision}"
        );
        let before = lake.runs_of(job).len();
        if action == "hold" {
            assert_eq!(codes(decision)[0], "position_broken");
            lake.run("reconcile");
            assert_eq!(lake.runs_of(job).len(), before, "nothing is skipped");
            assert!(lake.not("failing").iter().all(|(asset, _)| asset != reader));
            let ran = lake.run(&format!("reconcile --full-refresh {reader}"));
            assert_eq!(ran.exit, 0, "{ran:?}");
        }
        lake.settle();
        assert_eq!(lake.runs_of(job).len(), before + 1);
        assert_incorporated(&lake, reader, source, 0);
        lake.assert_sound();
    }
}

#[test]
fn a_source_that_never_was_there_holds_its_readers_only() {
    let lake = Lakehouse::new();
    fs::remove_dir_all(lake.table(LOGS)).unwrap();
    let ran = lake.run("reconcile --wait --timeout 60s -o json");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("until somebody intervenes"),
        "{}",
        ran.stderr
    );
    let plan = lake.json("plan");
    let held = of(&plan, "decisions", EVENTS);
    assert_eq!(held["action"], "hold");
    assert!(codes(held).contains(&"upstream_missing"), "{held}");
    let status = lake.json("status");
    let fresh = of(&status, "assets", "finance.receivable");
    assert_eq!(fresh["health"], "fresh", "{fresh}");
    assert!(!Path::new(&lake.table(EVENTS)).exists());
}
