//! The search for runs that the state does not know, and what it finds.

use assets::AssetKey;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::{maybe_micros, micros, to_json};
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{attempt, audit, intent, lease};
use crate::state::{Intent, IntentId, IntentState, Lease, Search};

/// Returns the search, while there is one.
pub(super) fn current(connection: &Connection) -> Result<Option<Search>, Fault> {
    let sql = "SELECT value FROM meta WHERE key = 'search'";
    first(connection, "meta.search", sql, (), |cells| cells.json())
}

/// Records how far the search is, or that it is over. What begins and ends is on the audit trail.
pub(super) fn record(
    write: &Write<'_>,
    search: Option<&Search>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let known = current(&write.tx)?;
    if known.as_ref() == search {
        return Ok(());
    }
    match search {
        Some(search) => write.change(
            "INSERT INTO meta (key, value) VALUES ('search', ?1)
             ON CONFLICT (key) DO UPDATE SET value = ?1",
            params![to_json(search)?],
        )?,
        None => write.change("DELETE FROM meta WHERE key = 'search'", ())?,
    };
    let (cause, since) = (known.as_ref().map(|k| k.cause), known.and_then(|k| k.since));
    match search {
        Some(search) if cause != Some(search.cause) || since != search.since => {
            let detail = json!({
                "cause": search.cause.as_str(),
                "since": search.since,
                "until": search.until,
            });
            audit::append(write, now, "search.begun", "state", &detail)
        }
        Some(_) => Ok(()),
        None => {
            let detail = json!({ "cause": cause.map(|cause| cause.as_str()), "since": since });
            audit::append(write, now, "search.ended", "state", &detail)
        }
    }
}

/// Writes an intent of a run that was found.
pub(super) fn adopt_run(
    write: &Write<'_>,
    lease: &Lease,
    found: &Intent,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let lease = lease::check(&write.tx, lease)?;
    if intent::one(&write.tx, &found.id)?.is_some() {
        return Ok(false);
    }
    let Some(open) = open_of(write, &found.assets)? else {
        return Ok(false);
    };
    for (known, attempt) in &open {
        supersede(write, (known, *attempt), &found.id, now)?;
    }
    let running = IntentState::Running;
    intent::insert(write, lease.epoch, found, (running, found.attempt))?;
    intent::insert_assets(write, found)?;
    write.change(
        "INSERT INTO run (intent, attempt, state, token, created_at, first_sent_at, last_sent_at,
             run_id, url)
         VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            found.id.0,
            found.attempt,
            found.token,
            micros(found.created_at),
            maybe_micros(found.first_sent_at),
            maybe_micros(found.last_sent_at),
            found.run_id.map(|run| run.0),
            found.url,
        ],
    )?;
    let detail = json!({
        "assets": found.assets,
        "attempt": found.attempt,
        "epoch": lease.epoch,
        "from": null,
        "inputs": found.inputs,
        "pass": found.pass,
        "reason": found.reason,
        "run_id": found.run_id,
        "task": found.task,
        "to": running.as_str(),
    });
    audit::append(write, now, "intent.running", &found.id.0, &detail)?;
    Ok(true)
}

/// Returns the open intents of these assets, or nothing if one of them is not in doubt. Those that build
/// single partitions may have been made beside others, and are looked up by themselves.
fn open_of(write: &Write<'_>, assets: &[AssetKey]) -> Result<Option<Vec<(IntentId, u32)>>, Fault> {
    let sql = "SELECT DISTINCT i.id, i.attempt, i.state = 'uncertain' AND NOT i.is_found
               FROM intent_asset a JOIN intent i ON i.id = a.intent
               WHERE a.is_open = 1 AND i.partitions IS NULL
                     AND a.asset IN (SELECT value FROM json_each(?1))
               ORDER BY i.id";
    let of = params![to_json(&assets)?];
    let open = list(&write.tx, "intent", sql, of, |cells| {
        let id = (IntentId(cells.take()?), cells.small()?);
        Ok((id, cells.take::<bool>()?))
    })?;
    let is_in_doubt = open.iter().all(|(_, is_in_doubt)| *is_in_doubt);
    Ok(is_in_doubt.then(|| open.into_iter().map(|(id, _)| id).collect()))
}

/// Closes an intent in doubt whose assets a later intent has a run for: it must have been settled
/// before that one was made. Nothing follows from it for its assets: how it ended was not kept.
fn supersede(
    write: &Write<'_>,
    (id, attempt): (&IntentId, u32),
    by: &IntentId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    write.change(
        "UPDATE run SET finished_at = ?3, code = 'superseded',
             message = 'a later intent was made of its assets; how this one ended was not kept'
         WHERE intent = ?1 AND attempt = ?2",
        params![id.0, attempt, micros(now)],
    )?;
    let states = (IntentState::Uncertain, IntentState::Failed);
    let detail = json!({ "code": "superseded", "by": by });
    attempt::advance(write, (id, attempt), states, now, detail)
}
