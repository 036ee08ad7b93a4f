//! `partitions`: what a declaration comes to, and which partitions belong together.

use std::path::Path;

use crate::program::{folder, run, write};

const PROJECT: &str =
    "version: 1\nname: shop\nenvironments: { dev: { catalog: dev } }\nassets: [\"assets.yml\"]\n";

const ASSETS: &str = r"
assets:
  - key: bronze.events
    kind: source
    path: lake/events
    partitions: { hourly: { column: at, start: 2026-10-24, timezone: Europe/Berlin } }
  - key: bronze.rates
    kind: source
    path: lake/rates
  - key: silver.daily
    path: lake/daily
    depends_on: [bronze.events, bronze.rates]
    partitions: { daily: { column: day, start: 2026-10-24, timezone: Europe/Berlin } }
  - key: gold.trailing
    path: lake/trailing
    depends_on:
      - { asset: silver.daily, mapping: { overlap: { start_offset: -2, end_offset: 0 } } }
    partitions: { daily: { column: day, start: 2026-10-24, timezone: Europe/Berlin } }
  - key: gold.regions
    path: lake/regions
    depends_on: [silver.daily]
    partitions:
      product:
        - daily: { column: day, start: 2026-10-24, timezone: Europe/Berlin }
        - keys: { column: region, values: [eu, us] }
";

const AT: &str = "--at 2026-10-28T00:00:00Z";

fn shop() -> tempfile::TempDir {
    folder(&[("headwater.yml", PROJECT), ("assets.yml", ASSETS)])
}

/// The keys of a list of a document, by asset.
fn keys(folder: &Path, question: &str, list: &str) -> Vec<String> {
    let ran = run(folder, &format!("partitions {question} {AT} -o json"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    let document = ran.json();
    let items = document[list].as_array().unwrap().iter();
    items
        .map(|item| format!("{} {}", item["asset"].as_str().unwrap(), item["key"]))
        .collect()
}

#[test]
fn a_day_needs_its_hours_23_24_or_25_of_them() {
    let shop = shop();
    for (day, hours) in [("2026-10-24", 24), ("2026-10-25", 25), ("2026-10-26", 24)] {
        let needed = keys(shop.path(), &format!("silver.daily --needs {day}"), "keys");
        // And the whole of the table that has no partitions.
        assert_eq!(needed.len(), hours + 1, "{needed:?}");
        assert!(needed.contains(&"bronze.rates null".to_owned()));
    }
    let question = "silver.daily --needs 2026-10-25 --upstream bronze.events";
    let needed = keys(shop.path(), question, "keys");
    assert_eq!(needed[2], r#"bronze.events "2026-10-25T02:00""#);
    assert_eq!(needed[3], r#"bronze.events "2026-10-25T02:00+01:00""#);
}

#[test]
fn what_is_needed_and_not_there_is_told_apart() {
    let shop = shop();
    let question = "gold.trailing --needs 2026-10-25";
    let there = keys(shop.path(), question, "keys");
    assert_eq!(
        there,
        [
            r#"silver.daily "2026-10-24""#,
            r#"silver.daily "2026-10-25""#
        ]
    );
    let missing = keys(shop.path(), question, "nonexistent");
    assert_eq!(missing, [r#"silver.daily "2026-10-23""#]);
    // The day that has not ended yet.
    let missing = keys(
        shop.path(),
        "gold.trailing --needs 2026-10-28",
        "nonexistent",
    );
    assert_eq!(missing, [r#"silver.daily "2026-10-28""#]);
}

#[test]
fn an_hour_feeds_its_day_and_a_day_every_region_and_the_days_that_trail_it() {
    let shop = shop();
    let fed = keys(
        shop.path(),
        "bronze.events --feeds 2026-10-25T02:00+01:00",
        "keys",
    );
    assert_eq!(fed, [r#"silver.daily "2026-10-25""#]);
    let fed = keys(shop.path(), "silver.daily --feeds 2026-10-26", "keys");
    let expected = [
        r#"gold.regions "2026-10-26|eu""#,
        r#"gold.regions "2026-10-26|us""#,
        r#"gold.trailing "2026-10-26""#,
        r#"gold.trailing "2026-10-27""#,
    ];
    assert_eq!(fed, expected);
    let question = "gold.trailing --upstream silver.daily --feeds 2026-10-27";
    assert_eq!(
        keys(shop.path(), question, "keys"),
        [r#"gold.trailing "2026-10-27""#]
    );
}

#[test]
fn partitions_are_shown_as_ranges() {
    let shop = shop();
    let ran = run(shop.path(), &format!("partitions silver.daily {AT}"));
    insta::assert_snapshot!(ran.stdout, @r"
    FROM        TO          COUNT  STATE    START                 END
    2026-10-24  2026-10-27  4      unknown  2026-10-23T22:00:00Z  2026-10-27T23:00:00Z
    ");
    let ran = run(
        shop.path(),
        &format!("partitions gold.regions {AT} -o json"),
    );
    let document = ran.json();
    assert_eq!(
        (&document["count"], &document["ranges"][0]["from"]),
        (&8.into(), &"2026-10-24|eu".into())
    );
    let ran = run(shop.path(), &format!("partitions bronze.rates {AT}"));
    assert_eq!(ran.stdout, "It declares no partitions: it is one whole.\n");
    let ran = run(
        shop.path(),
        &format!("partitions gold.trailing --needs 2026-10-25 {AT}"),
    );
    insta::assert_snapshot!(ran.stdout, @r"
    ASSET         FROM        TO          COUNT  NOTE
    silver.daily  2026-10-24  2026-10-25  2      -
    silver.daily  2026-10-23  2026-10-23  1      does not exist
    ");
}

#[test]
fn a_key_that_is_none_says_what_to_write() {
    let shop = shop();
    let ran = run(shop.path(), "-q partitions silver.daily --needs 25.10.2026");
    assert_eq!(ran.exit, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    error[C024]: `25.10.2026` is not a key of daily partitions: write it as in `2026-10-24`
    hint: `headwater partitions silver.daily` shows which there are
    ");
    let ran = run(shop.path(), "-q partitions bronze.rates --feeds eu");
    assert_eq!(ran.exit, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    error[C024]: `bronze.rates` declares no partitions: it is one whole
    hint: declare them by `partitions:`, as docs/declaring.md shows
    ");
    let ran = run(
        shop.path(),
        "-q partitions silver.daily --needs 2026-10-25 --upstream gold.trailing",
    );
    assert_eq!(ran.exit, 2);
    insta::assert_snapshot!(ran.stderr, @r"
    error[C006]: `silver.daily` does not read `gold.trailing`
    hint: it reads bronze.events, bronze.rates
    ");
}

#[test]
fn partitions_that_do_not_belong_together_are_an_error() {
    let text = ASSETS.replace(
        "    depends_on: [silver.daily]\n",
        "    depends_on: [{ asset: silver.daily, mapping: { dimension: region } }]\n",
    );
    let shop = folder(&[("headwater.yml", PROJECT), ("assets.yml", &text)]);
    let ran = run(shop.path(), "validate");
    assert_eq!(ran.exit, 2);
    let said = "error[G007]: `gold.regions` reads `silver.daily`: the parts that `dimension: region` names cannot be compared";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
}

const LATE: &str = r"
assets:
  - key: bronze.orders
    kind: source
    path: lake/orders
    partitions: { daily: { column: day, start: 2026-10-24 } }
  - key: silver.daily
    path: lake/daily
    depends_on: [bronze.orders]
    task: build
    partitions: { daily: { column: day, start: 2026-10-24 } }
";

const TASK: &str = "tasks: { build: { databricks_job: { id: 1, parameters: { days: \"{{ partitions.keys | join(',') }}\" } } } }\n";

/// A commit of a table by days, by a writer that read version 0.
fn commit(is_first: bool, days: &[&str]) -> String {
    let mut lines = vec![
        r#"{"commitInfo":{"operation":"WRITE","userMetadata":"{\"headwater\":{\"inputs\":{\"bronze.orders\":0}}}"}}"#.to_owned(),
    ];
    if is_first {
        lines.push(r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#.to_owned());
        lines.push(r#"{"metaData":{"id":"t","partitionColumns":["day"],"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"day\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}}]}","configuration":{}}}"#.to_owned());
    }
    for day in days {
        lines.push(format!(
            r#"{{"add":{{"path":"{day}-{is_first}","partitionValues":{{"day":"{day}"}},"size":1,"modificationTime":0,"dataChange":true}}}}"#
        ));
    }
    lines.join("\n")
}

#[test]
fn late_data_of_real_tables_is_planned_by_the_days_that_lack_it() {
    let (orders, daily) = ("lake/orders/_delta_log", "lake/daily/_delta_log");
    let project = format!("{PROJECT}{TASK}");
    let days = ["2026-10-24", "2026-10-25", "2026-10-26", "2026-10-27"];
    let shop = folder(&[("headwater.yml", &project), ("assets.yml", LATE)]);
    write(
        shop.path(),
        &format!("{orders}/{:020}.json", 0),
        &commit(true, &days),
    );
    write(
        shop.path(),
        &format!("{daily}/{:020}.json", 0),
        &commit(true, &days[..3]),
    );
    assert_eq!(run(shop.path(), "observe -q").exit, 0);
    write(
        shop.path(),
        &format!("{orders}/{:020}.json", 1),
        &commit(false, &days[1..2]),
    );
    assert_eq!(run(shop.path(), "observe -q").exit, 0);

    let ran = run(shop.path(), &format!("partitions silver.daily {AT}"));
    insta::assert_snapshot!(ran.stdout, @r"
    FROM        TO          COUNT  STATE    START                 END
    2026-10-24  2026-10-24  1      fresh    2026-10-24T00:00:00Z  2026-10-25T00:00:00Z
    2026-10-25  2026-10-25  1      stale    2026-10-25T00:00:00Z  2026-10-26T00:00:00Z
    2026-10-26  2026-10-26  1      fresh    2026-10-26T00:00:00Z  2026-10-27T00:00:00Z
    2026-10-27  2026-10-27  1      missing  2026-10-27T00:00:00Z  2026-10-28T00:00:00Z
    ");
    let plan = run(shop.path(), &format!("plan {AT} -o json")).json();
    let request = &plan["requests"][0];
    assert_eq!(
        request["partitions"],
        serde_json::json!(["2026-10-25", "2026-10-27"])
    );
    assert_eq!(request["parameters"]["days"], "2026-10-25,2026-10-27");

    let of = |day: &str| {
        let ran = run(
            shop.path(),
            &format!("explain silver.daily@{day} {AT} -o json"),
        );
        ran.json()["partition"].clone()
    };
    let (late, missing) = (of("2026-10-25"), of("2026-10-27"));
    let link = &late["chain"][0];
    assert_eq!(
        (&late["state"], &link["needs"]),
        (&"stale".into(), &serde_json::json!(["2026-10-25"]))
    );
    assert_eq!(
        (&link["consumed_version"], &link["lacks"]),
        (&0.into(), &serde_json::json!([1]))
    );
    assert_eq!(missing["state"], "missing");
    assert_eq!(of("2026-10-24")["chain"][0]["lacks"], serde_json::json!([]));
    assert_eq!(of("2026-10-29")["state"], "nonexistent");
}
