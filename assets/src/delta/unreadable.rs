//! Why a table, or the end of its log, could not be read.
//!
//! These are values, not failures of the program: what is unreadable is reported as unknown, the
//! last good observation stays, and nothing is started on a guess.

use serde::{Deserialize, Serialize};

/// A reason for "unknown".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Unreadable {
    /// A commit file is empty, cut off or no JSON. It is never skipped.
    #[error("commit {version} is damaged ({detail}); it may still be being written")]
    TornCommit {
        /// The damaged version.
        version: u64,
        /// What is wrong with it, and in which line.
        detail: String,
    },
    /// The files of a commit do not add up to what its version checksum says: it was cut off between
    /// two lines.
    #[error(
        "after commit {version} the table would have {files} files, and its checksum says {expected}: the commit was cut off"
    )]
    TruncatedCommit {
        /// The version.
        version: u64,
        /// What the commits add up to.
        files: u64,
        /// What the checksum says.
        expected: u64,
    },
    /// Commits lie above a hole, and no checkpoint covers it.
    #[error("commit {version} is missing while later ones exist")]
    MissingCommit {
        /// The newest missing version below the readable commits.
        version: u64,
    },
    /// The table needs a reader feature that is not known here.
    #[error("the table needs the reader feature `{feature}`, which this version does not know")]
    RefusedFeature {
        /// The name in the table's protocol.
        feature: String,
    },
    /// The table needs a reader version that is not known here.
    #[error("the table needs reader version {min_reader_version}; this version knows up to 3")]
    ReaderVersion {
        /// What the table's protocol asks for.
        min_reader_version: u32,
    },
    /// The catalog, not the log, says which commits count.
    #[error("the table is catalog-managed: its catalog decides which commits count")]
    CatalogManaged,
    /// Commits were cleaned away, and no checkpoint that can be read holds the fact.
    #[error("{fact} stands in no commit that is left, and in no checkpoint that can be read")]
    OnlyInCheckpoint {
        /// What was looked for.
        fact: String,
    },
    /// A checkpoint is damaged, or of a shape that is not known here.
    #[error("checkpoint {version} cannot be read: {detail}")]
    BrokenCheckpoint {
        /// Its version.
        version: u64,
        /// What is wrong with it, and in which file.
        detail: String,
    },
    /// A file of the log is larger than what is read into memory.
    #[error("`{name}` has {bytes} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Its name, relative to the log.
        name: String,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The store refused or failed.
    #[error("cannot read `{path}`: {detail}")]
    Unreachable {
        /// What was read.
        path: String,
        /// What the store answered.
        detail: String,
    },
    /// The store did not answer in time.
    #[error("no answer within {after_ms} ms")]
    TimedOut {
        /// How long was waited.
        after_ms: u64,
    },
    /// The store knows us and says no, or does not know us.
    #[error("the store refused the credentials for `{path}`: {detail}")]
    Forbidden {
        /// What was read.
        path: String,
        /// What the store answered, and what to do.
        detail: String,
    },
    /// The location names a store that is not read.
    #[error("`{location}` lies in a store of kind `{scheme}`, which is not read: {}", way_out(.scheme))]
    NotLocal {
        /// The location as declared.
        location: String,
        /// Its scheme.
        scheme: String,
    },
    /// The location is neither a path nor the URL of a place in a store.
    #[error("`{location}` is no usable location: {detail}")]
    BadLocation {
        /// The location as declared.
        location: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Unreadable {
    /// Returns the commit that is there and not whole, if that is the reason.
    pub fn damaged_commit(&self) -> Option<u64> {
        match self {
            Self::TornCommit { version, .. } | Self::TruncatedCommit { version, .. } => {
                Some(*version)
            }
            Self::MissingCommit { .. }
            | Self::RefusedFeature { .. }
            | Self::ReaderVersion { .. }
            | Self::CatalogManaged
            | Self::OnlyInCheckpoint { .. }
            | Self::BrokenCheckpoint { .. }
            | Self::TooLarge { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotLocal { .. }
            | Self::BadLocation { .. }
            | Self::Forbidden { .. } => None,
        }
    }

    /// Returns the word for it in JSON, tables and records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TornCommit { .. } => "torn_commit",
            Self::TruncatedCommit { .. } => "truncated_commit",
            Self::MissingCommit { .. } => "missing_commit",
            Self::RefusedFeature { .. } => "refused_feature",
            Self::ReaderVersion { .. } => "reader_version",
            Self::CatalogManaged => "catalog_managed",
            Self::OnlyInCheckpoint { .. } => "only_in_checkpoint",
            Self::BrokenCheckpoint { .. } => "broken_checkpoint",
            Self::TooLarge { .. } => "too_large",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Forbidden { .. } => "forbidden",
            Self::NotLocal { .. } => "not_local",
            Self::BadLocation { .. } => "bad_location",
        }
    }
}

/// What to do about a store that is not read.
fn way_out(scheme: &str) -> &'static str {
    if scheme == "dbfs" {
        "declare the relation that Unity Catalog knows it by, or a `path` to where it is mounted"
    } else {
        "declare a `path` to where it is mounted"
    }
}
