//! Everything that is not the code under test: clocks, tables, the service, and the state file.

pub(crate) mod events;
pub(crate) mod lake;
pub(crate) mod network;
pub(crate) mod service;
pub(crate) mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use chrono::TimeDelta;
use headwater::execute::Windows;
use headwater::state::IntentId;
use headwater::store::Store;

use self::lake::Lake;
use self::service::Service;
use self::time::Time;
use crate::bugs::{Bug, Bugs};
use crate::choice::Dice;
use crate::coverage::Coverage;
use crate::faults::{Fault, Faults};
use crate::steps::Standing;
use crate::topology::Topology;
use crate::trace::Trace;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant, such as `S1`.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
}

/// The world of one schedule.
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) topology: Rc<Topology>,
    /// What may go wrong from now on.
    pub(crate) faults: Faults,
    pub(crate) bugs: Bugs,
    pub(crate) windows: Windows,
    /// Whether commits name the run that wrote them.
    pub(crate) names_runs: bool,
    pub(crate) time: Time,
    pub(crate) lake: Lake,
    pub(crate) service: Service,
    pub(crate) store: Arc<Store>,
    /// The last copy that was made of it.
    pub(crate) backup: Option<Store>,
    /// Whether a backup or nothing took the place of a state.
    pub(crate) was_replaced: bool,
    /// Intents that any state ever had, with the asset of each.
    pub(crate) intents: BTreeMap<IntentId, usize>,
    /// Holders of the lease that are dead.
    pub(crate) dead: BTreeSet<String>,
    /// Where each living process stands, by slot.
    pub(crate) standing: Vec<Option<Standing>>,
    pub(crate) coverage: Coverage,
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Trace,
}

impl World {
    /// Whether this goes wrong now: it may, and the dice say so.
    pub(crate) fn strikes(&mut self, fault: Fault, one_in: u32) -> bool {
        self.faults.has(fault) && self.dice.one_in(one_in)
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bugs.has(bug)
    }

    /// Notes that a rule was broken; the first one counts.
    pub(crate) fn violate(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.note(|_| format!("VIOLATION of {rule}: {what}"));
            self.violation = Some(Violation { rule, what });
        }
    }

    /// Notes something in the trace, with the time.
    pub(crate) fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.trace.is_on() {
            let line = what(self);
            self.trace.push(self.time, &line);
        }
    }

    /// Notes that a fault struck while processes stood where they stand.
    pub(crate) fn struck(&mut self, fault: Fault) {
        let mut met = false;
        for standing in self.standing.iter().flatten() {
            self.coverage.note(standing.step, fault);
            met = true;
        }
        if !met {
            self.coverage.note(crate::steps::Step::Idle, fault);
        }
    }

    /// Lets time go by; what was under way arrives when it is due.
    pub(crate) fn later(&mut self, by: TimeDelta) {
        let until = self.time.truth + by;
        for (at, request) in self.service.due(until) {
            self.time.truth = self.time.truth.max(at);
            self.note(|_| format!("a late request of job {} arrives", request.job_id));
            // Nobody waits for the answer.
            drop(self.arrive(&request));
        }
        self.time.truth = until;
    }

    /// The names of assets by position.
    pub(crate) fn name(&self, asset: usize) -> &'static str {
        self.topology.assets[asset].name
    }
}
