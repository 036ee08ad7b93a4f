//! Backfills: persisted requests for ranges of partitions, worked off beside what is live.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use assets::AssetKey;
use assets::partition::{Extent, PartitionSet, Partitions};
use assets::version::PassNumber;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The name of a backfill, unique within a state.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackfillName(pub String);

impl fmt::Display for BackfillName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BackfillName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a backfill stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    /// It is worked off.
    Active,
    /// Nothing new is begun for it until it is resumed.
    Paused,
    /// All of its partitions were built.
    Completed,
    /// It came to its end, and some partitions could not be built.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl BackfillState {
    /// Every state, open ones first.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns whether it still wants something.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }

    /// Returns the word used in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// In which order partitions are built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackfillOrder {
    /// By date, or as a list has them.
    #[default]
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

/// A request for ranges of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// Its name.
    pub name: BackfillName,
    /// Where it stands.
    pub state: BackfillState,
    /// In which order partitions are built.
    pub order: BackfillOrder,
    /// Most partitions in one run; what the asset or its task allow where absent.
    pub chunk: Option<u32>,
    /// Most runs at once.
    pub max_concurrent_runs: u32,
    /// Whether partitions are built again that a task would append to a second time.
    pub is_forced: bool,
    /// The newest pass when it was asked for: what was seen by then has to be in what it reads.
    pub pass: PassNumber,
    /// When it was asked for, UTC.
    pub created_at: DateTime<Utc>,
    /// Who asked for it.
    pub created_by: String,
    /// When it came to its end, UTC.
    pub finished_at: Option<DateTime<Utc>>,
    /// What is to be built, by asset.
    pub targets: BTreeMap<AssetKey, BackfillTarget>,
}

/// What a backfill builds of one asset, and how far it is. The sets have nothing in common but with
/// `wanted`, whose part each of the others is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillTarget {
    /// What the ordinals of the sets mean, see [`Partitions::ordinals_id`]; absent for an asset that is
    /// built as a whole, of which each set has nothing or everything.
    pub ordinals: Option<Arc<str>>,
    /// What is to be built.
    pub wanted: PartitionSet,
    /// What was built.
    pub done: PartitionSet,
    /// What could not be built.
    pub failed: PartitionSet,
    /// What is not tried, since something that it reads could not be built.
    pub skipped: PartitionSet,
}

impl BackfillTarget {
    /// Wants partitions of an asset with a definition, or all of one without.
    pub fn new(definition: Option<&Partitions>, wanted: PartitionSet) -> Self {
        Self {
            ordinals: definition.map(|definition| definition.ordinals_id().into()),
            wanted,
            done: PartitionSet::NOTHING,
            failed: PartitionSet::NOTHING,
            skipped: PartitionSet::NOTHING,
        }
    }

    /// Returns what is still to be built, what is under way included.
    pub fn remaining(&self) -> PartitionSet {
        let settled = self.done.union(&self.failed).union(&self.skipped);
        self.wanted.difference(&settled)
    }

    /// Returns whether the sets mean partitions of this definition.
    pub fn is_of(&self, definition: Option<&Partitions>) -> bool {
        match (&self.ordinals, definition) {
            (None, None) => true,
            (Some(ordinals), Some(definition)) => **ordinals == *definition.ordinals_id(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Returns the part that a run built of it: all of it for an asset that is built as a whole.
    pub fn part_of(&self, built: Option<&Extent>) -> PartitionSet {
        match (&self.ordinals, built) {
            (None, None) => self.wanted.clone(),
            (Some(ordinals), Some(extent)) if *ordinals == extent.ordinals => {
                extent.partitions.intersection(&self.wanted)
            }
            (Some(_) | None, _) => PartitionSet::NOTHING,
        }
    }
}

/// Why a backfill cannot be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackfillError {
    /// Another one has the name.
    #[error("there is a backfill `{name}` already")]
    NameTaken {
        /// The name.
        name: BackfillName,
    },
    /// None has the name.
    #[error("there is no backfill `{name}`")]
    Unknown {
        /// The name.
        name: BackfillName,
    },
    /// It came to its end.
    #[error("backfill `{name}` is {}", state.as_str())]
    AtItsEnd {
        /// The name.
        name: BackfillName,
        /// How it ended.
        state: BackfillState,
    },
}

/// What a pass found of a backfill beyond what its runs tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillNews {
    /// Which one.
    pub name: BackfillName,
    /// Partitions that need no run any more, by asset.
    pub done: BTreeMap<AssetKey, PartitionSet>,
    /// Partitions that are not tried, by asset.
    pub skipped: BTreeMap<AssetKey, PartitionSet>,
    /// How it came to its end, if it did.
    pub ended: Option<BackfillState>,
}
