//! Tests of how far a column goes.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The range of the column `c` in a file with these statistics.
fn range(statistics: &serde_json::Value, data_type: &DataType) -> ColumnRange {
    let text = statistics.to_string();
    let statistics = FileStatistics::parse(&text);
    ColumnRange::of_file(statistics.as_ref(), &["c".to_owned()], data_type)
}

fn between(
    min: impl Into<serde_json::Value>,
    max: impl Into<serde_json::Value>,
) -> serde_json::Value {
    json!({ "numRecords": 2, "minValues": { "c": min.into() }, "maxValues": { "c": max.into() } })
}

/// A range as `min..max`, with `~` before what is not exact.
fn shown(range: &ColumnRange) -> String {
    let edge = |edge: &Edge| match edge {
        Edge::Empty => "empty".to_owned(),
        Edge::Unknown => "unknown".to_owned(),
        Edge::Known(bound) => format!("{}{}", if bound.is_exact { "" } else { "~" }, bound.value),
    };
    format!("{}..{}", edge(&range.min), edge(&range.max))
}

fn union(ranges: &[ColumnRange], data_type: &DataType) -> ColumnRange {
    let mut all = ColumnRange::EMPTY;
    for range in ranges {
        all.widen(range.clone(), data_type);
    }
    all
}

#[test]
fn a_file_tells_its_range() {
    let long = DataType::Long;
    for (statistics, expected) in [
        (between(1, 7), "1..7"),
        (json!({ "numRecords": 0 }), "empty..empty"),
        (
            json!({ "numRecords": 2, "nullCount": { "c": 2 } }),
            "empty..empty",
        ),
        (
            json!({ "numRecords": 2, "nullCount": { "c": 1 } }),
            "unknown..unknown",
        ),
        (
            json!({ "numRecords": 2, "minValues": { "c": 1 } }),
            "1..unknown",
        ),
        (json!({}), "unknown..unknown"),
        (json!(7), "unknown..unknown"),
        (between("x", 7), "unknown..7"),
    ] {
        assert_eq!(shown(&range(&statistics, &long)), expected, "{statistics}");
    }
    let mut loose = between(1, 7);
    loose["tightBounds"] = json!(false);
    assert_eq!(shown(&range(&loose, &long)), "~1..~7");
    assert_eq!(ColumnRange::of_file(None, &[], &long), ColumnRange::UNKNOWN);
}

#[test]
fn values_are_spelt_and_compared_by_their_type() {
    let decimal = DataType::Decimal {
        precision: 38,
        scale: 2,
    };
    let big = r#"{"numRecords":1,"minValues":{"c":90071992547409931.5},"maxValues":{"c":90071992547409932.1}}"#;
    let statistics = FileStatistics::parse(big);
    let big = ColumnRange::of_file(statistics.as_ref(), &["c".to_owned()], &decimal);
    assert_eq!(shown(&big), "90071992547409931.50..90071992547409932.10");
    for (data_type, first, second, expected) in [
        (DataType::Long, between(9, 9), between(10, 10), "9..10"),
        (
            DataType::Double,
            between(-1.5, 2),
            between("NaN", "NaN"),
            "-1.5..NaN",
        ),
        (
            DataType::Date,
            between("2026-03-02", "2026-03-02"),
            between("2026-03-01", "2026-03-01"),
            "2026-03-01..2026-03-02",
        ),
        (
            DataType::Timestamp,
            between("2026-03-01T06:00:00.000Z", "2026-03-01T06:00:00.000Z"),
            between(
                "2026-03-01T07:00:00.500+01:00",
                "2026-03-01T07:00:00.500+01:00",
            ),
            "2026-03-01T06:00:00Z..2026-03-01T06:00:00.5Z",
        ),
        (
            DataType::String,
            between("B", "B"),
            between("a", "é"),
            "B..é",
        ),
        (
            DataType::Binary,
            between("a", "b"),
            between("a", "b"),
            "unknown..unknown",
        ),
    ] {
        let ranges = [range(&first, &data_type), range(&second, &data_type)];
        assert_eq!(shown(&union(&ranges, &data_type)), expected);
    }
}

#[test]
fn a_text_that_may_be_cut_is_not_exact() {
    let whole = "a".repeat(31);
    let cut = "a".repeat(32);
    let above = format!("{cut}\u{7f}");
    let string = DataType::String;
    assert_eq!(
        shown(&range(&between(&*whole, &*whole), &string)),
        format!("{whole}..{whole}")
    );
    assert_eq!(
        shown(&range(&between(&*cut, &*above), &string)),
        format!("~{cut}..~{above}")
    );
    assert_eq!(
        shown(&range(&between("a", "b\u{10ffff}"), &string)),
        "a..~b\u{10ffff}"
    );
}

#[test]
fn a_file_that_does_not_tell_makes_the_range_unknown() {
    let long = DataType::Long;
    let known = range(&between(1, 7), &long);
    let ranges = [known.clone(), ColumnRange::UNKNOWN, known.clone()];
    assert_eq!(union(&ranges, &long), ColumnRange::UNKNOWN);
    assert_eq!(union(&[known.clone(), ColumnRange::EMPTY], &long), known);
    assert_eq!(union(&[], &long), ColumnRange::EMPTY);
}

#[test]
fn removed_rows_leave_an_upper_bound_until_a_greater_value_comes() {
    let long = DataType::Long;
    let mut seen = range(&between(1, 7), &long);
    seen.mark_upper_bound();
    assert_eq!(shown(&seen), "~1..~7");
    seen.widen(range(&between(3, 6), &long), &long);
    assert_eq!(shown(&seen), "~1..~7");
    seen.widen(range(&between(4, 9), &long), &long);
    assert_eq!(shown(&seen), "~1..9");
    seen.widen(range(&between(1, 9), &long), &long);
    assert_eq!(shown(&seen), "1..9");
}

#[test]
fn a_range_that_was_taken_under_a_narrower_type_goes_on() {
    let mut seen = range(&between("2026-03-01", "2026-03-01"), &DataType::Date);
    let ntz = DataType::TimestampNtz;
    seen.widen(
        range(
            &between("2026-03-01T00:00:00.001", "2026-03-02T00:00:00"),
            &ntz,
        ),
        &ntz,
    );
    assert_eq!(shown(&seen), "2026-03-01..2026-03-02 00:00:00");
    seen.widen(range(&between(1, 2), &DataType::Long), &DataType::Long);
    assert_eq!(shown(&seen), "unknown..unknown");
}

#[test]
fn a_range_is_stored_under_stable_names() {
    let stored = json!({ "min": "empty", "max": { "known": { "value": "7", "is_exact": false } } });
    let range: ColumnRange = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(shown(&range), "empty..~7");
    assert_eq!(serde_json::to_value(&range).unwrap(), stored);
    assert_eq!(
        serde_json::to_value(ColumnRange::UNKNOWN).unwrap(),
        json!({ "min": "unknown", "max": "unknown" })
    );
}

fn any_range() -> impl Strategy<Value = ColumnRange> {
    let known = (-20..20i64, 0..10i64, any::<bool>()).prop_map(|(min, span, is_tight)| {
        let mut statistics = between(min, min + span);
        statistics["tightBounds"] = json!(is_tight);
        range(&statistics, &DataType::Long)
    });
    prop_oneof![
        8 => known,
        1 => Just(ColumnRange::EMPTY),
        1 => Just(ColumnRange::UNKNOWN),
    ]
}

proptest! {
    #[test]
    fn the_order_of_files_does_not_matter(ranges in prop::collection::vec(any_range(), 0..6)) {
        let turned: Vec<_> = ranges.iter().rev().cloned().collect();
        let all = union(&ranges, &DataType::Long);
        prop_assert_eq!(&union(&turned, &DataType::Long), &all);
        prop_assert_eq!(&union(&[all.clone(), all.clone()], &DataType::Long), &all);
    }

    #[test]
    fn the_range_is_that_of_all_values(values in prop::collection::vec(any::<i64>(), 1..8)) {
        let files: Vec<_> = values.iter().map(|&value| range(&between(value, value), &DataType::Long)).collect();
        let all = union(&files, &DataType::Long);
        let least = values.iter().min().unwrap();
        let greatest = values.iter().max().unwrap();
        prop_assert_eq!(shown(&all), format!("{least}..{greatest}"));
    }

    #[test]
    fn a_glance_sees_what_a_closer_look_does(
        a in (-1_000_000_i64..4_000_000, 0_u32..86_400, 0_u32..1000),
        days in -2_i64..3,
        later in (0_u32..86_400, 0_u32..1000),
    ) {
        let (a, b) = (at(a.0, a.1, a.2), at(a.0 + days, later.0, later.1));
        let texts = |pattern: &str| [a, b].map(|at| at.format(pattern).to_string());
        for (data_type, [a, b]) in [
            (DataType::Date, texts("%Y-%m-%d")),
            (DataType::Timestamp, texts("%Y-%m-%dT%H:%M:%S%.3fZ")),
            (DataType::Timestamp, texts("%Y-%m-%d %H:%M:%S%.f+01:00")),
            (DataType::TimestampNtz, texts("%Y-%m-%d %H:%M:%S%.f")),
        ] {
            prop_assert_eq!(compare(&a, &b, &data_type), scalar::compare(&a, &b, &data_type));
        }
    }

    #[test]
    fn what_is_surely_held_widens_nothing(
        days in prop::collection::vec((-1_000_000_i64..4_000_000, 0_u32..86_400, 0_u32..1000), 1..6),
        other in prop::collection::vec((-1_000_000_i64..4_000_000, 0_u32..86_400, 0_u32..1000), 2),
    ) {
        type Spelling = fn(&(i64, u32, u32)) -> serde_json::Value;
        let number: Spelling = |(day, _, _)| json!(day);
        let date: Spelling = |(day, _, _)| json!(at(*day, 0, 0).format("%Y-%m-%d").to_string());
        let instant: Spelling = |(day, second, milli)| {
            json!(at(*day, *second, *milli).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        };
        for (data_type, spelling) in
            [(DataType::Long, number), (DataType::Date, date), (DataType::Timestamp, instant)]
        {
            let files: Vec<_> = days.iter().map(spelling).map(|v| range(&between(v.clone(), v), &data_type)).collect();
            let all = union(&files, &data_type);
            let (min, max) = (spelling(&other[0]), spelling(&other[1]));
            let texts = [&min, &max].map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
            if all.surely_holds(&texts[0], &texts[1], &data_type) {
                let wider = union(&[all.clone(), range(&between(min, max), &data_type)], &data_type);
                prop_assert_eq!(wider, all);
            }
        }
    }
}

fn at(day: i64, second: u32, milli: u32) -> chrono::DateTime<chrono::Utc> {
    let millis = (day * 86_400 + i64::from(second)) * 1000 + i64::from(milli);
    chrono::DateTime::from_timestamp_millis(millis).unwrap()
}

#[test]
fn a_value_well_inside_is_surely_held() {
    let held = |least: &str, greatest: &str, value: &str, data_type: DataType| {
        let all = range(&between(least, greatest), &data_type);
        all.surely_holds(value, value, &data_type)
    };
    assert!(range(&between(1, 9), &DataType::Long).surely_holds("2", "8", &DataType::Long));
    assert!(!range(&between(1, 9), &DataType::Long).surely_holds("1", "8", &DataType::Long));
    assert!(held(
        "2026-01-01",
        "2026-03-01",
        "2026-02-01",
        DataType::Date
    ));
    let instants = ("2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z");
    let value = "2026-02-01T00:00:00.500Z";
    assert!(held(instants.0, instants.1, value, DataType::Timestamp));
    assert!(!held(
        instants.0,
        instants.1,
        "2026-02-01 00:00:00",
        DataType::Timestamp
    ));
    assert!(!ColumnRange::UNKNOWN.surely_holds("2", "8", &DataType::Long));
}
