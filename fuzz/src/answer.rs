//! Answers of the workspace: status, headers and body → what they mean.
//!
//! The bytes are an answer as one would write it down: a status on the first line, headers as
//! `name: value`, an empty line, the body.

use chrono::DateTime;
use headwater::databricks::answer::{RawAnswer, check_status, read_json};
use headwater::databricks::job::Job;
use headwater::databricks::jobs::{RunPage, RunStarted};
use headwater::databricks::{ApiError, Call, RunState, RunStatus};
use headwater::secret::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::Value;

use crate::text::positions;

/// The credential of the call, which no error may show.
const SECRET: &str = "pat-canary-0123456789";

/// The longest foreign text in an error, in characters: 500 and the sign that it was cut.
const LONGEST: usize = 501;

/// Statuses that never settle a request: it may be tried again, or nobody knows what became of it.
const OPEN: [u16; 6] = [401, 407, 408, 409, 425, 429];

/// Words of a life cycle by which a run is over.
const ENDS: [&str; 3] = ["TERMINATED", "SKIPPED", "INTERNAL_ERROR"];

/// Words of the newer `status` by which a run is not over, whatever the legacy `state` says.
const GOES_ON: [&str; 6] = [
    "BLOCKED",
    "PENDING",
    "QUEUED",
    "RUNNING",
    "TERMINATING",
    "WAITING",
];

/// Reads bytes as an answer to each kind of call.
pub fn api_answer(bytes: &[u8]) {
    let Some(raw) = answer_of(bytes) else { return };
    let secret = Secret::new(SECRET);
    let checked = check_status(&call(), raw.clone(), &[&secret]);
    assert_eq!(
        check_status(&call(), raw.clone(), &[&secret]),
        checked,
        "read twice"
    );
    match checked {
        Ok(answer) => {
            assert_eq!(answer, raw);
            let is_page = raw.body.trim_ascii_start().starts_with(b"<");
            assert!((200..300).contains(&raw.status) && !is_page, "{raw:?}");
            assert_bodies(&raw);
        }
        Err(error) => {
            assert_refusal(&raw, &error);
            assert_a_cut_refusal_settles_no_more(&raw, &error, &secret);
        }
    }
}

fn call() -> Call {
    Call {
        method: "GET",
        path: "/api/2.2/jobs/runs/get",
        host: "https://workspace".into(),
    }
}

fn answer_of(bytes: &[u8]) -> Option<RawAnswer> {
    let (head, body) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (bytes.get(..at)?, bytes.get(at + 2..)?),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = std::str::from_utf8(lines.next()?)
        .ok()?
        .trim()
        .parse::<u16>()
        .ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name.trim_ascii());
        let value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let url = Url::parse("https://workspace/api/2.2/jobs/runs/get?run_id=7").ok()?;
    let now = DateTime::from_timestamp(1_795_150_000, 0)?;
    let status = StatusCode::from_u16(status).ok()?;
    let mut raw = RawAnswer::of_head(status, &headers, &url, now);
    raw.body = body.to_vec();
    Some(raw)
}

/// What is no answer settles nothing, and what is told of it fits on a line.
fn assert_refusal(raw: &RawAnswer, error: &ApiError) {
    if error.is_definite() {
        assert!((400..500).contains(&raw.status), "{raw:?}: {error:?}");
        assert!(!OPEN.contains(&raw.status), "{raw:?}: {error:?}");
        assert!(!error.may_have_taken_effect(), "{error:?}");
        let is_object = matches!(serde_json::from_slice(&raw.body), Ok(Value::Object(_)));
        let begins_as_one = raw.body.trim_ascii_start().starts_with(b"{");
        assert!(is_object || !begins_as_one, "{raw:?}: {error:?}");
        assert!(is_object || raw.status != 404, "{raw:?}: {error:?}");
    }
    let shown = error.to_string();
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let Some(answer) = error.answer() else {
        unreachable!("{error:?} holds no answer")
    };
    let texts = [
        Some(&answer.message),
        answer.error_code.as_ref(),
        answer.request_id.as_ref(),
    ];
    for text in texts.into_iter().flatten() {
        assert!(text.chars().count() <= LONGEST, "{text}");
    }
}

/// Losing the end of a refusal in JSON makes nothing definite that was not.
fn assert_a_cut_refusal_settles_no_more(raw: &RawAnswer, error: &ApiError, secret: &Secret) {
    let body = raw.body.trim_ascii();
    let is_object = matches!(serde_json::from_slice(body), Ok(Value::Object(_)));
    if error.is_definite() || !is_object || raw.location.is_some() {
        return;
    }
    for at in positions(body, body.len(), 3)
        .into_iter()
        .filter(|at| *at > 0)
    {
        let cut = RawAnswer {
            body: body.get(..at).unwrap_or_default().to_vec(),
            ..raw.clone()
        };
        let cut = check_status(&call(), cut, &[secret]);
        assert!(
            cut.is_err_and(|error| !error.is_definite()),
            "cut at {at}: {raw:?}"
        );
    }
}

/// A good status: the body is what was asked for, or the answer says nothing.
fn assert_bodies(raw: &RawAnswer) {
    let whole: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
    if let Some(run) = body::<RunStatus>(raw) {
        assert_state(&run.state, &whole);
        assert!(run.run_id.get() > 0);
        for task in run.tasks.values() {
            assert!(task.run_id.get() > 0);
        }
        assert!(run.started_at.is_none_or(|at| at > DateTime::UNIX_EPOCH));
    }
    if let Some(page) = body::<RunPage>(raw) {
        let wire = whole.get("runs").and_then(Value::as_array);
        assert_eq!(
            page.runs.len(),
            wire.map_or(0, Vec::len),
            "no run is left out"
        );
        for (run, wire) in page.runs.iter().zip(wire.into_iter().flatten()) {
            assert_state(&run.state, wire);
        }
    }
    if let Some(started) = body::<RunStarted>(raw) {
        assert!(started.run_id.get() > 0);
    }
    if let Some(job) = body::<Job>(raw) {
        assert!(job.job_id.get() > 0);
    }
}

/// Reads a body twice, and asserts that no beginning of it is taken for the whole.
fn body<T>(raw: &RawAnswer) -> Option<T>
where
    T: serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let read = |raw: &RawAnswer| read_json::<T>(&call(), raw);
    let result = read(raw);
    assert_eq!(read(raw), result, "read twice");
    if let Err(error) = &result {
        assert!(
            !error.is_definite() && error.may_have_taken_effect(),
            "{error:?}"
        );
    } else {
        let whole = raw.body.trim_ascii_end();
        assert!(
            whole.trim_ascii_start().starts_with(b"{"),
            "{raw:?} is no object"
        );
        let last = whole.len().saturating_sub(1);
        for at in positions(whole, whole.len(), 2).into_iter().chain([last]) {
            let cut = RawAnswer {
                body: whole.get(..at).unwrap_or_default().to_vec(),
                ..raw.clone()
            };
            assert!(
                read(&cut).is_err(),
                "the first {at} bytes are taken for the whole"
            );
        }
    }
    result.ok()
}

/// A run is over only by a word that says so, and good only by one that says that.
fn assert_state(state: &RunState, wire: &Value) {
    // A list in the place of an object is read by position; the oracle knows names only.
    if ["/status", "/state", "/status/termination_details"]
        .iter()
        .any(|path| wire.pointer(path).is_some_and(Value::is_array))
    {
        return;
    }
    let word = |path: &str| wire.pointer(path).and_then(Value::as_str).unwrap_or("");
    let (newer, legacy) = (word("/status/state"), word("/state/life_cycle_state"));
    if state.is_over() {
        assert!(
            ENDS.contains(&newer) || ENDS.contains(&legacy),
            "{state:?} of {wire}"
        );
    }
    if GOES_ON.contains(&newer) {
        assert!(!state.is_over(), "{state:?} of {wire}");
    }
    let says =
        |paths: &[&str], words: &[&str]| paths.iter().any(|path| words.contains(&word(path)));
    let details = [
        "/status/termination_details/code",
        "/status/termination_details/type",
        "/state/result_state",
    ];
    if *state == RunState::Succeeded {
        assert!(says(&details, &["SUCCESS"]), "{wire}");
    }
    if *state == RunState::SucceededWithFailures {
        assert!(says(&details, &["SUCCESS_WITH_FAILURES"]), "{wire}");
    }
}
