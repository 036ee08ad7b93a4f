//! Cold readings, and those after a gap: nothing, or nothing any more, is known to go on from.

use std::sync::Arc;

use assets::delta::contents::{Gauge, PartitionNews, WatchedColumn};
use assets::delta::name;
use assets::delta::reading::Details;
use assets::delta::schema::Schema;
use assets::delta::spread::SpreadColumn;
use assets::delta::table::{Description, parse_checksum};
use assets::delta::{
    Commit, CommitMarker, Continuity, DataHead, KnownHead, PartitionColumns, Reading, TableState,
    Unreadable, Update,
};

use super::ask::Ask;
use super::checkpoint::{self, CheckpointRow, Wanted};
use super::counting::{Count, count};
use super::listing::{Listing, Run};
use super::log::{Log, gauged};
use super::window::{Window, walk_back};

/// Reads a table of which nothing is known, or whose log is no longer the known one.
pub(super) fn read_cold(
    log: Log<'_>,
    continuity: Continuity,
    ask: &Ask,
) -> Result<Reading, Unreadable> {
    let Some(listing) = log.list()? else {
        return Ok(Reading::Absent);
    };
    if listing.has_no_commit() {
        return only_checkpoint(log, &listing, continuity, ask);
    }
    let (run, hole) = listing.whole_run(log)?;
    let enough = |window: &Window| window.changed_data && window.knows_table();
    let reading = Backwards {
        log,
        listing: &listing,
        ask,
    };
    reading.read(run, hole, enough, |_| continuity.clone())
}

/// Reads a table whose next commits were cleaned away before they were read.
pub(super) fn read_after_gap(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
    known: &KnownHead,
    ask: &Ask,
) -> Result<Reading, Unreadable> {
    let reading = Backwards { log, listing, ask };
    reading.read(
        run,
        None,
        |_| false,
        |state| {
            if state.metadata.id == known.table_id {
                Continuity::Gap {
                    lost_from: known.version + 1,
                    lost_to: run.start.saturating_sub(1),
                }
            } else {
                Continuity::Recreated
            }
        },
    )
}

/// A reading from the newest commit back.
struct Backwards<'a> {
    log: Log<'a>,
    listing: &'a Listing,
    ask: &'a Ask,
}

impl Backwards<'_> {
    /// Reads up to the newest commit that adds up with all before it. `trailing` says why the log goes
    /// on beyond the run.
    fn read(
        &self,
        mut run: Run,
        mut trailing: Option<Unreadable>,
        enough: impl Fn(&Window) -> bool,
        continuity: impl Fn(&TableState) -> Continuity,
    ) -> Result<Reading, Unreadable> {
        loop {
            let mut window = walk_back(self.log, self.listing, run, &enough)?;
            trailing = trailing.or(window.trailing.take());
            let (reason, damaged) = match self.conclude(run, window, &continuity) {
                Ok(mut update) => {
                    update.head.has_hole_above =
                        matches!(trailing, Some(Unreadable::MissingCommit { .. }));
                    update.trailing = trailing.or(update.trailing);
                    return Ok(Reading::Read(Box::new(update)));
                }
                Err(reason) => (reason.clone(), reason.damaged_commit().ok_or(reason)?),
            };
            // What is below the damage may still be whole.
            match damaged.checked_sub(1) {
                Some(newest) if newest >= run.start => run.newest = newest,
                Some(_) | None => return Err(reason),
            }
            trailing = Some(reason);
        }
    }

    fn conclude(
        &self,
        run: Run,
        mut window: Window,
        continuity: impl Fn(&TableState) -> Continuity,
    ) -> Result<Update, Unreadable> {
        let (description, protocol) = (window.description.take(), window.protocol.take());
        let description = *description.ok_or_else(|| only_in_checkpoint("the table's id"))?;
        let protocol = protocol.ok_or_else(|| only_in_checkpoint("the table's protocol"))?;
        let Description {
            metadata,
            schema,
            schema_text,
        } = description;
        let state = TableState { metadata, protocol };
        state.protocol.check_observable()?;
        let continuity = continuity(&state);
        let commits = window.settle(self.log, run.start, Some(&state))?;
        let (Some(first), Some(last)) = (commits.first(), commits.last()) else {
            return Err(only_in_checkpoint("every commit"));
        };
        // The newest one that is not damaged: a window may end below the run.
        let run = Run {
            newest: last.parsed.commit.version,
            ..run
        };
        let (read_from, marker) = (first.parsed.commit.version, last.marker.clone());
        let newest = last.parsed.commit.clone();
        let mut described = commits.iter().rev();
        let described = described.find(|commit| commit.parsed.metadata.is_some());
        // What the columns were before, nobody said.
        let same_since = described.map_or(0, |commit| commit.parsed.commit.version);
        let commits = commits.into_iter().map(|commit| commit.parsed.commit);
        let mut commits: Vec<Commit> = commits.filter(|commit| commit.changed_data).collect();
        let partitioned = &state.metadata.partitioning;
        let spread = spread_columns(partitioned, schema.as_ref(), &self.ask.spread);
        let known = commits.iter_mut();
        let known = known.filter(|commit| commit.version >= same_since);
        add_spreads(self.log, &spread, known);
        let data = commits.last();
        let mut details = Details {
            earliest_commit: Some(run.start),
            continuity: Some(continuity.clone()),
            time_source: data.map(|commit| commit.time_source),
            clocks_disagree: data.is_some_and(|commit| commit.clocks_disagree),
            spread,
            ..Details::default()
        };
        let watched = WatchedColumn::find(&self.ask.columns, schema.as_ref());
        let (partitions, uncounted) = self.contents(run, &state, &watched, &mut details)?;
        let head = KnownHead {
            table_id: state.metadata.id.clone(),
            version: run.newest,
            marker,
            data: data.map(|commit| DataHead {
                version: commit.version,
                at: commit.committed_at,
            }),
            read_from,
            last_committed_at: newest.committed_at,
            operation: newest.operation,
            has_hole_above: false,
            state,
            details,
        };
        Ok(Update {
            head,
            commits,
            continuity,
            trailing: uncounted,
            partitions,
            schema: schema_text,
        })
    }

    fn contents(
        &self,
        run: Run,
        state: &TableState,
        watched: &[WatchedColumn],
        details: &mut Details,
    ) -> Result<(PartitionNews, Option<Unreadable>), Unreadable> {
        if !self.ask.contents {
            return Ok((PartitionNews::Nothing, None));
        }
        let count = match count(self.log, self.listing, run, state, watched) {
            Ok(count) => count,
            // Its versions are known all the same, but nobody can read the table.
            Err(reason @ Unreadable::BrokenCheckpoint { .. }) => {
                return Ok((PartitionNews::Nothing, Some(reason)));
            }
            Err(reason) => return Err(reason),
        };
        check_sum(self.log, self.listing, run.newest, &count)?;
        Ok((take_count(count, details), None))
    }
}

/// The columns whose spread tells what the files' partitions do not.
pub(super) fn spread_columns(
    partitioned: &PartitionColumns,
    schema: Option<&Schema>,
    names: &[String],
) -> Vec<SpreadColumn> {
    let columns = partitioned.columns();
    let is_told = |name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let names = names.iter().filter(|name| !is_told(name));
    SpreadColumn::find(&names.cloned().collect::<Vec<_>>(), schema)
}

/// Says over which values the files of commits spread. What their statistics mean was not known when they
/// were read, so that they are read again.
pub(super) fn add_spreads<'c>(
    log: Log<'_>,
    spread: &[SpreadColumn],
    commits: impl Iterator<Item = &'c mut Commit>,
) {
    if spread.is_empty() {
        return;
    }
    for commit in commits {
        let mut gauge = Gauge::new(Vec::new()).with_spread(spread.to_vec());
        let file = log.store.read(&name::commit_file(commit.version));
        if let Ok(Some(file)) = file
            && gauged(commit.version, &file, &mut gauge).is_ok()
        {
            commit.spreads = gauge.into_changes().spreads;
        }
    }
}

/// Compares a count with the version checksum, where there is one.
pub(super) fn check_sum(
    log: Log<'_>,
    listing: &Listing,
    version: u64,
    count: &Count,
) -> Result<(), Unreadable> {
    let files = count.replayed.contents.files;
    match checked_files(log, listing, version) {
        Some(expected) if expected != files => Err(Unreadable::TruncatedCommit {
            version,
            files,
            expected,
        }),
        Some(_) | None => Ok(()),
    }
}

fn checked_files(log: Log<'_>, listing: &Listing, version: u64) -> Option<u64> {
    let file = listing
        .has_checksum(version)
        .then(|| log.checksum(version))?;
    parse_checksum(&file?.bytes).files
}

/// Puts a count into the details of a head.
pub(super) fn take_count(count: Count, details: &mut Details) -> PartitionNews {
    details.contents = Some(count.replayed.contents);
    details.applications = count.applications;
    details.change_feed_since = count.change_feed_since;
    PartitionNews::Replaced(count.replayed.partitions)
}

/// Reads a log of which only checkpoints are left: the version is known, the last change is not.
fn only_checkpoint(
    log: Log<'_>,
    listing: &Listing,
    continuity: Continuity,
    ask: &Ask,
) -> Result<Reading, Unreadable> {
    let mut problem = only_in_checkpoint("every commit");
    for base in listing.checkpoints_up_to(u64::MAX) {
        let (mut description, mut protocol) = (None, None);
        let read = checkpoint::read(log.store, base, Wanted::Table, &mut |row| match row {
            CheckpointRow::Metadata(action) => description = Some(Description::from(action)),
            CheckpointRow::Protocol(action) => protocol = Some(action.into()),
            CheckpointRow::Add(_) | CheckpointRow::Transaction(_) => {}
        });
        if let Err(reason) = read {
            problem = reason;
            continue;
        }
        let description = description.ok_or_else(|| only_in_checkpoint("the table's id"))?;
        let protocol = protocol.ok_or_else(|| only_in_checkpoint("the table's protocol"))?;
        let state = TableState {
            metadata: description.metadata,
            protocol,
        };
        state.protocol.check_observable()?;
        let written = match base.files.first() {
            Some(name) => log.store.stat(name)?,
            None => None,
        };
        let Some(written) = written else {
            return Err(only_in_checkpoint("every commit"));
        };
        let run = Run {
            start: base.version + 1,
            newest: base.version,
            is_covered: true,
        };
        let mut details = Details {
            continuity: Some(continuity.clone()),
            ..Details::default()
        };
        let backwards = Backwards { log, listing, ask };
        let watched = WatchedColumn::find(&ask.columns, description.schema.as_ref());
        let (partitions, uncounted) = backwards.contents(run, &state, &watched, &mut details)?;
        let head = KnownHead {
            table_id: state.metadata.id.clone(),
            version: base.version,
            marker: CommitMarker::of_no_file(),
            data: None,
            read_from: base.version + 1,
            last_committed_at: written.modified_at(),
            operation: None,
            has_hole_above: false,
            state,
            details,
        };
        return Ok(Reading::Read(Box::new(Update {
            head,
            commits: Vec::new(),
            continuity,
            trailing: uncounted,
            partitions,
            schema: description.schema_text,
        })));
    }
    Err(problem)
}

/// Says what the table is at the end of a run, for somebody who knows only its head.
pub(super) fn describe(
    log: Log<'_>,
    listing: &Listing,
    run: Run,
) -> Result<(Description, Option<Arc<str>>), Unreadable> {
    let window = walk_back(log, listing, run, Window::knows_table)?;
    let description = window.description;
    let description = *description.ok_or_else(|| only_in_checkpoint("the table's schema"))?;
    let text = description.schema_text.clone();
    Ok((description, text))
}

fn only_in_checkpoint(fact: &str) -> Unreadable {
    Unreadable::OnlyInCheckpoint {
        fact: fact.to_owned(),
    }
}
