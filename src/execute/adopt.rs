//! Adoption: bring every open intent to where the service says that it is, before anything new is
//! planned.
//!
//! Nothing is sent from here. What has to be sent (again) is returned, and what ended is returned
//! too: it is settled once its tables have been looked at.

use std::collections::BTreeMap;

use assets::task::JobReference;
use chrono::{DateTime, TimeDelta, Utc};

use super::judge::RunVerdict;
use super::token::{CORRELATION, attempt_of, correlation, token};
use super::{Hands, SKEW, Windows, service_then};
use crate::ports::{JobsError, LaterRun, Run, RunState, StateError};
use crate::state::{Intent, IntentState, RunId};

/// How many runs are asked for one by one; beyond that, one sweep over all active runs of the
/// workspace is cheaper (25 runs a page).
const SWEEP_BEYOND: usize = 8;

/// What is waited for before an attempt without a run is given up.
const UNDER_WAY: &str = "a request may still be under way; looked up once it cannot be";

/// What adoption found.
#[derive(Debug, Default)]
pub struct Adopted {
    /// Intents whose attempt has to be sent (again) now.
    pub to_send: Vec<Intent>,
    /// Attempts that ended.
    pub ended: Vec<Ended>,
    /// How many are under way.
    pub running: usize,
    /// Intents of which nobody can say yet whether they run, with what is waited for.
    pub uncertain: Vec<(Intent, String)>,
    /// Intents of which nobody will ever be able to say, with what a person can do.
    pub hopeless: Vec<(Intent, String)>,
    /// Why the service could not be asked, if so.
    pub problem: Option<JobsError>,
}

/// An attempt that ended.
#[derive(Debug)]
pub struct Ended {
    /// Its intent, as it was found.
    pub intent: Intent,
    /// How.
    pub verdict: RunVerdict,
    /// When, UTC.
    pub at: DateTime<Utc>,
}

/// Brings every open intent up to date.
///
/// Tokens are derived from the names of project and environment, among others.
pub async fn adopt<'a>(
    hands: Hands<'_>,
    windows: Windows,
    names: (&str, &str),
    open: impl IntoIterator<Item = &'a Intent>,
) -> Result<Adopted, StateError> {
    let mut adopted = Adopted::default();
    let mut running = Vec::new();
    for intent in open {
        match intent.state {
            IntentState::Running => running.push(intent),
            IntentState::Pending => {
                if has_waited(intent, hands.clock.now()) {
                    adopted.to_send.push(intent.clone());
                }
            }
            IntentState::Sending | IntentState::Uncertain => {
                resolve_unrecorded((hands, windows), names, intent, &mut adopted).await?;
            }
            IntentState::Succeeded
            | IntentState::Failed
            | IntentState::Cancelled
            | IntentState::Quarantined => {}
        }
    }
    poll(hands, windows, &running, &mut adopted).await?;
    Ok(adopted)
}

/// Whether the backoff of an attempt is over. One that ends further ahead than any backoff lasts
/// was fixed by a clock that has gone back since.
fn has_waited(intent: &Intent, now: DateTime<Utc>) -> bool {
    let longest = TimeDelta::seconds(intent.retry.max_backoff_seconds.max(0));
    intent
        .not_before
        .is_none_or(|at| at <= now || at - now > longest)
}

/// An attempt that was stamped and whose run is not known.
async fn resolve_unrecorded(
    (hands, windows): (Hands<'_>, Windows),
    names: (&str, &str),
    intent: &Intent,
    adopted: &mut Adopted,
) -> Result<(), StateError> {
    let now = hands.clock.now();
    let service_now = hands.service_now();
    let (Some(first), Some(last)) = (intent.first_sent_at, intent.last_sent_at) else {
        adopted.to_send.push(intent.clone());
        return Ok(());
    };
    if intent.state == IntentState::Sending && windows.is_remembered(first, service_now) {
        // A clock that went back makes the age negative: the token is young, not old.
        if service_now - last >= windows.resend_after || service_now < first {
            adopted.to_send.push(intent.clone());
        }
        return Ok(());
    }
    if intent.state == IntentState::Sending {
        let reason = "its token may be forgotten: it is not sent again";
        hands
            .state
            .record_uncertain(&intent.id, intent.attempt, reason, now)?;
    }
    if let Some(run) = restored_run(hands, intent).await {
        hands
            .state
            .record_run(&intent.id, intent.attempt, run.id, run.url.as_deref(), now)?;
        adopted.running += 1;
        return Ok(());
    }
    if service_now - last < windows.longest_request {
        adopted
            .uncertain
            .push((intent.clone(), UNDER_WAY.to_owned()));
        return Ok(());
    }
    look_up((hands, windows), names, intent, (first, last), adopted).await
}

/// Returns the run that a restored state remembers of a doubtful attempt, if no later attempt can
/// have been made: none is while a run is active or once it succeeded.
async fn restored_run(hands: Hands<'_>, intent: &Intent) -> Option<Run> {
    let run = hands.jobs.run(intent.run_id?).await.ok()?;
    let is_last = matches!(run.state, RunState::Active | RunState::Succeeded);
    (is_last && foreign(intent, &run).is_none()).then_some(run)
}

/// Looks for the run of an attempt by its correlation, and for those of later attempts: a state
/// that was restored from a backup knows nothing of them.
async fn look_up(
    (hands, windows): (Hands<'_>, Windows),
    names: (&str, &str),
    intent: &Intent,
    (first_sent, last_sent): (DateTime<Utc>, DateTime<Utc>),
    adopted: &mut Adopted,
) -> Result<(), StateError> {
    let asked_at = hands.clock.monotonic();
    let found = match find_by_correlation(hands, intent, first_sent).await {
        Ok(found) => found,
        // A job that is gone tells nothing of its runs any more, until a person brings it back.
        Err(JobsError::NotFound(message)) => {
            adopted.hopeless.push((intent.clone(), message));
            return Ok(());
        }
        Err(error) => {
            adopted.uncertain.push((intent.clone(), error.to_string()));
            adopted.problem = Some(error);
            return Ok(());
        }
    };
    let now = hands.clock.now();
    match found {
        Search::Found(attempt, run) if attempt > intent.attempt => {
            let later = LaterRun {
                attempt,
                token: token(names.0, names.1, &intent.id, attempt),
                run: run.id,
                url: run.url,
                started_at: run.started_at.max(first_sent),
            };
            let current = (&intent.id, intent.attempt);
            hands.state.record_later_run(current, &later, now)?;
            adopted.running += 1;
        }
        Search::Found(_, run) => {
            let url = run.url.as_deref();
            hands
                .state
                .record_run(&intent.id, intent.attempt, run.id, url, now)?;
            adopted.running += 1;
        }
        // The answer told the service's time: before the first one, ours may have been far ahead.
        Search::Absent if service_then(hands, asked_at) - last_sent < windows.longest_request => {
            adopted
                .uncertain
                .push((intent.clone(), UNDER_WAY.to_owned()));
        }
        Search::Absent => adopted.ended.push(Ended {
            intent: intent.clone(),
            verdict: RunVerdict::NeverSent,
            at: now,
        }),
        Search::Impossible(why) => adopted.hopeless.push((intent.clone(), why)),
    }
    Ok(())
}

enum Search {
    /// The newest attempt that has one.
    Found(u32, Box<Run>),
    Absent,
    Impossible(String),
}

async fn find_by_correlation(
    hands: Hands<'_>,
    intent: &Intent,
    first_sent: DateTime<Utc>,
) -> Result<Search, JobsError> {
    let job = hands.jobs.job(&intent.job).await?;
    if !job.parameters.iter().any(|name| name == CORRELATION) {
        return Ok(Search::Impossible(format!(
            "job `{}` declares no parameter `{CORRELATION}`, so that its runs cannot be told \
             apart: look at its runs since {first_sent}, then `headwater runs cancel {}`",
            job.name, intent.id
        )));
    }
    let runs = hands.jobs.runs_since(job.job_id, first_sent - SKEW).await?;
    let attempts = runs.into_iter().filter_map(|run| {
        let found = run.parameters.get(CORRELATION)?;
        let attempt = attempt_of(&intent.id, found)?;
        (attempt >= intent.attempt).then_some((attempt, run))
    });
    let newest = attempts.max_by_key(|(attempt, _)| *attempt);
    Ok(newest.map_or(Search::Absent, |(attempt, run)| {
        Search::Found(attempt, Box::new(run))
    }))
}

/// Asks how the known runs stand.
async fn poll(
    hands: Hands<'_>,
    windows: Windows,
    running: &[&Intent],
    adopted: &mut Adopted,
) -> Result<(), StateError> {
    let mut active: BTreeMap<RunId, Run> = BTreeMap::new();
    if running.len() > SWEEP_BEYOND {
        match hands.jobs.active_runs().await {
            Ok(runs) => active.extend(runs.into_iter().map(|run| (run.id, run))),
            Err(error) => {
                adopted.running += running.len();
                adopted.problem = Some(error);
                return Ok(());
            }
        }
    }
    for intent in running {
        let Some(id) = intent.run_id else { continue };
        let answer = match active.remove(&id) {
            Some(run) => Ok(run),
            None => hands.jobs.run(id).await,
        };
        match answer {
            Ok(run) => judge_run(hands, intent, &run, adopted).await?,
            // What was started a moment ago need not show up everywhere yet.
            Err(JobsError::NotFound(_)) if is_young(hands, windows, intent) => adopted.running += 1,
            Err(JobsError::NotFound(_)) => adopted.ended.push(Ended {
                intent: (*intent).clone(),
                verdict: history_expired(),
                at: hands.clock.now(),
            }),
            Err(error) => {
                adopted.running += 1;
                adopted.problem = Some(error);
            }
        }
    }
    Ok(())
}

fn is_young(hands: Hands<'_>, windows: Windows, intent: &Intent) -> bool {
    intent
        .last_sent_at
        .is_some_and(|sent| hands.service_now() - sent < windows.longest_request)
}

/// The service forgot the run. Whether it wrote its tables is seen there; it counts as failed
/// until then, and is tried again.
fn history_expired() -> RunVerdict {
    RunVerdict::Failed {
        code: "run_not_found".to_owned(),
        message: "the service no longer knows the run; how it ended is unknown".to_owned(),
        is_transient: true,
    }
}

/// Takes in how a run stands that was found and written down.
pub async fn adopt_found(
    hands: Hands<'_>,
    intent: &Intent,
    run: &Run,
    adopted: &mut Adopted,
) -> Result<(), StateError> {
    judge_run(hands, intent, run, adopted).await
}

async fn judge_run(
    hands: Hands<'_>,
    intent: &Intent,
    run: &Run,
    adopted: &mut Adopted,
) -> Result<(), StateError> {
    let now = hands.clock.now();
    let end = |verdict| Ended {
        intent: intent.clone(),
        verdict,
        at: run.ended_at.unwrap_or(now),
    };
    if let Some(message) = foreign(intent, run) {
        let code = "foreign_run".to_owned();
        adopted.ended.push(end(RunVerdict::Failed {
            code,
            message,
            is_transient: false,
        }));
        return Ok(());
    }
    match &run.state {
        RunState::Active => {
            adopted.running += 1;
            cancel_if_too_long(hands, intent, run, now).await?;
        }
        RunState::Succeeded => adopted.ended.push(end(RunVerdict::Succeeded)),
        RunState::Failed {
            code,
            message,
            is_transient,
        } => {
            adopted.ended.push(end(RunVerdict::Failed {
                code: code.clone(),
                message: message.clone(),
                is_transient: *is_transient,
            }));
        }
        RunState::Cancelled { message } => {
            let ended_at = run.ended_at.unwrap_or_else(|| hands.service_now());
            adopted
                .ended
                .push(end(timed_out_or(intent, run, ended_at, message)));
        }
    }
    Ok(())
}

/// Why a run cannot be the one of the attempt, if so: the token led to somebody else's.
fn foreign(intent: &Intent, run: &Run) -> Option<String> {
    let wanted = correlation(&intent.id, intent.attempt);
    let found = run.parameters.get(CORRELATION);
    if let Some(found) = found.filter(|found| **found != wanted) {
        return Some(format!(
            "run {} carries the correlation `{found}` and not `{wanted}`: the token led to \
             somebody else's run",
            run.id
        ));
    }
    match intent.job {
        // A run that does not say whose it is has job 0.
        JobReference::Id(job) if run.job_id != 0 && run.job_id != job => Some(format!(
            "run {} belongs to job {} and not to job {job}: the token led to somebody else's run",
            run.id, run.job_id
        )),
        JobReference::Id(_) | JobReference::Name(_) => None,
    }
}

/// A cancelled run that had taken too long has failed, as we cancelled it or would have; one that a
/// person cancelled earlier has not.
fn timed_out_or(intent: &Intent, run: &Run, ended_at: DateTime<Utc>, message: &str) -> RunVerdict {
    match intent.timeout_seconds {
        Some(timeout) if is_too_long(intent, run, ended_at) => RunVerdict::Failed {
            code: "timed_out".to_owned(),
            message: format!("it ran longer than its timeout of {timeout} s and was cancelled"),
            is_transient: true,
        },
        Some(_) | None => RunVerdict::Cancelled {
            message: message.to_owned(),
        },
    }
}

/// Whether a run lasted longer than it may until an instant of the service's clock.
fn is_too_long(intent: &Intent, run: &Run, until: DateTime<Utc>) -> bool {
    // No run of ours began before it was asked for; a service that does not tell says 1970.
    let started = intent
        .first_sent_at
        .map_or(run.started_at, |sent| run.started_at.max(sent));
    intent
        .timeout_seconds
        .is_some_and(|timeout| until - started > TimeDelta::seconds(timeout))
}

async fn cancel_if_too_long(
    hands: Hands<'_>,
    intent: &Intent,
    run: &Run,
    now: DateTime<Utc>,
) -> Result<(), StateError> {
    let Some(timeout) = intent.timeout_seconds else {
        return Ok(());
    };
    if !is_too_long(intent, run, hands.service_now()) || intent.cancel_requested_at.is_some() {
        return Ok(());
    }
    match hands.jobs.cancel(run.id).await {
        Ok(()) => {
            hands
                .state
                .record_cancel_request(&intent.id, intent.attempt, now)?;
            tracing::warn!(
                run_id = run.id.0,
                timeout_secs = timeout,
                "run cancelled: too long"
            );
        }
        Err(error) => tracing::warn!(run_id = run.id.0, error = %error, "cancel not accepted"),
    }
    Ok(())
}
