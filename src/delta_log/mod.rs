//! Reading the `_delta_log` of tables, on local paths and in buckets.
//!
//! What a commit says is `assets::delta`'s to know; here it is decided which files are read, in
//! which order, and what it means when one of them is not there. Nothing is remembered here: the
//! caller keeps a [`KnownHead`] per table and hands it back. No row of a table is ever read.
//!
//! - [`read`]: one table, from nothing (`past`, `window`) or from a known head (`warm`), with its files
//!   counted where that is asked (`counting`, `checkpoint`)
//! - [`read_many`]: many tables at once, none held up by a store that hangs
//! - [`history`], [`data_commits_back_to`]: commits of the past
//! - [`kept_changes`]: from which version on changes can be read
//! - [`read_small`]: a file of a streaming checkpoint
//! - [`Location`]: where a declared location lies
//!
//! A store is seen through [`LogStore`] only: looking for one file, reading one, listing all.

mod ask;
mod bucket;
mod checkpoint;
mod counting;
mod feed;
mod history;
mod listing;
mod local;
mod location;
mod log;
mod many;
mod past;
mod placing;
mod small;
mod store;
mod trace;
mod walk;
mod warm;
mod window;

use assets::delta::{Continuity, KnownHead, Reading};

pub use feed::kept_changes;
pub use history::{data_commits_back_to, history};
pub use location::{Bucket, BucketLocation, Location};
pub use many::{Options, Request, Stuck, read_many};

pub use ask::{Ask, Look};
pub use bucket::{BucketStore, Heard, hear};
pub use local::LocalStore;
pub use small::read_small;
pub use store::{Cost, FileStat, LogStore, StoredFile};
pub use trace::Traced;

use log::Log;

/// Reads what is new in the log that a store keeps. Blocks.
///
/// With a known head and nothing new, this costs two looks at single files, or one request. Without one, it lists
/// the log and reads backwards until it has seen the newest commit that changed data, and what the
/// table is.
pub fn read(store: &dyn LogStore, known: Option<&KnownHead>, ask: &Ask) -> Reading {
    let log = Log::of(store);
    let reading = match known {
        None => past::read_cold(log, Continuity::Cold, ask),
        Some(known) => warm::read_on(log, known, ask),
    };
    reading.unwrap_or_else(Reading::Unknown)
}

#[cfg(test)]
mod tests;
