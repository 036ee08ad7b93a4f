//! From commit to commit, from a known head to the newest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use assets::delta::commit::ParsedCommit;
use assets::delta::contents::{
    ColumnChanges, Gauge, PartitionDelta, PartitionNews, PartitionState, Watch, WatchedColumn,
};
use assets::delta::files::Change;
use assets::delta::name;
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::reading::Progress;
use assets::delta::spread::SpreadColumn;
use assets::delta::table::parse_checksum;
use assets::delta::touched::{AllBecause, Touched};
use assets::delta::{
    Commit, CommitMarker, Continuity, DataHead, KnownHead, Reading, Unreadable, Update, time,
};
use chrono::TimeDelta;

use super::counting::forget_oldest;
use super::listing::Listing;
use super::log::{Log, ReadCommit, gauged};
use super::placing;
use super::store::{Cost, StoredFile};

/// So many commits are read one after the other before they are fetched side by side.
const ONE_BY_ONE: u64 = 2;

/// A walk from commit to commit.
pub(super) struct Walk {
    pub(super) head: KnownHead,
    /// The columns that are watched, found in a schema on the way.
    pub(super) watched: Option<Vec<WatchedColumn>>,
    /// The schema, where the walk came by one.
    pub(super) schema: Option<Arc<str>>,
    pub(super) partitions: PartitionNews,
    next: u64,
    commits: Vec<Commit>,
    is_replaced: bool,
    needs_count: bool,
    /// Commits that were fetched already, from `next` on.
    ahead: VecDeque<StoredFile>,
    /// How many were taken.
    taken: u64,
    /// The newest commit that changed everything.
    all_changed: Option<(u64, chrono::DateTime<chrono::Utc>)>,
}

impl Walk {
    /// Starts with the commit after the known head.
    pub(super) fn from(known: &KnownHead) -> Self {
        Self {
            head: KnownHead {
                has_hole_above: false,
                ..known.clone()
            },
            watched: None,
            schema: None,
            partitions: PartitionNews::Nothing,
            next: known.version.saturating_add(1),
            commits: Vec::new(),
            is_replaced: false,
            needs_count: false,
            ahead: VecDeque::new(),
            taken: 0,
            all_changed: None,
        }
    }

    /// As `from`, where the next commit was fetched already.
    pub(super) fn with_next(known: &KnownHead, next: StoredFile) -> Self {
        let mut walk = Self::from(known);
        walk.ahead.push_back(next);
        walk
    }

    /// As `from`, where the known commit has only got another file time.
    pub(super) fn remarked(known: &KnownHead, marker: CommitMarker) -> Self {
        let mut walk = Self::from(known);
        walk.head.marker = marker;
        walk
    }

    /// Starts with the known head itself, which was read while it was being written.
    pub(super) fn again(known: &KnownHead) -> Self {
        let mut walk = Self::from(known);
        walk.next = known.version;
        // Part of it is counted already.
        walk.needs_count = true;
        // So that its own time is judged anew and may stay as it was.
        let before = known
            .last_committed_at
            .checked_sub_signed(TimeDelta::milliseconds(1));
        walk.head.last_committed_at = before.unwrap_or(known.last_committed_at);
        walk
    }

    /// Returns whether what the commits say is not enough to know what the files come to.
    pub(super) fn needs_count(&self) -> bool {
        self.needs_count
    }

    /// Reads until there is no next commit, or one that cannot be read, and says why.
    pub(super) fn run(
        &mut self,
        log: Log<'_>,
        listing: Option<&Listing>,
    ) -> Result<Option<Unreadable>, Unreadable> {
        loop {
            let columns = self.head.details.contents.as_ref().map(|c| &c.columns);
            let mut gauge = Gauge::new(columns.cloned().unwrap_or_default())
                .with_spread(self.head.details.spread.clone());
            let file = self.fetch(log);
            let parse = |file: Option<StoredFile>| {
                file.map(|file| gauged(self.next, &file, &mut gauge))
                    .transpose()
            };
            match file.and_then(parse) {
                Ok(Some(commit)) => {
                    if let Err(reason) = self.take(log, commit, &gauge.into_changes()) {
                        return Ok(Some(reason));
                    }
                }
                Ok(None) if is_hole(log, listing, self.next)? => {
                    self.head.has_hole_above = true;
                    return Ok(Some(Unreadable::MissingCommit { version: self.next }));
                }
                Ok(None) if self.has_ended(log)? => return Ok(None),
                // It has appeared this very moment.
                Ok(None) => {}
                Err(reason) => return Ok(Some(reason)),
            }
        }
    }

    /// Fetches the next commit: where a request costs something and there are many, side by side.
    fn fetch(&mut self, log: Log<'_>) -> Result<Option<StoredFile>, Unreadable> {
        if self.ahead.is_empty() && self.taken >= ONE_BY_ONE && log.store.cost() == Cost::Remote {
            self.ahead = log.files_from(self.next)?;
        }
        match self.ahead.pop_front() {
            Some(file) => Ok(Some(file)),
            None => log.store.read(&name::commit_file(self.next)),
        }
    }

    /// Returns whether there really is no next commit. A store that answers for every file at any time
    /// need not be asked twice.
    fn has_ended(&self, log: Log<'_>) -> Result<bool, Unreadable> {
        match log.store.cost() {
            Cost::Remote => Ok(true),
            Cost::Local => Ok(log.stat(self.next)?.is_none()),
        }
    }

    fn take(
        &mut self,
        log: Log<'_>,
        commit: ReadCommit,
        columns: &ColumnChanges,
    ) -> Result<(), Unreadable> {
        let ReadCommit { mut parsed, marker } = commit;
        if let Some(protocol) = parsed.protocol.take() {
            protocol.check_observable()?;
            self.head.state.protocol = protocol;
        }
        let changes = self.place(log, &mut parsed);
        let seen_as = self.head.details.spread.clone();
        self.describe(&mut parsed);
        // What its files say was read as of the columns before it.
        if seen_as == self.head.details.spread {
            parsed.commit.spreads.clone_from(&columns.spreads);
        }
        time::settle(
            &mut parsed,
            Some(self.head.last_committed_at),
            Some(&self.head.state),
        );
        self.carry(&parsed, changes, columns);
        self.head.version = parsed.commit.version;
        self.head.marker = marker;
        self.head.last_committed_at = parsed.commit.committed_at;
        self.head.operation.clone_from(&parsed.commit.operation);
        self.advance_applications(&parsed);
        let commit = parsed.commit;
        if commit.changed_data {
            self.head.data = Some(DataHead {
                version: commit.version,
                at: commit.committed_at,
            });
            self.head.details.time_source = Some(commit.time_source);
            self.head.details.clocks_disagree = commit.clocks_disagree;
            self.commits.push(commit);
        }
        self.next = self.next.saturating_add(1);
        self.taken += 1;
        Ok(())
    }

    /// Says which partitions a commit touched; looks up where removed files belong where it must.
    fn place(
        &self,
        log: Log<'_>,
        parsed: &mut ParsedCommit,
    ) -> Option<BTreeMap<PartitionTuple, Change>> {
        let before = &self.head.state.metadata;
        let after = parsed.metadata.as_ref();
        let columns = after.map_or(&before.partitioning, |found| &found.metadata.partitioning);
        let columns = columns.clone();
        let before = before.clone();
        let changes = parsed.place(&columns, Some(&before));
        if parsed.commit.partitions != Touched::All(AllBecause::Unplaced) {
            return changes;
        }
        let version = parsed.commit.version;
        let found = log.list().ok().flatten().and_then(|listing| {
            let run = listing.run_up_to(log, version.checked_sub(1)?).ok()?;
            let files = parsed.files.unplaced();
            Some(placing::find(log, (&listing, run), version, files))
        });
        parsed.files.place(&found.unwrap_or_default());
        parsed.place(&columns, Some(&before))
    }

    fn describe(&mut self, parsed: &mut ParsedCommit) {
        let Some(found) = parsed.metadata.take() else {
            return;
        };
        self.is_replaced |= found.metadata.id != self.head.table_id;
        let details = &mut self.head.details;
        let since = details.change_feed_since;
        details.change_feed_since = found
            .metadata
            .has_change_feed()
            .then(|| since.unwrap_or(parsed.commit.version));
        let before = &self.head.state.metadata.partitioning;
        self.needs_count |= !found.metadata.partitioning.are_same(before);
        if let Some(contents) = &mut details.contents {
            let watches: Vec<Watch> = contents.columns.iter().map(WatchedColumn::watch).collect();
            let columns = WatchedColumn::find(&watches, found.schema.as_ref());
            let is_same = |(old, new): (&WatchedColumn, &WatchedColumn)| {
                (&old.physical, &old.data_type) == (&new.physical, &new.data_type)
            };
            if !contents.columns.iter().zip(&columns).all(is_same) {
                // Bounds of another column, or of another type.
                self.needs_count = true;
            }
            self.watched = Some(columns);
        }
        let names: Vec<String> = details.spread.iter().map(|c| c.name.clone()).collect();
        details.spread = SpreadColumn::find(&names, found.schema.as_ref());
        self.schema.clone_from(&found.schema_text);
        self.head.table_id = found.metadata.id.clone();
        self.head.state.metadata = found.metadata;
    }

    /// Carries contents and partitions over a commit.
    fn carry(
        &mut self,
        parsed: &ParsedCommit,
        changes: Option<BTreeMap<PartitionTuple, Change>>,
        columns: &ColumnChanges,
    ) {
        let commit = &parsed.commit;
        if let Touched::All(_) = commit.partitions {
            self.all_changed = Some((commit.version, commit.committed_at));
            self.needs_count = true;
        }
        if self.needs_count || self.head.details.contents.is_none() {
            return;
        }
        let contents = self.head.details.contents.as_mut();
        let is_carried = contents.is_some_and(|contents| contents.advance(parsed, columns));
        let Some(changes) = changes.filter(|_| is_carried) else {
            self.needs_count = true;
            return;
        };
        let mut deltas = match std::mem::take(&mut self.partitions) {
            PartitionNews::Changed(deltas) => deltas,
            PartitionNews::Nothing | PartitionNews::Replaced(_) => BTreeMap::new(),
        };
        for (tuple, change) in changes {
            let delta = deltas.entry(tuple).or_insert(PartitionDelta {
                changed: None,
                change: Change::default(),
            });
            if change.changed_data {
                delta.changed = Some((commit.version, commit.committed_at));
            }
            delta.change.merge(&change);
        }
        if !deltas.is_empty() {
            self.partitions = PartitionNews::Changed(deltas);
        }
    }

    fn advance_applications(&mut self, parsed: &ParsedCommit) {
        let applications = &mut self.head.details.applications;
        for txn in &parsed.progress {
            let progress = Progress {
                version: txn.version,
                commit: Some(parsed.commit.version),
                at: Some(parsed.commit.committed_at),
            };
            applications.insert(txn.app_id.clone(), progress);
        }
        forget_oldest(applications);
    }

    /// Returns whether the version checksum says something else than was counted. Only asked where a
    /// look is cheap: an object store has no half-written files.
    pub(super) fn has_wrong_sum(&self, log: Log<'_>) -> bool {
        let Some(contents) = &self.head.details.contents else {
            return false;
        };
        if self.commits.is_empty() || log.store.cost() == Cost::Remote {
            return false;
        }
        let file = log.checksum(self.head.version);
        let expected = file.and_then(|file| parse_checksum(&file.bytes).files);
        expected.is_some_and(|expected| expected != contents.files)
    }

    /// Drops what is not known any more.
    pub(super) fn forget_contents(&mut self) {
        self.head.details.contents = None;
        self.partitions = PartitionNews::Nothing;
    }

    /// Dates partitions no earlier than a commit of this walk that changed everything.
    pub(super) fn bounded(
        &self,
        mut partitions: BTreeMap<PartitionTuple, PartitionState>,
    ) -> BTreeMap<PartitionTuple, PartitionState> {
        if let Some((version, at)) = self.all_changed {
            for state in partitions.values_mut().filter(|s| s.version < version) {
                (state.version, state.at, state.is_bound) = (version, at, false);
            }
        }
        partitions
    }

    /// Says what the walk came to.
    pub(super) fn finish(mut self, known: &KnownHead, trailing: Option<Unreadable>) -> Reading {
        let continuity = if self.is_replaced {
            Continuity::Replaced
        } else {
            Continuity::Continues
        };
        if self.head.version != known.version {
            self.head.details.continuity = Some(continuity.clone());
        }
        if self.head == *known {
            return trailing.map_or(Reading::Unchanged, Reading::Unknown);
        }
        Reading::Read(Box::new(Update {
            head: self.head,
            commits: self.commits,
            continuity,
            trailing,
            partitions: self.partitions,
            schema: self.schema,
        }))
    }
}

/// Returns whether commits lie beyond one that is not there.
fn is_hole(log: Log<'_>, listing: Option<&Listing>, version: u64) -> Result<bool, Unreadable> {
    let is_asked = log.store.cost() == Cost::Local;
    let goes_on = listing.is_some_and(|listing| listing.goes_beyond(version))
        || match version.checked_add(1).filter(|_| is_asked) {
            Some(next) => log.stat(next)?.is_some(),
            None => false,
        };
    // Looked for again last: its writer may have been between the two looks.
    Ok(goes_on && log.stat(version)?.is_none())
}
