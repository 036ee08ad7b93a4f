//! Statistics and partitions that stand in typed columns.

#![expect(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]

use parquet::file::properties::EnabledStatistics;

use super::*;

fn paths(names: &[&[&str]]) -> Vec<Vec<String>> {
    let path = |parts: &&[&str]| parts.iter().map(|&part| part.to_owned()).collect();
    names.iter().map(path).collect()
}

/// A schema of files with statistics of these columns, given without their ends.
fn typed(columns: &str) -> String {
    format!(
        "message m {{ optional group add {{ required binary path (STRING);
            optional binary stats (STRING);
            optional group stats_parsed {{
                optional int64 numRecords; optional boolean tightBounds;
                optional group minValues {{ {columns} }}
                optional group maxValues {{ {columns} }}
                optional group nullCount {{ optional int64 c; }}
            }} }} }}"
    )
}

fn typed_file(parsed: Value) -> Value {
    json!({ "add": { "path": "a", "stats_parsed": parsed } })
}

/// What the greatest value of a column of this type is spelled as.
fn spelled(column: &str, value: Value) -> Value {
    let row = typed_file(json!({ "numRecords": 2, "maxValues": { "c": value } }));
    let bytes = written(&typed(column), &[row], plainly());
    let columns = paths(&[&["c"]]);
    let seen = see_one(bytes, Wanted::Files { columns: &columns }).unwrap();
    assert_eq!(seen.files[0].rows, Some(2), "{column}");
    seen.files[0].stats.as_ref().unwrap()["maxValues"]["c"].clone()
}

#[test]
fn values_of_every_type_are_spelled_as_in_a_text() {
    let cases = [
        ("optional int32 c;", json!(-7), json!(-7)),
        ("optional int64 c;", json!(i64::MIN), json!(i64::MIN)),
        ("optional boolean c;", json!(true), json!(true)),
        ("optional binary c (STRING);", json!("äöü"), json!("äöü")),
        ("optional binary c;", json!("text"), json!("text")),
        (
            "optional int32 c (DATE);",
            json!(19_783),
            json!("2024-03-01"),
        ),
        ("optional int32 c (DATE);", json!(-1), json!("1969-12-31")),
        (
            "optional int64 c (TIMESTAMP(MICROS,true));",
            json!(1_709_251_200_123_456_i64),
            json!("2024-03-01T00:00:00.123456Z"),
        ),
        (
            "optional int64 c (TIMESTAMP(MILLIS,true));",
            json!(-1),
            json!("1969-12-31T23:59:59.999Z"),
        ),
        (
            "optional int64 c (TIMESTAMP(MICROS,false));",
            json!(1_709_251_200_000_000_i64),
            json!("2024-03-01 00:00:00"),
        ),
        (
            "optional int64 c (TIMESTAMP_MICROS);",
            json!(1),
            json!("1970-01-01T00:00:00.000001Z"),
        ),
        // Nanoseconds of the day, then the Julian day.
        (
            "optional int96 c;",
            json!([1_000_000, 0, 2_440_589]),
            json!("1970-01-02T00:00:00.001Z"),
        ),
        (
            "optional int32 c (DECIMAL(5,2));",
            json!(-1),
            json!("-0.01"),
        ),
        ("optional int64 c (DECIMAL(18,0));", json!(12), json!("12")),
        (
            "optional binary c (DECIMAL(20,3));",
            json!([0xff, 0x85]),
            json!("-0.123"),
        ),
        (
            "optional fixed_len_byte_array(3) c (DECIMAL(6,1));",
            json!([0x01, 0x00, 0x00]),
            json!("6553.6"),
        ),
        ("optional double c;", json!(1.5), json!(1.5)),
        ("optional double c;", json!("NaN"), json!("NaN")),
        ("optional double c;", json!("-inf"), json!("-Infinity")),
        ("optional float c;", json!("inf"), json!("Infinity")),
        ("optional float c;", json!(0.5), json!(0.5)),
        // None of these is a value.
        ("optional binary c (STRING);", json!([0xff]), Value::Null),
        (
            "optional binary c (DECIMAL(38,3));",
            json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]),
            Value::Null,
        ),
        (
            "optional int64 c (TIMESTAMP(MILLIS,true));",
            json!(i64::MAX),
            Value::Null,
        ),
        ("optional int32 c (DATE);", json!(i32::MAX), Value::Null),
        (
            "optional int96 c;",
            json!([0xffff_ffff_u32, 0xffff_ffff_u32, 0]),
            Value::Null,
        ),
    ];
    for (column, value, expected) in cases {
        assert_eq!(spelled(column, value), expected, "{column}");
    }
}

#[test]
fn nested_columns_null_counts_and_loose_bounds_are_told() {
    let schema =
        typed("optional int32 c; optional group s { optional group t { optional int64 u; } }");
    let parsed = json!({
        "numRecords": 4, "tightBounds": false,
        "minValues": { "c": 1, "s": { "t": { "u": 2 } } },
        "maxValues": { "c": 8, "s": { "t": { "u": 9 } } },
        "nullCount": { "c": 3 },
    });
    let rows = [
        typed_file(parsed),
        typed_file(json!({ "numRecords": 1 })),
        typed_file(Value::Null),
    ];
    let columns = paths(&[&["s", "t", "u"], &["c"]]);
    let seen = see_one(
        written(&schema, &rows, plainly()),
        Wanted::Files { columns: &columns },
    );
    let seen = seen.unwrap();
    assert_eq!(
        seen.files[0].stats,
        Some(json!({
            "numRecords": 4, "tightBounds": false,
            "minValues": { "c": 1, "s": { "t": { "u": 2 } } },
            "maxValues": { "c": 8, "s": { "t": { "u": 9 } } },
            "nullCount": { "c": 3 },
        }))
    );
    let rows: Vec<Option<u64>> = seen.files.iter().map(|file| file.rows).collect();
    assert_eq!(rows, [Some(4), Some(1), None]);
}

/// Files of which every other one tells its statistics in typed columns alone.
fn mixed() -> Vec<Value> {
    let file = |n: u64| {
        let text =
            (n.is_multiple_of(2)).then(|| format!("{{\"numRecords\":{n},\"from\":\"text\"}}"));
        let parsed = (n % 2 == 1).then(|| json!({ "numRecords": n, "maxValues": { "c": n } }));
        json!({ "add": { "path": "f", "stats": text, "stats_parsed": parsed } })
    };
    let mut rows: Vec<Value> = (0..40).map(file).collect();
    rows.push(json!({}));
    rows
}

#[test]
fn files_without_a_text_are_counted_by_their_typed_columns_beside_others_with_one() {
    let columns = paths(&[&["c"]]);
    for statistics in [EnabledStatistics::Chunk, EnabledStatistics::None] {
        for group in [1, 2, 7, 1_000] {
            let properties = WriterProperties::builder().set_statistics_enabled(statistics);
            let bytes = written(&typed("optional int64 c;"), &mixed(), (group, properties));
            let seen = see_one(bytes, Wanted::Files { columns: &columns }).unwrap();
            for (number, file) in (0_u64..).zip(&seen.files) {
                assert_eq!(file.rows, Some(number), "groups of {group}");
                let stats = file.stats.as_ref().unwrap();
                assert_eq!(stats["from"] == "text", number % 2 == 0);
            }
        }
    }
}

#[test]
fn typed_columns_are_not_fetched_where_every_file_has_a_text() {
    let rows = |has_all: bool| -> Vec<Value> {
        let file = |n: u64| {
            let text = (has_all || n > 0).then(|| format!("{{\"numRecords\":{n}}}"));
            let parsed = json!({ "numRecords": n * 7_919, "maxValues": { "c": n * 104_729 } });
            json!({ "add": { "path": "f", "stats": text, "stats_parsed": parsed } })
        };
        (0..2_000).map(file).chain([json!({})]).collect()
    };
    let columns = paths(&[&["c"]]);
    let cost = |has_all| {
        let bytes = written(&typed("optional int64 c;"), &rows(has_all), plainly());
        let store = Kept::with([("c", bytes)]);
        see(&store, &["c"], Wanted::Files { columns: &columns }).unwrap();
        store.take_read()["c"]
    };
    let (without, with) = (cost(true), cost(false));
    assert!(with > without + 2 * 2_000, "{without} and {with}");
}

#[test]
fn partitions_that_stand_in_typed_columns_alone_are_spelled() {
    let schema = "message m { optional group add { required binary path (STRING);
        optional group partitionValues_parsed {
            optional int32 day (DATE); optional double ratio; optional binary name (STRING);
        } } }";
    let file = |values: Value| json!({ "add": { "path": "a", "partitionValues_parsed": values } });
    let rows = [
        file(json!({ "day": 0, "ratio": 0.5, "name": "x" })),
        file(json!({ "day": null, "ratio": "NaN", "name": null })),
        // What cannot be spelled is not said.
        file(json!({ "day": 1, "ratio": 1.0, "name": [0xff] })),
    ];
    // A partition of nulls alone is one as well.
    for group in [1, 1_000] {
        let bytes = written(schema, &rows, (group, WriterProperties::builder()));
        let seen = see_one(bytes, FILES).unwrap();
        assert_eq!(
            seen.partitions(),
            [
                vec![
                    ("day", Some("1970-01-01")),
                    ("ratio", Some("0.5")),
                    ("name", Some("x"))
                ],
                vec![("day", None), ("ratio", Some("NaN")), ("name", None)],
                vec![("day", Some("1970-01-02")), ("ratio", Some("1.0"))],
            ]
        );
    }
}

#[test]
fn a_text_decides_over_typed_partitions() {
    let schema = SPARK.replacen(
        "required int64 size;",
        "required int64 size; optional group partitionValues_parsed { optional int32 p; }",
        1,
    );
    let mut row = file("a", Some("007"), 1);
    row["add"]["partitionValues_parsed"] = json!({ "p": 7 });
    let seen = see_one(written(&schema, &[row], plainly()), FILES).unwrap();
    assert_eq!(seen.partitions(), [[("p", Some("007"))]]);
}
