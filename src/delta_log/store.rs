//! The seam between the reading of a log and whatever keeps it: a folder, a bucket.
//!
//! A store answers four questions: is this file there, what is in it, what is in these parts of it,
//! what is there at all. What an answer means is decided elsewhere. Names are relative to
//! `_delta_log`, with `/` between folders.

use std::ops::Range;
use std::sync::Arc;

use assets::delta::{CommitMarker, Unreadable};
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// The largest file that is read into memory as a whole. Commits of a million files stay well below it.
pub(super) const LARGEST_FILE: u64 = 512 * 1024 * 1024;

/// A place that keeps the log of one table. Every call blocks, and is bounded in time by the store or by
/// whoever waits for it.
pub trait LogStore: Send + Sync {
    /// Returns the log's place, for messages: a path or URL that ends in `_delta_log`.
    fn place(&self) -> &str;

    /// Returns what a look at a quiet table costs, which decides how it is probed.
    fn cost(&self) -> Cost;

    /// Looks whether a file is there. Only regular files count.
    fn stat(&self, name: &str) -> Result<Option<FileStat>, Unreadable>;

    /// Reads a file whole; nothing where it is not there.
    ///
    /// # Errors
    ///
    /// [`Unreadable::TooLarge`] beyond 512 MiB.
    fn read(&self, name: &str) -> Result<Option<StoredFile>, Unreadable>;

    /// Reads several files, side by side where that is faster; the answers come in the order of the
    /// names.
    fn read_all(&self, names: &[String]) -> Vec<Result<Option<StoredFile>, Unreadable>> {
        names.iter().map(|name| self.read(name)).collect()
    }

    /// Reads parts of a file that is there, in the order of the ranges.
    fn read_ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Unreadable>;

    /// Lists the names of all files that sort after `after`, in no order and without those of folders
    /// below; nothing where there is no such log at all.
    fn list(&self, after: Option<&str>) -> Result<Option<Vec<String>>, Unreadable>;
}

/// What requests to a store cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Microseconds: a second look costs nothing.
    Local,
    /// A request over the network each: as few as possible.
    Remote,
}

/// What a store says about a file without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Its size in bytes.
    pub size: u64,
    /// Its modification time in nanoseconds since 1970, UTC.
    pub modified_nanos: i64,
    /// The store's own word for this content, where it has one.
    pub etag: Option<Arc<str>>,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// What the store says about it; the size is that of `bytes`.
    pub stat: FileStat,
    /// Its content.
    pub bytes: Bytes,
}

impl FileStat {
    /// Returns whether a commit file still looks as it did when it was marked.
    pub fn matches(&self, marker: &CommitMarker) -> bool {
        let is_same_content = match (&self.etag, &marker.etag) {
            (Some(now), Some(then)) => now == then,
            (Some(_) | None, Some(_) | None) => true,
        };
        is_same_content && (self.size, self.modified_nanos) == (marker.size, marker.modified_nanos)
    }

    /// Returns the modification time, UTC, to the millisecond.
    pub fn modified_at(&self) -> DateTime<Utc> {
        let millis = self.modified_nanos.div_euclid(1_000_000);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Returns what tells this file from another one of its name.
    pub fn marker(&self, content: u64) -> CommitMarker {
        CommitMarker {
            size: self.size,
            modified_nanos: self.modified_nanos,
            content,
            etag: self.etag.clone(),
        }
    }
}
