//! Reading answers: what a status and a body mean, without any I/O.
//!
//! Lenient about everything the vendor leaves open. Strict about one thing: what cannot be read for
//! sure is never taken for a definite answer. How the texts of refusals are found stands in
//! [`refusal`](super::refusal).
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/errors/`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::databricks::error::{Answer, ApiError, Call};
use crate::databricks::refusal::{Reading, read_refusal};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What the body claims to be; empty where nothing is claimed.
    pub content_type: String,
    /// The id under which the vendor's support finds the request.
    pub request_id: Option<String>,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
    /// The host of a redirect's target.
    pub location: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// Takes what status and headers tell of an answer from `url`; the body is still empty.
    ///
    /// `now` stands in for the server's clock where the answer has no date.
    pub fn of_head(status: StatusCode, headers: &HeaderMap, url: &Url, now: DateTime<Utc>) -> Self {
        let server_now = server_date(headers);
        let location = header(headers, LOCATION.as_str());
        Self {
            status: status.as_u16(),
            content_type: header(headers, CONTENT_TYPE.as_str())
                .unwrap_or("")
                .to_owned(),
            request_id: header(headers, "x-request-id").map(str::to_owned),
            retry_after: header(headers, RETRY_AFTER.as_str())
                .and_then(|value| parse_retry_after(value, server_now, now)),
            location: location
                .filter(|_| status.is_redirection())
                .map(|location| target_host(url, location)),
            body: Vec::new(),
        }
    }

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

/// Returns the text of a header; nothing where it is no text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Returns the time by the server's clock, if the headers tell it.
pub(super) fn server_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    header(headers, DATE.as_str()).and_then(parse_http_date)
}

/// Returns the origin that a redirect names; its path and query may hold secrets.
fn target_host(from: &Url, location: &str) -> String {
    from.join(location).map_or_else(
        |_| "an unreadable address".into(),
        |url| url.origin().ascii_serialization(),
    )
}

/// Turns every answer that is not a 2xx into the error it means.
pub fn check_status(
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
    let (reading, refusal) = read_refusal(&raw);
    let retry_after = raw.retry_after.or(refusal.retry_delay);
    let shown = |text: &str| cut(&mask(&one_line(text), secrets));
    let answer = Box::new(Answer {
        status: raw.status,
        error_code: refusal.code.as_deref().map(shown),
        message: shown(&refusal.message),
        request_id: raw.request_id.or(refusal.request_id).as_deref().map(shown),
    });
    Err(classify(call.clone(), answer, retry_after, reading))
}

fn classify(
    call: Call,
    answer: Box<Answer>,
    retry_after: Option<Duration>,
    reading: Reading,
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
        // What it refuses and why was lost: it may have said "later".
        400..500 if reading == Reading::BrokenJson => ApiError::Transient {
            call,
            answer,
            retry_after,
        },
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
        404 if reading != Reading::Json => ApiError::Transient {
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

/// Makes one line of a foreign text, without what a terminal could act on.
fn one_line(text: &str) -> String {
    let printable: String = text
        .chars()
        .filter(|c| c.is_whitespace() || !c.is_control())
        .collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts a foreign text to what fits into a message. Comes after masking: half a secret would not
/// be found.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// Reads the body of a good answer.
pub fn read_json<T: DeserializeOwned>(call: &Call, raw: &RawAnswer) -> Result<T, ApiError> {
    // Without this, a list would be read as an object's fields by position, and `[]` as an empty
    // page of runs: the proof that there are none.
    if !raw.body.trim_ascii_start().starts_with(b"{") {
        let why = format!(
            "an answer that is not as documented: no JSON object, but {} bytes `{}`",
            raw.body.len(),
            cut(&one_line(&raw.content_type)),
        );
        return Err(raw.unreadable(call, why));
    }
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
            cut(&one_line(&raw.content_type)),
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
fn parse_retry_after(
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
fn parse_http_date(value: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(value).ok().map(DateTime::from)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
