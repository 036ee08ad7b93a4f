//! The values of `dynamic` partitions.
//!
//! Their places are the ordinals in all stored sets of an asset, so that a list only grows. Reading all of
//! them for each pass would cost as much as there are: a list is read again when its revision is another one.

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use assets::delta::PartitionValue;
use assets::delta::contents::PartitionNews;
use assets::partition::KnownValues;
use rusqlite::{Connection, params};

use super::cells::signed;
use super::fault::Fault;
use super::query::{Write, each, list};
use super::tables;
use crate::ports::Sighting;
use crate::state::{ValueNews, Values};

/// Lists that were read, by asset and column, each with its revision.
pub(super) type Cache = BTreeMap<(String, String), (i64, KnownValues)>;

/// One value as it is stored.
struct Stored {
    place: i64,
    value: PartitionValue,
    is_present: bool,
}

/// Records what a look found of the values of an asset, after what it found of partitions was.
pub(super) fn record(write: &Write<'_>, seen: &Sighting) -> Result<(), Fault> {
    for news in &seen.values {
        let before = stored(&write.tx, seen.asset.as_str(), &news.column)?;
        let mut is_changed = add(write, &seen.asset, news, &before)?;
        if let Some(at) = news.at {
            let known = if is_changed {
                stored(&write.tx, seen.asset.as_str(), &news.column)?
            } else {
                before
            };
            is_changed |= mark(write, seen, (news, at), &known)?;
        }
        if is_changed {
            write.change(
                "INSERT INTO partition_part (asset, part, revision) VALUES (?1, ?2, 1)
                 ON CONFLICT (asset, part) DO UPDATE SET revision = revision + 1",
                params![seen.asset.as_str(), news.column],
            )?;
        }
    }
    Ok(())
}

/// Adds values at the end; returns whether there were any.
fn add(
    write: &Write<'_>,
    asset: &AssetKey,
    news: &ValueNews,
    before: &[Stored],
) -> Result<bool, Fault> {
    let known: BTreeSet<&PartitionValue> = before.iter().map(|stored| &stored.value).collect();
    let new = news.added.iter().filter(|value| !known.contains(value));
    let first = before.last().map_or(0, |last| last.place + 1);
    let mut is_any = false;
    for (place, value) in (first..).zip(new) {
        write.execute(
            "INSERT INTO partition_value (asset, part, place, value, is_present)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                asset.as_str(),
                news.column,
                place,
                value.as_str(),
                // Until its files are counted, what a commit brought is there.
                news.at.is_some(),
            ],
        )?;
        is_any = true;
    }
    Ok(is_any)
}

/// Notes which values have files, as far as the look tells; returns whether that is news.
fn mark(
    write: &Write<'_>,
    seen: &Sighting,
    (news, at): (&ValueNews, usize),
    known: &[Stored],
) -> Result<bool, Fault> {
    let touched: BTreeSet<&PartitionValue> = match &seen.partitions {
        PartitionNews::Nothing => news.brought.iter().collect(),
        PartitionNews::Replaced(_) => known.iter().map(|stored| &stored.value).collect(),
        PartitionNews::Changed(deltas) => deltas
            .keys()
            .filter_map(|tuple| tuple.values().get(at))
            .collect(),
    };
    let filled = match &seen.partitions {
        PartitionNews::Nothing => news.brought.clone(),
        PartitionNews::Replaced(_) | PartitionNews::Changed(_) => {
            filled(&write.tx, seen, at, &touched)?
        }
    };
    let mut is_any = false;
    for stored in known
        .iter()
        .filter(|stored| touched.contains(&stored.value))
    {
        let is_present = filled.contains(&stored.value);
        if is_present != stored.is_present {
            write.execute(
                "UPDATE partition_value SET is_present = ?4
                 WHERE asset = ?1 AND part = ?2 AND place = ?3",
                params![seen.asset.as_str(), news.column, stored.place, is_present],
            )?;
            is_any = true;
        }
    }
    Ok(is_any)
}

/// Returns which of some values have files.
fn filled(
    connection: &Connection,
    seen: &Sighting,
    at: usize,
    touched: &BTreeSet<&PartitionValue>,
) -> Result<BTreeSet<PartitionValue>, Fault> {
    if let PartitionNews::Replaced(all) = &seen.partitions {
        let filled = all.iter().filter(|(_, state)| state.files > 0);
        let values = filled.filter_map(|(tuple, _)| tuple.values().get(at));
        return Ok(values.cloned().collect());
    }
    let mut found = BTreeSet::new();
    let PartitionNews::Changed(deltas) = &seen.partitions else {
        return Ok(found);
    };
    for tuple in deltas.keys() {
        if tables::has_files(connection, &seen.asset, tuple)? {
            found.extend(tuple.values().get(at).cloned());
        }
    }
    let is_single = deltas.keys().all(|tuple| tuple.values().len() == 1);
    if is_single || touched.iter().all(|value| found.contains(*value)) {
        return Ok(found);
    }
    // Another of the partitions with the same value may still have some.
    let all = tables::partitions(connection, &seen.asset)?;
    let all = all.into_iter().filter(|(_, state)| state.files > 0);
    found.extend(all.filter_map(|(tuple, _)| tuple.values().get(at).cloned()));
    Ok(found)
}

fn stored(connection: &Connection, asset: &str, part: &str) -> Result<Vec<Stored>, Fault> {
    let sql = "SELECT place, value, is_present FROM partition_value
               WHERE asset = ?1 AND part = ?2 ORDER BY place";
    list(
        connection,
        "partition_value",
        sql,
        params![asset, part],
        |cells| {
            Ok(Stored {
                place: signed(cells.number()?)?,
                value: PartitionValue::from(cells.maybe_text()?.map(Into::into)),
                is_present: cells.take()?,
            })
        },
    )
}

/// Returns the values of all assets; reads again those that changed since the cache was filled.
pub(super) fn all(connection: &Connection, cache: &mut Cache) -> Result<Values, Fault> {
    let mut values = Values::new();
    let mut revisions: Vec<(String, String, i64)> = Vec::new();
    let sql = "SELECT asset, part, revision FROM partition_part ORDER BY asset, part";
    each(connection, "partition_part", sql, (), |cells| {
        revisions.push((
            cells.text()?.to_owned(),
            cells.text()?.to_owned(),
            cells.take()?,
        ));
        Ok(())
    })?;
    for (asset, part, revision) in revisions {
        let id = (asset, part);
        let cached = cache.get(&id).filter(|(of, _)| *of == revision);
        let known = if let Some((_, known)) = cached {
            known.clone()
        } else {
            let rows = stored(connection, &id.0, &id.1)?.into_iter();
            let known = KnownValues::new(rows.map(|row| (row.value, row.is_present)));
            cache.insert(id.clone(), (revision, known.clone()));
            known
        };
        let asset = AssetKey::new(&id.0).map_err(|error| Fault::unreadable("asset", &error))?;
        values.entry(asset).or_default().insert(id.1, known);
    }
    Ok(values)
}
