//! What was seen of tables and told by the catalog.
//!
//! Rows that stay as they were are not written again, so that a quiet pass changes nothing.
//!
//! Commits are pruned whenever new ones of the same asset come in. Kept are, per asset: the newest
//! two; everything from the least version on that any consumer has incorporated, or will have by a
//! run under way; everything while a
//! consumer has incorporated none, or those of another incarnation; the newest two hundred of an asset that
//! one under `snapshot` reads; and the newest fifty of an asset without consumers. A consumer is an asset of
//! whose consumption something is recorded.

use assets::{AssetKey, Relation, TableId};
use chrono::{DateTime, Utc};
use rusqlite::params;

use super::cells::{maybe_micros, micros, signed, to_json};
use super::fault::Fault;
use super::query::{Write, first};
use super::{build, intent, tables, values};
use crate::ports::Sighting;
use crate::state::{CatalogLocation, DataCommit, Observation, ObservedState};

/// How many commits are kept of an asset that has consumers, however old.
const KEPT: u64 = 2;

/// How many commits are kept of an asset among whose versions one is chosen: two inputs agree on what
/// the slower one has at last, and the faster one may be as many versions ahead.
const KEPT_CHOICE: u64 = 200;

/// How many commits are kept of an asset that nobody consumed yet: enough to show a history.
const KEPT_UNCONSUMED: u64 = 50;

/// Records one look at each of some tables.
pub(super) fn record_all(
    write: &Write<'_>,
    sightings: &[Sighting],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    for sighting in sightings {
        record(write, sighting)?;
        tables::record(write, sighting, now)?;
        values::record(write, sighting)?;
    }
    // Once all consumption is known: one that is new may need what nobody else does.
    let mut with_news = sightings.iter().filter(|seen| !seen.commits.is_empty());
    with_news.try_for_each(|seen| prune(write, &seen.asset, seen.is_chosen_from))
}

fn record(write: &Write<'_>, sighting: &Sighting) -> Result<(), Fault> {
    let asset = &sighting.asset;
    observe(write, asset, &sighting.observation)?;
    if sighting.forget_commits {
        write.change(
            "DELETE FROM data_commit WHERE asset = ?1",
            params![asset.as_str()],
        )?;
        void_consumption(write, sighting)?;
    }
    for commit in &sighting.commits {
        add_commit(write, asset, commit)?;
    }
    if let Some(consumption) = &sighting.consumption {
        build::replace_consumption(write, asset, consumption)?;
    }
    if let Some(build) = &sighting.build {
        build::replace(write, asset, build)?;
    }
    if let Some(code) = &sighting.code_version {
        build::take_code(write, asset, code)?;
    }
    if let Some(built) = &sighting.built {
        build::place(write, asset, built)?;
    }
    Ok(())
}

/// A log that was rolled back keeps its table's id and counts its versions again: what consumers
/// recorded of them means nothing any more. Another id needs no voiding, it never compares equal.
fn void_consumption(write: &Write<'_>, sighting: &Sighting) -> Result<(), Fault> {
    let Some(head) = &sighting.observation.head else {
        return Ok(());
    };
    // Not forgotten: a position in what is no more is broken, and not at the beginning.
    let voided = TableId::new(&format!("{} (before)", head.table_id));
    write.change(
        "UPDATE consumption SET table_id = ?3, partitions = NULL, least = version
         WHERE upstream = ?1 AND table_id = ?2",
        params![
            sighting.asset.as_str(),
            head.table_id.as_str(),
            voided.as_str(),
        ],
    )?;
    // Runs under way will record what they were to read: that was of the old log, too.
    for mut intent in intent::open(&write.tx)? {
        let mut is_void = false;
        for inputs in intent.inputs.values_mut() {
            let input = inputs.get_mut(&sighting.asset);
            let input = input.and_then(Option::as_mut);
            if let Some(input) = input.filter(|input| input.table_id == head.table_id) {
                input.table_id = voided.clone();
                is_void = true;
            }
        }
        if is_void {
            write.change(
                "UPDATE intent SET inputs = ?2 WHERE id = ?1",
                params![intent.id.0, to_json(&intent.inputs)?],
            )?;
        }
    }
    Ok(())
}

fn observe(write: &Write<'_>, asset: &AssetKey, seen: &Observation) -> Result<(), Fault> {
    let (state, code, reason) = match &seen.state {
        ObservedState::Ok => ("ok", None, None),
        ObservedState::Absent => ("absent", None, None),
        ObservedState::Gone => ("gone", None, None),
        ObservedState::Unknown { code, reason } => ("unknown", Some(code), Some(reason)),
    };
    let head = seen.head.as_ref().map(to_json).transpose()?;
    write.change(
        "INSERT INTO observation (asset, state, code, reason, head, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (asset) DO UPDATE
         SET state = ?2, code = ?3, reason = ?4, head = ?5, since = ?6
         WHERE (state, code, reason, head, since) IS NOT (?2, ?3, ?4, ?5, ?6)",
        params![
            asset.as_str(),
            state,
            code,
            reason,
            head,
            micros(seen.since)
        ],
    )?;
    Ok(())
}

fn add_commit(write: &Write<'_>, asset: &AssetKey, commit: &DataCommit) -> Result<(), Fault> {
    write.change(
        "INSERT OR REPLACE INTO data_commit
             (asset, table_id, version, committed_at, origin_at, origin_seen, operation, intent,
              partitions, event_at, names_run, provenance)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            asset.as_str(),
            commit.version.table_id.as_str(),
            signed(commit.version.version)?,
            micros(commit.committed_at),
            micros(commit.origin.at),
            signed(commit.origin.seen.0)?,
            commit.operation,
            commit.intent.as_ref().map(|intent| intent.0.as_str()),
            commit.partitions.as_ref().map(to_json).transpose()?,
            maybe_micros(commit.event_at),
            commit.names_run,
            commit.provenance.as_ref().map(to_json).transpose()?,
        ],
    )?;
    Ok(())
}

/// Records a position that somebody pushed.
pub(super) fn push(
    write: &Write<'_>,
    asset: &AssetKey,
    (seen, commit): (&Observation, &DataCommit),
) -> Result<(), Fault> {
    observe(write, asset, seen)?;
    add_commit(write, asset, commit)?;
    prune(write, asset, false)
}

/// Returns the least version of an asset that all its consumers have incorporated; none where one of them
/// incorporates none of today's.
pub(super) fn least_consumed(write: &Write<'_>, asset: &AssetKey) -> Result<Option<u64>, Fault> {
    Ok(match need_of(write, asset)? {
        Need::From(version) => u64::try_from(version).ok(),
        Need::All | Need::Nobody => None,
    })
}

/// Deletes commits that nobody needs any more.
fn prune(write: &Write<'_>, asset: &AssetKey, is_chosen_from: bool) -> Result<(), Fault> {
    let (kept, before) = match need_of(write, asset)? {
        Need::All => return Ok(()),
        Need::From(version) => (KEPT, version),
        Need::Nobody => (KEPT_UNCONSUMED, i64::MAX),
    };
    let kept = if is_chosen_from { KEPT_CHOICE } else { kept };
    write.change(
        "DELETE FROM data_commit WHERE asset = ?1 AND version < ?2 AND version NOT IN
             (SELECT version FROM data_commit WHERE asset = ?1 ORDER BY version DESC LIMIT ?3)",
        params![asset.as_str(), before, signed(kept)?],
    )?;
    Ok(())
}

/// Which commits of an asset its consumers still need.
enum Need {
    /// Somebody has incorporated none of this incarnation.
    All,
    /// The least version that somebody has incorporated, and what came after.
    From(i64),
    /// There are no consumers.
    Nobody,
}

fn need_of(write: &Write<'_>, asset: &AssetKey) -> Result<Need, Fault> {
    let sql = "SELECT count(*), min(least), total(least IS NULL OR table_id IS NOT (
                   SELECT table_id FROM data_commit WHERE asset = ?1 ORDER BY version DESC LIMIT 1
               )) > 0
               FROM consumption WHERE upstream = ?1";
    let need = first(
        &write.tx,
        "consumption",
        sql,
        params![asset.as_str()],
        |cells| {
            let consumers = cells.number()?;
            let least: Option<i64> = cells.take()?;
            let is_foreign: bool = cells.take()?;
            Ok(match least {
                _ if consumers == 0 => Need::Nobody,
                Some(version) if !is_foreign => Need::From(version),
                _ => Need::All,
            })
        },
    )?;
    Ok(match need {
        None | Some(Need::All) => Need::All,
        Some(Need::From(least)) => Need::From(least.min(under_way(write, asset)?)),
        Some(Need::Nobody) => Need::Nobody,
    })
}

/// The least version that a run under way will have incorporated: what came after it is news to its
/// asset, whatever others have incorporated meanwhile.
fn under_way(write: &Write<'_>, asset: &AssetKey) -> Result<i64, Fault> {
    let mut least = i64::MAX;
    for intent in intent::open(&write.tx)? {
        let inputs = intent.inputs.values().filter_map(|of| of.get(asset));
        for input in inputs {
            let version = input
                .as_ref()
                .map_or(Ok(0), |input| signed(input.version))?;
            least = least.min(version);
        }
    }
    Ok(least)
}

/// Records where a relation lies.
pub(super) fn locate(
    write: &Write<'_>,
    relation: &Relation,
    location: &CatalogLocation,
) -> Result<(), Fault> {
    write.change(
        "INSERT INTO location (relation, storage_location, present, looked_up_at)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (relation) DO UPDATE
         SET storage_location = ?2, present = ?3, looked_up_at = ?4
         WHERE (storage_location, present, looked_up_at) IS NOT (?2, ?3, ?4)",
        params![
            relation.to_string(),
            location.storage_location,
            location.exists,
            micros(location.looked_up_at),
        ],
    )?;
    Ok(())
}
