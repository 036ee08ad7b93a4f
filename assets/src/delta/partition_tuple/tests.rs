//! Tests of partitions of files.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn columns(names: &[&str]) -> PartitionColumns {
    let field = |name: &str, kind: &str, physical: &str| {
        json!({ "name": name, "type": kind, "nullable": true,
            "metadata": { "delta.columnMapping.physicalName": physical } })
    };
    let schema = json!({ "type": "struct", "fields": [
        field("Day", "date", "col-1"), field("n", "integer", "n"),
        // The first name of the next column is the second name of this one.
        field("old", "string", "new"), field("new", "string", "col-4"),
    ] });
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    PartitionColumns::new(Some(&schema), &names)
}

fn tuple(columns: &PartitionColumns, raw: &[(&str, Option<&str>)]) -> Option<PartitionTuple> {
    let raw: Vec<_> = raw
        .iter()
        .map(|(key, value)| (Cow::Borrowed(*key), value.map(Cow::Borrowed)))
        .collect();
    columns.tuple(&raw)
}

fn encoded(columns: &PartitionColumns, raw: &[(&str, Option<&str>)]) -> Option<String> {
    tuple(columns, raw).map(|tuple| tuple.encode())
}

#[test]
fn values_stand_in_the_order_of_the_columns() {
    let columns = columns(&["day", "n"]);
    let raw = [("n", Some("007")), ("col-1", Some("2026-3-1"))];
    let found = tuple(&columns, &raw).unwrap();
    assert_eq!(found.encode(), r#"["2026-03-01","7"]"#);
    assert_eq!(
        Value::Object(found.to_json(&columns)),
        json!({ "Day": "2026-03-01", "n": "7" })
    );
    let null = tuple(&columns, &[("n", None), ("col-1", Some(""))]).unwrap();
    assert_eq!(null.encode(), "[null,null]");
    assert_eq!(
        Value::Object(null.to_json(&columns)),
        json!({ "Day": null, "n": null })
    );
}

#[test]
fn a_column_that_is_not_named_leaves_the_partition_unknown() {
    let columns = columns(&["Day", "n"]);
    assert_eq!(tuple(&columns, &[]), None);
    assert_eq!(tuple(&columns, &[("n", Some("1"))]), None);
}

#[test]
fn a_table_without_partition_columns_has_one_partition() {
    let columns = columns(&[]);
    assert!(columns.is_empty());
    for raw in [&[][..], &[("n", Some("1"))]] {
        assert_eq!(tuple(&columns, raw), Some(PartitionTuple::unpartitioned()));
    }
    assert_eq!(PartitionTuple::unpartitioned().encode(), "[]");
}

#[test]
fn keys_are_physical_names_first() {
    let day = columns(&["Day"]);
    let date = Some(r#"["2026-03-01"]"#.to_owned());
    for key in ["col-1", "Day", "DAY", "COL-1"] {
        assert_eq!(encoded(&day, &[(key, Some("2026-03-01"))]), date, "{key}");
    }
    let both = [("Day", Some("2026-01-01")), ("col-1", Some("2026-03-01"))];
    assert_eq!(encoded(&day, &both), date);
    // `new` is the value of the column that is called `old` now.
    let renamed = columns(&["old", "new"]);
    assert_eq!(encoded(&renamed, &[("new", Some("a"))]), None);
    let raw = [("new", Some("a")), ("col-4", Some("b"))];
    assert_eq!(encoded(&renamed, &raw).as_deref(), Some(r#"["a","b"]"#));
    let twice = [("col-1", None), ("col-1", Some("2026-03-01"))];
    assert_eq!(encoded(&day, &twice), date);
}

#[test]
fn columns_without_a_schema_are_texts() {
    let columns = PartitionColumns::new(None, &["n".to_owned()]);
    assert_eq!(
        encoded(&columns, &[("n", Some("007"))]).as_deref(),
        Some(r#"["007"]"#)
    );
}

#[test]
fn what_was_not_encoded_here_is_not_decoded() {
    for line in ["", "{}", "[7]", "[\"a\"", "null"] {
        assert_eq!(PartitionTuple::decode(line), None, "{line}");
    }
}

#[test]
fn timestamps_are_of_the_writers_zone() {
    let field = json!({ "name": "at", "type": "timestamp" });
    let schema = json!({ "type": "struct", "fields": [field] }).to_string();
    let columns = PartitionColumns::new(Schema::parse(&schema).as_ref(), &["at".to_owned()])
        .in_zone(Tz::Europe__Zurich);
    let found = encoded(&columns, &[("at", Some("2026-03-01 07:00:00"))]);
    assert_eq!(found.as_deref(), Some(r#"["2026-03-01T06:00:00Z"]"#));
}

proptest! {
    #[test]
    fn a_tuple_is_what_was_encoded(texts in prop::collection::vec(prop::option::of(".{1,8}"), 0..4)) {
        let value = |text: &Option<String>| {
            PartitionValue::new(text.as_deref(), &DataType::String, Tz::UTC)
        };
        let tuple: PartitionTuple = texts.iter().map(value).collect();
        let line = tuple.encode();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(PartitionTuple::decode(&line), Some(tuple.clone()));
        prop_assert_eq!(serde_json::to_string(&tuple).unwrap(), line);
    }

    #[test]
    fn the_order_of_keys_does_not_matter(day in "2026-0[1-9]-[12][0-9]", n in any::<i32>()) {
        let columns = columns(&["Day", "n"]);
        let n = n.to_string();
        let raw = [("col-1", Some(day.as_str())), ("n", Some(n.as_str()))];
        let turned = [raw[1], raw[0]];
        prop_assert_eq!(encoded(&columns, &raw), encoded(&columns, &turned));
    }
}
