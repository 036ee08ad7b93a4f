//! What came of checks: kept by version, with audit and news where a check turned.

use std::sync::Arc;

use assets::AssetKey;
use assets::check::Severity;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::{Cells, micros, signed};
use super::fault::Fault;
use super::query::{Write, each, first};
use super::{audit, outbox};
use crate::state::{CheckResult, CheckResults, CheckStatus};

/// How many results are kept of each check.
const KEPT: i64 = 20;

const COLUMNS: &str =
    "table_id, version, status, severity, expected, measured, message, rows, judged_at";

/// Returns the newest result of each check.
pub(super) fn newest(connection: &Connection) -> Result<CheckResults, Fault> {
    let sql = format!(
        "SELECT asset, name, {COLUMNS} FROM check_result
         WHERE seq IN (SELECT max(seq) FROM check_result GROUP BY asset, name)"
    );
    let mut all = CheckResults::new();
    each(connection, "check_result", &sql, (), |cells| {
        let (asset, name) = (cells.key()?, Arc::from(cells.text()?));
        all.entry(asset).or_default().insert(name, result(cells)?);
        Ok(())
    })?;
    Ok(all)
}

fn result(cells: &mut Cells<'_>) -> Result<CheckResult, Fault> {
    let version = cells.version()?;
    let version = version.ok_or_else(|| Fault::unreadable("check_result", "no version"))?;
    let word = cells.text()?;
    let status = CheckStatus::ALL.into_iter().find(|s| s.as_str() == word);
    Ok(CheckResult {
        version,
        status: status.ok_or_else(|| {
            Fault::unreadable("check_result.status", &format!("`{word}` is unknown"))
        })?,
        severity: match cells.text()? {
            "warn" => Severity::Warn,
            _ => Severity::Error,
        },
        expected: cells.take()?,
        measured: cells.take()?,
        message: cells.take()?,
        rows: cells.maybe_number()?,
        at: cells.instant()?,
    })
}

/// Records a result; tells of it where the check turned.
pub(super) fn record(
    write: &Write<'_>,
    asset: &AssetKey,
    (name, found): (&str, &CheckResult),
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM check_result WHERE asset = ?1 AND name = ?2
         ORDER BY seq DESC LIMIT 1"
    );
    let of = params![asset.as_str(), name];
    let before = first(&write.tx, "check_result", &sql, of, result)?;
    if before.as_ref() == Some(found) {
        return Ok(());
    }
    write.change(
        "INSERT INTO check_result (asset, name, table_id, version, status, severity, expected,
                                   measured, message, rows, judged_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            asset.as_str(),
            name,
            found.version.table_id.as_str(),
            signed(found.version.version)?,
            found.status.as_str(),
            found.severity.as_str(),
            found.expected,
            found.measured,
            found.message,
            found.rows.map(signed).transpose()?,
            micros(found.at),
        ],
    )?;
    write.execute(
        "DELETE FROM check_result WHERE asset = ?1 AND name = ?2 AND seq <=
             (SELECT seq FROM check_result WHERE asset = ?1 AND name = ?2
              ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
        params![asset.as_str(), name, KEPT],
    )?;
    turn(write, asset, (name, found), before.map(|b| b.status), now)
}

/// Every change of what a check comes to stands in the audit trail. The world outside is told of what
/// speaks against the data, and that it does so no longer.
fn turn(
    write: &Write<'_>,
    asset: &AssetKey,
    (name, found): (&str, &CheckResult),
    before: Option<CheckStatus>,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    if before == Some(found.status) {
        return Ok(());
    }
    let detail = json!({
        "check": name,
        "expected": found.expected,
        "measured": found.measured,
        "message": found.message,
        "version": found.version.version,
    });
    let action = format!("check.{}", found.status.as_str());
    audit::append(write, now, &action, asset.as_str(), &detail)?;
    let was_bad = before.is_some_and(CheckStatus::is_bad);
    let kind = match found.status {
        status if status.is_bad() && !was_bad => "check.failed",
        CheckStatus::Pass if was_bad => "check.passed",
        CheckStatus::Pass
        | CheckStatus::Fail
        | CheckStatus::Warn
        | CheckStatus::Error
        | CheckStatus::Unknown => return Ok(()),
    };
    let payload = json!({ "asset": asset, "detail": detail });
    outbox::put(write, kind, &payload, now)
}
