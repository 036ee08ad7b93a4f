//! Holds what the program says against what is expected, field by field. What is not expected is
//! not looked at.

use chrono::DateTime;
use serde_json::{Map, Value};

/// Returns in words where commits are not the expected ones. A long history is expected at its ends
/// only.
pub(super) fn commits(name: &str, expected: &[Value], told: &[Value]) -> Vec<String> {
    let of = |version: &Value| told.iter().find(|commit| commit["version"] == *version);
    expected
        .iter()
        .flat_map(|expected| {
            let version = &expected["version"];
            let name = format!("{name} v{version}");
            match of(version) {
                Some(commit) => differences(&name, expected, commit),
                None => vec![format!("{name}: is not told")],
            }
        })
        .collect()
}

/// Returns whether two sets of partitions are the same; `"all"` is another word for none of them.
pub(super) fn same_partitions(expected: &Value, told: &Value) -> bool {
    match (expected.as_array(), told.as_array()) {
        (Some(expected), Some(told)) => sorted(expected) == sorted(told),
        _ => expected == told,
    }
}

/// Returns in words where an observation or a commit is not the expected one.
pub(super) fn differences(name: &str, expected: &Value, told: &Value) -> Vec<String> {
    let fields = expected.as_object().unwrap().iter();
    fields
        .filter(|(field, expected)| !is_same(field, expected, &told[field.as_str()]))
        .map(|(field, expected)| {
            let told = &told[field.as_str()];
            format!("{name}: {field} is {told}, not {expected}")
        })
        .collect()
}

fn is_same(field: &str, expected: &Value, told: &Value) -> bool {
    if let Some(allowed) = expected["one_of"].as_array() {
        return allowed.contains(told);
    }
    match field {
        "data_changed_at" | "time" => instant(expected) == instant(told),
        // Without a commit that changed data there is no time that comes from anywhere.
        "clocks_disagree" | "commit_time_source" if expected.is_null() => true,
        "partitions" => same_partitions(expected, told),
        "transactions" => versions(expected) == versions(told),
        "watermark" | "writer" => covers(told, expected.as_object().unwrap()),
        _ => expected == told,
    }
}

fn instant(value: &Value) -> Option<DateTime<chrono::FixedOffset>> {
    value
        .as_str()
        .map(|text| DateTime::parse_from_rfc3339(text).unwrap())
}

fn sorted(partitions: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = partitions.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// The version of each application, told as a number or as an object that has it.
fn versions<'a>(told: &'a Value) -> Option<Vec<(&'a String, &'a Value)>> {
    let version = |value: &'a Value| {
        if value.is_object() {
            &value["version"]
        } else {
            value
        }
    };
    let entries = told.as_object()?.iter();
    Some(entries.map(|(app, value)| (app, version(value))).collect())
}

/// Whether an object has these fields; numbers may be told as texts.
fn covers(told: &Value, expected: &Map<String, Value>) -> bool {
    let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    expected
        .iter()
        .all(|(field, expected)| plain(&told[field.as_str()]) == plain(expected))
}
