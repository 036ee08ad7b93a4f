//! One commit: the text of `V.json` → who wrote it, when, and whether it changed data.
//!
//! Rows are never read, and no commit is judged by the name of its operation. Which partitions it
//! touched is counted by [`files`](super::files) as the log spells them, and understood once the
//! table's schema is known ([`ParsedCommit::place`]).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::action::{FileAction, Line, TransactionAction, read_actions};
use super::files::{Change, FileSummary};
use super::partition_tuple::{PartitionColumns, PartitionTuple};
use super::reading::fingerprint;
use super::spread::Spread;
use super::table::{Description, Metadata, Protocol};
use super::touched::{AllBecause, Touched};

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
    /// The partitions it changed data in; none where it changed no data.
    pub partitions: Touched,
    /// Over which values of columns the files spread in which it changed data, of those that are watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spreads: Vec<Spread>,
    /// Whether its writer says that it only added rows, and read none of the table's.
    pub is_blind_append: Option<bool>,
    /// Whether it brings files of the change data feed of its own.
    pub has_change_data: bool,
    /// The micro-batch of the streaming query that wrote it.
    pub micro_batch: Option<MicroBatch>,
    /// The table that it cloned.
    pub cloned_from: Option<CloneSource>,
    /// What its writer wanted to be kept with it.
    pub user_metadata: Option<String>,
}

impl Commit {
    /// Returns a commit that did nothing and of which nothing is said.
    pub fn blank(version: u64, committed_at: DateTime<Utc>) -> Self {
        Self {
            version,
            committed_at,
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
            partitions: Touched::default(),
            spreads: Vec::new(),
            is_blind_append: None,
            has_change_data: false,
            micro_batch: None,
            cloned_from: None,
            user_metadata: None,
        }
    }
}

/// The progress of a streaming query: Structured Streaming's query and micro-batch ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MicroBatch {
    /// The query.
    pub query_id: String,
    /// Its micro-batch, from 0.
    pub batch_id: i64,
}

/// What a table was cloned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloneSource {
    /// The source as the writer names it: a relation or a path.
    pub source: String,
    /// The source's version, where the writer says it.
    pub version: Option<u64>,
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
    pub metadata: Option<Box<Description>>,
    /// The table's new protocol, if the commit sets it.
    pub protocol: Option<Protocol>,
    /// What its file actions come to.
    pub files: FileSummary,
    /// How far applications are, in the order of the log.
    pub progress: Vec<TransactionAction>,
    /// Fingerprint of the text.
    pub content: u64,
}

impl ParsedCommit {
    /// Says which partitions the commit touched, by what the table is partitioned by after it.
    ///
    /// Returns what it did to each, or nothing where it does not say. `before` is what the table was
    /// before it, where known.
    pub fn place(
        &mut self,
        columns: &PartitionColumns,
        before: Option<&Metadata>,
    ) -> Option<BTreeMap<PartitionTuple, Change>> {
        let changes = self.files.by_partition(columns);
        if !self.commit.changed_data {
            return changes;
        }
        self.commit.partitions = match (self.broken_off(before), &changes) {
            (Some(because), _) => Touched::All(because),
            (None, None) => Touched::All(AllBecause::Unplaced),
            (None, Some(changes)) => {
                let touched = changes.iter().filter(|(_, change)| change.changed_data);
                Touched::These(touched.map(|(tuple, _)| tuple.clone()).collect())
            }
        };
        changes
    }

    /// Returns why what is there after the commit has nothing to do with what was there before.
    pub fn broken_off(&self, before: Option<&Metadata>) -> Option<AllBecause> {
        let (after, before) = (&self.metadata.as_ref()?.metadata, before?);
        if !after.partitioning.are_same(&before.partitioning) {
            Some(AllBecause::Repartitioned)
        } else if after.id != before.id {
            Some(AllBecause::Replaced)
        } else {
            None
        }
    }
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
    parse_commit_with(version, text, file_time, &mut |_, file| file.rows())
}

/// What a file action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileVerb {
    /// The file becomes part of the table.
    Add,
    /// It is part of it no longer.
    Remove,
}

/// Sees a file action, and returns the rows that its file shows.
pub type SeeFile<'s> = dyn FnMut(FileVerb, &FileAction<'_>) -> Option<u64> + 's;

/// As [`parse_commit`], and shows every file action to `see`, in the order of the log.
///
/// # Errors
///
/// As [`parse_commit`].
pub fn parse_commit_with(
    version: u64,
    text: &[u8],
    file_time: DateTime<Utc>,
    see: &mut SeeFile<'_>,
) -> Result<ParsedCommit, CommitError> {
    let mut parsed = blank(version, file_time);
    read_actions(text, &mut |line| take_line(&mut parsed, line, see))?;
    let total = parsed.files.total();
    parsed.commit.changed_data = total.changed_data;
    parsed.commit.rows_added = total.rows_added;
    parsed.commit.rows_removed = total.rows_removed;
    parsed.content = fingerprint(text);
    Ok(parsed)
}

fn blank(version: u64, file_time: DateTime<Utc>) -> ParsedCommit {
    ParsedCommit {
        commit: Commit::blank(version, file_time),
        in_commit_timestamp: None,
        metadata: None,
        protocol: None,
        files: FileSummary::default(),
        progress: Vec::new(),
        content: 0,
    }
}

fn take_line(parsed: &mut ParsedCommit, line: Line<'_>, see: &mut SeeFile<'_>) {
    if let Some(add) = line.add {
        let rows = see(FileVerb::Add, &add);
        parsed.files.add(&add, rows);
    }
    if let Some(remove) = line.remove {
        let rows = see(FileVerb::Remove, &remove);
        parsed.files.remove(&remove, rows);
    }
    if let Some(txn) = line.txn {
        let transactions = &mut parsed.commit.transactions;
        transactions.insert(txn.app_id.clone(), txn.version);
        parsed.progress.push(txn);
    }
    if let Some(metadata) = line.meta_data {
        parsed.metadata = Some(Box::new(metadata.into()));
    }
    if let Some(protocol) = line.protocol {
        parsed.protocol = Some(protocol.into());
    }
    if let Some(info) = line.commit_info {
        info::take(parsed, &info);
    }
    parsed.commit.has_change_data |= line.cdc.is_some();
}

#[cfg(test)]
mod tests;
