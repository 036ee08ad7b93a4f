//! What is kept of partitions and columns: carried forward, replaced, forgotten, and bounded.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use assets::delta::contents::{Contents, PartitionDelta, PartitionNews, PartitionState};
use assets::delta::files::Change;
use assets::delta::partition_tuple::PartitionTuple;
use serde_json::json;

use super::{Place, at, key, lease, sighting};
use crate::ports::{Sighting, State};
use crate::state::{Lease, ObservedState};
use crate::store::Store;
use crate::store::tables::partitions;

fn tuple(values: &[Option<&str>]) -> PartitionTuple {
    PartitionTuple::decode(&json!(values).to_string()).unwrap()
}

fn state(version: u64, rows: Option<u64>, files: u64) -> PartitionState {
    PartitionState {
        version,
        at: at(i64::try_from(version).unwrap()),
        is_bound: false,
        rows,
        files,
    }
}

/// What commits did, the last one that changed data at a version.
fn delta(version: Option<u64>, (added, removed): (u64, u64)) -> PartitionDelta {
    PartitionDelta {
        changed: version.map(|version| (version, at(i64::try_from(version).unwrap()))),
        change: Change {
            changed_data: version.is_some(),
            files_added: added,
            files_removed: removed,
            rows_added: Some(10 * added),
            rows_removed: Some(10 * removed),
        },
    }
}

/// A look at `a` whose table is at a version and counted.
fn counted(version: u64, partitions: PartitionNews) -> Sighting {
    let mut seen = sighting("a", [version]);
    let head = seen.observation.head.as_mut().unwrap();
    Arc::make_mut(head).details.contents = Some(Contents::default());
    seen.partitions = partitions;
    seen
}

/// A store, what is in it, and the right to write it.
struct Kept {
    place: Place,
    store: Store,
    lease: Lease,
}

impl Kept {
    fn new() -> Self {
        let place = Place::new();
        let store = place.open();
        let lease = lease(&store);
        Self {
            place,
            store,
            lease,
        }
    }

    fn saw(&self, seen: Sighting) {
        self.store
            .record_sightings(&self.lease, at(1), &[seen])
            .unwrap();
    }

    fn partitions(&self) -> BTreeMap<PartitionTuple, PartitionState> {
        partitions(&self.place.raw(), &key("a")).unwrap()
    }

    /// Counts the rows that are written from now on.
    fn watch(&self) {
        let tables = [
            "table_partition",
            "table_schema",
            "schema_change",
            "observation",
        ];
        let mut sql = "CREATE TABLE written (name TEXT);".to_owned();
        for table in tables {
            for deed in ["INSERT", "UPDATE", "DELETE"] {
                write!(
                    sql,
                    "CREATE TRIGGER {table}_{deed} AFTER {deed} ON {table}
                     BEGIN INSERT INTO written VALUES ('{table}'); END;"
                )
                .unwrap();
            }
        }
        self.place.raw().execute_batch(&sql).unwrap();
    }

    fn written(&self) -> i64 {
        let written = self.place.count("SELECT count(*) FROM written");
        self.place.raw().execute("DELETE FROM written", ()).unwrap();
        written
    }
}

#[test]
fn partitions_are_replaced_and_carried_forward() {
    let kept = Kept::new();
    let (one, null) = (
        tuple(&[Some("1"), Some("a\"b|c")]),
        tuple(&[None, Some("ä")]),
    );
    let first = BTreeMap::from([
        (one.clone(), state(3, Some(20), 2)),
        (null.clone(), state(1, None, 1)),
    ]);
    kept.saw(counted(3, PartitionNews::Replaced(first.clone())));
    assert_eq!(kept.partitions(), first);
    assert_eq!(kept.store.table_notes().unwrap()[&key("a")].partitions, 2);

    let new = tuple(&[Some("2"), None]);
    let deltas = BTreeMap::from([
        (one.clone(), delta(Some(5), (1, 2))),
        // Rewritten without a change of data.
        (null.clone(), delta(None, (1, 1))),
        (new.clone(), delta(Some(4), (1, 0))),
    ]);
    kept.saw(counted(5, PartitionNews::Changed(deltas)));
    let second = BTreeMap::from([
        (one, state(5, Some(10), 1)),
        (null.clone(), state(1, None, 1)),
        (new.clone(), state(4, Some(10), 1)),
    ]);
    assert_eq!(kept.partitions(), second);

    // A partition that lost its data is known, and none of those with data.
    let deltas = BTreeMap::from([(null.clone(), delta(Some(6), (0, 1)))]);
    kept.saw(counted(6, PartitionNews::Changed(deltas)));
    assert_eq!(kept.partitions()[&null], state(6, Some(0), 0));
    assert_eq!(kept.store.table_notes().unwrap()[&key("a")].partitions, 2);

    let last = BTreeMap::from([(new, state(9, Some(1), 1))]);
    kept.saw(counted(9, PartitionNews::Replaced(last.clone())));
    assert_eq!(kept.partitions(), last, "what is not among them is gone");
    assert_eq!(
        kept.place.open().table_notes().unwrap()[&key("a")].partitions,
        1
    );
}

#[test]
fn partitions_are_forgotten_when_nobody_knows_them_and_kept_while_a_table_cannot_be_read() {
    let kept = Kept::new();
    let first = BTreeMap::from([(tuple(&[]), state(3, Some(20), 2))]);
    kept.saw(counted(3, PartitionNews::Replaced(first.clone())));
    let mut blind = counted(3, PartitionNews::Nothing);
    blind.observation.state = ObservedState::Unknown {
        code: "torn_commit".to_owned(),
        reason: "torn".to_owned(),
    };
    kept.saw(blind.clone());
    assert_eq!(kept.partitions(), first);
    blind.observation.head = None;
    kept.saw(blind);
    assert_eq!(kept.partitions(), first);
    kept.saw(sighting("b", [3]));
    assert_eq!(kept.partitions(), first, "those of another table");
    kept.saw(sighting("a", [4]));
    assert_eq!(kept.partitions(), BTreeMap::new());
}

fn schema(fields: &[(&str, &str)]) -> Arc<str> {
    let field = |(name, kind): &(&str, &str)| json!({ "name": name, "type": kind, "nullable": true, "metadata": {} });
    let fields: Vec<serde_json::Value> = fields.iter().map(field).collect();
    json!({ "type": "struct", "fields": fields })
        .to_string()
        .into()
}

fn with_schema(version: u64, schema: Arc<str>) -> Sighting {
    let mut seen = counted(version, PartitionNews::Nothing);
    seen.schema = Some(schema);
    seen
}

#[test]
fn changes_of_columns_are_told_with_what_they_mean() {
    let kept = Kept::new();
    let last = || {
        let notes = kept.store.table_notes().unwrap();
        let change = notes
            .get(&key("a"))
            .and_then(|notes| notes.schema_change.clone());
        change.map(|change| (change.version, change.is_breaking, change.changes.len()))
    };
    kept.saw(with_schema(1, schema(&[("x", "integer")])));
    assert_eq!(last(), None, "the first columns are no change");
    kept.saw(with_schema(2, schema(&[("x", "integer"), ("y", "string")])));
    assert_eq!(last(), Some((2, false, 1)));
    kept.saw(with_schema(3, schema(&[("y", "string")])));
    assert_eq!(last(), Some((3, true, 1)));
    // Other words for the same, and what cannot be read, are no news.
    let spaced: String = schema(&[("y", "string")]).replace(':', ": ");
    kept.saw(with_schema(4, spaced.into()));
    kept.saw(with_schema(5, "".into()));
    assert_eq!(last(), Some((3, true, 1)));
    assert_eq!(kept.place.count("SELECT count(*) FROM schema_change"), 2);
    let texts = kept.place.count("SELECT count(*) FROM table_schema");
    assert_eq!(texts, 1);
}

#[test]
fn of_the_changes_of_columns_the_newest_twenty_are_kept_for_each_table() {
    let kept = Kept::new();
    for version in 0..30_u64 {
        let kind = if version % 2 == 0 { "long" } else { "string" };
        kept.saw(with_schema(version, schema(&[("x", kind)])));
    }
    let mut other = with_schema(1, schema(&[("x", "long")]));
    other.asset = key("b");
    kept.saw(other.clone());
    other.schema = Some(schema(&[]));
    kept.saw(other);
    let of = |asset: &str| {
        let sql = format!(
            "SELECT count(*) * 1000 + min(version) FROM schema_change WHERE asset = '{asset}'"
        );
        kept.place.count(&sql)
    };
    assert_eq!((of("a"), of("b")), (20_010, 1_001));
}

#[test]
fn what_stays_as_it_was_is_not_written() {
    let kept = Kept::new();
    let both = BTreeMap::from([
        (tuple(&[Some("1")]), state(3, Some(20), 2)),
        (tuple(&[Some("2")]), state(1, None, 1)),
    ]);
    let mut seen = with_schema(3, schema(&[("x", "long")]));
    seen.commits.clear();
    seen.partitions = PartitionNews::Replaced(both.clone());
    kept.saw(seen.clone());
    kept.watch();
    let generation = || kept.store.generation().unwrap();
    let before = generation();
    kept.saw(seen.clone());
    assert_eq!((kept.written(), generation()), (0, before));
    // A rewriting of files that comes to the same.
    let deltas = BTreeMap::from([(tuple(&[Some("2")]), delta(None, (1, 1)))]);
    seen.partitions = PartitionNews::Changed(deltas);
    kept.saw(seen.clone());
    assert_eq!((kept.written(), generation()), (0, before));
    // Only what differs is written, and the planner does not read it.
    let mut other = both;
    other.insert(tuple(&[Some("2")]), state(4, None, 1));
    seen.partitions = PartitionNews::Replaced(other);
    kept.saw(seen);
    assert_eq!((kept.written(), generation()), (1, before));
}
