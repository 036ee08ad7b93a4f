//! The real clock and the real chance; the only place that asks the system for the time.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rustix::time::{ClockId, clock_gettime};

use crate::ports::{Clock, Random};

/// The system's clock. Every one of them counts from the same fixed point.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The clock that goes on while the machine sleeps: a process that was suspended for a day must
    /// not take what it was about to send for a moment old.
    #[cfg(target_os = "linux")]
    const COUNTS_SLEEP: ClockId = ClockId::Boottime;
    /// On these systems the monotonic clock is that one.
    #[cfg(not(target_os = "linux"))]
    const COUNTS_SLEEP: ClockId = ClockId::Monotonic;
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that may ask"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        let since = clock_gettime(Self::COUNTS_SLEEP);
        // Neither is ever negative or beyond a second.
        let seconds = u64::try_from(since.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(since.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanos)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The system's source of chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bits(&self) -> u128 {
        rand::random()
    }
}
