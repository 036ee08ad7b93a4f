//! What happened in a schedule, line by line, and a number that stands for all of it.

use crate::steps::Standing;
use crate::world::time::Time;

/// The trace of one schedule.
#[derive(Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
    hash: u64,
}

impl Trace {
    /// Keeps lines for people, or the number alone.
    pub(crate) fn new(keeps_lines: bool) -> Self {
        Self {
            lines: keeps_lines.then(Vec::new),
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn push(&mut self, time: Time, line: &str) {
        if let Some(lines) = &mut self.lines {
            let at = time.truth.format("%d %H:%M:%S");
            lines.push(format!("{at}  {line}"));
        }
    }

    /// Mixes a step into the number: process, place and time.
    pub(crate) fn mix(&mut self, process: u32, standing: Standing, time: Time) {
        let step = u64::try_from(standing.step.row()).unwrap_or(0);
        let seconds = time.truth.timestamp().unsigned_abs();
        for part in [u64::from(process), step, seconds] {
            self.hash = (self.hash ^ part).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn take(self) -> (Vec<String>, u64) {
        (self.lines.unwrap_or_default(), self.hash)
    }
}
