//! Tests of how files of a commit spread.

use serde_json::{Value, json};

use super::*;
use crate::delta::commit::parse_commit_with;
use crate::delta::contents::{Gauge, WatchedColumn};

fn column(name: &str, data_type: DataType) -> SpreadColumn {
    SpreadColumn {
        name: name.to_owned(),
        physical: vec![name.to_owned()],
        data_type,
    }
}

/// The spread of a commit with these actions over the column `day`, as `min..max` of each file.
fn spread(actions: &[Value]) -> Option<Vec<String>> {
    let text: Vec<String> = actions.iter().map(Value::to_string).collect();
    let watched: Vec<WatchedColumn> = Vec::new();
    let mut gauge = Gauge::new(watched).with_spread(vec![column("day", DataType::Date)]);
    let time = chrono::DateTime::UNIX_EPOCH;
    let see = &mut |verb, file: &FileAction<'_>| gauge.see(verb, file);
    parse_commit_with(1, text.join("\n").as_bytes(), time, see).unwrap();
    let [found] = gauge.into_changes().spreads.try_into().unwrap();
    let text = |edge: &crate::delta::Edge| edge.bound().unwrap().value.clone();
    let shown = |range: &ColumnRange| format!("{}..{}", text(&range.min), text(&range.max));
    found
        .ranges
        .map(|ranges| ranges.iter().map(shown).collect())
}

fn file(verb: &str, path: &str, changes: bool, days: Option<(&str, &str)>) -> Value {
    let stats = days.map(|(min, max)| {
        let stats = json!({ "numRecords": 2, "minValues": { "day": min }, "maxValues": { "day": max },
            "nullCount": { "day": 0 } });
        stats.to_string()
    });
    json!({ verb: { "path": path, "partitionValues": {}, "size": 1, "modificationTime": 1,
        "dataChange": changes, "stats": stats } })
}

#[test]
fn what_is_added_and_what_is_removed_count_alike() {
    let (may, june) = (("2026-05-01", "2026-05-03"), ("2026-06-01", "2026-06-01"));
    let actions = [
        file("add", "a", true, Some(may)),
        file("add", "b", true, Some(may)),
        file("remove", "c", true, Some(june)),
    ];
    let expected = ["2026-05-01..2026-05-03", "2026-06-01..2026-06-01"];
    assert_eq!(spread(&actions).unwrap(), expected);
}

#[test]
fn files_that_were_only_rewritten_count_for_nothing() {
    let wide = ("2020-01-01", "2026-12-31");
    let actions = [
        file("remove", "a", false, None),
        file("add", "b", false, Some(wide)),
        file("add", "c", true, Some(("2026-05-01", "2026-05-01"))),
    ];
    assert_eq!(spread(&actions).unwrap(), ["2026-05-01..2026-05-01"]);
    let none = file("remove", "a", false, None);
    assert_eq!(spread(&[none]).unwrap(), [""; 0]);
}

#[test]
fn one_file_that_does_not_tell_makes_it_unknown() {
    let may = Some(("2026-05-01", "2026-05-03"));
    for silent in ["add", "remove"] {
        let actions = [file("add", "a", true, may), file(silent, "b", true, None)];
        assert_eq!(spread(&actions), None, "{silent}");
    }
}

#[test]
fn nulls_lie_nowhere() {
    let stats = json!({ "numRecords": 2, "nullCount": { "day": 2 } }).to_string();
    let mut nulls = file("add", "a", true, None);
    nulls["add"]["stats"] = json!(stats);
    assert_eq!(spread(&[nulls]).unwrap(), [""; 0]);
}

#[test]
fn of_very_many_ranges_one_holds_all() {
    let days = |at: usize| format!("{:04}-01-01", 1500 + at);
    let actions = (0..=TOLD_APART).map(|at| {
        let day = days(at);
        file("add", &at.to_string(), true, Some((&day, &day)))
    });
    let actions: Vec<Value> = actions.collect();
    let found = spread(&actions).unwrap();
    assert_eq!(found, [format!("{}..{}", days(0), days(TOLD_APART))]);
}

#[test]
fn a_column_that_is_not_there_tells_nothing() {
    let found = SpreadColumn::find(&["day".to_owned()], None);
    let gauge = SpreadGauge::new(found);
    assert_eq!(gauge.into_spreads()[0].ranges, None);
}
