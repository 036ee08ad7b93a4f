//! Everything the planner needs of the past, in one consistent read.

use std::collections::BTreeMap;

use assets::version::Origin;
use assets::{AssetKey, Relation};
use rusqlite::Connection;

use super::cells::Cells;
use super::fault::Fault;
use super::query::{each, first, list};
use super::{backfill, build, checked, deadline, full_refresh, intent, search, values};
use crate::state::{
    CatalogLocation, Consumed, DataCommit, Intent, IntentId, Memory, Observation, ObservedState,
};

/// Reads all that the planner needs.
pub(super) fn memory(connection: &Connection, cache: &mut values::Cache) -> Result<Memory, Fault> {
    let newest = "SELECT coalesce(max(number), 0) FROM pass";
    let ended = "SELECT finished_at FROM pass WHERE finished_at IS NOT NULL
                 ORDER BY number DESC LIMIT 1";
    Ok(Memory {
        pass: first(connection, "pass", newest, (), |cells| cells.pass())?.unwrap_or_default(),
        last_pass_at: first(connection, "pass", ended, (), |cells| cells.instant())?,
        observations: observations(connection)?,
        commits: commits(connection)?,
        consumption: consumption(connection)?,
        builds: build::all(connection)?,
        open_intents: open_intents(connection)?,
        locations: locations(connection)?,
        search: search::current(connection)?,
        deadlines: deadline::all(connection)?,
        run_times: deadline::run_times(connection)?,
        checks: checked::newest(connection)?,
        full_refreshes: full_refresh::all(connection)?,
        values: values::all(connection, cache)?,
        backfills: backfill::open(connection)?,
        started: Vec::new(),
    })
}

/// Returns the number that grows whenever something here changes, but for passes.
///
/// It stands in the file and grows in the transaction of the change, whichever process makes it.
pub(super) fn generation(connection: &Connection) -> Result<u64, Fault> {
    let sql = "SELECT value FROM meta WHERE key = 'generation'";
    first(connection, "meta", sql, (), |cells| cells.number())?
        .ok_or_else(|| Fault::unreadable("meta", "no generation"))
}

fn observations(connection: &Connection) -> Result<BTreeMap<AssetKey, Observation>, Fault> {
    let sql = "SELECT asset, state, code, reason, head, since FROM observation ORDER BY asset";
    let rows = list(connection, "observation", sql, (), |cells| {
        let asset = cells.key()?;
        let (state, code, reason) = (cells.text()?, cells.maybe_text()?, cells.maybe_text()?);
        let state = match state {
            "ok" => ObservedState::Ok,
            "absent" => ObservedState::Absent,
            "gone" => ObservedState::Gone,
            _ => ObservedState::Unknown {
                code: code.unwrap_or_default().to_owned(),
                reason: reason.unwrap_or_default().to_owned(),
            },
        };
        let (head, since) = (cells.maybe_json()?, cells.instant()?);
        Ok((asset, Observation { state, head, since }))
    })?;
    Ok(rows.into_iter().collect())
}

fn commits(connection: &Connection) -> Result<BTreeMap<AssetKey, Vec<DataCommit>>, Fault> {
    let sql = "SELECT asset, table_id, version, committed_at, origin_at, origin_seen, operation,
                      intent, partitions, event_at, names_run, provenance
               FROM data_commit ORDER BY asset, version";
    let mut groups = Groups::default();
    each(connection, "data_commit", sql, (), |cells| {
        let list: &mut Vec<DataCommit> = groups.of(cells)?;
        let version = cells.version()?;
        list.push(DataCommit {
            version: version.ok_or_else(|| Fault::unreadable("data_commit", "no version"))?,
            committed_at: cells.instant()?,
            origin: Origin {
                at: cells.instant()?,
                seen: cells.pass()?,
            },
            operation: cells.take()?,
            intent: cells.take::<Option<String>>()?.map(IntentId),
            partitions: cells.maybe_json()?,
            event_at: cells.maybe_instant()?,
            names_run: cells.take()?,
            provenance: cells.maybe_json()?,
        });
        Ok(())
    })?;
    Ok(groups.into_map())
}

fn consumption(
    connection: &Connection,
) -> Result<BTreeMap<AssetKey, BTreeMap<AssetKey, Consumed>>, Fault> {
    let sql = "SELECT asset, upstream, table_id, version, basis, partitions FROM consumption
               ORDER BY asset, upstream";
    let mut groups = Groups::default();
    each(connection, "consumption", sql, (), |cells| {
        let upstreams: &mut BTreeMap<AssetKey, Consumed> = groups.of(cells)?;
        let upstream = cells.key()?;
        upstreams.insert(upstream, build::consumed(cells)?);
        Ok(())
    })?;
    Ok(groups.into_map())
}

fn open_intents(connection: &Connection) -> Result<BTreeMap<IntentId, Intent>, Fault> {
    let intents = intent::open(connection)?;
    Ok(intents
        .into_iter()
        .map(|intent| (intent.id.clone(), intent))
        .collect())
}

fn locations(connection: &Connection) -> Result<BTreeMap<Relation, CatalogLocation>, Fault> {
    let sql = "SELECT relation, storage_location, present, looked_up_at FROM location";
    let rows = list(connection, "location", sql, (), |cells| {
        let relation = cells.relation()?;
        let location = CatalogLocation {
            storage_location: cells.take()?,
            exists: cells.take()?,
            looked_up_at: cells.instant()?,
        };
        Ok((relation, location))
    })?;
    Ok(rows.into_iter().collect())
}

/// Rows that come sorted by asset, gathered by asset: each key is made once.
struct Groups<T>(Vec<(AssetKey, T)>);

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> Groups<T> {
    /// Takes the asset of a row and returns the group that the row belongs to.
    fn of(&mut self, cells: &mut Cells<'_>) -> Result<&mut T, Fault> {
        let text = cells.text()?;
        if self
            .0
            .last()
            .is_none_or(|(asset, _)| asset.as_str() != text)
        {
            let asset = AssetKey::new(text).map_err(|error| Fault::unreadable("asset", &error))?;
            self.0.push((asset, T::default()));
        }
        let last = self.0.last_mut();
        last.map(|(_, group)| group)
            .ok_or_else(|| Fault::unreadable("asset", "no group"))
    }

    fn into_map(self) -> BTreeMap<AssetKey, T> {
        self.0.into_iter().collect()
    }
}
