//! Logs written by hand, in the shape of those that jobs leave behind.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::checkpoint;

/// The table's columns. The last one is watched.
pub(crate) const WATCHED: &str = "updated_at";

/// When the first commit was made, in milliseconds since 1970, UTC.
const BEGINNING: u64 = 1_767_225_600_000;

/// How often a checkpoint is written.
#[derive(Clone, Copy)]
pub(crate) enum Interval {
    /// As delta-rs does: after version 99, 199 and so on.
    Hundred,
    /// As Spark does: after version 10, 20 and so on.
    Ten,
}

/// A table of many files.
pub(crate) struct Shape {
    /// How many its checkpoint holds.
    files: u64,
    /// How many commits lie above it, one file each.
    commits: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            files: 100_000,
            commits: 5,
        }
    }
}

/// A file of a table.
pub(crate) struct FileEntry {
    pub(crate) path: String,
    pub(crate) day: String,
    pub(crate) size: u64,
    pub(crate) modified: u64,
    pub(crate) stats: String,
}

/// Makes the table of that number below a folder: it is created, and written to once.
pub(crate) fn small(lake: &Path, table: usize) {
    let log = Log::of(&place(lake, table));
    let id = format!("00000000-0000-4000-8000-{table:012}");
    log.commit(0, &[info(0, "CREATE TABLE"), protocol(), metadata(&id)]);
    append(&place(lake, table), 1);
}

/// Where the table of that number lies.
pub(crate) fn place(lake: &Path, table: usize) -> PathBuf {
    lake.join(format!("table_{table:05}"))
}

/// Adds a commit with one file, as whole as a writer's.
pub(crate) fn append(table: &Path, version: u64) {
    let log = Log {
        folder: table.join("_delta_log"),
    };
    log.commit(
        version,
        &[info(version, "WRITE"), add(&file(version), true)],
    );
}

/// Removes commits again, from a version on.
pub(crate) fn cut(table: &Path, from: u64) {
    let log = Log {
        folder: table.join("_delta_log"),
    };
    for version in from.. {
        if fs::remove_file(log.name(version, "json")).is_err() {
            return;
        }
    }
}

/// Makes a table with ten thousand commits: each adds a file, and every fiftieth puts the last fifty
/// together into one. The newest one is the last before a checkpoint.
pub(crate) fn long(table: &Path, interval: Interval) {
    let log = Log::of(table);
    let newest = match interval {
        Interval::Hundred => 9_998,
        Interval::Ten => 9_999,
    };
    let id = "00000000-0000-4000-8000-100000000000";
    log.commit(0, &[info(0, "CREATE TABLE"), protocol(), metadata(id)]);
    let mut live: Vec<FileEntry> = Vec::new();
    for version in 1..=newest {
        let added = file(version);
        if version % 50 == 0 {
            let small = live.split_off(live.len().saturating_sub(49));
            let mut lines = vec![info(version, "OPTIMIZE")];
            lines.extend(small.iter().map(|file| remove(file, version)));
            let rows = small.iter().map(rows).sum();
            let whole = FileEntry {
                stats: stats(version, rows),
                ..added
            };
            lines.push(add(&whole, false));
            log.commit(version, &lines);
            live.push(whole);
        } else {
            log.commit(version, &[info(version, "WRITE"), add(&added, true)]);
            live.push(added);
        }
        let is_due = match interval {
            Interval::Hundred => version % 100 == 99,
            Interval::Ten => version % 10 == 0,
        };
        if is_due {
            log.checkpoint(version, id, &live);
        }
    }
}

/// Makes a table with many files, of whose log the commits below its checkpoint were cleaned away.
pub(crate) fn wide(table: &Path, shape: &Shape) {
    let log = Log::of(table);
    let id = "00000000-0000-4000-8000-200000000000";
    let files: Vec<FileEntry> = (0..shape.files).map(file).collect();
    let base = shape.files;
    log.commit(base, &[info(base, "WRITE"), add(&file(base - 1), true)]);
    log.checkpoint(base, id, &files);
    for version in base + 1..=base + shape.commits {
        append(table, version);
    }
}

struct Log {
    folder: PathBuf,
}

impl Log {
    fn of(table: &Path) -> Self {
        let folder = table.join("_delta_log");
        fs::create_dir_all(&folder).expect("a table's folder can be made");
        Self { folder }
    }

    fn name(&self, version: u64, ending: &str) -> PathBuf {
        self.folder.join(format!("{version:020}.{ending}"))
    }

    fn commit(&self, version: u64, lines: &[Value]) {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let aside = self.folder.join(format!("_{version}.tmp"));
        fs::write(&aside, lines.join("\n")).expect("a commit can be written");
        fs::rename(&aside, self.name(version, "json")).expect("a commit can be named");
    }

    fn checkpoint(&self, version: u64, id: &str, files: &[FileEntry]) {
        let name = self.name(version, "checkpoint.parquet");
        let metadata = metadata(id);
        let metadata = metadata.get("metaData").expect("an action of metadata");
        checkpoint::write(&name, metadata, files);
        let size = fs::metadata(&name).expect("it was written").len();
        let last = json!({"version": version, "size": files.len() + 2, "sizeInBytes": size,
            "numOfAddFiles": files.len()});
        fs::write(self.folder.join("_last_checkpoint"), last.to_string())
            .expect("a hint can be written");
    }
}

fn protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
}

fn metadata(id: &str) -> Value {
    let field = |name: &str, data_type: &str| json!({"name": name, "type": data_type, "nullable": true, "metadata": {}});
    let schema = json!({"type": "struct", "fields": [
        field("order_id", "long"), field("customer", "string"), field("amount", "decimal(18,2)"),
        field("day", "date"), field(WATCHED, "timestamp")]});
    json!({"metaData": {"id": id, "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(), "partitionColumns": ["day"], "configuration": {},
        "createdTime": BEGINNING}})
}

fn info(version: u64, operation: &str) -> Value {
    json!({"commitInfo": {"timestamp": time(version), "operation": operation,
        "operationParameters": {"mode": "Append", "partitionBy": "[\"day\"]"}, "readVersion": version.saturating_sub(1),
        "isolationLevel": "Serializable", "isBlindAppend": true,
        "operationMetrics": {"numFiles": "1", "numOutputRows": "1000", "numOutputBytes": "48211"},
        "engineInfo": "Apache-Spark/4.0.0 Delta-Lake/4.0.0", "txnId": uuid(version ^ 0xffff)}})
}

fn add(file: &FileEntry, changes_data: bool) -> Value {
    json!({"add": {"path": file.path, "partitionValues": {"day": file.day}, "size": file.size,
        "modificationTime": file.modified, "dataChange": changes_data, "stats": file.stats}})
}

fn remove(file: &FileEntry, version: u64) -> Value {
    json!({"remove": {"path": file.path, "deletionTimestamp": time(version), "dataChange": false,
        "extendedFileMetadata": true, "partitionValues": {"day": file.day}, "size": file.size, "stats": file.stats}})
}

/// The file that a version adds.
fn file(version: u64) -> FileEntry {
    let day = format!("2026-01-{:02}", 1 + version % 28);
    FileEntry {
        path: format!("day={day}/part-00000-{}.c000.snappy.parquet", uuid(version)),
        size: 40_000 + drawn(version) % 20_000,
        modified: time(version),
        stats: stats(version, 1_000 + drawn(version) % 100),
        day,
    }
}

fn rows(file: &FileEntry) -> u64 {
    let stats: Value = serde_json::from_str(&file.stats).expect("statistics are JSON");
    stats
        .get("numRecords")
        .and_then(Value::as_u64)
        .expect("they count rows")
}

fn stats(version: u64, rows: u64) -> String {
    let seconds = version % 86_400;
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    let number = drawn(version);
    json!({"numRecords": rows,
        "minValues": {"order_id": number % 1_000_000_000, "customer": format!("customer {:06}", number % 99_991),
            "amount": 0.5, WATCHED: format!("2026-01-01T{clock}.000Z")},
        "maxValues": {"order_id": 1_000_000_000 + number % 999_999_937, "customer": format!("customer {:06}", number % 99_989),
            "amount": 18_300.25, WATCHED: format!("2026-02-01T{clock}.{:03}Z", number % 1_000)},
        "nullCount": {"order_id": 0, "customer": 0, "amount": 0, WATCHED: 0}})
    .to_string()
}

fn time(version: u64) -> u64 {
    BEGINNING + version * 1_000
}

fn uuid(version: u64) -> String {
    let (a, b) = (drawn(version), drawn(version ^ 0x5eed));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a & 0xffff,
        (a >> 16) & 0xfff,
        b & 0xfff,
        b >> 16
    )
}

/// A number that looks like chance: `SplitMix64`.
fn drawn(from: u64) -> u64 {
    let mut z = from.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
