//! The audit trail: append-only rows, each with a hash over itself and the hash before it.
//!
//! The chain shows edits, insertions, removals and a cut tail. It cannot show that somebody who may
//! write the file built all of it anew: for that, keep the newest hash elsewhere.

use chrono::{DateTime, Utc};
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::Store;
use super::cells::{Cells, micros, signed};
use super::fault::Fault;
use super::query::{Write, each, first, list};
use crate::ports::StateError;

/// One row of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its position, from 1 without gaps.
    pub seq: u64,
    /// When, UTC, by the local clock.
    pub at: DateTime<Utc>,
    /// The holder of the lease, or who asked.
    pub actor: String,
    /// `intent.STATE` for state changes, and other dotted words.
    pub action: String,
    /// An intent's id or an asset key.
    pub object: String,
    /// A JSON object.
    pub detail: String,
    /// The hash of the row before, in hex; 64 zeros for the first.
    pub previous: String,
    /// The hash of this row, in hex.
    pub hash: String,
}

/// Where the audit trail does not hold together.
#[derive(Debug, thiserror::Error)]
pub enum AuditBreak {
    /// The first row that is wrong, or missing.
    #[error("the audit trail breaks at row {seq}: {problem}")]
    Broken {
        /// Position of the first bad row.
        seq: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It could not be read.
    #[error("the audit trail could not be checked")]
    Unread(#[source] StateError),
}

const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const ENTRY: &str = "seq, at, actor, action, object, detail, prev_hash, hash";

/// Checks every row and link, and that no row is missing at the end.
///
/// Returns how many rows there are.
pub fn verify(store: &Store) -> Result<u64, AuditBreak> {
    let (rows, broken) = store.read(walk).map_err(AuditBreak::Unread)?;
    match broken {
        None => Ok(rows),
        Some((seq, problem)) => Err(AuditBreak::Broken { seq, problem }),
    }
}

/// As [`verify`], where a trail that is broken makes the whole file unfit.
pub(super) fn require_whole(store: &Store) -> Result<u64, StateError> {
    verify(store).map_err(|broken| match broken {
        AuditBreak::Unread(error) => error,
        AuditBreak::Broken { .. } => StateError::Damaged {
            path: store.path().display().to_string(),
            problem: broken.to_string(),
        },
    })
}

type Broken = Option<(u64, &'static str)>;

fn walk(connection: &rusqlite::Connection) -> Result<(u64, Broken), Fault> {
    let (mut rows, mut last, mut broken) = (0, NO_HASH.to_owned(), None);
    let sql = format!("SELECT {ENTRY} FROM audit ORDER BY seq");
    each(connection, "audit", &sql, (), |cells| {
        let entry = entry(cells)?;
        if broken.is_none() {
            broken = fault_of(&entry, rows + 1, &last).map(|problem| (rows + 1, problem));
        }
        rows += 1;
        last = entry.hash;
        Ok(())
    })?;
    let (seq, hash) = head(connection)?;
    if broken.is_none() && (seq, hash.as_str()) != (rows, last.as_str()) {
        broken = Some((
            rows.min(seq) + 1,
            "the end of the trail is not where it was left",
        ));
    }
    Ok((rows, broken))
}

fn fault_of(entry: &AuditEntry, seq: u64, previous: &str) -> Option<&'static str> {
    if entry.seq != seq {
        return Some("a row is missing");
    }
    if entry.previous != previous {
        return Some("it does not follow the row before it");
    }
    (entry.hash != hash_of(entry)).then_some("its content is not what was written")
}

/// Appends a row to the trail, by the actor of the transaction.
pub(super) fn append(
    write: &Write<'_>,
    at: DateTime<Utc>,
    action: &str,
    object: &str,
    detail: &serde_json::Value,
) -> Result<(), Fault> {
    append_as(write, write.actor, at, (action, object, detail))
}

/// Appends a row to the trail, by a named actor.
pub(super) fn append_as(
    write: &Write<'_>,
    actor: &str,
    at: DateTime<Utc>,
    (action, object, detail): (&str, &str, &serde_json::Value),
) -> Result<(), Fault> {
    let (last, previous) = head(&write.tx)?;
    let mut entry = AuditEntry {
        seq: last + 1,
        at,
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: detail.to_string(),
        previous,
        hash: String::new(),
    };
    entry.hash = hash_of(&entry);
    write.execute(
        "INSERT INTO audit (seq, at, actor, action, object, detail, prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            signed(entry.seq)?,
            micros(entry.at),
            entry.actor,
            entry.action,
            entry.object,
            entry.detail,
            entry.previous,
            entry.hash,
        ],
    )?;
    write.execute(
        "INSERT INTO meta (key, value) VALUES ('audit_head', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![format!("{}:{}", entry.seq, entry.hash)],
    )?;
    Ok(())
}

/// Returns the newest rows, newest first.
pub(super) fn tail(
    connection: &rusqlite::Connection,
    limit: usize,
) -> Result<Vec<AuditEntry>, Fault> {
    let sql = format!("SELECT {ENTRY} FROM audit ORDER BY seq DESC LIMIT ?1");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    list(connection, "audit", &sql, params![limit], entry)
}

/// Returns position and hash of the newest row, as it was noted when it was written.
fn head(connection: &rusqlite::Connection) -> Result<(u64, String), Fault> {
    let sql = "SELECT value FROM meta WHERE key = 'audit_head'";
    let Some(text) = first(connection, "meta", sql, (), |cells| cells.take::<String>())? else {
        return Ok((0, NO_HASH.to_owned()));
    };
    let (seq, hash) = text
        .split_once(':')
        .ok_or_else(|| Fault::unreadable("meta.audit_head", "no colon"))?;
    let seq = seq
        .parse()
        .map_err(|error| Fault::unreadable("meta.audit_head", &error))?;
    Ok((seq, hash.to_owned()))
}

fn entry(cells: &mut Cells<'_>) -> Result<AuditEntry, Fault> {
    Ok(AuditEntry {
        seq: cells.number()?,
        at: cells.instant()?,
        actor: cells.take()?,
        action: cells.take()?,
        object: cells.take()?,
        detail: cells.take()?,
        previous: cells.take()?,
        hash: cells.take()?,
    })
}

/// Hashes all fields in order, each behind its length: no two rows give the same bytes.
fn hash_of(entry: &AuditEntry) -> String {
    let mut hash = Sha256::new();
    let seq = entry.seq.to_string();
    let at = micros(entry.at).to_string();
    let AuditEntry {
        actor,
        action,
        object,
        detail,
        previous,
        ..
    } = entry;
    for field in [previous, &seq, &at, actor, action, object, detail] {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(field.as_bytes());
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(64);
    for byte in digest {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}
