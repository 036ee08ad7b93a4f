//! A job service in memory that answers at once. A run has written its table and succeeded when
//! `run_now` returns, unless runs are held; then they end together when they are let go.
//!
//! It stops the benchmark if a run is asked for too early, twice or in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use headwater::execute::CORRELATION;
use headwater::ports::{Clock, Job, Jobs, JobsError, Run, RunRequest, RunState};
use headwater::state::RunId;
use lineage::{AssetGraph, AssetIndex};

use crate::lake::Lake;

/// Time that passes only when it is told to.
pub(crate) struct SteppedClock {
    now: Mutex<DateTime<Utc>>,
    started: Instant,
}

impl SteppedClock {
    pub(crate) fn at(now: DateTime<Utc>) -> Self {
        Self {
            now: Mutex::new(now),
            started: Instant::now(),
        }
    }

    pub(crate) fn step(&self, seconds: i64) {
        *self.now.lock().expect("nobody panicked") += TimeDelta::seconds(seconds);
    }
}

#[async_trait]
impl Clock for SteppedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("nobody panicked")
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, _: Duration) {}
}

/// The service, and what it may be asked for.
pub(crate) struct InstantJobs<'a> {
    clock: &'a SteppedClock,
    lake: &'a Lake,
    graph: &'a AssetGraph,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    runs: BTreeMap<RunId, Run>,
    due: BTreeSet<AssetIndex>,
    is_holding: bool,
}

impl<'a> InstantJobs<'a> {
    pub(crate) fn new(clock: &'a SteppedClock, lake: &'a Lake, graph: &'a AssetGraph) -> Self {
        let inner = Mutex::new(Inner::default());
        Self {
            clock,
            lake,
            graph,
            inner,
        }
    }

    /// Allows each of these to be built once, after those among its inputs.
    pub(crate) fn expect(&self, due: BTreeSet<AssetIndex>) {
        self.inner().due = due;
    }

    /// Lets no run end from now on.
    pub(crate) fn hold(&self) {
        self.inner().is_holding = true;
    }

    /// Ends all runs, and those to come at once.
    pub(crate) fn let_go(&self) {
        let mut inner = self.inner();
        inner.is_holding = false;
        let now = self.clock.now();
        for run in inner.runs.values_mut() {
            if run.state == RunState::Active {
                self.end(run, now);
            }
        }
    }

    /// Writes the table of a run and ends it.
    fn end(&self, run: &mut Run, now: DateTime<Utc>) {
        let name = run.parameters.get("table").expect("a run names its table");
        self.lake.append(name, 1, Some(run.id.0), now);
        run.state = RunState::Succeeded;
        run.ended_at = Some(now);
    }

    /// How many of those are not built yet.
    pub(crate) fn due(&self) -> usize {
        self.inner().due.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panicked")
    }
}

#[async_trait]
impl Jobs for InstantJobs<'_> {
    fn workspace_id(&self) -> Option<String> {
        Some("1".to_owned())
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        None
    }

    fn run_url(&self, job_id: i64, run: RunId) -> Option<String> {
        Some(format!("https://localhost/jobs/{job_id}/runs/{run}"))
    }

    async fn job(&self, _: &JobReference) -> Result<Job, JobsError> {
        Ok(Job {
            job_id: 1,
            name: "build".to_owned(),
            parameters: vec![CORRELATION.to_owned(), "table".to_owned()],
            other_triggers: Vec::new(),
        })
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        let mut inner = self.inner();
        let name = request
            .parameters
            .get("table")
            .expect("the task names a table");
        let index = self.graph.index_of(name).expect("it is an asset");
        assert!(inner.due.remove(&index), "{name} is built twice or in vain");
        for input in self.graph.inputs(index) {
            assert!(!inner.due.contains(input), "{name} is built too early");
        }
        let now = self.clock.now();
        let number = i64::try_from(inner.runs.len()).expect("few runs") + 1;
        let mut run = Run {
            id: RunId(number),
            job_id: request.job_id,
            state: RunState::Active,
            started_at: now,
            ended_at: None,
            url: None,
            parameters: request.parameters.clone(),
        };
        if !inner.is_holding {
            self.end(&mut run, now);
        }
        inner.runs.insert(run.id, run);
        Ok(RunId(number))
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        let run = self.inner().runs.get(&id).cloned();
        run.ok_or_else(|| JobsError::NotFound(format!("no run {id}")))
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        let inner = self.inner();
        let runs = inner.runs.values().rev();
        let active = runs.filter(|run| run.state == RunState::Active);
        Ok(active.cloned().collect())
    }

    async fn runs_since(&self, _: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let inner = self.inner();
        let since = inner
            .runs
            .values()
            .rev()
            .filter(|run| run.started_at >= from);
        Ok(since.cloned().collect())
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        self.runs_since(1, from).await
    }

    async fn cancel(&self, _: RunId) -> Result<(), JobsError> {
        Ok(())
    }
}
