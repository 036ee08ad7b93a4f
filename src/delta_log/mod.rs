//! Reading the `_delta_log` of tables on local paths.
//!
//! What a commit says is `assets::delta`'s to know; here it is decided which files are read, in
//! which order, and what it means when one of them is not there. Nothing is remembered here: the
//! caller keeps a [`KnownHead`] per table and hands it back. Checkpoints are not read, only noticed,
//! and no row of a table ever is.
//!
//! - [`read`]: one table, from nothing or from a known head; [`read_listed`]: the same, distrusting
//!   a quiet probe
//! - [`read_many`]: many tables at once, none held up by a store that hangs
//! - [`history`], [`data_commits_back_to`]: commits of the past
//! - [`local_path`]: where a declared location lies
//!
//! A store is seen through [`LogStore`] only: looking for one file, reading one, listing all.

mod checkpoint;
mod history;
mod listing;
mod local;
mod location;
mod log;
mod many;
mod past;
mod store;
mod warm;

use assets::delta::{Continuity, KnownHead, Reading};

pub use history::{History, data_commits_back_to, history};
pub use location::local_path;
pub use many::{Options, Request, Stuck, read_many};

pub use local::LocalStore;
pub use store::{Cost, FileStat, LogStore, StoredFile};

use log::Log;

/// Reads what is new in the log of the table at `location`. Blocks.
///
/// With a known head and nothing new, this costs two looks at single files. Without one, it lists
/// the log and reads backwards until it has seen the newest commit that changed data, and what the
/// table is.
pub fn read(store: &dyn LogStore, known: Option<&KnownHead>) -> Reading {
    let log = Log::of(store);
    let reading = match known {
        None => past::read_cold(log, Continuity::Cold),
        Some(known) => warm::read_on(log, known),
    };
    reading.unwrap_or_else(Reading::Unknown)
}

/// As [`read`], but lists the log even when the probe found nothing new.
///
/// A probe cannot see commits beyond a missing one: a reading like this now and then does.
pub fn read_listed(store: &dyn LogStore, known: Option<&KnownHead>) -> Reading {
    let log = Log::of(store);
    let reading = match known {
        None => past::read_cold(log, Continuity::Cold),
        Some(known) => warm::read_listed(log, known),
    };
    reading.unwrap_or_else(Reading::Unknown)
}

#[cfg(test)]
mod tests;
