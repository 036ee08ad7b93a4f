//! The documents of `headwater runs`.

use serde_json::{Value, json};

use super::{document, optional_instant};
use crate::ports::RunRecord;

/// Lists attempts, newest first.
pub fn run_list(runs: &[RunRecord]) -> Value {
    document(
        "RunList",
        json!({ "runs": runs.iter().map(run).collect::<Vec<_>>() }),
    )
}

/// Says everything about the attempts of one intent.
pub fn run_document(runs: &[RunRecord]) -> Value {
    let intent = runs.first().map(|run| &run.intent);
    let fields = json!({
        "id": intent.map(|intent| &intent.id),
        "task": intent.map(|intent| &intent.task),
        "assets": intent.map(|intent| &intent.assets),
        "reason": intent.map(|intent| &intent.reason),
        "inputs": intent.map(|intent| &intent.inputs),
        "parameters": intent.map(|intent| &intent.parameters),
        "degraded_by": intent.map(|intent| &intent.degraded_by),
        "attempts": runs.iter().map(run).collect::<Vec<_>>(),
    });
    document("Run", fields)
}

fn run(run: &RunRecord) -> Value {
    let intent = &run.intent;
    let seconds = run
        .triggered_at
        .zip(run.finished_at)
        .map(|(from, to)| (to - from).num_milliseconds().max(0))
        .map(|millis| json!({ "seconds": millis / 1000, "milliseconds": millis }));
    json!({
        "id": intent.id,
        "task": intent.task,
        "assets": intent.assets,
        "partitions": "all",
        "attempt": run.attempt,
        "state": run.state.as_str(),
        "run_id": run.run_id,
        "triggered_at": optional_instant(run.triggered_at),
        "finished_at": optional_instant(run.finished_at),
        "duration_seconds": seconds.and_then(|seconds| seconds.get("seconds").cloned()),
        "reason": intent.reason,
        "url": run.url,
        "failure": run.failure.as_ref().map(|(code, message)| {
            json!({ "code": code, "message": message })
        }),
    })
}
