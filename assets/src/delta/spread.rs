//! Over which values of a column the files of a commit spread, by their statistics.
//!
//! Where a table is not physically partitioned by a column of time, that is all that a log says of when the
//! rows of a change lie. Files that were added and removed count alike, as far as data changed in them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::action::FileAction;
use super::bounds::ColumnRange;
use super::schema::{DataType, Schema};
use super::statistics::FileStatistics;

/// So many different ranges are told apart; of more, one that holds all of them.
const TOLD_APART: usize = 1000;

/// A column whose spread is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadColumn {
    /// Its name as it was declared, with dots between nested names.
    pub name: String,
    /// Its physical path in the statistics of files; empty where the table has no such column.
    pub physical: Vec<String>,
    /// Its type.
    pub data_type: DataType,
}

/// Over which values of a column the files of a commit spread in which data changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The column, as it was declared.
    pub column: String,
    /// Its type.
    pub data_type: DataType,
    /// The ranges of the files, each once; absent where one of them does not tell.
    pub ranges: Option<Vec<ColumnRange>>,
}

/// Gathers the spread of one commit.
#[derive(Debug, Clone, Default)]
pub struct SpreadGauge {
    columns: Vec<SpreadColumn>,
    found: Vec<Option<HashSet<ColumnRange>>>,
}

impl SpreadColumn {
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
            }
        };
        names.iter().map(find).collect()
    }
}

impl SpreadGauge {
    /// Watches columns.
    pub fn new(columns: Vec<SpreadColumn>) -> Self {
        let none = |column: &SpreadColumn| (!column.physical.is_empty()).then(HashSet::new);
        Self {
            found: columns.iter().map(none).collect(),
            columns,
        }
    }

    /// Takes in a file that a commit adds or removes.
    pub fn see(&mut self, file: &FileAction<'_>, statistics: Option<&FileStatistics<'_>>) {
        if !file.changes_data() {
            return;
        }
        for (column, found) in self.columns.iter().zip(&mut self.found) {
            let Some(ranges) = found else { continue };
            let range = ColumnRange::of_file(statistics, &column.physical, &column.data_type);
            if range == ColumnRange::EMPTY {
                continue;
            }
            if range.min.bound().is_none() || range.max.bound().is_none() {
                *found = None;
                continue;
            }
            ranges.insert(range);
            if ranges.len() > TOLD_APART {
                let widen = |mut all: ColumnRange, range| {
                    all.widen(range, &column.data_type);
                    all
                };
                let all = ranges.drain().fold(ColumnRange::EMPTY, widen);
                ranges.insert(all);
            }
        }
    }

    /// Returns what the files of the commit come to.
    pub fn into_spreads(self) -> Vec<Spread> {
        let columns = self.columns.into_iter().zip(self.found);
        let spread = |(column, found): (SpreadColumn, Option<HashSet<ColumnRange>>)| Spread {
            column: column.name,
            data_type: column.data_type,
            ranges: found.map(|ranges| {
                let mut ranges: Vec<ColumnRange> = ranges.into_iter().collect();
                ranges.sort_by_cached_key(|range| format!("{range:?}"));
                ranges
            }),
        };
        columns.map(spread).collect()
    }
}

#[cfg(test)]
mod tests;
