//! Deadlines: what has to show a change in time begins as late as that allows, and runs once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use workspace::showcase::{Clicks, Piece};

use super::{Show, wrong_tables};
use crate::demo::figure::{Bound, Figure};
use crate::demo::stage::{Stage, StageError};
use crate::demo::witness::runs_of;

const IN_TIME: &str = "deadline clicks in time";
/// The `max_lag` of the mart.
const MAX_LAG_MS: u64 = 8_000;
/// How many changes come, and how far from each other.
const CHANGES: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(600);

pub(super) async fn play(show: &Show<'_>) -> Result<Vec<Figure>, StageError> {
    let stage = show.stage;
    let commands = stage.commands_of(Piece::Deadline);
    let clicks = Clicks::new(&stage.folder_of(Piece::Deadline));
    show.say(
        "\n11. Clicks arrive; one mart follows each change, the other has eight seconds for each.",
    );
    arrive(stage, &clicks)?;
    commands.settle().await?;
    let before = stage.runs();
    let watcher = commands
        .clone()
        .quietly()
        .start(&["reconcile", "--watch"])?;
    let first = arrive(stage, &clicks)?;
    let planned = commands.ask(&["plan", "mart.clicks_in_time"]).await?;
    let planned = begins(&planned);
    let after = |at: DateTime<Utc>| millis(at.timestamp_millis() - first.timestamp_millis());
    if let Some(planned) = planned {
        show.say(&format!(
            "   by its former runs, the build may begin {:.1} s after the first change.",
            Duration::from_millis(after(planned)).as_secs_f64()
        ));
    }
    for _ in 1..CHANGES {
        stage.sleep(BETWEEN).await;
        arrive(stage, &clicks)?;
    }
    let is_done = || {
        let entries = stage.runs_after(before);
        runs_of(&entries, IN_TIME)
            .iter()
            .any(|run| run.ended_at.is_some())
    };
    stage.until(is_done).await;
    stage.end(watcher).await?;
    commands.settle().await?;

    let entries = stage.runs_after(before);
    let runs = runs_of(&entries, IN_TIME);
    let began = runs.first().map(|run| since(run.created_at, first));
    let ended = runs
        .last()
        .and_then(|run| Some(since(run.ended_at?, first)));
    let at_once = runs_of(&entries, "deadline clicks at once").len();
    show.say(&format!(
        "   {CHANGES} changes: {at_once} runs of the one mart, {} of the other.",
        runs.len()
    ));
    // What was not planned began too early.
    let planned = planned.map_or(MAX_LAG_MS, after);
    Ok(vec![
        Figure::count("runs that follow each change", at_once, Bound::AtLeast(2)),
        Figure::count("runs just in time", runs.len(), Bound::Exactly(1)),
        Figure::new(
            "ms from the first change to its start",
            began.unwrap_or(0),
            Bound::AtLeast(planned),
        ),
        Figure::new(
            "ms from the first change to its end",
            ended.unwrap_or(u64::MAX),
            Bound::AtMost(MAX_LAG_MS),
        ),
        wrong_tables(&clicks.verify().map_err(StageError::Sample)?),
    ])
}

fn arrive(stage: &Stage, clicks: &Clicks) -> Result<DateTime<Utc>, StageError> {
    let at = stage.now();
    clicks.arrive(at).map_err(StageError::Sample)?;
    Ok(at)
}

/// When the mart is going to be built, by a plan.
fn begins(plan: &Value) -> Option<DateTime<Utc>> {
    let decisions = plan.get("decisions")?.as_array()?;
    let mart = |decision: &&Value| {
        decision.get("asset").and_then(Value::as_str) == Some("mart.clicks_in_time")
    };
    let until = decisions.iter().find(mart)?.get("until")?.as_str()?;
    until.parse().ok()
}

fn since(at_ms: i64, first: DateTime<Utc>) -> u64 {
    millis(at_ms - first.timestamp_millis())
}

fn millis(difference: i64) -> u64 {
    u64::try_from(difference).unwrap_or_default()
}
