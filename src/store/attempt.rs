//! The current attempt of an intent on its way: stamped, sent, its run known or in doubt.
//!
//! Every step compares attempt and state and does nothing if they are no longer what it expects.
//! A change of state writes one audit row, `intent.STATE`; what else happens to an attempt is
//! written as `attempt.WORD`.

use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::{Value, json};

use super::cells::micros;
use super::fault::Fault;
use super::query::{Write, first};
use super::{audit, lease};
use crate::ports::LaterRun;
use crate::state::{IntentId, IntentState, Lease, RunId};

/// Returns the state of an intent if this attempt is still its current one.
pub(super) fn current(
    write: &Write<'_>,
    intent: &IntentId,
    attempt: u32,
) -> Result<Option<IntentState>, Fault> {
    let sql = "SELECT state FROM intent WHERE id = ?1 AND attempt = ?2";
    first(
        &write.tx,
        "intent",
        sql,
        params![intent.0, attempt],
        |cells| cells.state(),
    )
}

/// Moves an intent and its current attempt to another state, with its audit row.
pub(super) fn advance(
    write: &Write<'_>,
    (intent, attempt): (&IntentId, u32),
    (from, to): (IntentState, IntentState),
    now: DateTime<Utc>,
    mut detail: Value,
) -> Result<(), Fault> {
    write.change(
        "UPDATE intent SET state = ?3 WHERE id = ?1 AND attempt = ?2",
        params![intent.0, attempt, to.as_str()],
    )?;
    if from.is_open() != to.is_open() {
        // The index that keeps a second open intent of an asset out goes by this.
        write.change(
            "UPDATE intent_asset SET is_open = ?2 WHERE intent = ?1",
            params![intent.0, to.is_open()],
        )?;
    }
    write.change(
        "UPDATE run SET state = ?3 WHERE intent = ?1 AND attempt = ?2",
        params![intent.0, attempt, to.as_str()],
    )?;
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("attempt".to_owned(), json!(attempt));
        fields.insert("from".to_owned(), json!(from.as_str()));
        fields.insert("to".to_owned(), json!(to.as_str()));
    }
    audit::append(
        write,
        now,
        &format!("intent.{}", to.as_str()),
        &intent.0,
        &detail,
    )
}

/// Marks the attempt as being sent; keeps the first stamp when it is sent again.
pub(super) fn stamp(
    write: &Write<'_>,
    lease: &Lease,
    (intent, attempt): (&IntentId, u32),
    service_time: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    lease::check(&write.tx, lease)?;
    let current = current(write, intent, attempt)?;
    let Some(from @ (IntentState::Pending | IntentState::Sending)) = current else {
        return Ok(false);
    };
    write.change(
        "UPDATE run SET first_sent_at = coalesce(first_sent_at, ?3), last_sent_at = ?3
         WHERE intent = ?1 AND attempt = ?2",
        params![intent.0, attempt, micros(service_time)],
    )?;
    let detail = json!({ "service_time": service_time });
    if from == IntentState::Pending {
        advance(
            write,
            (intent, attempt),
            (from, IntentState::Sending),
            now,
            detail,
        )?;
    } else {
        audit::append(write, now, "attempt.sent_again", &intent.0, &detail)?;
    }
    Ok(true)
}

/// Records the run of the attempt.
pub(super) fn record_run(
    write: &Write<'_>,
    (intent, attempt): (&IntentId, u32),
    run: RunId,
    url: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let current = current(write, intent, attempt)?;
    let Some(from @ (IntentState::Sending | IntentState::Uncertain)) = current else {
        return Ok(false);
    };
    write.change(
        "UPDATE run SET run_id = ?3, url = ?4 WHERE intent = ?1 AND attempt = ?2",
        params![intent.0, attempt, run.0, url],
    )?;
    let detail = json!({ "run_id": run });
    advance(
        write,
        (intent, attempt),
        (from, IntentState::Running),
        now,
        detail,
    )?;
    Ok(true)
}

/// Records the run of a later attempt than the current one, which becomes the current one.
pub(super) fn record_later_run(
    write: &Write<'_>,
    (intent, attempt): (&IntentId, u32),
    later: &LaterRun,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let is_later = later.attempt > attempt;
    let current = current(write, intent, attempt)?;
    if current != Some(IntentState::Uncertain) || !is_later {
        return Ok(false);
    }
    write.change(
        "UPDATE run SET state = 'failed', finished_at = ?3, code = 'superseded',
             message = 'a later attempt was made; how this one ended was not kept'
         WHERE intent = ?1 AND attempt = ?2",
        params![intent.0, attempt, micros(now)],
    )?;
    write.change(
        "INSERT INTO run (intent, attempt, state, token, created_at, first_sent_at, last_sent_at,
             run_id, url)
         VALUES (?1, ?2, 'uncertain', ?3, ?4, ?5, ?5, ?6, ?7)",
        params![
            intent.0,
            later.attempt,
            later.token,
            micros(now),
            micros(later.started_at),
            later.run.0,
            later.url,
        ],
    )?;
    write.change(
        "UPDATE intent SET attempt = ?2 WHERE id = ?1",
        params![intent.0, later.attempt],
    )?;
    let states = (IntentState::Uncertain, IntentState::Running);
    let detail = json!({ "run_id": later.run, "superseded": attempt });
    advance(write, (intent, later.attempt), states, now, detail)?;
    Ok(true)
}

/// Records that nobody can tell whether the attempt has a run.
pub(super) fn record_uncertain(
    write: &Write<'_>,
    (intent, attempt): (&IntentId, u32),
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    if current(write, intent, attempt)? != Some(IntentState::Sending) {
        return Ok(false);
    }
    let states = (IntentState::Sending, IntentState::Uncertain);
    advance(
        write,
        (intent, attempt),
        states,
        now,
        json!({ "reason": reason }),
    )?;
    Ok(true)
}

/// Records, once, that the attempt shall be cancelled.
pub(super) fn record_cancel_request(
    write: &Write<'_>,
    (intent, attempt): (&IntentId, u32),
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    if !current(write, intent, attempt)?.is_some_and(IntentState::is_open) {
        return Ok(false);
    }
    let touched = write.change(
        "UPDATE run SET cancel_requested_at = ?3
         WHERE intent = ?1 AND attempt = ?2 AND cancel_requested_at IS NULL",
        params![intent.0, attempt, micros(now)],
    )?;
    if touched > 0 {
        let detail = json!({ "attempt": attempt });
        audit::append(write, now, "attempt.cancel_requested", &intent.0, &detail)?;
    }
    Ok(touched > 0)
}
