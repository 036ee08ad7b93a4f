//! What the newest version of a table incorporates of its roots.
//!
//! It is worked out for what assets under `snapshot` depend on, upstream first, and recorded beside the
//! version whose content it tells of. What was consumed of an input is known exactly
//!
//! | when | because |
//! |---|---|
//! | the writer stamped it, or its checkpoint is there | it says so |
//! | the run was told which version to read | it read that one |
//! | no newer version was committed before the run had read | there was no other to be read |
//! | a whole of partitions lacks nothing of it | then they show all of its newest version |
//!
//! and is an assumption, or unknown, otherwise. The third and the fourth are believed of an input that was
//! observed after the run: what it held meanwhile has been seen.

use std::sync::Arc;

use assets::AssetKey;
use assets::policy::Consistency;
use assets::version::TableVersion;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::input::PlanInput;
use super::known::Known;
use super::standing::Standing;
use crate::state::{
    Basis, Build, Consumed, DataCommit, Learned, Lost, Observation, ObservedState, Provenance,
    RootVersion,
};

/// Two commits are dated by clocks that may differ by this much: one that seems to come just after a run
/// may have come before it.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// In how many of the newest commits of a table it is looked whether its runs name themselves: a table
/// whose builder was changed for one that does not is believed again after so many.
const LOOKED_BACK: usize = 20;

/// Works out what the newest versions incorporate, by position in the graph.
pub(super) fn provenances<'a>(
    input: &PlanInput<'a>,
    known: &Known<'a>,
    standings: &[Standing<'a>],
) -> Vec<Option<Arc<Provenance>>> {
    let graph = input.graph;
    let snapshots: Vec<AssetIndex> = graph
        .indices()
        .filter(|index| graph.asset(*index).consistency == Consistency::Snapshot)
        .collect();
    let mut found: Vec<Option<Arc<Provenance>>> = Vec::new();
    if snapshots.is_empty() {
        return found;
    }
    found.resize(graph.len(), None);
    let mut wanted = vec![false; graph.len()];
    for index in graph.ancestors_of(&snapshots).iter().chain(&snapshots) {
        if let Some(is_wanted) = wanted.get_mut(index.position()) {
            *is_wanted = true;
        }
    }
    for &index in graph.topological_order() {
        let is_wanted = wanted.get(index.position()).copied().unwrap_or(false);
        let is_derived = graph.asset(index).kind.has_table() && !graph.inputs(index).is_empty();
        if !is_wanted || !is_derived {
            continue;
        }
        let Some(newest) = known.commits(index).last() else {
            continue;
        };
        let worked_out = standings
            .get(index.position())
            .and_then(|standing| Content::of(standing, known.commits(index)))
            .map(|content| content.provenance(input, known, &found, index));
        let best = better(newest.provenance.as_ref(), worked_out);
        if let Some(slot) = found.get_mut(index.position()) {
            *slot = best;
        }
    }
    found
}

/// What is exactly known of a content stays true, whatever can be told of it later.
fn better(known: Option<&Arc<Provenance>>, new: Option<Provenance>) -> Option<Arc<Provenance>> {
    match (known, new) {
        (Some(known), Some(new)) => {
            let is_better = new.is_exact() || new.exactly_known() > known.exactly_known();
            Some(if is_better && **known != new {
                Arc::new(new)
            } else {
                Arc::clone(known)
            })
        }
        (None, Some(new)) => Some(Arc::new(new)),
        (known, None) => known.cloned(),
    }
}

/// Adds what is not on record yet, by the standings of a plan.
pub(super) fn learn(input: &PlanInput<'_>, standings: &[Standing<'_>], learned: &mut Learned) {
    for (index, standing) in input.graph.indices().zip(standings) {
        let Some(provenance) = &standing.provenance else {
            continue;
        };
        let key = &input.graph.asset(index).key;
        let commits = input.memory.commits.get(key);
        let Some(newest) = commits.and_then(|commits| commits.last()) else {
            continue;
        };
        if newest.provenance.as_ref() != Some(provenance) {
            let version = newest.version.clone();
            learned
                .provenance
                .push((key.clone(), version, Arc::clone(provenance)));
        }
    }
}

/// The content of a table of which it is known how it came to be.
struct Content<'a> {
    standing: &'a Standing<'a>,
    build: &'a Build,
}

impl<'a> Content<'a> {
    /// Nothing is known of a version that came of a run which failed or has not ended, of a write whose
    /// inputs nobody assumes, of one that may be somebody else's, and while the table cannot be read.
    fn of(standing: &'a Standing<'a>, commits: &[DataCommit]) -> Option<Self> {
        let newest = commits.last()?;
        let build = standing.build?;
        let is_told = if build.is_adopted {
            newest.intent.is_none() && build.built_at == Some(newest.committed_at)
        } else {
            is_of_its_run(newest, commits) && build.produced.as_ref() == Some(&newest.version)
        };
        let is_settled = standing.intent.is_none() && is_read(standing.observation);
        (is_told && is_settled).then_some(Self { standing, build })
    }

    fn provenance(
        &self,
        input: &PlanInput<'_>,
        known: &Known<'_>,
        found: &[Option<Arc<Provenance>>],
        index: AssetIndex,
    ) -> Provenance {
        let graph = input.graph;
        let consumption = known.consumption(index);
        let mut whole = Provenance::default();
        for &upstream in graph.inputs(index) {
            let key = &graph.asset(upstream).key;
            let of = Input {
                graph,
                index: upstream,
                commits: known.commits(upstream),
                is_read: is_read(known.observation(upstream)),
                newest: found.get(upstream.position()).and_then(Option::as_ref),
            };
            whole.add(match consumption.and_then(|of| of.get(key)) {
                Some(consumed) => self.of_input(&of, consumed),
                None => of.lost(Lost::NotRecorded),
            });
        }
        whole
    }

    /// What the content incorporates through one input.
    fn of_input(&self, input: &Input<'_>, consumed: &Consumed) -> Provenance {
        if self.standing.parts.is_none() {
            let version = consumed.version.as_ref();
            return self.of_version(input, version, consumed.basis, true);
        }
        let lacks = |index| {
            self.standing
                .behind
                .iter()
                .any(|behind| behind.input == index)
        };
        let parts = consumed.partitions.iter();
        let parts = parts.map(|part| (part.version.as_ref(), part.basis));
        let all: Vec<_> = std::iter::once((consumed.version.as_ref(), consumed.basis))
            .chain(parts)
            .collect();
        if !lacks(input.index) && input.is_read {
            if consumed.is_unknown() {
                return input.lost(Lost::NotRecorded);
            }
            let is_assumed = all.iter().any(|(_, basis)| basis.is_assumed());
            let newest = input.at(input.commits.last().map(|commit| &commit.version));
            return if is_assumed { newest.assumed() } else { newest };
        }
        let mut whole = Provenance::default();
        for (version, basis) in all {
            // What the last run was told says nothing of those before it.
            whole.add(self.of_version(input, version, basis, false));
        }
        whole
    }

    /// Whether the streaming query that writes the asset has read some of a version and not all of it, or what
    /// nobody here has seen yet.
    fn is_between_versions(&self) -> bool {
        let head = self
            .standing
            .observation
            .and_then(|seen| seen.head.as_deref());
        let stream = head.and_then(|head| head.details.stream.as_ref());
        stream.is_none_or(|stream| !stream.is_exact)
    }

    fn of_version(
        &self,
        input: &Input<'_>,
        version: Option<&TableVersion>,
        basis: Basis,
        is_last_run: bool,
    ) -> Provenance {
        match basis {
            Basis::Stamp => input.at(version),
            Basis::Checkpoint if self.is_between_versions() => input.lost(Lost::MayBeNewer),
            Basis::Checkpoint => input.at(version),
            Basis::RunStart | Basis::CommitTime => input.at(version).assumed(),
            Basis::Unknown => input.lost(Lost::NotRecorded),
            Basis::Run => {
                let key = &input.graph.asset(input.index).key;
                let is_pinned = is_last_run && self.build.pinned.contains(key);
                let read_by = self.build.read_by.filter(|_| !self.build.is_adopted);
                let is_newest = read_by.is_some_and(|by| input.had_nothing_newer(version, by));
                if is_pinned || is_newest {
                    input.at(version)
                } else {
                    input.lost(Lost::MayBeNewer)
                }
            }
        }
    }
}

/// Whether the newest commit is surely of the run that it counts for. What names no run counts for the one
/// that is under way, which is doubtful where runs of ours name themselves in other commits.
fn is_of_its_run(newest: &DataCommit, commits: &[DataCommit]) -> bool {
    let is_ours = |commit: &DataCommit| commit.intent.is_some();
    let mut recent = commits.iter().rev().take(LOOKED_BACK);
    let is_named = newest.names_run || !recent.any(|other| other.names_run && is_ours(other));
    is_ours(newest) && is_named
}

/// One input of an asset.
struct Input<'a> {
    graph: &'a AssetGraph,
    index: AssetIndex,
    commits: &'a [DataCommit],
    /// Whether it was read at the last look.
    is_read: bool,
    /// What its newest version incorporates, as far as that was worked out.
    newest: Option<&'a Arc<Provenance>>,
}

impl Input<'_> {
    /// What one of its versions incorporates of the roots.
    fn at(&self, version: Option<&TableVersion>) -> Provenance {
        if self.graph.inputs(self.index).is_empty() {
            let root = &self.graph.asset(self.index).key;
            return Provenance::of_root(root, version.cloned());
        }
        let commit = self.commits.iter().rev();
        let commit = commit
            .enumerate()
            .find(|(_, commit)| Some(&commit.version) == version);
        let known = commit.and_then(|(age, commit)| match (age, self.newest) {
            (0, Some(newest)) => Some(newest),
            (_, _) => commit.provenance.as_ref(),
        });
        known.map_or_else(|| self.lost(Lost::NotRecorded), |known| (**known).clone())
    }

    fn lost(&self, why: Lost) -> Provenance {
        let roots = self.graph.roots(self.index);
        let roots: Vec<&AssetKey> = roots
            .iter()
            .map(|root| &self.graph.asset(*root).key)
            .collect();
        let at = self.graph.asset(self.index).key.clone();
        Provenance::all(roots, &RootVersion::Unknown { at, why })
    }

    /// Whether nothing newer than a version was there for a run to be read that had read by then. Where the
    /// version itself is not on record any more, the table was made anew, perhaps more than once.
    fn had_nothing_newer(&self, version: Option<&TableVersion>, read_by: DateTime<Utc>) -> bool {
        let Some(version) = version else {
            return self.is_read && self.commits.is_empty();
        };
        let known = self.commits.iter().rposition(|of| of.version == *version);
        let newer = known.and_then(|known| self.commits.get(known + 1..));
        let is_later = |commit: &DataCommit| commit.committed_at > read_by + SKEW;
        self.is_read && newer.is_some_and(|newer| newer.iter().all(is_later))
    }
}

/// Whether a log was read at the last look. Where there is none, somebody pushes positions: nobody saw
/// what was there when a run read.
fn is_read(observation: Option<&Observation>) -> bool {
    observation.is_some_and(|seen| seen.state == ObservedState::Ok && seen.head.is_some())
}
