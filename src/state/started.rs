//! Runs that began lately, as far as budgets need them.

use assets::AssetKey;
use chrono::{DateTime, Utc};

/// An attempt that was written down to be sent, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedRun {
    /// When it was written down, UTC.
    pub at: DateTime<Utc>,
    /// What it builds, in key order.
    pub assets: Vec<AssetKey>,
    /// The pool that it counts against.
    pub pool: Option<String>,
    /// Whether it is made for a backfill.
    pub is_for_backfill: bool,
}
