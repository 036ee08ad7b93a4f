//! What live work leaves alone: partitions that an open backfill builds, and what a task that appends would
//! have there twice.

use assets::Asset;
use assets::partition::PartitionSet;
use assets::task::WriteMode;
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::input::PlanInput;
use super::reason::Reason;
use super::standing::Standing;
use crate::state::{BackfillState, Build, Intent};

/// The partitions of an asset that backfills build.
pub(super) struct Reserved {
    pub(super) partitions: PartitionSet,
    /// Who builds them: the oldest of the backfills, or else a run of one that wants them no more.
    pub(super) reason: Reason,
}

/// Returns the partitions of an asset that backfills build, be they paused, or whose runs are under way;
/// nothing for an asset that is built as a whole.
pub(super) fn reserved(input: &PlanInput<'_>, asset: &Asset) -> Option<Reserved> {
    let memory = input.memory;
    let definition = asset.planned_partitions()?;
    let is_ours = |intent: &Intent| intent.backfill.is_some();
    let mut partitions = under_way(input, asset, is_ours);
    let mut reason = None;
    for backfill in &memory.backfills {
        let target = backfill.targets.get(&asset.key);
        let Some(target) = target.filter(|target| target.is_of(Some(definition))) else {
            continue;
        };
        let remaining = target.remaining();
        if !remaining.is_empty() {
            partitions = partitions.union(&remaining);
            reason = reason.or_else(|| {
                Some(Reason::InBackfill {
                    backfill: backfill.name.clone(),
                    is_paused: backfill.state == BackfillState::Paused,
                })
            });
        }
    }
    let mut open = memory.open_intents.values();
    let reason = reason.or_else(|| {
        let own = |intent: &&Intent| is_ours(intent) && intent.assets.contains(&asset.key);
        open.find(own).map(|intent| in_flight(intent, input.now))
    });
    Some(Reserved {
        partitions,
        reason: reason?,
    })
}

/// Says that a run is under way.
pub(super) fn in_flight(intent: &Intent, now: DateTime<Utc>) -> Reason {
    Reason::InFlight {
        intent: intent.id.clone(),
        state: intent.state,
        attempt: intent.attempt,
        run_id: intent.run_id,
        not_before: intent.not_before.filter(|at| *at > now),
    }
}

/// Returns what runs of an asset that are under way build of it: everything where one builds the whole of it.
pub(super) fn under_way(
    input: &PlanInput<'_>,
    asset: &Asset,
    counts: impl Fn(&Intent) -> bool,
) -> PartitionSet {
    let open = input.memory.open_intents.values();
    let own = open.filter(|intent| counts(intent) && intent.assets.contains(&asset.key));
    PartitionSet::union_of(own.map(|intent| {
        let extent = intent.partitions.as_ref().zip(asset.planned_partitions());
        extent.map_or(PartitionSet::EVERYTHING, |(extent, definition)| {
            extent.under(definition)
        })
    }))
}

/// Returns whether the task of an asset adds to what is in its partitions.
fn appends(input: &PlanInput<'_>, asset: &Asset) -> bool {
    let task = asset.task.as_ref();
    let task = task.and_then(|binding| input.tasks.get(&binding.task));
    task.is_some_and(|task| task.write_mode == WriteMode::Append)
}

/// Returns the partitions of some that a run may build without having anything there twice. An asset that is
/// built as a whole, or that reads changes, appends what is new.
pub(super) fn may_be_built(
    input: &PlanInput<'_>,
    asset: &Asset,
    standing: &Standing<'_>,
    wanted: PartitionSet,
) -> PartitionSet {
    match &standing.parts {
        Some(parts) if appends(input, asset) && !asset.reads_changes() => {
            wanted.intersection(&parts.missing)
        }
        Some(_) | None => wanted,
    }
}

/// Returns the partitions of some that are there already, of an asset whose task would have them there twice.
pub fn appended_before(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
    wanted: &PartitionSet,
) -> PartitionSet {
    if !appends(input, input.graph.asset(index)) {
        return PartitionSet::NOTHING;
    }
    match &standing.parts {
        Some(parts) => wanted
            .intersection(&parts.existing)
            .difference(&parts.missing),
        None if standing.build.is_some_and(Build::was_built) => wanted.clone(),
        None => PartitionSet::NOTHING,
    }
}

/// Returns whether all that is left to be built of an asset was built before by a task that appends.
pub(super) fn appends_again(
    input: &PlanInput<'_>,
    asset: &Asset,
    standing: &Standing<'_>,
    left: Option<&PartitionSet>,
) -> bool {
    let Some(parts) = &standing.parts else {
        return false;
    };
    let left = left.unwrap_or(&parts.stale);
    !left.is_empty() && may_be_built(input, asset, standing, left.clone()).is_empty()
}
