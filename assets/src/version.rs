//! Data versions: the commits of a table that changed data, and what was consumed of them.
//!
//! A version number means something only together with the table's incarnation, the `id` of its
//! `metaData` action: a table that was dropped and made again counts from 0.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The incarnation of a table: `metaData.id` of its Delta log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableId(Arc<str>);

impl TableId {
    /// Takes the id as the log spells it.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the id as the log spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A commit version of one incarnation of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableVersion {
    /// Which incarnation of the table the number counts in.
    pub table_id: TableId,
    /// The commit version, from 0.
    pub version: u64,
}

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.version)
    }
}

/// The position of a pass in the order of all passes of one state, from 1.
///
/// It orders what was seen without trusting any clock: a change that was first seen in pass 7 is
/// part of every cut that was fixed in pass 7 or later.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PassNumber(pub u64);

/// Where a change began: the oldest source change that a commit carries.
///
/// For a commit of a root both fields are the commit's own. A commit that a run produced inherits
/// the least of each among the changes which that run incorporated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Commit time of the oldest source change, UTC.
    pub at: DateTime<Utc>,
    /// The pass in which the first of the source changes was seen.
    pub seen: PassNumber,
}

impl Origin {
    /// Returns the least of both in each field.
    #[must_use]
    pub fn oldest(self, other: Self) -> Self {
        Self {
            at: self.at.min(other.at),
            seen: self.seen.min(other.seen),
        }
    }
}

/// A fingerprint of everything that decides what a task would write, beside its inputs.
///
/// For a dbt model: its code, its macros, its configuration and vars, and its ephemeral parents.
/// For a declared asset: its `code_version`. Compared for equality only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeVersion(Arc<str>);

impl CodeVersion {
    /// Takes a fingerprint or a declared version as it stands.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns at most its first twelve characters, enough to tell two apart by eye.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for CodeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Debug for CodeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
