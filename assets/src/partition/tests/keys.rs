//! Tests of keys: written, read back, and refused with what to write instead.

use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::*;
use crate::delta::PartitionValue;

fn key_at(partitions: &Partitions, instant: &str) -> String {
    let Part::Windows(windows) = &partitions.parts()[0] else {
        panic!("no windows");
    };
    let ordinal = windows.ordinal_at(at(instant));
    partitions.key(Partition::single(ordinal)).unwrap()
}

fn refused(partitions: &Partitions, text: &str) -> String {
    partitions.parse_key(text).unwrap_err().to_string()
}

#[test]
fn windows_are_named_by_the_clock() {
    let berlin = "Europe/Berlin";
    let hours = check(hourly("2026-01-01", berlin));
    assert_eq!(key_at(&hours, "2026-11-20T12:34:56Z"), "2026-11-20T13:00");
    assert_eq!(key_at(&hours, "2026-10-25T00:30:00Z"), "2026-10-25T02:00");
    assert_eq!(
        key_at(&hours, "2026-10-25T01:30:00Z"),
        "2026-10-25T02:00+01:00"
    );
    assert_eq!(
        key_at(&check(daily("2026-01-01", berlin)), "2026-11-20T23:30:00Z"),
        "2026-11-21"
    );
    assert_eq!(
        key_at(&check(weekly("2026-01-01", berlin)), "2026-11-20T12:00:00Z"),
        "2026-11-16"
    );
    assert_eq!(
        key_at(
            &check(monthly("2026-01-01", berlin)),
            "2026-10-31T23:00:00Z"
        ),
        "2026-11"
    );
    let cron = check(cron("0 6 * * 1-5", "2024-01-01T06:00:00", berlin));
    assert_eq!(key_at(&cron, "2026-11-22T12:00:00Z"), "2026-11-20T06:00");
    // Monrovia went by local mean time until 1972.
    assert_eq!(
        key_at(
            &check(hourly("1970-01-01", "Africa/Monrovia")),
            "1972-01-07T00:44:30Z"
        ),
        "1972-01-07T00:44:30"
    );
}

#[test]
fn other_keys_are_refused_with_what_to_write() {
    let spec = WindowsSpec {
        end: Some("2026-12-31".into()),
        ..windows("2026-01-01", "Europe/Berlin")
    };
    let days = check(PartitionsSpec::Daily(spec));
    let hours = check(hourly("2026-01-01", "Europe/Berlin"));
    let apia = check(daily("2011-01-01", "Pacific/Apia"));
    let regions = check(keys("region", &["emea", "apac", "__null__"]));
    let both = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("region", &["eu"]),
    ]));
    let told = [
        refused(&days, "20.11.2026"),
        refused(&days, "2026-11-20T00:00"),
        refused(&days, "2025-12-31"),
        refused(&days, "2026-12-31"),
        refused(&days, "2226-12-31"),
        refused(&hours, "2026-11-20"),
        refused(&hours, "2026-11-20T13:30"),
        refused(&hours, "2026-03-29T02:00"),
        refused(&hours, "2026-10-25T03:00+02:00"),
        refused(&apia, "2011-12-30"),
        refused(&check(weekly("2026-01-01", "UTC")), "2026-11-20"),
        refused(&check(monthly("2026-01-01", "UTC")), "2026-11-20"),
        refused(&regions, "emae"),
        refused(&both, "2026-11-20"),
        refused(&both, "2026-11-20|us"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    `20.11.2026` is not a key of daily partitions: write it as in `2026-01-01`
    `2026-11-20T00:00` is not a key of daily partitions: write it as in `2026-01-01`
    `2025-12-31` comes before the first partition, `2026-01-01`
    `2026-12-31` comes after the last partition, `2026-12-30`
    `2226-12-31` is not between the years 1900 and 2100
    `2026-11-20` is not a key of hourly partitions: write it as in `2026-01-01T00:00`
    no hourly partition begins at `2026-11-20T13:30`: the one that it lies in is `2026-11-20T13:00`
    the clock of Europe/Berlin never showed `2026-03-29T02:00`: what comes then is `2026-03-29T03:00`
    the clock of Europe/Berlin has another offset than `2026-10-25T03:00+02:00`: that instant lies in `2026-10-25T02:00+01:00`
    the clock of Pacific/Apia never showed `2011-12-30`: what comes then is `2011-12-31`
    no weekly partition begins at `2026-11-20`: the one that it lies in is `2026-11-16`
    `2026-11-20` is not a key of monthly partitions: write it as in `2026-01`
    no partition has the value `emae` in `region`: did you mean `emea`?
    `2026-11-20` has 1 of the 2 parts of a partition: write them with `|` between, and `\|` for a bar in a value
    no partition has the value `us` in `region`
    ");
}

#[test]
fn offsets_may_be_written_where_they_are_not_needed() {
    let hours = check(hourly("2026-01-01", "Europe/Berlin"));
    for text in [
        "2026-10-25T02:00",
        "2026-10-25T02:00+02:00",
        "2026-10-25 02:00:00",
    ] {
        let partition = hours.parse_key(text).unwrap();
        assert_eq!(hours.key(partition).unwrap(), "2026-10-25T02:00");
    }
    let partition = hours.parse_key("2026-10-25T02:00+01:00").unwrap();
    assert_eq!(
        hours.window(partition).unwrap().start,
        at("2026-10-25T01:00:00Z")
    );
}

#[test]
fn values_with_bars_and_backslashes() {
    let odd = ["a|b", r"\x", "__null__", r"a\|b", "|", r"\__null__"];
    let mut values: Vec<PartitionValue> = odd
        .iter()
        .map(|text| PartitionValue::from(Some((*text).into())))
        .collect();
    values.push(PartitionValue::NULL);
    let single = check(dynamic("v")).with_values("v", values.clone());
    let product = check(PartitionsSpec::Product(vec![
        dynamic("v"),
        keys("k", &["x|y"]),
    ]));
    let product = product.with_values("v", values);
    let keys_of = |partitions: &Partitions| members(partitions, &partitions.defined());
    assert_eq!(
        keys_of(&single),
        [
            "a|b",
            r"\\x",
            r"\__null__",
            r"a\|b",
            "|",
            r"\\__null__",
            "__null__"
        ]
    );
    assert_eq!(
        keys_of(&product),
        [
            r"a\|b|x\|y",
            r"\\x|x\|y",
            r"\__null__|x\|y",
            r"a\\\|b|x\|y",
            r"\||x\|y",
            r"\\__null__|x\|y",
            r"__null__|x\|y"
        ]
    );
    for partitions in [single, product] {
        for partition in &partitions.defined() {
            let key = partitions.key(partition).unwrap();
            assert_eq!(partitions.parse_key(&key), Ok(partition), "{key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn keys_of_windows_round_trip(
        zone in prop::sample::select(TZ_VARIANTS.to_vec()),
        instant in -2_200_000_000..3_900_000_000_i64, kind in 0..6,
    ) {
        let (start, zone) = ("1900-01-01", zone.name());
        let partitions = check(match kind {
            0 => hourly(start, zone),
            1 => daily(start, zone),
            2 => weekly(start, zone),
            3 => monthly(start, zone),
            4 => cron("*/30 * * * *", start, zone),
            _ => cron("15 0 * * 1-5", start, zone),
        });
        let Part::Windows(windows) = &partitions.parts()[0] else { panic!() };
        let middle = windows.ordinal_at(DateTime::from_timestamp(instant, 0).unwrap());
        // Neighbours have other keys, around the changes of clocks above all.
        let first = windows.first();
        let mut seen = std::collections::BTreeSet::new();
        for ordinal in (middle - 60).max(first)..middle + 60 {
            let partition = Partition::single(ordinal);
            let key = partitions.key(partition).unwrap();
            prop_assert_eq!(partitions.parse_key(&key), Ok(partition), "{} {}", zone, key);
            prop_assert!(seen.insert(key));
        }
    }

    #[test]
    fn keys_of_values_round_trip(texts in prop::collection::vec(r"[a|\\_nul]{1,9}|__null__", 1..8)) {
        let values: Vec<_> = texts.iter().map(|text| PartitionValue::from(Some(text.as_str().into()))).collect();
        let product = check(PartitionsSpec::Product(vec![dynamic("a"), dynamic("b")]));
        let product = product.with_values("a", values.clone()).with_values("b", values);
        let mut seen = std::collections::BTreeSet::new();
        for partition in &product.defined() {
            let key = product.key(partition).unwrap();
            prop_assert_eq!(product.parse_key(&key), Ok(partition));
            prop_assert!(seen.insert(key));
        }
    }

    #[test]
    fn any_text_is_a_key_or_refused(text in r"[0-9T:+\-| ]{0,20}|\PC{0,20}") {
        let hours = check(hourly("2026-01-01", "Europe/Berlin"));
        let days = check(daily("2026-01-01", "Africa/Cairo"));
        for partitions in [hours, days] {
            if let Ok(partition) = partitions.parse_key(&text) {
                prop_assert!(partitions.key(partition).is_some());
            }
        }
    }
}
