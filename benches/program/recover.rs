//! After a kill with many runs under way: how long until the next process knows of all of them and
//! triggers again; and how long `state rebuild` takes there.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use workspace::RunningWorkspace;
use workspace::faults::{FaultPlan, RunEffect, RunRule};

use crate::bench_graph::bench_graph;
use crate::project::{Folder, append};
use crate::watch::{TOKEN, start};
use crate::{PROGRAM, report};

/// How many of the runs end while nobody is there to see it, so that there is room for others.
const ENDED: usize = 10;

/// How long those take.
const SHORT: Duration = Duration::from_secs(5);

/// The benchmark graph with a workspace, and runs that do not end.
struct Scene {
    folder: Folder,
    workspace: RunningWorkspace,
    /// Where the job finds the tables.
    _link: tempfile::TempDir,
}

/// Measures both, so many times.
pub(crate) fn measure(assets: usize, in_flight: usize, times: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be had");
    let (mut known, mut triggers, mut rebuilt) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        runtime.block_on(async {
            let scene = Scene::set(assets, in_flight).await;
            scene.kill_amid(in_flight).await;
            let (first, whole) = scene.recover(in_flight).await;
            triggers.push(first);
            known.push(whole);
            rebuilt.push(scene.rebuild(assets, in_flight).await);
            scene.workspace.shutdown().await;
        });
    }
    let of = format!("{assets} assets, {in_flight} runs");
    report(&format!("kill to first new run, {of}"), triggers);
    report(&format!("kill to end of first pass, {of}"), known);
    report(&format!("state rebuild, {of}"), rebuilt);
}

impl Scene {
    async fn set(assets: usize, in_flight: usize) -> Self {
        let link = tempfile::tempdir().expect("a temporary folder can be made");
        let lake = link.path().join("lake");
        let workspace = start(lake.clone()).await;
        let project = format!(
            "environments: {{ dev: {{ databricks: {{ host: \"{}\", catalog_lookup: false }} }} }}\n\
             limits: {{ max_concurrent_runs: {in_flight} }}",
            workspace.url()
        );
        let (drawn, _) = bench_graph(assets);
        let name = |index: &usize| drawn.get(*index).map(|(name, _)| name.clone());
        let declared: Vec<(String, Vec<String>)> = drawn
            .iter()
            .map(|(own, parents)| (own.clone(), parents.iter().filter_map(name).collect()))
            .collect();
        let folder = Folder::new(&project, &declared);
        std::os::unix::fs::symlink(folder.path().join("lake"), &lake).expect("a link can be made");
        let scene = Self {
            folder,
            workspace,
            _link: link,
        };
        // What reads a table was written an hour after it: everything is fresh.
        let width = assets.div_ceil(10).max(1);
        for (index, (name, _)) in declared.iter().enumerate() {
            let layer = u64::try_from(index / width).unwrap_or_default();
            scene.date(name, Duration::from_secs(3_600 * (20 - layer.min(19))));
        }
        let first = scene.json(&["reconcile"]).await;
        assert_eq!(list(&first, "triggered").len(), 0);
        let forever = |times: usize, ms| RunRule {
            job_id: None,
            skip: 0,
            times: u64::try_from(times).unwrap_or(u64::MAX),
            effect: RunEffect::Hang { ms },
        };
        let short = u64::try_from(SHORT.as_millis()).unwrap_or(u64::MAX);
        let plan = FaultPlan {
            runs: vec![forever(ENDED, Some(short)), forever(1_000_000, None)],
            ..FaultPlan::default()
        };
        scene.workspace.set_faults(plan).expect("a sound plan");
        // Half of what reads them can run at once.
        for (name, parents) in &declared {
            if parents.is_empty() {
                append(&scene.folder.table(name), 1, None);
            }
        }
        scene
    }

    fn date(&self, name: &str, ago: Duration) {
        let log = self.folder.table(name).join("_delta_log");
        let commit: PathBuf = log.join(format!("{:020}.json", 0));
        let at = now() - ago;
        File::options()
            .write(true)
            .open(commit)
            .and_then(|file| file.set_modified(at))
            .expect("a commit's time can be set");
    }

    /// A daemon has started all runs that may be, and is killed.
    async fn kill_amid(&self, in_flight: usize) {
        let mut daemon = self
            .command(&["reconcile", "--watch"])
            .spawn()
            .expect("the program can be run");
        self.until_runs(in_flight).await;
        // Their ids are in the state file.
        tokio::time::sleep(Duration::from_secs(1)).await;
        daemon.kill().await.expect("the daemon can be killed");
        tokio::time::sleep(SHORT).await;
    }

    /// Milliseconds from the start of the next process to its first new run and to its end.
    async fn recover(&self, in_flight: usize) -> (f64, f64) {
        let began = Instant::now();
        let pass = self.json(&["reconcile"]);
        let first = async {
            self.until_runs(in_flight + 1).await;
            began.elapsed()
        };
        let whole = async {
            let document = pass.await;
            (document, began.elapsed())
        };
        let (first, (document, whole)) = tokio::join!(first, whole);
        assert_eq!(list(&document, "settled").len(), ENDED);
        assert_eq!(list(&document, "triggered").len(), ENDED);
        assert_eq!(number(&document, "in_flight"), in_flight);
        (millis(first), millis(whole))
    }

    /// Milliseconds that `state rebuild` takes, and nothing is started twice.
    async fn rebuild(&self, assets: usize, in_flight: usize) -> f64 {
        let before = self.workspace.ledger().entries().len();
        let began = Instant::now();
        let document = self.json(&["state", "rebuild", "--yes"]).await;
        let took = began.elapsed();
        let is_active = |run: &&Value| run.get("is_active") == Some(&Value::Bool(true));
        let active = list(&document, "found").iter().filter(is_active);
        assert_eq!(active.count(), in_flight, "all are found");
        assert_eq!(number(&document, "observed"), assets);
        let pass = self.json(&["reconcile"]).await;
        assert_eq!(number(&pass, "in_flight"), in_flight);
        assert_eq!(self.workspace.ledger().entries().len(), before);
        millis(took)
    }

    async fn until_runs(&self, runs: usize) {
        let began = Instant::now();
        while self.workspace.ledger().entries().len() < runs {
            assert!(began.elapsed() < Duration::from_mins(2), "no {runs} runs");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn json(&self, args: &[&str]) -> Value {
        let output = self
            .command(args)
            .args(["-o", "json"])
            .stdout(Stdio::piped())
            .output()
            .await
            .expect("the program can be run");
        serde_json::from_slice(&output.stdout).expect("it prints a document")
    }

    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(PROGRAM);
        command
            .args(args)
            .arg("--project")
            .arg(self.folder.path())
            .env("DATABRICKS_TOKEN", TOKEN)
            .env_remove("DATABRICKS_HOST")
            .env("DATABRICKS_CONFIG_FILE", self.folder.path().join("no"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    let list = document.get(name).and_then(Value::as_array);
    list.expect("the document has it")
}

fn number(document: &Value, name: &str) -> usize {
    let number = document.get(name).and_then(Value::as_u64);
    number
        .and_then(|number| usize::try_from(number).ok())
        .expect("the document has it")
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are dated by the wall clock"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
