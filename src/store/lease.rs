//! The lease: who may act, and the epoch that fences off whoever was before.
//!
//! Invariant: the epoch never falls, and a new holder's is greater than that of any intent.
//!
//! A lease that runs out further ahead than twice its lifetime was taken under a clock that has
//! gone back since; it counts as expired, or a wrong clock could lock everybody out for years. Its
//! holder, should it still live, is fenced off by the epoch like any other.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::audit;
use super::cells::{micros, signed};
use super::fault::Fault;
use super::query::{Write, first};
use crate::ports::StateError;
use crate::state::Lease;

/// The lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseInfo {
    /// Who holds it; absent while nobody does.
    pub holder: Option<String>,
    /// Its epoch.
    pub epoch: u64,
    /// When this holder, or the last one, took it, UTC.
    pub since: DateTime<Utc>,
    /// When it was last taken or renewed, UTC.
    pub renewed_at: DateTime<Utc>,
    /// When it runs out unless renewed, UTC.
    pub expires_at: DateTime<Utc>,
    /// How long it was asked for.
    pub lifetime: TimeDelta,
}

/// Returns the lease, if it was ever taken.
pub(super) fn info(connection: &Connection) -> Result<Option<LeaseInfo>, Fault> {
    let sql = "SELECT holder, epoch, since, renewed_at, expires_at, lifetime
               FROM lease WHERE name = 'reconciler'";
    first(connection, "lease", sql, (), |cells| {
        Ok(LeaseInfo {
            holder: cells.take()?,
            epoch: cells.number()?,
            since: cells.instant()?,
            renewed_at: cells.instant()?,
            expires_at: cells.instant()?,
            lifetime: TimeDelta::microseconds(cells.take()?),
        })
    })
}

/// Returns the lease, or what makes no sense about it. Such a row counts as lost: whoever wrote it is
/// fenced off by the epoch, as is a holder that still relies on it.
fn sound(connection: &Connection) -> Result<Result<Option<LeaseInfo>, String>, Fault> {
    match info(connection) {
        Ok(info) => Ok(Ok(info)),
        Err(Fault::State(StateError::Unreadable { problem, .. })) => Ok(Err(problem)),
        Err(fault) => Err(fault),
    }
}

/// Takes or renews the lease.
pub(super) fn acquire(
    write: &Write<'_>,
    holder: &str,
    now: DateTime<Utc>,
    lifetime: TimeDelta,
) -> Result<Lease, Fault> {
    let current = match sound(&write.tx)? {
        Ok(current) => current,
        Err(problem) => {
            let detail = json!({ "problem": problem, "to": holder });
            let what = ("lease.replaced", "reconciler", &detail);
            audit::append_as(write, holder, now, what)?;
            None
        }
    };
    let expires_at = now
        .checked_add_signed(lifetime)
        .unwrap_or(DateTime::<Utc>::MAX_UTC);
    let (epoch, since) = match &current {
        Some(info) if info.holder.as_deref() == Some(holder) => (info.epoch, info.since),
        Some(info) => {
            refuse_if_held(info, now)?;
            note_takeover(write, info, holder, now)?;
            (next_epoch(write, info.epoch)?, now)
        }
        None => (next_epoch(write, 0)?, now),
    };
    write.execute(
        "INSERT INTO lease (name, holder, epoch, since, renewed_at, expires_at, lifetime)
         VALUES ('reconciler', ?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (name) DO UPDATE SET holder = ?1, epoch = ?2, since = ?3, renewed_at = ?4,
             expires_at = ?5, lifetime = ?6",
        params![
            holder,
            signed(epoch)?,
            micros(since),
            micros(now),
            micros(expires_at),
            lifetime.num_microseconds().unwrap_or(i64::MAX),
        ],
    )?;
    Ok(Lease {
        holder: holder.to_owned(),
        epoch,
        expires_at,
    })
}

fn refuse_if_held(info: &LeaseInfo, now: DateTime<Utc>) -> Result<(), Fault> {
    let Some(holder) = &info.holder else {
        return Ok(());
    };
    let left = info.expires_at.signed_duration_since(now);
    let believable = info.lifetime.checked_mul(2).unwrap_or(TimeDelta::MAX);
    if left <= TimeDelta::zero() || left > believable {
        return Ok(());
    }
    Err(Fault::State(StateError::LeaseHeld {
        holder: holder.clone(),
        since: info.since,
        expires_at: info.expires_at,
    }))
}

/// Fails if somebody who may live holds the lease; `is_dead` knows of holders that surely do not.
pub(super) fn refuse_living(
    info: &LeaseInfo,
    now: DateTime<Utc>,
    is_dead: &dyn Fn(&str) -> bool,
) -> Result<(), Fault> {
    match &info.holder {
        Some(holder) if !is_dead(holder) => refuse_if_held(info, now),
        Some(_) | None => Ok(()),
    }
}

/// Raises the epoch above all that were ever used, and frees the lease.
pub(super) fn raise(write: &Write<'_>, above: u64, now: DateTime<Utc>) -> Result<u64, Fault> {
    let known = info(&write.tx)?.map_or(0, |info| info.epoch);
    let epoch = next_epoch(write, known.max(above))?;
    write.execute(
        "INSERT INTO lease (name, holder, epoch, since, renewed_at, expires_at, lifetime)
         VALUES ('reconciler', NULL, ?1, ?2, ?2, ?2, 0)
         ON CONFLICT (name) DO UPDATE SET holder = NULL, epoch = ?1",
        params![signed(epoch)?, micros(now)],
    )?;
    Ok(epoch)
}

/// Returns the greatest epoch that a state has seen.
pub(super) fn highest_epoch(connection: &Connection) -> Result<u64, Fault> {
    let lease = sound(connection)?.unwrap_or_default();
    let known = lease.map_or(0, |info| info.epoch);
    let sql = "SELECT coalesce(max(epoch), 0) FROM intent";
    let of_intents = first(connection, "intent.epoch", sql, (), |cells| cells.number())?;
    Ok(known.max(of_intents.unwrap_or_default()))
}

/// Records that a holder was replaced that had not given the lease back.
fn note_takeover(
    write: &Write<'_>,
    info: &LeaseInfo,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let Some(previous) = &info.holder else {
        return Ok(());
    };
    let detail = json!({
        "epoch": info.epoch,
        "expired_at": info.expires_at,
        "from": previous,
        "to": holder,
    });
    audit::append_as(
        write,
        holder,
        now,
        ("lease.taken_over", "reconciler", &detail),
    )
}

/// Gives back the lease of a holder that is known to be dead, for `successor` to take.
pub(super) fn bury(
    write: &Write<'_>,
    dead: &str,
    successor: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let Some(held) = info(&write.tx)?.filter(|info| info.holder.as_deref() == Some(dead)) else {
        return Ok(false);
    };
    note_takeover(write, &held, successor, now)?;
    write.execute(
        "UPDATE lease SET holder = NULL WHERE name = 'reconciler' AND holder = ?1",
        params![dead],
    )?;
    Ok(true)
}

fn next_epoch(write: &Write<'_>, current: u64) -> Result<u64, Fault> {
    Ok(current.max(highest_epoch(&write.tx)?) + 1)
}

/// Gives the lease back if it is still this one.
pub(super) fn release(write: &Write<'_>, lease: &Lease) -> Result<(), Fault> {
    write.execute(
        "UPDATE lease SET holder = NULL WHERE name = 'reconciler' AND holder = ?1 AND epoch = ?2",
        params![lease.holder, signed(lease.epoch)?],
    )?;
    Ok(())
}

/// Fails unless the lease is still this one; one that ran out but that nobody took still is.
pub(super) fn check(connection: &Connection, lease: &Lease) -> Result<LeaseInfo, Fault> {
    let found = info(connection)?;
    match found {
        Some(info)
            if info.epoch == lease.epoch
                && info.holder.as_deref() == Some(lease.holder.as_str()) =>
        {
            Ok(info)
        }
        other => Err(Fault::State(StateError::LeaseLost {
            ours: lease.epoch,
            current: other.map_or(0, |info| info.epoch),
        })),
    }
}
