//! Which partitions of their asset commits touched, and which ones have content.
//!
//! Only of assets that are built by partitions. What the log cannot tell counts as every partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::delta::contents::PartitionNews;
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::{Commit, KnownHead};
use assets::partition::{Extent, PartitionSet, Partitions, Placing};
use assets::policy::Adoption;
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};
use lineage::AssetGraph;

use super::{Seen, sighting};
use crate::state::{BuiltPartitions, Consumed, Memory, ObservedState};

/// Takes over assets whose partitions were declared, or declared otherwise, since they were built: nobody
/// knows which ones were, so that all that exist count, and incorporate what all of it surely does.
pub(super) fn take_over(
    graph: &AssetGraph,
    memory: &Memory,
    now: DateTime<Utc>,
    seen: &mut Vec<Seen>,
) {
    for (key, build) in &memory.builds {
        let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
        let definition = asset.and_then(Asset::planned_partitions);
        let (Some(definition), Some(observation)) = (definition, memory.observations.get(key))
        else {
            continue;
        };
        // Until its files are counted, they may still tell.
        let head = observation.head.as_ref();
        let is_counted = head.is_some_and(|head| head.details.contents.is_some());
        let untold = !build.was_built() || !is_counted;
        let is_today = |known: &BuiltPartitions| *known.ordinals == *definition.ordinals_id();
        let is_known = build.partitions.as_ref().map_or(untold, is_today);
        if is_known {
            continue;
        }
        let looked = seen.iter().position(|found| found.sighting.asset == *key);
        let at = looked.unwrap_or_else(|| {
            seen.push(sighting::seen(key, observation.clone(), Vec::new()));
            seen.len() - 1
        });
        let Some(found) = seen.get_mut(at) else {
            continue;
        };
        if found.sighting.forget_commits {
            continue;
        }
        found.sighting.built = Some(BuiltPartitions {
            built: definition.existing(now),
            ..BuiltPartitions::none_of(definition)
        });
        let consumed = memory.consumption.get(key);
        found.sighting.consumption = consumed.map(|consumed| {
            let least =
                |consumed: &Consumed| Consumed::whole(consumed.least().cloned(), consumed.basis);
            consumed
                .iter()
                .map(|(upstream, of)| (upstream.clone(), least(of)))
                .collect()
        });
    }
}

/// What commits of one table say of the partitions of its asset.
pub(super) struct Places {
    placing: Placing,
    ordinals: Arc<str>,
}

impl Places {
    pub(super) fn new(definition: &Partitions, head: &KnownHead) -> Self {
        Self {
            placing: Placing::new(definition, &head.state.metadata.partitioning),
            ordinals: definition.ordinals_id().into(),
        }
    }

    /// Returns the partitions in which a commit changed data, rather too many than too few.
    pub(super) fn extent(&self, commit: &Commit) -> Extent {
        let placed = self
            .placing
            .touched_within(&commit.partitions, &commit.spreads);
        Extent {
            ordinals: Arc::clone(&self.ordinals),
            partitions: placed.partitions,
        }
    }
}

/// Completes what a look found.
pub(super) fn place(graph: &AssetGraph, memory: &Memory, now: DateTime<Utc>, seen: &mut Seen) {
    let Some(index) = graph.index_of(seen.sighting.asset.as_str()) else {
        return;
    };
    let asset = graph.asset(index);
    let (Some(definition), Some(head)) = (
        asset.partitions.as_ref(),
        seen.sighting.observation.head.clone(),
    ) else {
        return;
    };
    let places = Places::new(definition, &head);
    for commit in &seen.commits {
        let mut recorded = seen.sighting.commits.iter_mut();
        let recorded = recorded.find(|recorded| recorded.version.version == commit.version);
        if let Some(recorded) = recorded {
            recorded.partitions = Some(places.extent(commit));
        }
    }
    if seen.sighting.built.is_some() || asset.planned_partitions().is_none() {
        return;
    }
    // Until its files are counted, nobody knows which partitions it has.
    if head.details.contents.is_some() {
        let looked = Looked {
            asset,
            definition,
            placing: &places.placing,
            now,
        };
        seen.sighting.built = looked.built(memory, seen);
    }
}

/// One look at the table of an asset with partitions.
struct Looked<'a> {
    asset: &'a Asset,
    definition: &'a Partitions,
    placing: &'a Placing,
    now: DateTime<Utc>,
}

impl Looked<'_> {
    /// Returns which partitions have content, where that is news.
    fn built(&self, memory: &Memory, seen: &Seen) -> Option<BuiltPartitions> {
        let known = memory.builds.get(&self.asset.key);
        let known = known.and_then(|build| build.partitions.as_ref());
        let known = known.filter(|known| *known.ordinals == *self.definition.ordinals_id());
        let is_new_table = seen.sighting.forget_commits;
        let mut built = match known.filter(|_| !is_new_table) {
            Some(known) => known.clone(),
            None => BuiltPartitions::none_of(self.definition),
        };
        let is_ours = self.asset.is_built_here();
        let is_void = is_ours && seen.is_first_contact && self.asset.adopt == Adoption::Rebuild;
        let found = match &seen.sighting.partitions {
            PartitionNews::Nothing => return None,
            PartitionNews::Changed(_) | PartitionNews::Replaced(_)
                if self.is_told_by_commits(memory, seen, known) =>
            {
                self.written(memory, seen)
            }
            PartitionNews::Replaced(_) if is_void => PartitionSet::NOTHING,
            PartitionNews::Replaced(all) => {
                let filled = all.iter().filter(|(_, state)| state.files > 0);
                self.placed(filled.map(|(tuple, _)| tuple))
            }
            PartitionNews::Changed(deltas) => self.placed(deltas.keys()),
        };
        built.built = built.built.union(&found);
        (known != Some(&built)).then_some(built)
    }

    /// Whether just commits tell what is new: where files do not, and what was there before is known, or is
    /// nothing.
    fn is_told_by_commits(
        &self,
        memory: &Memory,
        seen: &Seen,
        known: Option<&BuiltPartitions>,
    ) -> bool {
        if self.placing.is_told_by_files() {
            return false;
        }
        let before = memory.observations.get(&self.asset.key);
        let was_absent = before.is_some_and(|before| before.state == ObservedState::Absent);
        let is_new_table = seen.sighting.forget_commits;
        if is_new_table || was_absent {
            // Of a table that somebody else made the commits before the newest one are not read.
            return self.is_being_built(memory);
        }
        known.is_some()
    }

    fn is_being_built(&self, memory: &Memory) -> bool {
        let mut open = memory.open_intents.values();
        open.any(|intent| intent.assets.contains(&self.asset.key))
    }

    /// Returns the partitions that commits wrote, of a table whose files do not tell which ones have content.
    /// While a run of ours is under way, what it was to build is recorded when it ends: its files may spread
    /// over more.
    fn written(&self, memory: &Memory, seen: &Seen) -> PartitionSet {
        if self.is_being_built(memory) {
            return PartitionSet::NOTHING;
        }
        let commits = seen.sighting.commits.iter();
        let extents = commits.map(|commit| match &commit.partitions {
            Some(extent) => extent.under(self.definition),
            None => PartitionSet::EVERYTHING,
        });
        let written = PartitionSet::union_of(extents);
        if written.is_everything() {
            return self.definition.existing(self.now);
        }
        written
    }

    /// Returns the partitions that rows of these tuples are in: of a table whose files do not tell, all
    /// that exist now.
    fn placed<'t>(&self, tuples: impl Iterator<Item = &'t PartitionTuple>) -> PartitionSet {
        let placed = PartitionSet::union_of(tuples.map(|t| self.placing.place(t).partitions));
        if placed.is_everything() {
            return self.definition.existing(self.now);
        }
        placed
    }
}

/// Returns what the partitions of an asset incorporate after somebody else wrote some of them.
pub(super) fn outside(
    before: Option<&BTreeMap<AssetKey, Consumed>>,
    written: &PartitionSet,
    consumed: BTreeMap<AssetKey, Consumed>,
) -> BTreeMap<AssetKey, Consumed> {
    let Some(before) = before else {
        return consumed;
    };
    let mut after = before.clone();
    for (upstream, consumed) in consumed {
        let nothing = Consumed::whole(None, consumed.basis);
        let known = after.entry(upstream).or_insert(nothing);
        known.incorporate(written, consumed.version, consumed.basis);
    }
    after
}
