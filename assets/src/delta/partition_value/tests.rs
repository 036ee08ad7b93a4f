//! Tests of spellings of partition values.

use super::*;

fn value(raw: &str, data_type: &DataType) -> PartitionValue {
    PartitionValue::new(Some(raw), data_type, Tz::UTC)
}

#[test]
fn nothing_and_the_empty_text_are_null_for_every_type() {
    for data_type in [
        DataType::String,
        DataType::Long,
        DataType::Date,
        DataType::Binary,
    ] {
        assert_eq!(value("", &data_type), PartitionValue::NULL);
        assert_eq!(
            PartitionValue::new(None, &data_type, Tz::UTC),
            PartitionValue::NULL
        );
    }
    assert_eq!(PartitionValue::NULL.to_string(), "null");
}

#[test]
fn the_name_of_null_in_paths_is_a_text_in_the_log() {
    let hive = value("__HIVE_DEFAULT_PARTITION__", &DataType::String);
    assert_eq!(hive.as_str(), Some("__HIVE_DEFAULT_PARTITION__"));
    assert_ne!(value("null", &DataType::String), PartitionValue::NULL);
}

#[test]
fn what_is_no_value_keeps_its_text() {
    let decimal = DataType::Decimal {
        precision: 5,
        scale: 2,
    };
    // As delta-rs 1.6.6 spells -0.01.
    assert_eq!(value("0.-1", &decimal).as_str(), Some("0.-1"));
    assert_eq!(value("1.505", &decimal).as_str(), Some("1.505"));
    assert_eq!(value(" x ", &DataType::Long).as_str(), Some(" x "));
    assert_eq!(
        value("+12026-01-01", &DataType::Date).as_str(),
        Some("+12026-01-01")
    );
}

#[test]
fn a_value_is_stored_as_a_text_or_null() {
    let stored = serde_json::to_string(&[value("007", &DataType::Long), PartitionValue::NULL]);
    assert_eq!(stored.unwrap(), r#"["7",null]"#);
    let back: Vec<PartitionValue> = serde_json::from_str(r#"["7","",null]"#).unwrap();
    assert_eq!(
        back,
        [
            value("7", &DataType::Long),
            PartitionValue::NULL,
            PartitionValue::NULL
        ]
    );
}
