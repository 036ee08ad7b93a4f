//! A change feed: its position advances with each run that succeeded, by just what that run read.

use workspace::FaultPlan;
use workspace::ledger::LedgerEntry;
use workspace::showcase::{Piece, Postings};

use super::{Show, wrong_tables};
use crate::demo::commands::Commands;
use crate::demo::figure::{Bound, Figure};
use crate::demo::stage::{Stage, StageError};
use crate::demo::witness::{coverage, parameter, runs_of};

const JOB: &str = "change feed balances";

pub(super) async fn play(show: &Show<'_>) -> Result<Vec<Figure>, StageError> {
    let stage = show.stage;
    let commands = stage.commands_of(Piece::ChangeFeed);
    let postings = Postings::new(&stage.folder_of(Piece::ChangeFeed));
    show.say("\n9. Balances follow a change feed, and each run adds what it reads: nothing may be read twice.");
    // Of a folder that was there before, all but what arrives now was read then.
    let first = postings.head().map_or(0, |head| head + 1);
    let (before, kills) = (stage.runs(), stage.kills());
    arrive(stage, &postings, 3)?;
    commands.settle().await?;

    arrive(stage, &postings, 2)?;
    stage.hold_answers()?;
    kill_in_the_next_run(stage, &commands, &postings).await?;
    stage.faults(FaultPlan::default())?;
    show.say("   killed (SIGKILL) after a run was made and before the service answered; again:");
    kill_in_the_next_run(stage, &commands, &postings).await?;
    show.say("   killed (SIGKILL) while the next run was under way; again:");
    arrive(stage, &postings, 1)?;
    commands.settle().await?;

    let entries = stage.runs_after(before);
    let runs = runs_of(&entries, JOB);
    let ranges: Vec<(u64, u64)> = runs.iter().filter_map(|run| range(run)).collect();
    let head = postings.head().map_err(StageError::Sample)?;
    let coverage = coverage(&ranges, (first, head));
    show.say(&format!("   versions read: {}.", told(&ranges)));
    let arrived = head + 1 - first;
    Ok(vec![
        Figure::count("kills", stage.kills() - kills, Bound::Exactly(2)),
        Figure::count("runs", runs.len(), Bound::AtLeast(4)),
        Figure::new("versions read", coverage.read, Bound::Exactly(arrived)),
        Figure::new("versions read twice", coverage.twice, Bound::Exactly(0)),
        Figure::new("versions not read", coverage.missed, Bound::Exactly(0)),
        Figure::new("ranges out of order", coverage.jumps, Bound::Exactly(0)),
        wrong_tables(&[postings.verify().map_err(StageError::Sample)?]),
    ])
}

fn arrive(stage: &Stage, postings: &Postings, commits: u32) -> Result<(), StageError> {
    for _ in 0..commits {
        postings.arrive(stage.now()).map_err(StageError::Sample)?;
    }
    Ok(())
}

/// Kills a reconciler when the next run is there, and lets more arrive before.
async fn kill_in_the_next_run(
    stage: &Stage,
    commands: &Commands,
    postings: &Postings,
) -> Result<(), StageError> {
    let runs = stage.runs();
    let reconciler = commands.start(&["reconcile", "--wait"])?;
    stage.until(|| stage.runs() > runs).await;
    arrive(stage, postings, 2)?;
    stage.kill(reconciler).await
}

/// The versions that a run was told to read; the whole is read from the first one on.
fn range(run: &LedgerEntry) -> Option<(u64, u64)> {
    let to = parameter(run, "to_version").parse().ok()?;
    if parameter(run, "full_refresh") == "True" {
        return Some((0, to));
    }
    Some((parameter(run, "from_version").parse().ok()?, to))
}

fn told(ranges: &[(u64, u64)]) -> String {
    let range = |(from, to): &(u64, u64)| {
        if from == to {
            from.to_string()
        } else {
            format!("{from} to {to}")
        }
    };
    let ranges: Vec<String> = ranges.iter().map(range).collect();
    ranges.join(", ")
}
