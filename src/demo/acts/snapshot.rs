//! Snapshots: a mart joins two tables that are made of one source, and never two states of it.

use std::collections::BTreeMap;
use std::time::Duration;

use workspace::ledger::LedgerEntry;
use workspace::showcase::{Piece, Region, Transfers};

use super::Show;
use crate::demo::figure::{Bound, Figure};
use crate::demo::stage::{Stage, StageError};
use crate::demo::witness::{parameter, runs_of};

/// How often each region writes, and how long it rests between: so that the two are seldom in step.
const WRITES: u32 = 10;
const EU_RESTS: Duration = Duration::from_millis(230);
const US_RESTS: Duration = Duration::from_millis(310);

pub(super) async fn play(show: &Show<'_>) -> Result<Vec<Figure>, StageError> {
    let stage = show.stage;
    let commands = stage.commands_of(Piece::Snapshot);
    let transfers = Transfers::new(&stage.folder_of(Piece::Snapshot));
    show.say("\n10. Two regions transfer money to each other, and a mart joins what two jobs make of that.");
    let before = stage.runs();
    transfers
        .transfer(Region::Eu, 100, stage.now())
        .map_err(StageError::Sample)?;
    commands.settle().await?;
    let quiet = commands.clone().quietly();
    let watcher = quiet.start(&["reconcile", "--watch"])?;
    tokio::try_join!(
        write(stage, &transfers, (Region::Eu, EU_RESTS)),
        write(stage, &transfers, (Region::Us, US_RESTS)),
    )?;
    stage.end(watcher).await?;
    quiet.settle().await?;

    let entries = stage.runs_after(before);
    let joined = joined(&stage.workspace.ledger().entries(), &entries);
    let mixed = joined.iter().filter(|(eu, us)| eu != us).count();
    let unequal = unequal_heads(&entries);
    let totals = transfers.totals().map_err(StageError::Sample)?;
    let unbalanced = totals.iter().filter(|total| **total != 0).count();
    show.say(&format!(
        "   {} commits of both; the newest balances were of two states of them {unequal} times, and {} builds joined {mixed} such.",
        2 * WRITES + 1,
        joined.len(),
    ));
    Ok(vec![
        Figure::count("builds of the mart", joined.len(), Bound::AtLeast(2)),
        Figure::count(
            "times its inputs were of two versions",
            unequal,
            Bound::AtLeast(1),
        ),
        Figure::count("builds that joined two versions", mixed, Bound::Exactly(0)),
        Figure::count(
            "versions that do not sum up to zero",
            unbalanced,
            Bound::Exactly(0),
        ),
    ])
}

/// Lets a region write for a while.
async fn write(
    stage: &Stage,
    transfers: &Transfers,
    (region, rests): (Region, Duration),
) -> Result<(), StageError> {
    for amount in 1..=WRITES {
        transfers
            .transfer(region, i64::from(amount), stage.now())
            .map_err(StageError::Sample)?;
        stage.sleep(rests).await;
    }
    Ok(())
}

/// Of each build of the mart, which version of the source its two inputs were made of.
fn joined(all: &[LedgerEntry], entries: &[LedgerEntry]) -> Vec<(Option<u64>, Option<u64>)> {
    let (eu, us) = (
        made_of(all, "snapshot balance eu"),
        made_of(all, "snapshot balance us"),
    );
    let source =
        |made: &BTreeMap<u64, u64>, version: &str| made.get(&version.parse().ok()?).copied();
    runs_of(entries, "snapshot balance")
        .into_iter()
        .map(|run| {
            (
                source(&eu, parameter(run, "eu")),
                source(&us, parameter(run, "us")),
            )
        })
        .collect()
}

/// By the version of a table that a job wrote, the version of the source that its run was told to read.
fn made_of(entries: &[LedgerEntry], job: &str) -> BTreeMap<u64, u64> {
    let runs = runs_of(entries, job).into_iter();
    let made = runs.filter_map(|run| {
        let written = run.tables.first()?.version;
        Some((written, parameter(run, "transfers").parse().ok()?))
    });
    made.collect()
}

/// How often the newest balances of both regions were made of different versions, when one was written.
fn unequal_heads(entries: &[LedgerEntry]) -> usize {
    let regions = ["snapshot balance eu", "snapshot balance us"];
    let mut runs: Vec<&LedgerEntry> = entries
        .iter()
        .filter(|entry| regions.contains(&entry.job_name.as_str()) && entry.ended_at.is_some())
        .collect();
    runs.sort_by_key(|run| run.ended_at);
    let mut newest: BTreeMap<&str, &str> = BTreeMap::new();
    let mut unequal = 0;
    for run in runs {
        newest.insert(&run.job_name, parameter(run, "transfers"));
        let mut versions = newest.values();
        let first = versions.next();
        unequal += usize::from(versions.any(|version| Some(version) != first));
    }
    unequal
}
