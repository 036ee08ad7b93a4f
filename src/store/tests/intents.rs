//! What becomes of an intent, step by step, and what follows for its assets.

use std::collections::BTreeMap;

use assets::{CodeVersion, PassNumber};

use super::{Place, at, failure, id, intent, key, lease, retry, settled, success, version};
use crate::ports::{State, StateError};
use crate::state::{Basis, Consumed, Cut, IntentState, Outcome, RunId};
use crate::store::{RunFilter, Store};

fn state_of(store: &Store, intent: &str) -> IntentState {
    store.intent(&id(intent)).unwrap().unwrap().state
}

/// Brings an intent to `running`.
fn started(store: &Store, name: &str, run: i64) {
    let lease = lease(store);
    store.intend(&lease, &intent(name, &["a", "b"])).unwrap();
    assert!(store.stamp(&lease, &id(name), 1, at(2), at(2)).unwrap());
    assert!(
        store
            .record_run(&id(name), 1, RunId(run), Some("https://w/1"), at(3))
            .unwrap()
    );
}

#[test]
fn an_intent_is_kept_as_it_was_made() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let made = intent("i1", &["a", "b"]);
    store.intend(&lease, &made).unwrap();
    assert_eq!(store.intent(&id("i1")).unwrap(), Some(made.clone()));
    assert_eq!(
        store.load().unwrap().open_intents,
        BTreeMap::from([(id("i1"), made)])
    );
}

#[test]
fn an_asset_has_one_open_intent() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a", "b"])).unwrap();
    let error = store
        .intend(&lease, &intent("i2", &["c", "b"]))
        .unwrap_err();
    assert!(
        matches!(&error, StateError::IntentExists { asset } if *asset == key("b")),
        "{error}"
    );
    assert_eq!(
        store.intent(&id("i2")).unwrap(),
        None,
        "nothing of it was written"
    );
    store.settle(&id("i1"), 1, &success(), at(4)).unwrap();
    store.intend(&lease, &intent("i2", &["c", "b"])).unwrap();
}

#[test]
fn the_index_alone_keeps_a_second_open_intent_out() {
    let place = Place::new();
    let store = place.open();
    store.intend(&lease(&store), &intent("i1", &["a"])).unwrap();
    let second = "INSERT INTO intent_asset (intent, asset) VALUES ('i2', 'a')";
    let error = place.raw().execute(second, ()).unwrap_err();
    assert!(error.to_string().contains("UNIQUE"), "{error}");
}

#[test]
fn the_first_stamp_stays_when_it_is_sent_again() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    assert!(store.stamp(&lease, &id("i1"), 1, at(10), at(11)).unwrap());
    assert!(store.stamp(&lease, &id("i1"), 1, at(20), at(21)).unwrap());
    let found = store.intent(&id("i1")).unwrap().unwrap();
    assert_eq!(
        (found.first_sent_at, found.last_sent_at),
        (Some(at(10)), Some(at(20)))
    );
    assert!(
        !store.stamp(&lease, &id("i1"), 2, at(30), at(30)).unwrap(),
        "another attempt"
    );
    assert!(!store.stamp(&lease, &id("none"), 1, at(30), at(30)).unwrap());
    store
        .record_uncertain(&id("i1"), 1, "no answer", at(40))
        .unwrap();
    assert!(
        !store.stamp(&lease, &id("i1"), 1, at(50), at(50)).unwrap(),
        "never sent again"
    );
}

#[test]
fn a_run_is_recorded_once_from_sending_or_uncertain() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    store.intend(&lease, &intent("i1", &["a"])).unwrap();
    assert!(
        !store
            .record_run(&id("i1"), 1, RunId(5), None, at(2))
            .unwrap(),
        "nothing was sent"
    );
    assert!(!store.record_uncertain(&id("i1"), 1, "?", at(2)).unwrap());
    store.stamp(&lease, &id("i1"), 1, at(2), at(2)).unwrap();
    assert!(
        store
            .record_uncertain(&id("i1"), 1, "no answer", at(3))
            .unwrap()
    );
    assert!(
        !store
            .record_uncertain(&id("i1"), 1, "no answer", at(3))
            .unwrap()
    );
    assert!(
        store
            .record_run(&id("i1"), 1, RunId(5), Some("u"), at(4))
            .unwrap()
    );
    assert!(
        !store
            .record_run(&id("i1"), 1, RunId(6), None, at(5))
            .unwrap()
    );
    let found = store.intent_of_run(RunId(5)).unwrap().unwrap();
    assert_eq!(
        (found.state, found.run_id),
        (IntentState::Running, Some(RunId(5)))
    );
    assert_eq!(found.url.as_deref(), Some("u"));
    assert_eq!(store.intent_of_run(RunId(6)).unwrap(), None);
}

#[test]
fn cancelling_is_asked_for_once() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    assert!(store.record_cancel_request(&id("i1"), 1, at(5)).unwrap());
    assert!(!store.record_cancel_request(&id("i1"), 1, at(6)).unwrap());
    let found = store.intent(&id("i1")).unwrap().unwrap();
    assert_eq!(found.cancel_requested_at, Some(at(5)));
    store.settle(&id("i1"), 1, &success(), at(7)).unwrap();
    assert!(!store.record_cancel_request(&id("i1"), 1, at(8)).unwrap());
}

#[test]
fn success_makes_the_inputs_consumed() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    assert!(store.settle(&id("i1"), 1, &success(), at(101)).unwrap());
    assert!(
        !store.settle(&id("i1"), 1, &failure(true), at(102)).unwrap(),
        "settled is settled"
    );
    assert_eq!(state_of(&store, "i1"), IntentState::Succeeded);

    let memory = store.load().unwrap();
    let consumed = |version| Consumed {
        version,
        basis: Basis::Run,
        partitions: Vec::new(),
    };
    let inputs = BTreeMap::from([
        (key("empty"), consumed(None)),
        (key("up"), consumed(Some(version(7)))),
    ]);
    assert_eq!(
        memory.consumption,
        BTreeMap::from([(key("a"), inputs.clone()), (key("b"), inputs)])
    );
    let build = &memory.builds[&key("a")];
    assert_eq!(build.code_version, Some(CodeVersion::new("c1")));
    assert_eq!(
        (build.built_at, build.last_success_at),
        (Some(at(100)), Some(at(100)))
    );
    assert_eq!(build.produced, Some(version(1)));
    assert_eq!(build.degraded_by, [key("late")]);
    assert_eq!(memory.builds[&key("b")].produced, None);
    assert_eq!(memory.open_intents, BTreeMap::new());
}

#[test]
fn a_cut_outlives_the_run_that_it_was_not_meant_for() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let cut = |pass| Cut {
        pass: PassNumber(pass),
        fixed_at: at(1),
    };
    let cuts = [(key("a"), Some(cut(3))), (key("b"), Some(cut(3)))];
    store.record_cuts(&lease, &cuts).unwrap();
    assert_eq!(store.load().unwrap().builds[&key("a")].cut, Some(cut(3)));
    store.intend(&lease, &intent("i1", &["a", "b"])).unwrap();
    assert_eq!(
        store.load().unwrap().builds,
        BTreeMap::new(),
        "intending fulfils them"
    );

    store
        .record_cuts(&lease, &[(key("a"), Some(cut(5)))])
        .unwrap();
    store.settle(&id("i1"), 1, &success(), at(9)).unwrap();
    let builds = store.load().unwrap().builds;
    assert_eq!(
        (builds[&key("a")].cut, builds[&key("b")].cut),
        (Some(cut(5)), None)
    );
    store.record_cuts(&lease, &[(key("a"), None)]).unwrap();
    assert_eq!(store.load().unwrap().builds[&key("a")].cut, None);
}

#[test]
fn a_retry_is_a_new_attempt_with_a_clean_slate() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    store.record_cancel_request(&id("i1"), 1, at(5)).unwrap();
    assert!(store.settle(&id("i1"), 1, &retry("i1-2"), at(101)).unwrap());
    let expected = crate::state::Intent {
        attempt: 2,
        token: "i1-2".to_owned(),
        not_before: Some(at(160)),
        ..intent("i1", &["a", "b"])
    };
    assert_eq!(store.intent(&id("i1")).unwrap(), Some(expected));
    assert!(
        !store
            .record_run(&id("i1"), 1, RunId(6), None, at(102))
            .unwrap(),
        "a late answer"
    );
    assert!(!store.settle(&id("i1"), 1, &success(), at(102)).unwrap());
    assert_eq!(
        store.load().unwrap().builds,
        BTreeMap::new(),
        "nothing failed for good yet"
    );

    let runs = store.runs(&RunFilter::default()).unwrap();
    let attempts: Vec<_> = runs
        .iter()
        .map(|run| (run.attempt, run.state, run.run_id))
        .collect();
    assert_eq!(
        attempts,
        [
            (2, IntentState::Pending, None),
            (1, IntentState::Failed, Some(RunId(5)))
        ]
    );
    assert_eq!(runs[1].triggered_at, Some(at(2)));
    assert_eq!(runs[1].finished_at, Some(at(100)));
    let told = ("TIMEOUT".to_owned(), "it took too long".to_owned());
    assert_eq!(runs[1].failure, Some(told));
}

#[test]
fn failure_and_cancellation_quarantine_until_lifted_or_rebuilt() {
    let cancelled = settled(Outcome::Cancelled {
        message: "somebody did".to_owned(),
    });
    for (settlement, expected, code) in [
        (failure(false), IntentState::Failed, "TASK_FAILED"),
        (failure(true), IntentState::Quarantined, "TASK_FAILED"),
        (cancelled, IntentState::Cancelled, "cancelled"),
    ] {
        let place = Place::new();
        let store = place.open();
        started(&store, "i1", 5);
        store.settle(&id("i1"), 1, &settlement, at(101)).unwrap();
        assert_eq!(state_of(&store, "i1"), expected);
        let failure = store.load().unwrap().builds[&key("a")]
            .failure
            .clone()
            .unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.attempts, failure.at),
            (code, 1, at(100))
        );
        assert_eq!(failure.inputs[&key("up")], Some(version(7)));
        assert_eq!(failure.code_version, Some(CodeVersion::new("c1")));

        assert!(store.lift_quarantine(&key("a"), "ann", at(102)).unwrap());
        assert!(!store.lift_quarantine(&key("a"), "ann", at(103)).unwrap());
        assert_eq!(store.audit_tail(1).unwrap()[0].actor, "ann");
        started(&store, "i2", 6);
        store.settle(&id("i2"), 1, &success(), at(104)).unwrap();
        assert_eq!(
            store.load().unwrap().builds[&key("b")].failure,
            None,
            "success ends it"
        );
    }
}

#[test]
fn an_attempt_is_cancelled_only_where_it_was_seen() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    store.act_as("user ann");
    let pending = IntentState::Pending;
    let running = state_of(&store, "i1");
    for (attempt, state) in [(1, pending), (2, running)] {
        let cancelled = store.cancel_attempt((&id("i1"), attempt), state, "enough", at(101));
        assert!(!cancelled.unwrap(), "{attempt} {state:?}");
        assert_eq!(state_of(&store, "i1"), running);
    }
    let cancelled = store.cancel_attempt((&id("i1"), 1), running, "enough", at(102));
    assert!(cancelled.unwrap());
    assert_eq!(state_of(&store, "i1"), IntentState::Cancelled);
    assert_eq!(store.audit_tail(1).unwrap()[0].actor, "user ann");
    let attempts = store.attempts(&id("i1")).unwrap();
    let failure = attempts[0].failure.clone().unwrap();
    assert_eq!((attempts.len(), failure.1.as_str()), (1, "enough"));
    assert_eq!(store.attempts(&id("i2")).unwrap(), []);
}

#[test]
fn settling_tells_the_world_once() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    store.settle(&id("i1"), 1, &retry("i1-2"), at(101)).unwrap();
    assert_eq!(
        place.count("SELECT count(*) FROM outbox"),
        0,
        "a retry is no news"
    );
    store.settle(&id("i1"), 2, &failure(true), at(102)).unwrap();
    store.settle(&id("i1"), 2, &failure(true), at(103)).unwrap();
    let kind: String = place
        .raw()
        .query_row("SELECT kind FROM outbox", (), |row| row.get(0))
        .unwrap();
    assert_eq!(kind, "run.quarantined");
}

#[test]
fn runs_are_found_by_asset_state_and_time() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    store.settle(&id("i1"), 1, &success(), at(10)).unwrap();
    let later = crate::state::Intent {
        created_at: at(50),
        ..intent("i2", &["c"])
    };
    store.intend(&lease(&store), &later).unwrap();
    let found = |filter: RunFilter| -> Vec<String> {
        let runs = store.runs(&filter).unwrap();
        runs.into_iter().map(|run| run.intent.id.0).collect()
    };
    let all = RunFilter::default();
    assert_eq!(found(all.clone()), ["i2", "i1"]);
    assert_eq!(
        found(RunFilter {
            limit: 1,
            ..all.clone()
        }),
        ["i2"]
    );
    assert_eq!(
        found(RunFilter {
            since: Some(at(50)),
            ..all.clone()
        }),
        ["i2"]
    );
    let assets = vec![key("b"), key("none")];
    assert_eq!(
        found(RunFilter {
            assets,
            ..all.clone()
        }),
        ["i1"]
    );
    let states = vec![IntentState::Pending, IntentState::Failed];
    assert_eq!(found(RunFilter { states, ..all }), ["i2"]);
    assert_eq!(
        store.run_by_id(RunId(5)).unwrap().unwrap().intent.assets,
        [key("a"), key("b")]
    );
}

#[test]
fn what_was_started_lately_is_told_with_assets_pool_and_backfill() {
    let place = Place::new();
    let store = place.open();
    started(&store, "i1", 5);
    store.settle(&id("i1"), 1, &retry("t2"), at(10)).unwrap();
    let later = crate::state::Intent {
        created_at: at(50),
        pool: Some("etl".to_owned()),
        ..intent("i2", &["c"])
    };
    store.intend(&lease(&store), &later).unwrap();
    let all: Vec<(i64, Vec<String>, Option<String>)> = store
        .started_since(at(0))
        .unwrap()
        .into_iter()
        .map(|run| {
            let assets = run.assets.iter().map(ToString::to_string).collect();
            ((run.at - at(0)).num_seconds(), assets, run.pool)
        })
        .collect();
    // The retry is an attempt of its own.
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all[0].1, ["a", "b"]);
    assert_eq!(all[1].0, 10);
    assert_eq!(all[2], (50, vec!["c".to_owned()], Some("etl".to_owned())));
    assert_eq!(store.started_since(at(50)).unwrap().len(), 1);
    assert!(store.started_since(at(51)).unwrap().is_empty());
}
