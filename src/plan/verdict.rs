//! What an asset's policy makes of how it stands: run, wait, hold, or nothing to do.
//!
//! The questions are asked in this order, and the first one that has an answer decides:
//!
//! 1. Is anything to do at all, and is it ours to do?
//! 2. Is a run under way already? Did the last one fail for good?
//! 3. Is it frozen? Does the condition of its automation hold, and are these its hours?
//! 4. Can the asset and its inputs be observed? (`settled` only)
//! 5. Does every input exist, and has it incorporated the cut? (`settled` only, but for existence)
//! 6. Does the automation want to wait: `tolerance`, `every`, `settle`?
//!
//! Under `snapshot`, what is read together is asked in the place of the cut: see `snapshot`.
//!
//! An input that nothing here builds by itself (no task, or manual) is never waited for: nobody
//! could say until when. Nor is one that its own schedule, its hours or a freeze keep: a weekly
//! input would make a weekly asset of an hourly one.

use std::collections::BTreeMap;

use assets::condition::Condition;
use assets::partition::{PartitionSet, Partitions};
use assets::policy::{CodeChanges, Consistency, Pacing};
use assets::{Asset, AssetKey, Origin, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::decision::Action;
use super::due::{Facts, Found, Truth, frozen, is_repeated};
use super::input::PlanInput;
use super::obstacle::{Obstacle, held_at, standing_failure};
use super::parts::Parts;
use super::patience::still_waits;
use super::position::{BrokenPosition, asked, is_refreshed_by_itself};
use super::reason::Reason;
use super::reserved::{appends_again, in_flight, may_be_built, reserved};
use super::standing::{Standing, TableState, is_built_by_itself, must_be_built};
use crate::state::{Cut, Failure, FullRefreshRequest};

/// A decision before limits.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) action: Action,
    pub(super) reasons: Vec<Reason>,
    pub(super) until: Option<DateTime<Utc>>,
    /// The cut that the asset waits for from now on; absent if it waits for none.
    pub(super) cut: Option<Cut>,
    /// Inputs that a run goes on without, in key order.
    pub(super) degraded_by: Vec<AssetKey>,
    /// The partitions that may be built now; absent for an asset that is built as a whole.
    pub(super) partitions: Option<PartitionSet>,
    /// The versions of the inputs to read; the newest ones where absent.
    pub(super) pins: Option<BTreeMap<AssetKey, Option<TableVersion>>>,
}

impl Verdict {
    pub(super) fn nothing(reasons: Vec<Reason>) -> Self {
        Self {
            action: Action::None,
            reasons,
            until: None,
            cut: None,
            degraded_by: Vec::new(),
            partitions: None,
            pins: None,
        }
    }

    pub(super) fn because(action: Action, deciding: Reason, others: Vec<Reason>) -> Self {
        let mut reasons = vec![deciding];
        reasons.extend(others);
        Self {
            action,
            reasons,
            until: None,
            cut: None,
            degraded_by: Vec::new(),
            partitions: None,
            pins: None,
        }
    }

    pub(super) fn until(mut self, until: Option<DateTime<Utc>>) -> Self {
        self.until = until;
        self
    }

    fn with_cut(mut self, cut: Option<Cut>) -> Self {
        self.cut = cut;
        self
    }
}

/// Returns the verdict on every asset, by its position in the graph.
pub(super) fn verdicts(input: &PlanInput<'_>, standings: &[Standing<'_>]) -> Vec<Verdict> {
    let mut held: Vec<Option<AssetIndex>> = vec![None; standings.len()];
    let mut verdicts: Vec<Option<Verdict>> = vec![None; standings.len()];
    // What is held holds what reads it.
    for &index in input.graph.topological_order() {
        let position = index.position();
        let judge = Judge {
            input,
            standings,
            held: &held,
        };
        let verdict = standings
            .get(position)
            .map(|standing| judge.verdict(index, standing));
        let is_held = |verdict: &&Verdict| verdict.action == Action::Hold;
        let found = verdict.as_ref().filter(is_held);
        let found = found.map(|verdict| held_at(input.graph, index, verdict.reasons.first()));
        if let (Some(held), Some(slot)) = (held.get_mut(position), verdicts.get_mut(position)) {
            (*held, *slot) = (found, verdict);
        }
    }
    verdicts.into_iter().flatten().collect()
}

/// Everything that a verdict may look at.
pub(super) struct Judge<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) standings: &'a [Standing<'a>],
    /// Of assets that nothing comes of before somebody intervenes, at which one they are held up, by position:
    /// of those before the one in question.
    pub(super) held: &'a [Option<AssetIndex>],
}

impl Judge<'_> {
    fn verdict(&self, index: AssetIndex, standing: &Standing<'_>) -> Verdict {
        let asset = self.input.graph.asset(index);
        let stale = self.stale_reasons(asset, standing);
        if let Some(intent) = standing.intent {
            return Verdict::because(Action::Wait, in_flight(intent, self.input.now), stale);
        }
        let asked = asked(self.input, index).filter(|_| asset.is_built_here());
        let is_stale = is_stale(asset, standing) || asked.is_some();
        if !is_stale && !is_repeated(self.input, index) {
            return self.not_due(index, asset, standing, stale);
        }
        if !asset.is_built_here() {
            return Verdict::because(Action::None, Reason::NotBuiltHere, stale);
        }
        if let Some(failure) = standing_failure(self.input, index, standing) {
            return Verdict::because(Action::Hold, quarantined(failure), stale);
        }
        if let Some(asked) = asked {
            return self.refresh(index, standing, asked, stale);
        }
        let mut broken = self.broken_positions(asset, standing);
        if !broken.is_empty() && !is_refreshed_by_itself(asset, standing) {
            let deciding = broken.remove(0);
            broken.extend(stale);
            return Verdict::because(Action::Hold, deciding, broken);
        }
        if !asset.automation.is_automatic() {
            return Verdict::because(Action::Hold, Reason::Manual, stale);
        }
        broken.extend(stale);
        let stale = broken;
        self.due_or_not(index, standing, is_stale, stale)
    }

    /// A person wants it built anew: neither its automation nor its hours are asked, only a freeze and what
    /// stands in the way of any run.
    fn refresh(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        asked: &FullRefreshRequest,
        stale: Vec<Reason>,
    ) -> Verdict {
        if let Some(freeze) = frozen(self.input, index) {
            let reason = Reason::Frozen {
                reason: freeze.reason.clone(),
                until: freeze.to,
            };
            return Verdict::because(Action::Wait, reason, stale).until(Some(freeze.to));
        }
        let mut reasons = vec![Reason::FullRefresh {
            asked_by: asked.asked_by.clone(),
            asked_at: asked.asked_at,
        }];
        reasons.extend(stale);
        self.build_or_wait(index, standing, &Pacing::default(), reasons)
    }

    fn broken_positions(&self, asset: &Asset, standing: &Standing<'_>) -> Vec<Reason> {
        let is_refreshed = is_refreshed_by_itself(asset, standing);
        let broken = standing.broken.iter();
        let reason = |broken: &BrokenPosition<'_>| Reason::PositionBroken {
            upstream: self.key(broken.input).clone(),
            position: broken.position.cloned(),
            lost: broken.lost,
            first_kept: broken.first_kept,
            current: broken.current.clone(),
            is_refreshed,
        };
        broken.map(reason).collect()
    }

    /// The asset is ours to build, without a person. Is it time? Until then it fixes no cut: what
    /// arrives meanwhile belongs to the same round.
    fn due_or_not(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        is_stale: bool,
        mut stale: Vec<Reason>,
    ) -> Verdict {
        let automation = &self.input.graph.asset(index).automation;
        let facts = self.facts(index, standing);
        let condition = automation.condition();
        let found = facts.find(&condition);
        if !is_stale && found.truth != Truth::Yes {
            return Verdict::nothing(stale);
        }
        if let Some((reason, until)) = self.held_back(index, standing, &found) {
            return Verdict::because(Action::Wait, reason, stale).until(until);
        }
        if !is_stale {
            let came = condition.schedules().filter_map(|s| facts.has_come(s));
            stale.push(Reason::Scheduled { at: came.max() });
        }
        self.build_or_wait(index, standing, automation.pacing(), stale)
    }

    fn facts<'f>(&'f self, index: AssetIndex, standing: &'f Standing<'f>) -> Facts<'f> {
        Facts {
            input: self.input,
            index,
            standing,
        }
    }

    /// A freeze, the condition or the hours, if one of them keeps the asset from being built now;
    /// and until when.
    fn held_back(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        found: &Found<'_>,
    ) -> Option<(Reason, Option<DateTime<Utc>>)> {
        let now = self.input.now;
        if let Some(freeze) = frozen(self.input, index) {
            let reason = Reason::Frozen {
                reason: freeze.reason.clone(),
                until: freeze.to,
            };
            return Some((reason, Some(freeze.to)));
        }
        if found.truth != Truth::Yes {
            return Some((self.why_not_due(index, standing, found), found.until));
        }
        let pacing = self.input.graph.asset(index).automation.pacing();
        let window = pacing.window.as_ref();
        let window = window.filter(|window| !window.contains(now))?;
        let until = window.next_opening(now);
        let window = window.to_string();
        Some((Reason::OutsideWindow { window, until }, until))
    }

    /// What the condition lacks; that the asset exists, and with its code, is nothing to wait for.
    fn why_not_due(&self, index: AssetIndex, standing: &Standing<'_>, found: &Found<'_>) -> Reason {
        let is_waited_for = |leaf: &&&Condition| {
            !matches!(
                leaf,
                Condition::Missing | Condition::CodeChanged | Condition::Manual
            )
        };
        let waited_for: Vec<&&Condition> = found.unmet.iter().filter(is_waited_for).collect();
        if let [Condition::AllChanged] = waited_for.as_slice() {
            let changed = |input: &AssetIndex| standing.behind.iter().any(|b| b.input == *input);
            let inputs = self.input.graph.inputs(index).iter();
            let unchanged = inputs.filter(|input| !changed(input));
            return Reason::NotAllChanged {
                unchanged: unchanged.map(|input| self.key(*input).clone()).collect(),
            };
        }
        Reason::NotDue {
            waits_for: waited_for.iter().map(ToString::to_string).collect(),
            until: found.until,
        }
    }

    /// Why the asset is stale by itself.
    fn stale_reasons(&self, asset: &Asset, standing: &Standing<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        match (&standing.parts, &asset.partitions) {
            (Some(parts), Some(definition)) if standing.is_missing => {
                let missing = parts.missing.difference(&parts.dormant);
                let built_at = was_built_at(standing);
                reasons.push(missing_partitions(definition, &missing, built_at));
            }
            _ if standing.is_missing => {
                let built_at = was_built_at(standing);
                reasons.push(Reason::Missing { built_at });
            }
            _ => {}
        }
        let code = standing.built_code.zip(asset.code_version.as_ref());
        let is_mark = asset.code_changes == CodeChanges::Mark;
        if let Some((built, current)) = code.filter(|_| !is_mark) {
            let (built, current) = (built.clone(), current.clone());
            reasons.push(Reason::CodeChanged { built, current });
        }
        for behind in &standing.behind {
            let upstream = self.key(behind.input).clone();
            let current = behind.current.clone();
            reasons.push(match behind.consumed {
                Some(consumed) if consumed.table_id != current.table_id => {
                    Reason::UpstreamRecreated {
                        upstream,
                        consumed: consumed.clone(),
                        current,
                    }
                }
                consumed => Reason::UpstreamChanged {
                    upstream,
                    consumed: consumed.cloned(),
                    basis: behind.basis,
                    current,
                    since: behind.origin.map(|origin| origin.at),
                },
            });
        }
        // Marks are never what something is built for.
        if let Some(beyond) = beyond_lookback(asset, standing) {
            reasons.push(beyond);
        }
        if let Some((built, current)) = code.filter(|_| is_mark) {
            let (built, current) = (built.clone(), current.clone());
            reasons.push(Reason::OutdatedCode { built, current });
        }
        reasons
    }

    /// The asset incorporates all that its inputs hold. They may have changes on the way.
    fn not_due(
        &self,
        index: AssetIndex,
        asset: &Asset,
        standing: &Standing<'_>,
        mut marks: Vec<Reason>,
    ) -> Verdict {
        if asset.kind.is_transparent() || standing.pending.is_none() {
            return Verdict::nothing(marks);
        }
        if !asset.is_built_here() {
            marks.push(Reason::NotBuiltHere);
            return Verdict::nothing(marks);
        }
        if standing.arriving.is_some() {
            let cut = self.cut_of(asset, standing);
            // What waits for all of its inputs does so in vain while one of them is stuck.
            let waits_for_all = standing.parts.is_none()
                && asset.consistency
                    == Consistency::Settled {
                        proceed_after: None,
                    };
            match self.bringing(index) {
                (Some(stuck), moving) if moving.is_none() || waits_for_all => {
                    return Verdict::because(Action::Hold, stuck, marks).with_cut(cut);
                }
                (_, Some((upstream, since))) => {
                    let upstream = self.key(upstream).clone();
                    let reason = Reason::UpstreamStale {
                        upstream,
                        since: Some(since),
                        cut: cut.map(|cut| cut.pass),
                    };
                    return Verdict::because(Action::Wait, reason, marks).with_cut(cut);
                }
                (_, None) => {}
            }
        }
        if self.nearest(index, |input| input.arriving).is_some() && is_built_by_itself(asset) {
            let condition = asset.automation.condition();
            let found = self.facts(index, standing).find(&condition);
            if let Some((reason, until)) = self.held_back(index, standing, &found) {
                return Verdict::because(Action::Wait, reason, marks).until(until);
            }
        }
        if let Some((upstream, since)) = self.nearest(index, |input| input.pending) {
            let is_timed = is_built_by_itself(self.input.graph.asset(upstream));
            if let Some(stuck) = self.stuck(upstream).filter(|_| is_timed) {
                return Verdict::because(Action::Hold, stuck, marks);
            }
            let upstream = self.key(upstream).clone();
            marks.push(if is_timed {
                Reason::UpstreamNotDue { upstream, since }
            } else {
                Reason::UpstreamNotAutomatic { upstream, since }
            });
        }
        Verdict::nothing(marks)
    }

    /// The asset is stale by itself, ours to build, and may be built without a person.
    fn build_or_wait(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        pacing: &Pacing,
        stale: Vec<Reason>,
    ) -> Verdict {
        let asset = self.input.graph.asset(index);
        if let Some(agreement) = &standing.agreement {
            return self.by_agreement(index, standing, agreement, pacing, stale);
        }
        let fixed = standing.build.and_then(|build| build.cut);
        let taken = reserved(self.input, asset);
        let left = |parts: &Parts| {
            taken
                .as_ref()
                .map(|of| parts.stale.difference(&of.partitions))
        };
        let left = standing.parts.as_deref().and_then(left);
        if let (Some(taken), Some(left)) = (&taken, &left)
            && left.is_empty()
        {
            let reason = taken.reason.clone();
            return Verdict::because(Action::Wait, reason, stale).with_cut(fixed);
        }
        if appends_again(self.input, asset, standing, left.as_ref()) {
            return Verdict::because(Action::Hold, Reason::AppendsAgain, stale).with_cut(fixed);
        }
        let cut = self.cut_of(asset, standing);
        let obstacles = self.obstacles(index, standing, cut, None);
        let patience_ends = self.patience_ends(asset, cut);
        let availability_first = match asset.consistency {
            Consistency::Latest => true,
            Consistency::Snapshot => false,
            Consistency::Settled { proceed_after } => {
                proceed_after.is_some() && patience_ends.is_none()
            }
        };
        let decides = |obstacle: &&Obstacle| !availability_first || obstacle.is_absolute;
        let free = free_partitions(standing, obstacles.iter().filter(decides));
        let free = free.map(|free| may_be_built(self.input, asset, standing, free));
        let free = match &taken {
            Some(taken) => free.map(|free| free.difference(&taken.partitions)),
            None => free,
        };
        let stands_alone = |obstacle: &&Obstacle| {
            decides(obstacle)
                && (obstacle.partitions.is_none()
                    || free.as_ref().is_none_or(PartitionSet::is_empty))
        };
        // What needs somebody decides: whatever else comes by itself, nothing happens before.
        let mut alone = obstacles.iter().filter(stands_alone);
        let first = alone.clone().next();
        if let Some(obstacle) = alone.find(|obstacle| obstacle.is_failure).or(first) {
            // Not even patience at its end goes on without what is absolute.
            let until = patience_ends.filter(|_| !obstacles.iter().any(|o| o.is_absolute));
            let action = if obstacle.is_failure && until.is_none() {
                Action::Hold
            } else {
                Action::Wait
            };
            return Verdict::because(action, obstacle.reason.clone(), stale)
                .until(until)
                .with_cut(cut);
        }
        let mut partitions = free;
        if let Some((reason, until)) = self.automation_waits(index, standing, pacing) {
            let urgent = urgent(asset, standing, partitions.as_ref());
            if urgent.as_ref().is_none_or(PartitionSet::is_empty) {
                return Verdict::because(Action::Wait, reason, stale)
                    .until(until)
                    .with_cut(cut);
            }
            partitions = urgent;
        }
        let mut reasons = stale;
        let goes_on = |obstacle: &Obstacle| availability_first || obstacle.partitions.is_none();
        let mut degraded_by: Vec<AssetKey> = obstacles
            .into_iter()
            .filter(goes_on)
            .filter_map(|obstacle| obstacle.upstream)
            .collect();
        degraded_by.sort();
        degraded_by.dedup();
        if !degraded_by.is_empty() {
            reasons.push(Reason::Degraded {
                upstreams: degraded_by.clone(),
            });
        }
        Verdict {
            action: Action::Run,
            reasons,
            until: None,
            cut,
            degraded_by,
            partitions,
            pins: None,
        }
    }

    /// The cut that the asset waits for: the one it has, or all that was seen up to now.
    fn cut_of(&self, asset: &Asset, standing: &Standing<'_>) -> Option<Cut> {
        match asset.consistency {
            Consistency::Latest | Consistency::Snapshot => None,
            Consistency::Settled { .. } => {
                let fixed = standing.build.and_then(|build| build.cut);
                Some(fixed.unwrap_or(Cut {
                    pass: self.input.pass,
                    fixed_at: self.input.now,
                }))
            }
        }
    }

    /// When the asset goes on without what it waits for, if that is still to come.
    pub(super) fn patience_ends(&self, asset: &Asset, cut: Option<Cut>) -> Option<DateTime<Utc>> {
        let Consistency::Settled { proceed_after } = asset.consistency else {
            return None;
        };
        still_waits(cut?.fixed_at, proceed_after?, self.input.now)
    }

    /// The first input, in key order, through which changes are on their way, and since when.
    fn nearest(
        &self,
        index: AssetIndex,
        of: impl Fn(&Standing<'_>) -> Option<Origin>,
    ) -> Option<(AssetIndex, Option<DateTime<Utc>>)> {
        self.input.graph.inputs(index).iter().find_map(|&input| {
            let origin = of(self.standings.get(input.position())?)?;
            Some((input, Some(origin.at)))
        })
    }

    pub(super) fn key(&self, index: AssetIndex) -> &AssetKey {
        &self.input.graph.asset(index).key
    }
}

/// Returns the stale partitions that nothing stands in the way of; absent for an asset that is built as a
/// whole.
fn free_partitions<'o>(
    standing: &Standing<'_>,
    obstacles: impl Iterator<Item = &'o Obstacle>,
) -> Option<PartitionSet> {
    let parts = standing.parts.as_deref()?;
    let blocked = obstacles.filter_map(|obstacle| obstacle.partitions.clone());
    Some(parts.stale.difference(&PartitionSet::union_of(blocked)))
}

/// Returns the partitions that do not wait for quiet inputs: those that do not exist, or have other code.
fn urgent(
    asset: &Asset,
    standing: &Standing<'_>,
    free: Option<&PartitionSet>,
) -> Option<PartitionSet> {
    let parts = standing.parts.as_deref()?;
    let urgent = match asset.code_changes {
        CodeChanges::Rebuild => parts.missing.union(&parts.outdated),
        CodeChanges::Mark | CodeChanges::Ignore => parts.missing.clone(),
    };
    Some(urgent.intersection(free?))
}

/// Returns whether there is something to build, given what the policy makes of code changes.
fn is_stale(asset: &Asset, standing: &Standing<'_>) -> bool {
    must_be_built(asset, standing) || !standing.behind.is_empty()
}

/// When an asset was last built that was there and is gone.
fn was_built_at(standing: &Standing<'_>) -> Option<DateTime<Utc>> {
    let build = standing
        .build
        .filter(|_| standing.table == TableState::Absent);
    build.and_then(|build| build.built_at)
}

/// Names the partitions that are missing: the first and the last one.
fn missing_partitions(
    definition: &Partitions,
    missing: &PartitionSet,
    built_at: Option<DateTime<Utc>>,
) -> Reason {
    let ranges = definition.key_ranges(missing);
    Reason::MissingPartitions {
        built_at,
        count: missing.count().unwrap_or(0),
        first: ranges.first().map(|range| range.from.clone()),
        last: ranges.last().map(|range| range.to.clone()),
    }
}

/// Names the partitions that lack something and are too old to be built by themselves.
fn beyond_lookback(asset: &Asset, standing: &Standing<'_>) -> Option<Reason> {
    let parts = standing.parts.as_deref()?;
    let beyond = parts.beyond.difference(&parts.stale);
    let (definition, lookback) = asset.partitions.as_ref().zip(asset.lookback)?;
    let ranges = definition.key_ranges(&beyond);
    let (first, last) = ranges.first().zip(ranges.last())?;
    Some(Reason::BeyondLookback {
        count: beyond.count().unwrap_or(0),
        first: first.from.clone(),
        last: last.to.clone(),
        lookback_s: lookback.num_seconds(),
    })
}

fn quarantined(failure: &Failure) -> Reason {
    Reason::Quarantined {
        intent: failure.intent.clone(),
        attempts: failure.attempts,
        failure: failure.code.clone(),
        problem: failure.message.clone(),
    }
}
