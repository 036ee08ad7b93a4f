//! Nulls counted by statistics, against rows that are counted one by one.

use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::delta::commit::parse_commit_with;
use crate::delta::contents::{Contents, Gauge, Watch, WatchedColumn};
use crate::delta::partition_tuple::PartitionColumns;
use crate::delta::replay::Replay;
use crate::delta::schema::Schema;

/// A file with its rows: whether each is null, and which of them are deleted.
#[derive(Debug, Clone)]
struct File {
    path: String,
    nulls: Vec<bool>,
    deleted: BTreeSet<usize>,
    /// Whether its statistics tell the nulls.
    tells: bool,
}

impl File {
    fn naive(&self) -> u64 {
        let shown = self.nulls.iter().enumerate();
        let shown = shown.filter(|(row, is_null)| **is_null && !self.deleted.contains(row));
        shown.count().try_into().unwrap()
    }

    /// The statistics of when it was written, which deleting rows leaves as they were.
    fn action(&self, data_change: bool) -> Value {
        let mut stats = json!({ "numRecords": self.nulls.len() });
        if self.tells {
            stats["nullCount"] = json!({ "c": self.nulls.iter().filter(|n| **n).count() });
        }
        let mut action =
            json!({ "path": self.path, "dataChange": data_change, "partitionValues": {} });
        if !self.deleted.is_empty() {
            stats["tightBounds"] = json!(false);
            let place = format!("{:?}", self.deleted);
            action["deletionVector"] = json!({ "storageType": "u", "pathOrInlineDv": place,
                "sizeInBytes": 1, "cardinality": self.deleted.len() });
        }
        action["stats"] = json!(stats.to_string());
        action
    }
}

/// What a writer does.
#[derive(Debug, Clone)]
enum Act {
    Add(Vec<bool>, bool),
    Remove(prop::sample::Index),
    Delete(prop::sample::Index, prop::sample::Index),
    Compact(prop::sample::Index, prop::sample::Index),
}

fn acts() -> impl Strategy<Value = Act> {
    let index = any::<prop::sample::Index>;
    let rows = prop::collection::vec(prop::bool::weighted(0.3), 0..5);
    prop_oneof![
        3 => (rows, prop::bool::weighted(0.8)).prop_map(|(rows, tells)| Act::Add(rows, tells)),
        1 => index().prop_map(Act::Remove),
        2 => (index(), index()).prop_map(|(file, row)| Act::Delete(file, row)),
        1 => (index(), index()).prop_map(|(a, b)| Act::Compact(a, b)),
    ]
}

/// Does it, and returns the lines of its commit.
fn act(files: &mut Vec<File>, act: &Act, version: usize) -> Vec<Value> {
    let new = |nulls: Vec<bool>, tells| File {
        path: format!("f{version}"),
        nulls,
        deleted: BTreeSet::new(),
        tells,
    };
    match act {
        Act::Add(rows, tells) => {
            files.push(new(rows.clone(), *tells));
            vec![json!({ "add": files.last().unwrap().action(true) })]
        }
        _ if files.is_empty() => Vec::new(),
        Act::Remove(at) => {
            let gone = files.remove(at.index(files.len()));
            vec![json!({ "remove": gone.action(true) })]
        }
        Act::Delete(at, row) => {
            let at = at.index(files.len());
            let before = files[at].clone();
            if before.nulls.is_empty() {
                return Vec::new();
            }
            files[at].deleted.insert(row.index(before.nulls.len()));
            if files[at].deleted == before.deleted {
                return Vec::new();
            }
            vec![
                json!({ "remove": before.action(true) }),
                json!({ "add": files[at].action(true) }),
            ]
        }
        Act::Compact(a, b) => {
            let mut taken = vec![files.remove(a.index(files.len()))];
            if !files.is_empty() {
                taken.push(files.remove(b.index(files.len())));
            }
            let rows = taken.iter().flat_map(|file| {
                let shown = file.nulls.iter().enumerate();
                let shown = shown.filter(|(row, _)| !file.deleted.contains(row));
                shown.map(|(_, is_null)| *is_null).collect::<Vec<bool>>()
            });
            let rows: Vec<bool> = rows.collect();
            files.push(new(rows, true));
            let removed = taken
                .iter()
                .map(|file| json!({ "remove": file.action(false) }));
            let added = json!({ "add": files.last().unwrap().action(false) });
            removed.chain([added]).collect()
        }
    }
}

fn watched() -> Vec<WatchedColumn> {
    let schema = r#"{"type":"struct","fields":[
        {"name":"c","type":"long","nullable":true,"metadata":{}}]}"#;
    WatchedColumn::find(
        &[Watch::Nulls("c".to_owned())],
        Schema::parse(schema).as_ref(),
    )
}

fn text(lines: &[Value]) -> String {
    let info = [json!({ "commitInfo": {} })];
    let lines = info.iter().chain(lines).map(Value::to_string);
    lines.collect::<Vec<_>>().join("\n")
}

fn replayed(log: &[String]) -> Contents {
    let mut replay = Replay::new(PartitionColumns::default(), watched());
    for (version, text) in log.iter().enumerate().rev() {
        let version = version.try_into().unwrap();
        replay
            .commit(version, text.as_bytes(), DateTime::UNIX_EPOCH)
            .unwrap();
    }
    replay
        .finish(|_| Some(DateTime::UNIX_EPOCH), (0, DateTime::UNIX_EPOCH))
        .contents
}

proptest! {
    #[test]
    fn statistics_say_what_counting_rows_says(story in prop::collection::vec(acts(), 1..25)) {
        let mut files = Vec::new();
        let mut log: Vec<String> = Vec::new();
        let mut contents = Contents { files: 0, rows: Some(0), columns: watched() };
        for what in &story {
            let version = log.len();
            let text = text(&act(&mut files, what, version));
            let mut gauge = Gauge::new(contents.columns.clone());
            let see = &mut |verb, file: &FileAction<'_>| gauge.see(verb, file);
            let version = version.try_into().unwrap();
            let parsed = parse_commit_with(version, text.as_bytes(), DateTime::UNIX_EPOCH, see);
            let is_carried = contents.advance(&parsed.unwrap(), &gauge.into_changes());
            log.push(text);
            let counted = replayed(&log);
            if !is_carried {
                contents = counted.clone();
            }
            let naive: u64 = files.iter().map(File::naive).sum();
            let all_tell = files.iter().all(|file| file.tells && file.deleted.is_empty());
            for found in [&contents, &counted] {
                let nulls = found.columns[0].nulls.unwrap();
                prop_assert!(nulls.exact().is_none_or(|exact| exact == naive), "{nulls:?} {naive}");
                prop_assert!(nulls.rows <= naive, "{nulls:?} {naive}");
                prop_assert!(!all_tell || nulls.exact().is_some(), "{nulls:?}");
            }
            prop_assert_eq!(contents.columns[0].nulls, counted.columns[0].nulls);
        }
    }
}

fn told(file: &Value, path: &str) -> FileNulls {
    let text = file.to_string();
    let file: FileAction<'_> = serde_json::from_str(&text).unwrap();
    let statistics = file.stats.as_deref().and_then(FileStatistics::parse);
    FileNulls::of(&file, statistics.as_ref(), &[path.to_owned()])
}

#[test]
fn after_rows_were_deleted_only_none_and_all_say_something() {
    let file = |nulls: u64, vector: u64| {
        let stats = json!({ "numRecords": 5, "nullCount": { "c": nulls } }).to_string();
        let mut file = json!({ "path": "f", "stats": stats });
        if vector > 0 {
            file["deletionVector"] =
                json!({ "storageType": "u", "pathOrInlineDv": "x", "cardinality": vector });
        }
        told(&file, "c")
    };
    assert_eq!(file(3, 0), FileNulls::Told(3));
    assert_eq!(file(0, 2), FileNulls::Told(0));
    assert_eq!(file(5, 2), FileNulls::Told(3));
    assert_eq!(file(3, 2), FileNulls::Loose);
}

#[test]
fn a_partition_column_is_null_in_all_rows_of_a_file_or_in_none() {
    let file = |value: Value| {
        let stats = json!({ "numRecords": 5 }).to_string();
        told(
            &json!({ "path": "f", "stats": stats, "partitionValues": { "day": value } }),
            "day",
        )
    };
    assert_eq!(file(json!("2026-01-01")), FileNulls::Told(0));
    assert_eq!(file(Value::Null), FileNulls::Told(5));
    assert_eq!(file(json!("")), FileNulls::Told(5));
    let silent = json!({ "path": "f", "partitionValues": {} });
    assert_eq!(told(&silent, "day"), FileNulls::Silent);
}

#[test]
fn a_file_that_goes_without_a_word_has_the_others_counted_anew() {
    let mut removed = RemovedNulls::default();
    removed.add(FileNulls::Silent);
    let mixed = NullCount {
        rows: 0,
        untold_files: 1,
    };
    assert_eq!(mixed.advance(2, NullCount::default(), removed), None);
    let silent = NullCount {
        rows: 0,
        untold_files: 2,
    };
    let left = NullCount {
        rows: 0,
        untold_files: 1,
    };
    assert_eq!(silent.advance(2, NullCount::default(), removed), Some(left));
}
