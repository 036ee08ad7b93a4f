//! When a read is repeated: how often, after which wait, and how long in all.
//!
//! Waiting and chance are given from outside, so that a simulation neither sleeps nor rolls dice.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::databricks::error::ApiError;

/// A wait that has to be awaited.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The rule by which reads are repeated, and the means to wait.
#[derive(Clone)]
pub struct Pacing {
    /// How often a read is sent at most, the first time included.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles from attempt to attempt.
    pub first_wait: Duration,
    /// The longest wait that we choose ourselves.
    pub longest_wait: Duration,
    /// All attempts and waits of one call together; beyond it the last error is returned. An
    /// attempt that is under way may go on to its own end.
    pub total_wait: Duration,
    /// Gives a number in `0.0..1.0`.
    pub random: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Waits.
    pub sleep: Arc<dyn Fn(Duration) -> Wait + Send + Sync>,
}

impl Default for Pacing {
    /// Four attempts within 30 s: a pass of a cron job stays well within its minute.
    fn default() -> Self {
        Self {
            attempts: 4,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            total_wait: Duration::from_secs(30),
            random: Arc::new(rand::random::<f64>),
            sleep: Arc::new(|wait| Box::pin(tokio::time::sleep(wait))),
        }
    }
}

impl fmt::Debug for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacing")
            .field("attempts", &self.attempts)
            .field("first_wait", &self.first_wait)
            .field("longest_wait", &self.longest_wait)
            .field("total_wait", &self.total_wait)
            .finish_non_exhaustive()
    }
}

impl Pacing {
    /// Returns the wait before the next attempt, or `None` where there is none any more.
    ///
    /// `attempt` counts from 1 and has just failed; `waited` is what went by since the first. What
    /// the service asks for is the floor; a service that asks for more than is left is not waited
    /// for.
    pub(super) fn next_wait(
        &self,
        attempt: u32,
        waited: Duration,
        error: &ApiError,
    ) -> Option<Duration> {
        if attempt >= self.attempts || !error.is_passing() {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(16);
        let full = self
            .first_wait
            .saturating_mul(1 << doublings)
            .min(self.longest_wait);
        // Half fixed, half by chance: never in lockstep, never at once.
        let chance = (self.random)().clamp(0.0, 1.0);
        let ours = full.mul_f64(0.5 + chance / 2.0);
        let wait = ours.max(error.retry_after().unwrap_or(Duration::ZERO));
        (waited.checked_add(wait)? <= self.total_wait).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databricks::error::{Answer, Call};
    use proptest::prelude::*;

    fn limited(retry_after: Option<u64>) -> ApiError {
        ApiError::RateLimited {
            call: Call {
                method: "GET",
                path: "/x",
                host: "https://h".into(),
            },
            answer: Box::new(Answer::default()),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn pacing(random: f64) -> Pacing {
        Pacing {
            random: Arc::new(move || random),
            ..Pacing::default()
        }
    }

    #[test]
    fn waits_double_with_jitter_and_are_capped() {
        let waits = |random| {
            let pacing = Pacing {
                attempts: 9,
                ..pacing(random)
            };
            [1, 2, 3, 8].map(|n| {
                pacing
                    .next_wait(n, Duration::ZERO, &limited(None))
                    .unwrap()
                    .as_millis()
            })
        };
        assert_eq!(waits(0.0), [250, 500, 1_000, 5_000]);
        assert_eq!(waits(1.0), [500, 1_000, 2_000, 10_000]);
    }

    #[test]
    fn the_service_sets_the_floor_but_not_the_budget() {
        let wait = |after, waited| {
            pacing(0.0).next_wait(1, Duration::from_secs(waited), &limited(Some(after)))
        };
        assert_eq!(wait(7, 0), Some(Duration::from_secs(7)));
        assert_eq!(wait(31, 0), None);
        assert_eq!(wait(7, 24), None);
        assert_eq!(wait(u64::MAX, 1), None);
    }

    #[test]
    fn definite_answers_are_not_repeated() {
        let call = limited(None).call().clone();
        let error = ApiError::NotFound {
            call,
            answer: Box::new(Answer::default()),
        };
        assert_eq!(pacing(0.0).next_wait(1, Duration::ZERO, &error), None);
    }

    proptest! {
        #[test]
        fn attempts_and_waits_are_bounded(random in 0.0..1.0_f64, after in proptest::option::of(0_u64..40)) {
            let pacing = pacing(random);
            let (mut attempt, mut waited) = (1, Duration::ZERO);
            while let Some(wait) = pacing.next_wait(attempt, waited, &limited(after)) {
                attempt += 1;
                waited += wait;
            }
            prop_assert!(attempt <= pacing.attempts);
            prop_assert!(waited <= pacing.total_wait);
        }
    }
}
