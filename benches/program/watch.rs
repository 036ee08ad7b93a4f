//! From the commit of a source to the start of the run that reads it, under `--watch`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use workspace::task::{JobDefinition, TaskBody, TaskDefinition, TaskFailure, TaskRun, TaskSuccess};
use workspace::{Credentials, RunningWorkspace, Workspace, WorkspaceOptions};

use crate::project::{Folder, append};
use crate::{PROGRAM, report};

pub(crate) const TOKEN: &str = "bench";

/// A job whose task adds one commit to the table that it is given.
struct Build {
    lake: PathBuf,
}

impl TaskBody for Build {
    fn run(&self, run: &TaskRun<'_>) -> Result<TaskSuccess, TaskFailure> {
        let name = run
            .parameters
            .get("table")
            .map(String::as_str)
            .unwrap_or_default();
        let table = self.lake.join(name);
        let commits = std::fs::read_dir(table.join("_delta_log"))
            .map_err(|error| TaskFailure::in_user_code(error.to_string()))?
            .filter_map(Result::ok)
            .filter(|file| {
                file.path()
                    .extension()
                    .is_some_and(|ending| ending == "json")
            })
            .count();
        append(
            &table,
            u64::try_from(commits).unwrap_or(u64::MAX),
            Some(run.job_run_id),
        );
        Ok(TaskSuccess::default())
    }
}

/// Watches `sources` sources and `marts` tables that read nine of them each; commits to one source
/// after the other and prints how long it took until the run of its reader was there.
pub(crate) fn measure(sources: usize, marts: usize, commits: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be had");
    let times = runtime.block_on(measured(sources, marts, commits));
    report(
        &format!("commit to run, {} tables watched", sources + marts),
        times,
    );
}

async fn measured(sources: usize, marts: usize, commits: usize) -> Vec<f64> {
    let lake = tempfile::tempdir().expect("a temporary folder can be made");
    // The workspace has to listen before the project can name it, the job to know the tables.
    let link = lake.path().join("lake");
    let workspace = start(link.clone()).await;
    let environments = format!(
        "environments: {{ dev: {{ databricks: {{ host: \"{}\", catalog_lookup: false }} }} }}",
        workspace.url()
    );
    let folder = Folder::new(&environments, &star(sources, marts));
    std::os::unix::fs::symlink(folder.path().join("lake"), &link).expect("a link can be made");
    let run = |args: &[&str]| {
        let mut command = tokio::process::Command::new(PROGRAM);
        command
            .args(args)
            .arg("--project")
            .arg(folder.path())
            .env("DATABRICKS_TOKEN", TOKEN);
        command
            .env_remove("DATABRICKS_HOST")
            .env("DATABRICKS_CONFIG_FILE", lake.path().join("no"));
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    };
    let first = run(&["reconcile", "--wait"])
        .status()
        .await
        .expect("the program can be run");
    assert!(first.success(), "the first pass failed");
    let mut watcher = run(&["reconcile", "--watch"])
        .spawn()
        .expect("the program can be run");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut waits = Vec::new();
    let mut versions: BTreeMap<usize, u64> = BTreeMap::new();
    for commit in 0..commits {
        let source = commit * 7 % sources;
        let version = versions.entry(source).or_insert(0);
        *version += 1;
        waits.push(one(&workspace, &folder, source, *version).await);
        // The run ends and is collected before the next commit.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    watcher.kill().await.expect("the watcher can be ended");
    workspace.shutdown().await;
    waits
}

/// Commits to a source and returns the milliseconds until a new run is in the ledger.
async fn one(workspace: &RunningWorkspace, folder: &Folder, source: usize, version: u64) -> f64 {
    let before = workspace.ledger().entries().len();
    let began = Instant::now();
    append(&folder.table(&source_name(source)), version, None);
    let committed = epoch_millis();
    while workspace.ledger().entries().len() == before && began.elapsed() < Duration::from_secs(20)
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let entries = workspace.ledger().entries();
    let run = entries
        .iter()
        .max_by_key(|entry| entry.run_id)
        .expect("there are runs");
    assert!(entries.len() > before, "no run came within 20 s");
    f64::from(i32::try_from((run.created_at - committed).max(0)).unwrap_or(i32::MAX))
}

/// A workspace with a job that writes one commit to the table that it is given.
pub(crate) async fn start(lake: PathBuf) -> RunningWorkspace {
    let task = TaskDefinition::new("build", Arc::new(Build { lake }));
    let mut job = JobDefinition::new(1, "build", vec![task])
        .with_parameter("headwater_intent", "")
        .with_parameter("table", "");
    job.max_concurrent_runs = 1_000;
    let options = WorkspaceOptions {
        jobs: vec![job],
        credentials: Credentials::default().with_token(TOKEN, "bench@example.com"),
        ..WorkspaceOptions::default()
    };
    Workspace::start(options)
        .await
        .expect("the workspace starts")
}

fn star(sources: usize, marts: usize) -> Vec<(String, Vec<String>)> {
    let per_mart = sources / marts.max(1);
    let mut assets: Vec<(String, Vec<String>)> = (0..sources)
        .map(|source| (source_name(source), Vec::new()))
        .collect();
    for mart in 0..marts {
        let reads = (mart * per_mart..(mart + 1) * per_mart)
            .map(source_name)
            .collect();
        assets.push((format!("mart.m{mart:03}"), reads));
    }
    assets
}

fn source_name(source: usize) -> String {
    format!("raw.s{source:04}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the ledger speaks of wall-clock time"
)]
fn epoch_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
