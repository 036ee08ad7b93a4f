//! neighbourhood looks as text.
//!
//! This crate is pure: it takes [`assets::Asset`]s that are already complete and opens no file,
//! asks no server and knows no current time. It decides nothing about freshness.
//!
//! The way through it:
//!
//! - [`graph`]: assets → [`AssetGraph`], or everything that is wrong with their edges

pub mod graph;
#[cfg(test)]
mod sample;

pub use graph::{AssetGraph, AssetIndex};
