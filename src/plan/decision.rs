//! What the planner says: one decision per asset, and the runs to ask for.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::partition::{Extent, PartitionSet};
use assets::task::TaskName;
use assets::version::{CodeVersion, Origin, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::reason::Reason;
use crate::state::{BackfillName, BackfillNews, Compaction, Cut, DeadlineVerdict, Learned};

/// All decisions of one pass, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// When it was decided, UTC.
    pub now: DateTime<Utc>,
    /// One per asset, in key order.
    pub decisions: Vec<Decision>,
    /// The runs to ask for, in order.
    pub requests: Vec<Request>,
    /// Cuts to fix (or, where `None`, to drop), in key order.
    pub cuts: Vec<(AssetKey, Option<Cut>)>,
    /// What is recorded in more words than it takes, in key order of the assets.
    pub compactions: Vec<Compaction>,
    /// What came of deadlines, where that is not on record yet, in key order.
    pub deadlines: Vec<(AssetKey, DeadlineVerdict)>,
    /// What was found out about contents that are there already.
    pub learned: Learned,
    /// How far backfills are beyond what their runs tell, the oldest first.
    pub backfills: Vec<BackfillNews>,
    /// Why nothing of an asset is begun for a backfill now, the oldest first and in key order.
    pub backfill_waits: Vec<BackfillWait>,
}

/// What should happen to one asset now, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Which asset.
    pub asset: AssetIndex,
    /// What should happen.
    pub action: Action,
    /// Why, the deciding one first; never empty unless the action is `None`.
    pub reasons: Vec<Reason>,
    /// When waiting ends by itself, UTC; absent where it depends on something else.
    pub until: Option<DateTime<Utc>>,
    /// The partitions that it is about: those that may be built now, or else those that have to be; absent
    /// for an asset that is built as a whole.
    pub partitions: Option<PartitionSet>,
}

/// What should happen to an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Trigger its task.
    Run,
    /// It is stale, and will be built without anybody's help.
    Wait,
    /// It is stale, and nothing happens before somebody or something intervenes.
    Hold,
    /// Nothing to do.
    None,
}

impl Action {
    /// Returns the word used in JSON, tables and the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Wait => "wait",
            Self::Hold => "hold",
            Self::None => "none",
        }
    }
}

/// Why nothing more of an asset is begun for a backfill now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillWait {
    /// Which backfill.
    pub backfill: BackfillName,
    /// Which of its assets.
    pub asset: AssetKey,
    /// Why.
    pub reason: Reason,
}

/// One run to ask for. It fixes everything that the run will record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to run.
    pub task: TaskName,
    /// What it builds; for now always one asset.
    pub asset: AssetKey,
    /// The data version of each input at this moment, or the one that was chosen under `snapshot`; absent
    /// where an input has no data.
    pub inputs: BTreeMap<AssetKey, Option<TableVersion>>,
    /// What is recorded as consumed of each input today; a changed feed begins after it.
    pub consumed: BTreeMap<AssetKey, Option<TableVersion>>,
    /// The code it is built with.
    pub code_version: Option<CodeVersion>,
    /// The oldest source change that it will incorporate.
    pub origin: Option<Origin>,
    /// Inputs that are behind and that it goes on without, in key order.
    pub degraded_by: Vec<AssetKey>,
    /// The partitions to build; absent for the whole of the asset.
    pub partitions: Option<Extent>,
    /// Whether it builds them anew in full: nothing that was consumed counts.
    pub full_refresh: bool,
    /// The first version to read of a changed feed, where that is not the one after what was consumed.
    pub beginnings: BTreeMap<AssetKey, u64>,
    /// Why, one sentence.
    pub reason: String,
    /// The backfill that it is for; absent for what is live.
    pub backfill: Option<BackfillName>,
}
