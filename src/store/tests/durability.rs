//! A life step by step: after each step the reopened file says the same.

use assets::PassNumber;

use super::{Place, at, failure, id, intent, key, lease, retry, shown, sighting, success};
use crate::ports::{PassFindings, PassRecord, State};
use crate::state::{Cut, RunId};
use crate::store::Store;
use crate::store::audit::verify;

type Step = (&'static str, fn(&Store));

const STEPS: [Step; 14] = [
    ("begin a pass", |store| {
        store.begin_pass(&lease(store), at(1)).unwrap();
    }),
    ("see tables", |store| {
        let seen = [sighting("up", [6, 7]), sighting("a", [])];
        store.record_sightings(&lease(store), at(1), &seen).unwrap();
    }),
    ("pin", |store| {
        store.pin_workspace(&lease(store), "w1").unwrap();
    }),
    ("cut", |store| {
        let cut = Cut {
            pass: PassNumber(1),
            fixed_at: at(1),
        };
        store
            .record_cuts(
                &lease(store),
                &[(key("a"), Some(cut)), (key("b"), Some(cut))],
            )
            .unwrap();
    }),
    ("intend", |store| {
        store.intend(&lease(store), &intent("i1", &["a"])).unwrap();
    }),
    ("stamp", |store| {
        assert!(
            store
                .stamp(&lease(store), &id("i1"), 1, at(2), at(2))
                .unwrap()
        );
    }),
    ("doubt", |store| {
        assert!(store.record_uncertain(&id("i1"), 1, "?", at(3)).unwrap());
    }),
    ("find", |store| {
        assert!(
            store
                .record_run(&id("i1"), 1, RunId(1), None, at(4))
                .unwrap()
        );
    }),
    ("retry", |store| {
        assert!(store.settle(&id("i1"), 1, &retry("t2"), at(5)).unwrap());
    }),
    ("fail", |store| {
        assert!(store.settle(&id("i1"), 2, &failure(true), at(6)).unwrap());
    }),
    ("lift", |store| {
        assert!(store.lift_quarantine(&key("a"), "ann", at(7)).unwrap());
    }),
    ("intend again", |store| {
        store
            .intend(&lease(store), &intent("i2", &["a", "c"]))
            .unwrap();
    }),
    ("succeed", |store| {
        assert!(store.settle(&id("i2"), 1, &success(), at(8)).unwrap());
    }),
    ("finish", |store| {
        let ended = PassRecord {
            pass: PassNumber(1),
            finished_at: at(9),
            observed: 2,
            triggered: 2,
            unknown: 0,
        };
        store
            .finish_pass(&lease(store), &ended, PassFindings::default())
            .unwrap();
    }),
];

#[test]
fn nothing_is_lost_between_two_openings() {
    let place = Place::new();
    for (name, step) in STEPS {
        let store = place.open();
        step(&store);
        let before = (shown(&store.load().unwrap()), store.generation().unwrap());
        drop(store);
        let store = place.open();
        let after = (shown(&store.load().unwrap()), store.generation().unwrap());
        assert_eq!(before, after, "after `{name}`");
        verify(&store).unwrap();
    }
}

#[test]
fn fault_50_what_was_written_is_there_even_if_the_log_was_never_put_away() {
    let place = Place::new();
    let copied = Place::new();
    let store = place.open();
    for (name, step) in STEPS {
        step(&store);
        // As a process that dies here leaves it behind: the file and its log, as they are.
        for suffix in ["", "-wal"] {
            let file = |place: &Place| format!("{}{suffix}", place.path().display());
            std::fs::copy(file(&place), file(&copied)).unwrap();
        }
        let survivor = copied.open();
        let (left, right) = (store.load().unwrap(), survivor.load().unwrap());
        assert_eq!(shown(&left), shown(&right), "after `{name}`");
        verify(&survivor).unwrap();
        drop(survivor);
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!(
                "{}{suffix}",
                copied.path().display()
            )));
        }
    }
}
