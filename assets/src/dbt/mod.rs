//! dbt manifests: the text of a `manifest.json` → the nodes that are assets.
//!
//! Reads schema 4 to 12 (dbt 1.0 to 1.12) and whatever is newer as far as it can be understood:
//! every field may be absent or null, and unknown ones are skipped. What dbt itself does not act on
//! is not interpreted here. Nothing is merged with declarations: that is
//! [`resolve`](crate::resolve)'s work.
//!
//! The way through it:
//!
//! - `read`, `section`: the text as a stream, one node at a time, so that memory is the text and
//!   what is kept
//! - `wire`, `lenient`: the shapes of the file and how little they insist on
//! - `convert`: one node of the file → one [`Node`]
//! - `config`: what `config` and `freshness` say
//! - `fingerprint`, `code`: what decides what a model writes → its code version
//! - `run_results`: what dbt told of its tests
//! - `finish`: what needs all nodes at once: groups, tests, code versions

mod code;
mod config;
mod convert;
mod error;
mod fingerprint;
mod finish;
mod lenient;
mod node;
mod read;
mod run_results;
mod section;
mod wire;

#[cfg(test)]
mod tests;

pub use error::ManifestError;
pub use node::{Manifest, Node, NodeType};
pub use read::read_manifest;
pub use run_results::{TestResult, TestResults, TestStatus, read_run_results};
