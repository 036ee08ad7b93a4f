//! How many requests all buckets together may get: so many at once, so many a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bounds of the requests to all buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many requests may be under way.
    pub at_once: u32,
    /// How many may begin in a second; a tenth of it may begin together.
    pub per_second: u32,
}

impl Default for Rate {
    /// A thousand quiet tables in two seconds, at a tenth of what one prefix of S3 bears.
    fn default() -> Self {
        Self {
            at_once: 64,
            per_second: 500,
        }
    }
}

/// Hands out requests, in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct Budget {
    at_once: Semaphore,
    pause: Duration,
    burst: Duration,
    next: Mutex<Option<Instant>>,
    requests: AtomicU64,
}

impl Budget {
    pub(super) fn new(rate: Rate) -> Self {
        let per_second = rate.per_second.max(1);
        let pause = Duration::from_secs(1) / per_second;
        let at_once = usize::try_from(rate.at_once.max(1)).unwrap_or(1);
        Self {
            at_once: Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)),
            pause,
            burst: pause * (per_second / 10),
            next: Mutex::default(),
            requests: AtomicU64::new(0),
        }
    }

    /// Waits until one more request may begin. It is under way as long as the permit is kept.
    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        let permit = self.at_once.acquire().await.ok()?;
        let at = self.slot(Instant::now());
        tokio::time::sleep_until(at.into()).await;
        Some(permit)
    }

    /// Counts a request that was sent.
    pub(super) fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many requests were sent.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Reserves the next moment at which a request may begin.
    fn slot(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        let slot = next.map_or(earliest, |next| next.max(earliest));
        *next = Some(slot + self.pause);
        slot.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_begin_no_faster_than_allowed() {
        let budget = Budget::new(Rate {
            at_once: 8,
            per_second: 100,
        });
        let began = Instant::now() + Duration::from_mins(1);
        let mut now = began;
        for _ in 0..211 {
            now = budget.slot(now);
        }
        // Eleven at once, then a hundred a second.
        assert_eq!(now - began, Duration::from_secs(2));
        // A pause earns no more than the burst.
        now += Duration::from_hours(1);
        let slots: Vec<Instant> = (0..12).map(|_| budget.slot(now)).collect();
        assert_eq!(
            (slots[10], slots[11]),
            (now, now + Duration::from_millis(10))
        );
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_under_way() {
        let budget = Budget::new(Rate {
            at_once: 2,
            per_second: 1_000,
        });
        let (one, _two) = (budget.take().await, budget.take().await);
        let third = tokio::time::timeout(Duration::from_millis(20), budget.take()).await;
        assert!(third.is_err());
        drop(one);
        assert!(budget.take().await.is_some());
    }

    #[test]
    fn a_rate_of_nothing_is_one() {
        let budget = Budget::new(Rate {
            at_once: 0,
            per_second: 0,
        });
        assert_eq!(budget.pause, Duration::from_secs(1));
    }
}
