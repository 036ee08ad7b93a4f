//! Policies: what the owner of an asset asks of its freshness, automation, consistency and retries.
//!
//! These are the merged values; how they are spelled in files is the `declaration` module's.
//! Every duration is a span of elapsed time, never negative.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::asset::AssetKind;
use crate::schedule::Schedule;

pub use crate::automation::{Automation, OnChange, Pacing, UpdatesOn};

/// What is promised about an asset's freshness; absent bounds promise nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Bound on how old the oldest change may be that the asset does not show yet.
    pub max_lag: Option<Bound>,
    /// Bound on the time since the asset's data last changed. Right for sources.
    pub max_age: Option<Bound>,
    /// Bound on how far its event time may be behind.
    pub max_event_lag: Option<Bound>,
    /// Instants at which older changes have to be in.
    pub deadlines: Vec<Deadline>,
}

/// At each instant of a schedule, every change that is older than `max_lag` has to be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The instants.
    pub schedule: Schedule,
    /// How old a change may be then that need not be in.
    pub max_lag: TimeDelta,
}

/// A bound with an optional earlier warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Beyond this the asset is overdue.
    pub limit: TimeDelta,
    /// Beyond this it is worth a warning; at most the limit.
    pub warn: Option<TimeDelta>,
}

/// What an asset may be built from when an upstream is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Whatever the upstream heads are, even when one is stale, failing or unknown.
    Latest,
    /// Waits until every upstream has incorporated what had been seen when the asset became due.
    Settled {
        /// After waiting this long, go on as [`Consistency::Latest`].
        proceed_after: Option<TimeDelta>,
    },
    /// Versions of its upstreams that agree on every root that two of them share, and nothing else.
    Snapshot,
}

impl Default for Consistency {
    fn default() -> Self {
        Self::Settled {
            proceed_after: None,
        }
    }
}

/// How failed runs are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts there are in all, the first one included; at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from attempt to attempt.
    pub backoff: TimeDelta,
    /// The longest wait between two attempts.
    pub max_backoff: TimeDelta,
}

impl Default for Retry {
    /// Three attempts, 30 s and then 60 s apart: enough for a lost cluster or a throttled minute.
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: TimeDelta::seconds(30),
            max_backoff: TimeDelta::minutes(10),
        }
    }
}

/// What a change of an asset's code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeChanges {
    /// The asset is stale.
    Rebuild,
    /// The asset is marked as outdated and left alone.
    Mark,
    /// Nothing.
    Ignore,
}

impl CodeChanges {
    /// Returns the default for a kind: what can be made again is rebuilt, what keeps history is
    /// only marked, because it would need a full refresh that nobody wants by surprise.
    pub fn default_for(kind: AssetKind) -> Self {
        match kind {
            AssetKind::Table | AssetKind::Seed | AssetKind::View | AssetKind::MaterializedView => {
                Self::Rebuild
            }
            AssetKind::Incremental | AssetKind::Snapshot | AssetKind::StreamingTable => Self::Mark,
            AssetKind::Source | AssetKind::Ephemeral | AssetKind::Exposure => Self::Ignore,
        }
    }
}

/// Whether an asset is built anew in full without a person asking for it, where its position in a change
/// feed is broken.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FullRefresh {
    /// A person has to ask for it.
    #[default]
    Manual,
    /// The next run is a full refresh.
    Automatic,
}

/// Whether a table that existed before Headwater built it counts as built.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Adoption {
    /// What it consumed is taken from its commit, so that only what is behind is rebuilt.
    #[default]
    Assume,
    /// It is treated as never built.
    Rebuild,
}

/// What a write means that Headwater did not trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideWrites {
    /// What it consumed is taken from the commit, or assumed by its time less this margin.
    Assume {
        /// How long a run of the asset usually takes; 30 minutes where nothing is known.
        margin: TimeDelta,
    },
    /// It consumed nothing that we would count.
    Ignore,
}

impl Default for OutsideWrites {
    fn default() -> Self {
        Self::Assume {
            margin: TimeDelta::minutes(30),
        }
    }
}
