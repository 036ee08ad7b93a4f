//! Counting the files of a table: the newest commits, and a checkpoint below them.

use std::collections::BTreeMap;

use assets::delta::contents::WatchedColumn;
use assets::delta::name;
use assets::delta::reading::{KEPT_APPLICATIONS, Progress};
use assets::delta::replay::{Replay, Replayed};
use assets::delta::table::{Description, Metadata};
use assets::delta::{ParsedCommit, TableState, Unreadable, time};
use chrono::{DateTime, Utc};

use super::checkpoint::{self, CheckpointRow, Wanted};
use super::listing::{Checkpoint, Listing, Run};
use super::log::Log;
use super::store::Cost;
use super::window::time_before;

/// How many commits are asked for at once.
const BATCH: u64 = 64;

/// What a count comes to.
pub(super) struct Count {
    /// Files, rows, bounds and partitions.
    pub(super) replayed: Replayed,
    /// How far applications are.
    pub(super) applications: BTreeMap<String, Progress>,
    /// Since when every commit has its change data; absent where the feed is off.
    pub(super) change_feed_since: Option<u64>,
}

/// Counts the files of a table at the end of `run`, at which `state` holds.
///
/// # Errors
///
/// A commit that is damaged, by its version; or that no checkpoint covers what was cleaned away.
pub(super) fn count(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
    state: &TableState,
    watched: &[WatchedColumn],
) -> Result<Count, Unreadable> {
    let mut problem = None;
    // What was cleaned away is only in a checkpoint that joins up with the commits.
    let bases = listing.checkpoints_up_to(run.newest);
    for base in bases.take_while(|base| base.version + 1 >= run.start) {
        match count_from(log, run, Some(base), state, watched) {
            Err(reason @ Unreadable::BrokenCheckpoint { .. }) => {
                tracing::debug!(place = log.store.place(), error = %reason, "trying an older one");
                problem = problem.or(Some(reason));
            }
            Ok(count) if count.replayed.contents.rows.is_none() && is_short(log, run, base) => {
                return Ok(count_from(log, run, None, state, watched).unwrap_or(count));
            }
            counted => return counted,
        }
    }
    if run.start == 0 {
        return count_from(log, run, None, state, watched);
    }
    Err(problem.unwrap_or(Unreadable::MissingCommit {
        version: run.start.saturating_sub(1),
    }))
}

/// How many commits are read anew for what their checkpoint does not tell.
const READ_ANEW: u64 = 100;

/// Whether a log has few commits below a checkpoint and all of them: tables can be told to write no
/// statistics into checkpoints, but commits keep theirs.
fn is_short(log: Log<'_>, run: Run, base: &Checkpoint) -> bool {
    run.start == 0 && base.version < READ_ANEW && log.store.cost() != Cost::Remote
}

fn count_from(
    log: Log<'_>,
    run: Run,
    base: Option<&Checkpoint>,
    state: &TableState,
    watched: &[WatchedColumn],
) -> Result<Count, Unreadable> {
    let partitioning = state.metadata.partitioning.clone();
    let mut replay = Replay::new(partitioning, watched.to_vec());
    let first = base.map_or(0, |base| base.version + 1);
    let mut commits = replay_commits(log, &mut replay, first..run.newest.saturating_add(1))?;
    let columns: Vec<Vec<String>> = watched.iter().map(|c| c.physical.clone()).collect();
    let mut begins_with = None;
    if let Some(base) = base {
        let wanted = Wanted::Files { columns: &columns };
        checkpoint::read(log.store, base, wanted, &mut |row| match row {
            CheckpointRow::Add(file) => replay.file(&file),
            CheckpointRow::Transaction(txn) => replay.application(txn, None),
            CheckpointRow::Metadata(action) => {
                begins_with = Some(Description::from(action).metadata);
            }
            CheckpointRow::Protocol(_) => {}
        })?;
    }
    commits.reverse();
    let mut previous = time_before(log, run.start, first)?;
    let before = previous;
    let mut times = BTreeMap::new();
    for commit in &mut commits {
        time::settle(commit, previous, Some(state));
        previous = Some(commit.commit.committed_at);
        times.insert(commit.commit.version, commit.commit.committed_at);
    }
    let base_version = first.saturating_sub(1);
    // What no commit changed did so before the oldest one, or before the checkpoint was written.
    let base_time = match before.or_else(|| times.values().next().copied()) {
        Some(at) => at,
        None => written_at(log, base)?,
    };
    let fed = begins_with.filter(Metadata::has_change_feed);
    let feed_since = fed.map(|_| feed_at_base(log, run, base_version));
    let change_feed_since = change_feed(feed_since, &commits);
    let mut replayed = replay.finish(|v| times.get(&v).copied(), (base_version, base_time));
    let applications = applications(std::mem::take(&mut replayed.progress), &times);
    Ok(Count {
        replayed,
        applications,
        change_feed_since,
    })
}

fn written_at(log: Log<'_>, base: Option<&Checkpoint>) -> Result<DateTime<Utc>, Unreadable> {
    let stat = match base.and_then(|base| base.files.first()) {
        Some(name) => log.store.stat(name)?,
        None => None,
    };
    Ok(stat.map_or(DateTime::UNIX_EPOCH, |stat| stat.modified_at()))
}

/// Takes commits, newest first; returns them in that order, without what was counted of them.
fn replay_commits(
    log: Log<'_>,
    replay: &mut Replay,
    versions: std::ops::Range<u64>,
) -> Result<Vec<ParsedCommit>, Unreadable> {
    let mut commits = Vec::new();
    let mut end = versions.end;
    while end > versions.start {
        let start = versions.start.max(end.saturating_sub(BATCH));
        let wanted: Vec<u64> = (start..end).rev().collect();
        let names: Vec<String> = wanted.iter().map(|v| name::commit_file(*v)).collect();
        for (version, file) in wanted.into_iter().zip(log.store.read_all(&names)) {
            let file = file?.ok_or(Unreadable::MissingCommit { version })?;
            let parsed = replay.commit(version, &file.bytes, file.stat.modified_at());
            let mut parsed = parsed.map_err(|error| Unreadable::TornCommit {
                version,
                detail: error.to_string(),
            })?;
            parsed.files = assets::delta::files::FileSummary::default();
            commits.push(parsed);
        }
        end = start;
    }
    Ok(commits)
}

/// How many commits below a checkpoint are looked through for the one that switched the feed on.
const FEED_BELOW: u64 = 100;

/// Since when the feed is surely on that is on at a checkpoint: no older commit that is left, down to
/// this one, says what the table is.
fn feed_at_base(log: Log<'_>, run: Run, base: u64) -> u64 {
    if log.store.cost() == Cost::Remote {
        return base;
    }
    let mut since = base;
    let oldest = run.start.max(base.saturating_sub(FEED_BELOW));
    for version in (oldest..=base).rev() {
        let Ok(Some(commit)) = log.commit(version) else {
            break;
        };
        since = version;
        if commit.parsed.metadata.is_some() {
            break;
        }
    }
    since
}

/// Since when the change data feed is on without a break, as far as these commits tell.
fn change_feed(mut since: Option<u64>, commits: &[ParsedCommit]) -> Option<u64> {
    for commit in commits {
        if let Some(found) = &commit.metadata {
            let is_on = found.metadata.has_change_feed();
            since = is_on.then(|| since.unwrap_or(commit.commit.version));
        }
    }
    since
}

/// Dates the progress of applications, and keeps those that wrote last.
fn applications(
    found: BTreeMap<String, (assets::delta::action::TransactionAction, Option<u64>)>,
    times: &BTreeMap<u64, DateTime<Utc>>,
) -> BTreeMap<String, Progress> {
    let progress = found.into_iter().map(|(id, (txn, commit))| {
        let clock = txn.last_updated.and_then(DateTime::from_timestamp_millis);
        let at = commit.and_then(|version| times.get(&version).copied());
        let progress = Progress {
            version: txn.version,
            commit,
            at: at.or(clock),
        };
        (id, progress)
    });
    let mut all: BTreeMap<String, Progress> = progress.collect();
    forget_oldest(&mut all);
    all
}

/// Keeps the applications that wrote last, within the bound.
pub(super) fn forget_oldest(applications: &mut BTreeMap<String, Progress>) {
    while applications.len() > KEPT_APPLICATIONS {
        let oldest = applications
            .iter()
            .min_by_key(|(_, progress)| (progress.commit, progress.at));
        let Some(id) = oldest.map(|(id, _)| id.clone()) else {
            return;
        };
        applications.remove(&id);
    }
}
