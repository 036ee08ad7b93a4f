//! The documents of `headwater runs`.

use std::collections::BTreeMap;

use assets::AssetKey;
use lineage::AssetGraph;
use serde_json::{Value, json};

use super::partitions::keys_of_intent;
use super::{document, instant, optional_instant};
use crate::ports::RunRecord;
use crate::secret::mask_parameter;
use crate::state::{Intent, Pushed};

/// Lists attempts, newest first.
pub fn run_list(graph: &AssetGraph, runs: &[RunRecord]) -> Value {
    document(
        "RunList",
        json!({ "runs": runs.iter().map(|of| run(graph, of)).collect::<Vec<_>>() }),
    )
}

/// Returns the parameters of an intent, with everything masked that looks like a secret.
pub fn shown_parameters(intent: &Intent) -> BTreeMap<&str, String> {
    masked(&intent.parameters)
}

/// Returns rendered parameters, with everything masked that looks like a secret.
pub(super) fn masked(parameters: &BTreeMap<String, String>) -> BTreeMap<&str, String> {
    let shown = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), mask_parameter(name, value)));
    shown.collect()
}

/// Says everything about the attempts of one intent, the first one first.
pub fn run_document(graph: &AssetGraph, runs: &[RunRecord]) -> Value {
    let intent = runs.first().map(|run| &run.intent);
    let fields = json!({
        "id": intent.map(|intent| &intent.id),
        "task": intent.map(|intent| &intent.task),
        "assets": intent.map(|intent| &intent.assets),
        "reason": intent.map(|intent| &intent.reason),
        "inputs": intent.map(|intent| &intent.inputs),
        "inputs_are_assumed": intent.map(|intent| intent.is_found),
        "job": intent.map(|intent| intent.job.to_string()),
        "task_key": intent.and_then(|intent| intent.task_key.as_ref()),
        "state": intent.map(|intent| intent.state.as_str()),
        "created_at": intent.map(|intent| instant(intent.created_at)),
        "parameters": intent.map(shown_parameters),
        "degraded_by": intent.map(|intent| &intent.degraded_by),
        "full_refresh": intent.map(|intent| intent.full_refresh),
        "backfill": intent.and_then(|intent| intent.backfill.as_ref()),
        "attempts": runs.iter().map(|of| run(graph, of)).collect::<Vec<_>>(),
    });
    document("Run", fields)
}

/// Says what came of asking for a run to be cancelled: `requested`, `cancelled` or `ended`.
pub fn cancel_document(intent: &Intent, outcome: &str, message: &str) -> Value {
    let fields = json!({
        "id": intent.id,
        "attempt": intent.attempt,
        "assets": intent.assets,
        "run_id": intent.run_id,
        "url": intent.url,
        "outcome": outcome,
        "message": message,
    });
    document("RunCancel", fields)
}

/// Says whether an asset was let out of quarantine.
pub fn retry_document(asset: &AssetKey, is_lifted: bool, message: &str) -> Value {
    let fields = json!({ "asset": asset, "is_lifted": is_lifted, "message": message });
    document("RunRetry", fields)
}

/// Says what came of pushing a position.
pub fn push_document(asset: &AssetKey, pushed: &Pushed, is_news: bool, message: &str) -> Value {
    let fields = json!({
        "asset": asset,
        "word": pushed.word.as_str(),
        "position": pushed.position,
        "event_watermark": optional_instant(pushed.event_at),
        "is_news": is_news,
        "message": message,
    });
    document("WatermarkPush", fields)
}

fn run(graph: &AssetGraph, run: &RunRecord) -> Value {
    let intent = &run.intent;
    // Only the current attempt has these.
    let current = (run.attempt == intent.attempt).then_some(intent);
    let seconds = run
        .triggered_at
        .zip(run.finished_at)
        .map(|(from, to)| (to - from).num_milliseconds().max(0))
        .map(|millis| json!({ "seconds": millis / 1000, "milliseconds": millis }));
    json!({
        "id": intent.id,
        "task": intent.task,
        "assets": intent.assets,
        "partitions": keys_of_intent(graph, intent),
        "attempt": run.attempt,
        "state": run.state.as_str(),
        "run_id": run.run_id,
        "triggered_at": optional_instant(run.triggered_at),
        "finished_at": optional_instant(run.finished_at),
        "duration_seconds": seconds.and_then(|seconds| seconds.get("seconds").cloned()),
        "not_before": optional_instant(current.and_then(|intent| intent.not_before)),
        "cancel_requested_at": optional_instant(current.and_then(|i| i.cancel_requested_at)),
        "reason": intent.reason,
        "url": run.url,
        "failure": run.failure.as_ref().map(|(code, message)| {
            json!({ "code": code, "message": message })
        }),
    })
}
