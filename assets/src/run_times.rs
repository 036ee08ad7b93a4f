//! How long runs took: what is usual, and what is late but happens.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// How many runs are kept: enough for a 95th percentile that is not simply the longest, few enough
/// for a change of the code to show within days.
const KEPT: usize = 20;

/// How long the newest runs of an asset took that succeeded, in seconds, the newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunTimes(Vec<i64>);

impl RunTimes {
    /// Adds the newest run, and forgets the oldest beyond twenty. A run that ended before it began
    /// was timed by two clocks: it says nothing.
    pub fn push(&mut self, took: TimeDelta) {
        if took < TimeDelta::zero() {
            return;
        }
        self.0.push(took.num_seconds());
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }

    /// Returns whether there was no run yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how long they took, in seconds, the newest last.
    pub fn seconds(&self) -> &[i64] {
        &self.0
    }

    /// Returns how long a run usually takes: the median. Absent where there was none.
    pub fn usual(&self) -> Option<TimeDelta> {
        self.percentile(50)
    }

    /// Returns how long a run takes that is late: the 95th percentile. Absent where there was none.
    pub fn late(&self) -> Option<TimeDelta> {
        self.percentile(95)
    }

    /// The least of them that so many of a hundred do not exceed.
    fn percentile(&self, percent: usize) -> Option<TimeDelta> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        let seconds = sorted.get(rank - 1)?;
        TimeDelta::try_seconds(*seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(seconds: &[i64]) -> RunTimes {
        let mut times = RunTimes::default();
        for seconds in seconds {
            times.push(TimeDelta::seconds(*seconds));
        }
        times
    }

    #[test]
    fn one_slow_run_of_twenty_is_no_rule() {
        let mut seconds = vec![60; 19];
        seconds.push(4000);
        assert_eq!(of(&seconds).late(), Some(TimeDelta::seconds(60)));
        seconds.push(4000);
        assert_eq!(of(&seconds).late(), Some(TimeDelta::seconds(4000)));
        assert_eq!(of(&seconds).usual(), Some(TimeDelta::seconds(60)));
        assert_eq!(of(&[]).usual(), None);
        assert_eq!(of(&[-1]), RunTimes::default());
    }

    proptest! {
        /// Both are runs that there were, in their order, and only the newest twenty count.
        #[test]
        fn percentiles_are_runs(seconds in prop::collection::vec(0_i64..100_000, 1..60)) {
            let times = of(&seconds);
            let newest = &seconds[seconds.len().saturating_sub(KEPT)..];
            let (usual, late) = (times.usual().unwrap(), times.late().unwrap());
            prop_assert!(usual <= late);
            for found in [usual, late] {
                prop_assert!(newest.contains(&found.num_seconds()));
            }
            let not_above = |limit: TimeDelta| newest.iter().filter(|s| **s <= limit.num_seconds()).count();
            prop_assert!(not_above(usual) * 2 >= newest.len());
            prop_assert!(not_above(late) * 100 >= newest.len() * 95);
            prop_assert_eq!(times, of(newest));
        }
    }
}
