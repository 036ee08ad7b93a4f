//! `Observations`: what was last seen of each table.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::delta::bounds::Edge;
use assets::delta::contents::WatchedColumn;
use assets::delta::reading::Progress;
use assets::delta::{Continuity, KnownHead, TimeSource};
use assets::streaming::StreamProgress;
use chrono::TimeDelta;
use lineage::{AssetGraph, AssetIndex};
use serde_json::{Map, Value, json};

use super::{document, instant, optional_instant};
use crate::state::{Memory, Observation, ObservedState, SchemaNews, TableNotes};

/// How long a log keeps commits unless the table says otherwise (Delta, `logRetentionDuration`).
const DEFAULT_RETENTION: TimeDelta = TimeDelta::days(30);

/// What is shown of tables.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// All assets.
    pub graph: &'a AssetGraph,
    /// What was last seen.
    pub memory: &'a Memory,
    /// What is known beyond that.
    pub notes: &'a BTreeMap<AssetKey, TableNotes>,
    /// How long it was between the last two passes, where there were two.
    pub interval: Option<TimeDelta>,
}

/// Makes the document of `headwater observe` for some assets. Those without a table are left out.
pub fn observations(observed: Observed<'_>, shown: &[AssetIndex]) -> Value {
    let has_table = |index: &&AssetIndex| observed.graph.asset(**index).kind.has_table();
    let tables: Vec<Value> = shown
        .iter()
        .filter(has_table)
        .map(|index| observed.table(*index))
        .collect();
    let fields = json!({
        "observed_at": optional_instant(observed.memory.last_pass_at),
        "tables": tables,
    });
    document("Observations", fields)
}

impl Observed<'_> {
    fn table(self, index: AssetIndex) -> Value {
        let key = &self.graph.asset(index).key;
        let mut row = match self.memory.observations.get(key) {
            None => json!({
                "table_id": null, "version": null, "data_version": null, "data_changed_at": null,
                "commit_time_source": null, "rows": null, "schema_hash": null, "gap": null,
                "state": "unknown", "code": "not_observed", "reason": "nobody has looked yet",
            }),
            Some(observation) => self.seen(key, observation),
        };
        if let Value::Object(row) = &mut row {
            row.insert("asset".to_owned(), json!(key));
        }
        row
    }

    fn seen(self, key: &AssetKey, observation: &Observation) -> Value {
        let head = observation.head.as_deref();
        let (state, code, reason) = state(observation);
        let mut row = head.map_or_else(nothing_known, facts);
        let notes = self.notes.get(key);
        let is_counted = head.is_some_and(|head| head.details.contents.is_some());
        let partitions = is_counted.then(|| notes.map_or(0, |notes| notes.partitions));
        row.insert("partitions".to_owned(), json!(partitions));
        let change = notes.and_then(|notes| notes.schema_change.as_ref());
        row.insert("schema_change".to_owned(), json!(change.map(schema_change)));
        row.insert("gap".to_owned(), gap(head, code.as_deref()));
        row.insert("state".to_owned(), json!(state));
        row.insert("code".to_owned(), json!(code));
        row.insert("reason".to_owned(), json!(reason));
        row.insert("since".to_owned(), json!(instant(observation.since)));
        let warnings = head.map(|head| warnings(head, self.interval));
        row.insert("warnings".to_owned(), json!(warnings.unwrap_or_default()));
        Value::Object(row)
    }
}

fn nothing_known() -> Map<String, Value> {
    let names = [
        "table_id",
        "version",
        "data_version",
        "data_version_at_most",
        "data_changed_at",
        "commit_time_source",
        "clocks_disagree",
        "rows",
        "files",
        "operation",
        "schema_hash",
        "partition_columns",
        "protocol",
        "properties",
        "transactions",
        "stream",
        "change_feed",
        "watermark",
        "log_retention_seconds",
        "earliest_commit",
        "continuity",
    ];
    let nulls = names.into_iter().map(|name| (name.to_owned(), Value::Null));
    nulls.collect()
}

/// What the last good reading says.
fn facts(head: &KnownHead) -> Map<String, Value> {
    let (data, details) = (head.data.as_ref(), &head.details);
    let contents = details.contents.as_ref();
    let metadata = &head.state.metadata;
    let protocol = &head.state.protocol;
    let mut facts = nothing_known();
    let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    put("table_id", json!(head.table_id));
    put("version", json!(head.version));
    put("data_version", json!(data.map(|data| data.version)));
    put("data_version_at_most", json!(newest_possible(head)));
    put(
        "data_changed_at",
        optional_instant(data.map(|data| data.at)),
    );
    put(
        "commit_time_source",
        json!(details.time_source.map(time_source)),
    );
    put(
        "clocks_disagree",
        json!(data.map(|_| details.clocks_disagree)),
    );
    put("rows", json!(contents.and_then(|contents| contents.rows)));
    put("files", json!(contents.map(|contents| contents.files)));
    put("operation", json!(head.operation));
    put("schema_hash", json!(metadata.schema_hash));
    put("partition_columns", json!(metadata.partition_columns));
    put(
        "protocol",
        json!({
            "min_reader_version": protocol.min_reader_version,
            "min_writer_version": protocol.min_writer_version,
            "reader_features": protocol.reader_features,
            "writer_features": protocol.writer_features,
        }),
    );
    put("properties", json!(metadata.configuration));
    let applications = details.applications.iter();
    let applications = applications.map(|(id, progress)| (id.clone(), application(progress)));
    put("transactions", Value::Object(applications.collect()));
    put("stream", json!(details.stream.as_ref().map(stream)));
    put(
        "change_feed",
        json!({
            "enabled": metadata.has_change_feed(),
            "since": details.change_feed_since.max(details.change_feed_since.and(details.earliest_commit)),
        }),
    );
    let watched = contents.and_then(|contents| contents.columns.first());
    let watched = watched.filter(|column| column.nulls.is_none());
    put("watermark", json!(watched.map(watermark)));
    let retention = retention(head);
    put("log_retention_seconds", json!(retention.num_seconds()));
    put("earliest_commit", json!(details.earliest_commit));
    put(
        "continuity",
        json!(details.continuity.as_ref().map(continuity)),
    );
    facts
}

/// Returns the newest version that may have changed data, where no commit that is left says which did.
fn newest_possible(head: &KnownHead) -> Option<u64> {
    let is_unknown = head.data.is_none() && head.read_from > 0;
    is_unknown.then(|| head.read_from.saturating_sub(1))
}

/// Returns the word for where a time comes from.
pub(super) fn time_source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::File => "file",
        TimeSource::InCommit => "in_commit",
    }
}

fn continuity(continuity: &Continuity) -> &'static str {
    match continuity {
        Continuity::Cold => "cold",
        Continuity::Continues => "continues",
        Continuity::Replaced => "replaced",
        Continuity::Recreated => "recreated",
        Continuity::Gap { .. } => "gap",
    }
}

fn application(progress: &Progress) -> Value {
    json!({
        "version": progress.version,
        "commit": progress.commit,
        "at": optional_instant(progress.at),
    })
}

fn stream(progress: &StreamProgress) -> Value {
    json!({
        "batch": progress.batch,
        "event_watermark": optional_instant(progress.event_at),
        "problem": progress.problem,
    })
}

fn watermark(column: &WatchedColumn) -> Value {
    let value = |edge: &Edge| edge.bound().map(|bound| bound.value.clone());
    let is_exact = |edge: &Edge| edge.bound().map(|bound| bound.is_exact);
    let reason = match (&column.range.max, column.physical.is_empty()) {
        (_, true) => Some("the table has no such column"),
        (Edge::Unknown, _) => Some("not every file has statistics of it"),
        (Edge::Empty, _) => Some("no row has a value"),
        (Edge::Known(_), _) => None,
    };
    json!({
        "column": column.name,
        "min": value(&column.range.min),
        "min_is_exact": is_exact(&column.range.min),
        "max": value(&column.range.max),
        "max_is_exact": is_exact(&column.range.max),
        "reason": reason,
    })
}

fn schema_change(change: &SchemaNews) -> Value {
    json!({
        "version": change.version,
        "seen_at": instant(change.seen_at),
        "compatibility": if change.is_breaking { "breaking" } else { "compatible" },
        "changes": change.changes,
    })
}

/// Commits that were lost before they were seen, or are missing while later ones are there.
fn gap(head: Option<&KnownHead>, code: Option<&str>) -> Value {
    let Some(head) = head else {
        return Value::Null;
    };
    if code == Some("missing_commit") {
        let missing = head.version.saturating_add(1);
        return json!({ "from": missing, "to": missing });
    }
    match head.details.continuity {
        Some(Continuity::Gap { lost_from, lost_to }) => json!({ "from": lost_from, "to": lost_to }),
        Some(
            Continuity::Cold | Continuity::Continues | Continuity::Replaced | Continuity::Recreated,
        )
        | None => Value::Null,
    }
}

fn retention(head: &KnownHead) -> TimeDelta {
    let property = head
        .state
        .metadata
        .configuration
        .get("delta.logRetentionDuration");
    let interval = property.and_then(|text| {
        let span = text.trim().strip_prefix("interval").unwrap_or(text);
        humantime::parse_duration(span.trim()).ok()
    });
    let interval = interval.and_then(|interval| TimeDelta::from_std(interval).ok());
    interval.unwrap_or(DEFAULT_RETENTION)
}

fn warnings(head: &KnownHead, interval: Option<TimeDelta>) -> Vec<String> {
    let mut warnings = Vec::new();
    let retention = retention(head);
    if let Some(interval) = interval.filter(|interval| retention < *interval * 2) {
        warnings.push(format!(
            "its log keeps commits for {} s, and it is looked at every {} s: changes may be lost unseen",
            retention.num_seconds(),
            interval.num_seconds()
        ));
    }
    if head.details.clocks_disagree {
        warnings.push(
            "the time of its newest data and the clock of its writer are more than 5 min apart: file \
             times may have been lost when the log was copied"
                .to_owned(),
        );
    }
    let stream = head.details.stream.as_ref();
    warnings.extend(stream.and_then(|stream| stream.problem.clone()));
    warnings
}

/// Returns the state of a table with its code and one sentence.
pub fn state(observation: &Observation) -> (&'static str, Option<String>, Option<String>) {
    let text = |text: &str| Some(text.to_owned());
    match &observation.state {
        ObservedState::Ok => {
            let possible = observation.head.as_deref().and_then(newest_possible);
            let reason = possible.map(|version| {
                format!(
                    "its data last changed at or before v{version}: the commits that would tell are gone"
                )
            });
            ("ok", None, reason)
        }
        ObservedState::Absent => (
            "gone",
            text("never_there"),
            text("there is no table at its place yet"),
        ),
        ObservedState::Gone => (
            "gone",
            text("gone"),
            text("the table was there and is gone"),
        ),
        ObservedState::Unknown { code, reason } => ("unknown", text(code), text(reason)),
    }
}
