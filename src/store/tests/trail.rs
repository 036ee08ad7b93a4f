//! The audit trail tells every tampering that a chain can tell.

use super::{Place, at, failure, id, intent, lease, retry};
use crate::ports::State;
use crate::state::RunId;
use crate::store::audit::{AuditBreak, verify};

/// A life of one intent that leaves six rows.
fn lived() -> Place {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    store.stamp(&lease, &id("i1"), 1, at(2), at(2)).unwrap();
    store.stamp(&lease, &id("i1"), 1, at(3), at(3)).unwrap();
    store
        .record_run(&id("i1"), 1, RunId(5), None, at(4))
        .unwrap();
    store.settle(&id("i1"), 1, &retry("i1-2"), at(5)).unwrap();
    store.settle(&id("i1"), 2, &failure(true), at(6)).unwrap();
    place
}

/// Breaks the trail by force and returns the position at which it is found.
fn broken_by(sql: &str) -> u64 {
    let place = lived();
    let force = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted;";
    place
        .raw()
        .execute_batch(&format!("{force} {sql}"))
        .unwrap();
    match verify(&place.open()) {
        Err(AuditBreak::Broken { seq, .. }) => seq,
        other => panic!("{sql} went unnoticed: {other:?}"),
    }
}

#[test]
fn every_change_of_state_has_one_row_and_says_from_where_to_where() {
    let place = lived();
    let store = place.open();
    assert_eq!(verify(&store).unwrap(), 6);
    let mut trail = store.audit_tail(10).unwrap();
    trail.reverse();
    let actions: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "intent.pending",
            "intent.sending",
            "attempt.sent_again",
            "intent.running",
            "intent.pending",
            "intent.quarantined"
        ]
    );
    assert!(
        trail
            .iter()
            .all(|entry| entry.actor == "me" && entry.object == "i1")
    );
    let retried: serde_json::Value = serde_json::from_str(&trail[4].detail).unwrap();
    assert_eq!(
        (&retried["from"], &retried["to"]),
        (&"running".into(), &"pending".into())
    );
    assert_eq!(
        (&retried["attempt"], &retried["code"]),
        (&2.into(), &"TIMEOUT".into())
    );
}

#[test]
fn fault_59_rows_cannot_be_changed_or_deleted() {
    let place = lived();
    for sql in [
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 6",
    ] {
        let error = place.raw().execute(sql, ()).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
    assert_eq!(verify(&place.open()).unwrap(), 6);
}

#[test]
fn fault_59_tampering_is_found_at_the_first_bad_row() {
    assert_eq!(broken_by("UPDATE audit SET actor = 'you' WHERE seq = 3"), 3);
    assert_eq!(broken_by("UPDATE audit SET at = at + 1 WHERE seq = 1"), 1);
    assert_eq!(broken_by("UPDATE audit SET detail = '{}' WHERE seq = 6"), 6);
    assert_eq!(
        broken_by("UPDATE audit SET prev_hash = hash WHERE seq = 4"),
        4
    );
    assert_eq!(broken_by("DELETE FROM audit WHERE seq = 4"), 4);
    assert_eq!(broken_by("DELETE FROM audit WHERE seq = 6"), 6);
    assert_eq!(broken_by("DELETE FROM audit"), 1);
    // The mark of the end is a part of the trail.
    assert_eq!(broken_by("DELETE FROM meta WHERE key = 'audit_head'"), 1);
    assert_eq!(
        broken_by(
            "UPDATE meta SET value = '5:' || hash FROM audit
                          WHERE key = 'audit_head' AND seq = 5"
        ),
        6
    );
    // A character that moves from one field to the next is a change, too.
    let moved = "UPDATE audit SET actor = 'm', action = 'e' || action WHERE seq = 2";
    assert_eq!(broken_by(moved), 2);
    let swapped = "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
                   UPDATE audit SET seq = 3 WHERE seq = 99";
    assert_eq!(broken_by(swapped), 2);
}

/// Whoever may write the file can cut the trail and move its mark: only a copy of the mark that is
/// kept elsewhere tells. There is none yet; docs/reliability.md says so.
#[test]
fn fault_59_a_tail_that_is_cut_together_with_its_mark_goes_unnoticed() {
    let place = lived();
    let cut = "DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE seq = 6;
               UPDATE meta SET value = '5:' || hash FROM audit
               WHERE key = 'audit_head' AND seq = 5;";
    place.raw().execute_batch(cut).unwrap();
    assert_eq!(verify(&place.open()).unwrap(), 5);
}
