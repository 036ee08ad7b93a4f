//! Sets of partitions and mappings, at the sizes that projects have: 9,480 hourly partitions are 13
//! months, 730 daily ones two years.
//!
//! `max alloc` in the output is what an operation needs. Run with `cargo bench --bench partitions`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]

use assets::delta::touched::Touched;
use assets::delta::{PartitionColumns, PartitionTuple, PartitionValue, Schema};
use assets::partition::{
    Mapping, Partition, PartitionSet, Partitions, PartitionsSpec, Placing, WindowsSpec,
};
use chrono::{DateTime, Utc};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The zone of all definitions here: one whose clock changes.
const ZONE: &str = "Europe/Berlin";

fn main() {
    divan::main();
}

fn windows(start: &str) -> WindowsSpec {
    WindowsSpec {
        column: Some("ts".into()),
        start: start.into(),
        timezone: Some(ZONE.into()),
        ..WindowsSpec::default()
    }
}

fn check(spec: &PartitionsSpec) -> Partitions {
    Partitions::check(spec).expect("the definition is valid")
}

fn hours() -> Partitions {
    check(&PartitionsSpec::Hourly(windows("2025-05-01")))
}

fn days() -> Partitions {
    check(&PartitionsSpec::Daily(windows("2025-01-01")))
}

fn now() -> DateTime<Utc> {
    "2026-05-31T00:00:00Z".parse().expect("it is an instant")
}

/// The newest `count` partitions, every `step`-th of them.
fn every(partitions: &Partitions, count: usize, step: usize) -> PartitionSet {
    let existing = partitions.existing(now());
    let all: Vec<Partition> = existing.iter().collect();
    let newest = all.iter().rev().take(count).step_by(step);
    PartitionSet::union_of(newest.map(|partition| partitions.set_of(*partition)))
}

fn region_days() -> Partitions {
    let values = (0..50).map(|region| format!("r{region}")).collect();
    let regions = PartitionsSpec::Keys {
        column: "region".into(),
        values,
    };
    let days = PartitionsSpec::Daily(windows("2025-01-01"));
    check(&PartitionsSpec::Product(vec![days, regions]))
}

/// What two sets are, by how ragged they are.
#[derive(Debug, Clone, Copy)]
enum Sets {
    /// One range each.
    Whole,
    /// A hundred ranges each.
    Gaps,
    /// Every second partition against every third: the worst there is.
    Ragged,
    /// 10,000 values as bits.
    Values,
}

const SETS: [Sets; 4] = [Sets::Whole, Sets::Gaps, Sets::Ragged, Sets::Values];

fn two_sets(sets: Sets) -> (PartitionSet, PartitionSet) {
    let hours = check(&PartitionsSpec::Hourly(windows("2025-01-01")));
    match sets {
        Sets::Whole => (every(&hours, 10_000, 1), every(&hours, 5_000, 1)),
        Sets::Gaps => {
            let all = every(&hours, 10_000, 1);
            (
                all.difference(&every(&hours, 10_000, 100)),
                all.difference(&every(&hours, 10_000, 101)),
            )
        }
        Sets::Ragged => (every(&hours, 10_000, 2), every(&hours, 10_000, 3)),
        Sets::Values => {
            let tenants = check(&PartitionsSpec::Dynamic {
                column: "tenant".into(),
            });
            let names = (0..10_000).map(|at| PartitionValue::from(Some(format!("t{at}").into())));
            let tenants = tenants.with_values("tenant", names);
            (every(&tenants, 10_000, 2), every(&tenants, 10_000, 3))
        }
    }
}

#[divan::bench(args = SETS)]
fn union(bencher: Bencher<'_, '_>, sets: Sets) {
    let (a, b) = two_sets(sets);
    bencher.bench_local(|| black_box(&a).union(black_box(&b)));
}

#[divan::bench(args = SETS)]
fn intersection(bencher: Bencher<'_, '_>, sets: Sets) {
    let (a, b) = two_sets(sets);
    bencher.bench_local(|| black_box(&a).intersection(black_box(&b)));
}

#[divan::bench(args = SETS)]
fn difference(bencher: Bencher<'_, '_>, sets: Sets) {
    let (a, b) = two_sets(sets);
    bencher.bench_local(|| black_box(&a).difference(black_box(&b)));
}

/// To bytes and back.
#[divan::bench(args = SETS)]
fn stored(bencher: Bencher<'_, '_>, sets: Sets) {
    let (a, _) = two_sets(sets);
    bencher.bench_local(|| PartitionSet::from_bytes(&black_box(&a).to_bytes()));
}

/// 36,500 partitions of days and regions, less a tenth.
#[divan::bench]
fn product_difference(bencher: Bencher<'_, '_>) {
    let product = region_days();
    let all = product.existing(now());
    let some = every(&product, 25_000, 10);
    bencher.bench_local(|| black_box(&all).difference(black_box(&some)));
}

/// Which partitions exist at an instant.
#[divan::bench]
fn existing(bencher: Bencher<'_, '_>) {
    let (hours, now) = (hours(), now());
    bencher.bench_local(|| black_box(&hours).existing(black_box(now)));
}

/// 9,480 hours → the days they feed: in one range, or every third hour.
#[divan::bench(args = [1, 3])]
fn hours_feed_days(bencher: Bencher<'_, '_>, step: usize) {
    let (hours, days) = (hours(), days());
    let mapping = Mapping::new(None, Some(&days), Some(&hours)).expect("one choice");
    let set = every(&hours, 9_480, step);
    bencher.bench_local(|| mapping.feeds(black_box(&set), now()));
}

/// 395 days → the hours they need: in one range, or every third day.
#[divan::bench(args = [1, 3])]
fn days_need_hours(bencher: Bencher<'_, '_>, step: usize) {
    let (hours, days) = (hours(), days());
    let mapping = Mapping::new(None, Some(&days), Some(&hours)).expect("one choice");
    let set = every(&days, 395, step);
    bencher.bench_local(|| mapping.needs(black_box(&set), now()));
}

/// The mapping of one edge.
#[divan::bench]
fn mapping(bencher: Bencher<'_, '_>) {
    let (hours, days) = (hours(), days());
    bencher.bench_local(|| Mapping::new(None, Some(black_box(&days)), Some(black_box(&hours))));
}

/// A definition, in a zone that another one is in already.
#[divan::bench(args = ["daily", "monthly", "cron"])]
fn definition(bencher: Bencher<'_, '_>, kind: &str) {
    let windows = windows("2024-01-01");
    let spec = match kind {
        "daily" => PartitionsSpec::Daily(windows),
        "monthly" => PartitionsSpec::Monthly(windows),
        _ => PartitionsSpec::Cron {
            schedule: "0 6 * * 1-5".into(),
            windows,
        },
    };
    let other = check(&spec);
    bencher.bench_local(|| check(black_box(&spec)));
    drop(other);
}

/// A definition with a schedule that no other has in its zone. The slowest sample is the first one,
/// which also finds the days of the schedule and the changes of the clock.
#[divan::bench(sample_size = 1)]
fn first_definition(bencher: Bencher<'_, '_>) {
    let spec = PartitionsSpec::Cron {
        schedule: "0 6 * * 1-5".into(),
        windows: windows("2024-01-01"),
    };
    bencher.bench_local(|| check(black_box(&spec)));
}

/// The key of an hour, read and written.
#[divan::bench]
fn key(bencher: Bencher<'_, '_>) {
    let hours = hours();
    bencher.bench_local(|| {
        let partition = hours.parse_key(black_box("2026-03-29T14:00"));
        hours.key(partition.expect("it is a key"))
    });
}

/// A commit that touched 1,000 partitions of days and regions.
#[divan::bench]
fn placing(bencher: Bencher<'_, '_>) {
    let schema = r#"{"type": "struct", "fields": [
        {"name": "ts", "type": "date", "nullable": true, "metadata": {}},
        {"name": "region", "type": "string", "nullable": true, "metadata": {}}]}"#;
    let schema = Schema::parse(schema).expect("it is a schema");
    let columns = PartitionColumns::new(Some(&schema), &["ts".into(), "region".into()]);
    let placing = Placing::new(&region_days(), &columns);
    let values = (0..1_000).map(|at| {
        let (day, region) = (at / 50 + 1, at % 50);
        [format!("2026-03-{day:02}"), format!("r{region}")]
    });
    let tuples = values.map(|values| {
        let values = values.map(|value| PartitionValue::from(Some(value.into())));
        values.into_iter().collect::<PartitionTuple>()
    });
    let touched = Touched::These(tuples.collect());
    bencher.bench_local(|| placing.touched(black_box(&touched)));
}
