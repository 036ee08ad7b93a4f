//! The clocks: the service's, which is the truth, and that of the machine the processes are on.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

/// What time it is, for whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    /// By the service's clock, which writers of tables keep to as well.
    pub(crate) truth: DateTime<Utc>,
    /// How far the machine's wall clock is ahead.
    pub(crate) skew: TimeDelta,
}

impl Time {
    /// 2026-03-01T06:00:00Z, when every schedule begins.
    pub(crate) fn start() -> Self {
        let start = Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0);
        Self {
            truth: start.unwrap(),
            skew: TimeDelta::zero(),
        }
    }

    /// The machine's wall clock.
    pub(crate) fn wall(self) -> DateTime<Utc> {
        self.truth + self.skew
    }

    /// The machine's clock that never goes back.
    pub(crate) fn monotonic(self) -> Duration {
        let since = self.truth - Self::start().truth;
        since.to_std().unwrap_or_default()
    }
}
