//! `commitInfo`: free form, written differently by every engine, so read with great leniency.
//!
//! A field of an unexpected type counts as absent; nothing here makes a commit unreadable.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{ParsedCommit, Writer};

/// Takes over what a `commitInfo` says.
pub(super) fn take(parsed: &mut ParsedCommit, info: &Value) {
    parsed.in_commit_timestamp = instant(info.get("inCommitTimestamp"));
    let commit = &mut parsed.commit;
    commit.writer_clock = instant(info.get("timestamp"));
    commit.operation = text(info.get("operation"));
    commit.read_version = info.get("readVersion").and_then(Value::as_u64);
    commit.inputs = info.get("userMetadata").and_then(inputs);
    commit.writer = writer(info);
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
