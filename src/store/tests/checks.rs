//! What came of checks is remembered by version, and told where a check turned.

use std::sync::Arc;

use assets::check::Severity;

use super::{Place, at, key, lease, version};
use crate::ports::State;
use crate::state::{CheckResult, CheckStatus, Lease};
use crate::store::Store;

fn found(number: u64, status: CheckStatus) -> CheckResult {
    CheckResult {
        version: version(number),
        status,
        severity: Severity::Error,
        expected: "no null in `id`".to_owned(),
        measured: Some("no nulls".to_owned()),
        message: None,
        rows: Some(number),
        at: at(10),
    }
}

fn record(store: &Store, lease: &Lease, result: CheckResult) {
    let results = [(key("a"), Arc::from("c"), result)];
    store.record_checks(lease, at(20), &results).unwrap();
}

#[test]
fn the_newest_result_counts_and_twenty_are_kept() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    for number in 1..=30 {
        record(&store, &lease, found(number, CheckStatus::Pass));
    }
    let newest = store.load().unwrap().checks[&key("a")]["c"].clone();
    assert_eq!(newest, found(30, CheckStatus::Pass));
    assert_eq!(place.count("SELECT count(*) FROM check_result"), 20);
    let generation = store.generation().unwrap();
    record(&store, &lease, found(30, CheckStatus::Pass));
    assert_eq!(store.generation().unwrap(), generation, "nothing is new");
}

#[test]
fn the_world_is_told_when_a_check_turns_bad_and_when_it_is_good_again() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    for (number, status) in [
        (1, CheckStatus::Warn),
        (2, CheckStatus::Fail),
        (3, CheckStatus::Fail),
        (3, CheckStatus::Error),
        (4, CheckStatus::Pass),
        (5, CheckStatus::Unknown),
        (6, CheckStatus::Pass),
    ] {
        record(&store, &lease, found(number, status));
    }
    let told: String = place
        .raw()
        .query_row("SELECT group_concat(kind, ' ') FROM outbox", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(told, "check.failed check.passed");
}

#[test]
fn only_the_holder_of_the_lease_records() {
    let place = Place::new();
    let store = place.open();
    let lost = lease(&store);
    store.bury_holder(&lost.holder, "p2", at(1)).unwrap();
    store
        .acquire_lease("p2", at(2), crate::reconcile::LEASE_LIFETIME)
        .unwrap();
    let results = [(key("a"), Arc::from("c"), found(1, CheckStatus::Fail))];
    store.record_checks(&lost, at(3), &results).unwrap_err();
    assert!(store.load().unwrap().checks.is_empty());
}
