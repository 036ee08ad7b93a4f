//! What an ended run means for its intent: success, another attempt, or the end. Pure.

use std::collections::BTreeMap;

use assets::{AssetKey, TableVersion};
use chrono::{DateTime, TimeDelta, Utc};

use super::token::token;
use crate::state::{Intent, Outcome, Settlement};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunVerdict {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed {
        /// The service's termination code, or a word of ours.
        code: String,
        /// One sentence for people.
        message: String,
        /// Whether another attempt may do better.
        is_transient: bool,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// One sentence for people.
        message: String,
    },
    /// It never came to be: surely no run was made of the attempt.
    NeverSent,
}

/// Returns how the current attempt of an intent is settled.
///
/// `produced` names the data version of each asset after the run. `jitter` in 0..=1 spreads
/// retries over the second half of their backoff.
pub fn settlement(
    (project, environment): (&str, &str),
    intent: &Intent,
    verdict: RunVerdict,
    (ended_at, now): (DateTime<Utc>, DateTime<Utc>),
    produced: BTreeMap<AssetKey, Option<TableVersion>>,
    jitter: f64,
) -> Settlement {
    let retry = |code: String, message: String, backoff: TimeDelta| Outcome::Retry {
        code,
        message,
        next_token: token(
            project,
            environment,
            &intent.id,
            intent.attempt.saturating_add(1),
        ),
        not_before: now + backoff,
    };
    let outcome = match verdict {
        RunVerdict::Succeeded => Outcome::Succeeded { produced },
        RunVerdict::Cancelled { message } => Outcome::Cancelled { message },
        // Nothing ran, so no attempt of the task was used up: the next one follows at once.
        RunVerdict::NeverSent => retry(
            "never_sent".to_owned(),
            "no run was made of this attempt".to_owned(),
            TimeDelta::zero(),
        ),
        RunVerdict::Failed {
            code,
            message,
            is_transient,
        } => {
            if is_transient && intent.attempt < intent.retry.attempts {
                let backoff = spread(intent.retry.backoff_after(intent.attempt), jitter);
                retry(code, message, backoff)
            } else {
                let is_exhausted = is_transient;
                Outcome::Failed {
                    code,
                    message,
                    is_exhausted,
                }
            }
        }
    };
    Settlement {
        outcome,
        finished_at: ended_at,
    }
}

/// Between half of the backoff and all of it, so that what failed together does not return together.
fn spread(backoff: TimeDelta, jitter: f64) -> TimeDelta {
    let millis = u32::try_from(backoff.num_milliseconds()).unwrap_or(u32::MAX);
    let spread = f64::from(millis) * (0.5 + 0.5 * jitter.clamp(0.0, 1.0));
    std::time::Duration::try_from_secs_f64(spread / 1000.0)
        .ok()
        .and_then(|spread| TimeDelta::from_std(spread).ok())
        .unwrap_or(backoff)
}
