//! Logs written by hand, one per rule, and what a reading says of them.

mod bounds;
mod checkpoints;
mod cold;
mod contents;
mod damage;
mod details;
mod laws;
mod maintenance;
mod many;
mod past;
mod remade;
mod spread;
mod warm;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use assets::TableId;
use assets::delta::name::{checksum_file, commit_file};
use assets::delta::{Commit, Continuity, KnownHead, Reading, Unreadable, Update};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::checkpoint::tests::{SPARK, in_columns, plainly, written};
use super::{Ask, LocalStore, LogStore, Look, read};

const PROTOCOL: &str = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#;
const ADD: &str = r#"{"add":{"path":"a","dataChange":true,"stats":"{\"numRecords\":2}"}}"#;
const REMOVE: &str = r#"{"remove":{"path":"a","dataChange":true}}"#;
const COMPACT: &str = "{\"remove\":{\"path\":\"a\",\"dataChange\":false}}\n\
                       {\"add\":{\"path\":\"b\",\"dataChange\":false}}";

const LIST: Ask = Ask {
    contents: false,
    columns: Vec::new(),
    spread: Vec::new(),
    look: Look::Listed,
};

/// A table in a folder of its own. The file of version V is written at second V.
struct Table {
    dir: TempDir,
}

impl Table {
    /// A folder with an empty log.
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("_delta_log")).unwrap();
        Self { dir }
    }

    /// A table whose version 0 sets protocol and id and adds a file.
    fn new(id: &str) -> Self {
        let table = Self::empty();
        table.create(id);
        table
    }

    fn create(&self, id: &str) {
        self.commit(0, &[PROTOCOL, &metadata(id), ADD]);
    }

    fn location(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("_delta_log").join(name)
    }

    fn commit(&self, version: u64, lines: &[&str]) {
        self.raw(&commit_file(version), lines.join("\n").as_bytes());
        self.touch(version, 1_000 * i64::try_from(version).unwrap());
    }

    /// Sets the file time of a version, in milliseconds since 1970.
    fn touch(&self, version: u64, millis: i64) {
        let time = UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap());
        let file = File::options()
            .append(true)
            .open(self.file(&commit_file(version)))
            .unwrap();
        file.set_modified(time).unwrap();
    }

    fn raw(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// A checkpoint in one file; nobody reads it.
    fn checkpoint(&self, version: u64) {
        self.raw(&format!("{version:020}.checkpoint.parquet"), b"PAR1");
    }

    /// A checkpoint of these actions, written at its version's second.
    fn checkpoint_of(&self, version: u64, actions: &[Value]) {
        let rows: Vec<Value> = actions.iter().map(in_columns).collect();
        let name = format!("{version:020}.checkpoint.parquet");
        self.raw(&name, &written(SPARK, &rows, plainly()));
        let file = File::options().append(true).open(self.file(&name)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(version);
        file.set_modified(time).unwrap();
    }

    /// Removes the commits before a version.
    fn clean(&self, below: u64) {
        for version in 0..below {
            if self.file(&commit_file(version)).exists() {
                self.delete(version);
            }
        }
    }

    fn checksum(&self, version: u64, id: &str) {
        let text = format!(
            r#"{{"numFiles":1,"metadata":{{"id":"{id}"}},"protocol":{{"minReaderVersion":1}}}}"#
        );
        self.raw(&checksum_file(version), text.as_bytes());
    }

    fn delete(&self, version: u64) {
        fs::remove_file(self.file(&commit_file(version))).unwrap();
    }

    fn delete_log(&self) {
        fs::remove_dir_all(self.dir.path().join("_delta_log")).unwrap();
        fs::create_dir(self.dir.path().join("_delta_log")).unwrap();
    }

    fn read(&self, known: Option<&KnownHead>) -> Reading {
        read(&LocalStore::of(self.location()), known, &Ask::default())
    }

    /// A cold reading that must succeed.
    fn cold(&self) -> Update {
        let update = update(self.read(None));
        assert_eq!(update.continuity, Continuity::Cold);
        update
    }

    /// A warm reading that must find something.
    fn warm(&self, known: &KnownHead) -> Update {
        update(self.read(Some(known)))
    }

    fn listed(&self, known: &KnownHead) -> Reading {
        read(&LocalStore::of(self.location()), Some(known), &LIST)
    }
}

fn metadata(id: &str) -> String {
    format!(r#"{{"metaData":{{"id":"{id}","partitionColumns":[],"configuration":{{}}}}}}"#)
}

/// What a table is: columns with type and physical name, and the names of the partition columns.
fn described(
    id: &str,
    columns: &[(&str, &str, Option<&str>)],
    partitioned_by: &[&str],
    configuration: &Value,
) -> Value {
    let field = |(name, kind, physical): &(&str, &str, Option<&str>)| {
        let physical = physical.map(|name| json!({ "delta.columnMapping.physicalName": name }));
        json!({
            "name": name, "type": kind, "nullable": true,
            "metadata": physical.unwrap_or_else(|| json!({})),
        })
    };
    let fields: Vec<Value> = columns.iter().map(field).collect();
    let schema = json!({ "type": "struct", "fields": fields }).to_string();
    json!({ "metaData": {
        "id": id, "schemaString": schema, "partitionColumns": partitioned_by,
        "configuration": configuration,
    }})
}

/// The protocol as an action.
fn protocol() -> Value {
    serde_json::from_str(PROTOCOL).unwrap()
}

fn operation(name: &str) -> String {
    format!(r#"{{"commitInfo":{{"operation":"{name}"}}}}"#)
}

fn update(reading: Reading) -> Update {
    let Reading::Read(update) = reading else {
        panic!("not read: {reading:?}");
    };
    *update
}

fn unknown(reading: Reading) -> Unreadable {
    let Reading::Unknown(reason) = reading else {
        panic!("not unknown: {reading:?}");
    };
    reason
}

fn versions(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|commit| commit.version).collect()
}

fn data_version(head: &KnownHead) -> Option<u64> {
    head.data.as_ref().map(|data| data.version)
}

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}
