//! Reading answers: what a status and a body mean, without any I/O.
//!
//! Lenient about everything the vendor leaves open. Strict about one thing: what cannot be read for
//! sure is never taken for a definite answer. How the texts of refusals are found stands in
//! [`refusal`](super::refusal).
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/errors/`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::databricks::error::{Answer, ApiError, Call};
use crate::databricks::refusal::read_refusal;
use crate::secret::{Secret, mask};

/// The longest foreign message that is kept, in characters.
const MESSAGE_LIMIT: usize = 500;

/// Error codes that mean "later", whatever the status says.
const RATE_CODES: [&str; 2] = ["REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"];

/// Messages of 4xx answers that pass by themselves, as the vendor's SDK has them.
const PASSING_MESSAGES: [&str; 6] = [
    "does not have any associated worker environments",
    "There is no worker environment with id",
    "Unknown worker environment",
    "ClusterNotReadyException",
    "Please try again later or try a faster operation.",
    "RPC token bucket limit has been exceeded",
];

/// One complete answer, whatever its status.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// The host of a redirect's target.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl RawAnswer {
    pub(super) fn is_html(&self) -> bool {
        let begin = self.body.trim_ascii_start();
        self.content_type.starts_with("text/html") || begin.first() == Some(&b'<')
    }

    /// Makes an error of an answer that is no use although its status is good.
    pub(super) fn unreadable(&self, call: &Call, why: impl Into<String>) -> ApiError {
        ApiError::Transient {
            call: call.clone(),
            answer: Box::new(Answer {
                status: self.status,
                error_code: None,
                message: why.into(),
                request_id: self.request_id.clone(),
            }),
            retry_after: None,
        }
    }
}

/// Turns every answer that is not a 2xx into the error it means.
pub(super) fn check_status(
    call: &Call,
    raw: RawAnswer,
    secrets: &[&Secret],
) -> Result<RawAnswer, ApiError> {
    if (200..300).contains(&raw.status) {
        if raw.is_html() {
            return Err(raw.unreadable(call, "an HTML page instead of an API answer"));
        }
        return Ok(raw);
    }
    let (is_json, refusal) = read_refusal(&raw);
    let retry_after = raw.retry_after.or(refusal.retry_delay);
    let answer = Box::new(Answer {
        status: raw.status,
        error_code: refusal.code.map(|code| shorten(&mask(&code, secrets))),
        message: shorten(&mask(&refusal.message, secrets)),
        request_id: raw.request_id.or(refusal.request_id),
    });
    Err(classify(call.clone(), answer, retry_after, is_json))
}

fn classify(
    call: Call,
    answer: Box<Answer>,
    retry_after: Option<Duration>,
    is_json: bool,
) -> ApiError {
    let code = answer.error_code.as_deref().unwrap_or("");
    let is_expired = answer.message.contains("Invalid access token");
    if answer.status == 429 || RATE_CODES.contains(&code) {
        return ApiError::RateLimited {
            call,
            answer,
            retry_after,
        };
    }
    let passes = code == "COULD_NOT_ACQUIRE_LOCK"
        || PASSING_MESSAGES
            .iter()
            .any(|part| answer.message.contains(part));
    match answer.status {
        401 => ApiError::Auth { call, answer },
        403 if is_expired => ApiError::Auth { call, answer },
        // Lock conflicts, early data, request timeouts, and proxies that want a login.
        407 | 408 | 409 | 425 => ApiError::Transient {
            call,
            answer,
            retry_after,
        },
        400..500 if passes => ApiError::Transient {
            call,
            answer,
            retry_after,
        },
        403 => ApiError::Forbidden { call, answer },
        404 if code == "ENDPOINT_NOT_FOUND" => ApiError::Invalid { call, answer },
        // A 404 that is not from the API proves nothing about the thing asked for.
        404 if !is_json => ApiError::Transient {
            call,
            answer,
            retry_after,
        },
        404 => ApiError::NotFound { call, answer },
        400..500 if says_not_found(&answer) => ApiError::NotFound { call, answer },
        400..500 => ApiError::Invalid { call, answer },
        _ => ApiError::Transient {
            call,
            answer,
            retry_after,
        },
    }
}

/// jobs/get and runs/get may answer 400 `INVALID_PARAMETER_VALUE` for what does not exist.
fn says_not_found(answer: &Answer) -> bool {
    let message = answer.message.as_str();
    let is_about_it = ["Job ", "Run ", "Run: "]
        .iter()
        .any(|begin| message.starts_with(begin));
    answer.error_code.as_deref() == Some("RESOURCE_DOES_NOT_EXIST")
        || (is_about_it
            && (message.contains("does not exist") || message.contains("doesn't exist")))
}

/// Makes a foreign text fit for one line of a message.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printable: String = line.chars().filter(|c| !c.is_control()).collect();
    match printable.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", printable.get(..end).unwrap_or("")),
        None => printable,
    }
}

/// Reads the body of a good answer.
pub(super) fn read_json<T: DeserializeOwned>(call: &Call, raw: &RawAnswer) -> Result<T, ApiError> {
    serde_json::from_slice(&raw.body).map_err(|error| {
        // serde's message may quote values of the body; the place is enough.
        let why = format!(
            "an answer that is not as documented: {} at line {}, column {} of {} bytes `{}`",
            match error.classify() {
                serde_json::error::Category::Eof => "it ends early",
                serde_json::error::Category::Syntax => "no JSON",
                serde_json::error::Category::Data => "a missing or unexpected value",
                serde_json::error::Category::Io => "unreadable",
            },
            error.line(),
            error.column(),
            raw.body.len(),
            shorten(&raw.content_type),
        );
        raw.unreadable(call, why)
    })
}

/// Reads a field whose `null` means the same as its absence.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads `Retry-After`: seconds, or a date compared with the answer's own `Date`, else `now`.
pub(super) fn parse_retry_after(
    value: &str,
    server_now: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = parse_http_date(value)?;
    let wait = date.signed_duration_since(server_now.unwrap_or(now));
    Some(wait.to_std().unwrap_or(Duration::ZERO))
}

/// Reads a date of an HTTP header, UTC.
pub(super) fn parse_http_date(value: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(value).ok().map(DateTime::from)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
