//! Chance, all of it from one seed, so that a schedule can be had again.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The dice of one schedule.
pub(crate) struct Dice(SmallRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u32) -> bool {
        self.0.random_range(0..times) == 0
    }

    /// A number from the first bound to the second, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..=to)
    }

    /// A position in a list of this length, which must not be empty.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        self.0.random_range(0..length)
    }

    /// One of a list, if there is any.
    pub(crate) fn any<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() {
            return None;
        }
        let at = self.below(of.len());
        of.get(at).copied()
    }

    pub(crate) fn bits(&mut self) -> u128 {
        (u128::from(self.0.random::<u64>()) << 64) | u128::from(self.0.random::<u64>())
    }
}
