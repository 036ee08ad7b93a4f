//! How the partitions of an asset stand against those of its inputs: facts, before any policy.
//!
//! A commit is incorporated partition by partition: it matters to those that need a partition in which it
//! changed data, and is new to those of them whose content incorporates an older version. What nothing is
//! behind with costs nothing here, however many partitions there are.

use assets::Asset;
use assets::partition::{Mapping, PartitionSet, Partitions};
use assets::policy::CodeChanges;
use assets::version::{CodeVersion, Origin, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::standing::{Standing, TableState};
use crate::state::{Basis, Build, Consumed, ConsumedPartitions, DataCommit};

/// How the partitions of an asset stand.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Those that exist now.
    pub existing: PartitionSet,
    /// Those that should have content and have none.
    pub missing: PartitionSet,
    /// Those that were built with other code, where the policy looks at code.
    pub outdated: PartitionSet,
    /// Those that have to be built: missing, behind an input, or outdated and to be rebuilt. Without those that
    /// nobody builds by himself, unless a person asked for them.
    pub stale: PartitionSet,
    /// Those whose window ended longer ago than `lookback`: nothing builds them by itself.
    pub dormant: PartitionSet,
    /// Those of them that lack something.
    pub beyond: PartitionSet,
    /// Source changes that are not shown, the inputs' included, each with the partitions that lack it.
    pub pending: Vec<(Origin, PartitionSet)>,
    /// Those of them that will arrive without anybody's help.
    pub arriving: Vec<(Origin, PartitionSet)>,
    /// Those that have to be built whatever their inputs hold, or that read such ones.
    pub unbuilt: PartitionSet,
    /// What it incorporates of inputs, where that can be said in fewer words than it was recorded.
    pub compacted: Vec<(AssetIndex, Consumed)>,
}

/// So many changes are told apart; of more, the youngest share one.
const TOLD_APART: usize = 16;

impl Parts {
    /// Begins with what is known of the asset itself; none for an asset that is built as a whole.
    pub(super) fn of(
        asset: &Asset,
        table: TableState<'_>,
        build: Option<&Build>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let definition = asset.planned_partitions()?;
        let existing = definition.existing(now);
        let built = build.and_then(|build| build.partitions.as_ref());
        let is_ours = asset.is_built_here();
        let has = match (table, built) {
            // Whatever was built of it went with the table.
            (TableState::Absent, _) => PartitionSet::NOTHING,
            (_, Some(built)) => built.under(definition),
            (_, None) if build.is_some_and(Build::was_built) || !is_ours => {
                PartitionSet::EVERYTHING
            }
            (TableState::Known(_), None) => PartitionSet::NOTHING,
            // Nothing is known of it.
            (_, None) => PartitionSet::EVERYTHING,
        };
        let missing = if is_ours {
            existing.difference(&has)
        } else {
            PartitionSet::NOTHING
        };
        let outdated = outdated(asset, build, definition).intersection(&existing);
        let outdated = outdated.difference(&missing);
        let mut lacking = missing.clone();
        if asset.code_changes == CodeChanges::Rebuild {
            lacking = lacking.union(&outdated);
        }
        let dormant = dormant(asset, definition, now).intersection(&existing);
        let stale = lacking.difference(&dormant);
        Some(Self {
            beyond: lacking.intersection(&dormant),
            dormant,
            existing,
            unbuilt: stale.clone(),
            missing,
            outdated,
            stale,
            pending: Vec::new(),
            arriving: Vec::new(),
            compacted: Vec::new(),
        })
    }

    /// Adds changes that are not shown, as far as they are of partitions that exist.
    pub(super) fn add(
        changes: &mut Vec<(Origin, PartitionSet)>,
        origin: Origin,
        set: PartitionSet,
    ) {
        if set.is_empty() {
            return;
        }
        if let Some((_, partitions)) = changes.iter_mut().find(|(known, _)| *known == origin) {
            *partitions = partitions.union(&set);
            return;
        }
        if changes.len() >= TOLD_APART {
            // No change is told to be younger than it is.
            let youngest = changes
                .iter_mut()
                .max_by_key(|(known, _)| (known.at, known.seen));
            if let Some((known, partitions)) = youngest {
                *known = known.oldest(origin);
                *partitions = partitions.union(&set);
                return;
            }
        }
        changes.push((origin, set));
    }
}

/// The partitions that are too old to be built without a person.
fn dormant(asset: &Asset, definition: &Partitions, now: DateTime<Utc>) -> PartitionSet {
    let since = asset
        .lookback
        .filter(|_| asset.is_built_here())
        .and_then(|lookback| now.checked_sub_signed(lookback));
    since.map_or(PartitionSet::NOTHING, |since| definition.ended_by(since))
}

/// The partitions that were built with other code than today's.
fn outdated(asset: &Asset, build: Option<&Build>, definition: &Partitions) -> PartitionSet {
    if asset.code_changes == CodeChanges::Ignore || !asset.is_built_here() {
        return PartitionSet::NOTHING;
    }
    let (Some(current), Some(build)) = (asset.code_version.as_ref(), build) else {
        return PartitionSet::NOTHING;
    };
    let Some(built) = build.partitions.as_ref() else {
        return PartitionSet::NOTHING;
    };
    let is_other = |code: &Option<CodeVersion>| code.as_ref().is_some_and(|code| code != current);
    let others = built.other_code.iter();
    let mut outdated = PartitionSet::NOTHING;
    if is_other(&build.code_version) {
        outdated = built.under(definition);
        for (_, set) in &built.other_code {
            outdated = outdated.difference(set);
        }
    }
    let others = others
        .filter(|(code, _)| is_other(code))
        .map(|(_, set)| set.clone());
    outdated.union(&PartitionSet::union_of(others))
}

/// One edge of an asset with partitions, or into one.
#[derive(Clone, Copy)]
pub(super) struct Edge<'a> {
    pub(super) mapping: &'a Mapping,
    /// How the partitions of the input are defined, where it has any.
    pub(super) input: Option<&'a Partitions>,
    pub(super) now: DateTime<Utc>,
}

impl Edge<'_> {
    /// Returns the partitions that a commit of the input feeds.
    pub(super) fn fed_by(&self, commit: &DataCommit) -> PartitionSet {
        let touched = match (self.input, &commit.partitions) {
            (Some(input), Some(extent)) => extent.under(input),
            (Some(_) | None, _) => PartitionSet::EVERYTHING,
        };
        self.mapping.feeds(&touched, self.now)
    }

    /// Returns the partitions that wait for what is to come of the input.
    pub(super) fn waits_for(
        &self,
        input: &Standing<'_>,
        of: impl Fn(&Parts) -> PartitionSet,
    ) -> PartitionSet {
        match &input.parts {
            Some(parts) => self.mapping.feeds(&of(parts), self.now),
            None => PartitionSet::EVERYTHING,
        }
    }
}

/// What an asset incorporates of one input, beside the commits of it that are known.
pub(super) struct Incorporated<'a> {
    commits: &'a [DataCommit],
    /// How many of the commits the content of all other partitions incorporates.
    base: usize,
    /// The partitions of which something else is known, with how many they incorporate.
    parts: Vec<(usize, &'a ConsumedPartitions)>,
}

impl<'a> Incorporated<'a> {
    pub(super) fn of(consumed: Option<&'a Consumed>, commits: &'a [DataCommit]) -> Self {
        let parts = consumed.map_or(&[][..], |consumed| &consumed.partitions);
        // Of what nobody knows nothing is said to be lacking.
        let rank = |version: Option<&TableVersion>, basis| match basis {
            Some(Basis::Unknown) => commits.len(),
            Some(
                Basis::Run | Basis::Stamp | Basis::Checkpoint | Basis::RunStart | Basis::CommitTime,
            )
            | None => rank(version, commits),
        };
        Self {
            base: rank(
                consumed.and_then(|consumed| consumed.version.as_ref()),
                consumed.map(|consumed| consumed.basis),
            ),
            parts: parts
                .iter()
                .map(|part| (rank(part.version.as_ref(), Some(part.basis)), part))
                .collect(),
            commits,
        }
    }

    /// Returns whether every partition incorporates everything.
    pub(super) fn is_all(&self) -> bool {
        let all = self.commits.len();
        self.base == all && self.parts.iter().all(|(rank, _)| *rank == all)
    }

    /// Returns which of the partitions that a commit feeds do not incorporate it.
    fn lacking(&self, at: usize, fed: &PartitionSet) -> PartitionSet {
        if self.base > at {
            let behind = self.parts.iter().filter(|(rank, _)| *rank <= at);
            let behind = PartitionSet::union_of(behind.map(|(_, part)| part.set.clone()));
            return fed.intersection(&behind);
        }
        let ahead = self.parts.iter().filter(|(rank, _)| *rank > at);
        ahead.fold(fed.clone(), |lacking, (_, part)| {
            lacking.difference(&part.set)
        })
    }

    /// Returns the commits that partitions lack, oldest first, with those partitions.
    pub(super) fn lacked(
        &self,
        edge: Edge<'_>,
        among: &PartitionSet,
    ) -> Vec<(&'a DataCommit, PartitionSet)> {
        let least = self
            .parts
            .iter()
            .map(|(rank, _)| *rank)
            .fold(self.base, usize::min);
        let new = self.commits.iter().enumerate().skip(least);
        let lacked = new.filter_map(|(at, commit)| {
            let fed = edge.fed_by(commit).intersection(among);
            let lacking = self.lacking(at, &fed);
            (!lacking.is_empty()).then_some((commit, lacking))
        });
        lacked.collect()
    }

    /// Returns the same in as few words as can be, where that is fewer than there are: what all
    /// partitions incorporate that need it is incorporated by all.
    pub(super) fn compacted(
        &self,
        consumed: &Consumed,
        lacked: &[(&DataCommit, PartitionSet)],
    ) -> Option<Consumed> {
        if self.parts.is_empty() && self.base == self.commits.len() {
            return None;
        }
        let first_lacked = lacked.first().map(|(commit, _)| &commit.version);
        let position = |version: &TableVersion| {
            self.commits
                .iter()
                .position(|commit| commit.version == *version)
        };
        let floor = first_lacked
            .and_then(position)
            .unwrap_or(self.commits.len());
        let lacking = PartitionSet::union_of(lacked.iter().map(|(_, set)| set.clone()));
        let mut after = consumed.clone();
        if floor > self.base {
            let newest = self.commits.get(floor - 1);
            after.version = newest.map(|commit| commit.version.clone());
        }
        let base = self.base.max(floor);
        after.partitions = Vec::new();
        for (rank, part) in &self.parts {
            // Ahead of the rest, or behind it with something that it needs.
            let kept = if *rank > base {
                part.set.clone()
            } else {
                part.set.intersection(&lacking)
            };
            if *rank != base && !kept.is_empty() {
                after.partitions.push(ConsumedPartitions {
                    set: kept,
                    ..(*part).clone()
                });
            }
        }
        (after != *consumed).then_some(after)
    }
}

/// Returns how many of some commits a version incorporates: up to the last one that is not newer. Commits of
/// another incarnation are all new.
fn rank(version: Option<&TableVersion>, commits: &[DataCommit]) -> usize {
    let Some(version) = version else { return 0 };
    let is_in = |commit: &DataCommit| {
        commit.version.table_id == version.table_id && commit.version.version <= version.version
    };
    commits.iter().rposition(is_in).map_or(0, |last| last + 1)
}

/// Returns the partitions of an input that are still to be built within a cut.
pub(super) fn unsettled(parts: &Parts, in_cut: impl Fn(Origin) -> bool) -> PartitionSet {
    let arriving = parts.arriving.iter().filter(|(origin, _)| in_cut(*origin));
    let arriving = arriving.map(|(_, set)| set.clone());
    parts.unbuilt.union(&PartitionSet::union_of(arriving))
}

/// An asset and its inputs, for whoever looks edges up.
pub(super) fn edge(
    graph: &lineage::AssetGraph,
    (index, input): (AssetIndex, AssetIndex),
    now: DateTime<Utc>,
) -> Option<Edge<'_>> {
    Some(Edge {
        mapping: graph.mapping(index, input)?,
        input: graph.asset(input).partitions.as_ref(),
        now,
    })
}
