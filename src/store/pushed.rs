//! Positions that somebody pushes, of assets whose table nobody reads.
//!
//! A push is an observation: a greater position is a commit that changed data, with the same rules as one
//! that a log told. It is seen by the pass after it.

use assets::version::{Origin, PassNumber};
use assets::{AssetKey, TableVersion};
use rusqlite::params;
use serde_json::json;

use super::fault::Fault;
use super::query::{Write, first, list};
use super::{Store, audit, sightings};
use crate::ports::StateError;
use crate::state::{DataCommit, IntentId, Observation, ObservedState, PushRefused, Pushed, Pusher};

impl Store {
    /// Records a pushed position; returns whether it is news, or why it is not taken.
    ///
    /// Needs no lease: what is compared and what is written is one transaction.
    pub fn push_position(
        &self,
        asset: &AssetKey,
        pushed: &Pushed,
        by: Pusher<'_>,
    ) -> Result<Result<bool, PushRefused>, StateError> {
        self.write("push_position", |write| push(write, asset, pushed, by))
    }
}

fn push(
    write: &Write<'_>,
    asset: &AssetKey,
    pushed: &Pushed,
    by: Pusher<'_>,
) -> Result<Result<bool, PushRefused>, Fault> {
    let known = commits_of(write, asset)?;
    let newest = known.last();
    if newest.is_some_and(|newest| Pushed::of(newest).is_none()) {
        return Ok(Err(PushRefused::IsRead));
    }
    if !by.begins_anew {
        match pushed.is_news(newest) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(false)),
            Err(refused) => return Ok(Err(refused)),
        }
    }
    let table_id = pushed.table_id(newest, by.begins_anew);
    let newest_pass = "SELECT coalesce(max(number), 0) FROM pass";
    let pass = first(&write.tx, "pass", newest_pass, (), |cells| cells.number())?.unwrap_or(0);
    let mut origin = Origin {
        at: by.at,
        seen: PassNumber(pass.saturating_add(1)),
    };
    if newest.is_some_and(|newest| newest.version.table_id != table_id) {
        // What some reader lacked of the positions before is lacking still.
        let least = sightings::least_consumed(write, asset)?;
        let is_lacked =
            |commit: &&DataCommit| least.is_none_or(|least| commit.version.version > least);
        let lacked = known.iter().filter(is_lacked).map(|commit| commit.origin);
        origin = lacked.fold(origin, Origin::oldest);
        write.change(
            "DELETE FROM data_commit WHERE asset = ?1",
            params![asset.as_str()],
        )?;
    }
    let commit = DataCommit {
        version: TableVersion {
            table_id,
            version: pushed.position,
        },
        committed_at: by.at,
        origin,
        operation: Some("PUSH".to_owned()),
        intent: None,
        partitions: None,
        event_at: pushed.event_at,
        names_run: false,
        provenance: None,
    };
    let observation = Observation {
        state: ObservedState::Ok,
        head: None,
        since: by.now,
    };
    sightings::push(write, asset, (&observation, &commit))?;
    let detail = json!({
        "position": pushed.position,
        "word": pushed.word.as_str(),
        "event_at": pushed.event_at,
        "at": by.at,
        "begins_anew": by.begins_anew,
    });
    audit::append_as(
        write,
        by.actor,
        by.now,
        ("position.pushed", asset.as_str(), &detail),
    )?;
    Ok(Ok(true))
}

fn commits_of(write: &Write<'_>, asset: &AssetKey) -> Result<Vec<DataCommit>, Fault> {
    let sql = "SELECT table_id, version, committed_at, origin_at, origin_seen, operation, intent,
                      event_at
               FROM data_commit WHERE asset = ?1 ORDER BY version";
    let of = params![asset.as_str()];
    list(&write.tx, "data_commit", sql, of, |cells| {
        let version = cells.version()?;
        Ok(DataCommit {
            version: version.ok_or_else(|| Fault::unreadable("data_commit", "no version"))?,
            committed_at: cells.instant()?,
            origin: Origin {
                at: cells.instant()?,
                seen: cells.pass()?,
            },
            operation: cells.take()?,
            intent: cells.take::<Option<String>>()?.map(IntentId),
            partitions: None,
            event_at: cells.maybe_instant()?,
            names_run: false,
            provenance: None,
        })
    })
}
