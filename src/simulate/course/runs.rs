//! Attempts of runs: how they begin, how they end, when they are tried again.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::version::{PassNumber, TableVersion};
use chrono::{DateTime, TimeDelta, Utc};

use super::super::chance::named;
use super::super::durations::ASSUMED_DURATION;
use super::super::events::Event;
use super::super::transition::{intend, settle};
use super::{Course, Running};
use crate::execute::{RunVerdict, settlement};
use crate::plan::{A_DAY, Plan};
use crate::state::{IntentId, IntentState, StartedRun};

impl Course<'_> {
    /// Attempts whose backoff is over.
    pub(super) fn retries(&self, now: DateTime<Utc>) -> Vec<IntentId> {
        let open = self.memory.open_intents.values();
        let is_over = |at: Option<DateTime<Utc>>| at.is_none_or(|at| at <= now);
        open.filter(|intent| intent.state == IntentState::Pending && is_over(intent.not_before))
            .map(|intent| intent.id.clone())
            .collect()
    }

    pub(super) fn settle_all(
        &mut self,
        mut ended: Vec<(Running, DateTime<Utc>)>,
        now: DateTime<Utc>,
    ) {
        ended.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        for (running, at) in ended {
            let Some(intent) = self.memory.open_intents.get(&running.id) else {
                continue;
            };
            let assets = intent.assets.clone();
            let produced = assets.iter().map(|asset| {
                let commits = self.memory.commits.get(asset);
                let newest = commits.and_then(|commits| commits.last());
                (asset.clone(), newest.map(|commit| commit.version.clone()))
            });
            let produced: BTreeMap<AssetKey, Option<TableVersion>> = produced.collect();
            let is_success = running.verdict == RunVerdict::Succeeded;
            let jitter = assets.first().and_then(|asset| {
                let index = self.policy.graph.index_of(asset.as_str())?;
                let track = self.tracks.get(index.position())?;
                let course = track.course.as_ref()?;
                Some(course.backoff(self.setting.seed, track.attempts))
            });
            let settled = settlement(
                ("", ""),
                intent,
                running.verdict,
                (at, now),
                produced,
                jitter.unwrap_or(1.0),
            );
            let took = intent.first_sent_at.map(|sent| at - sent);
            let is_closed = settle(&mut self.memory, &running.id, &settled, took);
            if !is_closed {
                self.count_start(&running.id, now);
            }
            if !is_closed
                && let Some(at) = self
                    .memory
                    .open_intents
                    .get(&running.id)
                    .and_then(|i| i.not_before)
            {
                self.events.add(at, Event::Wake);
            }
            for asset in &assets {
                let Some(index) = self.policy.graph.index_of(asset.as_str()) else {
                    continue;
                };
                self.attention.note(index);
                if let Some(track) = self.tracks.get_mut(index.position()) {
                    track.outcome.run_time += at - running.began.max(self.setting.from);
                    track.caught_up = Some(at).filter(|_| is_success);
                    track.outcome.failed += u64::from(!is_success);
                    track.outcome.exhausted += u64::from(!is_success && is_closed);
                    track.open = track.open.take().filter(|_| !is_closed);
                }
            }
        }
    }

    pub(super) fn intend_all(&mut self, plan: &Plan, pass: PassNumber, now: DateTime<Utc>) {
        for request in &plan.requests {
            let index = self.policy.graph.index_of(request.asset.as_str());
            let (Some(index), Some(task)) = (index, self.policy.tasks.get(&request.task)) else {
                continue;
            };
            let asset = self.policy.graph.asset(index);
            self.next_intent += 1;
            let made = (self.next_intent, pass, now);
            let id = intend(&mut self.memory, request, (asset, task), made);
            if let Some(track) = self.tracks.get_mut(index.position()) {
                track.open = Some(id.clone());
            }
            self.attention.note(index);
            self.count_start(&id, now);
            self.start(&id, now, false);
        }
    }

    /// Counts an attempt against the budgets of its day: when it is written down, as the state does.
    fn count_start(&mut self, id: &IntentId, now: DateTime<Utc>) {
        if self.limits.max_runs_per_day.is_empty() {
            return;
        }
        if let Some(intent) = self.memory.open_intents.get(id) {
            self.memory.started.push(StartedRun {
                at: now,
                assets: intent.assets.clone(),
                pool: intent.pool.clone(),
                is_for_backfill: intent.backfill.is_some(),
            });
        }
    }

    /// Forgets what no budget looks back on any more.
    pub(super) fn forget_starts(&mut self, now: DateTime<Utc>) {
        let started = &mut self.memory.started;
        let old = started.partition_point(|run| run.at <= now - A_DAY);
        started.drain(..old);
    }

    /// Starts an attempt. One that was under way at the beginning ends a moment after it at the earliest.
    pub(super) fn start(&mut self, id: &IntentId, began: DateTime<Utc>, was_under_way: bool) {
        let Some(intent) = self.memory.open_intents.get_mut(id) else {
            return;
        };
        intent.state = IntentState::Running;
        intent.first_sent_at = Some(began);
        let timeout = intent.timeout_seconds.map(TimeDelta::seconds);
        let Some(asset) = intent.assets.first().cloned() else {
            return;
        };
        let (seed, from, every) = (self.setting.seed, self.setting.from, self.setting.every);
        let Some(track) = self.track_of(&asset) else {
            return;
        };
        track.attempts += 1;
        track.outcome.runs += u64::from(!was_under_way);
        let drawn = track
            .course
            .as_ref()
            .map(|course| course.attempt(seed, track.attempts));
        let (took, fails) = drawn.unwrap_or((ASSUMED_DURATION, false));
        let mut verdict = if fails {
            failed("RUN_EXECUTION_ERROR")
        } else {
            RunVerdict::Succeeded
        };
        let mut end = began + took;
        if let Some(timeout) = timeout.filter(|timeout| took > *timeout) {
            // The pass after it cancels the run.
            end = began + timeout + every;
            verdict = failed("timed_out");
        }
        if was_under_way {
            end = end.max(from + TimeDelta::seconds(1));
        }
        let number = number_of(id);
        self.events.add(end, Event::End(number));
        let running = Running {
            id: id.clone(),
            began,
            verdict,
        };
        self.running.insert(number, running);
        self.peak = self.peak.max(self.running.len());
    }
}

/// The number by which events name an intent; those of the state get the highest.
fn number_of(id: &IntentId) -> u64 {
    let own =
        id.0.strip_prefix('~')
            .and_then(|number| number.parse().ok());
    own.unwrap_or_else(|| u64::MAX - named(&id.0) / 2)
}

fn failed(code: &str) -> RunVerdict {
    RunVerdict::Failed {
        code: code.to_owned(),
        message: String::new(),
        is_transient: true,
    }
}
