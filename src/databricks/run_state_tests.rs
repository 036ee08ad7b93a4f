//! What the vendor's words mean, case by case.

use serde_json::{Value, json};

use super::*;

fn state(wire: Value) -> RunState {
    run_state(&serde_json::from_value(wire).unwrap())
}

fn ended(code: &str, kind: &str) -> RunState {
    state(json!({"status": {"state": "TERMINATED",
        "termination_details": {"code": code, "type": kind, "message": "m"}}}))
}

fn legacy(life_cycle: &str, result: Option<&str>) -> RunState {
    state(json!({"state": {"life_cycle_state": life_cycle, "result_state": result}}))
}

fn class(state: &RunState) -> Option<FailureClass> {
    match state {
        RunState::Failed { class, .. } => Some(*class),
        RunState::Active { .. }
        | RunState::Succeeded
        | RunState::SucceededWithFailures
        | RunState::Cancelled { .. }
        | RunState::Skipped { .. } => None,
    }
}

#[test]
fn every_documented_code_has_its_class() {
    use FailureClass::{Capacity, Code, Once, Permanent, Transient};
    for (codes, expected) in [
        (
            &[
                "INTERNAL_ERROR",
                "CLUSTER_ERROR",
                "CLOUD_FAILURE",
                "REPOSITORY_CHECKOUT_FAILED",
            ][..],
            Transient,
        ),
        (
            &[
                "CLUSTER_REQUEST_LIMIT_EXCEEDED",
                "WORKSPACE_RUN_LIMIT_EXCEEDED",
                "MAX_CONCURRENT_RUNS_EXCEEDED",
                "MAX_JOB_QUEUE_SIZE_EXCEEDED",
                "MAX_SPARK_CONTEXTS_EXCEEDED",
            ],
            Capacity,
        ),
        (
            &[
                "DRIVER_ERROR",
                "STORAGE_ACCESS_ERROR",
                "CLUSTER_TERMINATED_BY_USER",
                "LIBRARY_INSTALLATION_ERROR",
            ],
            Once,
        ),
        (&["RUN_EXECUTION_ERROR"], Code),
        (
            &[
                "BREAKING_CHANGE",
                "INVALID_CLUSTER_REQUEST",
                "INVALID_RUN_CONFIGURATION",
                "RESOURCE_NOT_FOUND",
                "FEATURE_DISABLED",
                "UNAUTHORIZED_ERROR",
                "BUDGET_POLICY_LIMIT_EXCEEDED",
            ],
            Permanent,
        ),
    ] {
        for code in codes {
            assert_eq!(
                class(&ended(code, "CLIENT_ERROR")),
                Some(expected),
                "{code}"
            );
        }
    }
}

#[test]
fn fault_27_unknown_codes_are_judged_by_their_type_and_never_a_success_by_mistake() {
    assert_eq!(
        class(&ended("NEW", "INTERNAL_ERROR")),
        Some(FailureClass::Transient)
    );
    assert_eq!(
        class(&ended("NEW", "CLOUD_FAILURE")),
        Some(FailureClass::Transient)
    );
    assert_eq!(
        class(&ended("NEW", "CLIENT_ERROR")),
        Some(FailureClass::Permanent)
    );
    assert_eq!(
        class(&ended("NEW", "NEW_TYPE")),
        Some(FailureClass::Permanent)
    );
    assert_eq!(ended("NEW", "SUCCESS"), RunState::Succeeded);
    assert_eq!(
        class(&state(json!({"status": {"state": "TERMINATED"}}))),
        Some(FailureClass::Permanent)
    );
    assert_eq!(
        class(&legacy("TERMINATED", None)),
        Some(FailureClass::Permanent)
    );
    assert_eq!(
        class(&legacy("TERMINATED", Some("NEW"))),
        Some(FailureClass::Permanent)
    );
}

#[test]
fn fault_27_known_words_are_active_and_unknown_ones_too_but_flagged() {
    for word in [
        "BLOCKED",
        "PENDING",
        "QUEUED",
        "RUNNING",
        "TERMINATING",
        "WAITING",
    ] {
        let state = state(json!({"status": {"state": word}}));
        assert_eq!(
            state,
            RunState::Active {
                word: word.into(),
                is_known: true
            }
        );
    }
    for word in [
        "QUEUED",
        "PENDING",
        "RUNNING",
        "TERMINATING",
        "BLOCKED",
        "WAITING_FOR_RETRY",
    ] {
        assert_eq!(
            legacy(word, None),
            RunState::Active {
                word: word.into(),
                is_known: true
            }
        );
    }
    let new = RunState::Active {
        word: "HIBERNATING".into(),
        is_known: false,
    };
    assert_eq!(state(json!({"status": {"state": "HIBERNATING"}})), new);
    assert_eq!(legacy("HIBERNATING", None), new);
    assert!(!state(json!({})).is_over());
    assert!(!state(json!({"status": null, "state": {}})).is_over());
}

#[test]
fn the_newer_field_counts_and_the_legacy_one_helps_out() {
    let disagree = json!({"status": {"state": "RUNNING"},
        "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}});
    assert!(!state(disagree).is_over());
    let unknown = json!({"status": {"state": "ENDED"},
        "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}});
    assert_eq!(state(unknown), RunState::Succeeded);
    let no_details = json!({"status": {"state": "TERMINATED"},
        "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}});
    assert_eq!(class(&state(no_details)), Some(FailureClass::Code));
}

#[test]
fn legacy_words_have_their_meaning() {
    assert_eq!(legacy("TERMINATED", Some("SUCCESS")), RunState::Succeeded);
    assert_eq!(
        legacy("TERMINATED", Some("SUCCESS_WITH_FAILURES")),
        RunState::SucceededWithFailures
    );
    assert_eq!(
        class(&legacy("TERMINATED", Some("TIMEDOUT"))),
        Some(FailureClass::Permanent)
    );
    assert_eq!(
        class(&legacy("INTERNAL_ERROR", None)),
        Some(FailureClass::Transient)
    );
    assert!(matches!(legacy("SKIPPED", None), RunState::Skipped { .. }));
    assert!(matches!(
        legacy("TERMINATED", Some("UPSTREAM_FAILED")),
        RunState::Skipped { .. }
    ));
    // A run that a full job turned away was never executed, but another one may be.
    let turned_away = legacy("SKIPPED", Some("MAXIMUM_CONCURRENT_RUNS_REACHED"));
    assert_eq!(class(&turned_away), Some(FailureClass::Capacity));
}

#[test]
fn a_stop_by_a_person_by_the_platform_and_by_a_time_limit_differ() {
    assert!(matches!(
        ended("USER_CANCELED", "CLIENT_ERROR"),
        RunState::Cancelled {
            by: CancelledBy::User,
            ..
        }
    ));
    assert!(matches!(
        ended("CANCELED", "CLIENT_ERROR"),
        RunState::Cancelled {
            by: CancelledBy::Platform,
            ..
        }
    ));
    let timed_out = json!({"status": {"state": "TERMINATED", "termination_details": {"code": "CANCELED"}},
        "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}});
    assert_eq!(class(&state(timed_out)), Some(FailureClass::Permanent));
}
