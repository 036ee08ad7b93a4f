//! `runs cancel`: ask the service to stop a run, or close what was not sent yet.
//!
//! An attempt whose request may still be under way is never closed: its run would go on unnoticed.

use assets::AssetKey;
use chrono::TimeDelta;

use super::super::Context;
use super::super::open::load_app;
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::execute::{CORRELATION, Windows, correlation};
use crate::ports::{Job, Jobs, JobsError, Run, RunState, State, StateError};
use crate::report;
use crate::state::{Intent, IntentId, IntentState, RunId};

/// How often it is tried anew when a reconciler moves the attempt on at the same time. Each time
/// takes the attempt at least one state further, of four.
const TRIES: u32 = 4;

/// Clocks may differ by this much between our stamp and the service's start time.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What came of it.
pub(in crate::cli) enum Cancelled {
    /// The service was asked.
    Requested(RunId),
    /// It was closed here: no run was made of it.
    Closed,
    /// It had ended by itself.
    Ended(IntentState),
    /// Its run has ended; the next pass settles it.
    RunEnded(RunId),
}

pub(super) async fn run(context: &Context, id: &str) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let store = super::open_for(context, &app)?;
    let attempts = super::find(&store, id)?;
    let Some(id) = attempts.last().map(|attempt| attempt.intent.id.clone()) else {
        return Err(CommandError::bug("a run without attempts was found"));
    };
    let cancelled = end(&app, &store, &id).await?;
    show(context, &load(&store, &id)?, &cancelled)
}

/// Cancels a run, however far it is.
pub(in crate::cli) async fn end(
    app: &App,
    store: &StateFile,
    id: &IntentId,
) -> Result<Cancelled, CommandError> {
    for _ in 0..TRIES {
        let intent = load(store, id)?;
        if let Some(cancelled) = cancel(app, store, &intent).await? {
            return Ok(cancelled);
        }
    }
    Err(not_yet(id, "a reconciler moves it on right now"))
}

fn load(store: &StateFile, id: &IntentId) -> Result<Intent, CommandError> {
    let intent = store.intent(id)?;
    intent.ok_or_else(|| CommandError::bug(format!("run {id} vanished from the state")))
}

/// Cancels what the state shows; nothing where it moved on meanwhile.
async fn cancel(
    app: &App,
    store: &StateFile,
    intent: &Intent,
) -> Result<Option<Cancelled>, CommandError> {
    match (intent.state, intent.run_id) {
        (IntentState::Pending, _) => close(app, store, intent, "cancelled before it was sent"),
        (IntentState::Running, Some(run)) => {
            let jobs = app.require_workspace()?.jobs();
            stop(app, store, jobs, intent, run).await.map(Some)
        }
        (IntentState::Sending | IntentState::Uncertain | IntentState::Running, _) => {
            look_for_run(app, store, intent).await
        }
        (
            ended @ (IntentState::Succeeded
            | IntentState::Failed
            | IntentState::Cancelled
            | IntentState::Quarantined),
            _,
        ) => Ok(Some(Cancelled::Ended(ended))),
    }
}

fn close(
    app: &App,
    store: &StateFile,
    intent: &Intent,
    message: &str,
) -> Result<Option<Cancelled>, CommandError> {
    let attempt = (&intent.id, intent.attempt);
    let now = app.clock().now();
    let is_closed = store.cancel_attempt(attempt, intent.state, message, now)?;
    Ok(is_closed.then_some(Cancelled::Closed))
}

/// Asks the service to stop the run of an attempt.
async fn stop(
    app: &App,
    store: &StateFile,
    jobs: &dyn Jobs,
    intent: &Intent,
    run: RunId,
) -> Result<Cancelled, CommandError> {
    // Read first: it tells whose run it is, and in which workspace.
    let found = jobs.run(run).await?;
    refuse_other_workspace(store, jobs)?;
    if let Some(other) = other_correlation(&found, intent) {
        let message = format!("run {run} belongs to `{other}` and is left alone");
        return Err(CommandError::from(JobsError::Refused(message)));
    }
    if found.state != RunState::Active {
        return Ok(Cancelled::RunEnded(run));
    }
    jobs.cancel(run).await?;
    store.record_cancel_request(&intent.id, intent.attempt, app.clock().now())?;
    Ok(Cancelled::Requested(run))
}

/// Run ids of another workspace are somebody else's runs.
fn refuse_other_workspace(store: &StateFile, jobs: &dyn Jobs) -> Result<(), StateError> {
    match (store.pinned_workspace()?, jobs.workspace_id()) {
        (Some(pinned), Some(found)) if pinned != found => {
            Err(StateError::OtherWorkspace { pinned, found })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn other_correlation<'a>(run: &'a Run, intent: &Intent) -> Option<&'a str> {
    let found = run.parameters.get(CORRELATION)?;
    (*found != correlation(&intent.id, intent.attempt)).then_some(found)
}

/// An attempt that may or may not have a run: its run is stopped if it is found, and it is closed
/// only if no request for it can be under way any more.
async fn look_for_run(
    app: &App,
    store: &StateFile,
    intent: &Intent,
) -> Result<Option<Cancelled>, CommandError> {
    let jobs = app.require_workspace()?.jobs();
    let job = match jobs.job(&intent.job).await {
        Ok(job) => Some(job),
        // A job that is gone has no runs to look through, and must not keep its run open for ever.
        Err(JobsError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    refuse_other_workspace(store, jobs)?;
    let is_correlated = |job: &Job| job.parameters.iter().any(|name| name == CORRELATION);
    let correlated = job.filter(is_correlated);
    if let Some((job, sent)) = correlated.zip(intent.first_sent_at) {
        let wanted = correlation(&intent.id, intent.attempt);
        let runs = jobs.runs_since(job.job_id, sent - SKEW).await?;
        let run = runs
            .into_iter()
            .find(|run| run.parameters.get(CORRELATION) == Some(&wanted));
        if let Some(run) = run {
            let now = app.clock().now();
            let url = run.url.as_deref();
            let is_recorded = store.record_run(&intent.id, intent.attempt, run.id, url, now)?;
            return if is_recorded {
                stop(app, store, jobs, intent, run.id).await.map(Some)
            } else {
                Ok(None)
            };
        }
    }
    let service_now = jobs.service_now().unwrap_or_else(|| app.clock().now());
    let may_be_under_way = intent
        .last_sent_at
        .is_some_and(|sent| service_now - sent < Windows::default().longest_request);
    if intent.state == IntentState::Uncertain && !may_be_under_way {
        let message = "cancelled; no run of it was found, and none will be started";
        return close(app, store, intent, message);
    }
    let why = "the request to start it may be under way, and its run is not known yet";
    Err(not_yet(&intent.id, why))
}

fn not_yet(id: &IntentId, why: &str) -> CommandError {
    CommandError::new(
        "C018",
        Exit::Failed,
        format!("run {id} cannot be cancelled yet"),
    )
    .because(why)
    .hint("run `headwater reconcile`, which finds out, and then cancel it again")
}

fn show(context: &Context, intent: &Intent, cancelled: &Cancelled) -> Result<Exit, CommandError> {
    let id = &intent.id;
    let assets: Vec<&str> = intent.assets.iter().map(AssetKey::as_str).collect();
    let assets = assets.join(", ");
    let held = format!(
        "{assets} {} held then, until code or inputs change or `headwater runs retry` lets go",
        if intent.assets.len() == 1 {
            "is"
        } else {
            "are"
        }
    );
    let (outcome, message) = match cancelled {
        Cancelled::Requested(run) => (
            "requested",
            format!(
                "the workspace was asked to cancel run {run}; a pass settles it once it has \
                 ended; {held}"
            ),
        ),
        Cancelled::Closed => ("cancelled", format!("run {id} is cancelled; {held}")),
        Cancelled::RunEnded(run) => (
            "ended",
            format!("run {run} has ended already; the next pass records how"),
        ),
        Cancelled::Ended(state) => (
            "ended",
            format!("run {id} has ended already: {}", state.as_str()),
        ),
    };
    let document = report::cancel_document(intent, outcome, &message);
    context
        .output
        .emit_value(&document, None, || format!("{message}\n"))?;
    Ok(Exit::Done)
}
