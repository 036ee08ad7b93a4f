//! Schemas, partition values and statistics: the texts inside the actions of a Delta log.

use std::borrow::Cow;

use assets::delta::{
    ColumnRange, FileStatistics, PartitionColumns, PartitionTuple, Schema, schema,
};

/// A column of each type whose values have more than one spelling.
const COLUMNS: &str = r#"{"type":"struct","fields":[{"name":"n","type":"long"},
    {"name":"x","type":"double"},{"name":"d","type":"decimal(38,2)"},{"name":"b","type":"boolean"},
    {"name":"day","type":"date"},{"name":"at","type":"timestamp"},{"name":"t","type":"timestamp_ntz"}]}"#;

/// Reads a text as a schema, as values of columns, and as statistics of them.
pub(crate) fn hold(text: &str) {
    let parsed = Schema::parse(text);
    assert_eq!(Schema::parse(text), parsed, "read twice");
    assert_eq!(schema::fingerprint(text), schema::fingerprint(text));
    let schema = parsed.unwrap_or_default();
    assert_eq!(schema::compare(&schema, &schema), vec![]);
    let names = schema.fields.iter().take(20);
    let names: Vec<String> = names.map(|field| field.name.clone()).collect();
    for name in &names {
        assert!(schema.column(name).is_some(), "{name:?} is not found");
    }
    assert_stored(&PartitionColumns::new(Some(&schema), &names), text);
    if let Some(schema) = Schema::parse(COLUMNS) {
        let names: Vec<String> = schema
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect();
        assert_values_hold(&PartitionColumns::new(Some(&schema), &names), text);
        assert_ranges_hold(&schema, text);
    }
}

/// Reads the partition in which every column has the value that is given for it.
fn read(
    columns: &PartitionColumns,
    value: impl Fn(usize) -> Option<String>,
) -> Option<PartitionTuple> {
    let raw = columns.columns().iter().enumerate().map(|(index, column)| {
        let key = Cow::Borrowed(column.physical_name.as_str());
        (key, value(index).map(Cow::Owned))
    });
    columns.tuple(&raw.collect::<Vec<_>>())
}

/// What is stored of a partition is what is read back.
fn assert_stored(columns: &PartitionColumns, text: &str) {
    for line in text.lines().take(50) {
        let tuple = read(columns, |_| Some(line.to_owned()));
        let stored = tuple.as_ref().map(PartitionTuple::encode);
        let back = stored.as_deref().and_then(PartitionTuple::decode);
        assert!(back.is_some(), "every column is named: {line:?}");
        assert_eq!(back, tuple);
    }
}

/// A spelling reads back as itself.
fn assert_values_hold(columns: &PartitionColumns, text: &str) {
    assert_stored(columns, text);
    for line in text.lines().take(50) {
        let tuple = read(columns, |_| Some(line.to_owned()));
        let values = tuple.as_ref().map_or(&[][..], PartitionTuple::values);
        let again = read(columns, |index| {
            Some(values.get(index)?.as_str()?.to_owned())
        });
        assert_eq!(again, tuple, "{line:?}");
    }
}

/// A range that takes itself in stays as it is.
fn assert_ranges_hold(schema: &Schema, text: &str) {
    let statistics = FileStatistics::parse(text);
    for field in &schema.fields {
        let path = [field.name.clone()];
        let range = ColumnRange::of_file(statistics.as_ref(), &path, &field.data_type);
        let mut twice = range.clone();
        twice.widen(range.clone(), &field.data_type);
        assert_eq!(twice, range);
    }
}
