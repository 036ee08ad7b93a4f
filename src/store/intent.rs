//! Intents as rows, and how a new one is written.
//!
//! What is fixed for good stands in `intent`, what belongs to an attempt in `run`, and what is built
//! in `intent_asset`, whose index keeps a second open intent for an asset out that begins with the same
//! partition. That open intents have no partition in common is looked up before one is written.

use assets::AssetKey;
use assets::partition::Extent;
use assets::task::TaskName;
use assets::version::Origin;
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::{Cells, maybe_micros, micros, signed, to_json};
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{audit, build, lease};
use crate::ports::StateError;
use crate::state::{BackfillName, Intent, IntentId, IntentState, Lease, RetryRule, RunId};

/// The columns of an intent `i` and its current attempt `c`, in the order of [`row`].
pub(super) const COLUMNS: &str = "i.id, i.state, i.attempt, i.pass, i.task, i.job, i.task_key, i.pool, i.parameters, i.inputs, \
     i.code_versions, i.origin_at, i.origin_seen, i.degraded_by, i.reason, i.retry_attempts, \
     i.retry_backoff_seconds, i.retry_max_seconds, i.timeout_seconds, i.created_at, \
     c.token, c.not_before, c.first_sent_at, c.last_sent_at, c.run_id, c.url, \
     c.cancel_requested_at, i.is_found, coalesce(i.decided_at, i.created_at), i.partitions, \
     i.full_refresh, i.feeds, i.pinned, i.backfill";

/// The tables that [`COLUMNS`] are taken from.
pub(super) const TABLES: &str = "intent i JOIN run c ON c.intent = i.id AND c.attempt = i.attempt";

/// The states of an intent that is not settled, as the index `intent_open` has them.
const OPEN: &str =
    "(i.state = 'pending' OR i.state = 'sending' OR i.state = 'uncertain' OR i.state = 'running')";

/// Returns every intent that is not settled.
pub(super) fn open(connection: &Connection) -> Result<Vec<Intent>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE {OPEN} ORDER BY i.id");
    let intents = list(connection, "intent", &sql, (), row)?;
    intents
        .into_iter()
        .map(|intent| with_assets(connection, intent))
        .collect()
}

/// Returns one intent.
pub(super) fn one(connection: &Connection, id: &IntentId) -> Result<Option<Intent>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE i.id = ?1");
    let found = first(connection, "intent", &sql, params![id.0], row)?;
    found
        .map(|intent| with_assets(connection, intent))
        .transpose()
}

/// Reads [`COLUMNS`], without the assets.
pub(super) fn row(cells: &mut Cells<'_>) -> Result<Intent, Fault> {
    Ok(Intent {
        id: IntentId(cells.take()?),
        state: cells.state()?,
        attempt: cells.small()?,
        pass: cells.pass()?,
        task: TaskName::new(cells.text()?),
        job: cells.json()?,
        task_key: cells.take()?,
        pool: cells.take()?,
        assets: Vec::new(),
        parameters: cells.json()?,
        inputs: cells.json()?,
        code_versions: cells.json()?,
        origin: origin(cells)?,
        degraded_by: cells.json()?,
        reason: cells.take()?,
        retry: RetryRule {
            attempts: cells.small()?,
            backoff_seconds: cells.take()?,
            max_backoff_seconds: cells.take()?,
        },
        timeout_seconds: cells.take()?,
        created_at: cells.instant()?,
        token: cells.take()?,
        not_before: cells.maybe_instant()?,
        first_sent_at: cells.maybe_instant()?,
        last_sent_at: cells.maybe_instant()?,
        run_id: cells.take::<Option<i64>>()?.map(RunId),
        url: cells.take()?,
        cancel_requested_at: cells.maybe_instant()?,
        is_found: cells.take()?,
        decided_at: cells.instant()?,
        partitions: cells.maybe_json()?,
        full_refresh: cells.take()?,
        feeds: cells.maybe_json()?.unwrap_or_default(),
        pinned: cells.maybe_json()?.unwrap_or_default(),
        backfill: cells.take::<Option<String>>()?.map(BackfillName),
    })
}

fn origin(cells: &mut Cells<'_>) -> Result<Option<Origin>, Fault> {
    let Some(at) = cells.maybe_instant()? else {
        cells.skip();
        return Ok(None);
    };
    let seen = cells.pass()?;
    Ok(Some(Origin { at, seen }))
}

/// Fills in what an intent builds.
pub(super) fn with_assets(connection: &Connection, mut intent: Intent) -> Result<Intent, Fault> {
    let sql = "SELECT asset FROM intent_asset WHERE intent = ?1 ORDER BY asset";
    intent.assets = list(
        connection,
        "intent_asset",
        sql,
        params![intent.id.0],
        |cells| cells.key(),
    )?;
    Ok(intent)
}

/// Writes a new intent.
pub(super) fn intend(write: &Write<'_>, lease: &Lease, intent: &Intent) -> Result<(), Fault> {
    let lease = lease::check(&write.tx, lease)?;
    for asset in &intent.assets {
        refuse_overlap(write, intent, asset)?;
    }
    insert(write, lease.epoch, intent, (IntentState::Pending, 1))?;
    insert_assets(write, intent)?;
    insert_attempt(write, intent)?;
    let detail = json!({
        "assets": intent.assets,
        "attempt": 1,
        "epoch": lease.epoch,
        "from": null,
        "inputs": intent.inputs,
        "pass": intent.pass,
        "reason": intent.reason,
        "task": intent.task,
        "to": IntentState::Pending.as_str(),
    });
    audit::append(
        write,
        intent.created_at,
        "intent.pending",
        &intent.id.0,
        &detail,
    )
}

/// Refuses a second writer of a partition.
fn refuse_overlap(write: &Write<'_>, new: &Intent, asset: &AssetKey) -> Result<(), Fault> {
    let sql = "SELECT i.partitions FROM intent_asset a JOIN intent i ON i.id = a.intent
               WHERE a.asset = ?1 AND a.is_open = 1";
    let of = params![asset.as_str()];
    let open: Vec<Option<Extent>> = list(&write.tx, "intent", sql, of, |cells| cells.maybe_json())?;
    if open
        .iter()
        .any(|open| overlaps(new.partitions.as_ref(), open.as_ref()))
    {
        let asset = asset.clone();
        return Err(Fault::State(StateError::IntentExists { asset }));
    }
    Ok(())
}

/// Returns whether two runs of an asset may write the same partition: a run without partitions writes all,
/// and what the ordinals of another declaration mean nobody knows.
fn overlaps(a: Option<&Extent>, b: Option<&Extent>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) if a.ordinals == b.ordinals => a.partitions.meets(&b.partitions),
        (Some(_) | None, _) => true,
    }
}

/// Returns the place of an intent among those that are open for its asset at once: where it begins.
fn lane(intent: &Intent) -> String {
    let first = intent
        .partitions
        .as_ref()
        .and_then(|extent| extent.partitions.iter().next());
    match first {
        Some(first) => format!("{:?}", first.ordinals()),
        None => String::new(),
    }
}

/// Writes what is fixed of an intent, and where its attempt stands.
pub(super) fn insert(
    write: &Write<'_>,
    epoch: u64,
    intent: &Intent,
    (state, attempt): (IntentState, u32),
) -> Result<(), Fault> {
    let feeds = (!intent.feeds.is_empty()).then(|| to_json(&intent.feeds));
    let feeds = feeds.transpose()?;
    write.change(
        "INSERT INTO intent (id, epoch, pass, task, job, task_key, pool, parameters,
             inputs, code_versions, origin_at, origin_seen, degraded_by, reason, retry_attempts,
             retry_backoff_seconds, retry_max_seconds, timeout_seconds, created_at, state, attempt,
              is_found, decided_at, partitions, full_refresh, feeds, pinned, backfill)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)",
        params![
            intent.id.0,
            signed(epoch)?,
            signed(intent.pass.0)?,
            intent.task.as_str(),
            to_json(&intent.job)?,
            intent.task_key,
            intent.pool,
            to_json(&intent.parameters)?,
            to_json(&intent.inputs)?,
            to_json(&intent.code_versions)?,
            maybe_micros(intent.origin.map(|origin| origin.at)),
            intent
                .origin
                .map(|origin| signed(origin.seen.0))
                .transpose()?,
            to_json(&intent.degraded_by)?,
            intent.reason,
            intent.retry.attempts,
            intent.retry.backoff_seconds,
            intent.retry.max_backoff_seconds,
            intent.timeout_seconds,
            micros(intent.created_at),
            state.as_str(),
            attempt,
            intent.is_found,
            micros(intent.decided_at),
            intent.partitions.as_ref().map(to_json).transpose()?,
            intent.full_refresh,
            feeds,
            build::keys(&intent.pinned)?,
            intent.backfill.as_ref().map(|backfill| backfill.0.as_str()),
        ],
    )?;
    Ok(())
}

/// Writes what an intent builds, whose cuts it fulfils.
pub(super) fn insert_assets(write: &Write<'_>, intent: &Intent) -> Result<(), Fault> {
    for asset in &intent.assets {
        write.change(
            "INSERT INTO intent_asset (intent, asset, partition) VALUES (?1, ?2, ?3)",
            params![intent.id.0, asset.as_str(), lane(intent)],
        )?;
        // What is built for a backfill is beside the round that the asset waits for.
        if intent.backfill.is_none() {
            build::drop_cut(write, asset)?;
        }
    }
    Ok(())
}

fn insert_attempt(write: &Write<'_>, intent: &Intent) -> Result<(), Fault> {
    write.change(
        "INSERT INTO run (intent, attempt, state, token, created_at, not_before)
         VALUES (?1, 1, 'pending', ?2, ?3, ?4)",
        params![
            intent.id.0,
            intent.token,
            micros(intent.created_at),
            maybe_micros(intent.not_before),
        ],
    )?;
    Ok(())
}
