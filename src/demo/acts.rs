//! The acts, in order. Each says what it is about to do, does it with the commands of the program,
//! and leaves everything fresh.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use assets::task::{JobReference, TaskAction};
use lineage::AssetIndex;
use workspace::FaultPlan;
use workspace::faults::{Break, Effect, Moment, RequestRule};
use workspace::sample;

use super::Settings;
use super::stage::{Stage, StageError, TOKEN};
use super::tally::{Mart, Tally, latency};
use crate::project::{Loaded, load};

/// The route that starts runs.
const RUN_NOW: &str = "/api/2.*/jobs/run-now";

/// How long answers are held back in the act with the kill: long enough to be killed in.
const HELD_MS: u64 = 600;

/// Between two arrivals of the last act.
const BETWEEN_ARRIVALS: Duration = Duration::from_millis(700);

/// Plays all acts and returns what they came to, with the stage as it stands.
///
/// `say` gets what happens, line by line.
pub async fn run(
    settings: &Settings,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(Tally, Stage), StageError> {
    let stage = Stage::set(settings).await?;
    let map = Map::of(&stage);
    say(&format!(
        "A sample lakehouse of {} assets lies in {}; its workspace listens at {}.",
        map.assets,
        stage.folder.display(),
        stage.workspace.url()
    ));
    let mut tally = Tally {
        folder: stage.folder.display().to_string(),
        ..Tally::default()
    };

    say("\n1. Nothing is built yet: everything is built from its sources down.");
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await?;

    say("\n2. OPTIMIZE, VACUUM, ALTER and ANALYZE on every source change no data: nothing runs.");
    let before = runs(&stage);
    let maintained = stage
        .arrivals
        .maintenance(stage.now())
        .map_err(StageError::Sample)?;
    tally.runs_avoided +=
        map.downstream_of(maintained.iter().map(|arrival| arrival.asset.as_str()));
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await?;
    say(&format!(
        "   {} maintenance commits, {} runs started.",
        maintained.len(),
        runs(&stage) - before
    ));

    say("\n3. New data arrives, and the answer of the first request to start a run is lost.");
    lost_answer(&stage).await?;
    tally.lost_answers = 1;

    say("\n4. New data arrives, and the reconciler is killed while it triggers.");
    kill(&stage, say).await?;
    tally.kills = 1;

    say("\n5. Somebody rewrites a silver table by hand: what reads it follows.");
    let written = stage
        .arrivals
        .outside_write(stage.now())
        .map_err(StageError::Sample)?;
    say(&format!(
        "   {} is at version {} now, and no run of ours wrote it.",
        written.asset, written.version
    ));
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await?;

    say(&format!(
        "\n6. Data keeps arriving for {} s while `headwater reconcile --watch` is awake.",
        settings.arrivals_for.as_secs()
    ));
    let arrived = keep_arriving(&stage, settings.arrivals_for).await?;
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await?;

    let ledger = stage.workspace.ledger();
    tally.runs_triggered = ledger.entries().len();
    tally.duplicates = ledger
        .duplicates()
        .values()
        .map(|runs| runs.len().saturating_sub(1))
        .sum();
    tally.commit_to_trigger = latency(&arrived, &map.readers, &ledger.entries());
    let checks = sample::verify(&stage.folder).map_err(StageError::Sample)?;
    tally.marts = checks.into_iter().map(Mart::from).collect();
    tally.seconds = stage.elapsed().as_secs_f64();
    Ok((tally, stage))
}

fn runs(stage: &Stage) -> usize {
    stage.workspace.ledger().entries().len()
}

async fn lost_answer(stage: &Stage) -> Result<(), StageError> {
    let lost = Effect::Drop {
        how: Break::Reset,
        at: Moment::After,
    };
    stage.faults(FaultPlan {
        requests: vec![RequestRule::on("POST", RUN_NOW, lost).times(1)],
        ..FaultPlan::default()
    })?;
    stage
        .arrivals
        .step(6, stage.now())
        .map_err(StageError::Sample)?;
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await?;
    stage.faults(FaultPlan::default())
}

/// Kills the reconciler when the service has made a run of which it has not told yet.
async fn kill(stage: &Stage, say: &(dyn Fn(&str) + Sync)) -> Result<(), StageError> {
    let held = Effect::Delay {
        ms: HELD_MS,
        at: Moment::After,
    };
    stage.faults(FaultPlan {
        requests: vec![RequestRule::on("POST", RUN_NOW, held)],
        ..FaultPlan::default()
    })?;
    stage
        .arrivals
        .step(6, stage.now())
        .map_err(StageError::Sample)?;
    let before = runs(stage);
    let mut reconciler = stage.start(&["reconcile", "--wait"])?;
    let deadline = stage.elapsed() + Duration::from_secs(20);
    while runs(stage) == before && stage.elapsed() < deadline {
        stage.sleep(Duration::from_millis(5)).await;
    }
    let failed = |source| StageError::Command {
        command: "reconcile --wait".to_owned(),
        source,
    };
    reconciler.kill().await.map_err(failed)?;
    say(&format!(
        "   killed (SIGKILL) after the service made {} run(s) and before it answered; again:",
        runs(stage) - before
    ));
    stage.faults(FaultPlan::default())?;
    stage
        .must(&["reconcile", "--wait", "--timeout", "60s"])
        .await
}

/// Lets data arrive while a reconciler watches; returns what arrived and when, in epoch
/// milliseconds.
async fn keep_arriving(
    stage: &Stage,
    arrivals_for: Duration,
) -> Result<Vec<(String, i64)>, StageError> {
    let mut watcher = stage.start(&["reconcile", "--watch"])?;
    // The watcher looks once before it waits for changes.
    stage.sleep(Duration::from_secs(1)).await;
    let mut arrived = Vec::new();
    let deadline = stage.elapsed() + arrivals_for;
    while stage.elapsed() < deadline {
        for arrival in stage
            .arrivals
            .step(1, stage.now())
            .map_err(StageError::Sample)?
        {
            arrived.push((arrival.asset, stage.now().timestamp_millis()));
        }
        stage.sleep(BETWEEN_ARRIVALS).await;
    }
    // Time for the last arrival to be seen under watch.
    stage.sleep(Duration::from_secs(2)).await;
    let failed = |source| StageError::Command {
        command: "reconcile --watch".to_owned(),
        source,
    };
    end(&watcher);
    watcher.wait().await.map_err(failed)?;
    Ok(arrived)
}

/// Asks a process to end, as a service manager would: it gives its lease back.
fn end(process: &tokio::process::Child) {
    let id = process.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
        // One that ended by itself in the meantime needs no asking.
        let _asked = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

/// The project as its files declare it, for counting.
struct Map {
    loaded: Option<Loaded>,
    assets: usize,
    readers: BTreeMap<String, Vec<String>>,
}

impl Map {
    fn of(stage: &Stage) -> Self {
        let variables = |name: &str| (name == "DATABRICKS_TOKEN").then(|| TOKEN.to_owned());
        let loaded = load(&stage.folder, Some(&stage.folder), None, &variables).ok();
        let mut map = Self {
            assets: 0,
            readers: BTreeMap::new(),
            loaded,
        };
        let Some((loaded, graph)) = map
            .loaded
            .as_ref()
            .and_then(|loaded| Some((loaded, loaded.graph.as_ref()?)))
        else {
            return map;
        };
        map.assets = graph.len();
        for index in graph.indices() {
            let jobs = graph.readers(index).iter().filter_map(|reader| {
                let binding = graph.asset(*reader).task.as_ref()?;
                let TaskAction::DatabricksJob(job) = &loaded.tasks.get(&binding.task)?.action;
                match &job.job {
                    JobReference::Name(name) => Some(name.clone()),
                    JobReference::Id(_) => None,
                }
            });
            map.readers
                .insert(graph.asset(index).key.to_string(), jobs.collect());
        }
        map
    }

    /// How many assets that are built here lie downstream of these.
    fn downstream_of<'a>(&self, assets: impl Iterator<Item = &'a str>) -> usize {
        let Some(graph) = self
            .loaded
            .as_ref()
            .and_then(|loaded| loaded.graph.as_ref())
        else {
            return 0;
        };
        let seeds: BTreeSet<AssetIndex> =
            assets.filter_map(|asset| graph.index_of(asset)).collect();
        let seeds: Vec<AssetIndex> = seeds.into_iter().collect();
        let downstream = graph.descendants_of(&seeds);
        downstream
            .into_iter()
            .filter(|index| graph.asset(*index).is_built_here())
            .count()
    }
}
