//! What an asset is: its key, its declaration, its dbt node, its commits and its policies.
//!
//! This crate reads texts and returns values. It opens no file, asks no server and knows no
//! current time: whoever calls it brings the text and, where it matters, `now`.
//!
//! The way through it:
//!
//! - [`declaration`]: `headwater.yml` and asset files → declarations and [`Diagnostic`]s
//! - [`dbt`]: a manifest → nodes
//! - [`resolve`]: declarations and nodes → [`Asset`]s of one environment
//! - [`delta`]: lines of a Delta log → [`delta::Commit`]s, and what they say about data
//! - [`streaming`]: files of a streaming checkpoint → how far the query read its sources

pub mod asset;
pub mod automation;
pub mod check;
pub mod condition;
pub mod dbt;
pub mod declaration;
pub mod delta;
pub mod diagnostic;
pub mod duration;
pub mod key;
pub mod partition;
pub mod pinning;
pub mod policy;
pub mod relation;
pub mod resolve;
pub mod run_times;
pub mod schedule;
pub mod streaming;
pub mod task;
pub mod version;
pub mod workload;

pub use asset::{Asset, AssetKind, Binding, Consume, DbtNode, Evidence, Upstream};
pub use diagnostic::{Diagnostic, Place, Severity, did_you_mean};
pub use key::AssetKey;
pub use relation::Relation;
pub use version::{CodeVersion, Origin, PassNumber, TableId, TableVersion};
