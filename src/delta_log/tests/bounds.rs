//! Bounds of a watched column: all live values lie within them, and what is said to be reached is.

use std::collections::BTreeMap;

use assets::delta::bounds::Edge;
use assets::delta::contents::{Watch, WatchedColumn};
use proptest::prelude::*;

use super::*;

/// A file: its values, null where there is none, and which of its rows are deleted.
#[derive(Debug, Clone)]
struct Live {
    values: Vec<Option<i64>>,
    deleted: Vec<usize>,
    /// Whether its statistics name the column.
    tells: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Append {
        values: Vec<Option<i64>>,
        tells: bool,
    },
    Remove {
        which: usize,
    },
    DeleteRow {
        which: usize,
        row: usize,
    },
    Compact,
    Clean,
}

fn act() -> impl Strategy<Value = Act> {
    let value = prop::option::weighted(0.8, -5_i64..5);
    let values = proptest::collection::vec(value, 1..4);
    let tells = prop::bool::weighted(0.95);
    prop_oneof![
        4 => (values, tells).prop_map(|(values, tells)| Act::Append { values, tells }),
        2 => any::<usize>().prop_map(|which| Act::Remove { which }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(which, row)| Act::DeleteRow { which, row }),
        1 => Just(Act::Compact),
        1 => Just(Act::Clean),
    ]
}

impl Live {
    fn left(&self) -> impl Iterator<Item = i64> {
        let rows = self.values.iter().enumerate();
        let rows = rows.filter(|(row, _)| !self.deleted.contains(row));
        rows.filter_map(|(_, value)| *value)
    }

    fn action(&self, path: &str, data_change: bool) -> Value {
        let values: Vec<i64> = self.values.iter().flatten().copied().collect();
        let mut stats = json!({
            "numRecords": self.values.len(), "tightBounds": self.deleted.is_empty(),
        });
        if self.tells {
            stats["nullCount"] = json!({ "x": self.values.len() - values.len() });
            if let (Some(min), Some(max)) = (values.iter().min(), values.iter().max()) {
                stats["minValues"] = json!({ "x": min });
                stats["maxValues"] = json!({ "x": max });
            }
        }
        let mut action = json!({
            "path": path, "dataChange": data_change, "partitionValues": {},
            "stats": stats.to_string(),
        });
        if !self.deleted.is_empty() {
            action["deletionVector"] = json!({
                "storageType": "u", "pathOrInlineDv": format!("v{}", self.deleted.len()),
                "offset": 1, "cardinality": self.deleted.len(),
            });
        }
        action
    }
}

fn watching(column: &str) -> Ask {
    Ask::counting(vec![Watch::Range(column.to_owned())], Look::Quick)
}

fn watched(head: &KnownHead) -> &WatchedColumn {
    let [column] = &head.details.contents.as_ref().unwrap().columns[..] else {
        panic!("{head:?}");
    };
    column
}

fn plain_table() -> Value {
    described("t", &[("x", "long", None)], &[], &json!({}))
}

/// Fails unless the bounds hold for what is live.
fn assert_bounds(files: &BTreeMap<String, Live>, head: &KnownHead) {
    let column = watched(head);
    let values: Vec<i64> = files.values().flat_map(Live::left).collect();
    let ends = [
        (&column.range.min, values.iter().min(), true),
        (&column.range.max, values.iter().max(), false),
    ];
    for (edge, end, is_min) in ends {
        match (edge, end) {
            (Edge::Unknown, _) | (Edge::Empty, None) => {}
            (Edge::Empty, Some(end)) => panic!("{end} is live: {column:?}"),
            (Edge::Known(bound), end) => {
                let known: i64 = bound.value.parse().unwrap();
                let holds = end.is_none_or(|&end| if is_min { known <= end } else { known >= end });
                assert!(holds, "{values:?}: {column:?}");
                assert!(
                    !bound.is_exact || end == Some(&known),
                    "{values:?}: {column:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn bounds_hold_every_live_value_and_claim_no_more_than_is_there(
        acts in proptest::collection::vec((act(), any::<bool>()), 1..25),
    ) {
        let table = Table::empty();
        let read_on = |known: Option<&KnownHead>| {
            read(&LocalStore::of(table.location()), known, &watching("x"))
        };
        table.commit(0, &[PROTOCOL, &plain_table().to_string()]);
        let mut head = update(read_on(None)).head;
        let mut files: BTreeMap<String, Live> = BTreeMap::new();
        let mut version = 0;
        for (act, is_read) in acts {
            let mut lines = vec![operation("SOMETHING")];
            let mut line = |verb: &str, action: Value| lines.push(json!({ verb: action }).to_string());
            let pick = |which: usize| {
                let at = which.checked_rem(files.len())?;
                files.iter().nth(at).map(|(path, live)| (path.clone(), live.clone()))
            };
            match act {
                Act::Append { values, tells } => {
                    let live = Live { values, deleted: Vec::new(), tells };
                    let path = format!("f-{}", version + 1);
                    line("add", live.action(&path, true));
                    files.insert(path, live);
                }
                Act::Remove { which } => if let Some((path, live)) = pick(which) {
                    line("remove", live.action(&path, true));
                    files.remove(&path);
                },
                Act::DeleteRow { which, row } => if let Some((path, mut live)) = pick(which) {
                    line("remove", live.action(&path, true));
                    let row = row % live.values.len();
                    if !live.deleted.contains(&row) {
                        live.deleted.push(row);
                        line("add", live.action(&path, true));
                        files.insert(path, live);
                    } else {
                        files.remove(&path);
                    }
                },
                Act::Compact => {
                    let mut values = Vec::new();
                    for (path, live) in std::mem::take(&mut files) {
                        line("remove", live.action(&path, false));
                        let rows = live.values.iter().enumerate();
                        values.extend(rows.filter(|(row, _)| !live.deleted.contains(row)).map(|(_, v)| *v));
                    }
                    if !values.is_empty() {
                        let live = Live { values, deleted: Vec::new(), tells: true };
                        let path = format!("f-{}", version + 1);
                        line("add", live.action(&path, false));
                        files.insert(path, live);
                    }
                }
                Act::Clean => {
                    let mut actions = vec![protocol(), plain_table()];
                    let adds = files.iter().map(|(path, live)| json!({ "add": live.action(path, false) }));
                    actions.extend(adds);
                    table.checkpoint_of(version, &actions);
                    table.clean(version);
                    continue;
                }
            }
            version += 1;
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            table.commit(version, &lines);
            if is_read {
                head = update(read_on(Some(&head))).head;
                prop_assert_eq!(head.version, version);
                assert_bounds(&files, &head);
            }
        }
        if let Reading::Read(update) = read_on(Some(&head)) {
            head = update.head;
        }
        assert_bounds(&files, &head);
        let cold = update(read_on(None)).head;
        assert_bounds(&files, &cold);
        let live: usize = files.values().map(|live| live.values.len() - live.deleted.len()).sum();
        for head in [&head, &cold] {
            let rows = head.details.contents.as_ref().unwrap().rows;
            prop_assert_eq!(rows, Some(u64::try_from(live).unwrap()));
        }
    }
}

/// A file with these values of a column.
fn add(path: &str, column: &str, (min, max): (Value, Value)) -> String {
    let stats = json!({
        "numRecords": 2, "minValues": { column: min }, "maxValues": { column: max },
        "nullCount": { column: 0 },
    });
    let action = json!({ "path": path, "dataChange": true, "partitionValues": {}, "stats": stats.to_string() });
    json!({ "add": action }).to_string()
}

fn max(head: &KnownHead) -> Option<(&str, bool)> {
    let bound = watched(head).range.max.bound()?;
    Some((bound.value.as_str(), bound.is_exact))
}

/// A table with one file, and its head.
fn watched_table(column: (&str, &str, Option<&str>)) -> (Table, KnownHead) {
    let table = Table::empty();
    let metadata = described("t", &[column], &[], &json!({}));
    let values = (json!(1), json!(10));
    let physical = column.2.unwrap_or(column.0);
    table.commit(
        0,
        &[PROTOCOL, &metadata.to_string(), &add("a", physical, values)],
    );
    let head = on(&table, None, "x").head;
    assert_eq!(max(&head), Some(("10", true)));
    (table, head)
}

fn on(table: &Table, known: Option<&KnownHead>, column: &str) -> Update {
    let store = LocalStore::of(table.location());
    update(read(&store, known, &watching(column)))
}

#[test]
fn a_watched_column_of_another_type_is_counted_anew() {
    let (table, head) = watched_table(("x", "integer", None));
    let wider = described("t", &[("x", "long", None)], &[], &json!({}));
    table.commit(
        1,
        &[&wider.to_string(), &add("b", "x", (json!(2), json!(20)))],
    );
    let found = on(&table, Some(&head), "x");
    assert_eq!(max(&found.head), Some(("20", true)));
    assert_eq!(found.head, on(&table, Some(&head), "x").head);
    assert_eq!(watched(&found.head), watched(&on(&table, None, "x").head));
}

#[test]
fn a_watched_column_that_goes_and_comes_back_between_two_looks_is_watched() {
    let (table, head) = watched_table(("x", "long", None));
    let without = described("t", &[("y", "long", None)], &[], &json!({}));
    let with = described("t", &[("x", "long", None)], &[], &json!({}));
    table.commit(1, &[&without.to_string()]);
    table.commit(
        2,
        &[&with.to_string(), &add("b", "x", (json!(2), json!(20)))],
    );
    let found = on(&table, Some(&head), "x").head;
    assert_eq!(max(&found), Some(("20", true)));
    // Seen while it was away, nothing is known of it.
    table.delete(2);
    let away = on(&table, Some(&head), "x").head;
    assert!(max(&away).is_none() && watched(&away).physical.is_empty());
    table.commit(
        2,
        &[&with.to_string(), &add("b", "x", (json!(2), json!(20)))],
    );
    assert_eq!(max(&on(&table, Some(&away), "x").head), Some(("20", true)));
}

#[test]
fn a_watched_column_under_another_name_is_another_question() {
    let (table, head) = watched_table(("x", "long", Some("c1")));
    // Under column mapping, a rename leaves statistics where they are.
    let renamed = described("t", &[("z", "long", Some("c1"))], &[], &json!({}));
    table.commit(1, &[&renamed.to_string()]);
    let found = on(&table, Some(&head), "x").head;
    assert_eq!(max(&found), None);
    let found = on(&table, Some(&found), "z").head;
    assert_eq!(max(&found), Some(("10", true)));
    let store = LocalStore::of(table.location());
    assert_eq!(
        read(&store, Some(&found), &watching("z")),
        Reading::Unchanged
    );
}

#[test]
fn a_column_that_is_watched_from_now_on_is_counted_once() {
    let (table, head) = watched_table(("x", "long", None));
    let store = LocalStore::of(table.location());
    assert_eq!(
        read(&store, Some(&head), &watching("x")),
        Reading::Unchanged
    );
    let other = on(&table, Some(&head), "nowhere").head;
    assert_eq!((max(&other), other.version), (None, 0));
    assert_eq!(
        read(&store, Some(&other), &watching("nowhere")),
        Reading::Unchanged
    );
}
