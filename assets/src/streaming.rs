//! What the checkpoint of a Structured Streaming query says of its micro-batches.
//!
//! A checkpoint is a folder: `metadata` names the query, `offsets/N` says how far micro-batch `N` read each of
//! its sources, `commits/N` says that it ended and which event-time watermark the next one begins with. The
//! table that a query writes names, with each commit, the query and the micro-batch in a `txn` action. So a
//! table's content and the position of its writer belong together exactly.
//!
//! Only what is known for sure is said. A file of another format, or a line that is cut off, tells nothing at
//! all: half of the sources would make more of the others than there is.
//! Source: `OffsetSeqLog`, `CommitLog` of Apache Spark, `DeltaSourceOffset` of Delta Lake, read 2026-11-29.

mod offset;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TableId;

pub use offset::{Position, SourceOffset};

/// The largest file of a checkpoint that is read, in bytes. Those of queries with hundreds of sources are some
/// hundred kilobytes.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// The file that names the query, relative to the checkpoint.
pub const QUERY_FILE: &str = "metadata";

/// How long the id of a query may be, in bytes. Spark's are UUIDs.
const LONGEST_ID: usize = 256;

/// 9999-12-31T23:59:59.999Z: the last instant that a timestamp of Spark SQL can be.
const LAST_MILLISECOND: i64 = 253_402_300_799_999;

/// Returns the file that says how far a micro-batch read its sources, relative to the checkpoint.
pub fn offsets_file(batch: u64) -> String {
    format!("offsets/{batch}")
}

/// Returns the file that says that a micro-batch ended, relative to the checkpoint.
pub fn commit_file(batch: u64) -> String {
    format!("commits/{batch}")
}

/// How far the streaming query is that writes a table, as its checkpoint says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamProgress {
    /// Tells the place of the checkpoint from others. The place itself may hold a secret.
    pub place: u64,
    /// The micro-batch that the content includes; absent where the table names none of this query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// The event-time watermark after it, UTC; absent where the query has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_at: Option<DateTime<Utc>>,
    /// Whether the content is exactly what the recorded versions of its sources give: the micro-batch ended
    /// at versions that were seen, and nobody else changed data after it.
    #[serde(default)]
    pub is_exact: bool,
    /// Why it is not known how far the query is, or only in parts: one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Why a file of a checkpoint tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is larger than what is read.
    #[error("it has more than {LARGEST_FILE} bytes")]
    TooLarge,
    /// It is no text.
    #[error("it is no UTF-8 text")]
    NotText,
    /// It is of a format that nobody here knows.
    #[error("it is of format `{0}`, which is not known")]
    Format(String),
    /// It ends too early.
    #[error("it is cut off")]
    CutOff,
    /// A line is not what it should be.
    #[error("line {line} is not {expected}")]
    Line {
        /// Which one, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
}

/// Returns the id of the query whose checkpoint has this `metadata`.
///
/// # Errors
///
/// When the text names none.
pub fn query_id(bytes: &[u8]) -> Result<String, CheckpointError> {
    #[derive(Deserialize)]
    struct Query {
        id: String,
    }
    let expected = "a JSON object with the `id` of a query";
    let wrong = CheckpointError::Line { line: 1, expected };
    let query: Query = serde_json::from_str(text(bytes)?.trim()).map_err(|_| wrong.clone())?;
    let is_id = !query.id.is_empty() && query.id.len() <= LONGEST_ID;
    if is_id { Ok(query.id) } else { Err(wrong) }
}

/// How far a micro-batch read its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets {
    /// The event-time watermark that it began with, UTC; absent where the query has none.
    pub event_at: Option<DateTime<Utc>>,
    /// Its sources, in the order of the query.
    pub sources: Vec<SourceOffset>,
}

impl Offsets {
    /// Reads a file of `offsets`.
    ///
    /// # Errors
    ///
    /// When not all of it is understood as what Spark writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let text = text(bytes)?;
        let mut lines = text.lines().zip(1..);
        expect_format(lines.next(), &["v1"])?;
        let (metadata, line) = lines.next().ok_or(CheckpointError::CutOff)?;
        let event_at = match metadata.trim() {
            // Before Spark 2.1 nothing stood here.
            "" => None,
            metadata => watermark(metadata, "batchWatermarkMs", line)?,
        };
        let sources = lines.map(|(text, line)| SourceOffset::parse(text, line));
        Ok(Self {
            event_at,
            sources: sources.collect::<Result<_, _>>()?,
        })
    }

    /// Returns how far a table was read; nothing where it is none of the sources.
    ///
    /// # Errors
    ///
    /// When the table is a source, and how far it was read is not said in words that are known.
    pub fn position_of(&self, table: &TableId) -> Result<Option<Position>, CheckpointError> {
        let mut found: Option<Position> = None;
        // The header has two lines.
        for (source, line) in self.sources.iter().zip(3..) {
            let position = match source {
                SourceOffset::Delta {
                    table: of,
                    position,
                } if of == table => *position,
                SourceOffset::Unknown { table: of } if of == table => {
                    let expected = "a Delta offset of a known shape";
                    return Err(CheckpointError::Line { line, expected });
                }
                SourceOffset::Delta { .. }
                | SourceOffset::Unknown { .. }
                | SourceOffset::None
                | SourceOffset::Other => continue,
            };
            // A query may read a table twice.
            found = Some(found.map_or(position, |found| found.least(position)));
        }
        Ok(found)
    }
}

/// Returns the event-time watermark after the micro-batch whose file of `commits` this is, UTC; absent where
/// the query has none.
///
/// # Errors
///
/// When not all of it is understood as what Spark writes.
pub fn next_watermark(bytes: &[u8]) -> Result<Option<DateTime<Utc>>, CheckpointError> {
    let text = text(bytes)?;
    let mut lines = text.lines().zip(1..);
    // The second format has the states' ids as well.
    expect_format(lines.next(), &["v1", "v2"])?;
    match lines.next() {
        Some((metadata, line)) if !metadata.trim().is_empty() => {
            watermark(metadata, "nextBatchWatermarkMs", line)
        }
        // Before Spark 2.3 nothing stood here.
        Some(_) | None => Ok(None),
    }
}

fn text(bytes: &[u8]) -> Result<&str, CheckpointError> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_FILE) {
        return Err(CheckpointError::TooLarge);
    }
    str::from_utf8(bytes).map_err(|_| CheckpointError::NotText)
}

fn expect_format(first: Option<(&str, usize)>, known: &[&str]) -> Result<(), CheckpointError> {
    let (first, _) = first.ok_or(CheckpointError::CutOff)?;
    let format = first.trim();
    if known.contains(&format) {
        return Ok(());
    }
    let shown = format.chars().filter(|c| !c.is_control()).take(20);
    Err(CheckpointError::Format(shown.collect()))
}

/// Reads a watermark in milliseconds since 1970; zero is none.
fn watermark(
    json: &str,
    name: &str,
    line: usize,
) -> Result<Option<DateTime<Utc>>, CheckpointError> {
    let wrong = |expected| CheckpointError::Line { line, expected };
    let metadata: Value = serde_json::from_str(json).map_err(|_| wrong("JSON"))?;
    let fields = metadata.as_object().ok_or(wrong("a JSON object"))?;
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let expected = "metadata with a watermark in milliseconds since 1970, up to the year 9999";
    let millis = value.as_i64().ok_or(wrong(expected))?;
    if millis == 0 {
        return Ok(None);
    }
    let at = DateTime::from_timestamp_millis(millis);
    let at = at.filter(|_| (1..=LAST_MILLISECOND).contains(&millis));
    at.map(Some).ok_or(wrong(expected))
}
