//! A folder of Delta tables, written by hand: logs only, because nobody here reads data files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// Tables below one folder, which goes away with this value.
pub(crate) struct Lake {
    folder: tempfile::TempDir,
}

impl Lake {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a table with one commit of that time.
    pub(crate) fn create(&self, name: &str, at: DateTime<Utc>) {
        fs::create_dir_all(self.log(name)).expect("a table's folder can be made");
        let schema = r#"{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}},{"name":"amount","type":"decimal(18,2)","nullable":true,"metadata":{}}]}"#;
        let lines = [
            info("CREATE TABLE AS SELECT", None, at),
            json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
            json!({"metaData": {"id": format!("id-of-{name}"), "format": {"provider": "parquet", "options": {}},
                "schemaString": schema, "partitionColumns": [], "configuration": {},
                "createdTime": at.timestamp_millis()}}),
            add(0),
        ];
        self.write(name, 0, &lines, at);
    }

    /// Adds a commit that changed data, as the run of a job would.
    pub(crate) fn append(&self, name: &str, version: u64, run: Option<i64>, at: DateTime<Utc>) {
        self.write(name, version, &[info("WRITE", run, at), add(version)], at);
    }

    fn write(&self, name: &str, version: u64, lines: &[Value], at: DateTime<Utc>) {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let path = self.log(name).join(format!("{version:020}.json"));
        fs::write(&path, lines.join("\n")).expect("a commit can be written");
        let file = File::options().write(true).open(&path);
        file.and_then(|file| file.set_modified(SystemTime::from(at)))
            .expect("a commit's time can be set");
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).join("_delta_log")
    }
}

fn info(operation: &str, run: Option<i64>, at: DateTime<Utc>) -> Value {
    let job = run.map(|run| json!({"jobId": "1", "jobRunId": run.to_string()}));
    json!({"commitInfo": {"timestamp": at.timestamp_millis(), "operation": operation,
        "operationParameters": {"mode": "Append"}, "isBlindAppend": true, "job": job}})
}

fn add(version: u64) -> Value {
    json!({"add": {"path": format!("part-00000-{version}.snappy.parquet"), "partitionValues": {},
        "size": 1_000, "modificationTime": 0, "dataChange": true,
        "stats": "{\"numRecords\":10}"}})
}
