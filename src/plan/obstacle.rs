//! What stands in the way of building an asset now: tables that cannot be observed or do not exist,
//! inputs that have not incorporated the cut, and checks of inputs that failed.
//!
//! `settled` waits for all of it; `latest` only for what is absolute, because there would be
//! nothing to read.

use assets::partition::PartitionSet;
use assets::{Asset, AssetKey, Origin};
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::due::is_repeated;
use super::gates::{Gate, gate};
use super::input::PlanInput;
use super::parts::{edge, unsettled};
use super::reason::Reason;
use super::snapshot::Agreement;
use super::standing::{Standing, TableState, is_built_by_itself, must_be_built};
use super::verdict::Judge;
use crate::state::{Cut, Failure};

/// Something that speaks against building now.
pub(super) struct Obstacle {
    /// The input in question; absent where it is the asset's own table or a view.
    pub(super) upstream: Option<AssetKey>,
    pub(super) reason: Reason,
    /// It does not go away by itself.
    pub(super) is_failure: bool,
    /// Not even availability goes on without it: there is nothing to read, or nothing to read it by.
    pub(super) is_absolute: bool,
    /// The partitions of the asset that it stands in the way of; absent for all of it.
    pub(super) partitions: Option<PartitionSet>,
}

impl Obstacle {
    fn own(reason: Reason) -> Self {
        Self {
            upstream: None,
            reason,
            is_failure: false,
            is_absolute: false,
            partitions: None,
        }
    }
}

impl Judge<'_> {
    /// What speaks against building now, as far as the asset's inputs and its own table go. Of an asset with
    /// partitions it is about those given, or else those that have to be built.
    pub(super) fn obstacles(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        cut: Option<Cut>,
        wanted: Option<&PartitionSet>,
    ) -> Vec<Obstacle> {
        let stale = standing.parts.as_ref().map(|parts| &parts.stale);
        let wanted = wanted.or(stale);
        let mut obstacles = Vec::new();
        if let TableState::Unknown(problem) = standing.table {
            obstacles.push(Obstacle::own(Reason::Unknown {
                problem: problem.to_owned(),
            }));
        }
        if let Some(view) = standing.stale_view {
            let stuck = self.stuck(view);
            let is_failure = stuck.is_some();
            let reason = stuck.unwrap_or_else(|| Reason::ViewStale {
                view: self.key(view).clone(),
            });
            obstacles.push(Obstacle {
                is_absolute: true,
                is_failure,
                ..Obstacle::own(reason)
            });
        }
        for &upstream in self.input.graph.inputs(index) {
            let obstacle = self.obstacle_of(upstream, cut);
            obstacles.extend(
                obstacle
                    .and_then(|found| self.of_partitions((index, upstream), (cut, wanted), found)),
            );
            obstacles.extend(self.gate_of(index, upstream));
        }
        obstacles
    }

    /// A check of an input that failed or is not judged yet.
    fn gate_of(&self, index: AssetIndex, upstream: AssetIndex) -> Option<Obstacle> {
        let asset = self.input.graph.asset(index);
        let standing = self.standings.get(upstream.position())?;
        let gate = gate(self.input, upstream, standing).filter(|_| asset.gates)?;
        let (reason, is_failure) = match gate {
            Gate::Failed(reason) => (reason, true),
            Gate::Pending(reason) => (reason, false),
        };
        Some(Obstacle {
            upstream: Some(self.key(upstream).clone()),
            is_failure,
            is_absolute: is_failure,
            ..Obstacle::own(reason)
        })
    }

    /// Says which partitions of an asset an obstacle stands in the way of, of those that are wanted; nothing
    /// where it does so of none.
    fn of_partitions(
        &self,
        (index, upstream): (AssetIndex, AssetIndex),
        (cut, wanted): (Option<Cut>, Option<&PartitionSet>),
        found: Obstacle,
    ) -> Option<Obstacle> {
        let input = self.standings.get(upstream.position())?;
        let is_of_all = found.is_absolute || matches!(found.reason, Reason::UpstreamUnknown { .. });
        let (false, Some(wanted), Some(parts)) = (is_of_all, wanted, input.parts.as_deref()) else {
            return Some(found);
        };
        let edge = edge(self.input.graph, (index, upstream), self.input.now)?;
        let in_cut = |origin: Origin| cut.is_none_or(|cut| origin.seen <= cut.pass);
        let unsettled = unsettled(parts, in_cut);
        let blocked = edge
            .mapping
            .feeds(&unsettled, self.input.now)
            .intersection(wanted);
        (!blocked.is_empty()).then_some(Obstacle {
            partitions: Some(blocked),
            ..found
        })
    }

    fn obstacle_of(&self, upstream: AssetIndex, cut: Option<Cut>) -> Option<Obstacle> {
        let standing = self.standings.get(upstream.position())?;
        let asset = self.input.graph.asset(upstream);
        let key = asset.key.clone();
        let obstacle = |reason| Obstacle {
            upstream: Some(key.clone()),
            reason,
            is_failure: false,
            is_absolute: false,
            partitions: None,
        };
        match standing.table {
            TableState::Absent => {
                let is_coming = is_built_by_itself(asset);
                let stuck = self.stuck(upstream).filter(|_| is_coming);
                let is_failure = stuck.is_some() || !is_coming;
                let reason = stuck.unwrap_or_else(|| Reason::UpstreamMissing {
                    upstream: key.clone(),
                });
                return Some(Obstacle {
                    is_absolute: true,
                    is_failure,
                    ..obstacle(reason)
                });
            }
            TableState::Unknown(problem) => {
                let problem = problem.to_owned();
                return Some(obstacle(Reason::UpstreamUnknown {
                    upstream: key.clone(),
                    problem,
                }));
            }
            TableState::NotObserved => {
                let problem = "nobody has looked yet".to_owned();
                return Some(obstacle(Reason::UpstreamUnknown {
                    upstream: key.clone(),
                    problem,
                }));
            }
            TableState::None | TableState::Known(_) => {}
        }
        if !standing.is_coming || !has_changes_of(asset, standing, cut) {
            return None;
        }
        if let Some(reason) = self.stuck(upstream) {
            return Some(Obstacle {
                is_failure: true,
                ..obstacle(reason)
            });
        }
        let since = standing.pending.map(|origin| origin.at);
        let cut = cut.map(|cut| cut.pass);
        Some(obstacle(Reason::UpstreamStale {
            upstream: key.clone(),
            since,
            cut,
        }))
    }
}

impl Judge<'_> {
    /// Why nothing comes of an asset that has something to build before somebody intervenes, if so: it failed,
    /// or is held.
    pub(super) fn stuck(&self, upstream: AssetIndex) -> Option<Reason> {
        let standing = self.standings.get(upstream.position())?;
        let key = self.key(upstream);
        if let Some(failure) = standing_failure(self.input, upstream, standing) {
            return Some(Reason::UpstreamFailed {
                upstream: key.clone(),
                intent: failure.intent.clone(),
            });
        }
        let held_at = self.held.get(upstream.position()).copied().flatten()?;
        Some(Reason::UpstreamHeld {
            upstream: key.clone(),
            held_at: self.key(held_at).clone(),
        })
    }

    /// The first inputs, in key order, that bring changes: one that is stuck, with why, and one that is not,
    /// with since when.
    pub(super) fn bringing(
        &self,
        index: AssetIndex,
    ) -> (Option<Reason>, Option<(AssetIndex, DateTime<Utc>)>) {
        let (mut stuck, mut moving) = (None, None);
        for &upstream in self.input.graph.inputs(index) {
            let standing = self.standings.get(upstream.position());
            let Some(origin) = standing.and_then(|standing| standing.arriving) else {
                continue;
            };
            match self.stuck(upstream) {
                Some(reason) => stuck = stuck.or(Some(reason)),
                None => moving = moving.or(Some((upstream, origin.at))),
            }
        }
        (stuck, moving)
    }
}

/// Returns the asset at which one is held up that is held for a reason.
pub(super) fn held_at(
    graph: &AssetGraph,
    index: AssetIndex,
    reason: Option<&Reason>,
) -> AssetIndex {
    let upstream = if let Some(
        Reason::UpstreamFailed { upstream, .. } | Reason::UpstreamMissing { upstream },
    ) = reason
    {
        Some(upstream)
    } else if let Some(Reason::UpstreamHeld { held_at, .. }) = reason {
        Some(held_at)
    } else if let Some(Reason::CheckFailed(failed)) = reason {
        Some(&failed.upstream)
    } else {
        None
    };
    let upstream = upstream.and_then(|key| graph.index_of(key.as_str()));
    upstream.unwrap_or(index)
}

/// Returns whether an asset has something to build that belongs to a cut. Its own code counts,
/// whatever the cut: a build is on its way, and what reads the asset would have to follow.
fn has_changes_of(asset: &Asset, standing: &Standing<'_>, cut: Option<Cut>) -> bool {
    let in_cut = |origin: Origin| cut.is_none_or(|cut| origin.seen <= cut.pass);
    must_be_built(asset, standing) || standing.arriving.is_some_and(in_cut)
}

/// Returns the failure that still stands: neither the code nor an input changed since.
pub(super) fn standing_failure<'a>(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'a>,
) -> Option<&'a Failure> {
    let failure = standing.build?.failure.as_ref()?;
    let asset = input.graph.asset(index);
    let same_code = failure.code_version == asset.code_version;
    let is_same_cut = |agreement: &Agreement| {
        agreement
            .cut
            .as_ref()
            .is_none_or(|cut| *cut == failure.inputs)
    };
    let same_inputs = match &standing.agreement {
        Some(agreement) => is_same_cut(agreement),
        None => tried_newest(input, index, failure),
    };
    (same_code && same_inputs && !may_try_again(input, index, failure)).then_some(failure)
}

/// Whether what was tried is what the inputs still hold.
fn tried_newest(input: &PlanInput<'_>, index: AssetIndex, failure: &Failure) -> bool {
    input.graph.inputs(index).iter().all(|upstream| {
        let key = &input.graph.asset(*upstream).key;
        let newest = input
            .memory
            .commits
            .get(key)
            .and_then(|commits| commits.last());
        failure
            .inputs
            .get(key)
            .is_some_and(|tried| tried.as_ref() == newest.map(|commit| &commit.version))
    })
}

/// What reads nothing has no input that could change: the next instant of its schedule is one more
/// try.
fn may_try_again(input: &PlanInput<'_>, index: AssetIndex, failure: &Failure) -> bool {
    let condition = input.graph.asset(index).automation.condition();
    is_repeated(input, index)
        && condition
            .schedules()
            .any(|schedule| schedule.happens_between(failure.at, input.now))
}
