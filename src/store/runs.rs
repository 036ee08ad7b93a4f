//! Attempts and their runs, for people who ask what happened.

use assets::AssetKey;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Params, params};

use super::cells::{maybe_micros, to_json};
use super::fault::Fault;
use super::intent;
use super::query::list;
use crate::ports::RunRecord;
use crate::state::{BackfillName, IntentId, IntentState, RunId, StartedRun};

/// Which attempts are asked for. An empty list asks for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Those that build one of these.
    pub assets: Vec<AssetKey>,
    /// Those that stand or ended in one of these.
    pub states: Vec<IntentState>,
    /// At most so many.
    pub limit: usize,
    /// Those written down at or after this, UTC.
    pub since: Option<DateTime<Utc>>,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self {
            assets: Vec::new(),
            states: Vec::new(),
            limit: usize::MAX,
            since: None,
        }
    }
}

/// Returns attempts, newest first.
pub(super) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunRecord>, Fault> {
    let sql = select(
        "(?1 = '[]' OR r.state IN (SELECT value FROM json_each(?1)))
         AND (?2 = '[]' OR EXISTS (
             SELECT 1 FROM intent_asset a
             WHERE a.intent = r.intent AND a.asset IN (SELECT value FROM json_each(?2))
         ))
         AND (?3 IS NULL OR r.created_at >= ?3)
         ORDER BY r.created_at DESC, r.intent DESC, r.attempt DESC LIMIT ?4",
    );
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    records(
        connection,
        &sql,
        params![
            to_json(&states)?,
            to_json(&filter.assets)?,
            maybe_micros(filter.since),
            limit
        ],
    )
}

/// Returns the attempt that a run belongs to.
pub(super) fn by_run_id(connection: &Connection, run: RunId) -> Result<Option<RunRecord>, Fault> {
    let sql = select("r.run_id = ?1 ORDER BY r.created_at DESC LIMIT 1");
    Ok(records(connection, &sql, params![run.0])?.pop())
}

/// Returns the attempts of an intent, the first one first.
pub(super) fn of_intent(connection: &Connection, id: &IntentId) -> Result<Vec<RunRecord>, Fault> {
    let sql = select("r.intent = ?1 ORDER BY r.attempt");
    records(connection, &sql, params![id.0])
}

/// Returns the attempts that were made for a backfill, the first one first.
pub(super) fn of_backfill(
    connection: &Connection,
    name: &BackfillName,
) -> Result<Vec<RunRecord>, Fault> {
    let sql = select("i.backfill = ?1 ORDER BY r.created_at, r.attempt");
    records(connection, &sql, params![name.0])
}

/// Returns the attempts that were written down at or after an instant, the oldest first.
pub(super) fn started_since(
    connection: &Connection,
    from: DateTime<Utc>,
) -> Result<Vec<StartedRun>, Fault> {
    list(
        connection,
        "run",
        "SELECT r.created_at, i.pool, i.backfill IS NOT NULL,
             (SELECT json_group_array(DISTINCT a.asset) FROM intent_asset a WHERE a.intent = r.intent)
         FROM run r JOIN intent i ON i.id = r.intent
         WHERE r.created_at >= ?1 ORDER BY r.created_at, r.intent, r.attempt",
        [from.timestamp_micros()],
        |cells| {
            Ok(StartedRun {
                at: cells.instant()?,
                pool: cells.take()?,
                is_for_backfill: cells.take()?,
                assets: cells.json()?,
            })
        },
    )
}

fn select(condition: &str) -> String {
    format!(
        "SELECT {}, r.attempt, r.state, r.first_sent_at, r.finished_at, r.run_id, r.url, r.code,
             r.message
         FROM {} JOIN run r ON r.intent = i.id WHERE {condition}",
        intent::COLUMNS,
        intent::TABLES
    )
}

fn records(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<RunRecord>, Fault> {
    let rows = list(connection, "run", sql, params, |cells| {
        Ok(RunRecord {
            intent: intent::row(cells)?,
            attempt: cells.small()?,
            state: cells.state()?,
            triggered_at: cells.maybe_instant()?,
            finished_at: cells.maybe_instant()?,
            run_id: cells.take::<Option<i64>>()?.map(RunId),
            url: cells.take()?,
            failure: {
                let (code, message) = (cells.take()?, cells.take::<Option<String>>()?);
                Option::zip(code, message)
            },
        })
    })?;
    let complete = rows.into_iter().map(|mut record| {
        record.intent = intent::with_assets(connection, record.intent)?;
        Ok(record)
    });
    complete.collect()
}
