//! Commits of the past, for people and for judging what an outside writer had read.
//!
//! Nothing here moves a known head. Where the table's state is not known, a time that a commit
//! carries itself counts, because writers stamp commits only where the table asks for it.

use assets::delta::time;
use assets::delta::{Commit, Unreadable};
use chrono::{DateTime, Utc};

use super::listing::Run;
use super::log::{Log, ReadCommit};
use super::past::{self, Window};
use super::store::LogStore;

/// Commits of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The commits asked for that are readable, oldest first.
    pub commits: Vec<Commit>,
    /// The oldest version whose commit is still there without a hole up to the newest.
    pub earliest: u64,
    /// The newest version that is there.
    pub newest: u64,
    /// Why `commits` ends early, if it does.
    pub trailing: Option<Unreadable>,
}

/// Reads all commits from version `from` to version `to`, both included. Blocks.
///
/// Bounds that are absent or lie outside the log are taken as its ends; `None` where there is no
/// log.
///
/// # Errors
///
/// When the log cannot be listed, or holds no commit.
pub fn history(
    store: &dyn LogStore,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<Option<History>, Unreadable> {
    let log = Log::of(store);
    let Some(listing) = log.list()? else {
        return Ok(None);
    };
    let run = listing.run(log)?;
    let first = from.unwrap_or(run.start).max(run.start);
    let last = to.unwrap_or(run.newest).min(run.newest);
    let mut history = History {
        commits: Vec::new(),
        earliest: run.start,
        newest: run.newest,
        trailing: None,
    };
    let mut previous = past::time_before(log, run.start, first)?;
    for version in first..=last {
        match log.commit(version) {
            Ok(Some(ReadCommit { mut parsed, .. })) => {
                time::settle(&mut parsed, previous, None);
                previous = Some(parsed.commit.committed_at);
                history.commits.push(parsed.commit);
            }
            Ok(None) => history.trailing = Some(Unreadable::MissingCommit { version }),
            Err(reason) => history.trailing = Some(reason),
        }
        if history.trailing.is_some() {
            break;
        }
    }
    Ok(Some(history))
}

/// Reads the commits that changed data, newest first, back to the first one that was there at `at`,
/// or to the oldest commit that is still there. Blocks.
///
/// Damaged commits and what is above them do not count, as in a reading. Without a log there are
/// none.
///
/// # Errors
///
/// When the log cannot be listed or none of its commits can be read.
pub fn data_commits_back_to(
    store: &dyn LogStore,
    at: DateTime<Utc>,
) -> Result<Vec<Commit>, Unreadable> {
    let log = Log::of(store);
    let Some(listing) = log.list()? else {
        return Ok(Vec::new());
    };
    let run = listing.run(log)?;
    let window = past::walk_back(log, &listing, run, |window| was_there(log, run, window, at))?;
    let commits = window.settle(log, run.start, None)?;
    let commits = commits.into_iter().rev().map(|commit| commit.parsed.commit);
    Ok(commits.filter(|commit| commit.changed_data).collect())
}

/// Returns whether the oldest commit of the window changed data and was there at `at`.
fn was_there(log: Log<'_>, run: Run, window: &Window, at: DateTime<Utc>) -> bool {
    let Some(oldest) = window.oldest() else {
        return false;
    };
    let commit = &oldest.parsed.commit;
    let raw = oldest
        .parsed
        .in_commit_timestamp
        .unwrap_or(commit.committed_at);
    if !commit.changed_data || raw > at {
        return false;
    }
    // File times only ever move forward when they are settled: looked at closely only now.
    let mut parsed = oldest.parsed.clone();
    let previous = past::time_before(log, run.start, commit.version).unwrap_or(None);
    time::settle(&mut parsed, previous, None);
    parsed.commit.committed_at <= at
}
