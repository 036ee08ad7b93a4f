//! Facts about the state as a whole: the workspace that it belongs to.

use assets::AssetKey;
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::to_json;
use super::fault::Fault;
use super::query::{Write, first};
use super::{audit, lease};
use crate::ports::StateError;
use crate::state::Lease;

/// Returns the workspace that this state was first used with.
pub(super) fn workspace(connection: &Connection) -> Result<Option<String>, Fault> {
    let sql = "SELECT value FROM meta WHERE key = 'workspace_id'";
    first(connection, "meta", sql, (), |cells| cells.take())
}

/// Returns the assets that were declared when the newest pass ended; nothing before the first one.
pub(super) fn declared(connection: &Connection) -> Result<Option<Vec<AssetKey>>, Fault> {
    let sql = "SELECT value FROM meta WHERE key = 'declared'";
    first(connection, "meta", sql, (), |cells| cells.json())
}

/// Records which assets are declared; an empty list says nothing.
pub(super) fn declare(write: &Write<'_>, assets: &[&AssetKey]) -> Result<(), Fault> {
    if assets.is_empty() {
        return Ok(());
    }
    // No data changed, so that nobody has to read the state anew.
    write.execute(
        "INSERT INTO meta (key, value) VALUES ('declared', ?1)
         ON CONFLICT (key) DO UPDATE SET value = ?1 WHERE value IS NOT ?1",
        params![to_json(&assets)?],
    )?;
    Ok(())
}

/// Binds the state to a workspace, or refuses another one.
pub(super) fn pin_workspace(write: &Write<'_>, lease: &Lease, found: &str) -> Result<(), Fault> {
    let info = lease::check(&write.tx, lease)?;
    match workspace(&write.tx)? {
        Some(pinned) if pinned == found => Ok(()),
        Some(pinned) => Err(Fault::State(StateError::OtherWorkspace {
            pinned,
            found: found.to_owned(),
        })),
        None => {
            write.execute(
                "INSERT INTO meta (key, value) VALUES ('workspace_id', ?1)",
                params![found],
            )?;
            let detail = json!({ "workspace_id": found });
            audit::append(
                write,
                info.renewed_at,
                "workspace.pinned",
                "workspace",
                &detail,
            )
        }
    }
}
