//! A project folder with declarations and real Delta logs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bench_graph::bench_graph;

/// A project folder, which goes away with this value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// The benchmark graph of so many assets, each with a table of one commit; nothing is built
    /// here, so that no workspace is needed.
    pub(crate) fn of_bench_graph(assets: usize) -> Self {
        let (assets, _) = bench_graph(assets);
        let named = |parents: &[usize]| -> Vec<String> {
            parents
                .iter()
                .filter_map(|parent| assets.get(*parent).map(|(name, _)| name.clone()))
                .collect()
        };
        let declared: Vec<(String, Vec<String>)> = assets
            .iter()
            .map(|(name, parents)| (name.clone(), named(parents)))
            .collect();
        Self::new("environments: { dev: {} }", &declared)
    }

    /// These assets, by name and what each reads; what reads something is built by the job
    /// `build` where the environments name a workspace.
    pub(crate) fn new(environments: &str, assets: &[(String, Vec<String>)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let this = Self { folder };
        fs::create_dir_all(this.path().join("assets")).expect("a folder can be made");
        let has_workspace = environments.contains("host");
        let project = format!(
            "version: 1\nname: bench\n{environments}\nassets: [\"assets/*.yml\"]\n\
             tasks: {{ build: {{ databricks_job: {{ name: build, parameters: {{ table: \
             \"{{{{ asset }}}}\" }} }} }} }}\n"
        );
        fs::write(this.path().join("headwater.yml"), project).expect("a file can be written");
        for (number, file) in assets.chunks(500).enumerate() {
            let mut text = "assets:\n".to_owned();
            for (name, reads) in file {
                writeln!(text, "  - key: {name}\n    path: lake/{name}").expect("text");
                match (reads.is_empty(), has_workspace) {
                    (true, _) => text.push_str("    kind: source\n"),
                    (false, true) => writeln!(
                        text,
                        "    depends_on: [{}]\n    task: build",
                        reads.join(", ")
                    )
                    .expect("text"),
                    (false, false) => {
                        writeln!(text, "    depends_on: [{}]", reads.join(", ")).expect("text");
                    }
                }
            }
            let path = this.path().join("assets").join(format!("{number}.yml"));
            fs::write(path, text).expect("a file can be written");
        }
        for (name, _) in assets {
            create(&this.table(name), name);
        }
        this
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn table(&self, name: &str) -> PathBuf {
        self.path().join("lake").join(name)
    }
}

fn create(table: &Path, name: &str) {
    fs::create_dir_all(table.join("_delta_log")).expect("a table's folder can be made");
    let lines = [
        json!({"commitInfo": {"timestamp": 0, "operation": "CREATE TABLE AS SELECT"}}),
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {"id": format!("id-of-{name}"), "format": {"provider": "parquet",
            "options": {}}, "schemaString": "{\"type\":\"struct\",\"fields\":[]}",
            "partitionColumns": [], "configuration": {}, "createdTime": 0}}),
        add(0),
    ];
    commit(table, 0, &lines);
}

/// Adds a commit that changed data, by the run of a job where one is named.
pub(crate) fn append(table: &Path, version: u64, run: Option<i64>) {
    let job = run.map(|run| json!({"jobId": "1", "jobRunId": run.to_string()}));
    let info = json!({"commitInfo": {"timestamp": 0, "operation": "WRITE", "job": job}});
    commit(table, version, &[info, add(version)]);
}

/// Writes aside and renames, as a real writer does.
fn commit(table: &Path, version: u64, lines: &[serde_json::Value]) {
    let lines: Vec<String> = lines.iter().map(serde_json::Value::to_string).collect();
    let log = table.join("_delta_log");
    let aside = log.join(format!(".{version}.tmp"));
    fs::write(&aside, lines.join("\n")).expect("a commit can be written");
    fs::rename(aside, log.join(format!("{version:020}.json"))).expect("a commit can be published");
}

fn add(version: u64) -> serde_json::Value {
    json!({"add": {"path": format!("part-{version}.parquet"), "partitionValues": {}, "size": 1,
        "modificationTime": 0, "dataChange": true, "stats": "{\"numRecords\":1}"}})
}
