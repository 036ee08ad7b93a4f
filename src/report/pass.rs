//! The document of `headwater reconcile`: one pass.

use serde_json::{Value, json};

use super::{document, instant, optional_instant};
use crate::execute::Sent;
use crate::reconcile::{Found, PassReport, Settled, Triggered};

/// Says what a pass did.
pub fn pass_document(report: &PassReport, environment: &str) -> Value {
    let fields = json!({
        "pass": report.pass,
        "environment": environment,
        "started_at": instant(report.started_at),
        "elapsed_ms": u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        "observed": report.observed,
        "settled": report.settled.iter().map(settled).collect::<Vec<_>>(),
        "triggered": report.triggered.iter().map(triggered).collect::<Vec<_>>(),
        "in_flight": report.in_flight,
        "waiting": report.waiting,
        "held": report.held,
        "unknown": report.unknown,
        "problems": report.problems.iter().chain(&report.search_warning).collect::<Vec<_>>(),
        "found": report.found.iter().map(found).collect::<Vec<_>>(),
        "nothing_triggered_until": optional_instant(report.search.as_ref().and_then(|s| s.until)),
    });
    document("Pass", fields)
}

fn settled(settled: &Settled) -> Value {
    json!({
        "intent": settled.intent,
        "attempt": settled.attempt,
        "assets": settled.assets,
        "run_id": settled.run_id,
        "outcome": settled.outcome,
        "message": settled.message,
    })
}

fn found(found: &Found) -> Value {
    json!({
        "intent": found.intent,
        "attempt": found.attempt,
        "assets": found.assets,
        "run_id": found.run_id,
        "is_active": found.is_active,
    })
}

fn triggered(triggered: &Triggered) -> Value {
    let (state, run_id, message) = match &triggered.sent {
        Sent::Started(run) => ("started", Some(run), None),
        Sent::Unanswered(message) => ("unanswered", None, Some(message.as_str())),
        Sent::RateLimited { message, .. } => ("rate_limited", None, Some(message.as_str())),
        Sent::Unauthenticated { message, .. } => ("unauthenticated", None, Some(message.as_str())),
        Sent::Refused { message, .. } => ("refused", None, Some(message.as_str())),
        Sent::Overtaken => ("overtaken", None, None),
    };
    json!({
        "intent": triggered.intent,
        "attempt": triggered.attempt,
        "task": triggered.task,
        "assets": triggered.assets,
        "state": state,
        "run_id": run_id,
        "message": message,
        "reason": triggered.reason,
    })
}
