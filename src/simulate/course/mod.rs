//! The passes of a simulation, one after the other.
//!
//! `beginning`: what is under way when it begins; `world`: what happened up to a pass; `runs`: attempts that begin and end; `figures`: what is counted.

mod beginning;
mod figures;
mod runs;
mod world;

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::declaration::Limits;
use assets::version::PassNumber;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::arrivals::Flow;
use super::attention::Attention;
use super::events::Events;
use super::lag::LagTrack;
use super::outcome::{Asked, AssetOutcome, Outcome};
use super::transition::record;
use super::wakes::Wakes;
use super::{Policy, Setting, Tick, durations};
use crate::execute::RunVerdict;
use crate::plan::{Action, Plan, PlanInput, decide, standings_among};
use crate::state::{IntentId, Memory};

/// An attempt under way.
struct Running {
    id: IntentId,
    began: DateTime<Utc>,
    verdict: RunVerdict,
}

/// What is kept of each asset beside the memory.
struct Track<'a> {
    outcome: AssetOutcome,
    lag: LagTrack,
    course: Option<durations::Course<'a>>,
    /// Attempts so far: the number of the next draw.
    attempts: u64,
    open: Option<IntentId>,
    /// When a run that ended since the last look brought everything that it was to.
    caught_up: Option<DateTime<Utc>>,
    last_commit: Option<DateTime<Utc>>,
    is_limited: bool,
}

/// A simulation on its way.
pub(super) struct Course<'a> {
    policy: Policy<'a>,
    setting: Setting<'a>,
    memory: Memory,
    events: Events,
    wakes: Wakes<'a>,
    attention: Attention,
    flows: Vec<Flow<'a>>,
    tracks: Vec<Track<'a>>,
    running: BTreeMap<u64, Running>,
    /// Intents that were open at the beginning, by a number below those of the simulation.
    next_intent: u64,
    peak: usize,
    limited: BTreeMap<String, u64>,
    /// The limits, but that nobody is asked.
    limits: Limits,
    asked: Asked,
    is_first: bool,
}

impl<'a> Course<'a> {
    /// Makes every pass, and returns what came of them.
    pub(super) fn run(mut self, watch: &mut dyn FnMut(&Tick<'_>)) -> Outcome {
        let (mut now, mut ticks, mut planned) = (self.setting.from, 0, 0);
        while now < self.setting.until {
            planned += 1;
            let plan = self.pass(now);
            watch(&Tick {
                now,
                requests: &plan.requests,
            });
            let next = self.next(now, &plan);
            ticks += u64::try_from((next - now).num_milliseconds() / self.step()).unwrap_or(0);
            now = next;
        }
        self.finish(ticks, planned)
    }

    /// From one pass to the next, in milliseconds.
    fn step(&self) -> i64 {
        self.setting.every.num_milliseconds().max(1)
    }

    fn pass(&mut self, now: DateTime<Utc>) -> Plan {
        self.memory.pass = PassNumber(self.memory.pass.0 + 1);
        let pass = self.memory.pass;
        let ended = self.happen(now, pass);
        let retries = self.retries(now);
        self.settle_all(ended, now);
        self.forget_starts(now);
        let mut due = self.wakes.take(now);
        if std::mem::take(&mut self.is_first) {
            due = self.policy.graph.indices().collect();
        }
        for index in &due {
            self.attention.note(*index);
        }
        let attended = self.attention.take(self.policy.graph);
        let input = PlanInput {
            now,
            pass,
            graph: self.policy.graph,
            tasks: self.policy.tasks,
            limits: &self.limits,
            selected: None,
            freezes: self.policy.freezes,
            memory: &self.memory,
        };
        let standings = standings_among(&input, &attended);
        let plan = decide(&input, &standings, due.into_iter());
        self.attention.stood(&attended, &standings);
        for &index in &attended {
            let caught_up = caught_up(self.policy, &self.tracks, index);
            let pending = standings.get(index.position()).and_then(|s| s.pending);
            if let Some(track) = self.tracks.get_mut(index.position()) {
                track
                    .lag
                    .found(pending.map(|origin| origin.at), caught_up, now);
            }
        }
        for &index in &attended {
            if let Some(track) = self.tracks.get_mut(index.position()) {
                track.caught_up = None;
            }
        }
        drop(standings);
        self.count(&plan, &attended, now);
        record(&mut self.memory, &plan);
        for id in retries {
            self.start(&id, now, false);
        }
        self.intend_all(&plan, pass, now);
        plan
    }

    fn track_of(&mut self, asset: &AssetKey) -> Option<&mut Track<'a>> {
        let index = self.policy.graph.index_of(asset.as_str())?;
        self.tracks.get_mut(index.position())
    }

    /// Returns when the next pass is made in which anything can have changed.
    fn next(&self, now: DateTime<Utc>, plan: &Plan) -> DateTime<Utc> {
        let step = self.step();
        let following = now + TimeDelta::milliseconds(step);
        let restless = self.attention.restless();
        let is_unforeseeable = |index: &AssetIndex| self.wakes.is_unforeseeable(*index);
        let allowed = self.limits.max_runs_per_pass;
        let begun = u32::try_from(plan.requests.len()).unwrap_or(u32::MAX);
        // What one pass may not begin any more, the next one does.
        let is_cut_short = allowed.is_some_and(|allowed| begun >= allowed);
        if self.setting.is_thorough || is_cut_short || restless.iter().any(is_unforeseeable) {
            return following;
        }
        let until = restless.iter().filter_map(|index| {
            let decision = plan.decisions.get(index.position())?;
            decision.until.filter(|_| decision.action != Action::None)
        });
        let first = until
            .chain(self.events.first())
            .chain(self.wakes.first())
            .min()
            .unwrap_or(self.setting.until);
        let missing = (first - following).num_milliseconds().max(0);
        let steps = missing.checked_add(step - 1).unwrap_or(missing) / step;
        following
            .checked_add_signed(TimeDelta::milliseconds(steps.saturating_mul(step)))
            .unwrap_or(self.setting.until)
            .min(self.setting.until.max(following))
    }
}

/// When what an asset lacked came in: with its own run, or for what shows others, with the last of theirs.
fn caught_up(policy: Policy<'_>, tracks: &[Track<'_>], index: AssetIndex) -> Option<DateTime<Utc>> {
    let at = |index: AssetIndex| tracks.get(index.position())?.caught_up;
    let asset = policy.graph.asset(index);
    if asset.kind.has_table() {
        return at(index);
    }
    let inputs = policy.graph.inputs(index).iter();
    inputs.filter_map(|input| at(*input)).max()
}
