//! What is kept of the values of `dynamic` partitions: in the order of their places, with what became of them.

use std::sync::Arc;

use assets::delta::PartitionValue;
use assets::delta::contents::{Contents, PartitionDelta, PartitionState};
use assets::delta::files::Change;
use assets::delta::partition_tuple::PartitionTuple;

use super::*;
use crate::state::ValueNews;

fn value(text: &str) -> PartitionValue {
    PartitionValue::from((text != "null").then(|| text.into()))
}

/// A partition by day and tenant.
fn tuple(day: &str, tenant: &str) -> PartitionTuple {
    [value(day), value(tenant)].into_iter().collect()
}

fn seen(version: u64, partitions: PartitionNews, added: &[&str]) -> Sighting {
    let mut seen = sighting("a", [version]);
    let head = seen.observation.head.as_mut().unwrap();
    Arc::make_mut(head).details.contents = Some(Contents::default());
    seen.partitions = partitions;
    seen.values.push(ValueNews {
        column: "tenant".to_owned(),
        at: Some(1),
        added: added.iter().map(|text| value(text)).collect(),
        brought: BTreeSet::new(),
    });
    seen
}

fn all(partitions: &[(&str, &str, u64)]) -> PartitionNews {
    let state = |files| PartitionState {
        version: 0,
        at: at(0),
        is_bound: false,
        rows: None,
        files,
    };
    let all = partitions
        .iter()
        .map(|(day, tenant, files)| (tuple(day, tenant), state(*files)));
    PartitionNews::Replaced(all.collect())
}

fn changed(partitions: &[(&str, &str, u64, u64)]) -> PartitionNews {
    let deltas = partitions.iter().map(|(day, tenant, added, removed)| {
        let change = Change {
            changed_data: true,
            files_added: *added,
            files_removed: *removed,
            ..Change::default()
        };
        let delta = PartitionDelta {
            changed: Some((1, at(1))),
            change,
        };
        (tuple(day, tenant), delta)
    });
    PartitionNews::Changed(deltas.collect::<BTreeMap<_, _>>())
}

/// The values in the order of their places; those that are gone in brackets.
fn values(store: &Store) -> Vec<String> {
    let memory = store.load().unwrap();
    let known = &memory.values[&key("a")]["tenant"];
    let shown = |value: &PartitionValue| {
        let text = value.as_str().unwrap_or("null");
        if known.is_present(value) {
            text.to_owned()
        } else {
            format!("({text})")
        }
    };
    known.values().iter().map(shown).collect()
}

#[test]
fn values_keep_their_places_whatever_becomes_of_them() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let saw = |seen: Sighting| {
        store.record_sightings(&lease, at(1), &[seen]).unwrap();
    };
    let first = all(&[("1", "zeta", 1), ("1", "null", 2), ("2", "zeta", 1)]);
    saw(seen(1, first, &["zeta", "null"]));
    assert_eq!(values(&store), ["zeta", "null"]);
    saw(seen(2, changed(&[("3", "beta", 1, 0)]), &["beta"]));
    assert_eq!(values(&store), ["zeta", "null", "beta"]);
    // One of two partitions of a value is gone, and then the other one.
    saw(seen(3, changed(&[("1", "zeta", 0, 1)]), &[]));
    assert_eq!(values(&store), ["zeta", "null", "beta"]);
    saw(seen(4, changed(&[("2", "zeta", 0, 1)]), &[]));
    assert_eq!(values(&store), ["(zeta)", "null", "beta"]);
    // What an input has is known, and not there yet; twice is once.
    let mut followed = sighting("a", [5]);
    followed.values.push(ValueNews {
        column: "tenant".to_owned(),
        at: None,
        added: vec![value("new"), value("zeta"), value("soon")],
        brought: BTreeSet::new(),
    });
    saw(followed);
    assert_eq!(
        values(&store),
        ["(zeta)", "null", "beta", "(new)", "(soon)"]
    );
    // Of a table whose files nobody counts, commits say what they brought.
    let mut uncounted = seen(5, PartitionNews::Nothing, &[]);
    uncounted.values[0].brought = [value("soon")].into();
    saw(uncounted);
    assert_eq!(values(&store), ["(zeta)", "null", "beta", "(new)", "soon"]);
    let again = all(&[("9", "zeta", 1), ("9", "new", 1), ("1", "null", 0)]);
    saw(seen(6, again, &[]));
    assert_eq!(
        values(&store),
        ["zeta", "(null)", "(beta)", "new", "(soon)"]
    );
    assert_eq!(
        values(&place.open()),
        values(&store),
        "as it stands in the file"
    );
}

#[test]
fn lists_that_stay_are_not_read_again() {
    let place = Place::new();
    let store = place.open();
    let lease = lease(&store);
    let first = seen(1, all(&[("1", "x", 1)]), &["x"]);
    store.record_sightings(&lease, at(1), &[first]).unwrap();
    let own = |store: &Store| store.load().unwrap().own_values(&key("a"), "TENANT");
    let before = own(&store);
    store
        .record_sightings(&lease, at(1), &[sighting("b", [1])])
        .unwrap();
    assert!(own(&store).is_unchanged(&before));
    let more = seen(2, changed(&[("1", "y", 1, 0)]), &["y"]);
    store.record_sightings(&lease, at(1), &[more]).unwrap();
    assert!(!own(&store).is_unchanged(&before));
    assert_eq!(values(&store), ["x", "y"]);
}
