//! Which faults struck at which steps, and how often.

use crate::faults::Fault;
use crate::steps::Step;

const STEPS: usize = Step::ALL.len();
const FAULTS: usize = Fault::ALL.len();

/// Counts by step and fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// How often each step was reached.
    steps: [u64; STEPS],
    met: Box<[[u64; FAULTS]; STEPS]>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            steps: [0; STEPS],
            met: Box::new([[0; FAULTS]; STEPS]),
        }
    }
}

impl Coverage {
    pub(crate) fn reached(&mut self, step: Step) {
        self.steps[step.row()] += 1;
    }

    pub(crate) fn note(&mut self, step: Step, fault: Fault) {
        self.met[step.row()][fault.column()] += 1;
    }

    /// Adds what another schedule covered.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.steps.iter_mut().zip(other.steps) {
            *mine += theirs;
        }
        let rows = self.met.iter_mut().zip(other.met.iter());
        for (mine, theirs) in rows.flat_map(|(mine, theirs)| mine.iter_mut().zip(theirs)) {
            *mine += theirs;
        }
    }

    /// Returns how often a step was reached.
    pub fn reaches(&self, step: Step) -> u64 {
        self.steps[step.row()]
    }

    /// Returns how often a fault struck while a process stood at a step.
    pub fn count(&self, step: Step, fault: Fault) -> u64 {
        self.met[step.row()][fault.column()]
    }

    /// Returns how often a fault struck at all.
    pub fn total(&self, fault: Fault) -> u64 {
        self.met.iter().map(|row| row[fault.column()]).sum()
    }
}
