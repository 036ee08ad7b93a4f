//! Passes and decisions: what the reconciler did and why, for people.

use assets::{AssetKey, PassNumber};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::cells::{Cells, micros, signed};
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{backfill, build, deadline, lease, meta};
use crate::ports::{DecisionRecord, PassFindings, PassRecord};
use crate::state::Lease;

/// How many passes are kept.
const KEPT_PASSES: u64 = 1000;

/// How many decisions are kept per asset.
const KEPT_DECISIONS: i64 = 20;

/// Begins a pass.
pub(super) fn begin(
    write: &Write<'_>,
    lease: &Lease,
    now: DateTime<Utc>,
) -> Result<PassNumber, Fault> {
    let lease = lease::check(&write.tx, lease)?;
    let newest = "SELECT coalesce(max(number), 0) FROM pass";
    let number =
        first(&write.tx, "pass", newest, (), |cells| cells.number())?.unwrap_or_default() + 1;
    write.execute(
        "INSERT INTO pass (number, epoch, began_at) VALUES (?1, ?2, ?3)",
        params![signed(number)?, signed(lease.epoch)?, micros(now)],
    )?;
    write.execute(
        "DELETE FROM pass WHERE number <= ?1",
        params![signed(number.saturating_sub(KEPT_PASSES))?],
    )?;
    Ok(PassNumber(number))
}

/// Ends a pass.
pub(super) fn finish(
    write: &Write<'_>,
    lease: &Lease,
    summary: &PassRecord,
    found: PassFindings<'_>,
) -> Result<(), Fault> {
    lease::check(&write.tx, lease)?;
    deadline::record(write, found.deadlines)?;
    for compaction in found.compactions {
        build::compact(write, compaction)?;
    }
    if let Some(learned) = found.learned {
        build::learn(write, learned)?;
    }
    for news in found.backfills {
        backfill::note(write, news, summary.finished_at)?;
    }
    meta::declare(write, found.declared)?;
    write.execute(
        "UPDATE pass SET finished_at = ?2, observed = ?3, triggered = ?4, unknown = ?5
         WHERE number = ?1",
        params![
            signed(summary.pass.0)?,
            micros(summary.finished_at),
            signed(summary.observed)?,
            signed(summary.triggered)?,
            signed(summary.unknown)?,
        ],
    )?;
    Ok(())
}

/// Returns the newest passes that ended, newest first.
pub(super) fn passes(connection: &Connection, limit: usize) -> Result<Vec<PassRecord>, Fault> {
    let sql = "SELECT number, finished_at, observed, triggered, unknown FROM pass
               WHERE finished_at IS NOT NULL ORDER BY number DESC LIMIT ?1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    list(connection, "pass", sql, params![limit], |cells| {
        Ok(PassRecord {
            pass: cells.pass()?,
            finished_at: cells.instant()?,
            observed: cells.number()?,
            triggered: cells.number()?,
            unknown: cells.number()?,
        })
    })
}

/// Tells whether a decision says something else than the last one recorded of its asset.
pub(super) fn is_new(connection: &Connection, decision: &DecisionRecord) -> Result<bool, Fault> {
    let sql = "SELECT action, reasons FROM decision WHERE asset = ?1 ORDER BY seq DESC LIMIT 1";
    let asset = params![decision.asset.as_str()];
    let is_same = first(connection, "decision", sql, asset, |cells| {
        Ok(cells.text()? == decision.action && cells.text()? == decision.reasons)
    })?;
    Ok(is_same != Some(true))
}

/// Records a decision and forgets the oldest ones of its asset.
pub(super) fn decide(write: &Write<'_>, decision: &DecisionRecord) -> Result<(), Fault> {
    write.execute(
        "INSERT INTO decision (asset, pass, at, action, reasons) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            decision.asset.as_str(),
            signed(decision.pass.0)?,
            micros(decision.at),
            decision.action,
            decision.reasons,
        ],
    )?;
    write.execute(
        "DELETE FROM decision WHERE asset = ?1 AND seq <=
             (SELECT seq FROM decision WHERE asset = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        params![decision.asset.as_str(), KEPT_DECISIONS],
    )?;
    Ok(())
}

/// Returns the newest decisions about an asset, newest first.
pub(super) fn decisions(
    connection: &Connection,
    asset: &AssetKey,
    limit: usize,
) -> Result<Vec<DecisionRecord>, Fault> {
    let sql = "SELECT asset, pass, at, action, reasons FROM decision
               WHERE asset = ?1 ORDER BY seq DESC LIMIT ?2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    list(
        connection,
        "decision",
        sql,
        params![asset.as_str(), limit],
        |cells| {
            Ok(DecisionRecord {
                asset: cells.key()?,
                pass: cells.pass()?,
                at: cells.instant()?,
                action: action(cells)?,
                reasons: cells.take()?,
            })
        },
    )
}

fn action(cells: &mut Cells<'_>) -> Result<&'static str, Fault> {
    let text = cells.text()?;
    ["run", "wait", "hold", "none"]
        .into_iter()
        .find(|known| *known == text)
        .ok_or_else(|| Fault::unreadable("decision.action", &format!("`{text}` is unknown")))
}
