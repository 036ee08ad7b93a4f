//! When requests are held back: a service that does not answer, or asks for patience, is left alone.
//!
//! Each kind of call has a circuit of its own, as the service counts and fails by endpoint: where
//! the catalog is down, jobs go on. A circuit opens at the first plea for patience, or once nothing
//! was heard in several requests or for long. While it is open nothing is sent. Then one request
//! tries; the pause doubles until one is answered, and any answer closes the circuit. Pauses are
//! spread by chance, so that many reconcilers do not return at once.
//!
//! So a pass against a service that hangs takes minutes, not one timeout for each request, and an
//! hour of 429 answers meets one request a minute, whatever wakes the passes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::databricks::error::{ApiError, Call};

/// So many requests in a row without an answer open a circuit.
const FAILURES: u32 = 4;

/// So much time lost in requests without an answer opens it, too: half of a default timeout.
const LOST: Duration = Duration::from_secs(30);

/// The first pause; it doubles from trial to trial.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The longest pause that is believed: a proxy may ask for a year.
const LONGEST_PLEA: Duration = Duration::from_mins(5);

/// From so many trials in a row on, reads no longer wait for a circuit: it is no hiccup.
const STORM: u32 = 3;

/// The circuits of one workspace.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    circuits: Mutex<BTreeMap<&'static str, Circuit>>,
}

/// What was heard last of one kind of call: only kept while it is nothing good.
#[derive(Debug)]
struct Circuit {
    failures: u32,
    lost: Duration,
    /// Nothing is sent before this, by the monotonic clock; absent while closed.
    until: Option<Duration>,
    /// How often it was opened since the last answer, trials included.
    trips: u32,
    last: ApiError,
}

/// How a request is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// All is well, as far as is known.
    Freely,
    /// To find out whether the service is well again: others wait for it, so it is sent once.
    AsTrial,
}

/// A request that is not sent now.
#[derive(Debug)]
pub(super) struct Held {
    /// For how long.
    pub(super) wait: Duration,
    /// Whether this looks like a hiccup that a read may sit out.
    pub(super) is_brief: bool,
    pub(super) error: ApiError,
}

impl Breaker {
    /// Lets a request through, or says why not. `chance` is in `0.0..1.0`.
    ///
    /// Once the pause of an open circuit is over, one request is let through and the others are
    /// held back for another pause, unless that one is answered before.
    pub(super) fn admit(&self, call: &Call, now: Duration, chance: f64) -> Result<Admitted, Held> {
        let mut circuits = self.lock();
        let Some(circuit) = circuits.get_mut(call.path) else {
            return Ok(Admitted::Freely);
        };
        match circuit.until {
            Some(until) if now < until => {
                let wait = until.saturating_sub(now);
                Err(Held {
                    wait,
                    is_brief: circuit.trips < STORM,
                    error: ApiError::HeldBack {
                        call: call.clone(),
                        wait,
                        last: Box::new(circuit.last.clone()),
                    },
                })
            }
            Some(_) => {
                circuit.open(now, None, chance);
                Ok(Admitted::AsTrial)
            }
            None => Ok(Admitted::Freely),
        }
    }

    /// Takes notice of what a request that was let through came to, and how long it took.
    pub(super) fn note(
        &self,
        call: &Call,
        (now, took): (Duration, Duration),
        error: Option<&ApiError>,
        chance: f64,
    ) {
        let mut circuits = self.lock();
        // Whatever is definite is an answer: the service is there.
        let Some(error) = error.filter(|error| error.is_passing()) else {
            circuits.remove(call.path);
            return;
        };
        let circuit = circuits.entry(call.path).or_insert_with(|| Circuit {
            failures: 0,
            lost: Duration::ZERO,
            until: None,
            trips: 0,
            last: error.clone(),
        });
        circuit.last = error.clone();
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.lost = circuit.lost.saturating_add(took);
        let is_plea = matches!(error, ApiError::RateLimited { .. });
        if is_plea || circuit.failures >= FAILURES || circuit.lost >= LOST {
            circuit.open(now, error.retry_after(), chance);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Circuit>> {
        self.circuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// Opens it, or keeps it open for as long as was asked for. Requests that were under way
    /// together fail together: that is one reason to pause, not many.
    fn open(&mut self, now: Duration, plea: Option<Duration>, chance: f64) {
        let asked = now.saturating_add(plea.unwrap_or_default().min(LONGEST_PLEA));
        let until = match self.until {
            Some(until) if now < until => until,
            Some(_) | None => {
                let pause = FIRST_PAUSE
                    .saturating_mul(1 << self.trips.min(16))
                    .min(LONGEST_PAUSE);
                self.trips = self.trips.saturating_add(1);
                // Half fixed, half by chance.
                now.saturating_add(pause.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
            }
        };
        self.until = Some(until.max(asked));
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
