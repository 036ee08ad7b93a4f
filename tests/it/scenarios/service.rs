//! The service of a story that runs jobs: tokens, runs, and what becomes of requests.
//!
//! It keeps what the real one promises: a token leads to its one run. When a run ends, the story says.

use std::collections::{BTreeMap, VecDeque};

use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use headwater::execute::CORRELATION;
use headwater::ports::{Job, Jobs, JobsError, Run, RunRequest, RunState};
use headwater::state::RunId;

use super::story::Sending;
use super::world::World;

/// The service.
#[derive(Default)]
pub(super) struct Service {
    /// Every run that it tells of, oldest first.
    pub(super) runs: Vec<Run>,
    /// What becomes of the next requests to start a run.
    pub(super) sendings: VecDeque<Sending>,
    /// It answers nothing.
    pub(super) is_silent: bool,
    tokens: BTreeMap<String, RunId>,
    /// Jobs by name, numbered from 1 as they are asked for.
    jobs: Vec<String>,
    /// How many runs it ever made.
    pub(super) made: i64,
}

impl Service {
    fn job_id(&mut self, reference: &JobReference) -> i64 {
        let name = match reference {
            JobReference::Id(id) => return *id,
            JobReference::Name(name) => name,
        };
        let known = self.jobs.iter().position(|job| job == name);
        let position = known.unwrap_or_else(|| {
            self.jobs.push(name.clone());
            self.jobs.len() - 1
        });
        i64::try_from(position).unwrap() + 1
    }

    /// Starts a run, or finds the one that the token made.
    fn start(&mut self, request: &RunRequest, now: DateTime<Utc>) -> RunId {
        if let Some(run) = self.tokens.get(&request.token) {
            return *run;
        }
        self.made += 1;
        let id = RunId(self.made);
        self.tokens.insert(request.token.clone(), id);
        self.add(id, request.job_id, request.parameters.clone(), now);
        id
    }

    fn add(
        &mut self,
        id: RunId,
        job_id: i64,
        parameters: BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) {
        self.runs.push(Run {
            id,
            job_id,
            state: RunState::Active,
            started_at: now,
            ended_at: None,
            url: None,
            parameters,
        });
    }

    /// A run of somebody else, of which only its commit tells.
    pub(super) fn add_foreign(&mut self, id: i64, started_at: DateTime<Utc>) {
        self.add(RunId(id), 0, BTreeMap::new(), started_at);
        if let Some(run) = self.runs.last_mut() {
            run.state = RunState::Succeeded;
            run.ended_at = Some(started_at);
        }
    }

    fn answer(&self) -> Result<(), JobsError> {
        if self.is_silent {
            Err(JobsError::Unanswered(
                "the service does not answer".to_owned(),
            ))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Jobs for World {
    fn workspace_id(&self) -> Option<String> {
        Some("w1".to_owned())
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        Some(self.get().now)
    }

    fn run_url(&self, _job_id: i64, _run: RunId) -> Option<String> {
        None
    }

    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError> {
        let service = &mut self.get().service;
        service.answer()?;
        let job_id = service.job_id(reference);
        let position = usize::try_from(job_id - 1).unwrap();
        Ok(Job {
            job_id,
            name: service.jobs.get(position).cloned().unwrap_or_default(),
            parameters: vec![CORRELATION.to_owned()],
            other_triggers: Vec::new(),
        })
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        let (fate, started) = {
            let scene = &mut *self.get();
            scene.service.answer()?;
            let fate = scene.service.sendings.pop_front();
            let arrives = matches!(
                fate,
                None | Some(Sending::LosesAnswer | Sending::KillsAfter)
            );
            let started = arrives.then(|| scene.service.start(request, scene.now));
            (fate, started)
        };
        let silence = || JobsError::Unanswered("connection reset".to_owned());
        match fate {
            None => started.ok_or_else(silence),
            Some(Sending::LosesAnswer | Sending::NeverArrives) => Err(silence()),
            Some(Sending::Throttled) => Err(JobsError::RateLimited {
                message: "too many requests".to_owned(),
                retry_after: None,
            }),
            Some(Sending::Refused(message)) => Err(JobsError::Refused(message)),
            // The process that waits here is dead: the player drops it.
            Some(Sending::KillsBefore | Sending::KillsAfter) => std::future::pending().await,
        }
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        let service = &self.get().service;
        service.answer()?;
        let found = service.runs.iter().find(|run| run.id == id);
        found
            .cloned()
            .ok_or_else(|| JobsError::NotFound(format!("there is no run {id}")))
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        let service = &self.get().service;
        service.answer()?;
        let newest_first = service.runs.iter().rev();
        let active = newest_first.filter(|run| run.state == RunState::Active);
        Ok(active.cloned().collect())
    }

    async fn runs_since(&self, job_id: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let mut runs = self.all_runs_since(from).await?;
        runs.retain(|run| run.job_id == job_id);
        Ok(runs)
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let service = &self.get().service;
        service.answer()?;
        let newest_first = service.runs.iter().rev();
        let since = newest_first.filter(|run| run.started_at >= from);
        Ok(since.cloned().collect())
    }

    async fn cancel(&self, id: RunId) -> Result<(), JobsError> {
        let scene = &mut *self.get();
        scene.service.answer()?;
        let run = scene.service.runs.iter_mut().find(|run| run.id == id);
        if let Some(run) = run.filter(|run| run.state == RunState::Active) {
            run.state = RunState::Cancelled {
                message: "cancelled on request".to_owned(),
            };
            run.ended_at = Some(scene.now);
        }
        Ok(())
    }
}
