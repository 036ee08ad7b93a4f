//! A backfill of two years: throttled, killed in the middle, and each day is built once.

use serde_json::Value;
use workspace::FaultPlan;
use workspace::showcase::{Piece, Readings};

use super::{Show, wrong_tables};
use crate::demo::figure::{Bound, Figure};
use crate::demo::stage::{Stage, StageError};
use crate::demo::witness::{builds_by_partition, most_at_once, runs_of};

const JOB: &str = "backfill readings";
/// The days of 2022 and 2023.
const DAYS: usize = 730;
/// Most runs of the backfill at once.
const AT_ONCE: u64 = 4;
/// The days of one run.
const CHUNK: &str = "20";
/// After how many days the reconciler is killed.
const MIDDLE: usize = 300;

pub(super) async fn play(show: &Show<'_>) -> Result<Vec<Figure>, StageError> {
    let stage = show.stage;
    let commands = stage.commands_of(Piece::Backfill);
    let readings = Readings::new(&stage.folder_of(Piece::Backfill));
    show.say(&format!(
        "\n8. A backfill of {DAYS} days, at most {AT_ONCE} runs at once; its reconciler is killed in the middle."
    ));
    readings
        .first_load(stage.now())
        .map_err(StageError::Sample)?;
    let (before, kills) = (stage.runs(), stage.kills());
    let created = commands
        .ask(&[
            "backfill",
            "create",
            "archive.readings",
            "--all",
            "--chunk",
            CHUNK,
            "--max-concurrent",
            &AT_ONCE.to_string(),
        ])
        .await?;
    let name = text(&created, "name");

    // Their talk is of many runs.
    let quiet = commands.clone().quietly();
    let reconciler = quiet.start(&["reconcile", "--wait"])?;
    stage.until(|| asked(stage, before) >= MIDDLE).await;
    stage.hold_answers()?;
    let runs = stage.runs();
    stage.until(|| stage.runs() > runs).await;
    stage.kill(reconciler).await?;
    stage.faults(FaultPlan::default())?;
    show.say(&format!(
        "   killed (SIGKILL) when {} of {DAYS} days were built or under way, before the service answered; again:",
        asked(stage, before)
    ));
    quiet.settle().await?;
    let shown = commands.ask(&["backfill", "show", name]).await?;
    show.say(&format!(
        "   backfill {name} is {}: {} of {DAYS} days.",
        text(&shown, "state"),
        done(&shown)
    ));

    let entries = stage.runs_after(before);
    let runs = runs_of(&entries, JOB);
    let builds = builds_by_partition(&runs);
    let once = builds.values().filter(|times| **times == 1).count();
    let all = u64::try_from(DAYS).unwrap_or(u64::MAX);
    Ok(vec![
        Figure::count("kills", stage.kills() - kills, Bound::Exactly(1)),
        Figure::count("days built once", once, Bound::Exactly(all)),
        Figure::count(
            "days built more often",
            builds.len() - once,
            Bound::Exactly(0),
        ),
        Figure::new(
            "days that the backfill calls built",
            done(&shown),
            Bound::Exactly(all),
        ),
        Figure::count(
            "most runs at once",
            most_at_once(&runs),
            Bound::AtMost(AT_ONCE),
        ),
        wrong_tables(&[readings.verify().map_err(StageError::Sample)?]),
    ])
}

/// How many partitions runs were asked to build since.
fn asked(stage: &Stage, before: usize) -> usize {
    let entries = stage.runs_after(before);
    let builds = builds_by_partition(&runs_of(&entries, JOB));
    builds.values().sum()
}

fn text<'d>(document: &'d Value, field: &str) -> &'d str {
    document
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn done(backfill: &Value) -> u64 {
    let done = backfill.pointer("/partitions/done").and_then(Value::as_u64);
    done.unwrap_or_default()
}
