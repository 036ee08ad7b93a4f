//! Putting a backup in the place of a state file.
//!
//! A backup knows nothing of what was done after it was made: an intent that it has as `pending`
//! may have been sent, tried again under a later attempt, and settled. So every open intent becomes
//! `uncertain`: nothing is sent for it before its runs, those of later attempts included, were
//! looked for by the correlation (`execute::adopt`). What it remembers to be consumed is older than
//! the tables, which costs runs and loses nothing.
//!
//! What was asked for after the backup is looked for at the service by every pass, for as long as a
//! request may be under way (`execute::search`).

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::json;

use super::fault::Fault;
use super::query::{Write, first};
use super::takeover::{self, Past, Place};
use super::{OpenMode, Store, attempt, audit, copy, intent, lease, load, search};
use crate::ports::StateError;
use crate::state::{Intent, IntentState, Search, SearchCause};

/// What is restored.
pub struct Restore<'a> {
    /// The backup.
    pub backup: &'a Path,
    /// The state file, and who asks.
    pub place: Place<'a>,
}

/// What restoring did.
#[derive(Debug)]
pub struct Restored {
    /// Where the file that was there is now.
    pub replaced: Option<PathBuf>,
    /// The epoch that everybody is behind who was here before.
    pub epoch: u64,
    /// The newest row of the audit trail of the backup.
    pub audit_rows: u64,
    /// The open intents, as the backup has them: each is looked up before anything is sent.
    pub looked_up: Vec<Intent>,
    /// What is open in the file that was replaced and unknown to the backup.
    pub not_in_backup: Vec<Intent>,
}

/// Puts a backup in the place of the state file.
pub fn restore(order: &Restore<'_>) -> Result<Restored, StateError> {
    let audit_rows = copy::verify(order.backup)?;
    let path = order.place.path;
    let (present, past) = takeover::take(order.place)?;
    let copied = copy::copy_beside(order.backup, path)?;
    let (epoch, looked_up) = prepare(&copied, order, &past)?;
    let replaced = takeover::replace(copied, present, order.place)?;
    let known = Store::open(path, OpenMode::ReadOnly)?;
    let mut not_in_backup = Vec::new();
    for intent in past.open {
        if known.intent(&intent.id)?.is_none() {
            not_in_backup.push(intent);
        }
    }
    Ok(Restored {
        replaced,
        epoch,
        audit_rows,
        looked_up,
        not_in_backup,
    })
}

/// Makes the copy of the backup ready to be gone on with; returns its epoch and what is open in it.
fn prepare(
    copy: &Path,
    order: &Restore<'_>,
    past: &Past,
) -> Result<(u64, Vec<Intent>), StateError> {
    let store = Store::open(copy, OpenMode::ReadWrite)?;
    store.act_as(order.place.actor);
    let above = (past.epoch, past.generation);
    let made = store.write("restore", |write| {
        go_on(write, above, Some(order.backup), order.place.now)
    })?;
    takeover::finish_file(store, order.place.path)?;
    Ok(made)
}

impl Store {
    /// Makes a state that was copied earlier ready to be gone on with: every open intent is in
    /// doubt, the epoch is above `above_epoch`, and runs that the copy does not know are looked for.
    ///
    /// Returns the epoch and the intents that were open. This is what [`restore`] does to the copy
    /// of a backup; for a state in memory it is all there is to do.
    pub fn go_on_from_backup(
        &self,
        above_epoch: u64,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<Intent>), StateError> {
        self.act_as(actor);
        self.write("restore", |write| go_on(write, (above_epoch, 0), None, now))
    }
}

fn go_on(
    write: &Write<'_>,
    (epoch, generation): (u64, u64),
    backup: Option<&Path>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<Intent>), Fault> {
    let open = intent::open(&write.tx)?;
    for intent in &open {
        doubt(write, intent, now)?;
    }
    let epoch = lease::raise(write, epoch, now)?;
    raise_generation(write, generation)?;
    let ids: Vec<&str> = open.iter().map(|intent| intent.id.0.as_str()).collect();
    let detail = json!({
        "backup": backup.map(|backup| backup.display().to_string()),
        "epoch": epoch,
        "looked_up": ids,
    });
    search::record(write, Some(&Search::new(SearchCause::Restored)), now)?;
    audit::append(write, now, "state.restored", "state", &detail)?;
    Ok((epoch, open))
}

/// Raises the generation above all that were ever seen of a file.
pub(super) fn raise_generation(write: &Write<'_>, above: u64) -> Result<(), Fault> {
    let generation = above.max(load::generation(&write.tx)?);
    write.execute(
        "UPDATE meta SET value = ?1 WHERE key = 'generation'",
        params![super::cells::signed(generation.saturating_add(1))?],
    )?;
    Ok(())
}

/// Marks that nobody can tell whether an attempt has a run, or a later attempt one. It may have
/// been sent from the moment it was written down until now: the search that begins says when no
/// request can be under way any more.
fn doubt(write: &Write<'_>, intent: &Intent, now: DateTime<Utc>) -> Result<(), Fault> {
    let current = (&intent.id, intent.attempt);
    // When an intent was made is told by the service's clock; when an attempt was, by ours.
    let sql = "SELECT coalesce(run.first_sent_at, intent.created_at)
               FROM run JOIN intent ON intent.id = run.intent
               WHERE run.intent = ?1 AND run.attempt = ?2";
    let from = first(
        &write.tx,
        "run",
        sql,
        params![intent.id.0, intent.attempt],
        |cells| cells.take::<i64>(),
    )?;
    write.change(
        "UPDATE run SET first_sent_at = ?3, last_sent_at = coalesce(last_sent_at, ?3),
             not_before = NULL
         WHERE intent = ?1 AND attempt = ?2",
        params![intent.id.0, intent.attempt, from],
    )?;
    let reason = "the state was restored from a backup: it may have gone on since";
    let states = (intent.state, IntentState::Uncertain);
    attempt::advance(write, current, states, now, json!({ "reason": reason }))
}
