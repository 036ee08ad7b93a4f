//! The state file: what is remembered between passes, in SQLite.
//!
//! The way through it: [`Store`] opens a file ([`OpenMode`]) and implements
//! [`State`](crate::ports::State); each method is one short transaction over the functions of a
//! module here. Writes take the write lock at once, so that none fails half-way for want of it.
//! Nothing here asks the time, reads tables or calls a service.
//!
//! Invariants: no two open intents for one partition of an asset, by a unique
//! index and a look at those that are open; every change of an intent's
//! state has one audit row, in its transaction; the lease's epoch never falls.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method of `Cells` is not general over the lifetime of a row"
)]

mod attempt;
pub mod audit;
mod backfill;
mod build;
mod cells;
mod check;
mod checked;
pub mod codes;
mod copy;
mod deadline;
mod fault;
mod full_refresh;
mod intent;
mod lease;
mod load;
mod meta;
mod migrate;
mod open;
mod outbox;
mod pass;
mod place;
mod pushed;
mod query;
mod rebuild;
mod restore;
mod runs;
mod search;
mod settle;
mod sightings;
mod state;
mod tables;
mod takeover;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use assets::AssetKey;
use assets::delta::contents::PartitionState;
use assets::delta::partition_tuple::PartitionTuple;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior};

use self::audit::AuditEntry;
use self::fault::Fault;
use self::query::Write;
use crate::ports::{DecisionRecord, PassRecord, RunRecord, StateError};
use crate::state::{
    Backfill, BackfillName, BackfillState, Intent, IntentId, IntentState, RunId, TableNotes,
};

pub use self::check::Integrity;
pub use self::copy::back_up;
pub use self::lease::LeaseInfo;
pub use self::open::OpenMode;
pub use self::rebuild::{Rebuilt, rebuild};
pub use self::restore::{Restore, Restored, restore};
pub use self::runs::RunFilter;
pub use self::takeover::Place;

/// Below this much free space nothing new is triggered: results must still find room.
pub const LEAST_FREE_MIB: u64 = 50;

/// A write-ahead log beyond this size is given back once it was put away. It grows to that only
/// while somebody keeps an old view of the file open.
pub const LARGE_LOG_MIB: u64 = 64;

/// Returns the schema version of every state file that is open here.
pub fn schema_version() -> i64 {
    migrate::newest()
}

/// Returns the version of the SQLite in use.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// A state file that is open, or a private copy of one in memory.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    is_in_memory: bool,
    least_free_mib: u64,
    inner: Mutex<Inner>,
    /// Lists of values, as they were last read.
    values: Mutex<values::Cache>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// Who acts, for the audit trail: the last holder that took the lease here.
    actor: String,
}

impl Store {
    /// Opens a state file; for writing, one that is missing is made, readable by its owner only.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, StateError> {
        Ok(Self::around(open::on_disk(path, mode)?, path, false))
    }

    /// Returns a private copy in memory of a state file, or a new state if there is none.
    ///
    /// Nobody holds the lease of the copy. The file is only read.
    pub fn open_in_memory_copy(path: &Path) -> Result<Self, StateError> {
        match open::on_disk(path, OpenMode::ReadOnly) {
            Ok(source) => Ok(Self::around(open::copy(&source, path)?, path, true)),
            Err(StateError::Missing { .. }) => Ok(Self::around(open::in_memory(path)?, path, true)),
            Err(error) => Err(error),
        }
    }

    /// Returns a private copy in memory of this state, with the lease free.
    pub fn copy_in_memory(&self) -> Result<Self, StateError> {
        let copy = open::copy(&self.lock().connection, &self.path)?;
        Ok(Self::around(copy, &self.path, true))
    }

    fn around(connection: Connection, path: &Path, is_in_memory: bool) -> Self {
        Self {
            path: path.to_path_buf(),
            is_in_memory,
            least_free_mib: LEAST_FREE_MIB,
            inner: Mutex::new(Inner {
                connection,
                actor: "headwater".to_owned(),
            }),
            values: Mutex::default(),
        }
    }

    /// Returns where the state file lies, also for a copy in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns attempts, newest first.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StateError> {
        self.read(|connection| runs::runs(connection, filter))
    }

    /// Returns the attempt that a run belongs to.
    pub fn run_by_id(&self, run: RunId) -> Result<Option<RunRecord>, StateError> {
        self.read(|connection| runs::by_run_id(connection, run))
    }

    /// Returns the attempts of an intent, the first one first; none where there is no such intent.
    pub fn attempts(&self, id: &IntentId) -> Result<Vec<RunRecord>, StateError> {
        self.read(|connection| runs::of_intent(connection, id))
    }

    /// Names who acts from now on, for the audit trail: a person, where no lease is taken.
    pub fn act_as(&self, actor: &str) {
        actor.clone_into(&mut self.lock().actor);
    }

    /// Settles an attempt as cancelled if it still stands at `state`; returns whether it did.
    ///
    /// For attempts without a run that anybody knows of. Needs no lease: who holds it finds the
    /// attempt settled before sending it.
    pub fn cancel_attempt(
        &self,
        (intent, attempt): (&IntentId, u32),
        state: IntentState,
        message: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("cancel_attempt", |write| {
            settle::cancel(write, (intent, attempt), state, message, now)
        })
    }

    /// Writes down a new backfill, as of the newest pass.
    ///
    /// Needs no lease: who holds it finds the backfill with its next pass.
    pub fn create_backfill(&self, backfill: &Backfill) -> Result<(), StateError> {
        self.refuse_low_disk()?;
        self.write("create_backfill", |write| backfill::create(write, backfill))
    }

    /// Pauses, resumes or cancels a backfill, and returns it as it is then. Where `tries_again`, what could
    /// not be built is to be built after all, also of one that ended so.
    pub fn change_backfill(
        &self,
        name: &BackfillName,
        (to, tries_again): (BackfillState, bool),
        now: DateTime<Utc>,
    ) -> Result<Backfill, StateError> {
        self.write("change_backfill", |write| {
            backfill::change(write, name, (to, tries_again), now)
        })
    }

    /// Returns a backfill, at its end or not.
    pub fn backfill(&self, name: &BackfillName) -> Result<Option<Backfill>, StateError> {
        self.read(|connection| backfill::one(connection, name))
    }

    /// Returns all backfills, the newest first.
    pub fn backfills(&self) -> Result<Vec<Backfill>, StateError> {
        self.read(backfill::all)
    }

    /// Returns the attempts that were made for a backfill, the first one first.
    pub fn backfill_runs(&self, name: &BackfillName) -> Result<Vec<RunRecord>, StateError> {
        self.read(|connection| runs::of_backfill(connection, name))
    }

    /// Returns an intent, settled or not.
    pub fn intent(&self, id: &IntentId) -> Result<Option<Intent>, StateError> {
        self.read(|connection| intent::one(connection, id))
    }

    /// Returns the newest decisions about an asset, newest first; at most twenty are kept.
    pub fn decisions(
        &self,
        asset: &AssetKey,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>, StateError> {
        self.read(|connection| pass::decisions(connection, asset, limit))
    }

    /// Returns what is known of tables beyond what the planner reads.
    pub fn table_notes(&self) -> Result<BTreeMap<AssetKey, TableNotes>, StateError> {
        self.read(tables::notes)
    }

    /// Returns what is known of the partitions of an asset's table; empty where they were not counted.
    pub fn table_partitions(
        &self,
        asset: &AssetKey,
    ) -> Result<BTreeMap<PartitionTuple, PartitionState>, StateError> {
        self.read(|connection| tables::partitions(connection, asset))
    }

    /// Returns the newest passes that ended, newest first.
    pub fn passes(&self, limit: usize) -> Result<Vec<PassRecord>, StateError> {
        self.read(|connection| pass::passes(connection, limit))
    }

    /// Gives back the lease of a holder that is known to be dead; returns whether it held it.
    ///
    /// What such a holder may still do is fenced off by the epoch all the same.
    pub fn bury_holder(
        &self,
        dead: &str,
        successor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("bury_holder", |write| {
            lease::bury(write, dead, successor, now)
        })
    }

    /// Returns the lease, if it was ever taken.
    pub fn lease_info(&self) -> Result<Option<LeaseInfo>, StateError> {
        self.read(lease::info)
    }

    /// Returns the assets that were declared when the newest pass ended, in key order; nothing before one did.
    pub fn declared_assets(&self) -> Result<Option<Vec<AssetKey>>, StateError> {
        self.read(meta::declared)
    }

    /// Returns the workspace that this state belongs to, once it was used with one.
    pub fn pinned_workspace(&self) -> Result<Option<String>, StateError> {
        self.read(meta::workspace)
    }

    /// Returns the newest rows of the audit trail, newest first.
    pub fn audit_tail(&self, limit: usize) -> Result<Vec<AuditEntry>, StateError> {
        self.read(|connection| audit::tail(connection, limit))
    }

    /// Returns the free space beside the state file in MiB; absent where the system does not tell.
    pub fn free_mib(&self) -> Option<u64> {
        place::free_mib(&self.path)
    }

    /// Returns the size of the write-ahead log beside the file in MiB.
    pub fn log_mib(&self) -> u64 {
        open::log_bytes(&self.path) / (1024 * 1024)
    }

    /// Looks through everything for what should never be; reads the whole file.
    pub fn integrity(&self) -> Result<Integrity, StateError> {
        self.read(check::integrity)
    }

    /// Reads within one consistent view.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StateError> {
        let mut inner = self.lock();
        let within = || {
            let tx = inner.connection.transaction()?;
            let found = read(&tx)?;
            tx.commit()?;
            Ok(found)
        };
        within().map_err(|fault: Fault| fault.at(&self.path, "read"))
    }

    /// Writes all or nothing.
    ///
    /// The three lines of the log tell a person how far a step came, and crash tests where to kill:
    /// before it, when all is written and nothing durable, and after it.
    fn write<T>(
        &self,
        step: &'static str,
        act: impl FnOnce(&Write<'_>) -> Result<T, Fault>,
    ) -> Result<T, StateError> {
        let mut inner = self.lock();
        let Inner { connection, actor } = &mut *inner;
        let within = || {
            tracing::trace!(step, "writing");
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let write = Write::new(tx, actor);
            let done = act(&write)?;
            tracing::trace!(step, "committing");
            write.commit()?;
            tracing::trace!(step, "written");
            Ok(done)
        };
        within().map_err(|fault: Fault| fault.at(&self.path, "written"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held rolled the transaction back: the connection is as good as new.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if results would soon find no room, so that nothing new is begun.
    fn refuse_low_disk(&self) -> Result<(), StateError> {
        if self.is_in_memory {
            return Ok(());
        }
        match place::free_mib(&self.path) {
            Some(free_mib) if free_mib < self.least_free_mib => Err(StateError::LowDisk {
                path: self.path.display().to_string(),
                free_mib,
            }),
            _ => Ok(()),
        }
    }
}
