//! Commits of the past, for people and for judging what an outside writer had read.
//!
//! Nothing here moves a known head.

use std::cell::Cell;

use assets::delta::history::{History, PastCommit};
use assets::delta::table::Description;
use assets::delta::touched::{AllBecause, Touched};
use assets::delta::{Commit, TableState, Unreadable, time};
use chrono::{DateTime, Utc};

use super::listing::{Listing, Run};
use super::log::{Log, ReadCommit};
use super::past;
use super::placing;
use super::store::LogStore;
use super::window::{self, Window};

/// Reads all commits from version `from` to version `to`, both included. Blocks.
///
/// Bounds that are absent or lie outside the log are taken as its ends; `None` where there is no
/// log.
///
/// # Errors
///
/// When the log cannot be listed, or nothing is left of it but checkpoints, or the table must not be
/// observed by its log.
pub fn history(
    store: &dyn LogStore,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<Option<History>, Unreadable> {
    let log = Log::of(store);
    let Some(listing) = log.list()? else {
        return Ok(None);
    };
    let (run, hole) = listing.whole_run(log)?;
    let oldest = listing.oldest_commit().unwrap_or(run.start);
    let first = from.unwrap_or(oldest).max(oldest);
    let last = to.unwrap_or(run.newest).min(run.newest);
    let mut reader = Reader {
        log,
        listing: &listing,
        run,
        state: state_before(log, &listing, run, first, last)?,
        history: History {
            commits: Vec::new(),
            touched: Touched::default(),
            metadata: None,
            earliest: oldest,
            newest: run.newest,
            trailing: None,
        },
    };
    let mut previous = window::time_before(log, run.start, first)?;
    for version in first..=last {
        match log.commit(version) {
            Ok(Some(commit)) => previous = Some(reader.take(commit, previous)?),
            // Below a checkpoint, the table is whole without it.
            Ok(None) if version < run.start => reader.lose(),
            Ok(None) => reader.history.trailing = Some(Unreadable::MissingCommit { version }),
            Err(reason) => reader.history.trailing = Some(reason),
        }
        if reader.history.trailing.is_some() {
            break;
        }
    }
    let goes_beyond = to.is_none_or(|to| to > run.newest);
    if goes_beyond && reader.history.trailing.is_none() {
        reader.history.trailing = hole;
    }
    if from.is_some_and(|from| from < oldest) || reader.history.trailing.is_some() {
        reader.lose();
    }
    let mut history = reader.history;
    history.metadata = reader.state.map(|state| state.metadata);
    Ok(Some(history))
}

/// What the table was before a version; what it is at the end of the range, where that is not known.
fn state_before(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
    first: u64,
    last: u64,
) -> Result<Option<TableState>, Unreadable> {
    let before = first.checked_sub(1).filter(|before| *before >= run.start);
    for newest in before.into_iter().chain((first <= last).then_some(last)) {
        let run = Run { newest, ..run };
        let window = window::walk_back(log, listing, run, Window::knows_table);
        let Ok(Window {
            description: Some(description),
            protocol: Some(protocol),
            ..
        }) = window
        else {
            continue;
        };
        protocol.check_observable()?;
        let Description { metadata, .. } = *description;
        return Ok(Some(TableState { metadata, protocol }));
    }
    Ok(None)
}

struct Reader<'a> {
    log: Log<'a>,
    listing: &'a Listing,
    run: Run,
    state: Option<TableState>,
    history: History,
}

impl Reader<'_> {
    /// Says that a commit that was asked for cannot be read: it may have touched anything.
    fn lose(&mut self) {
        self.history.touched.merge(&Touched::All(AllBecause::Lost));
    }

    /// Adds a commit; returns its time.
    fn take(
        &mut self,
        commit: ReadCommit,
        previous: Option<DateTime<Utc>>,
    ) -> Result<DateTime<Utc>, Unreadable> {
        let mut parsed = commit.parsed;
        let version = parsed.commit.version;
        if let Some(protocol) = parsed.protocol.take() {
            protocol.check_observable()?;
            if let Some(state) = &mut self.state {
                state.protocol = protocol;
            }
        }
        let before = self.state.as_ref().map(|state| state.metadata.clone());
        let before = before.filter(|_| version > self.run.start || self.run.start > 0);
        let found = parsed.metadata.as_ref().map(|found| found.metadata.clone());
        if let (Some(found), Some(state)) = (&found, &mut self.state) {
            state.metadata = found.clone();
        }
        let after = found.as_ref().or(before.as_ref());
        let after = after.or(self.state.as_ref().map(|state| &state.metadata));
        let columns = after.map(|after| after.partitioning.clone());
        if let Some(columns) = &columns {
            parsed.place(columns, before.as_ref());
            if parsed.commit.partitions == Touched::All(AllBecause::Unplaced) {
                let files = parsed.files.unplaced();
                let found = placing::find(self.log, (self.listing, self.run), version, files);
                parsed.files.place(&found);
                parsed.place(columns, before.as_ref());
            }
        } else if parsed.commit.changed_data {
            parsed.commit.partitions = Touched::All(AllBecause::Unplaced);
        }
        time::settle(&mut parsed, previous, self.state.as_ref());
        self.history.touched.merge(&parsed.commit.partitions);
        if let Some(because) = parsed.broken_off(before.as_ref()) {
            self.history.touched.merge(&Touched::All(because));
        }
        let at = parsed.commit.committed_at;
        self.history.commits.push(PastCommit {
            commit: parsed.commit,
            columns: columns.unwrap_or_default(),
        });
        Ok(at)
    }
}

/// Reads the commits that changed data, newest first, back to the first one that was there at an instant,
/// or to the oldest commit that is still there; but at most so many commits. Says of those columns over
/// which of their values the files of commits spread. Blocks.
///
/// Damaged commits and what is above them do not count, as in a reading. Without a log there are
/// none. Where the table's state is not known, a time that a commit carries itself counts, because
/// writers stamp commits only where the table asks for it.
///
/// # Errors
///
/// When the log cannot be listed or none of its commits can be read.
pub fn data_commits_back_to(
    store: &dyn LogStore,
    (at, at_most): (DateTime<Utc>, usize),
    spread: &[String],
) -> Result<Vec<Commit>, Unreadable> {
    let log = Log::of(store);
    let Some(listing) = log.list()? else {
        return Ok(Vec::new());
    };
    let run = listing.run(log)?;
    // Where no checkpoint says by what the table is partitioned, an older commit does.
    let is_reached = Cell::new(false);
    let enough = |window: &Window| {
        is_reached.set(is_reached.get() || was_there(log, run, window, at));
        window.len() >= at_most || is_reached.get() && window.knows_table()
    };
    let mut window = window::walk_back(log, &listing, run, enough)?;
    let described = window.description.take();
    let (columns, schema) = described.map_or((None, None), |description| {
        let Description {
            metadata, schema, ..
        } = *description;
        (Some(metadata.partitioning), schema)
    });
    let settled = window.settle_placed(log, run.start, (None, columns.as_ref()))?;
    let mut described = settled.iter().rev();
    let described = described.find(|commit| commit.parsed.metadata.is_some());
    // What the columns were before, nobody said.
    let same_since = described.map_or(0, |commit| commit.parsed.commit.version);
    let commits = settled.into_iter().rev().map(|commit| commit.parsed.commit);
    let mut commits: Vec<Commit> = commits.filter(|commit| commit.changed_data).collect();
    if let Some(first_there) = commits.iter().position(|commit| commit.committed_at <= at) {
        commits.truncate(first_there + 1);
    }
    let partitioned = columns.unwrap_or_default();
    let spread = past::spread_columns(&partitioned, schema.as_ref(), spread);
    let known = commits.iter_mut();
    past::add_spreads(
        log,
        &spread,
        known.filter(|commit| commit.version >= same_since),
    );
    Ok(commits)
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
    let previous = window::time_before(log, run.start, commit.version).unwrap_or(None);
    time::settle(&mut parsed, previous, None);
    parsed.commit.committed_at <= at
}
