//! Facts about the state as a whole: the workspace that it belongs to.

use rusqlite::{Connection, params};
use serde_json::json;

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
