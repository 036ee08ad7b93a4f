//! Which files are opened, which are refused, and what is never touched.

use std::path::Path;

use chrono::TimeDelta;

use super::{Place, at, intent, lease, sighting};
use crate::ports::{State, StateError};
use crate::store::codes::{CODES, code_of};
use crate::store::{OpenMode, Store};

/// Opens a file that must be refused, and returns the code and the message.
fn refusal(path: &Path, mode: OpenMode) -> (&'static str, String) {
    let error = Store::open(path, mode).unwrap_err();
    (code_of(&error).code, error.to_string())
}

/// Makes a state of some pages, closed in good order.
fn filled(place: &Place) {
    let store = place.open();
    let lease = lease(&store);
    let many: Vec<_> = (0..200)
        .map(|number| sighting(&format!("a{number}"), [1, 2]))
        .collect();
    store.record_sightings(&lease, at(0), &many).unwrap();
}

#[test]
fn a_new_file_is_durable_and_ours() {
    let place = Place::new();
    let store = place.open();
    store.load().unwrap();
    let raw = place.raw();
    let text = |sql: &str| {
        raw.query_row(sql, (), |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert_eq!(text("PRAGMA journal_mode"), "wal");
    assert_eq!(place.count("PRAGMA user_version"), 11);
    assert_eq!(place.count("PRAGMA application_id"), 0x4857_7472);
    let (synchronous, foreign_keys): (i64, i64) = store
        .read(|connection| {
            let pragma = |sql: &str| connection.query_row(sql, (), |row| row.get(0));
            Ok((
                pragma("PRAGMA synchronous")?,
                pragma("PRAGMA foreign_keys")?,
            ))
        })
        .unwrap();
    assert_eq!((synchronous, foreign_keys), (2, 1));
}

#[test]
fn a_missing_file_is_made_for_writing_only() {
    let place = Place::new();
    assert_eq!(refusal(&place.path(), OpenMode::ReadOnly).0, "S006");
    assert!(!place.path().exists());
    drop(place.open());
    Store::open(&place.path(), OpenMode::ReadOnly).unwrap();
}

#[test]
fn a_reader_sees_what_a_writer_does_and_writes_nothing() {
    let place = Place::new();
    let writer = place.open();
    let reader = Store::open(&place.path(), OpenMode::ReadOnly).unwrap();
    let lease = lease(&writer);
    writer.intend(&lease, &intent("i1", &["a"])).unwrap();
    assert_eq!(reader.load().unwrap().open_intents.len(), 1);
    let refused = reader
        .acquire_lease("other", at(9999), TimeDelta::hours(1))
        .unwrap_err();
    assert_eq!(code_of(&refused).code, "S008", "{refused}");
}

#[test]
fn fault_55_a_newer_schema_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.open());
    place.raw().pragma_update(None, "user_version", 12).unwrap();
    let before = std::fs::read(place.path()).unwrap();
    for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
        let (code, message) = refusal(&place.path(), mode);
        assert_eq!(code, "S005");
        assert!(
            message.contains("schema version 12") && message.contains("up to 11"),
            "{message}"
        );
    }
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let place = Place::new();
    place
        .raw()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let (code, message) = refusal(&place.path(), OpenMode::ReadWrite);
    assert_eq!(code, "S007");
    assert!(message.contains("another program"), "{message}");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[test]
fn a_text_file_is_no_state() {
    let place = Place::new();
    std::fs::write(place.path(), "state: none\n".repeat(500)).unwrap();
    for mode in [OpenMode::ReadWrite, OpenMode::ReadOnly] {
        let (code, message) = refusal(&place.path(), mode);
        assert_eq!(code, "S007");
        assert!(
            message.ends_with("it is not an SQLite database"),
            "{message}"
        );
    }
}

#[test]
fn fault_53_a_zeroed_page_is_found_at_opening() {
    for page in [0_usize, 1, 2, 5, 9] {
        let place = Place::new();
        filled(&place);
        let mut bytes = std::fs::read(place.path()).unwrap();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        std::fs::write(place.path(), &bytes).unwrap();
        assert_eq!(
            refusal(&place.path(), OpenMode::ReadWrite).0,
            "S007",
            "page {page}"
        );
        assert_eq!(std::fs::read(place.path()).unwrap(), bytes, "page {page}");
    }
}

#[test]
fn fault_53_a_truncated_file_is_found_at_opening() {
    let place = Place::new();
    filled(&place);
    let bytes = std::fs::read(place.path()).unwrap();
    for length in [1, 100, 4096, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(place.path(), &bytes[..length]).unwrap();
        assert_eq!(
            refusal(&place.path(), OpenMode::ReadWrite).0,
            "S007",
            "{length} bytes"
        );
    }
}

#[test]
fn a_copy_in_memory_runs_the_same_code_and_leaves_the_file_alone() {
    let place = Place::new();
    let fresh = Store::open_in_memory_copy(&place.path()).unwrap();
    assert!(!place.path().exists());
    lease(&fresh);

    let store = place.open();
    let held = lease(&store);
    store
        .record_sightings(&held, at(0), &[sighting("a", [1])])
        .unwrap();
    for copy in [
        Store::open_in_memory_copy(&place.path()).unwrap(),
        store.copy_in_memory().unwrap(),
    ] {
        let dry = copy
            .acquire_lease("dry", at(0), TimeDelta::hours(1))
            .unwrap();
        copy.intend(&dry, &intent("i1", &["a"])).unwrap();
        assert_eq!(copy.load().unwrap().observations.len(), 1);
        assert_eq!(copy.load().unwrap().open_intents.len(), 1);
    }
    assert_eq!(store.load().unwrap().open_intents.len(), 0);
    assert_eq!(
        store.lease_info().unwrap().unwrap().holder.as_deref(),
        Some("me")
    );
}

#[test]
fn fault_51_a_nearly_full_disk_stops_intents_and_nothing_else() {
    let place = Place::new();
    let mut store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    store.least_free_mib = u64::MAX;
    let refused = store.intend(&lease, &intent("i2", &["b"])).unwrap_err();
    assert!(matches!(refused, StateError::LowDisk { .. }), "{refused}");
    assert!(
        store
            .settle(&super::id("i1"), 1, &super::success(), at(2))
            .unwrap()
    );
}

#[test]
fn fault_54_a_database_that_stays_locked_says_so() {
    let place = Place::new();
    let store = place.open();
    store
        .lock()
        .connection
        .busy_timeout(std::time::Duration::ZERO)
        .unwrap();
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store
        .acquire_lease("me", at(0), TimeDelta::hours(1))
        .unwrap_err();
    assert_eq!(code_of(&error).code, "S010", "{error:?}");
    store.load().unwrap();
}

#[test]
fn fault_60_a_state_serves_one_workspace() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    assert_eq!(store.pinned_workspace().unwrap(), None);
    store.pin_workspace(&lease, "w1").unwrap();
    store.pin_workspace(&lease, "w1").unwrap();
    let error = store.pin_workspace(&lease, "w2").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the state belongs to workspace w1, and this is workspace w2"
    );
    assert_eq!(
        place.open().pinned_workspace().unwrap().as_deref(),
        Some("w1")
    );
}

#[test]
fn every_code_is_documented_once_and_in_order() {
    let page = include_str!("../../../docs/errors.md");
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|heading| heading.starts_with('S'))
        .map(str::to_owned)
        .collect();
    let codes: Vec<String> = CODES
        .iter()
        .map(|known| format!("{}: {}", known.code, known.title))
        .collect();
    assert_eq!(headings, codes);
}
