//! What came of deadlines, and how long runs took.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::run_times::RunTimes;
use chrono::TimeDelta;
use rusqlite::{Connection, params};

use super::cells::{micros, to_json};
use super::fault::Fault;
use super::query::{Write, first, list};
use crate::state::DeadlineVerdict;

/// Returns what came of the newest deadline of each asset.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<AssetKey, DeadlineVerdict>, Fault> {
    let sql = "SELECT asset, at, is_met, judged_at FROM deadline ORDER BY asset";
    let rows = list(connection, "deadline", sql, (), |cells| {
        let asset = cells.key()?;
        let verdict = DeadlineVerdict {
            at: cells.instant()?,
            is_met: cells.take()?,
            judged_at: cells.instant()?,
        };
        Ok((asset, verdict))
    })?;
    Ok(rows.into_iter().collect())
}

/// Records what came of deadlines. The verdict on an instant is never changed.
pub(super) fn record(
    write: &Write<'_>,
    verdicts: &[(AssetKey, DeadlineVerdict)],
) -> Result<(), Fault> {
    for (asset, verdict) in verdicts {
        write.change(
            "INSERT INTO deadline (asset, at, is_met, judged_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (asset) DO UPDATE SET at = ?2, is_met = ?3, judged_at = ?4
             WHERE at <> ?2",
            params![
                asset.as_str(),
                micros(verdict.at),
                verdict.is_met,
                micros(verdict.judged_at),
            ],
        )?;
    }
    Ok(())
}

/// Returns how long the newest runs of each asset took.
pub(super) fn run_times(connection: &Connection) -> Result<BTreeMap<AssetKey, RunTimes>, Fault> {
    let sql = "SELECT asset, seconds FROM run_time ORDER BY asset";
    let rows = list(connection, "run_time", sql, (), |cells| {
        Ok((cells.key()?, cells.json()?))
    })?;
    Ok(rows.into_iter().collect())
}

/// Records how long a run took that succeeded.
pub(super) fn ran(write: &Write<'_>, asset: &AssetKey, took: TimeDelta) -> Result<(), Fault> {
    let sql = "SELECT seconds FROM run_time WHERE asset = ?1";
    let known = first(
        &write.tx,
        "run_time",
        sql,
        params![asset.as_str()],
        |cells| cells.json(),
    )?;
    let mut times: RunTimes = known.unwrap_or_default();
    times.push(took);
    write.change(
        "INSERT OR REPLACE INTO run_time (asset, seconds) VALUES (?1, ?2)",
        params![asset.as_str(), to_json(&times)?],
    )?;
    Ok(())
}
