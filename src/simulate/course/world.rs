//! What happens in the world up to a pass: commits arrive, runs end and write.

use assets::version::PassNumber;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::super::events::Event;
use super::super::transition::{Seen, prune, see};
use super::{Course, Running};
use crate::execute::RunVerdict;
use crate::state::IntentId;

impl Course<'_> {
    /// Lets everything happen up to an instant; returns the attempts that ended.
    pub(super) fn happen(
        &mut self,
        now: DateTime<Utc>,
        pass: PassNumber,
    ) -> Vec<(Running, DateTime<Utc>)> {
        let graph = self.policy.graph;
        let mut ended = Vec::new();
        let mut news: Vec<AssetIndex> = Vec::new();
        while let Some((at, event)) = self.events.take(now) {
            match event {
                Event::Wake => {}
                Event::Arrival(flow) => {
                    let Some(arriving) = self.flows.get_mut(flow) else {
                        continue;
                    };
                    let (source, partitions) = (arriving.source, arriving.changed());
                    if let Some(next) = arriving.next() {
                        self.events.add(next, Event::Arrival(flow));
                    }
                    let seen = Seen {
                        at,
                        partitions,
                        by: None,
                    };
                    see(&mut self.memory, graph, source, seen, pass);
                    self.committed(source, at);
                    if let Some(track) = self.tracks.get_mut(source.position()) {
                        track.outcome.arrivals += 1;
                    }
                    news.push(source);
                }
                Event::End(number) => {
                    let Some(running) = self.running.remove(&number) else {
                        continue;
                    };
                    if running.verdict == RunVerdict::Succeeded {
                        news.extend(self.write(&running.id, at, pass));
                    }
                    ended.push((running, at));
                }
            }
        }
        news.sort_unstable();
        news.dedup();
        for index in news {
            self.attention.note(index);
            let tracks = &self.tracks;
            let open = |index: AssetIndex| tracks.get(index.position())?.open.clone();
            prune(&mut self.memory, graph, index, &open);
        }
        ended
    }

    /// A run that succeeds commits to the tables of its assets; returns those.
    pub(super) fn write(
        &mut self,
        id: &IntentId,
        at: DateTime<Utc>,
        pass: PassNumber,
    ) -> Vec<AssetIndex> {
        let graph = self.policy.graph;
        let Some(intent) = self.memory.open_intents.get(id).cloned() else {
            return Vec::new();
        };
        let indices = intent.assets.iter();
        let indices: Vec<AssetIndex> = indices
            .filter_map(|asset| graph.index_of(asset.as_str()))
            .filter(|index| graph.asset(*index).kind.has_table())
            .collect();
        for &index in &indices {
            let seen = Seen {
                at,
                partitions: intent.partitions.clone(),
                by: Some(&intent),
            };
            see(&mut self.memory, graph, index, seen, pass);
            self.committed(index, at);
        }
        indices
    }

    /// Counts for how long data was older than it may be.
    pub(super) fn committed(&mut self, index: AssetIndex, at: DateTime<Utc>) {
        let freshness = &self.policy.graph.asset(index).freshness;
        let limit = freshness.max_age.filter(|_| freshness.max_lag.is_none());
        if let Some(track) = self.tracks.get_mut(index.position()) {
            if let (Some(bound), Some(last)) = (limit, track.last_commit) {
                let over = (last + bound.limit).max(self.setting.from);
                track.outcome.overdue += (at - over).max(TimeDelta::zero());
            }
            track.last_commit = Some(at);
        }
    }
}
