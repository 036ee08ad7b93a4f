//! One commit: the text of `V.json` → who wrote it, when, and whether it changed data.
//!
//! Rows and partitions beyond two counts are not read here, and no commit is judged by the name of
//! its operation.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::action::{FileAction, Line};
use super::reading::fingerprint;
use super::table::{Metadata, Protocol};

mod info;

/// A commit, as far as it matters to whoever watches the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its version.
    pub version: u64,
    /// Its time, UTC; strictly increasing along one log.
    pub committed_at: DateTime<Utc>,
    /// Where `committed_at` comes from.
    pub time_source: TimeSource,
    /// The writer's own clock when it prepared the commit, UTC.
    pub writer_clock: Option<DateTime<Utc>>,
    /// Whether `writer_clock` is more than 5 minutes away from `committed_at`: file times may have
    /// been lost when the log was copied.
    pub clocks_disagree: bool,
    /// What the writer calls it; for display only.
    pub operation: Option<String>,
    /// Whether a file action says that data changed.
    pub changed_data: bool,
    /// Who wrote it.
    pub writer: Writer,
    /// The upstream versions its writer says it read: the user metadata
    /// `{"headwater":{"inputs":{"bronze.orders":812}}}`.
    pub inputs: Option<BTreeMap<String, u64>>,
    /// Rows in files that were added with changed data; `None` when one of them does not tell.
    pub rows_added: Option<u64>,
    /// Rows in files that were removed with changed data; `None` when one of them does not tell.
    pub rows_removed: Option<u64>,
    /// The newest version its writer had read.
    pub read_version: Option<u64>,
    /// Progress that streaming and idempotent writers recorded, by application id.
    pub transactions: BTreeMap<String, i64>,
}

/// Where a commit time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The modification time of the commit file, moved behind the commit before it.
    File,
    /// The time that the commit itself carries.
    InCommit,
}

/// Who wrote a commit, as far as the commit says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// The Databricks run of the whole job.
    pub job_run_id: Option<i64>,
    /// The Databricks run of the one task.
    pub task_run_id: Option<i64>,
    /// The Databricks job.
    pub job_id: Option<i64>,
    /// The name of that job at the time.
    pub job_name: Option<String>,
    /// The notebook, outside a job.
    pub notebook_id: Option<String>,
    /// The engine and its version.
    pub engine: Option<String>,
    /// The user's name, or the user's id where no name is given.
    pub user: Option<String>,
}

/// A commit, and what it says about its table.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedCommit {
    /// The commit. Its time is still the time of its file: see [`settle`](super::time::settle).
    pub commit: Commit,
    /// The time that the commit itself carries, UTC.
    pub in_commit_timestamp: Option<DateTime<Utc>>,
    /// The table's new identity, schema and properties, if the commit sets them.
    pub metadata: Option<Metadata>,
    /// The table's new protocol, if the commit sets it.
    pub protocol: Option<Protocol>,
    /// Fingerprint of the text.
    pub content: u64,
}

/// Why a text is not a commit. All of them mean the same: the commit is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Nothing in it. A store that is not atomic shows a commit so while it is written.
    #[error("the file is empty")]
    Empty,
    /// The last line ends too early.
    #[error("line {line} is cut off")]
    CutOff {
        /// The line, from 1.
        line: usize,
    },
    /// A line is no action.
    #[error("line {line} is no action: {detail}")]
    Invalid {
        /// The line, from 1.
        line: usize,
        /// What the parser found.
        detail: String,
    },
}

/// Reads the text of a commit.
///
/// `file_time` is the modification time of the file, UTC, to the millisecond.
///
/// # Errors
///
/// Says that the text is empty, or which line is cut off or is no action. Fields and actions that
/// are not known are no error.
pub fn parse_commit(
    version: u64,
    text: &[u8],
    file_time: DateTime<Utc>,
) -> Result<ParsedCommit, CommitError> {
    let mut parsed = blank(version, file_time);
    let mut is_empty = true;
    for (index, bytes) in text.split(|&byte| byte == b'\n').enumerate() {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        is_empty = false;
        let line = serde_json::from_slice(bytes).map_err(|error| bad_line(index + 1, &error))?;
        take_line(&mut parsed, line);
    }
    if is_empty {
        return Err(CommitError::Empty);
    }
    parsed.content = fingerprint(text);
    Ok(parsed)
}

fn blank(version: u64, file_time: DateTime<Utc>) -> ParsedCommit {
    ParsedCommit {
        commit: Commit {
            version,
            committed_at: file_time,
            time_source: TimeSource::File,
            writer_clock: None,
            clocks_disagree: false,
            operation: None,
            changed_data: false,
            writer: Writer::default(),
            inputs: None,
            rows_added: Some(0),
            rows_removed: Some(0),
            read_version: None,
            transactions: BTreeMap::new(),
        },
        in_commit_timestamp: None,
        metadata: None,
        protocol: None,
        content: 0,
    }
}

fn bad_line(line: usize, error: &serde_json::Error) -> CommitError {
    if error.is_eof() {
        CommitError::CutOff { line }
    } else {
        CommitError::Invalid {
            line,
            detail: error.to_string(),
        }
    }
}

fn take_line(parsed: &mut ParsedCommit, line: Line<'_>) {
    let commit = &mut parsed.commit;
    if let Some(add) = line.add {
        commit.changed_data |= count_rows(&mut commit.rows_added, &add);
    }
    if let Some(remove) = line.remove {
        commit.changed_data |= count_rows(&mut commit.rows_removed, &remove);
    }
    if let Some(txn) = line.txn {
        commit.transactions.insert(txn.app_id, txn.version);
    }
    if let Some(metadata) = line.meta_data {
        parsed.metadata = Some(metadata.into());
    }
    if let Some(protocol) = line.protocol {
        parsed.protocol = Some(protocol.into());
    }
    if let Some(info) = line.commit_info {
        info::take(parsed, &info);
    }
}

/// Adds the rows of a file that changed data; returns whether it did.
fn count_rows(total: &mut Option<u64>, file: &FileAction<'_>) -> bool {
    if !file.changes_data() {
        return false;
    }
    // Once one file did not tell, the others need no look.
    *total = total.and_then(|sum| sum.checked_add(file.rows()?));
    true
}

#[cfg(test)]
mod tests;
