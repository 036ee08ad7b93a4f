//! What people are shown of a log: commits of the past, and the requests that a reading took.

use std::time::Duration;

use super::commit::Commit;
use super::partition_tuple::PartitionColumns;
use super::table::Metadata;
use super::touched::Touched;
use super::unreadable::Unreadable;

/// A commit, and by what the table was partitioned after it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCommit {
    /// The commit.
    pub commit: Commit,
    /// What its partitions are values of.
    pub columns: PartitionColumns,
}

/// Commits of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The commits asked for that are readable, oldest first.
    pub commits: Vec<PastCommit>,
    /// The partitions in which they changed data: all, where some of the commits that were asked for
    /// cannot be read any more, or not yet.
    pub touched: Touched,
    /// What the table is after the last of them, where that is known; `touched` are partitions of it.
    pub metadata: Option<Metadata>,
    /// The oldest version whose commit is still there without a hole up to the newest.
    pub earliest: u64,
    /// The newest version that is there.
    pub newest: u64,
    /// Why `commits` ends early, if it does.
    pub trailing: Option<Unreadable>,
}

/// One request to a store, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCall {
    /// `look`, `read`, `read_parts` or `list`.
    pub verb: &'static str,
    /// The file, relative to the log; for a listing, the name after which it begins.
    pub name: String,
    /// What came back, in a few words.
    pub answer: String,
    /// The bytes that came with it.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}
