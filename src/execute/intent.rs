//! From a request of the plan to an intent, with everything fixed that its run will record.

use std::collections::BTreeMap;

use assets::pinning::pinned_inputs;
use assets::task::{Task, TaskAction};
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};

use super::token::token;
use crate::plan::{ParameterError, Request, render_parameters};
use crate::ports::Random;
use crate::state::{Intent, IntentId, IntentState, RetryRule};
use assets::version::PassNumber;

/// Why a request cannot become an intent.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    /// A parameter template fails on what this run would pass.
    #[error("its parameters cannot be rendered")]
    Parameters(#[source] ParameterError),
}

/// Where and when intents are made.
#[derive(Clone, Copy)]
pub struct IntentContext<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The environment's catalog.
    pub catalog: Option<&'a str>,
    /// The pass.
    pub pass: PassNumber,
    /// The time by the service's clock, UTC.
    pub now: DateTime<Utc>,
    /// When the plan decided, by our clock, UTC.
    pub decided_at: DateTime<Utc>,
}

/// Makes the intent of a request.
pub fn new_intent(
    context: IntentContext<'_>,
    random: &dyn Random,
    request: &Request,
    asset: &Asset,
    task: &Task,
) -> Result<Intent, IntentError> {
    let parameters =
        render_parameters(request, asset, task, (context.environment, context.catalog))
            .map_err(IntentError::Parameters)?;
    let TaskAction::DatabricksJob(job) = &task.action;
    let inputs: Vec<&AssetKey> = request.inputs.keys().collect();
    let pinned = pinned_inputs(asset, task, &inputs);
    let id = new_id(context.now, random);
    let code = request
        .code_version
        .iter()
        .map(|code| (request.asset.clone(), code.clone()));
    Ok(Intent {
        token: token(context.project, context.environment, &id, 1),
        id,
        task: request.task.clone(),
        job: job.job.clone(),
        task_key: job.task_key.clone(),
        pool: task.pool.clone(),
        assets: vec![request.asset.clone()],
        parameters,
        inputs: BTreeMap::from([(request.asset.clone(), request.inputs.clone())]),
        code_versions: code.collect(),
        origin: request.origin,
        degraded_by: request.degraded_by.clone(),
        reason: request.reason.clone(),
        retry: RetryRule::from(asset.retry),
        timeout_seconds: task.timeout.map(|timeout| timeout.num_seconds()),
        created_at: context.now,
        decided_at: context.decided_at,
        pass: context.pass,
        attempt: 1,
        state: IntentState::Pending,
        not_before: None,
        first_sent_at: None,
        last_sent_at: None,
        run_id: None,
        url: None,
        cancel_requested_at: None,
        is_found: false,
        partitions: request.partitions.clone(),
        full_refresh: request.full_refresh,
        feeds: asset.feeds().cloned().collect(),
        pinned: pinned.into_iter().cloned().collect(),
        backfill: request.backfill.clone(),
    })
}

/// A ULID of the time and chance given, so that a simulation gets the same ids again.
fn new_id(now: DateTime<Utc>, random: &dyn Random) -> IntentId {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    IntentId(ulid::Ulid::from_parts(millis, random.bits()).to_string())
}
