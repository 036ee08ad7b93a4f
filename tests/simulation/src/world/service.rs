//! The service that runs jobs: tokens, runs, and what its answers leave out.
//!
//! It keeps what the documents promise and nothing more: a token leads to its run as long as it is
//! remembered, a request takes effect within minutes or never, and lists lag behind.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use headwater::execute::CORRELATION;
use headwater::ports::{JobsError, Run, RunRequest, RunState};
use headwater::state::RunId;

use super::lake::Reads;

/// How far a run has got with its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has read nothing yet.
    Started,
    /// It has read its inputs, at that time.
    Read(Reads, DateTime<Utc>),
    /// It has committed what came of them.
    Wrote,
}

/// A run in the ledger. Nothing is ever taken out.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRun {
    pub(crate) run: Run,
    /// The position of the asset that its job builds.
    pub(crate) asset: usize,
    pub(crate) phase: Phase,
    /// It is not told of before.
    pub(crate) visible_from: DateTime<Utc>,
    /// A person deleted it.
    pub(crate) is_deleted: bool,
    /// The service no longer tells of it.
    pub(crate) is_forgotten: bool,
    /// It goes on until somebody cancels it.
    pub(crate) hangs: bool,
    pub(crate) is_cancelling: bool,
}

impl LedgerRun {
    pub(crate) fn is_active(&self) -> bool {
        self.run.state == RunState::Active
    }

    pub(crate) fn correlation(&self) -> Option<&str> {
        self.run.parameters.get(CORRELATION).map(String::as_str)
    }

    pub(crate) fn end(&mut self, state: RunState, at: DateTime<Utc>) {
        self.run.state = state;
        self.run.ended_at = Some(at);
    }
}

/// The service.
#[derive(Default)]
pub(crate) struct Service {
    pub(crate) runs: Vec<LedgerRun>,
    tokens: BTreeMap<String, (RunId, DateTime<Utc>)>,
    late: Vec<(DateTime<Utc>, RunRequest)>,
    first_left: BTreeMap<String, DateTime<Utc>>,
    /// How late a run shows up.
    pub(crate) shows_after: Option<TimeDelta>,
}

/// What came of a request that arrived.
pub(crate) enum Started {
    New(RunId),
    Known(RunId),
}

impl Service {
    /// Makes a service whose new runs show up this late.
    pub(crate) fn showing_after(shows_after: Option<TimeDelta>) -> Self {
        Self {
            shows_after,
            ..Self::default()
        }
    }

    /// A request takes effect now. `memory` is how long tokens are remembered.
    pub(crate) fn arrive(
        &mut self,
        request: &RunRequest,
        asset: usize,
        now: DateTime<Utc>,
        memory: TimeDelta,
    ) -> Result<Started, JobsError> {
        let remembered = self.tokens.get(&request.token);
        if let Some((run, since)) = remembered
            && now - *since < memory
        {
            let run = *run;
            let is_deleted = self.get(run).is_some_and(|found| found.is_deleted);
            return if is_deleted {
                let message = format!("run {run} of this token was deleted");
                Err(JobsError::TokenRunDeleted(message))
            } else {
                Ok(Started::Known(run))
            };
        }
        let id = RunId(100 + i64::try_from(self.runs.len()).unwrap());
        self.tokens.insert(request.token.clone(), (id, now));
        self.runs.push(LedgerRun {
            run: Run {
                id,
                job_id: request.job_id,
                state: RunState::Active,
                started_at: now,
                ended_at: None,
                url: None,
                parameters: request.parameters.clone(),
            },
            asset,
            phase: Phase::Started,
            visible_from: now + self.shows_after.unwrap_or_default(),
            is_deleted: false,
            is_forgotten: false,
            hangs: false,
            is_cancelling: false,
        });
        Ok(Started::New(id))
    }

    /// A request is under way until then.
    pub(crate) fn delay(&mut self, until: DateTime<Utc>, request: RunRequest) {
        self.late.push((until, request));
    }

    /// Takes the requests that are due, the earliest first.
    pub(crate) fn due(&mut self, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, RunRequest)> {
        if self.late.is_empty() {
            return Vec::new();
        }
        let mut due: Vec<_> = self.late.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due
    }

    /// How long ago a token left for the first time; notes that it leaves now.
    pub(crate) fn leaves(&mut self, token: &str, now: DateTime<Utc>) -> TimeDelta {
        let first = self.first_left.entry(token.to_owned()).or_insert(now);
        now - *first
    }

    pub(crate) fn get(&self, id: RunId) -> Option<&LedgerRun> {
        let at = usize::try_from(id.0.checked_sub(100)?).ok()?;
        self.runs.get(at)
    }

    pub(crate) fn get_mut(&mut self, id: RunId) -> Option<&mut LedgerRun> {
        let at = usize::try_from(id.0.checked_sub(100)?).ok()?;
        self.runs.get_mut(at)
    }

    /// What it tells of, newest first.
    pub(crate) fn told(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Run> {
        let is_told = move |found: &&LedgerRun| {
            found.visible_from <= now && !found.is_deleted && !found.is_forgotten
        };
        self.runs
            .iter()
            .rev()
            .filter(is_told)
            .map(|found| &found.run)
    }

    /// The runs that have not ended, by their position in the ledger.
    pub(crate) fn active(&self) -> Vec<usize> {
        let runs = self.runs.iter().enumerate();
        runs.filter(|(_, run)| run.is_active())
            .map(|(at, _)| at)
            .collect()
    }
}
