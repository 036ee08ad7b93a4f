//! The trigger protocol: every intent runs at most once per attempt, and ends settled.
//!
//! Each step is one short transaction or one API call, never both, so that a crash between any two
//! leaves a state that the next pass understands:
//!
//! ```text
//! intend (tx) ─► stamp (tx) ─► send (API) ─► record run (tx) ─► poll (API) ─► settle (tx)
//! ```
//!
//! | found open | age since first sent | what is done |
//! |---|---|---|
//! | `pending` | any | stamp and send, once its backoff is over |
//! | `sending` | within the horizon | stamp again, send the same token again |
//! | `sending` | beyond it | never send; look for the run by its correlation |
//! | `uncertain` | any | the same; a later attempt that has a run becomes the current one |
//! | `running` | any | ask for the run |
//!
//! Invariant: nothing is sent unless this very process stamped the attempt less than the send
//! window ago, by its own monotonic clock. A process that slept in between wakes up to find its
//! permit expired, whatever anybody else wrote meanwhile. Nor is anything sent whose token the
//! service may have forgotten, however long ago that was decided.
//!
//! A state that was restored from a backup has every open intent as `uncertain`: it knows neither
//! what was sent since nor of later attempts, which the correlations of their runs tell.
//!
//! A refusal closes an intent only if no earlier request of the attempt can have had its effect.

mod adopt;
mod found;
mod intent;
mod judge;
mod search;
mod send;
mod token;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ports::{Clock, Jobs, Random, State};

pub use adopt::{Adopted, Ended, adopt, adopt_found};
pub use found::Grounds;
pub use intent::{IntentContext, IntentError, new_intent};
pub use judge::{RunVerdict, settlement};
pub use search::{Searched, search};
pub use send::{Sent, send};
pub use token::{CORRELATION, correlation, token};

/// Clocks may differ by this much between the stamp and the service's start time.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What the protocol needs of the world.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The service that runs jobs.
    pub jobs: &'a dyn Jobs,
    /// What is remembered.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance, for jitter.
    pub random: &'a dyn Random,
}

impl Hands<'_> {
    /// The service's clock, which ages are measured with; ours before the service told of its own.
    fn service_now(&self) -> DateTime<Utc> {
        let told = self.jobs.service_now();
        told.unwrap_or_else(|| self.clock.now())
    }
}

/// The service's clock when ours that never goes back said so.
fn service_then(hands: Hands<'_>, then: Duration) -> DateTime<Utc> {
    let since = hands.clock.monotonic().saturating_sub(then);
    let since = TimeDelta::from_std(since).unwrap_or(TimeDelta::MAX);
    let now = hands.service_now();
    now.checked_sub_signed(since)
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The times that the protocol rests on.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// How long the service surely remembers a token after it was first sent. No document says,
    /// so this is a bound of ours.
    pub horizon: TimeDelta,
    /// The longest time between our stamp and our send.
    pub send: Duration,
    /// The longest time a request may be under way, ours included, before it has no effect.
    pub longest_request: TimeDelta,
    /// The least time between two sends of one token.
    pub resend_after: TimeDelta,
}

impl Windows {
    /// Returns whether the service surely still knows a token that was first sent then, with room
    /// for the longest request.
    fn is_remembered(self, first_sent: DateTime<Utc>, service_now: DateTime<Utc>) -> bool {
        service_now - first_sent < self.horizon - self.longest_request
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            horizon: TimeDelta::hours(24),
            send: Duration::from_secs(30),
            longest_request: TimeDelta::minutes(5),
            resend_after: TimeDelta::seconds(1),
        }
    }
}
