//! Tests of placing: values of tables and the partitions they tell.

use std::borrow::Cow;

use chrono::TimeZone as _;
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::delta::touched::{AllBecause, Touched};
use crate::delta::{
    Bound, ColumnRange, DataType, Edge, PartitionColumns, PartitionTuple, Schema, Spread,
};

/// Partition columns with their types.
fn columns(columns: &[(&str, &str)]) -> PartitionColumns {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind, "nullable": true, "metadata": {} }))
        .collect();
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    let names: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    PartitionColumns::new(Some(&Schema::parse(&schema).unwrap()), &names)
}

fn tuple(columns: &PartitionColumns, values: &[Option<&str>]) -> PartitionTuple {
    let names = columns
        .columns()
        .iter()
        .map(|column| Cow::Borrowed(column.name.as_str()));
    let raw: Vec<_> = names
        .zip(values)
        .map(|(name, value)| (name, value.map(Cow::Borrowed)))
        .collect();
    columns.tuple(&raw).unwrap()
}

fn told(partitions: &Partitions, placed: &Placed) -> Vec<String> {
    let ranges = partitions.key_ranges(&placed.partitions).into_iter();
    let ranges = ranges.map(|range| {
        if range.from == range.to {
            range.from
        } else {
            format!("{}..{}", range.from, range.to)
        }
    });
    let all = placed.partitions.is_everything().then(|| "all".to_owned());
    let outside = placed.outside.iter().map(|outside| {
        format!(
            "`{}` of {} {}",
            outside.value,
            outside.column,
            outside.reason.as_str()
        )
    });
    ranges.chain(all).chain(outside).collect()
}

/// What values of partition columns tell.
fn place(partitions: &Partitions, types: &[(&str, &str)], values: &[Option<&str>]) -> Vec<String> {
    let columns = columns(types);
    told(
        partitions,
        &Placing::new(partitions, &columns).place(&tuple(&columns, values)),
    )
}

#[test]
fn a_date_is_that_day_in_the_zone_of_the_partitions() {
    let new_york = "America/New_York";
    let day = |partitions: &PartitionsSpec| {
        place(
            &check(partitions.clone()),
            &[("TS", "date")],
            &[Some("2026-11-1")],
        )
    };
    assert_eq!(day(&daily("2026-01-01", new_york)), ["2026-11-01"]);
    assert_eq!(day(&monthly("2026-01-01", new_york)), ["2026-11"]);
    assert_eq!(day(&weekly("2026-01-01", new_york)), ["2026-10-26"]);
    // All 25 hours of it.
    assert_eq!(
        day(&hourly("2026-01-01", new_york)),
        ["2026-11-01T00:00..2026-11-01T23:00"]
    );
    assert_eq!(
        day(&cron("0 6 * * *", "2026-01-01", new_york)),
        ["2026-10-31T06:00..2026-11-01T06:00"]
    );
}

#[test]
fn a_timestamp_is_an_instant_and_without_zone_a_clock_time() {
    let hours = check(hourly("2026-01-01", "Europe/Berlin"));
    let instant = |text| place(&hours, &[("ts", "timestamp")], &[Some(text)]);
    assert_eq!(
        instant("2026-10-25T01:59:59.999Z"),
        ["2026-10-25T02:00+01:00"]
    );
    assert_eq!(instant("2026-10-25 02:30:00+02:00"), ["2026-10-25T02:00"]);
    let clock = |text| place(&hours, &[("ts", "timestamp_ntz")], &[Some(text)]);
    assert_eq!(clock("2026-11-20 13:30:00.5"), ["2026-11-20T13:00"]);
    // Either of both; and what the clock never shows counts by the clock before the change.
    assert_eq!(
        clock("2026-10-25 02:30:00"),
        ["2026-10-25T02:00..2026-10-25T02:00+01:00"]
    );
    assert_eq!(clock("2026-03-29 02:30:00"), ["2026-03-29T03:00"]);
    let days = check(daily("2026-01-01", "America/New_York"));
    assert_eq!(
        place(
            &days,
            &[("ts", "timestamp")],
            &[Some("2026-11-20T03:00:00Z")]
        ),
        ["2026-11-19"]
    );
}

#[test]
fn a_text_is_read_as_what_it_looks_like() {
    let months = check(monthly("2026-01-01", "UTC"));
    let text = |text| place(&months, &[("ts", "string")], &[Some(text)]);
    assert_eq!(text("2026-11"), ["2026-11"]);
    assert_eq!(text("2026-11-20T13:00+01:00"), ["2026-11"]);
    assert_eq!(text("2026"), ["2026-01..2026-12"]);
    // It may be any of them, and that is said.
    assert_eq!(
        text("November"),
        ["all", "`November` of ts cannot be read as a time"]
    );
    assert_eq!(
        place(&months, &[("ts", "integer")], &[Some("20261120")]),
        ["all", "`20261120` of ts cannot be read as a time"]
    );
}

#[test]
fn what_is_in_no_partition_is_told() {
    let until = WindowsSpec {
        end: Some("2026-02-01".into()),
        ..windows("2026-01-01", "Pacific/Apia")
    };
    let days = check(PartitionsSpec::Daily(until));
    let date = |value| place(&days, &[("ts", "date")], &[value]);
    assert_eq!(
        date(Some("2025-12-31")),
        ["`2025-12-31` of ts comes before the first partition"]
    );
    assert_eq!(
        date(Some("2026-02-01")),
        ["`2026-02-01` of ts comes after the last partition"]
    );
    assert_eq!(
        date(Some("0001-01-01")),
        ["`0001-01-01` of ts comes before the first partition"]
    );
    assert_eq!(
        date(Some("9999-12-31")),
        ["`9999-12-31` of ts comes after the last partition"]
    );
    assert_eq!(date(None), ["`null` of ts lies in no window of time"]);
    let skipped = place(
        &check(daily("2011-01-01", "Pacific/Apia")),
        &[("ts", "date")],
        &[Some("2011-12-30")],
    );
    assert_eq!(skipped, ["`2011-12-30` of ts was never shown by the clock"]);
}

#[test]
fn several_columns_tell_a_time_together() {
    let formats = |pairs: &[(&str, &str)]| {
        let columns = pairs
            .iter()
            .map(|(column, format)| ((*column).into(), (*format).into()));
        WindowsSpec {
            column: None,
            columns: Some(columns.collect()),
            ..windows("2026-01-01", "UTC")
        }
    };
    let days = check(PartitionsSpec::Daily(formats(&[
        ("year", "%Y"),
        ("month", "%m"),
        ("day", "%d"),
    ])));
    let types = [("day", "integer"), ("year", "integer"), ("month", "string")];
    assert_eq!(
        place(&days, &types, &[Some("5"), Some("2026"), Some("03")]),
        ["2026-03-05"]
    );
    assert_eq!(
        place(&days, &types, &[Some("30"), Some("2026"), Some("2")]),
        ["all", "`30 2 2026` of day cannot be read as a time"]
    );
    assert_eq!(
        place(&days, &types, &[None, Some("2026"), Some("2")]),
        ["`null 2 2026` of day lies in no window of time"]
    );
    // A table that is coarser than its partitions.
    assert_eq!(
        place(
            &days,
            &[("year", "integer"), ("month", "integer")],
            &[Some("2026"), Some("2")]
        ),
        ["2026-02-01..2026-02-28"]
    );
    let packed = check(PartitionsSpec::Hourly(formats(&[
        ("d", "%Y%m%d"),
        ("h", "h%H"),
    ])));
    assert_eq!(
        place(
            &packed,
            &[("d", "integer"), ("h", "string")],
            &[Some("20260305"), Some("h7")]
        ),
        ["2026-03-05T07:00"]
    );
    assert_eq!(
        place(
            &packed,
            &[("d", "integer"), ("h", "string")],
            &[Some("2026035"), Some("h7")]
        ),
        ["all", "`2026035 h7` of d cannot be read as a time"]
    );
}

#[test]
fn values_in_any_spelling() {
    let numbers = check(keys("n", &["007", "__null__", "8"]));
    let number = |value| place(&numbers, &[("n", "integer")], &[value]);
    assert_eq!(number(Some("7")), ["007"]);
    assert_eq!(number(Some("+0008")), ["8"]);
    assert_eq!(number(None), ["__null__"]);
    assert_eq!(number(Some("9")), ["`9` of n is not listed"]);
    let tenants = check(dynamic("tenant"));
    let types = columns(&[("tenant", "string")]);
    let placed = Placing::new(&tenants, &types).place(&tuple(&types, &[Some("acme")]));
    assert!(placed.partitions.is_empty());
    let new = Placing::new_values(&placed);
    let tenants = tenants.with_values("tenant", new["tenant"].clone());
    assert_eq!(
        place(&tenants, &[("tenant", "string")], &[Some("acme")]),
        ["acme"]
    );
}

#[test]
fn commits_touch_what_their_files_are_in() {
    let product = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("region", &["eu", "us"]),
    ]));
    let both = columns(&[("region", "string"), ("ts", "date")]);
    let placing = Placing::new(&product, &both);
    let tuples = [
        ("eu", "2026-02-01"),
        ("us", "2026-02-01"),
        ("eu", "2026-02-02"),
        ("mars", "2026-02-02"),
    ];
    let touched = tuples.map(|(region, day)| tuple(&both, &[Some(region), Some(day)]));
    let placed = placing.touched(&Touched::These(touched.into_iter().collect()));
    assert_eq!(
        told(&product, &placed),
        [
            "2026-02-01|eu..2026-02-01|us",
            "2026-02-02|eu",
            "`mars` of region is not listed"
        ]
    );
    assert!(
        placing
            .touched(&Touched::All(AllBecause::Lost))
            .partitions
            .is_everything()
    );
    assert!(placing.is_told_by_files());
    // What no column tells may be any of it.
    let days = columns(&[("ts", "date")]);
    let placing = Placing::new(&product, &days);
    assert!(!placing.is_told_by_files());
    let placed = placing.place(&tuple(&days, &[Some("2026-02-01")]));
    let existing = product.existing(at("2026-03-01T00:00:00Z"));
    assert_eq!(
        members(&product, &placed.partitions.intersection(&existing)),
        ["2026-02-01|eu", "2026-02-01|us"]
    );
    let none = columns(&[]);
    let unpartitioned = Touched::These([PartitionTuple::unpartitioned()].into());
    assert!(
        Placing::new(&product, &none)
            .touched(&unpartitioned)
            .partitions
            .is_everything()
    );
}

#[test]
fn statistics_tell_a_range() {
    let days = check(daily("2026-01-01", "America/New_York"));
    let placing = Placing::new(&days, &columns(&[]));
    let known = |value: &str| {
        Edge::Known(Bound {
            value: value.into(),
            is_exact: false,
        })
    };
    let range = |min: &str, max: &str, kind: &DataType| {
        let range = ColumnRange {
            min: known(min),
            max: known(max),
        };
        told(&days, &placing.place_range("TS", &range, kind))
    };
    let instants = DataType::Timestamp;
    assert_eq!(
        range(
            "2026-02-01T04:59:59.999Z",
            "2026-02-03T05:00:00Z",
            &instants
        ),
        ["2026-01-31..2026-02-03"]
    );
    assert_eq!(
        range("2025-02-01T00:00:00Z", "2026-01-02T05:00:00Z", &instants),
        [
            "2026-01-01..2026-01-02",
            "`2025-02-01T00:00:00Z` of TS comes before the first partition"
        ]
    );
    assert_eq!(
        range("2026-02-01", "2026-02-03", &DataType::Date),
        ["2026-02-01..2026-02-03"]
    );
    assert_eq!(
        range("2026-02-01", "2026-02-03", &DataType::String),
        ["all"]
    );
    assert_eq!(range("2026-02-05", "2026-02-03", &DataType::Date), ["all"]);
    assert_eq!(
        range("2020-01-01", "2020-02-01", &DataType::Date)[1..],
        ["`2020-02-01` of TS comes before the first partition"]
    );
    assert!(
        placing
            .place_range("ts", &ColumnRange::UNKNOWN, &instants)
            .partitions
            .is_everything()
    );
    assert!(
        placing
            .place_range("ts", &ColumnRange::EMPTY, &instants)
            .partitions
            .is_empty()
    );
    assert!(
        placing
            .place_range("other", &ColumnRange::EMPTY, &instants)
            .partitions
            .is_everything()
    );
}

/// A range by its bounds, as statistics tell them.
fn within(min: &str, max: &str) -> ColumnRange {
    let known = |value: &str| {
        Edge::Known(Bound {
            value: value.into(),
            is_exact: false,
        })
    };
    ColumnRange {
        min: known(min),
        max: known(max),
    }
}

#[test]
fn a_text_with_a_format_tells_a_range_as_long_as_its_letters_are_in_order() {
    let columns_of = |format: &str| {
        let columns = [("ds".to_owned(), format.to_owned())].into();
        check(PartitionsSpec::Daily(WindowsSpec {
            columns: Some(columns),
            start: "2026-01-01".to_owned(),
            ..WindowsSpec::default()
        }))
    };
    let range = |format: &str, min: &str, max: &str, kind: &DataType| {
        let days = columns_of(format);
        let placing = Placing::new(&days, &columns(&[]));
        told(&days, &placing.place_range("ds", &within(min, max), kind))
    };
    let text = DataType::String;
    for (format, min, max, expected) in [
        ("%Y%m%d", "20260203", "20260205", "2026-02-03..2026-02-05"),
        (
            "day=%Y-%m-%d",
            "day=2026-02-03",
            "day=2026-02-03",
            "2026-02-03",
        ),
        // Texts without leading zeros come in another order than time.
        ("%Y-%m-%d", "2026-10-01", "2026-9-01", "all"),
        ("%d.%m.%Y", "01.02.2026", "02.01.2026", "all"),
        ("%Y%m%d", "20260203", "nonsense", "all"),
        ("%Y%m%d", "2026020", "20260205", "all"),
    ] {
        assert_eq!(range(format, min, max, &text), [expected], "{format} {min}");
    }
    assert_eq!(
        range("%Y%m%d", "20260203", "20260205", &DataType::Long),
        ["all"]
    );
}

#[test]
fn what_no_column_of_files_tells_the_spread_of_a_commit_does() {
    let days = daily("2026-01-01", "UTC");
    let product = check(PartitionsSpec::Product(vec![
        days.clone(),
        keys("region", &["eu", "us"]),
    ]));
    let regions = columns(&[("region", "string")]);
    let placing = Placing::new(&product, &regions);
    let eu = Touched::These([tuple(&regions, &[Some("eu")])].into());
    let spread = |ranges: Option<Vec<ColumnRange>>| Spread {
        column: "TS".to_owned(),
        data_type: DataType::Timestamp,
        ranges,
    };
    let two = vec![
        within("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"),
        within("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
    ];
    let found = placing.touched_within(&eu, &[spread(Some(two.clone()))]);
    let expected = ["2026-02-01|eu..2026-02-02|eu", "2026-03-01|eu"];
    assert_eq!(told(&product, &found), expected);
    assert_eq!(
        placing.touched_within(&eu, &[spread(None)]),
        placing.touched(&eu)
    );
    assert_eq!(placing.touched_within(&eu, &[]), placing.touched(&eu));
    // Where columns of files tell, statistics are not asked.
    let days = check(days);
    let physical = columns(&[("ts", "date")]);
    let first = Touched::These([tuple(&physical, &[Some("2026-01-05")])].into());
    let placing = Placing::new(&days, &physical);
    let found = placing.touched_within(&first, &[spread(Some(two.clone()))]);
    assert_eq!(told(&days, &found), ["2026-01-05"]);
    let placing = Placing::new(&days, &columns(&[]));
    let unplaced = Touched::All(AllBecause::Unplaced);
    let found = placing.touched_within(&unplaced, &[spread(Some(two.clone()))]);
    assert!(!found.partitions.is_everything());
    let lost = Touched::All(AllBecause::Lost);
    let found = placing.touched_within(&lost, &[spread(Some(two))]);
    assert!(found.partitions.is_everything());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever rows a file has, the partitions that they lie in are among those that its statistics tell.
    #[test]
    fn no_row_of_a_file_is_placed_too_narrowly(
        zone in prop::sample::select(TZ_VARIANTS.to_vec()), first in 0..3_900_000_000_i64,
        rows in prop::collection::vec((0..200_000_i64, 0..1_000_000_u32), 1..5),
        kind in 0..3, spelled in 0..3,
    ) {
        let (start, name) = ("1970-01-01", zone.name());
        let partitions = check(match kind {
            0 => hourly(start, name),
            1 => daily(start, name),
            _ => monthly(start, name),
        });
        let Part::Windows(windows) = &partitions.parts()[0] else { panic!() };
        let instants = rows.iter().map(|(after, micros)| {
            DateTime::from_timestamp(first + after, micros * 1000).unwrap()
        });
        let instants: Vec<_> = instants.collect();
        prop_assume!(instants.iter().all(|at| windows.ordinal_at(*at) >= windows.first()));
        let clock = |at: &DateTime<Utc>| {
            zone.from_utc_datetime(&at.naive_utc()).naive_local()
        };
        let (data_type, texts): (_, Vec<String>) = match spelled {
            0 => (DataType::Timestamp, instants.iter()
                .map(|at| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).collect()),
            1 => (DataType::TimestampNtz, instants.iter()
                .map(|at| clock(at).format("%Y-%m-%d %H:%M:%S%.3f").to_string()).collect()),
            _ => (DataType::Date, instants.iter().map(|at| clock(at).date().to_string()).collect()),
        };
        // A date that the clock comes back to is that of its first midnight.
        let goes_back = |at: &DateTime<Utc>| (0..26 * 3600).step_by(1800).any(|before| {
            clock(&(*at - chrono::TimeDelta::seconds(before))).date() > clock(at).date()
        });
        prop_assume!(spelled != 2 || !instants.iter().any(goes_back));
        let range = within(texts.iter().min().unwrap(), texts.iter().max().unwrap());
        let placing = Placing::new(&partitions, &columns(&[]));
        let placed = placing.place_range("ts", &range, &data_type);
        for at in &instants {
            prop_assert!(
                placed.partitions.contains(Partition::single(windows.ordinal_at(*at))),
                "{} {:?} {:?}", zone, texts, told(&partitions, &placed),
            );
        }
    }

    /// Whatever a row's instant is, the partition it lies in is among those that its column tells.
    #[test]
    fn no_row_is_placed_too_narrowly(
        zone in prop::sample::select(TZ_VARIANTS.to_vec()), instant in 0..3_900_000_000_i64,
        kind in 0..4, spelled in 0..4,
    ) {
        let (start, name) = ("1970-01-01", zone.name());
        let partitions = check(match kind {
            0 => hourly(start, name),
            1 => daily(start, name),
            2 => monthly(start, name),
            _ => cron("30 2 * * *", start, name),
        });
        let at = DateTime::from_timestamp(instant, 0).unwrap();
        let Part::Windows(windows) = &partitions.parts()[0] else { panic!() };
        prop_assume!(windows.ordinal_at(at) >= windows.first());
        let clock = zone.from_utc_datetime(&at.naive_utc()).naive_local();
        let (data_type, value) = match spelled {
            0 => ("timestamp", at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            1 => ("timestamp_ntz", clock.format("%Y-%m-%d %H:%M:%S").to_string()),
            2 => ("string", clock.format("%Y-%m-%dT%H:%M:%S").to_string()),
            _ => ("date", clock.date().to_string()),
        };
        // A date that the clock comes back to is that of its first midnight.
        let goes_back = |zone: Tz| (0..26 * 3600).step_by(1800).any(|before| {
            let earlier = at - chrono::TimeDelta::seconds(before);
            zone.from_utc_datetime(&earlier.naive_utc()).naive_local().date() > clock.date()
        });
        prop_assume!(spelled != 3 || !goes_back(zone));
        let columns = columns(&[("ts", data_type)]);
        let placed = Placing::new(&partitions, &columns).place(&tuple(&columns, &[Some(&value)]));
        prop_assert!(
            placed.partitions.contains(Partition::single(windows.ordinal_at(at))),
            "{} {} {:?}", zone, value, told(&partitions, &placed),
        );
    }
}
