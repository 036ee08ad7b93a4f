//! How assets hang together: which feeds which, which of them a selection names, and how a
//! neighbourhood looks as text.
//!
//! This crate is pure: it takes [`assets::Asset`]s that are already complete and opens no file,
//! asks no server and knows no current time. It decides nothing about freshness.
//!
//! The way through it:
//!
//! - [`graph`]: assets → [`AssetGraph`], or everything that is wrong with their edges
//! - [`select`]: dbt's selection syntax → the assets it names
//! - [`frozen`]: which assets a freeze is for
//! - [`render`]: a neighbourhood → a tree of lines

pub mod frozen;
pub mod graph;
pub mod render;
#[cfg(test)]
mod sample;
pub mod select;

pub use frozen::{FreezeError, Frozen};
pub use graph::{AssetGraph, AssetIndex, NewValues};
pub use render::tree;
pub use select::{SelectError, SelectProblem, Selected, Selection, Unmatched};
