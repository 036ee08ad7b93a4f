//! What the live files of a table come to: files, rows, bounds of watched columns, partitions.
//!
//! It is counted once from a checkpoint and the commits after it ([`replay`](super::replay)), and from
//! then on carried forward by what each commit does.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::action::FileAction;
use super::bounds::ColumnRange;
use super::commit::{FileVerb, ParsedCommit};
use super::files::{Change, sum};
use super::partition_tuple::PartitionTuple;
use super::schema::{DataType, Schema};
use super::statistics::FileStatistics;

/// What the live files of a table come to, at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// How many there are.
    pub files: u64,
    /// The rows that they show; `None` when one of them does not tell.
    pub rows: Option<u64>,
    /// Bounds of the columns that somebody watches, in the order in which they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<WatchedColumn>,
}

/// A column whose least and greatest value matter: a watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedColumn {
    /// Its name as it was declared, with dots between nested names.
    pub name: String,
    /// Its physical path in the statistics of files; empty where the table has no such column.
    pub physical: Vec<String>,
    /// Its type.
    pub data_type: DataType,
    /// What the statistics of files say.
    pub range: ColumnRange,
}

impl WatchedColumn {
    /// Finds columns in a schema. One that is not there is watched in vain.
    pub fn find(names: &[String], schema: Option<&Schema>) -> Vec<Self> {
        let find = |name: &String| {
            let column = schema.and_then(|schema| schema.column(name));
            let (physical, data_type) = column.map_or_else(
                || (Vec::new(), DataType::Other("unknown".into())),
                |column| (column.physical_path, column.data_type),
            );
            Self {
                name: name.clone(),
                physical,
                data_type,
                range: ColumnRange::EMPTY,
            }
        };
        names.iter().map(find).collect()
    }
}

/// Reads the statistics of files, and gathers the bounds of columns in those that are added.
#[derive(Debug, Clone)]
pub struct Gauge {
    columns: Vec<WatchedColumn>,
}

impl Gauge {
    /// Watches columns, from no bounds at all.
    pub fn new(mut columns: Vec<WatchedColumn>) -> Self {
        for column in &mut columns {
            column.range = ColumnRange::EMPTY;
        }
        Self { columns }
    }

    /// Returns the rows that a file shows, and widens the bounds by what it holds if it is added.
    pub fn see(&mut self, verb: FileVerb, file: &FileAction<'_>) -> Option<u64> {
        let statistics = file.stats.as_deref().and_then(FileStatistics::parse);
        if verb == FileVerb::Add {
            for column in &mut self.columns {
                let (path, data_type) = (&column.physical, &column.data_type);
                let told = statistics.as_ref();
                let told = told.and_then(|told| told.min(path).zip(told.max(path)));
                if told.is_some_and(|(min, max)| column.range.surely_holds(&min, &max, data_type)) {
                    continue;
                }
                let mut range = ColumnRange::of_file(statistics.as_ref(), path, data_type);
                if file.deletion_vector.is_some() {
                    // The row that had the value may be among those deleted.
                    range.mark_upper_bound();
                }
                column.range.widen(range, data_type);
            }
        }
        file.shown(statistics?.rows())
    }

    /// Returns what was gathered.
    pub fn into_columns(self) -> Vec<WatchedColumn> {
        self.columns
    }
}

impl Contents {
    /// Carries the contents over one commit, whose added files have the bounds of `added`.
    ///
    /// Returns whether it could; where not, the files have to be counted anew.
    #[must_use]
    pub fn advance(&mut self, commit: &ParsedCommit, added: &[WatchedColumn]) -> bool {
        if !commit.files.is_countable() {
            return false;
        }
        let total = commit.files.total();
        let files = (self.files + total.files_added).checked_sub(total.files_removed);
        let Some(files) = files else {
            return false;
        };
        let rows = match (self.rows, total.rows_added, total.rows_removed) {
            (Some(rows), Some(added), Some(removed)) => {
                let Some(rows) = (rows + added).checked_sub(removed) else {
                    return false;
                };
                Some(rows)
            }
            // A file without a count may be gone by now: only counting anew tells.
            (None, _, _) if total.files_removed > 0 => return false,
            (None | Some(_), _, _) => None,
        };
        self.files = files;
        self.rows = rows;
        if files == 0 {
            // Nothing is left that a bound could be of.
            for column in &mut self.columns {
                column.range = ColumnRange::EMPTY;
            }
            return true;
        }
        for (column, added) in self.columns.iter_mut().zip(added) {
            if total.files_removed > 0 {
                column.range.mark_upper_bound();
            }
            if total.files_added > 0 {
                column.range.widen(added.range.clone(), &column.data_type);
            }
        }
        true
    }
}

/// What is known of one partition of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// The newest version that changed its data.
    pub version: u64,
    /// The time of that version, UTC.
    pub at: DateTime<Utc>,
    /// Whether `version` and `at` are only a bound: it changed then or earlier, in commits that were
    /// not read.
    pub is_bound: bool,
    /// The rows that its files show; `None` when one of them does not tell.
    pub rows: Option<u64>,
    /// How many files it has; with none, it has no data any more.
    pub files: u64,
}

/// What several commits did to one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionDelta {
    /// The newest of them that changed its data, and its time, UTC.
    pub changed: Option<(u64, DateTime<Utc>)>,
    /// What they did, together.
    pub change: Change,
}

/// What is new about the partitions of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PartitionNews {
    /// Nothing is known of them, or nothing is new.
    #[default]
    Nothing,
    /// These changed.
    Changed(BTreeMap<PartitionTuple, PartitionDelta>),
    /// These are all there are.
    Replaced(BTreeMap<PartitionTuple, PartitionState>),
}

impl PartitionState {
    /// Carries the state over what commits did. Nothing was known of a partition that is new.
    pub fn advance(
        before: Option<&Self>,
        delta: &PartitionDelta,
        now: (u64, DateTime<Utc>),
    ) -> Self {
        let change = &delta.change;
        let (files, rows) = before.map_or((0, Some(0)), |before| (before.files, before.rows));
        let files = (files + change.files_added).saturating_sub(change.files_removed);
        let rows = sum(rows, change.rows_added)
            .and_then(|rows| rows.checked_sub(change.rows_removed?))
            .or((files == 0).then_some(0));
        let known = before.map(|before| (before.version, before.at, before.is_bound));
        let (version, at, is_bound) = match (delta.changed, known) {
            (Some((version, at)), _) => (version, at, false),
            (None, Some(known)) => known,
            (None, None) => (now.0, now.1, true),
        };
        Self {
            version,
            at,
            is_bound,
            rows,
            files,
        }
    }
}
