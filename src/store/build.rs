//! Builds, cuts and consumption: what the current content of an asset is made of.

use std::collections::BTreeMap;

use assets::AssetKey;
use rusqlite::{Connection, params};

use super::cells::{Cells, maybe_micros, micros, signed, to_json, version_cells};
use super::fault::Fault;
use super::query::{Write, first, list};
use crate::state::{Basis, Build, BuiltPartitions, Compaction, Consumed, Cut, Learned};

const COLUMNS: &str = "asset, code_version, begun_at, built_at, last_success_at, produced_table_id, \
                       produced_version, is_adopted, degraded_by, cut_fixed_at, cut_pass, failure, \
                       partitions, read_by, pinned";

/// Returns all builds of which anything is known.
pub(super) fn all(connection: &Connection) -> Result<BTreeMap<AssetKey, Build>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM build ORDER BY asset");
    let rows = list(connection, "build", &sql, (), row)?;
    // A row whose last fact was taken back says as little as no row.
    let known = rows
        .into_iter()
        .filter(|(_, build)| *build != Build::default());
    Ok(known.collect())
}

/// Returns one build, empty if nothing is known.
pub(super) fn one(connection: &Connection, asset: &AssetKey) -> Result<Build, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM build WHERE asset = ?1");
    let found = first(connection, "build", &sql, params![asset.as_str()], row)?;
    Ok(found.map(|(_, build)| build).unwrap_or_default())
}

fn row(cells: &mut Cells<'_>) -> Result<(AssetKey, Build), Fault> {
    let asset = cells.key()?;
    let code_version = cells.maybe_text()?.map(assets::CodeVersion::new);
    let begun_at = cells.maybe_instant()?;
    let (built_at, last_success_at) = (cells.maybe_instant()?, cells.maybe_instant()?);
    let produced = cells.version()?;
    let is_adopted = cells.take()?;
    let degraded_by = cells.maybe_json()?.unwrap_or_default();
    let cut = cut(cells)?;
    let failure = cells.maybe_json()?;
    let partitions = cells.maybe_json()?;
    let read_by = cells.maybe_instant()?;
    let pinned = cells.maybe_json()?.unwrap_or_default();
    let build = Build {
        code_version,
        begun_at,
        built_at,
        last_success_at,
        produced,
        is_adopted,
        degraded_by,
        cut,
        failure,
        partitions,
        read_by,
        pinned,
    };
    Ok((asset, build))
}

fn cut(cells: &mut Cells<'_>) -> Result<Option<Cut>, Fault> {
    let (fixed_at, pass) = (cells.maybe_instant()?, cells.take::<Option<i64>>()?);
    let Some((fixed_at, pass)) = fixed_at.zip(pass) else {
        return Ok(None);
    };
    let pass = u64::try_from(pass).map_err(|error| Fault::unreadable("build.cut_pass", &error))?;
    Ok(Some(Cut {
        pass: assets::PassNumber(pass),
        fixed_at,
    }))
}

/// Replaces what is known of a build.
pub(super) fn replace(write: &Write<'_>, asset: &AssetKey, build: &Build) -> Result<(), Fault> {
    let (table_id, version) = version_cells(build.produced.as_ref())?;
    let (degraded_by, pinned) = (keys(&build.degraded_by)?, keys(&build.pinned)?);
    let cut_pass = build.cut.map(|cut| signed(cut.pass.0)).transpose()?;
    write.change(
        &format!(
            "INSERT OR REPLACE INTO build ({COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
                 ?15)"
        ),
        params![
            asset.as_str(),
            build.code_version.as_ref().map(assets::CodeVersion::as_str),
            maybe_micros(build.begun_at),
            maybe_micros(build.built_at),
            maybe_micros(build.last_success_at),
            table_id,
            version,
            build.is_adopted,
            degraded_by,
            maybe_micros(build.cut.map(|cut| cut.fixed_at)),
            cut_pass,
            build.failure.as_ref().map(to_json).transpose()?,
            build.partitions.as_ref().map(to_json).transpose()?,
            maybe_micros(build.read_by),
            pinned,
        ],
    )?;
    Ok(())
}

/// Writes a list of assets; nothing for an empty one.
pub(super) fn keys(keys: &[AssetKey]) -> Result<Option<String>, Fault> {
    match keys {
        [] => Ok(None),
        some => to_json(&some).map(Some),
    }
}

/// Records what was found out about contents that are there already.
pub(super) fn learn(write: &Write<'_>, learned: &Learned) -> Result<(), Fault> {
    for (asset, version, provenance) in &learned.provenance {
        let (table_id, version) = version_cells(Some(version))?;
        write.change(
            "UPDATE data_commit SET provenance = ?4
             WHERE asset = ?1 AND table_id = ?2 AND version = ?3 AND provenance IS NOT ?4",
            params![asset.as_str(), table_id, version, to_json(provenance)?],
        )?;
    }
    for (asset, still) in &learned.recovered {
        write.change(
            "UPDATE build SET degraded_by = ?2 WHERE asset = ?1 AND degraded_by IS NOT ?2",
            params![asset.as_str(), keys(still)?],
        )?;
    }
    Ok(())
}

/// Records with which code an asset was built of which none is recorded.
pub(super) fn take_code(
    write: &Write<'_>,
    asset: &AssetKey,
    code: &assets::CodeVersion,
) -> Result<(), Fault> {
    write.change(
        "UPDATE build SET code_version = ?2 WHERE asset = ?1 AND code_version IS NULL",
        params![asset.as_str(), code.as_str()],
    )?;
    Ok(())
}

/// Records which partitions of an asset have content.
pub(super) fn place(
    write: &Write<'_>,
    asset: &AssetKey,
    built: &BuiltPartitions,
) -> Result<(), Fault> {
    write.change(
        "INSERT INTO build (asset, is_adopted, partitions) VALUES (?1, 0, ?2)
         ON CONFLICT (asset) DO UPDATE SET partitions = ?2 WHERE partitions IS NOT ?2",
        params![asset.as_str(), to_json(built)?],
    )?;
    Ok(())
}

/// Fixes the cut of an asset.
pub(super) fn fix_cut(write: &Write<'_>, asset: &AssetKey, cut: Cut) -> Result<(), Fault> {
    write.change(
        "INSERT INTO build (asset, is_adopted, cut_pass, cut_fixed_at) VALUES (?1, 0, ?2, ?3)
         ON CONFLICT (asset) DO UPDATE SET cut_pass = ?2, cut_fixed_at = ?3
         WHERE (cut_pass, cut_fixed_at) IS NOT (?2, ?3)",
        params![asset.as_str(), signed(cut.pass.0)?, micros(cut.fixed_at)],
    )?;
    Ok(())
}

/// Replaces all that an asset consumed.
pub(super) fn replace_consumption(
    write: &Write<'_>,
    asset: &AssetKey,
    consumption: &BTreeMap<AssetKey, Consumed>,
) -> Result<(), Fault> {
    write.change(
        "DELETE FROM consumption WHERE asset = ?1",
        params![asset.as_str()],
    )?;
    for (upstream, consumed) in consumption {
        let (table_id, version) = version_cells(consumed.version.as_ref())?;
        let (partitions, least) = match consumed.partitions.as_slice() {
            [] => (None, version),
            some => {
                let least = consumed.least().map(|version| signed(version.version));
                (Some(to_json(&some)?), least.transpose()?)
            }
        };
        write.change(
            "INSERT INTO consumption (asset, upstream, table_id, version, basis, partitions, least)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                asset.as_str(),
                upstream.as_str(),
                table_id,
                version,
                consumed.basis.as_str(),
                partitions,
                least,
            ],
        )?;
    }
    Ok(())
}

/// Records in fewer words what an asset incorporates of an input, if it is still recorded so.
pub(super) fn compact(write: &Write<'_>, compaction: &Compaction) -> Result<(), Fault> {
    let mut known = consumption_of(&write.tx, &compaction.asset)?;
    match known.get_mut(&compaction.upstream) {
        Some(consumed) if *consumed == compaction.before => {
            consumed.clone_from(&compaction.after);
        }
        Some(_) | None => return Ok(()),
    }
    replace_consumption(write, &compaction.asset, &known)
}

/// Returns all that an asset consumed.
pub(super) fn consumption_of(
    connection: &Connection,
    asset: &AssetKey,
) -> Result<BTreeMap<AssetKey, Consumed>, Fault> {
    let sql =
        "SELECT upstream, table_id, version, basis, partitions FROM consumption WHERE asset = ?1";
    let rows = list(
        connection,
        "consumption",
        sql,
        params![asset.as_str()],
        |cells| Ok((cells.key()?, consumed(cells)?)),
    )?;
    Ok(rows.into_iter().collect())
}

/// Takes what was consumed of one upstream.
pub(super) fn consumed(cells: &mut Cells<'_>) -> Result<Consumed, Fault> {
    Ok(Consumed {
        version: cells.version()?,
        basis: basis(cells)?,
        partitions: cells.maybe_json()?.unwrap_or_default(),
    })
}

/// Takes how something is known.
fn basis(cells: &mut Cells<'_>) -> Result<Basis, Fault> {
    let text = cells.text()?;
    Basis::ALL
        .into_iter()
        .find(|basis| basis.as_str() == text)
        .ok_or_else(|| Fault::unreadable("consumption.basis", &format!("`{text}` is unknown")))
}

/// Drops the cut of an asset, if it has one.
pub(super) fn drop_cut(write: &Write<'_>, asset: &AssetKey) -> Result<(), Fault> {
    write.change(
        "UPDATE build SET cut_pass = NULL, cut_fixed_at = NULL
         WHERE asset = ?1 AND cut_pass IS NOT NULL",
        params![asset.as_str()],
    )?;
    Ok(())
}
