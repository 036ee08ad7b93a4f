//! Tests of what checks expect and of what they say of contents.

use super::*;
use crate::delta::NullCount;
use crate::delta::bounds::ColumnRange;
use crate::delta::contents::WatchedColumn;

fn contents(rows: Option<u64>, nulls: &[(&str, u64, u64)]) -> Contents {
    let column = |(name, rows, untold_files): &(&str, u64, u64)| WatchedColumn {
        name: (*name).to_owned(),
        physical: vec![(*name).to_owned()],
        data_type: DataType::Long,
        range: ColumnRange::EMPTY,
        nulls: Some(NullCount {
            rows: *rows,
            untold_files: *untold_files,
        }),
    };
    Contents {
        files: 3,
        rows,
        columns: nulls.iter().map(column).collect(),
    }
}

fn not_null(columns: &[&str]) -> Rule {
    Rule::NotNull {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// What is told, in one word and with what was found.
fn told(told: Option<Told>) -> String {
    match told {
        None => "another question".to_owned(),
        Some(Told::NotYet) => "not yet".to_owned(),
        Some(Told::Untold(why)) => format!("untold: {why}"),
        Some(Told::Found(found)) if found.is_met => format!("met: {}", found.measured),
        Some(Told::Found(found)) => format!("failed: {}", found.measured),
    }
}

#[test]
fn nulls_are_told_where_every_file_tells_them() {
    let files = contents(
        Some(9),
        &[("id", 0, 0), ("name", 2, 0), ("note", 0, 1), ("x", 1, 1)],
    );
    let judge = |columns: &[&str]| told(not_null(columns).judge_contents(&files, None));
    assert_eq!(judge(&["id"]), "met: no nulls");
    assert_eq!(judge(&["id", "name"]), "failed: `name` is null in 2 rows");
    assert!(judge(&["note"]).starts_with("untold: not every file"));
    assert_eq!(judge(&["x"]), "failed: `x` is null in 1 rows or more");
    assert_eq!(judge(&["other"]), "not yet");
}

#[test]
fn a_column_that_is_not_there_fails() {
    let mut files = contents(Some(9), &[("id", 0, 3)]);
    files.columns[0].physical.clear();
    let found = told(not_null(&["id"]).judge_contents(&files, None));
    assert_eq!(found, "failed: no column `id`");
}

#[test]
fn rows_drift_by_a_share_of_what_passed_last() {
    let rule = Rule::RowCountDrift {
        max: Percent::parse("30%").unwrap(),
        min_rows: 10,
    };
    let judge = |rows, before| rule.judge_rows(rows, before).is_met;
    assert!(judge(130, Some(100)) && judge(70, Some(100)));
    assert!(!judge(131, Some(100)) && !judge(69, Some(100)));
    // Nothing to compare with, or too little.
    assert!(judge(0, None) && judge(0, Some(9)) && !judge(0, Some(10)));
    assert!(!judge(u64::MAX, Some(10)));
}

#[test]
fn percentages_are_read_as_they_are_shown() {
    for text in ["30%", "2.5%", "0.05%", "150%"] {
        assert_eq!(Percent::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "30",
        "%",
        "-3%",
        "+3%",
        "2.555%",
        "2.%",
        ".5%",
        "99999999999%",
    ] {
        assert_eq!(Percent::parse(text), None, "{text}");
    }
}

#[test]
fn columns_are_compared_by_the_names_that_sql_has_for_types() {
    let schema = Schema::parse(
        r#"{"type":"struct","fields":[
            {"name":"id","type":"long","nullable":true,"metadata":{}},
            {"name":"Amount","type":"decimal(18,2)","nullable":true,"metadata":{}},
            {"name":"tags","type":{"type":"array","elementType":"integer","containsNull":true},
             "nullable":true,"metadata":{}}]}"#,
    )
    .unwrap();
    let judge = |columns: &[(&str, &str)], allow_others| {
        let columns = columns.iter();
        let columns = columns.map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
        let rule = Rule::Columns {
            columns: columns.collect(),
            allow_others,
        };
        told(rule.judge_columns(&schema).map(Told::Found))
    };
    let whole = [
        ("id", "LONG"),
        ("amount", "numeric(18, 2)"),
        ("tags", "array<int>"),
    ];
    assert_eq!(judge(&whole, false), "met: 3 columns");
    assert_eq!(judge(&whole[..2], true), "met: 3 columns");
    assert_eq!(judge(&whole[..2], false), "failed: `tags` is not expected");
    assert_eq!(
        judge(&[("id", "int"), ("name", "string")], true),
        "failed: `id` is bigint, `name` is missing"
    );
}
