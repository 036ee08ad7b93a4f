//! Tests of definitions: what is refused, and which partitions exist.

use super::*;
use crate::delta::PartitionValue;
use proptest::prelude::*;

fn ranges(partitions: &Partitions, now: &str) -> Vec<String> {
    let ranges = partitions.key_ranges(&partitions.existing(at(now)));
    let written = ranges
        .iter()
        .map(|range| format!("{}..{} {}", range.from, range.to, range.count));
    written.collect()
}

#[test]
fn windows_exist_when_they_have_ended() {
    let days = check(daily("2026-01-01", "America/New_York"));
    assert_eq!(ranges(&days, "2026-01-01T23:00:00Z"), [""; 0]);
    assert_eq!(ranges(&days, "2026-01-02T04:59:59Z"), [""; 0]);
    assert_eq!(
        ranges(&days, "2026-01-02T05:00:00Z"),
        ["2026-01-01..2026-01-01 1"]
    );
    assert_eq!(
        ranges(&days, "2026-11-20T12:00:00Z"),
        ["2026-01-01..2026-11-19 323"]
    );
    assert_eq!(ranges(&days, "1980-01-01T00:00:00Z"), [""; 0]);
}

#[test]
fn windows_have_ended_by_an_instant_or_not() {
    let days = check(daily("2026-01-01", "Europe/Berlin"));
    let product = check(PartitionsSpec::Product(vec![
        keys("k", &["a", "b"]),
        daily("2026-01-01", "Europe/Berlin"),
    ]));
    for (instant, ended) in [
        ("2025-12-31T00:00:00Z", 0),
        ("2026-01-01T22:59:59Z", 0),
        ("2026-01-01T23:00:00Z", 1),
        ("2026-03-30T21:59:59Z", 88),
        ("2026-03-30T22:00:00Z", 89),
    ] {
        assert_eq!(days.ended_by(at(instant)).count(), Some(ended), "{instant}");
        let twice = product.ended_by(at(instant)).count();
        assert_eq!(twice, Some(2 * ended), "{instant}");
    }
    let keys = check(keys("k", &["a"]));
    assert!(keys.ended_by(at("2099-01-01T00:00:00Z")).is_empty());
}

#[test]
fn the_running_window_counts_where_it_is_asked_for() {
    let spec = WindowsSpec {
        include_running: Some(true),
        ..windows("2026-01-01", "UTC")
    };
    let days = check(PartitionsSpec::Daily(spec));
    assert_eq!(ranges(&days, "2025-12-31T23:59:59Z"), [""; 0]);
    assert_eq!(
        ranges(&days, "2026-01-01T00:00:00Z"),
        ["2026-01-01..2026-01-01 1"]
    );
}

#[test]
fn the_end_is_exclusive() {
    let until = |end: &str| WindowsSpec {
        end: Some(end.into()),
        ..windows("2026-01-01", "Europe/Berlin")
    };
    let days = check(PartitionsSpec::Daily(until("2026-01-04")));
    assert_eq!(
        ranges(&days, "2030-01-01T00:00:00Z"),
        ["2026-01-01..2026-01-03 3"]
    );
    // A window that the end cuts is none, as is one that the beginning cuts.
    let months = check(PartitionsSpec::Monthly(until("2026-03-15")));
    assert_eq!(
        ranges(&months, "2030-01-01T00:00:00Z"),
        ["2026-01..2026-02 2"]
    );
    let weeks = check(PartitionsSpec::Weekly(until("2026-02-01")));
    assert_eq!(
        ranges(&weeks, "2030-01-01T00:00:00Z"),
        ["2026-01-05..2026-01-19 3"]
    );
}

#[test]
fn a_product_has_all_combinations() {
    let product = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("region", &["eu", "us"]),
        dynamic("tenant"),
    ]));
    // As long as no tenant is known, there is no partition.
    assert!(product.existing(at("2026-01-03T00:00:00Z")).is_empty());
    let value = |text: &str| PartitionValue::from(Some(text.into()));
    let product = product.with_values("Tenant", ["a", "b", "a"].map(value));
    let existing = product.existing(at("2026-01-03T00:00:00Z"));
    assert_eq!(existing.count(), Some(8));
    assert_eq!(
        ranges(&product, "2026-01-03T00:00:00Z"),
        ["2026-01-01|eu|a..2026-01-02|us|b 8"]
    );
    assert_eq!(
        members(&product, &existing)[..3],
        ["2026-01-01|eu|a", "2026-01-01|eu|b", "2026-01-01|us|a"]
    );
}

#[test]
fn everything_that_is_wrong_is_told() {
    let spec = PartitionsSpec::Product(vec![
        PartitionsSpec::Daily(WindowsSpec {
            column: None,
            start: "soon".into(),
            timezone: Some("Europe/Berlim".into()),
            ..WindowsSpec::default()
        }),
        PartitionsSpec::Cron {
            schedule: "0 0 31 2 *".into(),
            windows: windows("1800-01-01", "UTC"),
        },
        keys("", &["a", "", "a"]),
    ]);
    let errors = Partitions::check(&spec).unwrap_err();
    let told: Vec<String> = errors
        .iter()
        .map(|error| {
            format!(
                "{} {}: {error}; {}",
                error.part.unwrap(),
                error.key,
                error.help()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    0 column: nothing says which column tells the partition of a row; add `column:`, or `columns:` with a format for each
    0 timezone: `Europe/Berlim` is not a time zone; did you mean `Europe/Berlin`?
    0 start: `soon` is not a date or time; write `2024-01-01`, or `2024-01-01T06:00:00`
    1 schedule: the schedule cannot be used: no day matches it; name a day that comes, such as `0 0 28 2 *`
    1 start: `1800-01-01` is not between the years 1900 and 2100; write a date between them; partitions that go on for ever have no `end`
    2 column: the name of the column is empty; write the name of a column of the table
    2 values: a value is empty; write `__null__` where null is meant
    2 values: the value `a` is listed twice; keep one of them
    ");
}

proptest! {
    #[test]
    fn any_text_is_checked_and_never_more(
        schedule in r"[0-9*/,\-LW#?+@ a-z]{0,24}|(([*0-9LW#/,?\-]{1,4}) ){4}[*0-9L#,+\-]{1,4}",
        start in r"[0-9T:+\-Z. ]{0,20}|\PC{0,12}", format in r"[%YmdHMx-]{0,8}|\PC{0,6}", zone in r"[A-Za-z/_]{0,12}|UTC",
    ) {
        let columns = [("c".to_owned(), format)].into();
        let windows = WindowsSpec { columns: Some(columns), start, timezone: Some(zone), ..WindowsSpec::default() };
        let first = Partitions::check(&PartitionsSpec::Cron { schedule: schedule.clone(), windows });
        let second = Partitions::check(&cron(&schedule, "2026-01-01", "Europe/Berlin"));
        for partitions in first.into_iter().chain(second) {
            prop_assert!(!partitions.defined().is_empty());
        }
    }
}

fn problem(spec: impl Borrow<PartitionsSpec>) -> String {
    let errors = Partitions::check(spec.borrow()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    format!("{}: {}", errors[0].key, errors[0])
}

#[test]
fn windows_that_cannot_be() {
    let with = |change: fn(&mut WindowsSpec)| {
        let mut spec = windows("2026-01-01", "UTC");
        change(&mut spec);
        problem(PartitionsSpec::Daily(spec))
    };
    assert_eq!(
        with(|spec| spec.end = Some("2026-01-01".into())),
        "end: `end` does not come after `start`"
    );
    assert_eq!(
        with(|spec| {
            spec.start = "2026-01-01T06:00".into();
            spec.end = Some("2026-01-02T18:00".into());
        }),
        "end: no daily window lies between `start` and `end`",
    );
    assert_eq!(
        with(|spec| spec.end = Some("9999-12-31".into())),
        "end: `9999-12-31` is not between the years 1900 and 2100"
    );
    let columns = |pairs: &[(&str, &str)]| {
        let columns = pairs
            .iter()
            .map(|(column, format)| ((*column).into(), (*format).into()));
        problem(PartitionsSpec::Daily(WindowsSpec {
            column: None,
            columns: Some(columns.collect()),
            ..windows("2026-01-01", "UTC")
        }))
    };
    assert_eq!(
        columns(&[("y", "%Y"), ("d", "%d")]),
        "columns: `columns` tells `%d` without `%m`"
    );
    assert_eq!(
        columns(&[("y", "%Y"), ("x", "%Y")]),
        "columns: `%Y` stands twice in the formats of `columns`"
    );
    assert_eq!(
        columns(&[("y", "%q")]),
        "columns: `%q` is not a format: `%q` is not one of `%Y`, `%m`, `%d`, `%H`, `%M`"
    );
    assert_eq!(columns(&[]), "columns: `columns` tells `%Y` without `%Y`");
}

#[test]
fn products_that_cannot_be() {
    let one = PartitionsSpec::Product(vec![dynamic("a")]);
    assert_eq!(
        problem(one.clone()),
        "product: a product has two or three parts, and this one has 1"
    );
    assert_eq!(
        problem(PartitionsSpec::Product(vec![dynamic("a"), one])),
        "product: a part of a product is a product itself"
    );
    assert_eq!(
        problem(PartitionsSpec::Product(vec![
            dynamic("a"),
            keys("A", &["x"])
        ])),
        "column: two parts are told by the column `A`"
    );
}

#[test]
fn stored_sets_are_known_by_the_meaning_of_their_ordinals() {
    let days = check(daily("2026-01-01", "Europe/Berlin"));
    let later = check(daily("2026-06-01", "Europe/Berlin"));
    assert_eq!(days.ordinals_id(), later.ordinals_id());
    assert_ne!(
        days.ordinals_id(),
        check(daily("2026-01-01", "UTC")).ordinals_id()
    );
    let set = days.existing(at("2026-07-01T00:00:00Z"));
    assert!(days.holds(&set) && !later.holds(&set));
    assert!(!check(keys("k", &["a"])).holds(&set));
    let product = check(PartitionsSpec::Product(vec![
        keys("k", &["a", "b"]),
        daily("2026-01-01", "Europe/Berlin"),
    ]));
    let smaller = check(PartitionsSpec::Product(vec![
        keys("k", &["a"]),
        daily("2026-01-01", "Europe/Berlin"),
    ]));
    let set = product.existing(at("2026-07-01T00:00:00Z"));
    assert!(product.holds(&set) && !smaller.holds(&set) && !days.holds(&set));
    assert!(product.holds(&PartitionSet::EVERYTHING));
}
