//! Files, rows and partitions: carried forward commit by commit they come to what counting anew does,
//! and both to what really is there.

use std::collections::BTreeMap;

use assets::delta::contents::{PartitionNews, PartitionState};
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::touched::{AllBecause, Touched};
use proptest::prelude::*;

use super::*;

const COUNT: Ask = Ask {
    contents: true,
    columns: Vec::new(),
    spread: Vec::new(),
    look: Look::Quick,
};

/// A file that is there.
#[derive(Debug, Clone, PartialEq)]
struct Live {
    partition: u8,
    rows: u64,
    deleted: u64,
    has_stats: bool,
}

/// What really is there.
#[derive(Default)]
struct Model {
    files: BTreeMap<String, Live>,
    changed: BTreeMap<u8, u64>,
    made: u64,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Append {
        partition: u8,
        rows: u8,
        stats: bool,
    },
    /// How the remove tells of its file.
    Remove {
        which: u8,
        partition: bool,
        stats: bool,
    },
    DeleteRows {
        which: u8,
    },
    Compact {
        partition: u8,
        stats: bool,
    },
    RefreshStatistics {
        which: u8,
    },
    Nothing,
}

/// What is done to the log itself after a commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Upkeep {
    Nothing,
    Checkpoint,
    /// And the commits before it are removed, its own as well or not.
    Clean {
        its_own: bool,
    },
}

fn upkeep() -> impl Strategy<Value = Upkeep> {
    prop_oneof![
        6 => Just(Upkeep::Nothing),
        2 => Just(Upkeep::Checkpoint),
        1 => any::<bool>().prop_map(|its_own| Upkeep::Clean { its_own }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let append = (0_u8..4, 0_u8..20, prop::bool::weighted(0.9));
    let remove = (any::<u8>(), prop::bool::weighted(0.7), any::<bool>());
    prop_oneof![
        4 => append.prop_map(|(partition, rows, stats)| Act::Append { partition, rows, stats }),
        2 => remove.prop_map(|(which, partition, stats)| Act::Remove { which, partition, stats }),
        2 => any::<u8>().prop_map(|which| Act::DeleteRows { which }),
        2 => (0_u8..4, any::<bool>()).prop_map(|(partition, stats)| Act::Compact { partition, stats }),
        1 => any::<u8>().prop_map(|which| Act::RefreshStatistics { which }),
        1 => Just(Act::Nothing),
    ]
}

impl Model {
    fn pick(&self, which: u8) -> Option<(String, Live)> {
        let at = usize::from(which).checked_rem(self.files.len())?;
        let (path, live) = self.files.iter().nth(at)?;
        Some((path.clone(), live.clone()))
    }

    fn path(&mut self) -> String {
        self.made += 1;
        format!("f-{}", self.made)
    }

    /// Returns the lines of a commit that does it, and does it.
    fn act(&mut self, act: Act, version: u64) -> Vec<String> {
        match act {
            Act::Append {
                partition,
                rows,
                stats,
            } => {
                let live = Live {
                    partition,
                    rows: rows.into(),
                    deleted: 0,
                    has_stats: stats,
                };
                let path = self.path();
                let line = add(&path, &live, true);
                self.files.insert(path, live);
                self.changed.insert(partition, version);
                vec![line]
            }
            Act::Remove {
                which,
                partition,
                stats,
            } => {
                let Some((path, live)) = self.pick(which) else {
                    return Vec::new();
                };
                self.files.remove(&path);
                self.changed.insert(live.partition, version);
                vec![remove(&path, &live, true, (partition, stats))]
            }
            Act::DeleteRows { which } => {
                let Some((path, live)) = self.pick(which) else {
                    return Vec::new();
                };
                if live.deleted + 1 >= live.rows {
                    return Vec::new();
                }
                let mut less = live.clone();
                less.deleted += 1;
                let lines = vec![
                    remove(&path, &live, true, (true, true)),
                    add(&path, &less, true),
                ];
                self.changed.insert(live.partition, version);
                self.files.insert(path, less);
                lines
            }
            Act::Compact { partition, stats } => {
                let of = |live: &Live| live.partition == partition && live.has_stats;
                let old: Vec<_> = self.files.iter().filter(|(_, live)| of(live)).collect();
                let old: Vec<_> = old
                    .into_iter()
                    .map(|(p, l)| (p.clone(), l.clone()))
                    .collect();
                if old.len() < 2 {
                    return Vec::new();
                }
                let whole = Live {
                    partition,
                    rows: old.iter().map(|(_, live)| live.rows - live.deleted).sum(),
                    deleted: 0,
                    has_stats: true,
                };
                let mut lines = Vec::new();
                for (path, live) in &old {
                    lines.push(remove(path, live, false, (true, stats)));
                    self.files.remove(path);
                }
                let path = self.path();
                lines.push(add(&path, &whole, false));
                self.files.insert(path, whole);
                lines
            }
            Act::RefreshStatistics { which } => {
                let Some((path, live)) = self.pick(which) else {
                    return Vec::new();
                };
                let told = Live {
                    has_stats: true,
                    ..live
                };
                let line = add(&path, &told, false);
                self.files.insert(path, told);
                vec![line]
            }
            Act::Nothing => vec![operation("ANALYZE")],
        }
    }

    fn rows(&self, of: impl Fn(&Live) -> bool) -> Option<u64> {
        let files = self.files.values().filter(|live| of(live));
        files
            .map(|live| live.has_stats.then(|| live.rows - live.deleted))
            .sum()
    }

    /// Writes a checkpoint, and cleans up.
    fn keep(&self, table: &Table, version: u64, upkeep: Upkeep) {
        let mut actions = vec![protocol(), partitioned_by_number("t")];
        let files = self.files.iter();
        actions.extend(
            files.map(|(path, live)| json!({ "add": action(path, live, false, (true, true)) })),
        );
        match upkeep {
            Upkeep::Nothing => {}
            Upkeep::Checkpoint => table.checkpoint_of(version, &actions),
            Upkeep::Clean { its_own } => {
                table.checkpoint_of(version, &actions);
                table.clean(version + u64::from(its_own));
            }
        }
    }

    fn assert_is(&self, head: &KnownHead, partitions: &BTreeMap<PartitionTuple, PartitionState>) {
        let contents = head.details.contents.as_ref().unwrap();
        let files = u64::try_from(self.files.len()).unwrap();
        assert_eq!(
            (contents.files, contents.rows),
            (files, self.rows(|_| true))
        );
        for (tuple, state) in partitions {
            let number: u8 = tuple.values()[0].as_str().unwrap().parse().unwrap();
            let of = |live: &Live| live.partition == number;
            let files = self.files.values().filter(|live| of(live)).count();
            assert_eq!(state.files, u64::try_from(files).unwrap(), "{tuple}");
            assert_eq!(state.rows, self.rows(of), "{tuple}");
            let changed = self.changed[&number];
            assert!(
                state.version == changed || (state.is_bound && state.version > changed),
                "{tuple} changed in {changed}: {state:?}"
            );
        }
        for live in self.files.values() {
            assert!(partitions.iter().any(|(tuple, _)| {
                tuple.values()[0].as_str() == Some(live.partition.to_string().as_str())
            }));
        }
    }
}

fn action(path: &str, live: &Live, data_change: bool, (partition, stats): (bool, bool)) -> Value {
    let mut action = json!({ "path": path, "dataChange": data_change });
    if partition {
        // One value, spelled in several ways.
        let spelling = format!("{:0width$}", live.partition, width = path.len() % 3 + 1);
        action["partitionValues"] = json!({ "p": spelling });
    }
    if stats && live.has_stats {
        action["stats"] = json!(format!("{{\"numRecords\":{}}}", live.rows));
    }
    if live.deleted > 0 {
        action["deletionVector"] = json!({
            "storageType": "u", "pathOrInlineDv": format!("v{}", live.deleted), "offset": 1,
            "cardinality": live.deleted,
        });
    }
    action
}

fn add(path: &str, live: &Live, data_change: bool) -> String {
    json!({ "add": action(path, live, data_change, (true, true)) }).to_string()
}

fn remove(path: &str, live: &Live, data_change: bool, tells: (bool, bool)) -> String {
    json!({ "remove": action(path, live, data_change, tells) }).to_string()
}

pub(super) fn partitioned_by_number(id: &str) -> Value {
    let columns = [("p", "integer", None), ("x", "long", None)];
    described(id, &columns, &["p"], &json!({}))
}

/// Keeps partitions as a state file does.
pub(super) fn take(
    kept: &mut BTreeMap<PartitionTuple, PartitionState>,
    head: &KnownHead,
    news: &PartitionNews,
) {
    match news {
        PartitionNews::Nothing => {}
        PartitionNews::Replaced(all) => kept.clone_from(all),
        PartitionNews::Changed(deltas) => {
            for (tuple, delta) in deltas {
                let at = (head.version, head.last_committed_at);
                let after = PartitionState::advance(kept.get(tuple), delta, at);
                kept.insert(tuple.clone(), after);
            }
        }
    }
}

pub(super) fn read_counted(table: &Table, known: Option<&KnownHead>) -> Reading {
    read(&LocalStore::of(table.location()), known, &COUNT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn files_rows_and_partitions_are_what_is_there(
        acts in proptest::collection::vec((act(), any::<bool>(), upkeep()), 1..30),
        with_checkpoints in any::<bool>(),
    ) {
        let table = Table::empty();
        let mut model = Model::default();
        table.commit(0, &[PROTOCOL, &partitioned_by_number("t").to_string()]);
        let first = update(read_counted(&table, None));
        let (mut head, mut kept) = (first.head, BTreeMap::new());
        take(&mut kept, &head, &first.partitions);
        for (version, (act, is_read, upkeep)) in (1..).zip(acts) {
            let mut lines = model.act(act, version);
            lines.push(operation("SOMETHING"));
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            table.commit(version, &lines);
            if with_checkpoints {
                model.keep(&table, version, upkeep);
            }
            if is_read {
                let update = update(read_counted(&table, Some(&head)));
                head = update.head;
                take(&mut kept, &head, &update.partitions);
                prop_assert_eq!(head.version, version);
                model.assert_is(&head, &kept);
            }
        }
        if let Reading::Read(update) = read_counted(&table, Some(&head)) {
            head = update.head;
            take(&mut kept, &head, &update.partitions);
        }
        model.assert_is(&head, &kept);
        let cold = update(read_counted(&table, None));
        let mut anew = BTreeMap::new();
        take(&mut anew, &cold.head, &cold.partitions);
        model.assert_is(&cold.head, &anew);
        if !with_checkpoints {
            prop_assert_eq!(anew, kept);
        }
    }
}

#[test]
fn a_remove_that_does_not_say_where_is_placed_by_the_add_before_it() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &partitioned_by_number("t").to_string()]);
    let live = Live {
        partition: 3,
        rows: 5,
        deleted: 0,
        has_stats: true,
    };
    table.commit(1, &[&add("a", &live, true)]);
    let head = update(read_counted(&table, None)).head;
    table.commit(2, &[&remove("a", &live, true, (false, false))]);
    table.commit(3, &[&remove("never-added", &live, true, (false, false))]);
    let found = update(read_counted(&table, Some(&head)));
    let touched: Vec<_> = found
        .commits
        .iter()
        .map(|commit| &commit.partitions)
        .collect();
    let Touched::These(tuples) = touched[0] else {
        panic!("{touched:?}");
    };
    assert_eq!(
        tuples.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["3"]
    );
    assert_eq!(touched[1], &Touched::All(AllBecause::Unplaced));
}

#[test]
fn a_commit_that_was_cut_between_two_lines_is_told_by_its_checksum() {
    let table = Table::empty();
    let live = Live {
        partition: 1,
        rows: 5,
        deleted: 0,
        has_stats: true,
    };
    table.commit(
        0,
        &[
            PROTOCOL,
            &partitioned_by_number("t").to_string(),
            &add("a", &live, true),
        ],
    );
    let head = update(read_counted(&table, None)).head;
    table.commit(1, &[&add("b", &live, true)]);
    table.raw(&checksum_file(1), br#"{"numFiles":3}"#);
    let reason = Unreadable::TruncatedCommit {
        version: 1,
        files: 2,
        expected: 3,
    };
    assert_eq!(unknown(read_counted(&table, Some(&head))), reason);
    let cold = update(read_counted(&table, None));
    assert_eq!((cold.head.version, cold.trailing), (0, Some(reason)));
    // Whole at last.
    table.commit(1, &[&add("b", &live, true), &add("c", &live, true)]);
    let found = update(read_counted(&table, Some(&head)));
    assert_eq!((found.head.version, found.trailing), (1, None));
    assert_eq!(found.head.details.contents.unwrap().rows, Some(15));
}
