//! The demonstration, and the folder that it leaves behind.

use std::time::Instant;

use crate::program::{folder, run, run_with};

#[test]
fn the_demonstration_ends_well_and_leaves_a_project_in_which_commands_work() {
    let here = folder(&[]);
    let began = Instant::now();
    let ran = run(here.path(), "demo --for 2s --dir lakehouse --keep -o json");
    let longest = began.elapsed().as_secs_f64();
    assert_eq!(ran.exit, 0, "{ran:?}");
    let tally = ran.json();
    let took = tally["seconds"].as_f64().unwrap();
    assert!(took > 2.0 && took <= longest, "{took} s within {longest} s");
    assert_eq!(tally["kind"], "Demo");
    assert_eq!(tally["duplicates"], 0);
    assert_eq!(
        (&tally["kills"], &tally["lost_answers"]),
        (&4.into(), &1.into())
    );
    assert!(tally["runs_triggered"].as_u64().unwrap() > 80, "{tally}");
    assert!(tally["runs_avoided"].as_u64().unwrap() > 0, "{tally}");
    assert!(
        tally["commit_to_trigger"]["count"].as_u64().unwrap() > 0,
        "{tally}"
    );
    let marts = tally["marts"].as_array().unwrap();
    assert_eq!(marts.len(), 5);
    for mart in marts {
        assert_eq!(mart["is_equal"], true, "{mart}");
    }
    assert!(ran.stderr.contains("headwater explain"), "{}", ran.stderr);
    acts_show_what_they_must(&tally);

    // The workspace is gone by now, and its token is all that the folder leaves to say.
    let left = here.path().join("lakehouse");
    let token = [("DATABRICKS_TOKEN", "headwater-demo")];
    for args in [
        "validate",
        "ls",
        "status",
        "status --fail-on stale",
        "explain finance.revenue_by_month",
        "plan --detailed-exitcode",
        "plan --detailed-exitcode --project acts/late-data",
        "backfill --project acts/backfill",
        "explain silver.balances --project acts/change-feed",
        "explain mart.balance --project acts/snapshot",
        "status --fail-on stale --project acts/deadline",
    ] {
        let ran = run_with(&left, args, &token);
        assert_eq!(ran.exit, 0, "{args}: {ran:?}");
        assert!(!ran.stdout.is_empty(), "{args}");
        assert_eq!(ran.stderr, "", "{args}");
    }
}

/// An act, a figure, and whether it may be that.
type Wanted = (&'static str, &'static str, fn(u64) -> bool);

/// What each act has to show, by what the workspace's ledger and the tables tell.
const FIGURES: [Wanted; 27] = [
    ("late_data", "days of silver.orders built", |found| {
        found == 3
    }),
    ("late_data", "days of mart.revenue_by_day built", |found| {
        found == 3
    }),
    (
        "late_data",
        "months of mart.revenue_by_month built",
        |found| found == 2,
    ),
    ("late_data", "other partitions built", |found| found == 0),
    (
        "late_data",
        "tables that differ from their sources",
        |found| found == 0,
    ),
    ("backfill", "kills", |found| found == 1),
    ("backfill", "days built once", |found| found == 730),
    ("backfill", "days built more often", |found| found == 0),
    ("backfill", "days that the backfill calls built", |found| {
        found == 730
    }),
    ("backfill", "most runs at once", |found| {
        (2..=4).contains(&found)
    }),
    (
        "backfill",
        "tables that differ from their sources",
        |found| found == 0,
    ),
    ("change_feed", "kills", |found| found == 2),
    ("change_feed", "runs", |found| found >= 4),
    ("change_feed", "versions read", |found| found == 10),
    ("change_feed", "versions read twice", |found| found == 0),
    ("change_feed", "versions not read", |found| found == 0),
    ("change_feed", "ranges out of order", |found| found == 0),
    (
        "change_feed",
        "tables that differ from their sources",
        |found| found == 0,
    ),
    ("snapshot", "builds of the mart", |found| found >= 2),
    (
        "snapshot",
        "times its inputs were of two versions",
        |found| found >= 1,
    ),
    ("snapshot", "builds that joined two versions", |found| {
        found == 0
    }),
    ("snapshot", "versions that do not sum up to zero", |found| {
        found == 0
    }),
    ("deadline", "runs that follow each change", |found| {
        found >= 2
    }),
    ("deadline", "runs just in time", |found| found == 1),
    // As late as its former runs allow on a busy machine, and within its eight seconds.
    (
        "deadline",
        "ms from the first change to its start",
        |found| found > 2_000,
    ),
    ("deadline", "ms from the first change to its end", |found| {
        found <= 8_000
    }),
    (
        "deadline",
        "tables that differ from their sources",
        |found| found == 0,
    ),
];

fn acts_show_what_they_must(tally: &serde_json::Value) {
    let mut found = Vec::new();
    for act in tally["acts"].as_array().unwrap() {
        for figure in act["figures"].as_array().unwrap() {
            assert_eq!(figure["is_met"], true, "{act}");
            let name = figure["name"].as_str().unwrap();
            found.push((
                act["name"].as_str().unwrap(),
                name,
                figure["found"].as_u64().unwrap(),
            ));
        }
    }
    assert_eq!(found.len(), FIGURES.len(), "{found:?}");
    for ((act, name, found), wanted) in found.into_iter().zip(FIGURES) {
        assert_eq!((act, name), (wanted.0, wanted.1));
        assert!((wanted.2)(found), "{act}, {name}: {found}");
    }
}

#[test]
fn the_demonstration_listens_on_loopback_only() {
    let here = folder(&[]);
    let ran = run(
        here.path(),
        "demo --for 0s --dir lakehouse --serve 0.0.0.0:0",
    );
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stderr.contains("error[C015]"), "{ran:?}");
    assert!(
        ran.stderr.contains("refusing to listen on 0.0.0.0:0"),
        "{ran:?}"
    );
}
