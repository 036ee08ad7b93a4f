//! The jobs of a workspace, as the loop wants them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::jobs_error;
use crate::databricks::{
    ApiError, FailureClass, FindJobError, JobId, RunFilter, RunId as WireRunId,
    RunRequest as WireRunRequest, RunState as WireRunState, RunStatus, Workspace,
};
use crate::ports::{Clock, Job, Jobs, JobsError, Run, RunRequest, RunState};
use crate::state::RunId;

/// How long a job's settings are believed: a renamed or recreated job is noticed after this.
const JOB_LIFETIME: Duration = Duration::from_mins(5);

/// The jobs of a workspace.
pub struct WorkspaceJobs {
    workspace: Workspace,
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<JobReference, (Duration, Job)>>,
}

impl WorkspaceJobs {
    /// Speaks through a workspace client.
    pub fn new(workspace: Workspace, clock: Arc<dyn Clock>) -> Self {
        Self {
            workspace,
            clock,
            known: Mutex::default(),
        }
    }

    fn remembered(&self, reference: &JobReference) -> Option<Job> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (found_at, job) = known.get(reference)?;
        (self.clock.monotonic().saturating_sub(*found_at) < JOB_LIFETIME).then(|| job.clone())
    }
}

#[async_trait]
impl Jobs for WorkspaceJobs {
    fn workspace_id(&self) -> Option<String> {
        self.workspace.workspace_id()
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        self.workspace.server_now()
    }

    fn run_url(&self, job_id: i64, run: RunId) -> Option<String> {
        let host = self.workspace.host().to_string();
        Some(format!(
            "{}/jobs/{job_id}/runs/{run}",
            host.trim_end_matches('/')
        ))
    }

    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError> {
        if let Some(job) = self.remembered(reference) {
            return Ok(job);
        }
        let found = self
            .workspace
            .find_job(reference)
            .await
            .map_err(|error| match &error {
                FindJobError::Api(api) => jobs_error(api),
                FindJobError::NoneNamed { .. } | FindJobError::SeveralNamed { .. } => {
                    JobsError::NotFound(format!("{error}; {}", error.hint()))
                }
            })?;
        let triggers = found
            .own_triggers
            .iter()
            .filter(|trigger| !trigger.is_paused);
        let job = Job {
            job_id: found.job_id.get(),
            name: found.name.clone(),
            parameters: found.parameters.keys().cloned().collect(),
            other_triggers: triggers.map(|trigger| trigger.setting.to_owned()).collect(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(reference.clone(), (self.clock.monotonic(), job.clone()));
        Ok(job)
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        let wire = WireRunRequest {
            job_id: job_id(request.job_id)?,
            token: request.token.clone(),
            job_parameters: request.parameters.clone(),
            only: request.task_key.clone(),
            queue: true,
        };
        match self.workspace.run_now(&wire).await {
            Ok(run) => Ok(RunId(run.get())),
            Err(error) if is_deleted_run(&error) => {
                Err(JobsError::TokenRunDeleted(error.to_string()))
            }
            Err(error) => Err(jobs_error(&error)),
        }
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        let status = self.workspace.get_run(run_id(id)?).await;
        status.map(run).map_err(|error| jobs_error(&error))
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        let filter = RunFilter {
            active_only: true,
            ..RunFilter::default()
        };
        let runs = self.workspace.list_runs(&filter).await;
        runs.map(|runs| runs.into_iter().map(run).collect())
            .map_err(|error| jobs_error(&error))
    }

    async fn runs_since(&self, job: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let filter = RunFilter {
            job_id: Some(job_id(job)?),
            active_only: false,
            started_from: Some(from),
        };
        let runs = self.workspace.list_runs(&filter).await;
        runs.map(|runs| runs.into_iter().map(run).collect())
            .map_err(|error| jobs_error(&error))
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        let filter = RunFilter {
            started_from: Some(from),
            ..RunFilter::default()
        };
        let runs = self.workspace.list_runs(&filter).await;
        runs.map(|runs| runs.into_iter().map(run).collect())
            .map_err(|error| jobs_error(&error))
    }

    async fn cancel(&self, id: RunId) -> Result<(), JobsError> {
        self.workspace
            .cancel_run(run_id(id)?)
            .await
            .map_err(|error| jobs_error(&error))
    }
}

fn job_id(id: i64) -> Result<JobId, JobsError> {
    JobId::new(id).ok_or_else(|| JobsError::Refused(format!("{id} is not a job id")))
}

fn run_id(id: RunId) -> Result<WireRunId, JobsError> {
    WireRunId::new(id.0).ok_or_else(|| JobsError::Refused(format!("{id} is not a run id")))
}

/// The service refuses a token whose run was deleted; its documents name no error code for that,
/// only that it is an error. Source: databricks-sdk-py 0.156.0, `jobs.py`, `run_now`.
fn is_deleted_run(error: &ApiError) -> bool {
    matches!(error, ApiError::Invalid { .. } | ApiError::NotFound { .. })
        && error
            .answer()
            .is_some_and(|answer| answer.message.to_lowercase().contains("deleted"))
}

fn run(status: RunStatus) -> Run {
    Run {
        id: RunId(status.run_id.get()),
        job_id: status.job_id.map_or(0, JobId::get),
        state: run_state(status.state),
        started_at: status.started_at.unwrap_or_default(),
        ended_at: status.ended_at,
        url: status.url,
        parameters: status.job_parameters,
    }
}

fn run_state(state: WireRunState) -> RunState {
    match state {
        WireRunState::Active { word, is_known } => {
            if !is_known {
                tracing::warn!(
                    state = word,
                    "run in a state that is not known; taken as active"
                );
            }
            RunState::Active
        }
        WireRunState::Succeeded => RunState::Succeeded,
        WireRunState::SucceededWithFailures => RunState::Failed {
            code: "SUCCESS_WITH_FAILURES".to_owned(),
            message: "some of its tasks failed".to_owned(),
            is_transient: false,
        },
        WireRunState::Failed {
            class,
            code,
            message,
        } => RunState::Failed {
            code,
            message,
            // Failures of the task's own code are the asset's policy to retry.
            is_transient: class != FailureClass::Permanent,
        },
        WireRunState::Cancelled { message, .. } => RunState::Cancelled { message },
        WireRunState::Skipped { code, message } => RunState::Failed {
            code,
            message,
            is_transient: true,
        },
    }
}
