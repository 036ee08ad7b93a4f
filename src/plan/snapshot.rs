//! `snapshot`: the newest versions of an asset's inputs that agree on every root which two of them share.
//!
//! Nothing older than what was consumed is read, and nothing of which it is not exactly known what it shows.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::policy::Pacing;
use assets::version::TableVersion;
use lineage::AssetIndex;
use serde::Serialize;

use super::agreeing::{Candidate, STEPS, newest_agreeing};
use super::decision::Action;
use super::due::is_repeated;
use super::input::PlanInput;
use super::known::Known;
use super::obstacle::Obstacle;
use super::position::asked;
use super::reason::Reason;
use super::standing::{Standing, must_be_built};
use super::verdict::{Judge, Verdict};
use crate::state::{Build, DataCommit, Lost, Provenance, RootVersion};

/// How many versions of an input are looked at, from the newest down.
const LOOKED_AT: usize = 256;

/// What an asset under `snapshot` may read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The newest versions that agree: input → version, `None` where it has no data. Absent where no
    /// versions agree that are not older than what was consumed.
    pub cut: Option<BTreeMap<AssetKey, Option<TableVersion>>>,
    /// Whether that brings anything that was not consumed.
    pub is_news: bool,
    /// The shared roots on which the newest versions of the inputs do not agree, in key order.
    pub disagreements: Vec<Disagreement>,
}

/// A root on which the newest versions of some inputs do not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// The root.
    pub root: AssetKey,
    /// What the newest version of each input that depends on it shows, in key order.
    pub shown: Vec<Shown>,
}

/// What the newest version of an input shows of a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The input.
    pub input: AssetKey,
    /// The version of the root, where there is just one.
    pub version: Option<u64>,
    /// `exact`, `assumed`, `mixed` or `unknown`; only what is exact is agreed upon.
    pub certainty: &'static str,
    /// Of what is unknown: the asset at which the way to the root is lost.
    pub lost_at: Option<AssetKey>,
    /// Why it is lost there.
    pub lost: Option<Lost>,
}

type Choice<'a> = Candidate<'a, AssetIndex, Option<&'a TableVersion>>;

/// Finds the newest agreeing cut of an asset, by what is known of its inputs.
pub(super) fn agreement<'a>(
    input: &'a PlanInput<'a>,
    known: &'a Known<'a>,
    standings: &'a [Standing<'a>],
    index: AssetIndex,
) -> Agreement {
    let graph = input.graph;
    let upstreams = graph.inputs(index);
    let shared = graph.shared_roots(index);
    let has_content = standings
        .get(index.position())
        .is_some_and(|own| !own.is_missing && own.build.is_some_and(Build::was_built));
    let consumption = known.consumption(index).filter(|_| has_content);
    let consumed = |of: AssetIndex| {
        let consumed = consumption.and_then(|known| known.get(&graph.asset(of).key));
        consumed.and_then(|consumed| consumed.version.as_ref())
    };
    let histories: Vec<History<'a>> = upstreams
        .iter()
        .map(|&upstream| History {
            upstream,
            roots: of_shared(&graph.roots(upstream), &shared),
            is_root: graph.inputs(upstream).is_empty(),
            commits: known.commits(upstream),
            newest: standings.get(upstream.position()),
        })
        .collect();
    let candidates: Vec<Vec<Choice<'a>>> = histories
        .iter()
        .map(|history| history.candidates(input, consumed(history.upstream)))
        .collect();
    let chosen = newest_agreeing(&candidates, STEPS);
    let cut = chosen.map(|chosen| {
        let chosen = chosen.iter().zip(&candidates).zip(upstreams);
        let version = |((at, of), upstream): ((&usize, &Vec<Choice<'a>>), &AssetIndex)| {
            let version = of.get(*at).and_then(|choice| choice.version);
            (graph.asset(*upstream).key.clone(), version.cloned())
        };
        chosen.map(version).collect::<BTreeMap<_, _>>()
    });
    let is_news = cut.as_ref().is_some_and(|cut| {
        let mut inputs = upstreams.iter();
        inputs.any(|of| cut.get(&graph.asset(*of).key).and_then(Option::as_ref) != consumed(*of))
    });
    Agreement {
        cut,
        is_news,
        disagreements: disagreements(input, &shared, &histories),
    }
}

fn of_shared(roots: &[AssetIndex], shared: &[AssetIndex]) -> Vec<AssetIndex> {
    let is_shared = |root: &&AssetIndex| shared.binary_search(root).is_ok();
    roots.iter().filter(is_shared).copied().collect()
}

/// The versions of one input.
struct History<'a> {
    upstream: AssetIndex,
    /// Those of its roots that another input has, too.
    roots: Vec<AssetIndex>,
    is_root: bool,
    commits: &'a [DataCommit],
    newest: Option<&'a Standing<'a>>,
}

impl<'a> History<'a> {
    /// What may be read of it, newest first: nothing older than what was consumed, and nothing of which it
    /// is not exactly known what it shows of the shared roots.
    fn candidates(
        &self,
        input: &PlanInput<'a>,
        consumed: Option<&TableVersion>,
    ) -> Vec<Choice<'a>> {
        if self.commits.is_empty() && (self.is_root || self.roots.is_empty()) {
            let roots = self.roots.iter().map(|root| (*root, None));
            return vec![Candidate {
                version: None,
                roots: roots.collect(),
            }];
        }
        let is_not_newer = |commit: &DataCommit| {
            consumed.is_some_and(|consumed| {
                commit.version.table_id == consumed.table_id
                    && commit.version.version <= consumed.version
            })
        };
        // What came before it, and before what is another incarnation now, is older.
        let last = self.commits.iter().rposition(is_not_newer);
        let is_not_older = |at: usize, commit: &DataCommit| {
            last.is_none_or(|last| at > last || Some(&commit.version) == consumed)
        };
        let count = self.commits.len();
        let newest_first = self.commits.iter().rev().enumerate();
        let newest_first = newest_first.take(LOOKED_AT);
        newest_first
            .filter(|(age, commit)| is_not_older(count - 1 - age, commit))
            .filter_map(|(age, commit)| {
                Some(Candidate {
                    version: Some(&commit.version),
                    roots: self.shown(input, age, commit)?,
                })
            })
            .collect()
    }

    /// What a version shows of the shared roots, if that is exactly known.
    fn shown(
        &self,
        input: &PlanInput<'a>,
        age: usize,
        commit: &'a DataCommit,
    ) -> Option<BTreeMap<AssetIndex, Option<&'a TableVersion>>> {
        if self.is_root {
            let roots = self.roots.iter();
            return Some(roots.map(|root| (*root, Some(&commit.version))).collect());
        }
        if self.roots.is_empty() {
            return Some(BTreeMap::new());
        }
        let provenance = self.provenance(age, commit)?;
        let mut shown = BTreeMap::new();
        for root in &self.roots {
            if let Some(version) = provenance.get(&input.graph.asset(*root).key) {
                shown.insert(*root, version.exact()?);
            }
        }
        Some(shown)
    }

    fn provenance(&self, age: usize, commit: &'a DataCommit) -> Option<&'a Provenance> {
        let newest = self.newest.filter(|_| age == 0);
        let newest = newest.and_then(|standing| standing.provenance.as_deref());
        newest.or(commit.provenance.as_deref())
    }

    /// What its newest version shows of a root.
    fn newest_of(&self, input: &PlanInput<'_>, root: AssetIndex) -> Option<Shown> {
        let key = &input.graph.asset(root).key;
        let shown = |version: Option<u64>, certainty| Shown {
            input: input.graph.asset(self.upstream).key.clone(),
            version,
            certainty,
            lost_at: None,
            lost: None,
        };
        let newest = self.commits.last();
        if self.is_root {
            return Some(shown(newest.map(|newest| newest.version.version), "exact"));
        }
        let Some(provenance) = newest.and_then(|newest| self.provenance(0, newest)) else {
            return Some(Shown {
                lost_at: Some(input.graph.asset(self.upstream).key.clone()),
                lost: Some(Lost::NotRecorded),
                ..shown(None, "unknown")
            });
        };
        let version = provenance.get(key)?;
        if let RootVersion::Unknown { at, why } = version {
            return Some(Shown {
                lost_at: Some(at.clone()),
                lost: Some(*why),
                ..shown(None, version.certainty())
            });
        }
        let number = match version {
            RootVersion::Exact(version) | RootVersion::Assumed(version) => {
                version.as_ref().map(|version| version.version)
            }
            RootVersion::Mixed { .. } | RootVersion::Unknown { .. } => None,
        };
        Some(shown(number, version.certainty()))
    }
}

fn disagreements(
    input: &PlanInput<'_>,
    shared: &[AssetIndex],
    histories: &[History<'_>],
) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for &root in shared {
        let of_root = histories.iter().filter(|of| of.roots.contains(&root));
        let shown: Vec<Shown> = of_root
            .filter_map(|history| history.newest_of(input, root))
            .collect();
        let same = |one: &Shown| {
            shown
                .first()
                .is_some_and(|first| first.version == one.version)
                && one.certainty == "exact"
        };
        if !shown.iter().all(same) {
            found.push(Disagreement {
                root: input.graph.asset(root).key.clone(),
                shown,
            });
        }
    }
    found
}

impl Agreement {
    /// Why nothing is read.
    pub(super) fn lacking(&self) -> Reason {
        Reason::NoAgreeingCut {
            roots: self.disagreements.clone(),
        }
    }
}

impl Judge<'_> {
    /// What stands in the way of an asset under `snapshot`, whatever its inputs hold: they may be behind, for
    /// what they hold agrees or does not.
    pub(super) fn before_agreement(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
    ) -> Option<Obstacle> {
        let is_of_inputs = |reason: &Reason| {
            matches!(
                reason,
                Reason::UpstreamStale { .. }
                    | Reason::UpstreamFailed { .. }
                    | Reason::UpstreamHeld { .. }
            )
        };
        let mut obstacles = self.obstacles(index, standing, None, None).into_iter();
        obstacles.find(|obstacle| obstacle.is_absolute || !is_of_inputs(&obstacle.reason))
    }

    /// What an asset under `snapshot` does that is stale, ours to build and due.
    pub(super) fn by_agreement(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        agreement: &Agreement,
        pacing: &Pacing,
        stale: Vec<Reason>,
    ) -> Verdict {
        let asset = self.input.graph.asset(index);
        if let Some(obstacle) = self.before_agreement(index, standing) {
            let action = if obstacle.is_failure {
                Action::Hold
            } else {
                Action::Wait
            };
            return Verdict::because(action, obstacle.reason, stale);
        }
        let is_due = agreement.is_news
            || must_be_built(asset, standing)
            || is_repeated(self.input, index)
            || asked(self.input, index).is_some();
        let Some(cut) = agreement.cut.as_ref().filter(|_| is_due) else {
            // Versions that agree come with changes of the inputs, or never.
            return match self.bringing(index) {
                (Some(stuck), None) => {
                    let mut others = vec![agreement.lacking()];
                    others.extend(stale);
                    Verdict::because(Action::Hold, stuck, others)
                }
                (Some(_) | None, _) => Verdict::because(Action::Wait, agreement.lacking(), stale),
            };
        };
        if let Some((reason, until)) = self.automation_waits(index, standing, pacing) {
            return Verdict::because(Action::Wait, reason, stale).until(until);
        }
        let mut reasons = stale;
        if !agreement.disagreements.is_empty() {
            reasons.push(Reason::OlderCut {
                inputs: cut.clone(),
                roots: agreement.disagreements.clone(),
            });
        }
        Verdict {
            action: Action::Run,
            pins: Some(cut.clone()),
            ..Verdict::nothing(reasons)
        }
    }
}
