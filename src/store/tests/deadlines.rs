//! What came of deadlines and how long runs took is remembered, as far as it is asked for.

use chrono::TimeDelta;

use super::{Place, at, id, intent, key, lease, success};
use crate::ports::{PassFindings, PassRecord, State};
use crate::state::{DeadlineVerdict, Lease};
use crate::store::Store;

fn finish(store: &Store, lease: &Lease, verdict: DeadlineVerdict) {
    let pass = store.begin_pass(lease, at(0)).unwrap();
    let record = PassRecord {
        pass,
        finished_at: at(1),
        observed: 0,
        triggered: 0,
        unknown: 0,
    };
    store
        .finish_pass(
            lease,
            &record,
            PassFindings {
                deadlines: &[(key("a"), verdict)],
                ..PassFindings::default()
            },
        )
        .unwrap();
}

#[test]
fn the_verdict_on_a_deadline_stays_until_the_next_one() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let missed = DeadlineVerdict {
        at: at(10),
        is_met: false,
        judged_at: at(11),
    };
    finish(&store, &lease, missed);
    let known = || store.load().unwrap().deadlines[&key("a")];
    assert_eq!(known(), missed);
    // What is found later of the same instant changes nothing.
    let later = DeadlineVerdict {
        is_met: true,
        judged_at: at(19),
        ..missed
    };
    let generation = store.generation().unwrap();
    finish(&store, &lease, later);
    assert_eq!(known(), missed);
    assert_eq!(store.generation().unwrap(), generation);
    let next = DeadlineVerdict {
        at: at(20),
        ..later
    };
    finish(&store, &lease, next);
    assert_eq!(known(), next);
}

#[test]
fn a_success_tells_how_long_it_took_and_when_it_was_decided_on() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    store.stamp(&lease, &id("i1"), 1, at(5), at(5)).unwrap();
    store.settle(&id("i1"), 1, &success(), at(101)).unwrap();
    let memory = store.load().unwrap();
    let times = &memory.run_times[&key("a")];
    assert_eq!(times.usual(), Some(TimeDelta::seconds(95)));
    assert_eq!(memory.builds[&key("a")].begun_at, Some(at(2)));
}
