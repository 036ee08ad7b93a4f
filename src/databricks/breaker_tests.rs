//! Circuits: when they open, who tries, and how they close.

use std::sync::Arc;

use super::*;
use crate::databricks::error::{Answer, Cause, Unreached};

fn call(path: &'static str) -> Call {
    Call {
        method: "GET",
        path,
        host: Arc::from("https://h"),
    }
}

fn limited(retry_after: Option<u64>) -> ApiError {
    ApiError::RateLimited {
        call: call("/a"),
        answer: Box::new(Answer {
            status: 429,
            ..Answer::default()
        }),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

fn silent() -> ApiError {
    ApiError::Unreachable {
        call: call("/a"),
        why: Unreached::Timeout,
        may_have_arrived: true,
        source: Box::new(Cause::of(&std::fmt::Error)),
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A breaker and a clock that the test moves; chance gives the full pause.
struct Case {
    breaker: Breaker,
    now: Duration,
}

impl Case {
    fn new() -> Self {
        Self {
            breaker: Breaker::default(),
            now: secs(1000),
        }
    }

    fn admits(&self, path: &'static str) -> bool {
        self.breaker.admit(&call(path), self.now, 1.0).is_ok()
    }

    fn held(&self) -> Held {
        self.breaker.admit(&call("/a"), self.now, 1.0).unwrap_err()
    }

    fn note(&self, error: Option<&ApiError>, took: u64) {
        self.breaker
            .note(&call("/a"), (self.now, secs(took)), error, 1.0);
    }
}

#[test]
fn fault_18_a_storm_of_an_hour_meets_one_request_a_minute_and_ends_at_once() {
    let mut case = Case::new();
    let (begin, mut sent) = (case.now, Vec::new());
    // Something wakes a pass every second; each would send.
    while case.now < begin + secs(3600) {
        if case.admits("/a") {
            sent.push(case.now.saturating_sub(begin).as_secs());
            case.note(Some(&limited(None)), 0);
        }
        case.now += secs(1);
    }
    assert_eq!(sent[..8], [0, 1, 3, 7, 15, 31, 63, 123]);
    let gaps = sent.windows(2).skip(6).map(|pair| pair[1] - pair[0]);
    assert!(gaps.into_iter().all(|gap| gap == 60), "{sent:?}");
    // The storm is over: the first answer lets everybody go on.
    case.now += secs(60);
    assert!(case.admits("/a"));
    assert!(!case.admits("/a"), "one tries");
    case.note(None, 0);
    assert!((0..100).all(|_| case.admits("/a")));
}

#[test]
fn fault_16_what_the_service_asks_for_is_kept_to_whoever_asks_next() {
    let mut case = Case::new();
    case.note(Some(&limited(Some(40))), 0);
    case.now += secs(39);
    assert_eq!(case.held().wait, secs(1));
    case.now += secs(1);
    assert!(case.admits("/a"));
    // A proxy that asks for a year is given five minutes.
    case.note(Some(&limited(Some(u64::MAX))), 0);
    assert_eq!(case.held().wait, secs(300));
}

#[test]
fn requests_that_fail_together_are_one_reason_to_pause() {
    let case = Case::new();
    for _ in 0..8 {
        case.note(Some(&limited(None)), 0);
    }
    assert_eq!(case.held().wait, secs(1));
}

#[test]
fn fault_14_a_service_that_is_silent_is_left_alone_after_four_requests_or_half_a_minute() {
    let case = Case::new();
    for _ in 0..3 {
        case.note(Some(&silent()), 1);
        assert!(case.admits("/a"));
    }
    case.note(Some(&silent()), 1);
    assert!(!case.admits("/a"));

    let case = Case::new();
    case.note(Some(&silent()), 60);
    assert!(!case.admits("/a"), "one timeout is enough");
}

#[test]
fn any_definite_answer_shows_that_the_service_is_there() {
    let case = Case::new();
    for _ in 0..3 {
        case.note(Some(&silent()), 1);
    }
    let refusal = ApiError::NotFound {
        call: call("/a"),
        answer: Box::new(Answer::default()),
    };
    case.note(Some(&refusal), 0);
    for _ in 0..3 {
        case.note(Some(&silent()), 1);
    }
    assert!(case.admits("/a"));
}

#[test]
fn fault_15_one_kind_of_call_does_not_hold_up_another() {
    let case = Case::new();
    case.note(Some(&limited(None)), 0);
    assert!(!case.admits("/a"));
    assert!(case.admits("/b"));
}

#[test]
fn what_is_held_back_says_what_was_heard_last_and_had_no_effect() {
    let mut case = Case::new();
    case.note(Some(&silent()), 60);
    let held = case.held();
    assert!(held.is_brief);
    assert_eq!(
        held.error.to_string(),
        "GET https://h/a: no answer, the time was over; nothing more is sent there for 1 s"
    );
    assert!(!held.error.may_have_taken_effect() && !held.error.is_definite());
    assert_eq!(held.error.retry_after(), Some(secs(1)));
    assert_eq!(held.error.code(), "W001");
    for _ in 0..2 {
        case.now += secs(120);
        assert!(case.admits("/a"));
        case.note(Some(&silent()), 60);
    }
    assert!(!case.held().is_brief, "nobody waits for it any more");
}

#[test]
fn pauses_are_spread_by_chance() {
    let pause = |chance| {
        let breaker = Breaker::default();
        let at = (secs(0), secs(0));
        breaker.note(&call("/a"), at, Some(&limited(None)), chance);
        breaker.admit(&call("/a"), secs(0), 0.0).unwrap_err().wait
    };
    assert_eq!(
        (pause(0.0), pause(1.0)),
        (Duration::from_millis(500), secs(1))
    );
}
