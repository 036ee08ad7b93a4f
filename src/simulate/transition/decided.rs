//! What a plan decided: cuts, verdicts of deadlines, what was learned, and intents of its requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::pinning::pinned_inputs;
use assets::task::{Task, TaskAction};
use assets::version::PassNumber;
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};

use crate::plan::{Plan, Request};
use crate::state::{Intent, IntentId, IntentState, Learned, Memory, RetryRule};

/// Takes in what a plan decided, its requests aside.
pub(in crate::simulate) fn record(memory: &mut Memory, plan: &Plan) {
    for (asset, cut) in &plan.cuts {
        memory.builds.entry(asset.clone()).or_default().cut = *cut;
    }
    for (asset, verdict) in &plan.deadlines {
        memory.deadlines.insert(asset.clone(), *verdict);
    }
    for compaction in &plan.compactions {
        let known = memory.consumption.get_mut(&compaction.asset);
        if let Some(consumed) = known.and_then(|known| known.get_mut(&compaction.upstream))
            && *consumed == compaction.before
        {
            consumed.clone_from(&compaction.after);
        }
    }
    learn(memory, &plan.learned);
}

/// Takes in what was found out about contents that are there already.
fn learn(memory: &mut Memory, learned: &Learned) {
    for (asset, version, provenance) in &learned.provenance {
        let commits = memory.commits.get_mut(asset).into_iter().flatten();
        for commit in commits.filter(|commit| commit.version == *version) {
            commit.provenance = Some(Arc::clone(provenance));
        }
    }
    for (asset, still) in &learned.recovered {
        if let Some(build) = memory.builds.get_mut(asset) {
            build.degraded_by.clone_from(still);
        }
    }
}

/// Makes the intent of a request, which is sent at once.
pub(in crate::simulate) fn intend(
    memory: &mut Memory,
    request: &Request,
    (asset, task): (&Asset, &Task),
    (number, pass, now): (u64, PassNumber, DateTime<Utc>),
) -> IntentId {
    let TaskAction::DatabricksJob(job) = &task.action;
    let inputs: Vec<&AssetKey> = request.inputs.keys().collect();
    let pinned = pinned_inputs(asset, task, &inputs);
    let id = intent_id(number);
    let code = request.code_version.clone();
    let intent = Intent {
        token: String::new(),
        id: id.clone(),
        task: request.task.clone(),
        job: job.job.clone(),
        task_key: None,
        pool: task.pool.clone(),
        assets: vec![request.asset.clone()],
        parameters: BTreeMap::new(),
        inputs: BTreeMap::from([(request.asset.clone(), request.inputs.clone())]),
        code_versions: code
            .map(|code| (request.asset.clone(), code))
            .into_iter()
            .collect(),
        origin: request.origin,
        degraded_by: request.degraded_by.clone(),
        reason: String::new(),
        retry: RetryRule::from(asset.retry),
        timeout_seconds: task.timeout.map(|timeout| timeout.num_seconds()),
        created_at: now,
        decided_at: now,
        pass,
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
    };
    if let Some(build) = memory.builds.get_mut(&request.asset) {
        build.cut = None;
    }
    memory.open_intents.insert(id.clone(), intent);
    id
}

/// The id of the intent that is the `number`th of a simulation; they sort by number, after any of a state.
fn intent_id(number: u64) -> IntentId {
    IntentId(format!("~{number:020}"))
}
