//! What is seen is remembered as it was, and forgotten only when nobody needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::{AssetKey, CodeVersion, PassNumber, Relation, TableId, TableVersion};

use super::{Place, at, commit, intent, key, lease, shown, sighting, success, version};
use crate::ports::{DecisionRecord, PassFindings, PassRecord, Sighting, State};
use crate::state::{
    Basis, Build, CatalogLocation, Consumed, Learned, Lease, Observation, ObservedState, Provenance,
};
use crate::store::Store;

fn saw(store: &Store, lease: &Lease, sighting: Sighting) {
    store.record_sightings(lease, at(1), &[sighting]).unwrap();
}

/// Lets `consumer` have incorporated a version of `up`.
fn consumed(store: &Store, lease: &Lease, consumer: &str, version: Option<TableVersion>) {
    let consumed = Consumed {
        version,
        basis: Basis::CommitTime,
        partitions: Vec::new(),
    };
    let mut seen = sighting(consumer, []);
    seen.consumption = Some(BTreeMap::from([(key("up"), consumed)]));
    saw(store, lease, seen);
}

fn kept(store: &Store) -> Vec<u64> {
    let memory = store.load().unwrap();
    let commits = memory.commits.get(&key("up")).into_iter().flatten();
    commits.map(|commit| commit.version.version).collect()
}

#[test]
fn a_sighting_comes_back_as_it_was() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let mut seen = sighting("a", [3, 9]);
    seen.commits[1].intent = Some(super::id("i1"));
    seen.commits[1].operation = None;
    let inputs = BTreeMap::from([
        (
            key("x"),
            Consumed {
                version: Some(version(2)),
                basis: Basis::Stamp,
                partitions: Vec::new(),
            },
        ),
        (
            key("y"),
            Consumed {
                version: None,
                basis: Basis::RunStart,
                partitions: Vec::new(),
            },
        ),
    ]);
    seen.consumption = Some(inputs.clone());
    let build = Build {
        code_version: Some(CodeVersion::new("c9")),
        built_at: Some(at(-9)),
        is_adopted: true,
        ..Build::default()
    };
    seen.build = Some(build.clone());
    saw(&store, &lease, seen.clone());
    let memory = store.load().unwrap();
    assert_eq!(
        memory.observations,
        BTreeMap::from([(key("a"), seen.observation)])
    );
    assert_eq!(memory.commits, BTreeMap::from([(key("a"), seen.commits)]));
    assert_eq!(memory.consumption, BTreeMap::from([(key("a"), inputs)]));
    assert_eq!(memory.builds, BTreeMap::from([(key("a"), build)]));
}

#[test]
fn every_kind_of_observation_comes_back() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let unknown = ObservedState::Unknown {
        code: "torn_commit".to_owned(),
        reason: "its last commit is cut in half".to_owned(),
    };
    for state in [
        ObservedState::Absent,
        ObservedState::Gone,
        unknown,
        ObservedState::Ok,
    ] {
        let observation = Observation {
            state,
            head: None,
            since: at(3),
        };
        let mut seen = sighting("a", []);
        seen.observation = observation.clone();
        saw(&store, &lease, seen);
        assert_eq!(store.load().unwrap().observations[&key("a")], observation);
    }
}

#[test]
fn what_a_consumer_has_not_incorporated_is_kept() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    saw(&store, &lease, sighting("up", 1..=6));
    consumed(&store, &lease, "slow", Some(version(2)));
    consumed(&store, &lease, "quick", Some(version(6)));
    saw(&store, &lease, sighting("up", [7]));
    assert_eq!(kept(&store), [2, 3, 4, 5, 6, 7]);
    consumed(&store, &lease, "slow", Some(version(7)));
    consumed(&store, &lease, "quick", Some(version(7)));
    saw(&store, &lease, sighting("up", [8]));
    assert_eq!(kept(&store), [7, 8]);
    consumed(&store, &lease, "slow", Some(version(9)));
    consumed(&store, &lease, "quick", Some(version(9)));
    saw(&store, &lease, sighting("up", [9]));
    assert_eq!(kept(&store), [8, 9], "the newest two in any case");
}

#[test]
fn while_a_consumer_has_incorporated_nothing_everything_is_kept() {
    let other = TableVersion {
        table_id: TableId::new("t0"),
        version: 99,
    };
    for nothing in [None, Some(other)] {
        let place = Place::new();
        let store = place.open();
        let lease = lease(&store);
        consumed(&store, &lease, "new", nothing);
        consumed(&store, &lease, "quick", Some(version(60)));
        saw(&store, &lease, sighting("up", 1..=60));
        assert_eq!(kept(&store).len(), 60);
    }
}

#[test]
fn without_consumers_the_newest_fifty_are_kept() {
    let place = Place::new();
    let store = place.open();
    saw(&store, &lease(&store), sighting("up", 1..=60));
    assert_eq!(kept(&store), (11..=60).collect::<Vec<_>>());
}

#[test]
fn of_what_a_snapshot_chooses_from_two_hundred_are_kept_with_what_they_show() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    consumed(&store, &lease, "mart", Some(version(240)));
    let chosen_from = |commits| Sighting {
        is_chosen_from: true,
        ..sighting("up", commits)
    };
    saw(&store, &lease, chosen_from(1..=240));
    assert_eq!(kept(&store), (41..=240).collect::<Vec<_>>());
    let shown = Arc::new(Provenance::of_root(&key("root"), Some(version(7))));
    let learned = Learned {
        provenance: vec![(key("up"), version(60), Arc::clone(&shown))],
        recovered: Vec::new(),
    };
    let pass = store.begin_pass(&lease, at(1)).unwrap();
    let ended = PassRecord {
        pass,
        finished_at: at(2),
        observed: 1,
        triggered: 0,
        unknown: 0,
    };
    store
        .finish_pass(
            &lease,
            &ended,
            PassFindings {
                learned: Some(&learned),
                ..PassFindings::default()
            },
        )
        .unwrap();
    saw(&store, &lease, chosen_from(241..=250));
    let memory = store.load().unwrap();
    let known = memory.commits[&key("up")].iter();
    let known: Vec<_> = known
        .filter_map(|commit| Some((commit.version.version, commit.provenance.clone()?)))
        .collect();
    assert_eq!(known, [(60, shown)]);
}

#[test]
fn another_incarnation_forgets_the_commits_before_it() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    saw(&store, &lease, sighting("up", [8, 9]));
    let mut again = sighting("up", [0]);
    again.commits[0].version.table_id = TableId::new("t2");
    again.forget_commits = true;
    saw(&store, &lease, again);
    assert_eq!(kept(&store), [0]);
}

#[test]
fn a_bad_sighting_takes_the_others_back() {
    let place = Place::new();
    let store = place.open();
    let mut bad = sighting("b", [1]);
    bad.commits[0].version.version = u64::MAX;
    let both = [sighting("a", [1]), bad];
    let error = store
        .record_sightings(&lease(&store), at(1), &both)
        .unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    assert!(store.load().unwrap().observations.is_empty());
}

#[test]
fn locations_come_back() {
    let place = Place::new();
    let store = place.open();
    let location = CatalogLocation {
        storage_location: Some("/data/t".to_owned()),
        exists: true,
        looked_up_at: at(1),
    };
    let absent = CatalogLocation {
        storage_location: None,
        exists: false,
        looked_up_at: at(2),
    };
    let here = [
        (Relation::parse("main.`a.b`.t").unwrap(), location),
        (Relation::parse("main.x.v").unwrap(), absent),
    ];
    store.record_locations(&lease(&store), &here).unwrap();
    assert_eq!(store.load().unwrap().locations, BTreeMap::from(here));
}

#[test]
fn passes_are_counted_and_told() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    assert_eq!(store.load().unwrap().pass, PassNumber(0));
    assert_eq!(store.begin_pass(&lease, at(1)).unwrap(), PassNumber(1));
    let ended = PassRecord {
        pass: PassNumber(1),
        finished_at: at(2),
        observed: 5,
        triggered: 1,
        unknown: 2,
    };
    store
        .finish_pass(&lease, &ended, PassFindings::default())
        .unwrap();
    assert_eq!(store.begin_pass(&lease, at(3)).unwrap(), PassNumber(2));
    let memory = store.load().unwrap();
    assert_eq!(
        (memory.pass, memory.last_pass_at),
        (PassNumber(2), Some(at(2)))
    );
    assert_eq!(
        store.passes(9).unwrap(),
        [ended],
        "one that runs has not ended"
    );
    for _ in 0..1100 {
        store.begin_pass(&lease, at(4)).unwrap();
    }
    assert_eq!(store.load().unwrap().pass, PassNumber(1102));
    assert_eq!(place.count("SELECT count(*) FROM pass"), 1000);
}

fn decision(pass: u64, asset: &str, reasons: &str) -> DecisionRecord {
    DecisionRecord {
        pass: PassNumber(pass),
        at: at(0),
        asset: key(asset),
        action: "wait",
        reasons: reasons.to_owned(),
    }
}

#[test]
fn a_decision_is_recorded_when_it_changes() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    for (pass, reasons) in [(1, "[1]"), (2, "[1]"), (3, "[2]"), (4, "[1]")] {
        let both = [decision(pass, "a", reasons), decision(pass, "b", "[]")];
        store.record_decisions(&lease, &both).unwrap();
    }
    let passes = |asset: &AssetKey| -> Vec<u64> {
        let found = store.decisions(asset, 9).unwrap();
        found.iter().map(|decision| decision.pass.0).collect()
    };
    assert_eq!(passes(&key("a")), [4, 3, 1]);
    assert_eq!(passes(&key("b")), [1]);
    assert_eq!(
        store.decisions(&key("a"), 1).unwrap(),
        [decision(4, "a", "[1]")]
    );
    for pass in 5..40 {
        store
            .record_decisions(&lease, &[decision(pass, "a", &pass.to_string())])
            .unwrap();
    }
    let found = store.decisions(&key("a"), usize::MAX).unwrap();
    let passes: Vec<u64> = found.iter().map(|decision| decision.pass.0).collect();
    assert_eq!(
        passes,
        (20..40).rev().collect::<Vec<_>>(),
        "twenty are kept"
    );
}

/// Does something and tells whether the generation changed.
fn changes(store: &Store, act: impl FnOnce()) -> bool {
    let before = store.generation().unwrap();
    act();
    store.generation().unwrap() != before
}

#[test]
fn the_generation_tells_what_the_planner_has_to_read_again() {
    let place = Place::new();
    let (store, other) = (place.open(), place.open());
    let held = lease(&store);
    let seen = [sighting("a", [1])];
    let look = || store.record_sightings(&held, at(1), &seen).unwrap();
    assert!(changes(&store, look));
    let mut again = [sighting("a", [])];
    again[0].observation = seen[0].observation.clone();
    assert!(!changes(&store, || store
        .record_sightings(&held, at(2), &again)
        .unwrap()));
    assert!(!changes(&store, || {
        lease(&store);
    }));
    assert!(!changes(&store, || {
        store.begin_pass(&held, at(2)).unwrap();
    }));
    let decided = [decision(1, "a", "[]")];
    assert!(!changes(&store, || store
        .record_decisions(&held, &decided)
        .unwrap()));
    let intend = || store.intend(&held, &intent("i1", &["a"])).unwrap();
    assert!(changes(&other, intend), "whoever changed it");
    let settle = || {
        other
            .settle(&super::id("i1"), 1, &success(), at(3))
            .unwrap();
    };
    assert!(changes(&store, settle));
    assert!(!changes(&store, settle), "the second time does nothing");
    assert_eq!(shown(&store.load().unwrap()), shown(&other.load().unwrap()));
}

#[test]
fn a_commit_seen_again_replaces_what_was_known_of_it() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    saw(&store, &lease, sighting("up", [1]));
    let mut again = sighting("up", []);
    let known = crate::state::DataCommit {
        intent: Some(super::id("i1")),
        ..commit(1)
    };
    again.commits = vec![known.clone()];
    saw(&store, &lease, again);
    assert_eq!(store.load().unwrap().commits[&key("up")], [known]);
}
