//! Lags over time, exactly: between two events a lag grows as the clock does, or is zero.
//!
//! A stretch in which it grew from `a` to `b` is kept as these two, so that mean and percentiles are
//! those of the time itself and not of samples. Seconds.

use chrono::{DateTime, TimeDelta, Utc};

/// How the lag of one asset went so far.
#[derive(Debug, Clone)]
pub(super) struct LagTrack {
    /// Up to here all is told.
    told: DateTime<Utc>,
    /// Since when the asset lacks something.
    since: Option<DateTime<Utc>>,
    /// Stretches in which the lag grew: from, to.
    grew: Vec<(u32, u32)>,
}

impl LagTrack {
    pub(super) fn new(from: DateTime<Utc>) -> Self {
        Self {
            told: from,
            since: None,
            grew: Vec::new(),
        }
    }

    /// Takes that a look at `now` found the asset to lack something since then, or nothing; what it
    /// lacked before came in at `caught_up`, if it did.
    pub(super) fn found(
        &mut self,
        since: Option<DateTime<Utc>>,
        caught_up: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        if since == self.since {
            return;
        }
        let changed = match (self.since, since) {
            (None, Some(since)) => since,
            // Nothing came in: it is only known better how old the oldest of it is.
            (Some(before), Some(since)) if since < before => now,
            (Some(_), _) => caught_up.unwrap_or(now),
            (None, None) => now,
        };
        self.tell(changed.min(now));
        self.since = since;
        // What is lacked now may be younger than that.
        if let Some(since) = since {
            self.told = self.told.max(since.min(now));
        }
    }

    fn tell(&mut self, upto: DateTime<Utc>) {
        if let Some(since) = self.since.filter(|_| upto > self.told) {
            let stretch = (seconds(self.told - since), seconds(upto - since));
            if stretch.0 < stretch.1 {
                self.grew.push(stretch);
            }
        }
        self.told = self.told.max(upto);
    }

    /// Ends the story, which began at `from`.
    pub(super) fn end(mut self, from: DateTime<Utc>, until: DateTime<Utc>) -> Lags {
        self.tell(until);
        Lags {
            grew: self.grew,
            total: seconds(until - from),
        }
    }
}

fn seconds(span: TimeDelta) -> u32 {
    u32::try_from(span.num_seconds().max(0)).unwrap_or(u32::MAX)
}

/// How a lag went over some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lags {
    grew: Vec<(u32, u32)>,
    /// All of the time.
    total: u32,
}

impl Lags {
    /// Returns the mean over time, in seconds.
    pub fn mean(&self) -> f64 {
        let area = |(from, to): &(u32, u32)| {
            let (from, to) = (f64::from(*from), f64::from(*to));
            (to - from) * f64::midpoint(from, to)
        };
        // Of nothing, a sum of floats is a zero below zero.
        let area = self.grew.iter().map(area).fold(0.0, |sum, area| sum + area);
        area / f64::from(self.total.max(1))
    }

    /// Returns the greatest lag, in seconds.
    pub fn max(&self) -> u32 {
        self.grew.iter().map(|(_, to)| *to).max().unwrap_or(0)
    }

    /// Returns for how many seconds it was above a bound.
    pub fn above(&self, bound: u32) -> u64 {
        let above = |(from, to): &(u32, u32)| u64::from(to.saturating_sub(bound.max(*from)));
        self.grew.iter().map(above).sum()
    }

    /// Returns the lags that were not exceeded in these shares of the time, which ascend; in seconds.
    pub fn percentiles<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        let mut turns: Vec<(u32, i32)> = Vec::with_capacity(self.grew.len() * 2);
        for (from, to) in &self.grew {
            turns.push((*from, 1));
            turns.push((*to, -1));
        }
        turns.sort_unstable();
        let grown: u64 = self
            .grew
            .iter()
            .map(|(from, to)| u64::from(to - from))
            .sum();
        let total = f64::from(self.total);
        // So long it was zero.
        let mut spent = total - float(grown);
        let (mut at, mut slope) = (0_u32, 0_i32);
        let mut turns = turns.into_iter().peekable();
        shares.map(|share| {
            let wanted = share * total;
            while let Some((turn, step)) = turns.peek().copied() {
                let ahead = f64::from(turn - at) * f64::from(slope);
                if spent + ahead >= wanted {
                    break;
                }
                spent += ahead;
                (at, slope) = (turn, slope + step);
                turns.next();
            }
            if slope == 0 || wanted <= spent {
                return f64::from(at);
            }
            f64::from(at) + (wanted - spent) / f64::from(slope)
        })
    }

    /// Puts the lags of several assets together, as if they had come one after the other.
    #[must_use]
    pub fn of_all<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut together = Self::default();
        for lags in all {
            together.grew.extend(&lags.grew);
            together.total = together.total.saturating_add(lags.total);
        }
        together
    }
}

/// As near as a float comes to it; exact below 2^53.
fn float(number: u64) -> f64 {
    let upper = u32::try_from(number >> 32).unwrap_or(u32::MAX);
    let lower = u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(upper) * 4_294_967_296.0 + f64::from(lower)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    /// Of 1,000 s: a change of second 100 is in at 300, one of 250 is in at 400.
    fn two_changes() -> Lags {
        let mut track = LagTrack::new(at(0));
        track.found(Some(at(100)), None, at(120));
        track.found(Some(at(250)), Some(at(300)), at(300));
        track.found(None, Some(at(400)), at(420));
        track.end(at(0), at(1_000))
    }

    #[test]
    fn a_lag_grows_from_the_change_until_it_is_in() {
        let lags = two_changes();
        assert_eq!(lags.grew, [(0, 200), (50, 150)]);
        // 200 * 100 + 100 * 100 of 1,000 seconds.
        assert!((lags.mean() - 30.0).abs() < 1e-9);
        assert_eq!(lags.max(), 200);
        assert_eq!(lags.above(120), 80 + 30);
        // 700 s nothing, 50 s up to 50, then two at once up to 150, then one up to 200.
        let [p50, p75, p90, p99, all] = lags.percentiles([0.5, 0.75, 0.9, 0.99, 1.0]);
        assert!(p50.abs() < 1e-9);
        assert!((p75 - 50.0).abs() < 1e-9, "{p75}");
        assert!((p90 - 125.0).abs() < 1e-9, "{p90}");
        assert!((p99 - 190.0).abs() < 1e-9, "{p99}");
        assert!((all - 200.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn what_is_lacked_in_the_end_counts_up_to_there() {
        let mut track = LagTrack::new(at(0));
        track.found(Some(at(-50)), None, at(0));
        let lags = track.end(at(0), at(100));
        assert_eq!(lags.grew, [(50, 150)]);
        let [p50] = lags.percentiles([0.5]);
        assert!((p50 - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_change_that_came_after_the_run_ended_counts_from_there() {
        let mut track = LagTrack::new(at(0));
        track.found(Some(at(10)), None, at(60));
        // The run ended at 70; the next change came at 90.
        track.found(Some(at(90)), Some(at(70)), at(120));
        let lags = track.end(at(0), at(120));
        assert_eq!(lags.grew, [(0, 60), (0, 30)]);
    }

    proptest! {
        /// What is counted second by second is what is computed.
        #[test]
        fn percentiles_are_those_of_every_second(
            stretches in prop::collection::vec((0..500_u32, 1..300_u32), 0..12), idle in 0..2_000_u32,
        ) {
            let grew: Vec<(u32, u32)> =
                stretches.iter().map(|(from, long)| (*from, from + long)).collect();
            let mut lags: Vec<f64> = vec![0.0; usize::try_from(idle).unwrap()];
            for (from, to) in &grew {
                lags.extend((*from..*to).map(|second| f64::from(second) + 0.5));
            }
            prop_assume!(!lags.is_empty());
            lags.sort_by(f64::total_cmp);
            let total = u32::try_from(lags.len()).unwrap();
            let of = Lags { grew, total };
            for (share, found) in [0.5, 0.9, 0.95, 0.99].into_iter().zip(of.percentiles([0.5, 0.9, 0.95, 0.99])) {
                let rank = (f64::from(total) * share).ceil().max(1.0);
                let at = lags.iter().zip(1_u32..).find(|(_, place)| f64::from(*place) >= rank).unwrap().0;
                prop_assert!((at - found).abs() <= 1.0, "{share}: {at} and {found}");
            }
        }
    }
}
