//! The Delta log: texts of commits, what they say about data, and what a reading of a table means.
//!
//! Pure: whoever reads a log brings the bytes and the file times. The way through it:
//!
//! - [`name`]: which file of a `_delta_log` is what
//! - [`action`]: what stands in a line of a commit, or a row of a checkpoint
//! - [`commit`]: the text of one commit → [`Commit`], and what it says about the table
//! - [`table`]: identity, schema and protocol of a table, and whether it may be observed at all
//! - [`time`]: when a commit happened
//! - [`reading`]: what is remembered of a table between two readings, and what a reading found
//! - [`unreadable`]: why a table could not be read
//!
//! A version *changes data* when one of its file actions says so; the operation's name never
//! decides (Delta protocol, "Add File and Remove File").

pub mod action;
pub mod commit;
pub mod name;
pub mod reading;
pub mod table;
pub mod time;
pub mod unreadable;

pub use commit::{Commit, CommitError, ParsedCommit, TimeSource, Writer, parse_commit};
pub use reading::{CommitMarker, Continuity, DataHead, KnownHead, Reading, Update};
pub use table::{Metadata, Protocol, TableState};
pub use unreadable::Unreadable;
