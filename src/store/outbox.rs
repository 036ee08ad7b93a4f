//! Events for the world outside, written in the transaction of what they tell of.
//!
//! Nothing is sent from here. The newest ten thousand are kept, so that a reader may be away for a
//! while and a state without any reader does not grow for ever.

use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::{Value, json};

use super::cells::micros;
use super::fault::Fault;
use super::query::Write;
use crate::state::{Intent, IntentState};

const KEPT: i64 = 10_000;

/// Writes down that an intent was settled.
pub(super) fn tell(
    write: &Write<'_>,
    intent: &Intent,
    to: IntentState,
    finished_at: DateTime<Utc>,
    (detail, now): (Value, DateTime<Utc>),
) -> Result<(), Fault> {
    let payload = json!({
        "assets": intent.assets,
        "attempt": intent.attempt,
        "detail": detail,
        "finished_at": finished_at,
        "intent": intent.id,
        "run_id": intent.run_id,
        "task": intent.task,
        "url": intent.url,
    });
    put(write, &format!("run.{}", to.as_str()), &payload, now)
}

/// Writes an event down, and forgets the oldest.
pub(super) fn put(
    write: &Write<'_>,
    kind: &str,
    payload: &Value,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    write.execute(
        "INSERT INTO outbox (kind, payload, created_at) VALUES (?1, ?2, ?3)",
        params![kind, payload.to_string(), micros(now)],
    )?;
    let oldest = write.tx.last_insert_rowid().saturating_sub(KEPT);
    write.execute("DELETE FROM outbox WHERE id <= ?1", params![oldest])?;
    Ok(())
}
