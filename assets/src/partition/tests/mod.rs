//! Tests of partitions.

mod definitions;
mod keys;
mod mapping;
mod placing;

use std::borrow::Borrow;

use chrono::{DateTime, Utc};

use super::*;

/// Reads an instant.
fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Windows told by the column `ts`.
fn windows(start: &str, zone: &str) -> WindowsSpec {
    WindowsSpec {
        column: Some("ts".into()),
        start: start.into(),
        timezone: Some(zone.into()),
        ..WindowsSpec::default()
    }
}

fn check(spec: impl Borrow<PartitionsSpec>) -> Partitions {
    Partitions::check(spec.borrow()).unwrap()
}

fn hourly(start: &str, zone: &str) -> PartitionsSpec {
    PartitionsSpec::Hourly(windows(start, zone))
}

fn daily(start: &str, zone: &str) -> PartitionsSpec {
    PartitionsSpec::Daily(windows(start, zone))
}

fn weekly(start: &str, zone: &str) -> PartitionsSpec {
    PartitionsSpec::Weekly(windows(start, zone))
}

fn monthly(start: &str, zone: &str) -> PartitionsSpec {
    PartitionsSpec::Monthly(windows(start, zone))
}

fn cron(schedule: &str, start: &str, zone: &str) -> PartitionsSpec {
    PartitionsSpec::Cron {
        schedule: schedule.into(),
        windows: windows(start, zone),
    }
}

fn keys(column: &str, values: &[&str]) -> PartitionsSpec {
    PartitionsSpec::Keys {
        column: column.into(),
        values: values.iter().map(|&value| value.into()).collect(),
    }
}

fn dynamic(column: &str) -> PartitionsSpec {
    PartitionsSpec::Dynamic {
        column: column.into(),
    }
}

/// The keys of all members of a set.
fn members(partitions: &Partitions, set: &PartitionSet) -> Vec<String> {
    let keys = set
        .iter()
        .map(|partition| partitions.key(partition).unwrap());
    keys.collect()
}

/// The set of these keys.
fn set(partitions: &Partitions, keys: &[&str]) -> PartitionSet {
    PartitionSet::union_of(
        keys.iter()
            .map(|key| partitions.set_of(partitions.parse_key(key).unwrap())),
    )
}
