//! Everything that the planner may see.

use std::collections::BTreeSet;

use assets::declaration::Limits;
use assets::task::Tasks;
use assets::version::PassNumber;
use chrono::{DateTime, Utc};
use lineage::{AssetGraph, AssetIndex, Frozen};

use crate::state::Memory;

/// A snapshot of the world and the time at which to judge it.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The time at which everything is judged, UTC.
    pub now: DateTime<Utc>,
    /// The pass that asks; cuts fixed by this plan carry it.
    pub pass: PassNumber,
    /// The assets and how they hang together.
    pub graph: &'a AssetGraph,
    /// The tasks that build them.
    pub tasks: &'a Tasks,
    /// What may run at once.
    pub limits: &'a Limits,
    /// Only these may be triggered; all, where absent. Every asset is decided about all the same.
    pub selected: Option<&'a BTreeSet<AssetIndex>>,
    /// When which assets are not built.
    pub freezes: &'a [Frozen],
    /// What was seen and done so far.
    pub memory: &'a Memory,
}
