//! What is counted on the way, and what it comes to in the end.

use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::super::outcome::Outcome;
use super::Course;
use crate::plan::{Plan, Reason};

impl Course<'_> {
    /// Counts what a plan says of deadlines and limits.
    pub(super) fn count(&mut self, plan: &Plan, attended: &[AssetIndex], now: DateTime<Utc>) {
        let begun = plan.requests.len();
        let allowed = self.policy.limits.confirm_above;
        let allowed = allowed.and_then(|allowed| usize::try_from(allowed).ok());
        if allowed.is_some_and(|allowed| begun > allowed) {
            self.asked.passes += 1;
            self.asked.most = self.asked.most.max(begun);
            self.asked.first.get_or_insert(now);
        }
        for (asset, verdict) in &plan.deadlines {
            let from = self.setting.from;
            if let Some(track) = self.track_of(asset).filter(|_| verdict.at > from) {
                track.outcome.deadlines += 1;
                track
                    .outcome
                    .missed
                    .extend((!verdict.is_met).then_some(verdict.at));
            }
        }
        for index in attended {
            let decision = plan.decisions.get(index.position());
            let limit = decision.and_then(|decision| match decision.reasons.first() {
                Some(Reason::Limit { limit, .. }) => Some(limit),
                Some(_) | None => None,
            });
            if let Some(track) = self.tracks.get_mut(index.position()) {
                if let Some(limit) = limit.filter(|_| !track.is_limited) {
                    *self.limited.entry(limit.clone()).or_default() += 1;
                }
                track.is_limited = limit.is_some();
            }
        }
    }

    pub(super) fn finish(mut self, ticks: u64, planned: u64) -> Outcome {
        let (from, until) = (self.setting.from, self.setting.until);
        let running = std::mem::take(&mut self.running);
        for running in running.into_values() {
            let Some(intent) = self.memory.open_intents.get(&running.id) else {
                continue;
            };
            for asset in intent.assets.clone() {
                if let Some(track) = self.track_of(&asset) {
                    track.outcome.run_time +=
                        (until - running.began.max(from)).max(TimeDelta::zero());
                }
            }
        }
        for index in self.policy.graph.indices() {
            let last = self
                .tracks
                .get(index.position())
                .and_then(|t| t.last_commit);
            if last.is_some() {
                self.committed(index, until);
            }
        }
        let graph = self.policy.graph;
        let assets = graph.indices().zip(self.tracks).map(|(index, track)| {
            let asset = graph.asset(index);
            let mut outcome = track.outcome;
            outcome.lags = track.lag.end(from, until);
            if let Some(bound) = asset.freshness.max_lag {
                let limit = u32::try_from(bound.limit.num_seconds()).unwrap_or(u32::MAX);
                let above = i64::try_from(outcome.lags.above(limit)).unwrap_or(i64::MAX);
                outcome.overdue = TimeDelta::try_seconds(above).unwrap_or(TimeDelta::MAX);
            }
            let task = asset.task.as_ref().filter(|_| asset.is_built_here());
            let rate = task.and_then(|task| self.setting.durations.cost_per_hour(&task.task));
            outcome.cost = rate.map(|rate| {
                rate * outcome.run_time.to_std().unwrap_or_default().as_secs_f64() / 3600.0
            });
            outcome
        });
        Outcome {
            from,
            until,
            ticks,
            planned,
            assets: assets.collect(),
            peak: self.peak,
            limited: self.limited,
            asked: self.asked,
        }
    }
}
