//! How far one source was read: one line of a file of `offsets`.
//!
//! The offset of a Delta table names a version and a place among the files of its commit. All before that
//! version was read; of the version itself some files may have been. Where the place is a sentinel, none
//! were. While the initial snapshot of the table is being read, nothing before it was read as a whole.

use serde::Deserialize;
use serde_json::Value;

use super::CheckpointError;
use crate::TableId;

/// The place before all files of a version, in the first format of offsets.
const BASE: i64 = -1;

/// The same in the third format, and the places before and after a change of the schema.
const SENTINELS: [i64; 3] = [-100, -20, -19];

/// The place behind all files of a version: never written, as the next version is.
const END: i64 = i64::MAX - 100;

/// How far one source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceOffset {
    /// A Delta table.
    Delta {
        /// Which one.
        table: TableId,
        /// How far.
        position: Position,
    },
    /// A Delta table, in words that are not known.
    Unknown {
        /// Which one.
        table: TableId,
    },
    /// A source that had nothing yet; which one it is, is not said.
    None,
    /// A source of another kind.
    Other,
}

/// How far a Delta table was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The newest version up to which all was read, or left out as the query was told to; absent where there
    /// is none.
    pub through: Option<u64>,
    /// Whether nothing beyond it was read.
    pub is_whole: bool,
}

impl Position {
    /// Returns what is sure of both.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            through: self.through.min(other.through),
            is_whole: self == other && self.is_whole,
        }
    }
}

/// The offset of a Delta source as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaOffset {
    source_version: i64,
    reservoir_version: u64,
    index: i64,
    #[serde(alias = "isInitialSnapshot")]
    is_starting_version: bool,
}

impl SourceOffset {
    /// Reads one line.
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, CheckpointError> {
        let text = text.trim();
        if text == "-" {
            return Ok(Self::None);
        }
        let expected = "`-` or JSON";
        let value: Value =
            serde_json::from_str(text).map_err(|_| CheckpointError::Line { line, expected })?;
        let table = value.get("reservoirId").and_then(Value::as_str);
        let Some(table) = table.map(TableId::new) else {
            return Ok(Self::Other);
        };
        let offset = serde_json::from_value::<DeltaOffset>(value).ok();
        Ok(match offset.and_then(|offset| offset.position()) {
            Some(position) => Self::Delta { table, position },
            None => Self::Unknown { table },
        })
    }
}

impl DeltaOffset {
    fn position(&self) -> Option<Position> {
        let is_sentinel = match self.source_version {
            1 => self.index == BASE,
            3 => SENTINELS.contains(&self.index),
            _ => return None,
        };
        if !is_sentinel && !(0..END).contains(&self.index) {
            return None;
        }
        let through = if self.is_starting_version {
            None
        } else {
            self.reservoir_version.checked_sub(1)
        };
        Some(Position {
            through,
            is_whole: is_sentinel,
        })
    }
}
