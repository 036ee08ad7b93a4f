//! Runs of jobs: start, look at, list, cancel.
//!
//! [`Workspace::run_now`] and [`Workspace::cancel_run`] are sent once; repeating them is the
//! trigger protocol's decision. Lists are complete or an error: a list that may lack a run must
//! never pass for the proof that there is none.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::databricks::answer::null_as_default;
use crate::databricks::error::{Answer, ApiError};
use crate::databricks::ids::{JobId, RunId};
use crate::databricks::run_status::{RunStatus, WireRun};
use crate::databricks::workspace::Workspace;

const RUN_NOW: &str = "/api/2.2/jobs/run-now";
const RUNS_GET: &str = "/api/2.2/jobs/runs/get";
const RUNS_LIST: &str = "/api/2.2/jobs/runs/list";
const RUNS_CANCEL: &str = "/api/2.2/jobs/runs/cancel";

/// Runs per page: the documentation says "less than 25" in one place and 25 in another.
const PAGE_SIZE: &str = "24";

/// The most pages of one list: 48,000 runs, more than a day of the largest workspace we plan for.
pub(super) const MAX_PAGES: usize = 2_000;

/// The longest idempotency token that the service takes, in characters.
const LONGEST_TOKEN: usize = 64;

/// What run-now is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// The job.
    pub job_id: JobId,
    /// The idempotency token of this attempt, 1 to 64 printable ASCII characters: the same token
    /// gives the same run, whatever has become of it.
    pub token: String,
    /// Values of job parameters.
    pub job_parameters: BTreeMap<String, String>,
    /// Run only the task with this key.
    pub only: Option<String>,
    /// Wait in the job's queue where it is busy. Without, a busy job answers with a run that is
    /// skipped at once, and the token is used up.
    pub queue: bool,
}

/// Which runs are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this job.
    pub job_id: Option<JobId>,
    /// Only those that are not over.
    pub active_only: bool,
    /// Only those created at or after this instant.
    pub started_from: Option<DateTime<Utc>>,
}

impl Workspace {
    /// Starts a run of a job, or finds the run that the token started before.
    ///
    /// Sent once, never repeated here.
    pub async fn run_now(&self, request: &RunRequest) -> Result<RunId, ApiError> {
        self.check(request)?;
        let mut body = json!({
            "job_id": request.job_id,
            "idempotency_token": request.token,
            "queue": { "enabled": request.queue },
        });
        if let Some(fields) = body.as_object_mut() {
            // Legacy parameters and these do not mix: nothing is sent where there are none.
            if !request.job_parameters.is_empty() {
                fields.insert("job_parameters".into(), json!(request.job_parameters));
            }
            if let Some(task_key) = &request.only {
                fields.insert("only".into(), json!([task_key]));
            }
        }
        let started: RunStarted = self.post(RUN_NOW, body).await?.read()?;
        Ok(started.run_id)
    }

    fn check(&self, request: &RunRequest) -> Result<(), ApiError> {
        let is_token = (1..=LONGEST_TOKEN).contains(&request.token.len())
            && request.token.chars().all(|c| c.is_ascii_graphic());
        // In `only`, a `+` before or after a key would pull in its neighbours.
        let is_key = |key: &str| {
            (1..=100).contains(&key.len())
                && key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        let reason = if !is_token {
            "an idempotency token has 1 to 64 printable ASCII characters".to_owned()
        } else if let Some(key) = request.only.as_deref().filter(|key| !is_key(key)) {
            format!("`{key}` is not a task key (1 to 100 letters, digits, `_` and `-`)")
        } else if request
            .job_parameters
            .keys()
            .any(|name| name.trim().is_empty())
        {
            "a job parameter has no name".to_owned()
        } else {
            return Ok(());
        };
        Err(ApiError::Unsent {
            call: self.call("POST", RUN_NOW),
            reason,
        })
    }

    /// Reads a run with all its tasks.
    ///
    /// [`ApiError::NotFound`] means that it was deleted or that its history expired (60 days).
    pub async fn get_run(&self, run_id: RunId) -> Result<RunStatus, ApiError> {
        let mut pages = Pages::default();
        let mut run: Option<WireRun> = None;
        loop {
            let mut url = self.url(RUNS_GET);
            url.query_pairs_mut()
                .append_pair("run_id", &run_id.to_string());
            pages.add_token(&mut url);
            let mut page: WireRun = self.get(RUNS_GET, url).await?;
            if page.run_id != run_id {
                let what = format!("run {} instead of run {run_id}", page.run_id);
                return Err(self.bad_answer(RUNS_GET, what));
            }
            let next = page.next_page_token.take();
            // The first page has the run itself; the later ones only more of its tasks.
            if let Some(run) = &mut run {
                run.tasks.append(&mut page.tasks);
            }
            let whole = run.get_or_insert(page);
            if !pages
                .turn(next, false)
                .map_err(|what| self.bad_answer(RUNS_GET, what))?
            {
                whole.next_page_token = None;
                break;
            }
        }
        run.map(RunStatus::from)
            .ok_or_else(|| self.bad_answer(RUNS_GET, "no run".into()))
    }

    /// Lists runs, newest first, each once, without their tasks.
    ///
    /// A run that was just created may be missing for a while.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunStatus>, ApiError> {
        let mut pages = Pages::default();
        let mut runs: BTreeMap<RunId, RunStatus> = BTreeMap::new();
        loop {
            let mut url = self.url(RUNS_LIST);
            {
                let mut query = url.query_pairs_mut();
                query.append_pair("limit", PAGE_SIZE);
                if let Some(job_id) = filter.job_id {
                    query.append_pair("job_id", &job_id.to_string());
                }
                if filter.active_only {
                    query.append_pair("active_only", "true");
                }
                if let Some(from) = filter.started_from {
                    query.append_pair("start_time_from", &from.timestamp_millis().to_string());
                }
            }
            pages.add_token(&mut url);
            let page: RunPage = self.get(RUNS_LIST, url).await?;
            // A list that grows while it is read shows runs twice; the later look is the newer one.
            for run in page.runs {
                runs.insert(run.run_id, run);
            }
            let next = page.next_page_token;
            if !pages
                .turn(next, page.has_more)
                .map_err(|what| self.bad_answer(RUNS_LIST, what))?
            {
                break;
            }
        }
        let mut runs: Vec<_> = runs.into_values().collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.run_id)));
        Ok(runs)
    }

    /// Asks for a run to be stopped; it is over only when [`Workspace::get_run`] says so.
    ///
    /// Harmless to repeat: a run that is over stays as it is.
    pub async fn cancel_run(&self, run_id: RunId) -> Result<(), ApiError> {
        self.post(RUNS_CANCEL, json!({ "run_id": run_id }))
            .await
            .map(drop)
    }

    /// Makes the error of a well-formed answer that cannot be right.
    pub(super) fn bad_answer(&self, path: &'static str, what: String) -> ApiError {
        ApiError::Transient {
            call: self.call("GET", path),
            answer: Box::new(Answer {
                status: 200,
                message: what,
                ..Answer::default()
            }),
            retry_after: None,
        }
    }
}

/// Where we are in a list that comes in pages.
///
/// Only a missing token ends a list: a page may be empty and still have one.
#[derive(Debug, Default)]
pub(super) struct Pages {
    next: Option<String>,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Asks for the page that is due.
    pub(super) fn add_token(&self, url: &mut reqwest::Url) {
        if let Some(token) = &self.next {
            url.query_pairs_mut().append_pair("page_token", token);
        }
    }

    /// Takes the token of the next page; says whether there is one, or what is wrong with it.
    ///
    /// A list that says of itself that there is more, and not where, is not complete.
    pub(super) fn turn(&mut self, token: Option<String>, has_more: bool) -> Result<bool, String> {
        self.next = token.filter(|token| !token.is_empty());
        let Some(token) = &self.next else {
            if has_more {
                return Err("the list says that it goes on, and not where".into());
            }
            return Ok(false);
        };
        if !self.seen.insert(token.clone()) {
            return Err(format!(
                "the list repeats a page after {} pages, so it is not complete",
                self.seen.len()
            ));
        }
        if self.seen.len() >= MAX_PAGES {
            return Err(format!("the list does not end within {MAX_PAGES} pages"));
        }
        Ok(true)
    }
}

/// What run-now answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunStarted {
    /// The run that was started, now or before with the same token.
    pub run_id: RunId,
}

/// One page of what runs/list answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunPage {
    /// The runs of this page, without their tasks.
    #[serde(default, deserialize_with = "null_as_default")]
    pub runs: Vec<RunStatus>,
    /// Whether runs are left that this page does not have.
    #[serde(default, deserialize_with = "null_as_default")]
    pub has_more: bool,
    /// Asks for the next page; there is none where it is absent or empty.
    #[serde(default)]
    pub next_page_token: Option<String>,
}
