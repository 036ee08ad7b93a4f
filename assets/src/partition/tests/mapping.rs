//! Tests of mappings: both directions against the relation read off the windows, one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::*;
use crate::delta::PartitionValue;

const NOW: &str = "2026-06-01T12:00:00Z";

fn overlap(start_offset: i64, end_offset: i64) -> MappingSpec {
    MappingSpec::Overlap {
        start_offset,
        end_offset,
    }
}

fn mapping(spec: Option<&MappingSpec>, down: &Partitions, up: &Partitions) -> Mapping {
    Mapping::new(spec, Some(down), Some(up)).unwrap()
}

fn refused(spec: Option<&MappingSpec>, down: &Partitions, up: &Partitions) -> String {
    let error = Mapping::new(spec, Some(down), Some(up)).unwrap_err();
    format!("{error}; {}", error.help())
}

/// The ranges that a key needs, with those that never exist in brackets.
fn needs(spec: Option<&MappingSpec>, down: &Partitions, up: &Partitions, key: &str) -> Vec<String> {
    let needs = mapping(spec, down, up).needs(&set(down, &[key]), at(NOW));
    let written = |set: &PartitionSet| {
        let ranges = up.key_ranges(set).into_iter();
        ranges
            .map(|range| format!("{}..{} {}", range.from, range.to, range.count))
            .collect::<Vec<_>>()
    };
    let nonexistent = written(&needs.nonexistent)
        .into_iter()
        .map(|range| format!("[{range}]"));
    let missing = needs
        .missing_values
        .iter()
        .map(|value| format!("[{value}]"));
    written(&needs.partitions)
        .into_iter()
        .chain(nonexistent)
        .chain(missing)
        .collect()
}

fn feeds(spec: Option<&MappingSpec>, down: &Partitions, up: &Partitions, key: &str) -> Vec<String> {
    let fed = mapping(spec, down, up).feeds(&set(up, &[key]), at(NOW));
    let ranges = down.key_ranges(&fed).into_iter();
    ranges
        .map(|range| format!("{}..{} {}", range.from, range.to, range.count))
        .collect()
}

#[test]
fn a_day_needs_its_hours() {
    let hours = check(hourly("2026-01-01", "Europe/Berlin"));
    let days = check(daily("2026-01-01", "Europe/Berlin"));
    assert_eq!(
        needs(None, &days, &hours, "2026-03-29"),
        ["2026-03-29T00:00..2026-03-29T23:00 23"]
    );
    assert_eq!(
        needs(None, &days, &hours, "2026-10-25"),
        ["2026-10-25T00:00..2026-10-25T23:00 25"]
    );
    assert_eq!(
        feeds(None, &days, &hours, "2026-10-25T02:00+01:00"),
        ["2026-10-25..2026-10-25 1"]
    );
    // An hour needs the day it lies in.
    assert_eq!(
        needs(None, &hours, &days, "2026-10-25T02:00"),
        ["2026-10-25..2026-10-25 1"]
    );
    assert_eq!(
        feeds(None, &hours, &days, "2026-03-29"),
        ["2026-03-29T00:00..2026-03-29T23:00 23"]
    );
}

#[test]
fn zones_meet_by_instants() {
    let tokyo = check(daily("2026-01-01", "Asia/Tokyo"));
    let new_york = check(daily("2026-01-01", "America/New_York"));
    assert_eq!(
        needs(None, &new_york, &tokyo, "2026-03-10"),
        ["2026-03-10..2026-03-11 2"]
    );
    assert_eq!(
        feeds(None, &new_york, &tokyo, "2026-03-11"),
        ["2026-03-10..2026-03-11 2"]
    );
    let told = refused(Some(&MappingSpec::Same), &new_york, &tokyo);
    assert_eq!(
        told,
        "`same` needs the same partitions on both sides: `daily` in America/New_York is not `daily` in Asia/Tokyo; write `overlap` for windows of time, or `all`; or give both sides the same zone"
    );
    // The same zone by another name.
    let eastern = check(daily("2026-01-01", "US/Eastern"));
    assert_eq!(
        needs(Some(&MappingSpec::Same), &new_york, &eastern, "2026-03-10"),
        ["2026-03-10..2026-03-10 1"]
    );
}

#[test]
fn weeks_and_months_straddle() {
    let weeks = check(weekly("2026-01-01", "UTC"));
    let months = check(monthly("2026-01-01", "UTC"));
    assert_eq!(
        needs(None, &months, &weeks, "2026-03"),
        ["2026-02-23..2026-03-30 6"]
    );
    assert_eq!(
        needs(None, &weeks, &months, "2026-03-30"),
        ["2026-03..2026-04 2"]
    );
}

#[test]
fn offsets_are_steps_of_the_downstream() {
    let days = check(daily("2026-01-01", "UTC"));
    let hours = check(hourly("2026-01-01", "UTC"));
    let week = overlap(-6, 0);
    assert_eq!(
        needs(Some(&week), &days, &days, "2026-02-10"),
        ["2026-02-04..2026-02-10 7"]
    );
    assert_eq!(
        feeds(Some(&week), &days, &days, "2026-02-10"),
        ["2026-02-10..2026-02-16 7"]
    );
    assert_eq!(
        needs(Some(&overlap(-1, -1)), &days, &hours, "2026-02-10"),
        ["2026-02-09T00:00..2026-02-09T23:00 24"]
    );
    // What lies before the beginning of the upstream is told apart.
    assert_eq!(
        needs(Some(&week), &days, &days, "2026-01-02"),
        ["2026-01-01..2026-01-02 2", "[2025-12-27..2025-12-31 5]"]
    );
    assert_eq!(
        refused(Some(&overlap(1, 0)), &days, &days)
            .split(';')
            .next(),
        Some("windows cannot be moved from 1 to 0 steps")
    );
    assert!(
        refused(Some(&overlap(i64::MIN, i64::MAX)), &days, &days).starts_with("windows cannot")
    );
}

#[test]
fn what_comes_after_the_end_never_exists() {
    let until = WindowsSpec {
        end: Some("2026-02-01".into()),
        ..windows("2026-01-01", "UTC")
    };
    let up = check(PartitionsSpec::Daily(until));
    let down = check(monthly("2025-12-01", "UTC"));
    assert_eq!(
        needs(None, &down, &up, "2026-02"),
        ["[2026-02-01..2026-02-28 28]"]
    );
    // What is only still to come is needed like any other.
    let open = check(daily("2026-01-01", "UTC"));
    assert_eq!(
        needs(None, &down, &open, "2030-02"),
        ["2030-02-01..2030-02-28 28"]
    );
}

#[test]
fn latest_is_the_last_that_exists() {
    let days = check(daily("2026-01-01", "UTC"));
    let regions = check(keys("region", &["eu", "us"]));
    let latest = MappingSpec::Latest;
    assert_eq!(
        needs(Some(&latest), &regions, &days, "eu"),
        ["2026-05-31..2026-05-31 1"]
    );
    assert_eq!(
        feeds(Some(&latest), &regions, &days, "2026-05-31"),
        ["eu..us 2"]
    );
    assert_eq!(feeds(Some(&latest), &regions, &days, "2026-05-30"), [""; 0]);
    assert_eq!(
        refused(None, &regions, &days),
        "how the partitions of both sides belong together is not clear; add `mapping:` with one of `latest`, `all`"
    );
    let whole = Mapping::new(Some(&latest), None, Some(&days)).unwrap();
    assert_eq!(
        whole.needs(&PartitionSet::EVERYTHING, at(NOW)).partitions,
        set(&days, &["2026-05-31"])
    );
    assert!(
        whole
            .feeds(&set(&days, &["2026-05-31"]), at(NOW))
            .is_everything()
    );
    assert!(
        whole
            .feeds(&set(&days, &["2026-05-30"]), at(NOW))
            .is_empty()
    );
    assert!(
        refused(Some(&latest), &days, &regions)
            .starts_with("`latest` needs one part with windows of time")
    );
}

#[test]
fn an_asset_without_partitions_is_one_whole() {
    let days = check(daily("2026-01-01", "UTC"));
    let some = set(&days, &["2026-02-01"]);
    let (all, none) = (PartitionSet::EVERYTHING, PartitionSet::NOTHING);
    for (down, up) in [(Some(&days), None), (None, Some(&days)), (None, None)] {
        let mapping = Mapping::new(None, down, up).unwrap();
        let (own, other) = (
            if down.is_some() { &some } else { &all },
            if up.is_some() { &some } else { &all },
        );
        assert_eq!(mapping.needs(own, at(NOW)).partitions, all);
        assert_eq!(mapping.needs(&none, at(NOW)).partitions, none);
        assert_eq!(mapping.feeds(other, at(NOW)), all);
        assert_eq!(mapping.feeds(&none, at(NOW)), none);
    }
    let error = Mapping::new(Some(&MappingSpec::Same), Some(&days), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`same` needs partitions, and the upstream has none"
    );
}

#[test]
fn a_table_of_keys() {
    let down = check(keys("region", &["emea", "apac", "rest"]));
    let up = check(keys("country", &["eu", "uk", "jp"]));
    let table = |pairs: &[(&str, &[&str])]| {
        let rows = pairs.iter().map(|(key, needed)| {
            (
                (*key).to_owned(),
                needed.iter().map(|&key| key.to_owned()).collect(),
            )
        });
        MappingSpec::Keys(rows.collect::<BTreeMap<String, Vec<String>>>())
    };
    let spec = table(&[("emea", &["eu", "uk"]), ("apac", &["jp", "uk"])]);
    assert_eq!(needs(Some(&spec), &down, &up, "emea"), ["eu..uk 2"]);
    assert_eq!(needs(Some(&spec), &down, &up, "rest"), [""; 0]);
    assert_eq!(feeds(Some(&spec), &down, &up, "uk"), ["emea..apac 2"]);
    assert_eq!(
        refused(Some(&table(&[("emae", &[])])), &down, &up),
        "the table of keys names a partition that the asset does not have: no partition has the value `emae` in `region`: did you mean `emea`?; write keys as `headwater partitions` shows them"
    );
    // What a table will have is not known when declarations are read.
    assert!(
        Mapping::new(
            Some(&table(&[("x", &["eu"])])),
            Some(&check(dynamic("tenant"))),
            Some(&up)
        )
        .is_ok()
    );
    assert_eq!(
        refused(None, &down, &up),
        "how the partitions of both sides belong together is not clear; add `mapping:` with one of `same`, `{ keys: … }`, `all`"
    );
}

#[test]
fn values_are_the_same_whatever_their_places() {
    let down = check(keys("region", &["eu", "us", "mars"]));
    let up = check(keys("Region", &["us", "eu", "asia"]));
    assert_eq!(needs(None, &down, &up, "eu"), ["eu..eu 1"]);
    assert_eq!(needs(None, &down, &up, "mars"), ["[mars]"]);
    assert_eq!(feeds(None, &down, &up, "asia"), [""; 0]);
    let tenants = |names: &[&str]| {
        let values = names
            .iter()
            .map(|name| PartitionValue::from(Some((*name).into())));
        check(dynamic("tenant")).with_values("tenant", values)
    };
    let (down, up) = (tenants(&["a", "b"]), tenants(&["c", "b"]));
    assert_eq!(feeds(None, &down, &up, "b"), ["b..b 1"]);
    let mapping = mapping(None, &down, &up);
    let [followed] = mapping.followed().try_into().unwrap();
    assert_eq!(followed.column, "tenant");
    assert_eq!(followed.new, [PartitionValue::from(Some("c".into()))]);
    assert_eq!(followed.there.count(), Some(1), "b");
}

#[test]
fn products_are_linked_part_by_part() {
    let down = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("region", &["eu", "us"]),
    ]));
    let up = check(PartitionsSpec::Product(vec![
        keys("region", &["us", "eu"]),
        hourly("2026-01-01", "UTC"),
    ]));
    assert_eq!(
        needs(None, &down, &up, "2026-02-01|eu"),
        ["eu|2026-02-01T00:00..eu|2026-02-01T23:00 24"]
    );
    assert_eq!(
        feeds(None, &down, &up, "us|2026-02-01T05:00"),
        ["2026-02-01|us..2026-02-01|us 1"]
    );
    // One that stands alone is linked to its part, and the others are whole.
    let hours = check(hourly("2026-01-01", "UTC"));
    assert_eq!(
        feeds(None, &down, &hours, "2026-02-01T05:00"),
        ["2026-02-01|eu..2026-02-01|us 2"]
    );
    assert_eq!(
        needs(None, &check(keys("region", &["eu"])), &down, "eu")[0]
            .split("..")
            .next(),
        Some("2026-01-01|eu")
    );
    let region = MappingSpec::Dimension("region".into());
    let of_region =
        mapping(Some(&region), &down, &up).needs(&set(&down, &["2026-02-01|eu"]), at(NOW));
    let existing = of_region.partitions.intersection(&up.existing(at(NOW)));
    assert_eq!(existing.count(), Some(151 * 24 + 12));
    let other = MappingSpec::Dimension("country".into());
    assert_eq!(
        refused(Some(&other), &down, &up),
        "the asset has no part `country`; write one of `ts`, `region`"
    );
}

#[test]
fn parts_of_which_everything_is_meant() {
    let value = |name: &str| PartitionValue::from(Some(name.into()));
    let product = check(PartitionsSpec::Product(vec![
        dynamic("tenant"),
        daily("2026-01-01", "UTC"),
    ]));
    let product = product.with_values("tenant", ["a", "b"].map(value));
    let days = check(daily("2026-01-01", "UTC"));
    // A day of which the tenants are not told.
    let fed = mapping(None, &product, &days).feeds(&set(&days, &["2026-02-01"]), at(NOW));
    assert_eq!(
        (fed.count(), fed.iter().count(), fed.ranges().count()),
        (None, 0, 0)
    );
    assert!(product.holds(&fed));
    let existing = product.existing(at(NOW));
    let known = ["a|2026-02-01", "b|2026-02-01"];
    assert_eq!(members(&product, &fed.intersection(&existing)), known);
    // And on, to a product whose tenants are others, and back to days.
    let others = product.with_values("tenant", ["b", "c"].map(value));
    let further = mapping(None, &others, &product).feeds(&fed, at(NOW));
    assert_eq!(
        members(&others, &further.intersection(&others.existing(at(NOW)))),
        ["b|2026-02-01", "c|2026-02-01"]
    );
    let back = mapping(None, &days, &product).feeds(&fed, at(NOW));
    assert_eq!(back, set(&days, &["2026-02-01"]));
    // Less one of them.
    let rest = fed.difference(&set(&product, &["a|2026-02-01"]));
    assert_eq!((rest.count(), rest.iter().count()), (None, 0));
    assert_eq!(members(&product, &rest.intersection(&existing)), known[1..]);
    assert_eq!(mapping(None, &days, &product).feeds(&rest, at(NOW)), back);
    assert_eq!(PartitionSet::from_bytes(&rest.to_bytes()), Ok(rest));
}

#[test]
fn what_is_not_clear_is_refused_with_its_choices() {
    let down = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("region", &["eu", "us"]),
    ]));
    let up = check(PartitionsSpec::Product(vec![
        daily("2026-01-01", "UTC"),
        keys("tier", &["gold"]),
    ]));
    assert_eq!(
        refused(None, &down, &up),
        "how the partitions of both sides belong together is not clear; add `mapping:` with one of `{ dimension: ts }`, `overlap`, `latest`, `all`"
    );
    let windows = |column: &str| {
        PartitionsSpec::Daily(WindowsSpec {
            column: Some(column.into()),
            ..windows("2026-01-01", "UTC")
        })
    };
    let twice = check(PartitionsSpec::Product(vec![
        windows("ordered"),
        windows("shipped"),
    ]));
    assert_eq!(
        refused(None, &twice, &check(daily("2026-01-01", "UTC"))),
        "how the partitions of both sides belong together is not clear; add `mapping:` with one of `{ dimension: ordered }`, `{ dimension: shipped }`, `latest`, `all`"
    );
    // Windows can only need all of a list.
    let mapping = Mapping::new(
        None,
        Some(&check(daily("2026-01-01", "UTC"))),
        Some(&check(keys("k", &["a"]))),
    );
    assert_eq!(
        mapping,
        Mapping::new(
            Some(&MappingSpec::All),
            Some(&check(daily("2026-01-01", "UTC"))),
            Some(&check(keys("k", &["a"])))
        )
    );
}

/// Definitions of about two weeks around a change of the clock, in any zone.
fn some_windows(day: i64) -> impl Strategy<Value = PartitionsSpec> {
    let date = |days: i64| {
        (DateTime::from_timestamp(days * 86_400, 0).unwrap())
            .format("%Y-%m-%d")
            .to_string()
    };
    (
        prop::sample::select(TZ_VARIANTS.to_vec()),
        0..7,
        0..4_i64,
        1..12_i64,
    )
        .prop_map(move |(zone, kind, from, length)| {
            let spec = |before: i64, length: i64| WindowsSpec {
                column: Some("ts".into()),
                start: date(day - before),
                end: Some(date(day - before + length)),
                timezone: Some(zone.name().into()),
                ..WindowsSpec::default()
            };
            match kind {
                0 => PartitionsSpec::Hourly(spec(from, 1 + length / 3)),
                1 | 2 => PartitionsSpec::Daily(spec(from + 2, 3 + length)),
                3 => PartitionsSpec::Weekly(spec(20 + from, 40)),
                4 => PartitionsSpec::Monthly(spec(70 + from, 150)),
                5 => PartitionsSpec::Cron {
                    schedule: "0 6 * * 1-5".into(),
                    windows: spec(from + 4, 8 + length),
                },
                _ => PartitionsSpec::Cron {
                    schedule: "30 */5 * * *".into(),
                    windows: spec(from, 3 + length),
                },
            }
        })
}

/// The partitions that one needs, read off the windows.
fn needed_by(
    partition: Partition,
    down: &Partitions,
    up: &Partitions,
    offsets: (i32, i32),
) -> BTreeSet<Partition> {
    let ordinal = partition.ordinals()[0];
    let window = |by: i32| down.window(Partition::single(ordinal + by)).unwrap();
    let (start, end) = (window(offsets.0).start, window(offsets.1).end);
    let all = up.defined();
    let overlaps = |other: &Partition| {
        let other = up.window(*other).unwrap();
        other.start < end && start < other.end
    };
    all.iter().filter(overlaps).collect()
}

fn two_windows() -> impl Strategy<Value = (PartitionsSpec, PartitionsSpec)> {
    // 2026-03-29, 2026-10-25, 2011-12-30 and other days on which clocks changed, and any day.
    let day = prop_oneof![
        prop::sample::select(vec![20_541_i64, 20_751, 15_338, 20_364, 17_838, 8_997]),
        1_000..40_000_i64,
    ];
    day.prop_flat_map(|day| (some_windows(day), some_windows(day)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is fed is what needs: both directions are one relation, that of the windows.
    #[test]
    fn both_directions_are_the_relation_of_the_windows(
        (down, up) in two_windows(), a in -3..3_i32, b in 0..3_i32,
        chosen in prop::collection::vec(any::<bool>(), 24),
    ) {
        let (Ok(down), Ok(up)) = (Partitions::check(&down), Partitions::check(&up)) else { return Ok(()) };
        let spec = overlap(a.into(), (a + b).into());
        let mapping = mapping(Some(&spec), &down, &up);
        let now = at(NOW);
        let mut relation = BTreeSet::new();
        for partition in &down.defined() {
            let needed = needed_by(partition, &down, &up, (a, a + b));
            let found = mapping.needs(&down.set_of(partition), now);
            prop_assert_eq!(found.partitions.iter().collect::<BTreeSet<_>>(), needed.clone());
            prop_assert!(!found.nonexistent.meets(&up.defined()));
            relation.extend(needed.into_iter().map(|other| (partition, other)));
        }
        for other in &up.defined() {
            let fed: BTreeSet<Partition> = relation.iter().filter(|(_, needed)| *needed == other).map(|(own, _)| *own).collect();
            prop_assert_eq!(mapping.feeds(&up.set_of(other), now).iter().collect::<BTreeSet<_>>(), fed);
        }
        // Sets at once, by ranges, are the union of their members.
        let pick = |partitions: &Partitions| {
            let members: Vec<Partition> = partitions.defined().iter().zip(chosen.iter().cycle()).filter(|(_, keep)| **keep).map(|(one, _)| one).collect();
            (PartitionSet::union_of(members.iter().map(|one| partitions.set_of(*one))), members)
        };
        let (set, members) = pick(&down);
        let each = members.iter().map(|one| mapping.needs(&down.set_of(*one), now));
        let (needed, nonexistent): (Vec<_>, Vec<_>) = each.map(|needs| (needs.partitions, needs.nonexistent)).unzip();
        let needs = mapping.needs(&set, now);
        prop_assert_eq!(needs.partitions, PartitionSet::union_of(needed));
        prop_assert_eq!(needs.nonexistent, PartitionSet::union_of(nonexistent));
        let (set, members) = pick(&up);
        let fed = members.iter().map(|one| mapping.feeds(&up.set_of(*one), now));
        prop_assert_eq!(mapping.feeds(&set, now), PartitionSet::union_of(fed));
    }

    /// The same, for products, whose parts may be linked or not.
    #[test]
    fn products_are_the_relation_of_their_parts(
        (down_time, up_time) in two_windows(), kind in 0..3,
        down_values in prop::sample::subsequence(vec!["a", "b", "c"], 1..3),
        up_values in prop::sample::subsequence(vec!["c", "b", "a"], 1..3),
        picked in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let product = |parts: Vec<PartitionsSpec>| Partitions::check(&PartitionsSpec::Product(parts));
        let (Ok(down), Ok(up)) = (
            product(vec![down_time, keys("k", &down_values)]), product(vec![keys("k", &up_values), up_time]),
        ) else { return Ok(()) };
        let spec = match kind {
            0 => None,
            1 => Some(MappingSpec::Dimension("ts".into())),
            _ => Some(MappingSpec::Dimension("k".into())),
        };
        let mapping = mapping(spec.as_ref(), &down, &up);
        let related = |own: &Partition, other: &Partition| {
            let (a, b) = (down.window(*own).unwrap(), up.window(*other).unwrap());
            let value = |partitions: &Partitions, partition: &Partition| {
                let key = partitions.key(*partition).unwrap();
                key.split('|').find(|part| part.len() == 1).unwrap().to_owned()
            };
            (kind == 2 || (a.start < b.end && b.start < a.end))
                && (kind == 1 || value(&down, own) == value(&up, other))
        };
        let now = at(NOW);
        let pick = |partitions: &Partitions| -> Vec<Partition> {
            let all: Vec<Partition> = partitions.defined().iter().collect();
            picked.iter().map(|index| *index.get(&all)).collect()
        };
        let own = pick(&down);
        let set = PartitionSet::union_of(own.iter().map(|one| down.set_of(*one)));
        let needed: BTreeSet<Partition> = up.defined().iter().filter(|other| own.iter().any(|own| related(own, other))).collect();
        prop_assert_eq!(mapping.needs(&set, now).partitions.iter().collect::<BTreeSet<_>>(), needed);
        let others = pick(&up);
        let set = PartitionSet::union_of(others.iter().map(|one| up.set_of(*one)));
        let fed: BTreeSet<Partition> = down.defined().iter().filter(|own| others.iter().any(|other| related(own, other))).collect();
        prop_assert_eq!(mapping.feeds(&set, now).iter().collect::<BTreeSet<_>>(), fed);
    }
}
