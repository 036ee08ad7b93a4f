//! Backups are whole, and restoring one forgets nothing that must not be done twice.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::TimeDelta;

use super::{Place, at, id, intent, lease, retry, sighting, success};
use crate::ports::{LaterRun, State, StateError};
use crate::state::{IntentState, RunId, SearchCause};
use crate::store;
use crate::store::audit::verify;
use crate::store::codes::code_of;
use crate::store::{OpenMode, Restore, Restored, Store, back_up, restore};

fn restored(place: &Place, backup: &Path) -> Result<Restored, StateError> {
    restore(&Restore {
        backup,
        place: store::Place {
            path: &place.path(),
            actor: "user test",
            now: at(1_000),
            is_dead: &|holder| holder == "dead",
        },
    })
}

/// A state with an intent in every open state, given back by its holder.
fn open_in_every_state(place: &Place) {
    let store = place.open();
    let lease = lease(&store);
    for (name, asset) in [("i1", "a"), ("i2", "b"), ("i3", "c"), ("i4", "d")] {
        store.intend(&lease, &intent(name, &[asset])).unwrap();
    }
    for name in ["i2", "i3", "i4"] {
        store.stamp(&lease, &id(name), 1, at(2), at(2)).unwrap();
    }
    store.record_uncertain(&id("i3"), 1, "lost", at(3)).unwrap();
    store
        .record_run(&id("i4"), 1, RunId(7), None, at(3))
        .unwrap();
    store.release_lease(&lease).unwrap();
}

#[test]
fn a_backup_is_one_private_file_that_holds_everything_and_overwrites_nothing() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    let target = place.folder.path().join("deep/er/copy.db");
    assert_eq!(back_up(&place.path(), &target).unwrap(), 1);
    let mode = std::fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let copy = Store::open(&target, OpenMode::ReadOnly).unwrap();
    assert_eq!(
        super::shown(&copy.load().unwrap()),
        super::shown(&store.load().unwrap())
    );
    let beside = std::fs::read_dir(target.parent().unwrap()).unwrap();
    assert_eq!(beside.count(), 1, "neither a log nor a part is left");
    let before = std::fs::read(&target).unwrap();
    assert_eq!(
        code_of(&back_up(&place.path(), &target).unwrap_err()).code,
        "S008"
    );
    assert_eq!(std::fs::read(&target).unwrap(), before);
}

#[test]
fn fault_53_every_open_intent_is_in_doubt_after_a_restore_and_nobody_holds_the_lease() {
    let place = Place::new();
    open_in_every_state(&place);
    let backup = place.folder.path().join("backup.db");
    back_up(&place.path(), &backup).unwrap();
    let store = place.open();
    for epoch in 0..5 {
        let name = format!("later {epoch}");
        let later = store
            .acquire_lease(&name, at(10), TimeDelta::hours(1))
            .unwrap();
        store.release_lease(&later).unwrap();
    }
    let newest = store.lease_info().unwrap().unwrap().epoch;
    let later = store
        .acquire_lease("later", at(10), TimeDelta::hours(1))
        .unwrap();
    store.intend(&later, &intent("i5", &["e"])).unwrap();
    store.release_lease(&later).unwrap();
    drop(store);

    let done = restored(&place, &backup).unwrap();
    assert!(done.epoch > newest + 1, "{done:?}");
    let states: Vec<&str> = done.looked_up.iter().map(|i| i.state.as_str()).collect();
    assert_eq!(states, ["pending", "sending", "uncertain", "running"]);
    let unknown: Vec<_> = done.not_in_backup.iter().map(|i| i.id.clone()).collect();
    assert_eq!(unknown, [id("i5")]);

    let store = place.open();
    let memory = store.load().unwrap();
    // What may be under way is waited for by the search, which holds for all of them.
    let search = memory.search.unwrap();
    assert!(
        search.holds() && search.cause == SearchCause::Restored,
        "{search:?}"
    );
    let open = memory.open_intents;
    assert_eq!(open.len(), 4);
    for intent in open.values() {
        assert_eq!(intent.state, IntentState::Uncertain);
        // By the service's clock, as far as it was told: ours at the restore may be another one.
        assert!(intent.first_sent_at.unwrap() <= at(2));
        assert!(intent.last_sent_at.unwrap() <= at(2));
    }
    assert_eq!(open[&id("i4")].run_id, Some(RunId(7)));
    let lease = store.lease_info().unwrap().unwrap();
    assert_eq!((lease.holder, lease.epoch), (None, done.epoch));
    verify(&store).unwrap();
    let newest = store.audit_tail(1).unwrap().remove(0);
    assert_eq!(
        (newest.action.as_str(), newest.actor.as_str()),
        ("state.restored", "user test")
    );
    assert_eq!(
        store.integrity().unwrap(),
        super::super::Integrity::default()
    );
    // What was there is still a state, and can be gone back to.
    let kept = Store::open(&done.replaced.unwrap(), OpenMode::ReadOnly).unwrap();
    assert!(kept.intent(&id("i5")).unwrap().is_some());
}

#[test]
fn a_living_holder_and_an_open_file_keep_a_restore_out_and_a_dead_holder_does_not() {
    let place = Place::new();
    drop(place.open());
    let backup = place.folder.path().join("backup.db");
    back_up(&place.path(), &backup).unwrap();
    let store = place.open();
    let held = store
        .acquire_lease("alive", at(999), TimeDelta::hours(1))
        .unwrap();
    drop(store);
    let refused = restored(&place, &backup).unwrap_err();
    assert!(matches!(refused, StateError::LeaseHeld { .. }), "{refused}");
    place.open().release_lease(&held).unwrap();
    place
        .open()
        .acquire_lease("dead", at(999), TimeDelta::hours(1))
        .unwrap();
    let reader = Store::open(&place.path(), OpenMode::ReadOnly).unwrap();
    reader.load().unwrap();
    let refused = restored(&place, &backup).unwrap_err();
    assert!(refused.to_string().contains("has it open"), "{refused}");
    drop(reader);
    restored(&place, &backup).unwrap();
    // A refusal changed nothing, and nothing is left beside the files.
    let parts = std::fs::read_dir(place.folder.path()).unwrap();
    let parts = parts.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_damaged_backup_is_refused_and_a_damaged_state_is_put_aside_with_its_log() {
    let place = Place::new();
    open_in_every_state(&place);
    let backup = place.folder.path().join("backup.db");
    back_up(&place.path(), &backup).unwrap();
    let whole = std::fs::read(&backup).unwrap();
    let mut bytes = whole.clone();
    bytes[4096..8192].fill(0);
    std::fs::write(&backup, &bytes).unwrap();
    let before = std::fs::read(place.path()).unwrap();
    assert_eq!(
        code_of(&restored(&place, &backup).unwrap_err()).code,
        "S007"
    );
    assert_eq!(std::fs::read(place.path()).unwrap(), before);

    std::fs::write(&backup, &whole).unwrap();
    let wreck = "no state at all ".repeat(600);
    std::fs::write(place.path(), &wreck).unwrap();
    std::fs::write(place.folder.path().join("state.db-wal"), "rest").unwrap();
    let done = restored(&place, &backup).unwrap();
    let aside = done.replaced.unwrap();
    assert_eq!(std::fs::read(&aside).unwrap(), wreck.as_bytes());
    let log = format!("{}-wal", aside.display());
    assert_eq!(std::fs::read(log).unwrap(), b"rest");
    assert_eq!(place.open().load().unwrap().open_intents.len(), 4);
    // And where there is none at all.
    std::fs::remove_file(place.path()).unwrap();
    assert_eq!(restored(&place, &backup).unwrap().replaced, None);
}

#[test]
fn a_run_of_a_later_attempt_makes_that_attempt_the_current_one() {
    let place = Place::new();
    open_in_every_state(&place);
    let store = place.open();
    let later = LaterRun {
        attempt: 3,
        token: "i3-3".to_owned(),
        run: RunId(9),
        url: None,
        started_at: at(50),
    };
    // Only from doubt, and only forward.
    for (name, attempt) in [("i4", 1), ("i3", 2), ("i3", 3)] {
        let current = id(name);
        assert!(
            !store
                .record_later_run((&current, attempt), &later, at(60))
                .unwrap()
        );
    }
    let current = id("i3");
    assert!(
        store
            .record_later_run((&current, 1), &later, at(60))
            .unwrap()
    );
    let found = store.intent(&current).unwrap().unwrap();
    assert_eq!(
        (
            found.attempt,
            found.state,
            found.run_id,
            found.token.as_str()
        ),
        (3, IntentState::Running, Some(RunId(9)), "i3-3")
    );
    assert_eq!(store.attempts(&current).unwrap().len(), 2);
    assert!(store.settle(&current, 3, &retry("i3-4"), at(70)).unwrap());
    assert_eq!(store.intent(&current).unwrap().unwrap().attempt, 4);
    assert_eq!(
        store.integrity().unwrap(),
        super::super::Integrity::default()
    );
    verify(&store).unwrap();
}

#[test]
fn what_no_index_keeps_out_is_found_by_looking() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store
        .record_sightings(&lease, at(0), &[sighting("up", [6, 7])])
        .unwrap();
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    store.stamp(&lease, &id("i1"), 1, at(2), at(2)).unwrap();
    store.settle(&id("i1"), 1, &success(), at(3)).unwrap();
    store.intend(&lease, &intent("i2", &["a"])).unwrap();
    assert_eq!(
        store.integrity().unwrap(),
        super::super::Integrity::default()
    );
    place
        .raw()
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             DROP INDEX one_open_intent;
             UPDATE intent_asset SET is_open = 1;
             INSERT INTO intent_asset (intent, asset) VALUES ('i9', 'z');
             UPDATE consumption SET version = 8 WHERE upstream = 'up';",
        )
        .unwrap();
    let found = store.integrity().unwrap();
    assert!(
        found.intents[0].starts_with("asset a has 2 open intents"),
        "{found:?}"
    );
    assert_eq!(found.intents.len(), 2);
    assert_eq!(found.dangling.len(), 1);
    assert_eq!(
        found.ahead,
        ["a incorporates up at version 8, and the newest that was seen is 7"]
    );
    assert!(found.damage.is_empty() && found.claimed_ahead.is_empty());
}
