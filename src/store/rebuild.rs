//! A new state in the place of one that is damaged, lost or not trusted.
//!
//! It knows nothing: tables are adopted by first contact, and runs that are under way are looked
//! for at the service before anything is triggered (`execute::search`). Of the file that is there,
//! only what nobody can see from outside is taken over, as far as it can be read: the epoch, which
//! never falls, and the workspace that it belongs to.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::json;

use super::fault::Fault;
use super::query::Write;
use super::takeover::{self, Past, Place};
use super::{OpenMode, Store, audit, copy, lease, restore, search};
use crate::ports::StateError;
use crate::state::{Intent, Search, SearchCause};

/// What making a new state did.
#[derive(Debug)]
pub struct Rebuilt {
    /// Where the file that was there is now.
    pub replaced: Option<PathBuf>,
    /// The epoch that everybody is behind who was here before.
    pub epoch: u64,
    /// The workspace that the file that was there belonged to, where it said.
    pub workspace: Option<String>,
    /// What was open in it, as far as it could be read.
    pub open: Vec<Intent>,
    /// How many rows its audit trail has, where that could be read.
    pub audit_rows: Option<u64>,
}

/// Puts a new state in the place of the state file.
pub fn rebuild(order: Place<'_>) -> Result<Rebuilt, StateError> {
    let (present, past) = takeover::take(order)?;
    let new = copy::passing_name(order.path)?;
    let store = Store::open(&new, OpenMode::ReadWrite)?;
    store.act_as(order.actor);
    let epoch = store.write("rebuild", |write| go_on(write, &past, order.now))?;
    takeover::finish_file(store, order.path)?;
    let replaced = takeover::replace(new, present, order)?;
    Ok(Rebuilt {
        replaced,
        epoch,
        workspace: past.workspace,
        open: past.open,
        audit_rows: past.audit_rows,
    })
}

impl Store {
    /// Makes a new state ready to take the place of one that is lost: its epoch is above
    /// `above_epoch`, and runs of the one before are looked for. Returns the epoch.
    ///
    /// For a state in memory this is what [`rebuild`] does to a new file.
    pub fn go_on_from_nothing(
        &self,
        above_epoch: u64,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, StateError> {
        self.act_as(actor);
        let past = Past {
            epoch: above_epoch,
            ..Past::default()
        };
        self.write("rebuild", |write| go_on(write, &past, now))
    }
}

fn go_on(write: &Write<'_>, past: &Past, now: DateTime<Utc>) -> Result<u64, Fault> {
    let epoch = lease::raise(write, past.epoch, now)?;
    restore::raise_generation(write, past.generation)?;
    if let Some(workspace) = &past.workspace {
        write.execute(
            "INSERT INTO meta (key, value) VALUES ('workspace_id', ?1)",
            params![workspace],
        )?;
    }
    search::record(write, Some(&Search::new(SearchCause::Rebuilt)), now)?;
    let detail = json!({ "epoch": epoch, "workspace_id": past.workspace });
    audit::append(write, now, "state.rebuilt", "state", &detail)?;
    Ok(epoch)
}
