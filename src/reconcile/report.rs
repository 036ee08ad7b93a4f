//! What one pass did.

use std::time::Duration;

use assets::AssetKey;
use assets::task::TaskName;
use chrono::{DateTime, Utc};

use crate::execute::Sent;
use crate::plan::Plan;
use crate::state::{IntentId, RunId, Search};
use assets::version::PassNumber;

/// What one pass did, and what it leaves to do.
#[derive(Debug)]
pub struct PassReport {
    /// Its number.
    pub pass: PassNumber,
    /// When it began, UTC.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub elapsed: Duration,
    /// How many tables were looked at.
    pub observed: usize,
    /// The attempts that ended.
    pub settled: Vec<Settled>,
    /// The intents that were sent, again or for the first time.
    pub triggered: Vec<Triggered>,
    /// Intents under way after the pass, those just started included.
    pub in_flight: usize,
    /// Those of them that nobody will hear of again unless a person looks.
    pub hopeless: usize,
    /// Assets that wait.
    pub waiting: usize,
    /// Assets that are held.
    pub held: usize,
    /// Tables that could not be observed.
    pub unknown: usize,
    /// What was decided.
    pub plan: Plan,
    /// What did not work and concerns no single asset, worst first.
    pub problems: Vec<String>,
    /// The service did not accept our credentials; with what to do.
    pub denied: Option<String>,
    /// The service could not be reached, or asked for patience.
    pub is_remote_unavailable: bool,
    /// How long the service asked us to wait, if it did.
    pub asked_to_wait: Option<Duration>,
    /// The runs that were found and taken over.
    pub found: Vec<Found>,
    /// That nothing is triggered while runs are looked for, if so.
    pub search: Option<Search>,
}

/// A run that the state did not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The intent that it belongs to.
    pub intent: IntentId,
    /// Which attempt.
    pub attempt: u32,
    /// What it builds; several where nobody can tell which of them.
    pub assets: Vec<AssetKey>,
    /// The run.
    pub run_id: RunId,
    /// Whether it was under way.
    pub is_active: bool,
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The intent.
    pub intent: IntentId,
    /// Which attempt.
    pub attempt: u32,
    /// What it built.
    pub assets: Vec<AssetKey>,
    /// Its run, where one was known.
    pub run_id: Option<RunId>,
    /// `succeeded`, `retry`, `failed` or `cancelled`.
    pub outcome: &'static str,
    /// Why it did not succeed.
    pub message: Option<String>,
}

/// An attempt that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// The intent; empty where none could be written down.
    pub intent: IntentId,
    /// Which attempt, from 1; 0 where no intent could be written down.
    pub attempt: u32,
    /// What is run.
    pub task: TaskName,
    /// What it builds.
    pub assets: Vec<AssetKey>,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub sent: Sent,
}

impl PassReport {
    /// Returns the runs that were started or found again.
    pub fn started(&self) -> impl Iterator<Item = (&Triggered, RunId)> {
        self.triggered
            .iter()
            .filter_map(|triggered| match &triggered.sent {
                Sent::Started(run) => Some((triggered, *run)),
                Sent::Unanswered(_)
                | Sent::RateLimited { .. }
                | Sent::Unauthenticated { .. }
                | Sent::Refused { .. }
                | Sent::Overtaken => None,
            })
    }

    /// Returns whether no run was started and none ended: asking again and in vain is no news.
    pub fn is_quiet(&self) -> bool {
        self.settled.is_empty() && self.started().next().is_none()
    }

    /// Returns whether something was refused or failed for good in this pass.
    pub fn has_failures(&self) -> bool {
        let refused = |triggered: &Triggered| matches!(triggered.sent, Sent::Refused { .. });
        let failed = |settled: &Settled| matches!(settled.outcome, "failed" | "cancelled");
        self.triggered.iter().any(refused) || self.settled.iter().any(failed)
    }
}
