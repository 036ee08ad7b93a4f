//! Full refreshes that were asked for: kept until a run built the asset anew.

use std::collections::BTreeMap;

use assets::AssetKey;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::{micros, to_json};
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{Store, audit};
use crate::ports::StateError;
use crate::state::{FullRefreshRequest, Intent};

impl Store {
    /// Records that a person wants an asset built anew in full, and lets it out of quarantine.
    ///
    /// Needs no lease: whoever holds it finds the request in the next pass.
    pub fn request_full_refresh(
        &self,
        asset: &AssetKey,
        request: &FullRefreshRequest,
    ) -> Result<(), StateError> {
        self.write("request_full_refresh", |write| ask(write, asset, request))
    }
}

fn ask(write: &Write<'_>, asset: &AssetKey, request: &FullRefreshRequest) -> Result<(), Fault> {
    write.change(
        "INSERT OR REPLACE INTO full_refresh (asset, asked_at, asked_by, remaining)
         VALUES (?1, ?2, ?3, ?4)",
        params![
            asset.as_str(),
            micros(request.asked_at),
            request.asked_by,
            request.remaining.as_ref().map(to_json).transpose()?,
        ],
    )?;
    write.change(
        "UPDATE build SET failure = NULL WHERE asset = ?1 AND failure IS NOT NULL",
        params![asset.as_str()],
    )?;
    let what = ("full_refresh.requested", asset.as_str(), &json!({}));
    audit::append_as(write, &request.asked_by, request.asked_at, what)
}

/// Returns the requests that are not fulfilled.
pub(super) fn all(
    connection: &Connection,
) -> Result<BTreeMap<AssetKey, FullRefreshRequest>, Fault> {
    let sql = "SELECT asset, asked_at, asked_by, remaining FROM full_refresh ORDER BY asset";
    let rows = list(connection, "full_refresh", sql, (), |cells| {
        let asset = cells.key()?;
        let request = FullRefreshRequest {
            asked_at: cells.instant()?,
            asked_by: cells.take()?,
            remaining: cells.maybe_json()?,
        };
        Ok((asset, request))
    })?;
    Ok(rows.into_iter().collect())
}

/// A run built an asset, or some of its partitions, anew. A request that came after the run was decided on
/// means another one.
pub(super) fn built(write: &Write<'_>, asset: &AssetKey, intent: &Intent) -> Result<(), Fault> {
    let sql = "SELECT asked_at, remaining FROM full_refresh WHERE asset = ?1";
    let of = params![asset.as_str()];
    let asked: Option<(DateTime<Utc>, Option<assets::partition::Extent>)> =
        first(&write.tx, "full_refresh", sql, of, |cells| {
            Ok((cells.instant()?, cells.maybe_json()?))
        })?;
    let Some((asked_at, remaining)) = asked else {
        return Ok(());
    };
    if asked_at > intent.decided_at {
        return Ok(());
    }
    if let (Some(mut remaining), Some(built)) = (remaining, &intent.partitions)
        && remaining.ordinals == built.ordinals
    {
        remaining.partitions = remaining.partitions.difference(&built.partitions);
        if !remaining.partitions.is_empty() {
            write.change(
                "UPDATE full_refresh SET remaining = ?2 WHERE asset = ?1",
                params![asset.as_str(), to_json(&remaining)?],
            )?;
            return Ok(());
        }
    }
    write.change(
        "DELETE FROM full_refresh WHERE asset = ?1",
        params![asset.as_str()],
    )?;
    Ok(())
}
