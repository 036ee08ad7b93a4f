//! Checks of real tables: what the log tells, what a SQL warehouse is asked, and what a failure holds.

use std::fs;

use serde_json::Value;
use workspace::delta::{self, Stamp, Writer};
use workspace::faults::{Effect, Moment, RequestRule};

use crate::lakehouse::Lakehouse;

const EVENTS: &str = "bronze.app_event";
const READER: &str = "silver.app_event";
const STATEMENTS: &str = "/api/2.0/sql/statements";

// What somebody adds here by hand is no reason to build it again.
const CHECKS: &str = "
    outside_writes: ignore
    checks:
      - not_null: { column: event_id }
      - row_count: { min: 1 }
      - schema: { columns: { event_id: string } }
      - unique: { column: event_id }
      - sql:
          name: events_have_a_region
          query: SELECT * FROM {{ this }} WHERE region IS NULL
";

/// Everything is built, and the table of events has checks.
fn checked(warehouse: &str) -> Lakehouse {
    let lake = Lakehouse::built();
    let change = |file: &str, from: &str, to: &str| {
        let path = lake.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    let host = "host: \"${DATABRICKS_HOST}\"";
    change("headwater.yml", host, &format!("{host}{warehouse}"));
    let path = "    path: \"lake/bronze/app_event\"\n";
    change(
        "assets/bronze.yml",
        path,
        &format!("{path}{}", &CHECKS[1..]),
    );
    lake
}

/// Adds a row of the table once more.
fn repeat_a_row(lake: &Lakehouse) -> u64 {
    let folder = lake.table(EVENTS);
    let table = delta::snapshot(&folder).unwrap();
    let row = delta::rows(&folder, &table).unwrap().remove(0);
    let stamp = Stamp {
        at: lake.now(),
        writer: Writer::outside("Test/1", "tester"),
    };
    delta::append(&folder, &[row], &stamp).unwrap()
}

fn explained(lake: &Lakehouse, name: &str) -> Value {
    let document = lake.json(&format!("explain {EVENTS}"));
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("{document}")).clone()
}

fn decision(lake: &Lakehouse) -> (String, String) {
    let document = lake.json(&format!("explain {READER}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&document["action"]),
        text(&document["decision"][0]["code"]),
    )
}

#[test]
fn a_row_that_stands_twice_holds_what_reads_the_table_until_it_is_gone() {
    let lake = checked(", warehouse: loopback");
    lake.settle();
    let summary = lake.json(&format!("status {EVENTS}"));
    let summary = &summary["assets"][0]["checks"];
    assert_eq!(
        (&summary["pass"], &summary["pending"]),
        (&5.into(), &0.into()),
        "{summary}"
    );
    let version = repeat_a_row(&lake);
    lake.json("reconcile");
    let failed = explained(&lake, "unique_event_id");
    assert_eq!(
        (&failed["status"], &failed["version"]),
        (&"fail".into(), &version.into())
    );
    assert_eq!(failed["measured"], "1 values more than once");
    assert_eq!(
        explained(&lake, "not_null_event_id")["measured"],
        "no nulls"
    );
    assert_eq!(explained(&lake, "schema")["status"], "pass");
    assert_eq!(
        decision(&lake),
        ("hold".to_owned(), "check_failed".to_owned())
    );
    let before = lake.runs();
    lake.json("reconcile");
    assert_eq!(lake.runs(), before);
    // Only the version that failed is bad: what was there before is written again.
    let folder = lake.table(EVENTS);
    let table = delta::snapshot_at(&folder, Some(version - 1)).unwrap();
    let rows = delta::rows(&folder, &table).unwrap();
    let stamp = Stamp {
        at: lake.now(),
        writer: Writer::outside("Test/1", "tester"),
    };
    delta::overwrite(&folder, &table.schema, &rows, &stamp).unwrap();
    lake.settle();
    assert_eq!(explained(&lake, "unique_event_id")["status"], "pass");
    assert_eq!(decision(&lake).0, "none");
}

#[test]
fn a_warehouse_that_does_not_answer_makes_readers_wait_and_nothing_else() {
    let lake = checked(", warehouse: loopback");
    lake.request_faults(RequestRule::on(
        "POST",
        STATEMENTS,
        Effect::Answer {
            status: 503,
            retry_after_secs: None,
            content_type: None,
            body: None,
            at: Moment::Before,
        },
    ));
    repeat_a_row(&lake);
    let told = lake.run("reconcile");
    assert!(
        told.stderr
            .contains("could not be asked of a SQL warehouse"),
        "{told:?}"
    );
    assert_eq!(explained(&lake, "not_null_event_id")["status"], "pass");
    assert_eq!(explained(&lake, "unique_event_id")["status"], "pending");
    assert_eq!(
        decision(&lake),
        ("wait".to_owned(), "check_pending".to_owned())
    );
    lake.no_faults();
    lake.json("reconcile");
    assert_eq!(
        decision(&lake),
        ("hold".to_owned(), "check_failed".to_owned())
    );
}

#[test]
fn without_a_warehouse_it_is_said_and_nothing_is_held() {
    let lake = checked("");
    let told = lake.run("validate");
    assert_eq!(told.exit, 0);
    assert!(
        told.stderr.contains("warning[R020]") || told.stdout.contains("warning[R020]"),
        "{told:?}"
    );
    repeat_a_row(&lake);
    lake.settle();
    assert_eq!(explained(&lake, "unique_event_id")["status"], "unknown");
    assert_eq!(explained(&lake, "row_count")["status"], "pass");
    assert_eq!(decision(&lake).0, "none");
}

#[test]
fn a_statement_that_is_wrong_is_an_error_that_holds() {
    let lake = checked(", warehouse: loopback");
    let path = lake.path().join("assets/bronze.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("region IS NULL", "rgion IS NULL", 1)).unwrap();
    repeat_a_row(&lake);
    lake.json("reconcile");
    let wrong = explained(&lake, "events_have_a_region");
    assert_eq!(wrong["status"], "error");
    assert!(
        wrong["message"].as_str().unwrap().contains("rgion"),
        "{wrong}"
    );
}
