//! Backfills as rows: what was asked for, and how far it is.
//!
//! What a run built or could not build is recorded in the transaction that settles the run, so that no
//! partition is ever counted twice or forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::AssetKey;
use assets::partition::PartitionSet;
use assets::version::PassNumber;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::{Cells, maybe_micros, micros, signed, to_json};
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{audit, outbox};
use crate::state::{
    Backfill, BackfillError, BackfillName, BackfillNews, BackfillOrder, BackfillState,
    BackfillTarget, Intent,
};

const COLUMNS: &str = "name, state, is_newest_first, chunk, max_concurrent_runs, is_forced, pass, \
                       created_at, created_by, finished_at";

/// Returns the backfills that are not at their end, the oldest first.
pub(super) fn open(connection: &Connection) -> Result<Vec<Backfill>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backfill WHERE state IN ('active', 'paused')
         ORDER BY created_at, name"
    );
    with_targets(connection, list(connection, "backfill", &sql, (), row)?)
}

/// Returns all backfills, the newest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<Backfill>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM backfill ORDER BY created_at DESC, name");
    with_targets(connection, list(connection, "backfill", &sql, (), row)?)
}

/// Returns one backfill.
pub(super) fn one(connection: &Connection, name: &BackfillName) -> Result<Option<Backfill>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM backfill WHERE name = ?1");
    let found = first(connection, "backfill", &sql, params![name.0], row)?;
    Ok(with_targets(connection, found.into_iter().collect())?.pop())
}

fn row(cells: &mut Cells<'_>) -> Result<Backfill, Fault> {
    let name = BackfillName(cells.take()?);
    let state = state(cells)?;
    let is_newest_first: bool = cells.take()?;
    Ok(Backfill {
        name,
        state,
        order: if is_newest_first {
            BackfillOrder::NewestFirst
        } else {
            BackfillOrder::OldestFirst
        },
        chunk: cells.take()?,
        max_concurrent_runs: cells.small()?,
        is_forced: cells.take()?,
        pass: cells.pass()?,
        created_at: cells.instant()?,
        created_by: cells.take()?,
        finished_at: cells.maybe_instant()?,
        targets: BTreeMap::new(),
    })
}

fn state(cells: &mut Cells<'_>) -> Result<BackfillState, Fault> {
    let text = cells.text()?;
    BackfillState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| Fault::unreadable("backfill.state", &format!("`{text}` is unknown")))
}

fn with_targets(
    connection: &Connection,
    mut backfills: Vec<Backfill>,
) -> Result<Vec<Backfill>, Fault> {
    let sql = "SELECT asset, ordinals, wanted, done, failed, skipped FROM backfill_target
               WHERE backfill = ?1 ORDER BY asset";
    for backfill in &mut backfills {
        let name = params![backfill.name.0];
        let targets = list(connection, "backfill_target", sql, name, |cells| {
            let asset = cells.key()?;
            let target = BackfillTarget {
                ordinals: cells.maybe_text()?.map(Arc::from),
                wanted: cells.json()?,
                done: cells.json()?,
                failed: cells.json()?,
                skipped: cells.json()?,
            };
            Ok((asset, target))
        })?;
        backfill.targets = targets.into_iter().collect();
    }
    Ok(backfills)
}

/// Writes down a backfill, as of the newest pass.
pub(super) fn create(write: &Write<'_>, backfill: &Backfill) -> Result<(), Fault> {
    if one(&write.tx, &backfill.name)?.is_some() {
        let name = backfill.name.clone();
        return Err(Fault::from(BackfillError::NameTaken { name }));
    }
    let newest = "SELECT coalesce(max(number), 0) FROM pass";
    let pass: PassNumber =
        first(&write.tx, "pass", newest, (), |cells| cells.pass())?.unwrap_or_default();
    write.change(
        &format!(
            "INSERT INTO backfill ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)"
        ),
        params![
            backfill.name.0,
            backfill.state.as_str(),
            backfill.order == BackfillOrder::NewestFirst,
            backfill.chunk,
            backfill.max_concurrent_runs,
            backfill.is_forced,
            signed(pass.0)?,
            micros(backfill.created_at),
            backfill.created_by,
        ],
    )?;
    for (asset, target) in &backfill.targets {
        write.change(
            "INSERT INTO backfill_target (backfill, asset, ordinals, wanted, done, failed, skipped)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                backfill.name.0,
                asset.as_str(),
                target.ordinals.as_deref(),
                to_json(&target.wanted)?,
                to_json(&target.done)?,
                to_json(&target.failed)?,
                to_json(&target.skipped)?,
            ],
        )?;
    }
    let detail = json!({
        "assets": backfill.targets.keys().collect::<Vec<_>>(),
        "is_forced": backfill.is_forced,
        "max_concurrent_runs": backfill.max_concurrent_runs,
        "partitions": backfill.targets.values().map(|target| target.wanted.count()).collect::<Vec<_>>(),
    });
    tell(
        write,
        &backfill.name,
        "active",
        backfill.created_at,
        &detail,
    )
}

/// Pauses, resumes or cancels a backfill; resumed, it tries again what could not be built if that is
/// asked for. Returns it as it is then.
pub(super) fn change(
    write: &Write<'_>,
    name: &BackfillName,
    (to, tries_again): (BackfillState, bool),
    now: DateTime<Utc>,
) -> Result<Backfill, Fault> {
    let Some(known) = one(&write.tx, name)? else {
        let name = name.clone();
        return Err(Fault::from(BackfillError::Unknown { name }));
    };
    let may_begin_again = tries_again && known.state == BackfillState::Failed;
    if known.state == to && !tries_again {
        return Ok(known);
    }
    if !known.state.is_open() && !may_begin_again {
        let (name, state) = (known.name, known.state);
        return Err(Fault::from(BackfillError::AtItsEnd { name, state }));
    }
    let finished_at = (!to.is_open()).then_some(now);
    write.change(
        "UPDATE backfill SET state = ?2, finished_at = ?3 WHERE name = ?1",
        params![name.0, to.as_str(), maybe_micros(finished_at)],
    )?;
    if tries_again {
        let nothing = to_json(&PartitionSet::NOTHING)?;
        write.change(
            "UPDATE backfill_target SET failed = ?2, skipped = ?2 WHERE backfill = ?1",
            params![name.0, nothing],
        )?;
    }
    let detail = json!({ "from": known.state.as_str(), "tries_again": tries_again });
    tell(write, name, to.as_str(), now, &detail)?;
    let changed = one(&write.tx, name)?;
    changed.ok_or_else(|| Fault::unreadable("backfill", "it vanished"))
}

/// How a run ended, for the backfill that it was made for.
pub(super) fn settle(write: &Write<'_>, intent: &Intent, is_done: bool) -> Result<(), Fault> {
    let Some(name) = &intent.backfill else {
        return Ok(());
    };
    let Some(backfill) = one(&write.tx, name)? else {
        return Ok(());
    };
    for asset in &intent.assets {
        let Some(target) = backfill.targets.get(asset) else {
            continue;
        };
        let part = target.part_of(intent.partitions.as_ref());
        let mut target = target.clone();
        if is_done {
            target.failed = target.failed.difference(&part);
            target.skipped = target.skipped.difference(&part);
            target.done = target.done.union(&part);
        } else {
            target.failed = target.failed.union(&part.difference(&target.done));
        }
        replace(write, name, asset, &target)?;
    }
    Ok(())
}

/// Records what a pass found.
pub(super) fn note(
    write: &Write<'_>,
    news: &BackfillNews,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    // Somebody may have cancelled it since it was looked at.
    let Some(known) = one(&write.tx, &news.name)?.filter(|known| known.state.is_open()) else {
        return Ok(());
    };
    for (asset, target) in &known.targets {
        let (done, skipped) = (news.done.get(asset), news.skipped.get(asset));
        if done.is_none() && skipped.is_none() {
            continue;
        }
        let mut after = target.clone();
        let of = |set: Option<&PartitionSet>| set.cloned().unwrap_or_default();
        after.done = after.done.union(&of(done).intersection(&after.remaining()));
        after.skipped = after
            .skipped
            .union(&of(skipped).intersection(&after.remaining()));
        replace(write, &news.name, asset, &after)?;
    }
    if let Some(ended) = news.ended {
        write.change(
            "UPDATE backfill SET state = ?2, finished_at = ?3 WHERE name = ?1",
            params![news.name.0, ended.as_str(), micros(now)],
        )?;
        let detail = json!({ "from": known.state.as_str() });
        tell(write, &news.name, ended.as_str(), now, &detail)?;
    }
    Ok(())
}

fn replace(
    write: &Write<'_>,
    name: &BackfillName,
    asset: &AssetKey,
    target: &BackfillTarget,
) -> Result<(), Fault> {
    write.change(
        "UPDATE backfill_target SET done = ?3, failed = ?4, skipped = ?5
         WHERE backfill = ?1 AND asset = ?2",
        params![
            name.0,
            asset.as_str(),
            to_json(&target.done)?,
            to_json(&target.failed)?,
            to_json(&target.skipped)?,
        ],
    )?;
    Ok(())
}

fn tell(
    write: &Write<'_>,
    name: &BackfillName,
    state: &str,
    now: DateTime<Utc>,
    detail: &serde_json::Value,
) -> Result<(), Fault> {
    let kind = format!("backfill.{state}");
    audit::append(write, now, &kind, &name.0, detail)?;
    outbox::put(
        write,
        &kind,
        &json!({ "backfill": name, "detail": detail }),
        now,
    )
}
