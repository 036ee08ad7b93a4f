//! Stamp, send, record: the three steps that start a run.

use std::collections::BTreeMap;
use std::time::Duration;

use assets::task::JobReference;

use super::token::{CORRELATION, correlation};
use super::{Hands, Windows};
use crate::ports::{Job, JobsError, RunRequest, StateError};
use crate::state::{Intent, Lease, Outcome, RunId, Settlement};

/// What came of trying to start a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The run is known and recorded.
    Started(RunId),
    /// No definite answer: the attempt stays open, and the same token is sent again later.
    Unanswered(String),
    /// The service asks for patience: the attempt stays open.
    RateLimited {
        /// What it said.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// Our credentials are not accepted: the attempt stays open, nothing more should be sent.
    Unauthenticated {
        /// What it said.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// The service refused for good: the intent is closed as failed.
    Refused {
        /// A stable word.
        code: &'static str,
        /// What it said, with what to do about it.
        message: String,
    },
    /// Somebody else moved the intent on, or our permit ran out: nothing was sent.
    Overtaken,
}

/// Starts the run of an intent's current attempt, whichever of the steps it stands at.
///
/// The intent must be `pending` or `sending`, and within the horizon: [`adopt`](super::adopt())
/// sees to that.
pub async fn send(
    hands: Hands<'_>,
    lease: &Lease,
    windows: Windows,
    intent: &Intent,
) -> Result<Sent, StateError> {
    // Found before the stamp: it may take long, and tells the service's time.
    let job = match hands.jobs.job(&intent.job).await {
        Ok(job) => job,
        Err(error) => return refuse_or_wait(hands, intent, error),
    };
    let now = hands.clock.now();
    let permit_from = hands.clock.monotonic();
    let service_time = hands.service_now();
    // The decision to send again may be old: this process may have slept since.
    let is_remembered = intent
        .first_sent_at
        .is_none_or(|first| windows.is_remembered(first, service_time));
    if !is_remembered {
        return Ok(Sent::Overtaken);
    }
    if !hands
        .state
        .stamp(lease, &intent.id, intent.attempt, service_time, now)?
    {
        return Ok(Sent::Overtaken);
    }
    if hands.clock.monotonic().saturating_sub(permit_from) >= windows.send {
        return Ok(Sent::Overtaken);
    }
    let request = RunRequest {
        job_id: job.job_id,
        token: intent.token.clone(),
        parameters: parameters(intent, &job),
        task_key: intent.task_key.clone(),
    };
    match hands.jobs.run_now(&request).await {
        Ok(run) => {
            let now = hands.clock.now();
            let url = hands.jobs.run_url(job.job_id, run);
            hands
                .state
                .record_run(&intent.id, intent.attempt, run, url.as_deref(), now)?;
            tracing::info!(request_id = %intent.id, run_id = run.0, job_id = job.job_id,
                attempt = intent.attempt, "run started");
            Ok(Sent::Started(run))
        }
        Err(error) => refuse_or_wait(hands, intent, error),
    }
}

/// The rendered parameters, and the correlation where the job takes it. A job that does not
/// declare the parameter might refuse it.
fn parameters(intent: &Intent, job: &Job) -> BTreeMap<String, String> {
    let mut parameters = intent.parameters.clone();
    if job.parameters.iter().any(|name| name == CORRELATION) {
        parameters.insert(
            CORRELATION.to_owned(),
            correlation(&intent.id, intent.attempt),
        );
    }
    parameters
}

/// What an error means: keep the attempt open, or close the intent.
fn refuse_or_wait(hands: Hands<'_>, intent: &Intent, error: JobsError) -> Result<Sent, StateError> {
    let (code, message) = match error {
        JobsError::Unanswered(message) => return Ok(Sent::Unanswered(message)),
        JobsError::RateLimited {
            message,
            retry_after,
        } => {
            return Ok(Sent::RateLimited {
                message,
                retry_after,
            });
        }
        JobsError::Unauthenticated { message, hint } => {
            return Ok(Sent::Unauthenticated { message, hint });
        }
        JobsError::Forbidden { message, hint } => ("forbidden", format!("{message}; {hint}")),
        JobsError::NotFound(message) => ("job_not_found", message),
        JobsError::Refused(message) => ("refused", message),
        JobsError::TokenRunDeleted(message) => {
            let outcome = Outcome::Cancelled { message };
            return close(hands, intent, outcome, "run_deleted");
        }
    };
    if intent.first_sent_at.is_some() {
        return doubt(hands, intent, &message);
    }
    let outcome = Outcome::Failed {
        code: code.to_owned(),
        message,
        is_exhausted: false,
    };
    close(hands, intent, outcome, code)
}

/// This request was refused, but an earlier one of the attempt may have had its effect: nobody can
/// tell before the runs of the job are looked through.
fn doubt(hands: Hands<'_>, intent: &Intent, message: &str) -> Result<Sent, StateError> {
    let now = hands.clock.now();
    hands
        .state
        .record_uncertain(&intent.id, intent.attempt, message, now)?;
    Ok(Sent::Unanswered(format!(
        "{message}; an earlier request may have started a run, which is looked for"
    )))
}

fn close(
    hands: Hands<'_>,
    intent: &Intent,
    outcome: Outcome,
    code: &'static str,
) -> Result<Sent, StateError> {
    let now = hands.clock.now();
    let message = match &outcome {
        Outcome::Failed { message, .. } | Outcome::Cancelled { message } => message.clone(),
        Outcome::Succeeded { .. } | Outcome::Retry { .. } => String::new(),
    };
    let settlement = Settlement {
        outcome,
        finished_at: now,
    };
    hands
        .state
        .settle(&intent.id, intent.attempt, &settlement, now)?;
    tracing::warn!(request_id = %intent.id, attempt = intent.attempt, error = message,
        job = %job_name(&intent.job), "run refused");
    Ok(Sent::Refused { code, message })
}

fn job_name(job: &JobReference) -> String {
    job.to_string()
}
