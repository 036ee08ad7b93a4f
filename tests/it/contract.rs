//! What programs rely on: the fields of every document, the forms of output, exit codes, `--at`.

use serde_json::Value;

use crate::lakehouse::Lakehouse;
use crate::program::Ran;

/// Each command with its kind and the fields that it has at least; `list[]` holds objects that
/// have the fields behind the colon.
const DOCUMENTS: &[(&str, &str, &[&str])] = &[
    ("validate", "Diagnostics", &["diagnostics[]:"]),
    (
        "ls",
        "AssetList",
        &[
            "assets[]:asset kind relation path task owner tags freshness automation upstreams \
           unique_id",
        ],
    ),
    (
        "observe",
        "Observations",
        &["tables[]:asset table_id version data_version data_changed_at state reason"],
    ),
    (
        "plan",
        "Plan",
        &[
            "now",
            "decisions[]:asset partitions action reasons",
            "requests[]:task assets partitions parameters",
        ],
    ),
    (
        "reconcile",
        "Pass",
        &[
            "observed",
            "settled[]:",
            "triggered[]:",
            "waiting",
            "unknown",
            "elapsed_ms",
        ],
    ),
    (
        "simulate --for 1h --recorded 1h",
        "Simulation",
        &[
            "from",
            "until",
            "every_seconds",
            "seed",
            "arrivals",
            "assumptions[]:code message assets",
            "totals",
            "against",
            "assets[]:asset runs failed_runs lag deadlines missed_deadlines overdue_seconds run_hours cost \
           against",
        ],
    ),
    (
        "status",
        "Status",
        &[
            "assets[]:asset health activity data_version data_changed_at age_seconds lag_seconds \
           stale_since next_expected_at reasons owner",
        ],
    ),
    (
        "explain finance.receivable",
        "Explanation",
        &[
            "asset",
            "health",
            "verdict",
            "chain[]:upstream consumed_version current_version since",
            "waiting_for[]:",
            "what_would_change[]:code message",
            "provenance[]:root version",
            "last_decisions[]:",
        ],
    ),
];

/// Fails unless a document has these fields.
fn assert_fields(command: &str, document: &Value, fields: &[&str]) {
    for field in fields {
        let Some((list, names)) = field.split_once("[]:") else {
            assert!(document.get(field).is_some(), "{command}: no `{field}`");
            continue;
        };
        let items = document[list]
            .as_array()
            .unwrap_or_else(|| panic!("{command}: `{list}` is no list"));
        assert!(
            names.is_empty() || !items.is_empty(),
            "{command}: `{list}` is empty"
        );
        for item in items {
            for name in names.split_whitespace() {
                assert!(
                    item.get(name).is_some(),
                    "{command}: {item} has no `{name}`"
                );
            }
        }
    }
}

fn exits_well(ran: &Ran) -> &str {
    assert_eq!(ran.exit, 0, "{ran:?}");
    &ran.stdout
}

#[test]
fn every_document_has_the_fields_that_it_promises_in_every_form() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.netsuite_invoices");
    for (command, kind, fields) in DOCUMENTS {
        let document = lake.json(command);
        assert_eq!(document["apiVersion"], "headwater/v1", "{command}");
        assert_eq!(document["kind"], *kind, "{command}");
        assert_fields(command, &document, fields);
        if *command == "reconcile" {
            assert_triggered(&document);
            lake.settle();
        }

        let yaml = lake.run(&format!("{command} -o yaml"));
        let yaml: Value = serde_saphyr::from_str(exits_well(&yaml)).unwrap();
        assert_eq!(yaml["kind"], *kind, "{command}");
        assert_fields(command, &yaml, &fields_without_items(fields));

        let lines = lake.run(&format!("{command} -o ndjson"));
        for line in exits_well(&lines).lines() {
            let item: Value = serde_json::from_str(line).unwrap();
            assert!(item.is_object(), "{command}: {line}");
        }
    }
}

/// The same fields, with lists that may be empty by now.
fn fields_without_items<'a>(fields: &[&'a str]) -> Vec<&'a str> {
    let bare = |field: &&'a str| {
        let (name, _) = field.split_once("[]:").unwrap_or((field, ""));
        name
    };
    fields.iter().map(bare).collect()
}

fn assert_triggered(pass: &Value) {
    let triggered = pass["triggered"].as_array().unwrap();
    assert!(!triggered.is_empty(), "{pass}");
    for started in triggered {
        assert_eq!(started["state"], "started", "{started}");
        // Run ids are beyond what a double can tell apart.
        assert!(started["run_id"].as_u64().unwrap() > 1 << 53, "{started}");
        assert!(!started["reason"].as_str().unwrap().is_empty(), "{started}");
    }
}

#[test]
fn reasons_hold_both_sides_of_their_comparison() {
    let lake = Lakehouse::built();
    let version = lake.arrive_in("landing.netsuite_invoices");
    let plan = lake.json("plan bronze.netsuite_invoice");
    let decisions = plan["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 1, "what was not selected is not shown");
    let reason = &decisions[0]["reasons"][0];
    assert_eq!(reason["code"], "upstream_changed");
    assert_eq!(reason["upstream"], "landing.netsuite_invoices");
    assert_eq!(reason["consumed"]["version"], 0);
    assert_eq!(reason["current"]["version"], version);
    assert!(reason["message"].as_str().unwrap().contains("at v"));
    let request = &plan["requests"][0];
    assert_eq!(request["parameters"]["from_version"], "1");
    assert_eq!(request["parameters"]["to_version"], version.to_string());
}

#[test]
fn exit_codes_tell_whether_there_is_work_and_how_bad_it_is() {
    let lake = Lakehouse::built();
    let exit = |args: &str| lake.run(args).exit;
    assert_eq!(exit("plan --detailed-exitcode"), 0);
    for health in ["failing", "overdue", "unknown", "stale", "updating"] {
        assert_eq!(exit(&format!("status --fail-on {health}")), 0, "{health}");
    }
    lake.arrive_in("landing.netsuite_invoices");
    assert_eq!(exit("plan"), 0);
    assert_eq!(exit("plan --detailed-exitcode"), 6);
    assert_eq!(exit("plan --detailed-exitcode reference.currency_rate"), 0);
    assert_eq!(exit("observe"), 0);
    assert_eq!(exit("status --fail-on stale"), 6);
    assert_eq!(exit("status --fail-on overdue"), 0);
    assert_eq!(exit("status --fail-on stale reference.currency_rate"), 0);
    assert_eq!(exit("status --fail-on nonsense"), 2);
    // Nobody reconciles for a day: judged by what was seen.
    let tomorrow = (lake.now() + chrono::TimeDelta::days(1)).to_rfc3339();
    let at = format!("--at {}", tomorrow.replace("+00:00", "Z"));
    assert_eq!(exit(&format!("status --fail-on overdue {at}")), 6);
    assert_eq!(exit("status --at yesterday"), 2);
}

#[test]
fn another_instant_is_that_of_the_whole_answer() {
    let lake = Lakehouse::built();
    lake.arrive_in("landing.netsuite_invoices");
    lake.json("observe");
    let at = "2026-12-24T18:00:00Z";
    for command in ["plan", "status"] {
        let document = lake.json(&format!("{command} --at {at}"));
        assert_eq!(document["now"], at);
    }
    let late = lake.json(&format!("explain silver.invoice --at {at}"));
    let soon = lake.json("explain silver.invoice");
    let lag = |explained: &Value| explained["lag_seconds"].as_i64().unwrap();
    assert!(lag(&late) > lag(&soon) + 86_400, "{late} {soon}");
    assert_eq!(late["health"], "overdue");
}

#[test]
fn a_selection_restricts_what_is_run_and_not_what_is_seen() {
    let lake = Lakehouse::built();
    let before = lake.runs();
    lake.arrive_in("landing.netsuite_invoices");
    let pass = lake.json("reconcile bronze.netsuite_invoice");
    assert_eq!(pass["observed"], 26);
    let runs = lake.ledger().split_off(before);
    let jobs: Vec<&str> = runs.iter().map(|run| &*run.job_name).collect();
    assert_eq!(jobs, ["bronze netsuite invoice"]);
    lake.json("reconcile --wait --timeout 30s bronze.netsuite_invoice");
    assert_eq!(lake.runs(), before + 1, "its readers were not selected");
    let stale = lake.json("status health:stale");
    assert!(!stale["assets"].as_array().unwrap().is_empty());
    lake.settle();
    lake.assert_sound();
}

#[test]
fn colours_and_talk_stay_out_of_the_way_of_programs() {
    let lake = Lakehouse::built();
    lake.arrive(1);
    for args in ["plan", "status", "observe", "explain finance.receivable"] {
        let always = lake.run_with(args, &[("CLICOLOR_FORCE", "1")]);
        assert!(always.stdout.contains('\u{1b}'), "{args}: {always:?}");
        let never = lake.run_with(args, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
        assert!(!never.stdout.contains('\u{1b}'), "{args}: {never:?}");
    }
    let ran = lake.run("reconcile --wait --timeout 30s -q -o json");
    assert_eq!((ran.exit, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(ran.json()["kind"], "Pass");
}

#[test]
fn a_dry_run_is_a_plan_and_starts_nothing() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let (before, recorded) = (lake.runs(), lake.recorded());
    let dry = lake.json("reconcile --dry-run");
    assert_eq!(dry["kind"], "Plan");
    assert!(!dry["requests"].as_array().unwrap().is_empty());
    assert_eq!(lake.runs(), before);
    assert_eq!(lake.recorded(), recorded);
}
