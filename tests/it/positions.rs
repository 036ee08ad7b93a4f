//! `watermark push` and `reconcile --full-refresh`, as people type them.

use crate::lakehouse::Lakehouse;

/// The sample lakehouse with a source beside it that has no log.
fn with_erp() -> Lakehouse {
    let lake = Lakehouse::built();
    let source =
        "assets:\n  - { key: erp.rates, kind: source, freshness: { max_event_lag: 1d } }\n";
    std::fs::write(lake.path().join("assets/erp.yml"), source).unwrap();
    lake
}

#[test]
fn a_pushed_position_is_an_observation_that_only_goes_on() {
    let lake = with_erp();
    let status = |lake: &Lakehouse| lake.json("status erp.rates")["assets"][0].take();
    lake.run("reconcile");
    assert_eq!(status(&lake)["health"], "unknown");
    let pushed = lake.json("watermark push erp.rates --watermark 2026-01-02T03:04:05Z");
    assert_eq!(pushed["kind"], "WatermarkPush");
    assert_eq!(pushed["is_news"], true);
    assert_eq!(pushed["event_watermark"], "2026-01-02T03:04:05Z");
    lake.run("reconcile");
    let found = status(&lake);
    assert_eq!(found["event_watermark"], "2026-01-02T03:04:05Z");
    assert_eq!(found["data_version"], 1_767_323_045_000_000_u64);
    assert_eq!(found["health"], "overdue", "{found}");
    assert_eq!(found["reasons"][0]["code"], "overdue");
    let again = lake.json("watermark push erp.rates --watermark 2026-01-02T03:04:05Z");
    assert_eq!(again["is_news"], false);
    for behind in [
        "watermark push erp.rates --watermark 2026-01-01",
        "watermark push erp.rates --version 9",
    ] {
        let refused = lake.run(behind);
        assert_eq!(refused.exit, 1, "{refused:?}");
        assert!(refused.stderr.contains("error[C027]"), "{}", refused.stderr);
    }
    assert_eq!(status(&lake)["data_version"], found["data_version"]);
    let anew = lake.json("watermark push erp.rates --version 9 --force");
    assert_eq!(anew["is_news"], true);
    lake.run("reconcile");
    let found = status(&lake);
    assert_eq!(found["data_version"], 9);
    assert!(found["event_lag_seconds"].is_null() && found["event_watermark"].is_null());
    assert_eq!(
        found["health"], "unknown",
        "no event time is no lag of zero"
    );
    assert_eq!(found["reasons"][0]["code"], "event_watermark_unknown");
}

#[test]
fn what_is_read_or_built_is_not_pushed() {
    let lake = with_erp();
    for asset in ["landing.netsuite_invoices", "bronze.netsuite_invoice"] {
        let refused = lake.run(&format!("watermark push {asset} --version 1"));
        assert_eq!(refused.exit, 2, "{refused:?}");
        assert!(refused.stderr.contains("error[C026]"), "{}", refused.stderr);
    }
    let nothing = lake.run("watermark push erp.rates");
    assert_eq!(nothing.exit, 2, "{nothing:?}");
    let future = lake.run("watermark push erp.rates --version 1 --at 2999-01-01");
    assert!(future.stderr.contains("error[C027]"), "{}", future.stderr);
}

#[test]
fn a_full_refresh_is_asked_for_by_name_and_kept_on_record() {
    let lake = with_erp();
    let refused = lake.run("reconcile --full-refresh landing.netsuite_invoices");
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.stderr.contains("error[C025]"), "{}", refused.stderr);
    let before = lake.runs_of("bronze netsuite invoice").len();
    let ran = lake.run("reconcile --full-refresh bronze.netsuite_invoice");
    assert!([0, 5].contains(&ran.exit), "{ran:?}");
    let shown = lake.json("runs list bronze.netsuite_invoice --limit 1");
    let id = shown["runs"][0]["id"].as_str().unwrap();
    let run = lake.json(&format!("runs show {id}"));
    assert_eq!(run["full_refresh"], true);
    assert_eq!(run["parameters"]["from_version"], "0");
    assert!(
        run["reason"]
            .as_str()
            .unwrap()
            .contains("asked for a full refresh"),
        "{run}"
    );
    lake.run("reconcile --wait --timeout 60s");
    assert_eq!(lake.runs_of("bronze netsuite invoice").len(), before + 1);
    let recorded = lake.recorded();
    assert!(
        recorded
            .iter()
            .any(|row| row.contains("full_refresh.requested")),
        "{recorded:?}"
    );
}
