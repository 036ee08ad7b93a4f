//! Reading a log backwards from its newest commit: cold readings, and those after a gap.
//!
//! A damaged commit is never skipped: what is above it does not count until it can be read.

use assets::delta::table::parse_checksum;
use assets::delta::time;
use assets::delta::{
    Commit, Continuity, DataHead, KnownHead, Metadata, Protocol, Reading, TableState, Unreadable,
    Update,
};
use chrono::{DateTime, Utc};

use super::listing::{Listing, Run};
use super::log::{Log, ReadCommit};

/// How many commits before the oldest one read are asked for their file times, so that its own
/// time is the one a reader of the whole log would see. Spark looks as far.
const TIMES_BEFORE: u64 = 100;

/// What was read on the way back.
#[derive(Default)]
pub(super) struct Window {
    /// Newest first.
    commits: Vec<ReadCommit>,
    metadata: Option<Metadata>,
    protocol: Option<Protocol>,
    changed_data: bool,
    /// Why the newest commits do not count, if there are such.
    trailing: Option<Unreadable>,
}

/// Reads a table of which nothing is known, or whose log is no longer the known one.
pub(super) fn read_cold(log: Log<'_>, continuity: Continuity) -> Result<Reading, Unreadable> {
    let Some(listing) = log.list()? else {
        return Ok(Reading::Absent);
    };
    let run = listing.run(log)?;
    if !run.is_covered {
        return Err(Unreadable::MissingCommit {
            version: run.start.saturating_sub(1),
        });
    }
    let enough = |window: &Window| {
        window.changed_data && window.metadata.is_some() && window.protocol.is_some()
    };
    let window = walk_back(log, &listing, run, enough)?;
    conclude(log, run, window, |_| continuity)
}

/// Reads a table whose next commits were cleaned away before they were read.
pub(super) fn read_after_gap(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
    known: &KnownHead,
) -> Result<Reading, Unreadable> {
    let window = walk_back(log, listing, run, |_| false)?;
    conclude(log, run, window, |state| {
        if state.metadata.id == known.table_id {
            Continuity::Gap {
                lost_from: known.version + 1,
                lost_to: run.start.saturating_sub(1),
            }
        } else {
            Continuity::Recreated
        }
    })
}

/// Reads commits from the newest one back until `enough` says so or the run begins.
///
/// The window that comes back holds at least one commit.
pub(super) fn walk_back(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
    enough: impl Fn(&Window) -> bool,
) -> Result<Window, Unreadable> {
    let mut window = Window::default();
    for version in (run.start..=run.newest).rev() {
        match log.commit(version) {
            Ok(Some(commit)) => window.take(log, listing, commit),
            // Cleaned away or replaced since it was listed: the next reading sees clearly.
            Ok(None) => return Err(Unreadable::MissingCommit { version }),
            Err(reason) => {
                window = Window {
                    trailing: Some(reason),
                    ..Window::default()
                };
            }
        }
        if !window.commits.is_empty() && enough(&window) {
            break;
        }
    }
    match window {
        Window {
            trailing: Some(reason),
            commits,
            ..
        } if commits.is_empty() => Err(reason),
        window => Ok(window),
    }
}

impl Window {
    fn take(&mut self, log: Log<'_>, listing: &Listing, commit: ReadCommit) {
        let version = commit.parsed.commit.version;
        self.changed_data |= commit.parsed.commit.changed_data;
        if self.metadata.is_none() {
            self.metadata.clone_from(&commit.parsed.metadata);
        }
        if self.protocol.is_none() {
            self.protocol.clone_from(&commit.parsed.protocol);
        }
        let is_complete = self.metadata.is_some() && self.protocol.is_some();
        if !is_complete
            && listing.has_checksum(version)
            && let Some(text) = log.checksum(version)
        {
            let (metadata, protocol) = parse_checksum(&text.bytes);
            self.metadata = self.metadata.take().or(metadata);
            self.protocol = self.protocol.take().or(protocol);
        }
        self.commits.push(commit);
    }

    /// Returns the commit that was read last.
    pub(super) fn oldest(&self) -> Option<&ReadCommit> {
        self.commits.last()
    }

    /// Settles the times of the commits and returns them, oldest first.
    pub(super) fn settle(
        self,
        log: Log<'_>,
        run_start: u64,
        state: Option<&TableState>,
    ) -> Result<Vec<ReadCommit>, Unreadable> {
        let mut previous = match self.oldest() {
            Some(oldest) => time_before(log, run_start, oldest.parsed.commit.version)?,
            None => None,
        };
        let mut commits = self.commits;
        commits.reverse();
        for commit in &mut commits {
            time::settle(&mut commit.parsed, previous, state);
            previous = Some(commit.parsed.commit.committed_at);
        }
        Ok(commits)
    }
}

/// Returns the time of the commit before `version`, judged by the file times before it.
pub(super) fn time_before(
    log: Log<'_>,
    run_start: u64,
    version: u64,
) -> Result<Option<DateTime<Utc>>, Unreadable> {
    let mut previous = None;
    for earlier in run_start.max(version.saturating_sub(TIMES_BEFORE))..version {
        if let Some(stat) = log.stat(earlier)? {
            previous = Some(time::after(previous, stat.modified_at()));
        }
    }
    Ok(previous)
}

fn conclude(
    log: Log<'_>,
    run: Run,
    mut window: Window,
    continuity: impl FnOnce(&TableState) -> Continuity,
) -> Result<Reading, Unreadable> {
    let only_in_checkpoint = |fact: &str| Unreadable::OnlyInCheckpoint {
        fact: fact.to_owned(),
    };
    let metadata = window.metadata.take();
    let protocol = window.protocol.take();
    let state = TableState {
        metadata: metadata.ok_or_else(|| only_in_checkpoint("the table's id"))?,
        protocol: protocol.ok_or_else(|| only_in_checkpoint("the table's protocol"))?,
    };
    state.protocol.check_observable()?;
    let continuity = continuity(&state);
    let trailing = window.trailing.take();
    let commits = window.settle(log, run.start, Some(&state))?;
    let (Some(first), Some(last)) = (commits.first(), commits.last()) else {
        return Err(only_in_checkpoint("every commit"));
    };
    let head = KnownHead {
        table_id: state.metadata.id.clone(),
        version: last.parsed.commit.version,
        marker: last.marker.clone(),
        data: None,
        read_from: first.parsed.commit.version,
        last_committed_at: last.parsed.commit.committed_at,
        operation: last.parsed.commit.operation.clone(),
        has_hole_above: false,
        state,
    };
    let commits = commits.into_iter().map(|commit| commit.parsed.commit);
    let commits: Vec<Commit> = commits.filter(|commit| commit.changed_data).collect();
    let data = commits.last().map(|commit| DataHead {
        version: commit.version,
        at: commit.committed_at,
    });
    Ok(Reading::Read(Box::new(Update {
        head: KnownHead { data, ..head },
        commits,
        continuity,
        trailing,
    })))
}
