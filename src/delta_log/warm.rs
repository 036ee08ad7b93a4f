//! Reading on from a known head.
//!
//! Quiet tables are the rule, so the first two looks decide: is there a next commit, and is the
//! known one still the file it was? Everything else happens only on doubt.

use assets::delta::time;
use assets::delta::{
    Commit, CommitMarker, Continuity, DataHead, KnownHead, Reading, Unreadable, Update,
};
use chrono::TimeDelta;

use super::listing::Listing;
use super::log::{Log, ReadCommit, Same};
use super::past;

/// Reads what came after the known head.
pub(super) fn read_on(log: Log<'_>, known: &KnownHead) -> Result<Reading, Unreadable> {
    if known.has_hole_above {
        return read_listed(log, known);
    }
    let has_next = match known.version.checked_add(1) {
        Some(next) => log.stat(next)?.is_some(),
        None => false,
    };
    match log.stat(known.version)? {
        Some(stat) if !stat.matches(&known.marker) => read_changed_file(log, known, None),
        Some(_) if has_next => Walk::from(known).run(log, known, None),
        Some(_) => Ok(Reading::Unchanged),
        None => read_listed(log, known),
    }
}

/// Reads what came after the known head, judging by a listing of the whole log.
pub(super) fn read_listed(log: Log<'_>, known: &KnownHead) -> Result<Reading, Unreadable> {
    let Some(listing) = log.list()? else {
        return Ok(Reading::Absent);
    };
    let run = listing.run(log)?;
    if run.newest < known.version {
        return past::read_cold(log, Continuity::Recreated);
    }
    // Commits between the known head and the readable ones are gone. With a checkpoint above them
    // the table itself is whole, and only our knowledge has a gap.
    if run.start > known.version.saturating_add(1) && run.is_covered {
        return past::read_after_gap(log, &listing, run, known);
    }
    if listing.has_commit(known.version) {
        return match log.stat(known.version)? {
            Some(stat) if stat.matches(&known.marker) => {
                Walk::from(known).run(log, known, Some(&listing))
            }
            Some(_) | None => read_changed_file(log, known, Some(&listing)),
        };
    }
    Walk::from(known).run(log, known, Some(&listing))
}

/// Reads on where the known commit's file is not the one it was.
fn read_changed_file(
    log: Log<'_>,
    known: &KnownHead,
    listing: Option<&Listing>,
) -> Result<Reading, Unreadable> {
    let walk = match log.compare(known.version, &known.marker)? {
        Same::Content(marker) => Walk::remarked(known, marker),
        Same::Grown => Walk::again(known),
        Same::Other => return past::read_cold(log, Continuity::Recreated),
        // Gone since it was looked at: the next reading sees clearly.
        Same::Gone => {
            return Err(Unreadable::MissingCommit {
                version: known.version,
            });
        }
    };
    let reading = walk.run(log, known, listing)?;
    // Commits without a clock or a random name may be equal in two tables; their ids are not.
    if let (Reading::Read(update), Ok(Reading::Read(cold))) =
        (&reading, past::read_cold(log, Continuity::Recreated))
        && update.head.table_id != cold.head.table_id
    {
        return Ok(Reading::Read(cold));
    }
    Ok(reading)
}

/// A walk from commit to commit.
struct Walk {
    head: KnownHead,
    next: u64,
    commits: Vec<Commit>,
    is_replaced: bool,
}

impl Walk {
    /// Starts with the commit after the known head.
    fn from(known: &KnownHead) -> Self {
        Self {
            head: KnownHead {
                has_hole_above: false,
                ..known.clone()
            },
            next: known.version.saturating_add(1),
            commits: Vec::new(),
            is_replaced: false,
        }
    }

    /// As `from`, where the known commit has only got another file time.
    fn remarked(known: &KnownHead, marker: CommitMarker) -> Self {
        let mut walk = Self::from(known);
        walk.head.marker = marker;
        walk
    }

    /// Starts with the known head itself, which was read while it was being written.
    fn again(known: &KnownHead) -> Self {
        let mut walk = Self::from(known);
        walk.next = known.version;
        // So that its own time is judged anew and may stay as it was.
        let before = known
            .last_committed_at
            .checked_sub_signed(TimeDelta::milliseconds(1));
        walk.head.last_committed_at = before.unwrap_or(known.last_committed_at);
        walk
    }

    /// Reads until there is no next commit, or one that cannot be read.
    fn run(
        mut self,
        log: Log<'_>,
        known: &KnownHead,
        listing: Option<&Listing>,
    ) -> Result<Reading, Unreadable> {
        let mut trailing = None;
        while trailing.is_none() {
            match log.commit(self.next) {
                Ok(Some(commit)) => trailing = self.take(commit).err(),
                Ok(None) if is_hole(log, listing, self.next)? => {
                    self.head.has_hole_above = true;
                    trailing = Some(Unreadable::MissingCommit { version: self.next });
                }
                Ok(None) if log.stat(self.next)?.is_none() => break,
                // It has appeared this very moment.
                Ok(None) => {}
                Err(reason) => trailing = Some(reason),
            }
        }
        Ok(self.finish(known, trailing))
    }

    fn take(&mut self, commit: ReadCommit) -> Result<(), Unreadable> {
        let ReadCommit { mut parsed, marker } = commit;
        if let Some(protocol) = parsed.protocol.take() {
            protocol.check_observable()?;
            self.head.state.protocol = protocol;
        }
        if let Some(metadata) = parsed.metadata.take() {
            self.is_replaced |= metadata.id != self.head.table_id;
            self.head.table_id = metadata.id.clone();
            self.head.state.metadata = metadata;
        }
        time::settle(
            &mut parsed,
            Some(self.head.last_committed_at),
            Some(&self.head.state),
        );
        let commit = parsed.commit;
        self.head.version = commit.version;
        self.head.marker = marker;
        self.head.last_committed_at = commit.committed_at;
        self.head.operation.clone_from(&commit.operation);
        if commit.changed_data {
            self.head.data = Some(DataHead {
                version: commit.version,
                at: commit.committed_at,
            });
            self.commits.push(commit);
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn finish(self, known: &KnownHead, trailing: Option<Unreadable>) -> Reading {
        if self.head == *known {
            return trailing.map_or(Reading::Unchanged, Reading::Unknown);
        }
        Reading::Read(Box::new(Update {
            head: self.head,
            commits: self.commits,
            continuity: if self.is_replaced {
                Continuity::Replaced
            } else {
                Continuity::Continues
            },
            trailing,
        }))
    }
}

/// Returns whether commits lie beyond one that is not there.
fn is_hole(log: Log<'_>, listing: Option<&Listing>, version: u64) -> Result<bool, Unreadable> {
    let goes_on = listing.is_some_and(|listing| listing.goes_beyond(version))
        || match version.checked_add(1) {
            Some(next) => log.stat(next)?.is_some(),
            None => false,
        };
    // Looked for again last: its writer may have been between the two looks.
    Ok(goes_on && log.stat(version)?.is_none())
}
