//! What the file actions of a commit come to: which partitions they touch, how many files and rows
//! go in and out.
//!
//! Partitions stay as the log spells them here: what a spelling means depends on the table's schema,
//! which may stand in another commit.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::action::{DeletionVector, FileAction, PartitionValues};
use super::partition_tuple::{PartitionColumns, PartitionTuple};

/// The identity of a file in a table: its path together with its deletion vector, for deleting rows
/// by a vector gives the same path another one (Delta protocol, "Add File and Remove File").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    path: String,
    deletion_vector: Option<String>,
}

impl FileKey {
    /// Returns the identity of the file that an action names.
    pub fn of(file: &FileAction<'_>) -> Self {
        Self {
            path: file.path.clone().into_owned(),
            deletion_vector: file.deletion_vector.as_ref().map(unique_id),
        }
    }
}

/// The `uniqueId` of the protocol, "Deletion Vectors".
fn unique_id(vector: &DeletionVector<'_>) -> String {
    let mut id = format!("{}{}", vector.storage_type, vector.path_or_inline_dv);
    if let Some(offset) = vector.offset {
        id = format!("{id}@{offset}");
    }
    id
}

/// What a commit did to one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether one of the actions says that data changed; otherwise files were only rewritten.
    pub changed_data: bool,
    /// Files that were added, rewritten ones included.
    pub files_added: u64,
    /// Files that were removed, rewritten ones included.
    pub files_removed: u64,
    /// Rows in files that were added with changed data; `None` when one of them does not tell.
    pub rows_added: Option<u64>,
    /// Rows in files that were removed with changed data; `None` when one of them does not tell.
    pub rows_removed: Option<u64>,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            changed_data: false,
            files_added: 0,
            files_removed: 0,
            rows_added: Some(0),
            rows_removed: Some(0),
        }
    }
}

impl Change {
    /// Adds what another change did to the same partition.
    pub fn merge(&mut self, other: &Self) {
        self.changed_data |= other.changed_data;
        self.files_added += other.files_added;
        self.files_removed += other.files_removed;
        self.rows_added = sum(self.rows_added, other.rows_added);
        self.rows_removed = sum(self.rows_removed, other.rows_removed);
    }
}

/// Adds counts; unknown as soon as one is.
pub(super) fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a?.checked_add(b?)
}

/// Everything that the file actions of one commit come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSummary {
    by_partition: BTreeMap<PartitionValues<'static>, Change>,
    /// What was removed by actions that do not say from which partition.
    unplaced: Vec<(FileKey, Change)>,
    /// Whether a removed file does not tell its rows, or one that is rewritten has none.
    is_uncounted: bool,
    /// Rows in and out of files that were rewritten without a change of data.
    rewritten: Rewritten,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rewritten {
    rows_in: Option<u64>,
    rows_out: Option<u64>,
}

impl Default for Rewritten {
    fn default() -> Self {
        Self {
            rows_in: Some(0),
            rows_out: Some(0),
        }
    }
}

impl FileSummary {
    /// Counts an `add` with the rows that it shows.
    pub fn add(&mut self, file: &FileAction<'_>, rows: Option<u64>) {
        let mut change = Change {
            files_added: 1,
            ..Change::default()
        };
        if file.changes_data() {
            change.changed_data = true;
            change.rows_added = rows;
        } else {
            self.rewritten.rows_in = sum(self.rewritten.rows_in, rows);
            // Without rows, nothing tells a file that is rewritten from one that is counted already.
            self.is_uncounted |= rows == Some(0);
        }
        // Writers always say where a file that they add belongs; where one does not, it is nowhere.
        let values = file.partition_values.as_ref();
        let values = values.map(PartitionValues::to_owned_values);
        let counted = self.by_partition.entry(values.unwrap_or_default());
        counted.or_default().merge(&change);
    }

    /// Counts a `remove` with the rows that its file showed.
    pub fn remove(&mut self, file: &FileAction<'_>, rows: Option<u64>) {
        let mut change = Change {
            files_removed: 1,
            ..Change::default()
        };
        if file.changes_data() {
            change.changed_data = true;
            change.rows_removed = rows;
        } else {
            self.rewritten.rows_out = sum(self.rewritten.rows_out, rows);
        }
        self.is_uncounted |= rows.is_none();
        match &file.partition_values {
            Some(values) => {
                let counted = self.by_partition.entry(values.to_owned_values());
                counted.or_default().merge(&change);
            }
            None => self.unplaced.push((FileKey::of(file), change)),
        }
    }

    /// Returns the files that were removed by actions that do not say from which partition.
    pub fn unplaced(&self) -> impl Iterator<Item = &FileKey> {
        self.unplaced.iter().map(|(key, _)| key)
    }

    /// Puts removed files where earlier actions said that they belong.
    pub fn place(&mut self, found: &HashMap<FileKey, PartitionValues<'static>>) {
        let by_partition = &mut self.by_partition;
        self.unplaced.retain(|(key, change)| {
            let values = found.get(key);
            if let Some(values) = values {
                by_partition
                    .entry(values.clone())
                    .or_default()
                    .merge(change);
            }
            values.is_none()
        });
    }

    /// Returns whether an action says that data changed.
    pub fn changed_data(&self) -> bool {
        self.changes().any(|change| change.changed_data)
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        let unplaced = self.unplaced.iter().map(|(_, change)| change);
        self.by_partition.values().chain(unplaced)
    }

    /// Returns everything that was done, without regard to partitions.
    pub fn total(&self) -> Change {
        let mut total = Change::default();
        for change in self.changes() {
            total.merge(change);
        }
        total
    }

    /// Returns whether files and rows of the table can be counted on from this alone.
    ///
    /// They cannot where a removed file does not tell its rows, where a rewritten one has none, or where files were rewritten so that
    /// rows seem to come or go: then statistics of files were refreshed that are counted already.
    pub fn is_countable(&self) -> bool {
        !self.is_uncounted && self.rewritten.rows_in == self.rewritten.rows_out
    }

    /// Tells what was done to each partition, by what the table is partitioned by; nothing where an
    /// action does not say which partition its file belongs to.
    pub fn by_partition(
        &self,
        columns: &PartitionColumns,
    ) -> Option<BTreeMap<PartitionTuple, Change>> {
        let (changes, is_whole) = self.placed(columns);
        is_whole.then_some(changes)
    }

    /// As [`by_partition`](Self::by_partition), for those actions that do say it, and whether all do.
    pub fn placed(&self, columns: &PartitionColumns) -> (BTreeMap<PartitionTuple, Change>, bool) {
        let mut changes = BTreeMap::<PartitionTuple, Change>::new();
        let mut is_whole = true;
        let nowhere = PartitionValues::default();
        let unplaced = self.unplaced.iter().map(|(_, change)| (&nowhere, change));
        for (values, change) in self.by_partition.iter().chain(unplaced) {
            match columns.tuple(&values.0) {
                Some(tuple) => changes.entry(tuple).or_default().merge(change),
                None => is_whole = false,
            }
        }
        (changes, is_whole)
    }
}
