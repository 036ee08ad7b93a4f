//! A new state in the place of one that is damaged, lost or not trusted.
//!
//! It knows nothing: tables are adopted by first contact, and runs that are under way are looked
//! for at the service before anything is triggered (`execute::search`).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::fault::Fault;
use super::query::Write;
use super::{Store, audit, lease, restore, search};
use crate::ports::StateError;
use crate::state::{Search, SearchCause};

impl Store {
    /// Makes a new state ready to take the place of one that is lost: its epoch is above
    /// `above_epoch`, and runs of the one before are looked for. Returns the epoch.
    pub fn go_on_from_nothing(
        &self,
        above_epoch: u64,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, StateError> {
        self.act_as(actor);
        self.write(|write| go_on(write, (above_epoch, 0), now))
    }
}

/// What [`Store::go_on_from_nothing`] does, with a generation above a given one, too.
pub(super) fn go_on(
    write: &Write<'_>,
    (epoch, generation): (u64, u64),
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let epoch = lease::raise(write, epoch, now)?;
    restore::raise_generation(write, generation)?;
    let detail = json!({ "epoch": epoch });
    search::record(write, Some(&Search::new(SearchCause::Rebuilt)), now)?;
    audit::append(write, now, "state.rebuilt", "state", &detail)?;
    Ok(epoch)
}
