//! Idempotency tokens and the correlation that finds a run again.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::state::IntentId;

/// The job parameter that carries the correlation.
pub const CORRELATION: &str = "headwater_intent";

/// Derives the idempotency token of an attempt: 47 characters, of the 64 that the service takes.
///
/// It depends on nothing but its arguments, so that any process that can read the intent can send
/// it again; it differs by attempt, because the service answers a used token with the old run, even
/// a failed one.
pub fn token(project: &str, environment: &str, intent: &IntentId, attempt: u32) -> String {
    let mut hash = Sha256::new();
    for part in [project, environment, &intent.0, &attempt.to_string()] {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("hw1-{}", URL_SAFE_NO_PAD.encode(hash.finalize()))
}

/// Returns the value of the correlation parameter of an attempt.
pub fn correlation(intent: &IntentId, attempt: u32) -> String {
    format!("{intent}.{attempt}")
}

/// Returns which attempt of an intent a correlation names, if it is one of that intent.
pub(super) fn attempt_of(intent: &IntentId, correlation: &str) -> Option<u32> {
    let attempt = correlation.strip_prefix(&intent.0)?.strip_prefix('.')?;
    attempt.parse().ok()
}

/// Returns which attempt of which intent a correlation names, if it is one that we could have made.
pub(super) fn named_by(correlation: &str) -> Option<(IntentId, u32)> {
    let (id, attempt) = correlation.rsplit_once('.')?;
    let is_ulid = ulid::Ulid::from_string(id).is_ok_and(|ulid| ulid.to_string() == id);
    let attempt = attempt.parse().ok().filter(|attempt| *attempt > 0)?;
    is_ulid.then(|| (IntentId(id.to_owned()), attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_short_stable_and_differ_in_every_part() {
        let id = IntentId("01JD".to_owned());
        let one = token("shop", "dev", &id, 1);
        assert_eq!(one.len(), 47);
        assert_eq!(one, token("shop", "dev", &id, 1));
        assert_ne!(one, token("shop", "dev", &id, 2));
        assert_ne!(one, token("shop", "prod", &id, 1));
        assert_ne!(token("sho", "pdev", &id, 1), one);
    }

    #[test]
    fn a_correlation_names_its_intent_and_nothing_else_does() {
        let id = IntentId("01JDZZZZZZZZZZZZZZZZZZZZZZ".to_owned());
        assert_eq!(named_by(&correlation(&id, 3)), Some((id.clone(), 3)));
        for other in ["", "x.1", ".1", "01JDZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(named_by(other), None, "{other}");
        }
        for attempt in ["", "0", "-1", "x", "1.1", "99999999999"] {
            assert_eq!(named_by(&format!("{id}.{attempt}")), None, "{attempt}");
        }
        assert_eq!(named_by(&format!("{}.1", id.0.to_lowercase())), None);
    }

    #[test]
    fn a_correlation_tells_the_attempts_of_its_intent_only() {
        let id = IntentId("01JD".to_owned());
        assert_eq!(attempt_of(&id, &correlation(&id, 12)), Some(12));
        for other in ["01JE.1", "01JD", "01JD.", "01JD.x", "01JDX.1", ""] {
            assert_eq!(attempt_of(&id, other), None, "{other}");
        }
    }
}
