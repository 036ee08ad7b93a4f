//! Reading a log backwards from its newest commit, as far as somebody needs.
//!
//! A damaged commit is never skipped: what is above it does not count until it can be read.

use assets::delta::files::FileSummary;
use assets::delta::table::{Description, parse_checksum};
use assets::delta::time;
use assets::delta::touched::{AllBecause, Touched};
use assets::delta::{Metadata, PartitionColumns, Protocol, TableState, Unreadable};
use chrono::{DateTime, Utc};

use super::checkpoint::{self, CheckpointRow, Wanted};
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
    /// What the table is after the newest of them.
    pub(super) description: Option<Box<Description>>,
    pub(super) protocol: Option<Protocol>,
    pub(super) changed_data: bool,
    /// Why the newest commits do not count, if there are such.
    pub(super) trailing: Option<Unreadable>,
}

/// Reads commits from the newest one back until `enough` says so or the run begins.
///
/// The window that comes back holds at least one commit. Where what the table is stands in no commit
/// on the way, a version checksum or a checkpoint is asked.
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
        if window.commits.is_empty() {
            continue;
        }
        // The state of the table after the commit below is that after the newest, too.
        if let Some(below) = version.checked_sub(1) {
            window.ask_checkpoints(log, listing, below);
        }
        if enough(&window) {
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
    /// Returns whether it is known what the table is.
    pub(super) fn knows_table(&self) -> bool {
        self.description.is_some() && self.protocol.is_some()
    }

    fn take(&mut self, log: Log<'_>, listing: &Listing, commit: ReadCommit) {
        let version = commit.parsed.commit.version;
        self.changed_data |= commit.parsed.commit.changed_data;
        if self.description.is_none() {
            self.description.clone_from(&commit.parsed.metadata);
        }
        if self.protocol.is_none() {
            self.protocol.clone_from(&commit.parsed.protocol);
        }
        if !self.knows_table()
            && listing.has_checksum(version)
            && let Some(file) = log.checksum(version)
        {
            let checksum = parse_checksum(&file.bytes);
            self.description = self.description.take().or(checksum.description);
            self.protocol = self.protocol.take().or(checksum.protocol);
        }
        if !self.knows_table() {
            self.ask_checkpoints(log, listing, version);
        }
        self.commits.push(commit);
    }

    /// Asks the checkpoints of a version what the table is, where that is not known.
    fn ask_checkpoints(&mut self, log: Log<'_>, listing: &Listing, version: u64) {
        let bases = listing.checkpoints_up_to(version);
        for base in bases.take_while(|base| base.version == version) {
            if self.knows_table() {
                return;
            }
            let (mut description, mut protocol) = (None, None);
            let read = checkpoint::read(log.store, base, Wanted::Table, &mut |row| match row {
                CheckpointRow::Metadata(action) => description = Some(Box::new(action.into())),
                CheckpointRow::Protocol(action) => protocol = Some(action.into()),
                CheckpointRow::Add(_) | CheckpointRow::Transaction(_) => {}
            });
            // One that is broken tells nothing; older commits and checkpoints may.
            if read.is_ok() {
                self.description = self.description.take().or(description);
                self.protocol = self.protocol.take().or(protocol);
            }
        }
    }

    /// Returns how many commits were read.
    pub(super) fn len(&self) -> usize {
        self.commits.len()
    }

    /// Returns the commit that was read last.
    pub(super) fn oldest(&self) -> Option<&ReadCommit> {
        self.commits.last()
    }

    /// Settles the times of the commits, says which partitions they touched and returns them, oldest first.
    pub(super) fn settle(
        self,
        log: Log<'_>,
        run_start: u64,
        state: Option<&TableState>,
    ) -> Result<Vec<ReadCommit>, Unreadable> {
        let columns = state.map(|state| &state.metadata.partitioning);
        self.settle_placed(log, run_start, (state, columns))
    }

    /// As [`settle`](Self::settle), by what is known of the table, or of its partition columns alone.
    pub(super) fn settle_placed(
        self,
        log: Log<'_>,
        run_start: u64,
        (state, columns): (Option<&TableState>, Option<&PartitionColumns>),
    ) -> Result<Vec<ReadCommit>, Unreadable> {
        let mut previous = match self.oldest() {
            Some(oldest) => time_before(log, run_start, oldest.parsed.commit.version)?,
            None => None,
        };
        let mut commits = self.commits;
        commits.reverse();
        // What the table was before the first commit that says so is taken for what it is in the end.
        let mut before: Option<Metadata> = None;
        for commit in &mut commits {
            let parsed = &mut commit.parsed;
            time::settle(parsed, previous, state);
            previous = Some(parsed.commit.committed_at);
            let found = parsed.metadata.as_ref().map(|found| found.metadata.clone());
            let after = found.as_ref().or(before.as_ref());
            let told = after.map(|after| after.partitioning.clone());
            if let Some(columns) = told.or(columns.cloned()) {
                parsed.place(&columns, before.as_ref());
            } else if parsed.commit.changed_data {
                parsed.commit.partitions = Touched::All(AllBecause::Unplaced);
            }
            parsed.files = FileSummary::default();
            before = found.or(before);
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
    let earliest = version.saturating_sub(log.times_before(TIMES_BEFORE));
    for earlier in run_start.max(earliest)..version {
        if let Some(stat) = log.stat(earlier)? {
            previous = Some(time::after(previous, stat.modified_at()));
        }
    }
    Ok(previous)
}
