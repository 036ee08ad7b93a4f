//! `commitInfo`: free form, written differently by every engine, so read with great leniency.
//!
//! A field of an unexpected type counts as absent; nothing here makes a commit unreadable.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{CloneSource, MicroBatch, ParsedCommit, Writer};

/// Takes over what a `commitInfo` says.
pub(super) fn take(parsed: &mut ParsedCommit, info: &Value) {
    parsed.in_commit_timestamp = instant(info.get("inCommitTimestamp"));
    let commit = &mut parsed.commit;
    commit.writer_clock = instant(info.get("timestamp"));
    commit.operation = text(info.get("operation"));
    commit.read_version = info.get("readVersion").and_then(Value::as_u64);
    commit.inputs = info.get("userMetadata").and_then(inputs);
    commit.writer = writer(info);
    commit.is_blind_append = info.get("isBlindAppend").and_then(Value::as_bool);
    commit.user_metadata = info.get("userMetadata").and_then(kept_text);
    commit.micro_batch = micro_batch(info);
    commit.cloned_from = cloned_from(info);
}

/// Most bytes of user metadata that are kept: it is free text, of any length.
const KEPT_BYTES: usize = 4096;

fn kept_text(value: &Value) -> Option<String> {
    let mut text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if text.len() > KEPT_BYTES {
        text.truncate(text.floor_char_boundary(KEPT_BYTES));
        text.push_str(" ...");
    }
    Some(text)
}

/// What a Structured Streaming sink writes as the parameters of its operation.
fn micro_batch(info: &Value) -> Option<MicroBatch> {
    let parameter = |key: &str| info.get("operationParameters")?.get(key);
    Some(MicroBatch {
        query_id: text(parameter("queryId"))?,
        batch_id: number(parameter("epochId"))?,
    })
}

fn cloned_from(info: &Value) -> Option<CloneSource> {
    let operation = info.get("operation")?.as_str()?;
    if !operation.eq_ignore_ascii_case("CLONE") {
        return None;
    }
    let parameter = |key: &str| info.get("operationParameters")?.get(key);
    let version = number(parameter("sourceVersion"));
    Some(CloneSource {
        source: text(parameter("source"))?,
        version: version.and_then(|version| u64::try_from(version).ok()),
    })
}

fn writer(info: &Value) -> Writer {
    let job = |key: &str| info.get("job").and_then(|job| job.get(key));
    Writer {
        job_run_id: number(job("jobRunId")),
        task_run_id: number(job("runId")),
        job_id: number(job("jobId")),
        job_name: text(job("jobName")),
        notebook_id: text(info.pointer("/notebook/notebookId")),
        engine: text(info.get("engineInfo")).or_else(|| text(info.get("clientVersion"))),
        user: text(info.get("userName")).or_else(|| text(info.get("userId"))),
    }
}

/// Reads `{"headwater":{"inputs":{…}}}`, which stands in the user metadata as text. One value that
/// is no version makes the whole stamp worthless: half of it would claim that the rest was not read.
fn inputs(user_metadata: &Value) -> Option<BTreeMap<String, u64>> {
    let parsed: Value;
    let stamp = match user_metadata.as_str() {
        Some(text) => {
            parsed = serde_json::from_str(text).ok()?;
            &parsed
        }
        None => user_metadata,
    };
    let inputs = stamp.get("headwater")?.get("inputs")?.as_object()?;
    let version = |(key, value): (&String, &Value)| Some((key.clone(), value.as_u64()?));
    inputs.iter().map(version).collect()
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Ids are numbers from some writers and texts from others.
fn number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn instant(value: Option<&Value>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(value?.as_i64()?)
}
