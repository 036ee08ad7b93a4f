//! The Delta log: texts of commits, what they say about data, and what a reading of a table means.
//!
//! Pure: whoever reads a log brings the bytes and the file times. The way through it:
//!
//! - [`name`]: which file of a `_delta_log` is what
//! - [`action`]: what stands in a line of a commit, or a row of a checkpoint
//! - [`commit`]: the text of one commit → [`Commit`], and what it says about the table
//! - [`files`]: what its file actions come to; [`touched`]: which partitions they changed
//! - [`bounds`]: the least and greatest values of a column, by the statistics of files
//! - [`spread`]: over which values of a column the files of a commit spread
//! - [`contents`]: what the live files of a table come to; [`replay`]: counting them
//! - [`event_time`]: how far a column of instants goes
//! - [`table`]: identity, schema and protocol of a table, and whether it may be observed at all
//! - [`schema`]: its columns, and what changed between two schemas
//! - [`partition_value`], [`partition_tuple`]: which partition a file belongs to
//! - [`statistics`], [`bounds`], [`nulls`]: rows of a file, how far a column goes, and how often it is null
//! - [`time`]: when a commit happened
//! - [`reading`]: what is remembered of a table between two readings, and what a reading found
//! - [`history`]: commits of the past
//! - [`unreadable`]: why a table could not be read
//!
//! A version *changes data* when one of its file actions says so; the operation's name never
//! decides (Delta protocol, "Add File and Remove File").

pub mod action;
pub mod bounds;
pub mod commit;
pub mod contents;
pub mod event_time;
pub mod files;
pub mod history;
pub mod name;
pub mod nulls;
pub mod partition_tuple;
pub mod partition_value;
pub mod reading;
pub mod replay;
mod scalar;
pub mod schema;
pub mod spread;
pub mod statistics;
pub mod table;
pub mod time;
pub mod touched;
pub mod unreadable;

pub use bounds::{Bound, ColumnRange, Edge};
pub use commit::{Commit, CommitError, ParsedCommit, TimeSource, Writer, parse_commit};
pub use nulls::NullCount;
pub use partition_tuple::{PartitionColumn, PartitionColumns, PartitionTuple};
pub use partition_value::PartitionValue;
pub use reading::{
    CommitMarker, Continuity, DataHead, KeptChanges, KnownHead, LostChanges, Reading, Update,
};
pub use schema::{Compatibility, DataType, Schema, SchemaChange, SchemaChangeKind};
pub use spread::{Spread, SpreadColumn};
pub use statistics::FileStatistics;
pub use table::{Metadata, Protocol, TableState};
pub use unreadable::Unreadable;
