//! States of a run: the vendor's words, and what they mean to us.
//!
//! The newer `status` counts, the legacy `state` where `status` is absent or says a word we do not
//! know. All lists of words are open: an unknown word of a life cycle means "still running", an
//! unknown termination code means "failed, and not to be tried again without a person", unless its
//! type says that the platform failed.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/service/jobs.py` for words and meanings; the
//! classes of failures are our judgement.

use serde::Deserialize;

/// What has become of a run, or of a task run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It is not over yet.
    Active {
        /// The vendor's word: `QUEUED`, `PENDING`, `RUNNING` …
        word: String,
        /// Whether we know the word; one that we do not know deserves a warning.
        is_known: bool,
    },
    /// It is over, and everything went well.
    Succeeded,
    /// Its leaf tasks went well, some other task did not: to be judged per asset.
    SucceededWithFailures,
    /// It is over and did not do what it should.
    Failed {
        /// What trying again promises.
        class: FailureClass,
        /// The vendor's word for the cause.
        code: String,
        /// The vendor's sentence, possibly empty.
        message: String,
    },
    /// It was stopped.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// The vendor's sentence, possibly empty.
        message: String,
    },
    /// It was never executed.
    Skipped {
        /// The vendor's word for the cause.
        code: String,
        /// The vendor's sentence, possibly empty.
        message: String,
    },
}

/// What trying again promises after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureClass {
    /// The platform failed: a new attempt is likely to go well.
    Transient,
    /// Something was full: a new attempt after a longer wait.
    Capacity,
    /// One more attempt is worth it, a third is not.
    Once,
    /// The task's own code failed: the asset's retry policy decides.
    Code,
    /// Nothing changes by trying again: configuration, rights, time limits.
    Permanent,
}

impl FailureClass {
    /// Returns the word used in records and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Capacity => "capacity",
            Self::Once => "once",
            Self::Code => "code",
            Self::Permanent => "permanent",
        }
    }
}

/// Who stopped a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledBy {
    /// A person or a program, ourselves included.
    User,
    /// The platform, for a reason other than a time limit.
    Platform,
}

impl RunState {
    /// Returns whether nothing will change any more.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Active { .. })
    }
}

/// `status` and `state` of a run as the API has them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct WireState {
    #[serde(default)]
    status: Option<WireStatus>,
    #[serde(default)]
    state: Option<WireLegacy>,
}

#[derive(Debug, Clone, Deserialize)]
struct WireStatus {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    termination_details: Option<WireTermination>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct WireTermination {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct WireLegacy {
    #[serde(default)]
    life_cycle_state: Option<String>,
    #[serde(default)]
    result_state: Option<String>,
    #[serde(default)]
    state_message: Option<String>,
}

/// Turns the vendor's words into ours.
pub(super) fn run_state(wire: &WireState) -> RunState {
    let legacy = wire.state.clone().unwrap_or_default();
    let newer = wire.status.as_ref();
    let word = newer.and_then(|status| status.state.as_deref());
    match word {
        Some("TERMINATED") => {
            let details = newer.and_then(|status| status.termination_details.clone());
            terminated(details.unwrap_or_default(), &legacy)
        }
        Some(word @ ("BLOCKED" | "PENDING" | "QUEUED" | "RUNNING" | "TERMINATING" | "WAITING")) => {
            active(word, true)
        }
        Some(word) => match legacy_state(&legacy) {
            over if over.is_over() => over,
            _ => active(word, false),
        },
        None => legacy_state(&legacy),
    }
}

fn active(word: &str, is_known: bool) -> RunState {
    RunState::Active {
        word: word.to_owned(),
        is_known,
    }
}

fn legacy_state(legacy: &WireLegacy) -> RunState {
    match legacy.life_cycle_state.as_deref() {
        Some("TERMINATED") => legacy_result(legacy),
        Some("SKIPPED") => match legacy.result_state.as_deref() {
            Some("MAXIMUM_CONCURRENT_RUNS_REACHED") => legacy_result(legacy),
            _ => skipped("SKIPPED", message_of(legacy)),
        },
        Some("INTERNAL_ERROR") => failed(
            FailureClass::Transient,
            "INTERNAL_ERROR",
            message_of(legacy),
        ),
        Some(
            word @ ("QUEUED" | "PENDING" | "RUNNING" | "TERMINATING" | "BLOCKED"
            | "WAITING_FOR_RETRY"),
        ) => active(word, true),
        Some(word) => active(word, false),
        None => active("", false),
    }
}

fn legacy_result(legacy: &WireLegacy) -> RunState {
    let message = message_of(legacy);
    match legacy.result_state.as_deref() {
        Some("SUCCESS") => RunState::Succeeded,
        Some("SUCCESS_WITH_FAILURES") => RunState::SucceededWithFailures,
        Some("FAILED") => failed(FailureClass::Code, "FAILED", message),
        Some("TIMEDOUT") => failed(FailureClass::Permanent, "TIMEDOUT", message),
        Some("CANCELED") => cancelled(CancelledBy::User, message),
        Some(code @ "MAXIMUM_CONCURRENT_RUNS_REACHED") => {
            failed(FailureClass::Capacity, code, message)
        }
        Some(code @ ("EXCLUDED" | "UPSTREAM_FAILED" | "UPSTREAM_CANCELED" | "DISABLED")) => {
            skipped(code, message)
        }
        Some(code) => failed(FailureClass::Permanent, code, message),
        // Over without an outcome: whatever it was, it was not a success.
        None => failed(FailureClass::Permanent, "UNKNOWN", message),
    }
}

fn terminated(details: WireTermination, legacy: &WireLegacy) -> RunState {
    let Some(code) = details.code.as_deref() else {
        return match (details.kind.as_deref(), &legacy.result_state) {
            (Some("SUCCESS"), None) => RunState::Succeeded,
            _ => legacy_result(legacy),
        };
    };
    let is_timeout = legacy.result_state.as_deref() == Some("TIMEDOUT");
    let message = details.message.unwrap_or_else(|| message_of(legacy));
    match code {
        "SUCCESS" => RunState::Succeeded,
        "SUCCESS_WITH_FAILURES" => RunState::SucceededWithFailures,
        "CANCELED" if is_timeout => failed(FailureClass::Permanent, "TIMEDOUT", message),
        "USER_CANCELED" => cancelled(CancelledBy::User, message),
        "CANCELED" => cancelled(CancelledBy::Platform, message),
        "SKIPPED" | "DISABLED" => skipped(code, message),
        _ => match failure_class(code) {
            Some(class) => failed(class, code, message),
            None => unknown_code(code, details.kind.as_deref(), message, legacy),
        },
    }
}

/// Returns what trying again promises after a termination code; `None` for codes we do not know.
pub fn failure_class(code: &str) -> Option<FailureClass> {
    Some(match code {
        "INTERNAL_ERROR" | "CLUSTER_ERROR" | "CLOUD_FAILURE" | "REPOSITORY_CHECKOUT_FAILED" => {
            FailureClass::Transient
        }
        "CLUSTER_REQUEST_LIMIT_EXCEEDED"
        | "WORKSPACE_RUN_LIMIT_EXCEEDED"
        | "MAX_CONCURRENT_RUNS_EXCEEDED"
        | "MAX_JOB_QUEUE_SIZE_EXCEEDED"
        | "MAX_SPARK_CONTEXTS_EXCEEDED" => FailureClass::Capacity,
        // A lost driver is often memory; a third attempt would meet the same data.
        "DRIVER_ERROR"
        | "STORAGE_ACCESS_ERROR"
        | "CLUSTER_TERMINATED_BY_USER"
        | "LIBRARY_INSTALLATION_ERROR" => FailureClass::Once,
        "RUN_EXECUTION_ERROR" => FailureClass::Code,
        // The platform tries a breaking change again by itself.
        "BREAKING_CHANGE"
        | "INVALID_CLUSTER_REQUEST"
        | "INVALID_RUN_CONFIGURATION"
        | "RESOURCE_NOT_FOUND"
        | "FEATURE_DISABLED"
        | "UNAUTHORIZED_ERROR"
        | "BUDGET_POLICY_LIMIT_EXCEEDED" => FailureClass::Permanent,
        _ => return None,
    })
}

fn unknown_code(code: &str, kind: Option<&str>, message: String, legacy: &WireLegacy) -> RunState {
    match kind {
        Some("SUCCESS") if legacy.result_state.is_none() => RunState::Succeeded,
        Some("SUCCESS") => legacy_result(legacy),
        Some("INTERNAL_ERROR" | "CLOUD_FAILURE") => failed(FailureClass::Transient, code, message),
        _ => failed(FailureClass::Permanent, code, message),
    }
}

fn message_of(legacy: &WireLegacy) -> String {
    legacy.state_message.clone().unwrap_or_default()
}

fn failed(class: FailureClass, code: &str, message: String) -> RunState {
    RunState::Failed {
        class,
        code: code.to_owned(),
        message,
    }
}

fn cancelled(by: CancelledBy, message: String) -> RunState {
    RunState::Cancelled { by, message }
}

fn skipped(code: &str, message: String) -> RunState {
    RunState::Skipped {
        code: code.to_owned(),
        message,
    }
}

#[cfg(test)]
#[path = "run_state_tests.rs"]
mod tests;
