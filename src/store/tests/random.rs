//! Whatever is tried in whatever order: no second open intent, no illegal change of state, one
//! audit row for every change, and a chain that holds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;

use super::{Place, at, failure, id, intent, retry, settled, success};
use crate::ports::State;
use crate::state::{Intent, IntentId, IntentState, Lease, Outcome, RunId};
use crate::store::audit::verify;
use crate::store::{RunFilter, Store};

#[derive(Debug, Clone)]
enum Deed {
    TakeLease(bool),
    Intend(u8, u8),
    Stamp(u8, u32),
    RecordRun(u8, u32),
    Doubt(u8, u32),
    Cancel(u8, u32),
    Settle(u8, u32, u8),
    Lift(u8),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let intents = 0..6_u8;
    let attempts = 1..4_u32;
    let target = || (intents.clone(), attempts.clone());
    prop::collection::vec(
        prop_oneof![
            1 => any::<bool>().prop_map(Deed::TakeLease),
            3 => (intents.clone(), 1..8_u8).prop_map(|(id, assets)| Deed::Intend(id, assets)),
            4 => target().prop_map(|(id, attempt)| Deed::Stamp(id, attempt)),
            4 => target().prop_map(|(id, attempt)| Deed::RecordRun(id, attempt)),
            2 => target().prop_map(|(id, attempt)| Deed::Doubt(id, attempt)),
            1 => target().prop_map(|(id, attempt)| Deed::Cancel(id, attempt)),
            4 => (intents.clone(), attempts.clone(), 0..5_u8)
                .prop_map(|(id, attempt, outcome)| Deed::Settle(id, attempt, outcome)),
            1 => (0..3_u8).prop_map(Deed::Lift),
        ],
        1..60,
    )
}

fn name(number: u8) -> IntentId {
    id(&format!("i{number}"))
}

/// Tries one deed; refusals are part of the game.
fn tried(store: &Store, lease: &mut Lease, deed: &Deed, now: i64) -> bool {
    let now = at(now);
    match *deed {
        Deed::TakeLease(is_other) => {
            let holder = if is_other { "other" } else { "me" };
            let later = now + TimeDelta::hours(if is_other { 9 } else { 0 });
            let taken = store.acquire_lease(holder, later, TimeDelta::hours(1));
            taken.map(|taken| *lease = taken).is_ok()
        }
        Deed::Intend(number, bits) => {
            let assets: Vec<&str> = [(1, "a"), (2, "b"), (4, "c")]
                .iter()
                .filter(|(bit, _)| bits & bit != 0)
                .map(|(_, asset)| *asset)
                .collect();
            store
                .intend(lease, &intent(&name(number).0, &assets))
                .is_ok()
        }
        Deed::Stamp(number, attempt) => store
            .stamp(lease, &name(number), attempt, now, now)
            .unwrap_or(false),
        Deed::RecordRun(number, attempt) => {
            let run = RunId(i64::from(number) * 10 + i64::from(attempt));
            store
                .record_run(&name(number), attempt, run, None, now)
                .unwrap()
        }
        Deed::Doubt(number, attempt) => store
            .record_uncertain(&name(number), attempt, "?", now)
            .unwrap(),
        Deed::Cancel(number, attempt) => store
            .record_cancel_request(&name(number), attempt, now)
            .unwrap(),
        Deed::Settle(number, attempt, outcome) => {
            let settlement = match outcome {
                0 => success(),
                1 => failure(false),
                2 => failure(true),
                3 => settled(Outcome::Cancelled {
                    message: "stop".to_owned(),
                }),
                _ => retry(&format!("i{number}-{}", attempt + 1)),
            };
            store
                .settle(&name(number), attempt, &settlement, now)
                .unwrap()
        }
        Deed::Lift(number) => {
            let asset = super::key(["a", "b", "c"][usize::from(number)]);
            store.lift_quarantine(&asset, "ann", now).unwrap()
        }
    }
}

/// Returns every intent there is.
fn intents(store: &Store) -> BTreeMap<IntentId, Intent> {
    let runs = store.runs(&RunFilter::default()).unwrap();
    runs.into_iter()
        .map(|run| (run.intent.id.clone(), run.intent))
        .collect()
}

/// The protocol's picture of which state may follow which.
fn is_legal(from: IntentState, to: IntentState) -> bool {
    use IntentState::{Pending, Running, Sending, Uncertain};
    match (from, to) {
        (Pending, Sending) | (Sending, Uncertain) => true,
        (Sending | Uncertain, Running) => true,
        (open, Pending) => open.is_open(),
        (open, settled) => open.is_open() && !settled.is_open(),
    }
}

fn check_step(before: &BTreeMap<IntentId, Intent>, after: &BTreeMap<IntentId, Intent>) -> usize {
    let mut changes = 0;
    for (id, intent) in after {
        let Some(earlier) = before.get(id) else {
            assert_eq!((intent.state, intent.attempt), (IntentState::Pending, 1));
            changes += 1;
            continue;
        };
        if (earlier.state, earlier.attempt) == (intent.state, intent.attempt) {
            continue;
        }
        changes += 1;
        assert!(
            is_legal(earlier.state, intent.state),
            "{earlier:?} became {intent:?}"
        );
        if intent.state == IntentState::Pending {
            assert_eq!(intent.attempt, earlier.attempt + 1);
            assert_eq!((intent.run_id, intent.first_sent_at), (None, None));
        } else {
            assert_eq!(intent.attempt, earlier.attempt);
        }
    }
    changes
}

fn state_rows(store: &Store) -> usize {
    let trail = store.audit_tail(usize::MAX).unwrap();
    trail
        .iter()
        .filter(|entry| entry.action.starts_with("intent."))
        .count()
}

fn check_world(store: &Store) {
    let open = store.load().unwrap().open_intents;
    let built: Vec<_> = open.values().flat_map(|intent| &intent.assets).collect();
    let distinct: BTreeSet<_> = built.iter().collect();
    assert_eq!(built.len(), distinct.len(), "S5: one open intent per asset");
    assert!(open.values().all(|intent| intent.state.is_open()));
    verify(store).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_tried_the_protocol_holds(deeds in deeds()) {
        // In memory: what is tried here is the order of things, not the disk.
        let place = Place::new();
        let store = Store::open_in_memory_copy(&place.path()).unwrap();
        let mut lease = super::lease(&store);
        let mut before = intents(&store);
        for (now, deed) in (1..).zip(&deeds) {
            let rows = state_rows(&store);
            let generation = store.generation().unwrap();
            let remembered = super::shown(&store.load().unwrap());
            let has_acted = tried(&store, &mut lease, deed, now);
            let after = intents(&store);
            let changes = check_step(&before, &after);
            assert_eq!(state_rows(&store) - rows, changes, "S8: {deed:?}");
            assert!(has_acted || changes == 0, "{deed:?} denied what it did");
            if super::shown(&store.load().unwrap()) != remembered {
                assert_ne!(store.generation().unwrap(), generation, "{deed:?} went unnoticed");
            }
            check_world(&store);
            before = after;
        }
    }
}
