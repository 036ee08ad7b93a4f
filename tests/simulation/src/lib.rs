//! Thousands of hostile histories for the real planner, protocol and store, each from one seed.
//!
//! The code under test is the controller's own `reconcile::pass` over its own state file in memory.
//! Around it everything is simulated: two or three processes that stand still at every transaction
//! and call, clocks, tables with their logs, and a service with tokens, runs and a network that loses,
//! delays and repeats. After each step the rules of the trigger protocol are held against what really
//! is, which only the simulation knows.
//!
//! What is not in it: SQLite is taken to keep its promises, and a process does not stand still between
//! its last look at the clock and the moment at which a request leaves.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a schedule that cannot be played is a bug of the simulation"
)]
#![expect(
    missing_docs,
    clippy::wildcard_enum_match_arm,
    reason = "steps and faults are lists of names"
)]

mod bugs;
mod calls;
mod choice;
mod coverage;
mod faults;
mod invariants;
mod many;
mod planted;
mod ports;
mod process;
mod rest;
mod schedule;
mod state;
mod steps;
mod topology;
mod trace;
mod workshop;
mod world;

pub use bugs::{Bug, Bugs};
pub use coverage::Coverage;
pub use faults::{Fault, Faults};
pub use many::{Batch, Found, Tally, play_many};
pub use planted::{PLANTED, Planted};

pub use steps::Step;
pub use workshop::{Outcome, Workshop};
pub use world::Violation;
