//! The same planner in virtual time: what a policy would do with what arrives.
//!
//! [`simulate`] makes one pass after the other over a memory of its own, as the loop does over the
//! state, in a world where only the listed things happen: commits of sources, runs that take as long
//! as is drawn, failures. It is pure: no clock, no file, no server, and the same input gives the same
//! outcome. Two policies of one seed meet the same arrivals.
//!
//! - `arrivals`, `durations`, `chance`: what happens, by draws that depend on the seed and on what
//!   they are for, and on nothing else
//! - `start`: the memory to begin with; `transition`: how runs and commits change it, as the store does;
//!   `table`, `checked`: what a table is taken to be, and that its checks pass
//! - `events`, `wakes`: when something happens next, so that passes in which nothing can are left out
//! - `attention`: which assets a pass has to look at
//! - `lag`, `outcome`: what comes of it, in figures
//!
//! It does not model people, faults of the service, or what a run writes: checks of that pass, and a pass
//! that would ask for a confirmation has it at once, which is counted.

mod arrivals;
mod attention;
mod chance;
mod checked;
mod course;
mod durations;
mod events;
mod lag;
mod outcome;
mod start;
mod table;
mod transition;
mod wakes;

use assets::declaration::Limits;
use assets::task::Tasks;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::{AssetGraph, Frozen};

use crate::plan::Request;
use crate::state::Memory;

pub use arrivals::{PastCommit, Stream, Timing, recorded};
pub use durations::{ASSUMED_DURATION, Durations, KnownBy};
pub use lag::Lags;
pub use outcome::{Asked, AssetOutcome, Outcome};
pub use start::{Assumed, begin};

/// What is tried out.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// The assets with their policies.
    pub graph: &'a AssetGraph,
    /// Their tasks.
    pub tasks: &'a Tasks,
    /// What may run at once.
    pub limits: &'a Limits,
    /// When which assets are not built.
    pub freezes: &'a [Frozen],
}

/// What happens to it.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// When the first pass is made, UTC.
    pub from: DateTime<Utc>,
    /// When it ends, exclusive, UTC.
    pub until: DateTime<Utc>,
    /// From one pass to the next; longer than zero.
    pub every: TimeDelta,
    /// What chance depends on.
    pub seed: u64,
    /// What arrives at sources; one stream for each of them at most.
    pub streams: &'a [Stream],
    /// How runs go.
    pub durations: &'a Durations,
    /// Look at everything in each pass, also where nothing can have changed: slower, and the same.
    pub is_thorough: bool,
}

/// A pass that was made.
pub struct Tick<'a> {
    /// When, UTC.
    pub now: DateTime<Utc>,
    /// The runs that it started, retries aside.
    pub requests: &'a [Request],
}

/// Lets a policy work from a memory on, and returns what came of it.
pub fn simulate(
    policy: Policy<'_>,
    memory: Memory,
    setting: Setting<'_>,
    watch: &mut dyn FnMut(&Tick<'_>),
) -> Outcome {
    course::Course::new(policy, memory, setting).run(watch)
}
