//! From the plan to the service: intents are written down, then sent, several at once.
//!
//! What each send may do is the protocol's business, in `execute`.

use std::sync::atomic::{AtomicBool, Ordering};

use assets::task::TaskAction;
use assets::version::PassNumber;
use futures::StreamExt;

use super::Scope;
use super::report::Triggered;
use crate::execute::{Hands, IntentContext, Sent, new_intent, send};
use crate::plan::{Plan, Request};
use crate::ports::{JobsError, StateError};
use crate::state::{Intent, IntentId, Lease};

/// Requests to start runs at once: a tenth of the 10 a second that one workspace allows, at 100 ms
/// each, with room for people.
const SENDS_AT_ONCE: usize = 8;

/// Lets the service say which workspace it is before anything is sent to it; returns why it cannot
/// be asked, if so.
pub(super) async fn learn_workspace(
    hands: Hands<'_>,
    resend: &[Intent],
    decided: &Plan,
    scope: Scope<'_>,
) -> Option<JobsError> {
    if hands.jobs.workspace_id().is_some() {
        return None;
    }
    let mut tasks = decided.requests.iter().map(|request| &request.task);
    let task = tasks.next().and_then(|task| scope.tasks.get(task));
    let new = task.map(|task| {
        let TaskAction::DatabricksJob(job) = &task.action;
        &job.job
    });
    let job = resend.first().map(|intent| &intent.job).or(new)?;
    match hands.jobs.job(job).await {
        // A refusal is an answer: it is met again when the job is to be run.
        Ok(_)
        | Err(JobsError::NotFound(_) | JobsError::Refused(_) | JobsError::Forbidden { .. }) => None,
        Err(error) => Some(error),
    }
}

/// What was made of the requests of a plan.
#[derive(Default)]
pub(super) struct Intents {
    /// Written down, to be sent.
    pub(super) made: Vec<Intent>,
    /// Requests that became no intent, and why.
    pub(super) refused: Vec<Triggered>,
}

/// Makes the intents of the plan.
pub(super) fn intend(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    number: PassNumber,
    decided: &Plan,
) -> Result<Intents, StateError> {
    let mut intents = Intents::default();
    let context = IntentContext {
        project: scope.project,
        environment: scope.environment,
        catalog: scope.catalog,
        pass: number,
        now: hands.service_now(),
        decided_at: decided.now,
    };
    for request in &decided.requests {
        let index = scope.graph.index_of(request.asset.as_str());
        let (Some(index), Some(task)) = (index, scope.tasks.get(&request.task)) else {
            continue;
        };
        let asset = scope.graph.asset(index);
        let intent = match new_intent(context, hands.random, request, asset, task) {
            Ok(intent) => intent,
            Err(error) => {
                intents.refused.push(refused(request, "parameters", &error));
                continue;
            }
        };
        match hands.state.intend(lease, &intent) {
            Ok(()) => intents.made.push(intent),
            // Somebody else was quicker: their intent is adopted in the next pass.
            Err(StateError::IntentExists { .. }) => {}
            // Nothing new, but what is under way goes on.
            Err(error @ StateError::LowDisk { .. }) => {
                intents.refused.push(refused(request, "low_disk", &error));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(intents)
}

/// A request that became no intent.
fn refused(request: &Request, code: &'static str, error: &dyn std::error::Error) -> Triggered {
    let message = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    Triggered {
        intent: IntentId(String::new()),
        attempt: 0,
        task: request.task.clone(),
        assets: vec![request.asset.clone()],
        reason: request.reason.clone(),
        sent: Sent::Refused { code, message },
    }
}

/// Sends several at once, and begins no more when the service asks for patience or for credentials:
/// what was not sent stays `pending` for the next pass, and what is under way is waited for.
pub(super) async fn send_all(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    intents: Vec<Intent>,
) -> Result<Vec<Triggered>, StateError> {
    let mut triggered = Vec::new();
    let stopped = AtomicBool::new(false);
    let mut sends = futures::stream::iter(intents)
        .take_while(|_| futures::future::ready(!stopped.load(Ordering::Relaxed)))
        .map(|intent| {
            let stopped = &stopped;
            async move {
                let sent = send(hands, lease, scope.windows, &intent).await;
                if matches!(
                    sent,
                    Ok(Sent::RateLimited { .. } | Sent::Unauthenticated { .. })
                ) {
                    stopped.store(true, Ordering::Relaxed);
                }
                (intent, sent)
            }
        })
        .buffered(SENDS_AT_ONCE);
    while let Some((intent, sent)) = sends.next().await {
        let sent = sent?;
        triggered.push(Triggered {
            intent: intent.id,
            attempt: intent.attempt,
            task: intent.task,
            assets: intent.assets,
            reason: intent.reason,
            sent,
        });
    }
    Ok(triggered)
}
