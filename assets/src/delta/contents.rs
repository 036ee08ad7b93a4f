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
use super::nulls::{FileNulls, NullCount, RemovedNulls};
use super::partition_tuple::PartitionTuple;
use super::schema::{DataType, Schema};
use super::spread::{Spread, SpreadColumn, SpreadGauge};
use super::statistics::FileStatistics;

/// What the live files of a table come to, at one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// How many there are.
    pub files: u64,
    /// The rows that they show; `None` when one of them does not tell.
    pub rows: Option<u64>,
    /// The columns that somebody watches, in the order in which they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<WatchedColumn>,
}

/// What is watched of a column, by its name as it was declared, with dots between nested names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// Its least and greatest value: a watermark.
    Range(String),
    /// How many rows have null in it: a check.
    Nulls(String),
    /// Over which of its values the files of commits spread: partitions.
    Spread(String),
}

impl Watch {
    /// Returns the name of the column.
    pub fn column(&self) -> &str {
        match self {
            Self::Range(column) | Self::Nulls(column) | Self::Spread(column) => column,
        }
    }
}

/// A column of which something is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedColumn {
    /// Its name as it was declared, with dots between nested names.
    pub name: String,
    /// Its physical path in the statistics of files; empty where the table has no such column.
    pub physical: Vec<String>,
    /// Its type.
    pub data_type: DataType,
    /// What the statistics of files say of its least and greatest value; that there is none where only
    /// its nulls are watched.
    pub range: ColumnRange,
    /// What they say of its nulls; absent where its range is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls: Option<NullCount>,
}

impl WatchedColumn {
    /// Finds columns in a schema. One that is not there is watched in vain.
    pub fn find(watches: &[Watch], schema: Option<&Schema>) -> Vec<Self> {
        let find = |watch: &Watch| {
            let name = watch.column();
            let column = schema.and_then(|schema| schema.column(name));
            let (physical, data_type) = column.map_or_else(
                || (Vec::new(), DataType::Other("unknown".into())),
                |column| (column.physical_path, column.data_type),
            );
            Self {
                name: name.to_owned(),
                physical,
                data_type,
                range: ColumnRange::EMPTY,
                nulls: matches!(watch, Watch::Nulls(_)).then(NullCount::default),
            }
        };
        watches.iter().map(find).collect()
    }

    /// Returns what is watched of it.
    pub fn watch(&self) -> Watch {
        match self.nulls {
            None => Watch::Range(self.name.clone()),
            Some(_) => Watch::Nulls(self.name.clone()),
        }
    }

    fn clear(&mut self) {
        self.range = ColumnRange::EMPTY;
        self.nulls = self.nulls.map(|_| NullCount::default());
    }
}

/// Reads the statistics of files, and gathers what those that are added hold of watched columns, and how
/// many nulls go with those that are removed.
#[derive(Debug, Clone)]
pub struct Gauge {
    columns: Vec<WatchedColumn>,
    removed: Vec<RemovedNulls>,
    spread: SpreadGauge,
}

/// What one commit does to watched columns, in their order.
#[derive(Debug, Clone, Default)]
pub struct ColumnChanges {
    /// What its added files hold.
    pub added: Vec<WatchedColumn>,
    /// The nulls of its removed files.
    pub removed: Vec<RemovedNulls>,
    /// Over which values its files spread.
    pub spreads: Vec<Spread>,
}

impl Gauge {
    /// Watches columns, from no bounds at all.
    pub fn new(mut columns: Vec<WatchedColumn>) -> Self {
        columns.iter_mut().for_each(WatchedColumn::clear);
        Self {
            removed: vec![RemovedNulls::default(); columns.len()],
            columns,
            spread: SpreadGauge::default(),
        }
    }

    /// Watches over which values of columns files spread, too.
    #[must_use]
    pub fn with_spread(mut self, columns: Vec<SpreadColumn>) -> Self {
        self.spread = SpreadGauge::new(columns);
        self
    }

    /// Returns the rows that a file shows, and takes in what it holds.
    pub fn see(&mut self, verb: FileVerb, file: &FileAction<'_>) -> Option<u64> {
        let statistics = file.stats.as_deref().and_then(FileStatistics::parse);
        self.spread.see(file, statistics.as_ref());
        for (column, removed) in self.columns.iter_mut().zip(&mut self.removed) {
            let Some(nulls) = &mut column.nulls else {
                continue;
            };
            let told = FileNulls::of(file, statistics.as_ref(), &column.physical);
            match verb {
                FileVerb::Add => nulls.add(told),
                FileVerb::Remove => removed.add(told),
            }
        }
        if verb == FileVerb::Add {
            let ranges = self.columns.iter_mut();
            for column in ranges.filter(|column| column.nulls.is_none()) {
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

    /// Returns what the files hold that were added.
    pub fn into_columns(self) -> Vec<WatchedColumn> {
        self.columns
    }

    /// Returns what was gathered of one commit.
    pub fn into_changes(self) -> ColumnChanges {
        ColumnChanges {
            added: self.columns,
            removed: self.removed,
            spreads: self.spread.into_spreads(),
        }
    }
}

impl Contents {
    /// Carries the contents over one commit, which does this to the watched columns.
    ///
    /// Returns whether it could; where not, the files have to be counted anew.
    #[must_use]
    pub fn advance(&mut self, commit: &ParsedCommit, columns: &ColumnChanges) -> bool {
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
        let Some(nulls) = self.nulls_after(columns) else {
            return false;
        };
        self.files = files;
        self.rows = rows;
        if files == 0 {
            // Nothing is left that a bound could be of.
            self.columns.iter_mut().for_each(WatchedColumn::clear);
            return true;
        }
        let columns = self.columns.iter_mut().zip(&columns.added);
        for ((column, added), nulls) in columns.zip(nulls) {
            if nulls.is_some() {
                column.nulls = nulls;
                continue;
            }
            if total.files_removed > 0 {
                column.range.mark_upper_bound();
            }
            if total.files_added > 0 {
                column.range.widen(added.range.clone(), &column.data_type);
            }
        }
        true
    }

    /// The nulls of each watched column after a commit; nothing where one has to be counted anew.
    fn nulls_after(&self, columns: &ColumnChanges) -> Option<Vec<Option<NullCount>>> {
        let mut after = Vec::with_capacity(self.columns.len());
        let changes = columns.added.iter().zip(&columns.removed);
        for (column, (added, removed)) in self.columns.iter().zip(changes) {
            after.push(match (column.nulls, added.nulls) {
                (Some(nulls), Some(added)) => Some(nulls.advance(self.files, added, *removed)?),
                _ => None,
            });
        }
        Some(after)
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
