//! How many nulls a column has, by the statistics of files.
//!
//! A file tells it exactly where no row of it was deleted since its statistics were taken. Once rows
//! were, by a deletion vector, only two counts still say something: none stays none, and a column that
//! was null in every row is null in every row that is left (Delta protocol, "Per-file Statistics",
//! `tightBounds`). Files that do not tell are counted, so that what is known can be carried on when
//! they go.

use serde::{Deserialize, Serialize};

use super::action::FileAction;
use super::statistics::FileStatistics;

/// The nulls of one column in the live files of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NullCount {
    /// Rows with null in the files that tell it.
    pub rows: u64,
    /// How many files do not tell it.
    pub untold_files: u64,
}

/// What one file says about the nulls of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileNulls {
    /// So many of its rows are null.
    Told(u64),
    /// It has a count that says nothing any more, because rows of it were deleted.
    Loose,
    /// It says nothing.
    Silent,
}

impl FileNulls {
    /// Reads what a file action says of a column, by its physical path.
    pub fn of(
        file: &FileAction<'_>,
        statistics: Option<&FileStatistics<'_>>,
        path: &[String],
    ) -> Self {
        let rows = statistics.and_then(FileStatistics::rows);
        if let Some(is_null) = partition_is_null(file, path) {
            return match file.shown(rows) {
                _ if !is_null => Self::Told(0),
                Some(shown) => Self::Told(shown),
                None => Self::Silent,
            };
        }
        let (Some(statistics), Some(rows)) = (statistics, rows) else {
            return Self::Silent;
        };
        if rows == 0 {
            return Self::Told(0);
        }
        match statistics.nulls(path) {
            None => Self::Silent,
            Some(0) => Self::Told(0),
            Some(nulls) if file.deletion_vector.is_none() && statistics.has_tight_bounds() => {
                Self::Told(nulls)
            }
            Some(nulls) if nulls == rows => file.shown(Some(rows)).map_or(Self::Loose, Self::Told),
            Some(_) => Self::Loose,
        }
    }
}

/// Whether a column is a partition column that is null in all rows of a file; absent where it is none. An
/// empty text stands for null (Delta protocol, "Partition Value Serialization").
fn partition_is_null(file: &FileAction<'_>, path: &[String]) -> Option<bool> {
    let ([name], Some(values)) = (path, &file.partition_values) else {
        return None;
    };
    let mut values = values.0.iter();
    let (_, value) = values.find(|(column, _)| column == name)?;
    Some(value.as_ref().is_none_or(|value| value.is_empty()))
}

/// What a commit takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovedNulls {
    /// What the removed files told.
    told: NullCount,
    /// How many of them said nothing, which may be less than was said when they were added.
    silent_files: u64,
}

impl RemovedNulls {
    /// Takes in what a removed file says.
    pub fn add(&mut self, file: FileNulls) {
        match file {
            FileNulls::Told(_) | FileNulls::Loose => self.told.add(file),
            FileNulls::Silent => self.silent_files += 1,
        }
    }
}

impl NullCount {
    /// Returns how many rows are null; nothing where a file does not tell.
    pub fn exact(self) -> Option<u64> {
        (self.untold_files == 0).then_some(self.rows)
    }

    /// Takes in what a file says that is added.
    pub fn add(&mut self, file: FileNulls) {
        match file {
            FileNulls::Told(rows) => self.rows = self.rows.saturating_add(rows),
            FileNulls::Loose | FileNulls::Silent => self.untold_files += 1,
        }
    }

    /// Carries the count over a commit on a table of `files` files; nothing where it has to be counted
    /// anew.
    pub fn advance(self, files: u64, added: Self, removed: RemovedNulls) -> Option<Self> {
        // Where no file tells anything, one that goes without a word is one of them. Where some do,
        // nobody knows which kind it was.
        if removed.silent_files > 0 && self.untold_files != files {
            return None;
        }
        let untold_removed = removed.told.untold_files + removed.silent_files;
        Some(Self {
            rows: (self.rows + added.rows).checked_sub(removed.told.rows)?,
            untold_files: (self.untold_files + added.untold_files).checked_sub(untold_removed)?,
        })
    }
}

#[cfg(test)]
mod tests;
