//! What a refusal says: code, message, request id, delay, in every form that occurs.
//!
//! Codes are text or number; bodies are JSON of four dialects, `CODE: message`, HTML or empty.
//! Texts are returned as they stand: masking and shortening them is the caller's.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/errors/deserializer.py`.

use std::time::Duration;

use serde_json::Value;

use crate::databricks::answer::RawAnswer;

/// What a body says of a refusal.
#[derive(Default)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    pub(super) retry_delay: Option<Duration>,
}

/// As what a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A JSON object, as the API's own refusals are.
    Json,
    /// It begins as one and cannot be read as one.
    BrokenJson,
    /// Anything else, or nothing.
    Other,
}

/// Finds what a refusal says, and as what it was read.
pub(super) fn read_refusal(raw: &RawAnswer) -> (Reading, Refusal) {
    if let Some(target) = &raw.location {
        let message = format!("redirected to `{target}`, which is not followed");
        return (
            Reading::Other,
            Refusal {
                message,
                ..Refusal::default()
            },
        );
    }
    if let Ok(body @ Value::Object(_)) = serde_json::from_slice(&raw.body) {
        return (Reading::Json, read_json_refusal(&body));
    }
    let reading = match raw.body.trim_ascii_start().first() {
        Some(b'{') => Reading::BrokenJson,
        Some(_) | None => Reading::Other,
    };
    let text = String::from_utf8_lossy(&raw.body);
    let message = if raw.is_html() {
        html_text(&text)
    } else {
        text.trim().to_owned()
    };
    let (code, message) = match message.split_once(": ") {
        Some((code, rest)) if is_code(code) => (Some(code.to_owned()), rest.to_owned()),
        _ => (None, message),
    };
    (
        reading,
        Refusal {
            code,
            message,
            ..Refusal::default()
        },
    )
}

fn is_code(text: &str) -> bool {
    text.len() > 3 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

fn read_json_refusal(body: &Value) -> Refusal {
    let text = |names: &[&str]| {
        names.iter().find_map(|name| match body.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    };
    let details = body.get("details").and_then(Value::as_array);
    let detail = |name: &str| {
        details?
            .iter()
            .find_map(|detail| detail.get(name)?.as_str())
    };
    // OAuth answers name the code `error` and explain it beside; API 1.2 has `error` alone.
    let message = text(&["message", "error_description", "errorSummary", "detail"]);
    let code = match &message {
        Some(_) => text(&["error_code", "errorCode", "scimType", "error"]),
        None => text(&["error_code", "errorCode", "scimType"]),
    };
    Refusal {
        code,
        message: message.or_else(|| text(&["error"])).unwrap_or_default(),
        request_id: detail("request_id").map(str::to_owned),
        retry_delay: detail("retry_delay").and_then(parse_delay),
    }
}

/// Reads a duration as protobuf's JSON has it: `2s`, `1.5s`.
fn parse_delay(text: &str) -> Option<Duration> {
    let secs = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(secs).ok()
}

/// Returns what an HTML error page says: its `<pre>`, else its `<title>`.
fn html_text(page: &str) -> String {
    let inside = |open: &str, close: &str| {
        let (_, rest) = page.split_once(open)?;
        let (text, _) = rest.split_once(close)?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    inside("<pre>", "</pre>")
        .or_else(|| inside("<title>", "</title>"))
        .map_or_else(
            || "an HTML page".into(),
            |text| format!("an HTML page: {text}"),
        )
}
