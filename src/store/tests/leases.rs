//! Only one holder acts, and whoever lost the lease is fenced off.

use std::sync::Barrier;

use chrono::TimeDelta;

use super::{Place, at, intent, key, sighting};
use crate::ports::{PassFindings, PassRecord, State, StateError};
use crate::store::{OpenMode, Store};

const HOUR: TimeDelta = TimeDelta::hours(1);

#[test]
fn a_lease_is_held_until_it_is_given_back_or_runs_out() {
    let place = Place::new();
    let store = place.open();
    let first = store.acquire_lease("one", at(0), HOUR).unwrap();
    assert_eq!((first.epoch, first.expires_at), (1, at(3600)));
    let held = store.acquire_lease("two", at(3599), HOUR).unwrap_err();
    assert!(
        matches!(&held, StateError::LeaseHeld { holder, since, expires_at }
            if holder == "one" && *since == at(0) && *expires_at == at(3600)),
        "{held}"
    );
    let renewed = store.acquire_lease("one", at(1800), HOUR).unwrap();
    assert_eq!((renewed.epoch, renewed.expires_at), (1, at(5400)));
    assert_eq!(store.lease_info().unwrap().unwrap().since, at(0));

    let second = store.acquire_lease("two", at(5400), HOUR).unwrap();
    assert_eq!(second.epoch, 2);
    store.release_lease(&renewed).unwrap();
    assert_eq!(
        store.lease_info().unwrap().unwrap().holder.as_deref(),
        Some("two")
    );
    store.release_lease(&second).unwrap();
    assert_eq!(store.acquire_lease("one", at(5401), HOUR).unwrap().epoch, 3);
}

#[test]
fn a_takeover_is_on_the_record_and_a_handover_is_not() {
    let place = Place::new();
    let store = place.open();
    let lease = store.acquire_lease("one", at(0), HOUR).unwrap();
    store.release_lease(&lease).unwrap();
    store.acquire_lease("two", at(1), HOUR).unwrap();
    assert_eq!(store.audit_tail(9).unwrap(), []);
    store.acquire_lease("three", at(9999), HOUR).unwrap();
    let trail = store.audit_tail(9).unwrap();
    assert_eq!(trail.len(), 1);
    assert_eq!(
        (trail[0].action.as_str(), trail[0].actor.as_str()),
        ("lease.taken_over", "three")
    );
}

#[test]
fn fault_47_a_clock_that_jumped_does_not_make_a_lease_immortal() {
    let place = Place::new();
    let store = place.open();
    let wrong = at(0) + TimeDelta::days(3650);
    store.acquire_lease("one", wrong, HOUR).unwrap();
    // An hour or two of a clock set right are waited out, ten years are not.
    let near = wrong - TimeDelta::minutes(59);
    assert!(store.acquire_lease("two", near, HOUR).is_err());
    assert_eq!(store.acquire_lease("two", at(0), HOUR).unwrap().epoch, 2);
}

#[test]
fn fault_13_an_epoch_is_greater_than_that_of_any_intent() {
    let place = Place::new();
    let store = place.open();
    let lease = store.acquire_lease("one", at(0), HOUR).unwrap();
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    // As after a restore that brought back intents of a later life.
    place
        .raw()
        .execute("UPDATE intent SET epoch = 41", ())
        .unwrap();
    assert_eq!(
        store.acquire_lease("two", at(7200), HOUR).unwrap().epoch,
        42
    );
}

#[test]
fn fault_12_who_lost_the_lease_writes_nothing() {
    let place = Place::new();
    let (one, two) = (place.open(), place.open());
    let lost = one.acquire_lease("one", at(0), HOUR).unwrap();
    let pass = one.begin_pass(&lost, at(0)).unwrap();
    let current = two.acquire_lease("two", at(9999), HOUR).unwrap();
    let before = super::shown(&one.load().unwrap());

    let summary = PassRecord {
        pass,
        finished_at: at(1),
        observed: 0,
        triggered: 0,
        unknown: 0,
    };
    let refused = [
        one.begin_pass(&lost, at(1)).map(|_| ()),
        one.record_sightings(&lost, at(1), &[sighting("a", [1])]),
        one.record_locations(&lost, &[]),
        one.record_cuts(&lost, &[(key("a"), None)]),
        one.intend(&lost, &intent("i1", &["a"])),
        one.stamp(&lost, &super::id("i1"), 1, at(1), at(1))
            .map(|_| ()),
        one.pin_workspace(&lost, "w1"),
        one.record_decisions(&lost, &[]),
        one.finish_pass(&lost, &summary, PassFindings::default()),
    ];
    for result in refused {
        let error = result.unwrap_err();
        assert!(
            matches!(
                error,
                StateError::LeaseLost {
                    ours: 1,
                    current: 2
                }
            ),
            "{error}"
        );
    }
    assert_eq!(super::shown(&one.load().unwrap()), before);
    two.begin_pass(&current, at(1)).unwrap();
}

#[test]
fn fault_11_of_many_that_race_for_the_lease_one_gets_it() {
    let place = Place::new();
    let barrier = Barrier::new(8);
    let path = place.path();
    let (barrier, path) = (&barrier, path.as_path());
    let winners: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    let store = Store::open(path, OpenMode::ReadWrite).unwrap();
                    let taken = store.acquire_lease(&format!("p{number}"), at(0), HOUR);
                    usize::from(taken.is_ok())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(winners, 1);
}

#[test]
fn of_many_that_race_for_an_asset_one_gets_it() {
    let place = Place::new();
    let lease = place.open().acquire_lease("one", at(0), HOUR).unwrap();
    let (path, lease) = (place.path(), &lease);
    let path = path.as_path();
    let barrier = Barrier::new(8);
    let barrier = &barrier;
    let made: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn(move || {
                    let store = Store::open(path, OpenMode::ReadWrite).unwrap();
                    barrier.wait();
                    let made = store.intend(lease, &intent(&format!("i{number}"), &["b", "a"]));
                    if let Err(error) = &made {
                        assert!(
                            matches!(error, StateError::IntentExists { .. }),
                            "{error:?}"
                        );
                    }
                    usize::from(made.is_ok())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(made, 1);
    assert_eq!(place.open().load().unwrap().open_intents.len(), 1);
}
