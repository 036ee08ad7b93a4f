//! What is known of tables beyond what the planner reads: their partitions and their columns.
//!
//! Everything is carried forward by what a reading found, in the transaction that records the reading:
//! a row that stays as it was is not written again.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::delta::contents::{PartitionNews, PartitionState};
use assets::delta::partition_tuple::PartitionTuple;
use assets::delta::schema::{Compatibility, Schema, SchemaChange, classify, compare};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::cells::{Cells, micros, signed, to_json};
use super::fault::Fault;
use super::query::{Write, each, first, list};
use crate::ports::Sighting;
use crate::state::TableNotes;

/// How many changes of columns are kept of each table.
const KEPT_CHANGES: i64 = 20;

/// Records what a look found out about partitions and columns.
pub(super) fn record(write: &Write<'_>, seen: &Sighting, now: DateTime<Utc>) -> Result<(), Fault> {
    let asset = &seen.asset;
    let Some(head) = &seen.observation.head else {
        return Ok(());
    };
    match &seen.partitions {
        PartitionNews::Nothing if head.details.contents.is_some() => {}
        // Nobody knows any more what there is.
        PartitionNews::Nothing => forget_partitions(write, asset)?,
        PartitionNews::Replaced(all) => replace(write, asset, all)?,
        PartitionNews::Changed(deltas) => {
            for (tuple, delta) in deltas {
                let before = partition(write, asset, tuple)?;
                let at = (head.version, head.last_committed_at);
                let after = PartitionState::advance(before.as_ref(), delta, at);
                if before.as_ref() != Some(&after) {
                    put(write, asset, tuple, &after)?;
                }
            }
        }
    }
    match &seen.schema {
        Some(schema) => take_schema(write, seen, schema, now),
        None => Ok(()),
    }
}

fn forget_partitions(write: &Write<'_>, asset: &AssetKey) -> Result<(), Fault> {
    let sql = "DELETE FROM table_partition WHERE asset = ?1";
    write.execute(sql, params![asset.as_str()])?;
    Ok(())
}

fn replace(
    write: &Write<'_>,
    asset: &AssetKey,
    all: &BTreeMap<PartitionTuple, PartitionState>,
) -> Result<(), Fault> {
    let before = partitions(&write.tx, asset)?;
    for tuple in before.keys().filter(|tuple| !all.contains_key(tuple)) {
        let sql = "DELETE FROM table_partition WHERE asset = ?1 AND partition = ?2";
        write.execute(sql, params![asset.as_str(), tuple.encode()])?;
    }
    for (tuple, state) in all {
        if before.get(tuple) != Some(state) {
            put(write, asset, tuple, state)?;
        }
    }
    Ok(())
}

fn put(
    write: &Write<'_>,
    asset: &AssetKey,
    tuple: &PartitionTuple,
    state: &PartitionState,
) -> Result<(), Fault> {
    write.execute(
        "INSERT OR REPLACE INTO table_partition
             (asset, partition, version, changed_at, is_bound, rows, files)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            asset.as_str(),
            tuple.encode(),
            signed(state.version)?,
            micros(state.at),
            state.is_bound,
            state.rows.map(signed).transpose()?,
            signed(state.files)?,
        ],
    )?;
    Ok(())
}

fn partition(
    write: &Write<'_>,
    asset: &AssetKey,
    tuple: &PartitionTuple,
) -> Result<Option<PartitionState>, Fault> {
    let sql = "SELECT version, changed_at, is_bound, rows, files FROM table_partition
               WHERE asset = ?1 AND partition = ?2";
    let params = params![asset.as_str(), tuple.encode()];
    first(&write.tx, "table_partition", sql, params, |cells| {
        state(cells)
    })
}

/// Returns whether a partition of an asset's table has files.
pub(super) fn has_files(
    connection: &Connection,
    asset: &AssetKey,
    tuple: &PartitionTuple,
) -> Result<bool, Fault> {
    let sql = "SELECT files > 0 FROM table_partition WHERE asset = ?1 AND partition = ?2";
    let params = params![asset.as_str(), tuple.encode()];
    let found = first(connection, "table_partition", sql, params, |cells| {
        cells.take()
    })?;
    Ok(found.unwrap_or(false))
}

fn state(cells: &mut Cells<'_>) -> Result<PartitionState, Fault> {
    Ok(PartitionState {
        version: cells.number()?,
        at: cells.instant()?,
        is_bound: cells.take()?,
        rows: cells.maybe_number()?,
        files: cells.number()?,
    })
}

/// Returns what is known of the partitions of an asset's table.
pub(super) fn partitions(
    connection: &Connection,
    asset: &AssetKey,
) -> Result<BTreeMap<PartitionTuple, PartitionState>, Fault> {
    let sql = "SELECT partition, version, changed_at, is_bound, rows, files FROM table_partition
               WHERE asset = ?1";
    let rows = list(
        connection,
        "table_partition",
        sql,
        params![asset.as_str()],
        |cells| {
            let tuple = PartitionTuple::decode(cells.text()?)
                .ok_or_else(|| Fault::unreadable("table_partition", "no list of values"))?;
            Ok((tuple, state(cells)?))
        },
    )?;
    Ok(rows.into_iter().collect())
}

/// Compares new columns with those that were known.
fn take_schema(
    write: &Write<'_>,
    seen: &Sighting,
    schema: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let (asset, Some(head)) = (&seen.asset, &seen.observation.head) else {
        return Ok(());
    };
    let sql = "SELECT schema FROM table_schema WHERE asset = ?1";
    let before = first(
        &write.tx,
        "table_schema",
        sql,
        params![asset.as_str()],
        |cells| Ok(cells.text()?.to_owned()),
    )?;
    if before.as_deref() == Some(schema) {
        return Ok(());
    }
    write.execute(
        "INSERT OR REPLACE INTO table_schema (asset, schema) VALUES (?1, ?2)",
        params![asset.as_str(), schema],
    )?;
    let known = before.as_deref().and_then(Schema::parse);
    let (Some(old), Some(new)) = (known, Schema::parse(schema)) else {
        return Ok(());
    };
    let changes = compare(&old, &new);
    let compatibility = match classify(&changes) {
        Compatibility::Identical => return Ok(()),
        Compatibility::Compatible => "compatible",
        Compatibility::Breaking => "breaking",
    };
    write.execute(
        "INSERT INTO schema_change (asset, table_id, version, seen_at, compatibility, changes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            asset.as_str(),
            head.table_id.as_str(),
            signed(head.version)?,
            micros(now),
            compatibility,
            to_json(&changes)?,
        ],
    )?;
    write.execute(
        "DELETE FROM schema_change WHERE asset = ?1 AND seq NOT IN
             (SELECT seq FROM schema_change WHERE asset = ?1 ORDER BY seq DESC LIMIT ?2)",
        params![asset.as_str(), KEPT_CHANGES],
    )?;
    Ok(())
}

/// Returns the columns of an asset's table as its log spells them, where they were seen.
pub(super) fn schema(connection: &Connection, asset: &AssetKey) -> Result<Option<String>, Fault> {
    let sql = "SELECT schema FROM table_schema WHERE asset = ?1";
    first(
        connection,
        "table_schema",
        sql,
        params![asset.as_str()],
        |cells| cells.take(),
    )
}

/// Returns how many partitions with data each table has, and the last change of its columns.
pub(super) fn notes(connection: &Connection) -> Result<BTreeMap<AssetKey, TableNotes>, Fault> {
    let mut notes = BTreeMap::<AssetKey, TableNotes>::new();
    let sql = "SELECT asset, count(*) FROM table_partition WHERE files > 0 GROUP BY asset";
    each(connection, "table_partition", sql, (), |cells| {
        let asset = cells.key()?;
        notes.entry(asset).or_default().partitions = cells.number()?;
        Ok(())
    })?;
    let sql = "SELECT asset, version, seen_at, compatibility, changes FROM schema_change
               WHERE seq IN (SELECT max(seq) FROM schema_change GROUP BY asset)";
    each(connection, "schema_change", sql, (), |cells| {
        let asset = cells.key()?;
        let change = crate::state::SchemaNews {
            version: cells.number()?,
            seen_at: cells.instant()?,
            is_breaking: cells.text()? == "breaking",
            changes: cells.json::<Vec<SchemaChange>>()?,
        };
        notes.entry(asset).or_default().schema_change = Some(change);
        Ok(())
    })?;
    Ok(notes)
}
