//! The beginning: what is under way, and what will arrive.

use std::collections::BTreeMap;

use assets::declaration::Limits;

use super::super::arrivals::Flow;
use super::super::attention::Attention;
use super::super::events::{Event, Events};
use super::super::lag::LagTrack;
use super::super::outcome::{Asked, AssetOutcome};
use super::super::wakes::Wakes;
use super::super::{Policy, Setting};
use super::{Course, Track};
use crate::state::{IntentId, IntentState, Memory};

impl<'a> Course<'a> {
    pub(in crate::simulate) fn new(
        policy: Policy<'a>,
        memory: Memory,
        setting: Setting<'a>,
    ) -> Self {
        let graph = policy.graph;
        let tracks = graph.indices().map(|index| {
            let asset = graph.asset(index);
            let task = asset.task.as_ref().map(|binding| &binding.task);
            let commits = memory.commits.get(&asset.key);
            Track {
                outcome: AssetOutcome::new(asset.key.clone()),
                lag: LagTrack::new(setting.from),
                course: task.map(|task| setting.durations.of(&asset.key, task)),
                attempts: 0,
                open: None,
                caught_up: None,
                last_commit: commits.and_then(|commits| Some(commits.last()?.committed_at)),
                is_limited: false,
            }
        });
        let mut course = Self {
            tracks: tracks.collect(),
            events: Events::default(),
            wakes: Wakes::new(policy, setting.from),
            attention: Attention::new(graph, &memory, setting.is_thorough),
            flows: Vec::new(),
            running: BTreeMap::new(),
            next_intent: 0,
            peak: 0,
            limited: BTreeMap::new(),
            limits: Limits {
                confirm_above: None,
                ..policy.limits.clone()
            },
            asked: Asked::default(),
            is_first: true,
            policy,
            setting,
            memory,
        };
        course.adopt();
        course.let_flow();
        course
    }

    /// Goes on with what is under way.
    pub(super) fn adopt(&mut self) {
        let open: Vec<IntentId> = self.memory.open_intents.keys().cloned().collect();
        for id in open {
            let Some(intent) = self.memory.open_intents.get(&id) else {
                continue;
            };
            let assets = intent.assets.clone();
            let is_sent = intent.state == IntentState::Running;
            let began = intent.first_sent_at.unwrap_or(self.setting.from);
            for asset in &assets {
                if let Some(track) = self.track_of(asset) {
                    track.open = Some(id.clone());
                }
            }
            if is_sent {
                self.start(&id, began, true);
            } else {
                let wanted = self.memory.open_intents.get(&id);
                let at = wanted.and_then(|intent| intent.not_before);
                self.events.add(at.unwrap_or(began), Event::Wake);
            }
        }
    }

    pub(super) fn let_flow(&mut self) {
        let graph = self.policy.graph;
        for stream in self.setting.streams {
            let Some(source) = graph.index_of(stream.source.as_str()) else {
                continue;
            };
            let asset = graph.asset(source);
            if asset.is_built_here() || !asset.kind.has_table() {
                continue;
            }
            let world = (self.setting.seed, self.setting.from);
            let mut flow = Flow::new(stream, source, asset.planned_partitions(), world);
            if let Some(at) = flow.next() {
                self.events.add(at, Event::Arrival(self.flows.len()));
            }
            self.flows.push(flow);
        }
    }
}
