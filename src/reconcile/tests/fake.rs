//! A world in memory behind the ports: a clock, tables with logs, a job service with a ledger.
//!
//! The tables answer as the log reader does, commit by commit; the service keeps tokens and runs.
//! Faults are queued one by one. Nothing here decides: tests move the world between passes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use assets::Relation;
use assets::delta::{Commit, KeptChanges, KnownHead, Reading, Unreadable};
use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use workspace::MemoryLog;

use crate::execute::CORRELATION;
use crate::ports::{
    Back, Catalog, Clock, Job, Jobs, JobsError, Question, Random, Run, RunRequest, RunState,
    StatementAnswer, Statements, TableLocation, TableRequest, Tables,
};
use crate::state::{CatalogLocation, RunId};

/// What goes wrong with one request to start a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It takes effect, and its answer is lost.
    LostAnswer,
    /// It never arrives.
    LostRequest,
    /// Its sender gives up, and it arrives after so many seconds all the same.
    Late(i64),
    /// It is answered with this.
    Answer(JobsError),
}

/// A run in the service's ledger.
#[derive(Debug, Clone)]
pub(super) struct LedgerRun {
    pub(super) run: Run,
    pub(super) token: String,
    /// The newest data version of each table when it started.
    pub(super) heads: BTreeMap<String, u64>,
    /// `get` and `list` know it from then on.
    pub(super) visible_from: DateTime<Utc>,
}

/// Something that happens inside the service while a request is under way.
pub(super) type Happening = Box<dyn FnOnce(&mut Shared) + Send>;

/// Everything there is, behind one lock.
pub(super) struct Shared {
    pub(super) now: DateTime<Utc>,
    pub(super) monotonic: Duration,
    /// The service's clock less ours.
    pub(super) offset: TimeDelta,
    /// Whether any answer has told us of its clock yet.
    pub(super) has_told_time: bool,
    pub(super) chance: u128,
    pub(super) logs: BTreeMap<String, MemoryLog>,
    /// What the catalog answers; absent relations are unknown to it.
    pub(super) relations: BTreeMap<String, Option<String>>,
    pub(super) catalog_fault: Option<JobsError>,
    pub(super) catalog_calls: usize,
    pub(super) ledger: Vec<LedgerRun>,
    pub(super) tokens: BTreeMap<String, (RunId, DateTime<Utc>)>,
    /// How long the service remembers a token.
    pub(super) token_memory: TimeDelta,
    /// Whether its jobs declare the correlation parameter.
    pub(super) takes_correlation: bool,
    pub(super) workspace: Option<String>,
    /// What it turns out to be with the first answer, where that was not told before.
    pub(super) untold_workspace: Option<String>,
    pub(super) faults: VecDeque<Fault>,
    pub(super) job_faults: VecDeque<JobsError>,
    pub(super) poll_faults: VecDeque<JobsError>,
    pub(super) during_send: VecDeque<Happening>,
    /// While the answer to a question for one run is on its way.
    pub(super) during_poll: VecDeque<Happening>,
    /// Files of streaming checkpoints, by their paths.
    pub(super) checkpoints: BTreeMap<String, String>,
    /// What is said instead of any of them.
    pub(super) checkpoint_fault: Option<Unreadable>,
    /// How many of them were asked for.
    pub(super) checkpoint_reads: usize,
    /// What the warehouse answers to every question; silence where absent.
    pub(super) warehouse: Option<StatementAnswer>,
    /// What it was asked.
    pub(super) questions: Vec<String>,
    late: Vec<(DateTime<Utc>, RunRequest)>,
    pub(super) calls: Vec<String>,
    /// How late a new run shows up in `get` and `list`.
    pub(super) visible_after: TimeDelta,
    next_run: i64,
    sending: usize,
    /// The most requests to start a run that were ever under way at once.
    pub(super) most_sending: usize,
}

/// Every port at once.
#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<Shared>>);

impl Fake {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            now,
            monotonic: Duration::from_secs(1),
            offset: TimeDelta::zero(),
            has_told_time: true,
            chance: 0,
            logs: BTreeMap::new(),
            relations: BTreeMap::new(),
            catalog_fault: None,
            catalog_calls: 0,
            ledger: Vec::new(),
            tokens: BTreeMap::new(),
            token_memory: TimeDelta::hours(48),
            takes_correlation: true,
            workspace: Some("w1".to_owned()),
            untold_workspace: None,
            faults: VecDeque::new(),
            job_faults: VecDeque::new(),
            poll_faults: VecDeque::new(),
            during_send: VecDeque::new(),
            during_poll: VecDeque::new(),
            checkpoints: BTreeMap::new(),
            checkpoint_fault: None,
            checkpoint_reads: 0,
            warehouse: None,
            questions: Vec::new(),
            late: Vec::new(),
            calls: Vec::new(),
            visible_after: TimeDelta::zero(),
            next_run: 100,
            sending: 0,
            most_sending: 0,
        })))
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap()
    }
}

impl Shared {
    pub(super) fn service_now(&self) -> DateTime<Utc> {
        self.now + self.offset
    }

    pub(super) fn heads(&self) -> BTreeMap<String, u64> {
        let logs = self.logs.iter().filter(|(_, log)| log.exists);
        logs.filter_map(|(name, log)| Some((name.clone(), log.newest_data()?)))
            .collect()
    }

    /// An answer tells the service's time, and which workspace it is.
    fn tell(&mut self) {
        self.has_told_time = true;
        self.workspace = self.untold_workspace.take().or(self.workspace.take());
    }

    pub(super) fn start(&mut self, request: &RunRequest) -> RunId {
        let now = self.service_now();
        let remembered = self.tokens.get(&request.token);
        if let Some((run, since)) = remembered
            && now - *since < self.token_memory
        {
            return *run;
        }
        let id = RunId(self.next_run);
        self.next_run += 1;
        self.tokens.insert(request.token.clone(), (id, now));
        self.ledger.push(LedgerRun {
            run: Run {
                id,
                job_id: request.job_id,
                state: RunState::Active,
                started_at: now,
                ended_at: None,
                url: None,
                parameters: request.parameters.clone(),
            },
            token: request.token.clone(),
            heads: self.heads(),
            visible_from: now + self.visible_after,
        });
        id
    }

    /// Requests that were under way arrive, as of when they do.
    pub(super) fn arrive(&mut self) {
        let now = self.now;
        let due = self.late.extract_if(.., |(at, _)| *at <= now);
        for (at, request) in due.collect::<Vec<_>>() {
            self.now = at;
            self.start(&request);
            self.now = now;
        }
    }

    /// Our clock jumped: what is under way arrives when it would have.
    pub(super) fn delay_late(&mut self, jump: TimeDelta) {
        for (at, _) in &mut self.late {
            *at += jump;
        }
    }

    pub(super) fn run(&mut self, id: RunId) -> Option<&mut LedgerRun> {
        self.ledger.iter_mut().find(|found| found.run.id == id)
    }

    fn visible(&self) -> impl Iterator<Item = &Run> {
        let now = self.service_now();
        let runs = self.ledger.iter().rev();
        runs.filter(move |found| found.visible_from <= now)
            .map(|found| &found.run)
    }
}

#[async_trait]
impl Clock for Fake {
    fn now(&self) -> DateTime<Utc> {
        self.get().now
    }

    fn monotonic(&self) -> Duration {
        self.get().monotonic
    }

    async fn sleep(&self, duration: Duration) {
        let mut shared = self.get();
        shared.monotonic += duration;
        shared.now += TimeDelta::from_std(duration).unwrap();
    }
}

impl Random for Fake {
    fn bits(&self) -> u128 {
        let mut shared = self.get();
        shared.chance += 1;
        shared.chance
    }
}

#[async_trait]
impl Tables for Fake {
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading> {
        let shared = self.get();
        let read = |request: TableRequest| match shared.logs.get(&request.location.path) {
            Some(log) => log.read(request.known.as_deref()),
            None => Reading::Absent,
        };
        requests.into_iter().map(read).collect()
    }

    async fn commits_back_to(
        &self,
        location: &TableLocation,
        back: Back,
    ) -> Result<Vec<Commit>, Unreadable> {
        let shared = self.get();
        let log = shared.logs.get(&location.path);
        if let Some(problem) = log.and_then(|log| log.problem.as_ref()) {
            return Err(problem.clone());
        }
        let commits = log.map(|log| log.back_to(back.to)).unwrap_or_default();
        Ok(commits.into_iter().take(back.at_most).collect())
    }

    async fn kept_changes(
        &self,
        location: &TableLocation,
        head: &KnownHead,
        asked: u64,
    ) -> Result<KeptChanges, Unreadable> {
        let shared = self.get();
        let log = shared.logs.get(&location.path);
        log.map_or_else(
            || Err(MemoryLog::gone(head)),
            |log| log.kept_changes(head, asked),
        )
    }

    async fn checkpoint_file(
        &self,
        folder: &TableLocation,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut shared = self.get();
        let path = format!("{}/{name}", folder.path);
        shared.checkpoint_reads += 1;
        if let Some(problem) = &shared.checkpoint_fault {
            return Err(problem.clone());
        }
        Ok(shared
            .checkpoints
            .get(&path)
            .cloned()
            .map(String::into_bytes))
    }
}

#[async_trait]
impl Catalog for Fake {
    async fn locate(&self, relation: &Relation) -> Result<CatalogLocation, JobsError> {
        let mut shared = self.get();
        shared.catalog_calls += 1;
        if let Some(error) = &shared.catalog_fault {
            return Err(error.clone());
        }
        let found = shared.relations.get(&relation.to_string());
        Ok(CatalogLocation {
            storage_location: found.cloned().flatten(),
            exists: found.is_some(),
            looked_up_at: shared.now,
        })
    }
}

#[async_trait]
impl Jobs for Fake {
    fn workspace_id(&self) -> Option<String> {
        self.get().workspace.clone()
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        let shared = self.get();
        shared.has_told_time.then(|| shared.service_now())
    }

    fn run_url(&self, _job_id: i64, _run: RunId) -> Option<String> {
        None
    }

    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError> {
        let mut shared = self.get();
        shared.calls.push(format!("job {reference}"));
        let fault = shared.job_faults.pop_front();
        if !matches!(fault, Some(JobsError::Unanswered(_))) {
            shared.tell();
        }
        if let Some(error) = fault {
            return Err(error);
        }
        let JobReference::Id(job_id) = *reference else {
            return Err(JobsError::NotFound(format!("no {reference}")));
        };
        let parameters = shared.takes_correlation.then(|| CORRELATION.to_owned());
        Ok(Job {
            job_id,
            name: format!("job-{job_id}"),
            parameters: parameters.into_iter().collect(),
            other_triggers: Vec::new(),
        })
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        {
            let mut shared = self.get();
            shared.sending += 1;
            shared.most_sending = shared.most_sending.max(shared.sending);
        }
        // Others get their turn while a request is under way.
        tokio::task::yield_now().await;
        let answer = {
            let mut shared = self.get();
            shared.calls.push(format!("run_now {}", request.job_id));
            let fault = shared.faults.pop_front();
            let answer = match fault {
                Some(Fault::LostRequest) => Err(JobsError::Unanswered("timed out".to_owned())),
                Some(Fault::Late(seconds)) => {
                    let at = shared.now + TimeDelta::seconds(seconds);
                    shared.late.push((at, request.clone()));
                    Err(JobsError::Unanswered("timed out".to_owned()))
                }
                Some(Fault::Answer(error)) => Err(error),
                Some(Fault::LostAnswer) => {
                    shared.start(request);
                    Err(JobsError::Unanswered("connection reset".to_owned()))
                }
                None => Ok(shared.start(request)),
            };
            if let Some(happening) = shared.during_send.pop_front() {
                happening(&mut shared);
            }
            answer
        };
        tokio::task::yield_now().await;
        self.get().sending -= 1;
        answer
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        let mut shared = self.get();
        shared.calls.push(format!("run {id}"));
        if let Some(error) = shared.poll_faults.pop_front() {
            return Err(error);
        }
        let found = shared.visible().find(|run| run.id == id).cloned();
        if let Some(happening) = shared.during_poll.pop_front() {
            happening(&mut shared);
        }
        found.ok_or_else(|| JobsError::NotFound(format!("no run {id}")))
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        let mut shared = self.get();
        shared.calls.push("active_runs".to_owned());
        if let Some(error) = shared.poll_faults.pop_front() {
            return Err(error);
        }
        let active = shared.visible().filter(|run| run.state == RunState::Active);
        Ok(active.cloned().collect())
    }

    async fn runs_since(&self, job_id: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let mut shared = self.get();
        shared.calls.push(format!("runs_since {job_id}"));
        shared.has_told_time = true;
        if let Some(error) = shared.poll_faults.pop_front() {
            return Err(error);
        }
        let mine = |run: &&Run| run.job_id == job_id && run.started_at >= from;
        Ok(shared.visible().filter(mine).cloned().collect())
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let mut shared = self.get();
        shared.calls.push("all_runs_since".to_owned());
        shared.has_told_time = true;
        if let Some(error) = shared.poll_faults.pop_front() {
            return Err(error);
        }
        let since = shared.visible().filter(|run| run.started_at >= from);
        Ok(since.cloned().collect())
    }

    async fn cancel(&self, id: RunId) -> Result<(), JobsError> {
        let mut shared = self.get();
        shared.calls.push(format!("cancel {id}"));
        Ok(())
    }
}

#[async_trait]
impl Statements for Fake {
    async fn ask(
        &self,
        question: &Question,
        _patience: Duration,
    ) -> Result<StatementAnswer, JobsError> {
        let mut shared = self.get();
        shared.questions.push(question.statement.clone());
        let silence = || JobsError::Unanswered("the warehouse does not answer".to_owned());
        shared.warehouse.clone().ok_or_else(silence)
    }
}
