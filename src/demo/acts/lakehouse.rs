//! The acts that play in the sample lakehouse.

use std::time::Duration;

use workspace::FaultPlan;
use workspace::faults::{Break, Effect, Moment, RequestRule};

use super::Show;
use crate::demo::map::Map;
use crate::demo::stage::{RUN_NOW, Stage, StageError};
use crate::demo::tally::{Tally, latency};

/// Between two arrivals of the last act.
const BETWEEN_ARRIVALS: Duration = Duration::from_millis(700);

/// Plays the acts, and notes in the tally what only they can tell.
pub(super) async fn play(
    show: &Show<'_>,
    arrivals_for: Duration,
    tally: &mut Tally,
) -> Result<(), StageError> {
    let stage = show.stage;
    let commands = stage.commands();
    let map = Map::of(stage);
    show.say(&format!(
        "A sample lakehouse of {} assets lies in {}; its workspace listens at {}.",
        map.assets,
        stage.folder.display(),
        stage.workspace.url()
    ));

    show.say("\n1. Nothing is built yet: everything is built from its sources down.");
    commands.settle().await?;

    show.say(
        "\n2. OPTIMIZE, VACUUM, ALTER and ANALYZE on every source change no data: nothing runs.",
    );
    let before = stage.runs();
    let maintained = stage
        .arrivals
        .maintenance(stage.now())
        .map_err(StageError::Sample)?;
    tally.runs_avoided +=
        map.downstream_of(maintained.iter().map(|arrival| arrival.asset.as_str()));
    commands.settle().await?;
    show.say(&format!(
        "   {} maintenance commits, {} runs started.",
        maintained.len(),
        stage.runs() - before
    ));

    show.say("\n3. New data arrives, and the answer of the first request to start a run is lost.");
    lost_answer(stage).await?;
    tally.lost_answers = 1;

    show.say("\n4. New data arrives, and the reconciler is killed while it triggers.");
    kill(show).await?;

    show.say("\n5. Somebody rewrites a silver table by hand: what reads it follows.");
    let written = stage
        .arrivals
        .outside_write(stage.now())
        .map_err(StageError::Sample)?;
    show.say(&format!(
        "   {} is at version {} now, and no run of ours wrote it.",
        written.asset, written.version
    ));
    commands.settle().await?;

    show.say(&format!(
        "\n6. Data keeps arriving for {} s while `headwater reconcile --watch` is awake.",
        arrivals_for.as_secs()
    ));
    let arrived = keep_arriving(stage, arrivals_for).await?;
    commands.settle().await?;
    let entries = stage.workspace.ledger().entries();
    tally.commit_to_trigger = latency(&arrived, &map.readers, &entries);
    Ok(())
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
    stage.commands().settle().await?;
    stage.faults(FaultPlan::default())
}

/// Kills the reconciler when the service has made a run of which it has not told yet.
async fn kill(show: &Show<'_>) -> Result<(), StageError> {
    let stage = show.stage;
    stage.hold_answers()?;
    stage
        .arrivals
        .step(6, stage.now())
        .map_err(StageError::Sample)?;
    let before = stage.runs();
    let reconciler = stage.commands().start(&["reconcile", "--wait"])?;
    stage.until(|| stage.runs() > before).await;
    stage.kill(reconciler).await?;
    show.say(&format!(
        "   killed (SIGKILL) after the service made {} run(s) and before it answered; again:",
        stage.runs() - before
    ));
    stage.faults(FaultPlan::default())?;
    stage.commands().settle().await
}

/// Lets data arrive while a reconciler watches; returns what arrived and when, in epoch
/// milliseconds.
async fn keep_arriving(
    stage: &Stage,
    arrivals_for: Duration,
) -> Result<Vec<(String, i64)>, StageError> {
    let watcher = stage.commands().start(&["reconcile", "--watch"])?;
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
    stage.end(watcher).await?;
    Ok(arrived)
}
