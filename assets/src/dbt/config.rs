//! What a node's `config`, `meta` and `freshness` say about it as an asset.
//!
//! Values of a shape that dbt does not write count as absent. Durations are `count` times `period`.

use chrono::TimeDelta;
use serde_json::Value;

use super::fingerprint::{Fingerprint, says_nothing};
use super::node::NodeType;
use super::wire::WireTest;
use crate::asset::AssetKind;
use crate::check::Severity;
use crate::policy::{Bound, Freshness, OnChange, Pacing, UpdatesOn};

/// Keys of `config` that do not decide what a build writes: words for people, permissions, where
/// and when it runs, and what is taken over as policy.
const NOT_BUILT: [&str; 22] = [
    "access",
    "concurrent_batches",
    "databricks_compute",
    "databricks_tags",
    "deprecation_date",
    "description",
    "docs",
    "enabled",
    "freshness",
    "grants",
    "group",
    "latest_version_pointer",
    "meta",
    "on_error",
    "owner",
    "owners",
    "persist_docs",
    "query_tags",
    "state",
    "static_analysis",
    "tags",
    "version",
];

/// Returns a text of an object, unless it is absent, empty or something else.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Returns what a node is as an asset.
///
/// Source: `materialized` in dbt-core and dbt-databricks (`DatabricksRelationType`); a custom
/// materialization is taken to write a table.
pub(super) fn kind(node_type: NodeType, config: &Value) -> AssetKind {
    match node_type {
        NodeType::Seed => AssetKind::Seed,
        NodeType::Snapshot => AssetKind::Snapshot,
        NodeType::Source => AssetKind::Source,
        NodeType::Exposure => AssetKind::Exposure,
        NodeType::Model => match text(config, "materialized") {
            // dbt's own default for a model.
            None | Some("view" | "metric_view") => AssetKind::View,
            Some("incremental") => AssetKind::Incremental,
            Some("ephemeral") => AssetKind::Ephemeral,
            Some("seed") => AssetKind::Seed,
            Some("snapshot") => AssetKind::Snapshot,
            Some("materialized_view" | "materializedview") => AssetKind::MaterializedView,
            Some("streaming_table") => AssetKind::StreamingTable,
            Some(_) => AssetKind::Table,
        },
    }
}

/// Returns whether Databricks refreshes a node by itself: a materialized view or streaming table
/// with a `schedule` other than manual.
pub(super) fn refreshes_itself(kind: AssetKind, config: &Value) -> bool {
    if !matches!(
        kind,
        AssetKind::MaterializedView | AssetKind::StreamingTable
    ) {
        return false;
    }
    let Some(schedule) = config.get("schedule") else {
        return false;
    };
    match schedule.as_str() {
        Some(word) => !word.eq_ignore_ascii_case("manual"),
        None => ["cron", "every", "on_update"].iter().any(|key| {
            schedule
                .get(key)
                .is_some_and(|value| !says_nothing(value) && *value != Value::Bool(false))
        }),
    }
}

/// Returns a source's `freshness` as a bound on its age.
///
/// `error_after` is the limit and `warn_after` the warning. Where only one of the two stands, it is
/// the limit: the one bound that the owner wrote is what the owner promises.
pub(super) fn source_freshness(freshness: &Value) -> Option<Freshness> {
    let warn = duration(freshness.get("warn_after"));
    let error = duration(freshness.get("error_after"));
    let limit = error.or(warn)?;
    Some(Freshness {
        max_age: Some(Bound {
            limit,
            warn: error.and(warn).filter(|warn| *warn <= limit),
        }),
        ..Freshness::default()
    })
}

/// Returns what `freshness.build_after` and `state.lag_tolerance` ask of a model's automation.
pub(super) fn on_change(config: &Value) -> Option<OnChange> {
    let build_after = config
        .get("freshness")
        .and_then(|value| value.get("build_after"));
    let updates_on = build_after.and_then(|value| text(value, "updates_on"));
    let every = duration(build_after);
    let tolerance = duration(
        config
            .get("state")
            .and_then(|value| value.get("lag_tolerance")),
    );
    let updates_on = match updates_on {
        Some("all") => UpdatesOn::All,
        Some(_) | None => UpdatesOn::Any,
    };
    if every.is_none() && tolerance.is_none() && updates_on == UpdatesOn::Any {
        return None;
    }
    Some(OnChange {
        updates_on,
        pacing: Pacing {
            every,
            tolerance,
            ..Pacing::default()
        },
    })
}

/// Reads `{count, period}`; an object of nulls is how dbt writes "none".
fn duration(value: Option<&Value>) -> Option<TimeDelta> {
    let count = value?.get("count")?.as_i64().filter(|count| *count >= 0)?;
    match text(value?, "period")? {
        "second" => TimeDelta::try_seconds(count),
        "minute" => TimeDelta::try_minutes(count),
        "hour" => TimeDelta::try_hours(count),
        "day" => TimeDelta::try_days(count),
        _ => None,
    }
}

/// Returns one key of the effective meta: `config.meta` wins over `meta`, `meta` over the source's.
pub(super) fn meta<'a>(layers: [&'a Value; 3], key: &str) -> Option<&'a Value> {
    let set = |layer: &'a Value| layer.get(key).filter(|value| !value.is_null());
    layers.into_iter().find_map(set)
}

/// Returns the owner that a text, or an object with `name` or `email`, names.
///
/// dbt 1.10 and newer allow a list of addresses; the first one counts.
pub(super) fn owner(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        Value::Array(several) => several.iter().find_map(Value::as_str).map(str::to_owned),
        Value::Object(object) => ["name", "email"]
            .into_iter()
            .filter_map(|key| object.get(key))
            .filter(|value| !value.is_object())
            .find_map(owner),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Adds what of `config` decides what a build writes.
///
/// Values that dbt fills in by itself are left out, since each version fills in more of them: an
/// upgrade of dbt alone is no reason to build everything again.
pub(super) fn add_built(fingerprint: &mut Fingerprint, config: &Value) {
    let Value::Object(config) = config else {
        return fingerprint.size(0);
    };
    let mut entries: Vec<_> = config
        .iter()
        .filter(|(key, value)| {
            !NOT_BUILT.contains(&key.as_str()) && !says_nothing(value) && !is_default(key, value)
        })
        .collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    fingerprint.size(entries.len());
    for (key, value) in entries {
        fingerprint.text(key);
        match (key.as_str(), value.as_str()) {
            // dbt 1.9 began to write the start of microbatches with a time of day.
            ("begin", Some(begin)) => {
                fingerprint.text("text");
                fingerprint.text(begin.strip_suffix("T00:00:00").unwrap_or(begin));
            }
            _ => fingerprint.json(value),
        }
    }
}

/// Returns whether a value is what dbt writes where the project says nothing.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        "lookback" => value.as_i64() == Some(1),
        "on_schema_change" => value.as_str() == Some("ignore"),
        "on_configuration_change" => value.as_str() == Some("apply"),
        "delimiter" => value.as_str() == Some(","),
        // Whether a contract is enforced is hashed with its columns.
        "contract" => true,
        _ => false,
    }
}

/// What the failure of a test means: `error` unless it says `warn`, in any case.
pub(super) fn severity(config: &Value) -> Severity {
    match text(config, "severity") {
        Some(word) if word.eq_ignore_ascii_case("warn") => Severity::Warn,
        Some(_) | None => Severity::Error,
    }
}

/// The column of a `not_null` test that asks for nothing else: all rows count, and one null is enough.
pub(super) fn not_null(wire: &WireTest<'_>) -> Option<String> {
    let kind = &wire.test_metadata;
    let of_dbt = text(kind, "namespace").is_none() && text(kind, "name") == Some("not_null");
    let is_plain = |key| match text(&wire.config, key) {
        None => true,
        Some(condition) => condition.split_whitespace().eq(["!=", "0"]),
    };
    let has_all_rows = text(&wire.config, "where").is_none();
    let column = wire
        .column_name
        .get()
        .or_else(|| text(kind.get("kwargs")?, "column_name"))?;
    let is_simple = of_dbt && has_all_rows && is_plain("error_if") && is_plain("warn_if");
    is_simple.then(|| column.trim_matches('`').to_owned())
}
