//! The demonstration: a sample lakehouse of real Delta tables, a workspace on loopback, and this
//! very program reconciling them through whatever goes wrong.
//!
//! Nothing here reconciles by itself: every act runs the commands that a user would run, as
//! processes of their own, so that one of them can be killed for real. What they did is read from
//! the workspace's ledger and from the tables.
//!
//! The first acts play in the lakehouse; each of the later ones has a small project of its own.

mod acts;
mod commands;
mod figure;
mod map;
mod stage;
mod tally;
mod witness;

use std::path::PathBuf;
use std::time::Duration;

use std::net::SocketAddr;

pub use acts::run;
pub use commands::Commands;
pub use figure::{Act, Bound, Figure};
pub use stage::{Stage, StageError, TOKEN};
pub use tally::{Latency, Mart, Tally};

/// How the demonstration goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the sample project is laid out.
    pub folder: PathBuf,
    /// Where the workspace listens; loopback only.
    pub listen: SocketAddr,
    /// For how long data keeps arriving while a reconciler watches.
    pub arrivals_for: Duration,
    /// Seed of the data that arrives.
    pub seed: u64,
    /// Whether the commands keep quiet about what they do.
    pub is_quiet: bool,
    /// The program itself.
    pub program: PathBuf,
}
