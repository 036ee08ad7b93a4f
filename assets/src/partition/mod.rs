//! Partitions: how an asset divides into windows of time and values.
//!
//! Pure arithmetic: `now` is an argument. The way through it:
//!
//! - `spec`: what a declaration says; `check`: → [`Partitions`], or all that is wrong with it
//! - `timeline`: which window an instant lies in, in any zone, and back
//! - `definition`: which partitions there are; `key`: how they are named
//! - `known`: which values a `dynamic` part has, as far as tables told
//! - `mapping`: which partitions of an upstream they need, and which ones they feed
//! - `placing`: which partitions the values in a table tell
//! - `set`: [`PartitionSet`], as small as sets get
//!
//! Every partition is one or up to three *ordinals*: the number of a window of time, counted from
//! 1970, or the place of a value in its list. All computing is done on ranges of those.

mod check;
mod civil;
mod definition;
mod extent;
mod format;
mod key;
mod known;
mod mapping;
mod part;
mod placing;
mod set;
mod spec;
mod spec_error;
mod timeline;
mod values;
mod window_key;
mod windows;

pub use definition::{KeyRange, Partitions};
pub use extent::Extent;
pub use format::{Field, Format, FormatError};
pub use key::KeyError;
pub use known::{DynamicPart, KnownValues, OwnValues, Told};
pub use mapping::{Choice, Followed, Mapping, MappingError, MappingSpec, Needs};
pub use part::Part;
pub use placing::{Outside, OutsideReason, Placed, Placing};
pub use set::{BytesError, MAX_PARTS, Partition, PartitionRange, PartitionSet};
pub use spec::{PartitionsSpec, WindowsSpec};
pub use spec_error::{SpecError, SpecProblem};
pub use timeline::CronError;
pub use values::{MAX_VALUES, Values};
pub use windows::{Grid, TimeColumns, Window, Windows};

#[cfg(test)]
mod tests;
