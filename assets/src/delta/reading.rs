//! What is remembered of a table between two readings, and what a reading found.
//!
//! A [`KnownHead`] is all a warm reading needs: it is stored as it is and handed back next time.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::commit::{Commit, TimeSource};
use super::contents::{Contents, PartitionNews};
use super::spread::SpreadColumn;
use super::table::TableState;
use super::unreadable::Unreadable;
use crate::streaming::StreamProgress;
use crate::version::TableId;

/// The newest commit that was read of a table, and what held there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownHead {
    /// The incarnation of the table.
    pub table_id: TableId,
    /// The newest version that was read.
    pub version: u64,
    /// The commit file of that version, to notice that the log was replaced under us.
    pub marker: CommitMarker,
    /// The newest version that changed data. `None` means that no commit from `read_from` on
    /// changed any: with `read_from` 0 the table never had data, otherwise its last change lies
    /// before `read_from` and cannot be dated.
    pub data: Option<DataHead>,
    /// The oldest version since which every commit was read.
    pub read_from: u64,
    /// The time of `version`, UTC.
    pub last_committed_at: DateTime<Utc>,
    /// The operation of `version`, for display.
    pub operation: Option<String>,
    /// Whether commits were seen beyond a missing one: a look at the next file alone would find the
    /// table quiet, so it is listed until the hole is gone.
    #[serde(default)]
    pub has_hole_above: bool,
    /// Identity, schema, properties and protocol at `version`.
    pub state: TableState,
    /// What else is known at `version`.
    #[serde(default)]
    pub details: Details,
}

/// What is known of a table beyond what decides when its consumers are built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// What its live files come to; absent until they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// How far applications are that write it, by their ids; at most [`KEPT_APPLICATIONS`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applications: BTreeMap<String, Progress>,
    /// Since which version every commit has its change data, as far as that was seen; absent where
    /// the change data feed is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_feed_since: Option<u64>,
    /// From which version on changes can be read, where somebody who reads them was behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_changes: Option<KeptChanges>,
    /// The columns over whose values the files of commits are seen to spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<SpreadColumn>,
    /// The oldest version whose commit was there at the last listing without a hole up to the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_commit: Option<u64>,
    /// How the newest news followed what was known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuity: Option<Continuity>,
    /// Where the time of the data version comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_source: Option<TimeSource>,
    /// Whether the data version's time and its writer's clock are far apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clocks_disagree: bool,
    /// How far the streaming query is that writes it, where its checkpoint is declared and was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamProgress>,
}

/// From which version on the changes of a table can be read, as far as its log tells: every commit from there
/// to the newest one is in the log, and the change data feed was on with each.
///
/// What is gone does not come back: what is said here of a version holds for good, unless the log is
/// replaced by another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptChanges {
    /// The version that was asked for; nothing is said of earlier ones.
    pub asked: u64,
    /// The first version, from the one asked for on, since which all can be read; absent where none can,
    /// because the feed is off.
    pub from: Option<u64>,
    /// Why it is not the one asked for, if so.
    pub lost: Option<LostChanges>,
}

/// Why changes of a table cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostChanges {
    /// Its log was cleaned past them.
    LogCleaned,
    /// The change data feed was off when they were made, or is off now.
    FeedOff,
}

impl LostChanges {
    /// Returns the word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LogCleaned => "log_cleaned",
            Self::FeedOff => "feed_off",
        }
    }
}

/// How many applications are kept of a table: those that wrote last. Batch writers may name themselves
/// anew each time.
pub const KEPT_APPLICATIONS: usize = 200;

/// How far an application is that writes a table: a `txn` action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Its own version: a streaming query's micro-batch. It may go down.
    pub version: i64,
    /// The commit that says so; absent where only a checkpoint does.
    pub commit: Option<u64>,
    /// When, UTC: the time of that commit, else what the writer's clock said.
    pub at: Option<DateTime<Utc>>,
}

impl KnownHead {
    /// Returns whether the whole log was seen and nothing in it changed data.
    pub fn never_had_data(&self) -> bool {
        self.data.is_none() && self.read_from == 0
    }
}

/// The newest version of a table that changed data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHead {
    /// The version.
    pub version: u64,
    /// Its commit time, UTC.
    pub at: DateTime<Utc>,
}

/// What tells one commit file from another of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitMarker {
    /// Its size in bytes.
    pub size: u64,
    /// Its modification time in nanoseconds since 1970, UTC.
    pub modified_nanos: i64,
    /// Fingerprint of its bytes, see [`fingerprint`].
    pub content: u64,
    /// What an object store calls this content, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Arc<str>>,
}

impl CommitMarker {
    /// Marks a version whose commit file is gone.
    pub fn of_no_file() -> Self {
        Self {
            size: 0,
            modified_nanos: 0,
            content: 0,
            etag: None,
        }
    }
}

/// What a reading of one table found.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// The known head is still the newest commit.
    Unchanged,
    /// There is something to remember.
    Read(Box<Update>),
    /// Nothing can be said beyond the last good observation.
    Unknown(Unreadable),
    /// There is no log, or none of its files. The caller acts only when it is seen twice.
    Absent,
}

/// What is new about a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// What to remember instead of the known head.
    pub head: KnownHead,
    /// The commits that changed data, oldest first: those after the known head, or, on a cold
    /// reading, those that were read on the way back to the newest one that changed data.
    pub commits: Vec<Commit>,
    /// How this reading follows the known head.
    pub continuity: Continuity,
    /// Why the log could not be read beyond `head`, where it goes on.
    pub trailing: Option<Unreadable>,
    /// What is new about the table's partitions.
    pub partitions: PartitionNews,
    /// The table's `schemaString`, where the reading came by it.
    pub schema: Option<Arc<str>>,
}

/// How a reading follows the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuity {
    /// There was none before it.
    Cold,
    /// Every commit since the known head was read.
    Continues,
    /// As `Continues`, and one of the commits gave the table a new id.
    Replaced,
    /// Another log stands where the known one was, or the known one was rolled back (the id may
    /// then be the same). Versions recorded before mean nothing any more.
    Recreated,
    /// The same table, but commits after the known head were cleaned away before they were read:
    /// any partition may have changed in them.
    Gap {
        /// The first version that was never read.
        lost_from: u64,
        /// The last version that was never read.
        lost_to: u64,
    },
}

/// Fingerprints the bytes of a commit: FNV-1a of 64 bits, which is stable between versions.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
