//! Reading on from a known head.
//!
//! Quiet tables are the rule, so the first looks decide: is there a next commit, and is the
//! known one still the file it was? Everything else happens only on doubt.

use assets::delta::contents::{PartitionNews, WatchedColumn};
use assets::delta::name;
use assets::delta::spread::SpreadColumn;
use assets::delta::{Continuity, KnownHead, Reading, Unreadable};

use super::ask::{Ask, Look};
use super::counting::count;
use super::listing::Listing;
use super::log::{Log, Same};
use super::past::{self, check_sum, take_count};
use super::store::{Cost, StoredFile};
use super::walk::Walk;

/// Reads what came after the known head.
pub(super) fn read_on(log: Log<'_>, known: &KnownHead, ask: &Ask) -> Result<Reading, Unreadable> {
    if known.has_hole_above || ask.look == Look::Listed {
        return read_listed(log, known, ask);
    }
    let next = match log.store.cost() {
        Cost::Local => look_for_next(log, known)?,
        // One request, and what it brings is used.
        Cost::Remote => match fetch_next(log, known)? {
            None if ask.look == Look::Quick && !lacks_contents(known, ask) => {
                return Ok(Reading::Unchanged);
            }
            next => next,
        },
    };
    match log.stat(known.version)? {
        Some(stat) if !stat.matches(&known.marker) => read_changed_file(log, known, None, ask),
        Some(_) => match next {
            Some(Next::Seen) => walk(log, Walk::from(known), known, None, ask),
            Some(Next::Fetched(file)) => walk(log, Walk::with_next(known, file), known, None, ask),
            None if lacks_contents(known, ask) => count_only(log, known, ask),
            None => Ok(Reading::Unchanged),
        },
        None => read_listed(log, known, ask),
    }
}

/// The commit after the known one.
enum Next {
    /// It is there.
    Seen,
    /// It is here.
    Fetched(StoredFile),
}

fn look_for_next(log: Log<'_>, known: &KnownHead) -> Result<Option<Next>, Unreadable> {
    let next = known.version.checked_add(1).map(|next| log.stat(next));
    Ok(next.transpose()?.flatten().map(|_| Next::Seen))
}

fn fetch_next(log: Log<'_>, known: &KnownHead) -> Result<Option<Next>, Unreadable> {
    let next = known.version.checked_add(1);
    let next = next.map(|next| log.store.read(&name::commit_file(next)));
    Ok(next.transpose()?.flatten().map(Next::Fetched))
}

/// Reads what came after the known head, judging by a listing of the whole log.
fn read_listed(log: Log<'_>, known: &KnownHead, ask: &Ask) -> Result<Reading, Unreadable> {
    let Some(listing) = log.list()? else {
        return Ok(Reading::Absent);
    };
    if listing.has_no_commit() {
        return read_only_checkpoint(log, known, ask);
    }
    let run = listing.run(log)?;
    if run.newest < known.version {
        return past::read_cold(log, Continuity::Recreated, ask);
    }
    // Commits between the known head and the readable ones are gone. With a checkpoint above them
    // the table itself is whole, and only our knowledge has a gap.
    if run.start > known.version.saturating_add(1) && run.is_covered {
        return past::read_after_gap(log, &listing, run, known, ask);
    }
    if listing.has_commit(known.version) {
        return match log.stat(known.version)? {
            Some(stat) if stat.matches(&known.marker) => {
                walk(log, Walk::from(known), known, Some(&listing), ask)
            }
            Some(_) | None => read_changed_file(log, known, Some(&listing), ask),
        };
    }
    walk(log, Walk::from(known), known, Some(&listing), ask)
}

/// A log without commits is the known one as long as its newest checkpoint is.
fn read_only_checkpoint(log: Log<'_>, known: &KnownHead, ask: &Ask) -> Result<Reading, Unreadable> {
    let freshness = Ask::default();
    if let Reading::Read(found) = past::read_cold(log, Continuity::Recreated, &freshness)?
        && (&found.head.table_id, found.head.version) == (&known.table_id, known.version)
        && !lacks_contents(known, ask)
    {
        return Ok(Reading::Unchanged);
    }
    let reading = past::read_cold(log, Continuity::Recreated, ask)?;
    let Reading::Read(mut update) = reading else {
        return Ok(reading);
    };
    if update.head.table_id != known.table_id || update.head.version < known.version {
        return Ok(Reading::Read(update));
    }
    update.continuity = if update.head.version > known.version {
        Continuity::Gap {
            lost_from: known.version + 1,
            lost_to: update.head.version,
        }
    } else if lacks_contents(known, ask) && update.head.details.contents.is_some() {
        Continuity::Continues
    } else {
        // What nobody can read stays unknown, however quiet it is.
        return Ok(update.trailing.map_or(Reading::Unchanged, Reading::Unknown));
    };
    update.head.details.continuity = Some(update.continuity.clone());
    Ok(Reading::Read(update))
}

/// Reads on where the known commit's file is not the one it was.
fn read_changed_file(
    log: Log<'_>,
    known: &KnownHead,
    listing: Option<&Listing>,
    ask: &Ask,
) -> Result<Reading, Unreadable> {
    let begun = match log.compare(known.version, &known.marker)? {
        Same::Content(marker) => Walk::remarked(known, marker),
        Same::Grown => Walk::again(known),
        Same::Other => return past::read_cold(log, Continuity::Recreated, ask),
        // Gone since it was looked at: the next reading sees clearly.
        Same::Gone => {
            return Err(Unreadable::MissingCommit {
                version: known.version,
            });
        }
    };
    let reading = walk(log, begun, known, listing, ask)?;
    // Commits without a clock or a random name may be equal in two tables; their ids are not.
    if let (Reading::Read(update), Ok(Reading::Read(cold))) =
        (&reading, past::read_cold(log, Continuity::Recreated, ask))
        && update.head.table_id != cold.head.table_id
    {
        return Ok(Reading::Read(cold));
    }
    Ok(reading)
}

/// Returns whether files have to be counted before what is asked can be said.
fn lacks_contents(known: &KnownHead, ask: &Ask) -> bool {
    let contents = known.details.contents.as_ref();
    ask.contents && contents.is_none_or(|contents| !is_watched(&contents.columns, ask))
}

fn is_watched(columns: &[WatchedColumn], ask: &Ask) -> bool {
    columns
        .iter()
        .map(WatchedColumn::watch)
        .eq(ask.columns.iter().cloned())
}

/// Counts the files of a table of which nothing else is new.
fn count_only(log: Log<'_>, known: &KnownHead, ask: &Ask) -> Result<Reading, Unreadable> {
    let begun = Walk::from(known);
    match walk(log, begun, known, None, ask) {
        // What cannot be counted is as it was: its versions are known.
        Err(reason) => {
            tracing::warn!(place = log.store.place(), error = %reason, "files not counted");
            Ok(Reading::Unchanged)
        }
        reading => reading,
    }
}

/// Walks, and brings the contents to where the walk ended.
fn walk(
    log: Log<'_>,
    mut walk: Walk,
    known: &KnownHead,
    listing: Option<&Listing>,
    ask: &Ask,
) -> Result<Reading, Unreadable> {
    watch_spread(log, &mut walk, known, ask);
    let mut trailing = walk.run(log, listing)?;
    if !ask.contents && walk.needs_count() {
        walk.forget_contents();
    }
    if ask.contents
        && (walk.needs_count() || lacks_contents(&walk.head, ask) || walk.has_wrong_sum(log))
    {
        match recount(log, &mut walk, ask) {
            Ok(()) => {}
            // The newest commits do not add up: they are looked at again next time.
            Err(reason @ (Unreadable::TruncatedCommit { .. } | Unreadable::TornCommit { .. })) => {
                return Ok(Reading::Unknown(reason));
            }
            // Its versions are known all the same, but nobody can read the table.
            Err(reason @ Unreadable::BrokenCheckpoint { .. }) => {
                walk.forget_contents();
                trailing = trailing.or(Some(reason));
            }
            Err(reason) => {
                tracing::warn!(place = log.store.place(), error = %reason, "files not counted");
                walk.forget_contents();
            }
        }
    }
    Ok(walk.finish(known, trailing))
}

/// Watches the spread of columns that were not watched before; what their types are stands in the log.
fn watch_spread(log: Log<'_>, walk: &mut Walk, known: &KnownHead, ask: &Ask) {
    let spread = &mut walk.head.details.spread;
    let is_known = |name: &String| spread.iter().any(|column| column.name == *name);
    if ask.spread.iter().all(is_known) {
        return;
    }
    let describe = || {
        let listing = log.list()?.unwrap_or_default();
        let run = listing.run_up_to(log, known.version)?;
        past::describe(log, &listing, run)
    };
    match describe() {
        Ok((description, _)) => {
            *spread = SpreadColumn::find(&ask.spread, description.schema.as_ref());
        }
        // Then commits count for every partition, and it is tried again.
        Err(error) => tracing::debug!(place = log.store.place(), %error, "columns not known"),
    }
}

/// Counts the files anew at the end of a walk.
fn recount(log: Log<'_>, walk: &mut Walk, ask: &Ask) -> Result<(), Unreadable> {
    let listing = log.list()?.unwrap_or_default();
    let version = walk.head.version;
    let run = listing.run_up_to(log, version)?;
    let state = &mut walk.head.state;
    let metadata = &state.metadata;
    let is_described = metadata.partitioning.len() == metadata.partition_columns.len();
    let old = walk.head.details.contents.as_ref();
    let known = old.map(|contents| contents.columns.as_slice());
    let watched = match (known, &walk.watched) {
        (_, Some(found)) if is_watched(found, ask) => found.clone(),
        (Some(columns), None) if is_watched(columns, ask) && is_described => columns.to_vec(),
        _ if ask.columns.is_empty() && is_described => Vec::new(),
        _ => {
            let (description, text) = past::describe(log, &listing, run)?;
            walk.schema = walk.schema.take().or(text);
            state.metadata.partitioning = description.metadata.partitioning;
            WatchedColumn::find(&ask.columns, description.schema.as_ref())
        }
    };
    let count = count(log, &listing, run, state, &watched)?;
    check_sum(log, &listing, version, &count)?;
    walk.head.details.earliest_commit = Some(run.start);
    walk.partitions = match take_count(count, &mut walk.head.details) {
        PartitionNews::Replaced(all) => PartitionNews::Replaced(walk.bounded(all)),
        news @ (PartitionNews::Nothing | PartitionNews::Changed(_)) => news,
    };
    Ok(())
}
