//! The document of `headwater observe`: what is known of each table.

use assets::delta::KnownHead;
use lineage::{AssetGraph, AssetIndex};
use serde_json::{Value, json};

use super::{document, instant, optional_instant};
use crate::state::{Memory, Observation, ObservedState};

/// Says what was last seen of the tables of these assets.
pub fn observations(graph: &AssetGraph, memory: &Memory, shown: &[AssetIndex]) -> Value {
    let tables: Vec<Value> = shown
        .iter()
        .filter(|index| graph.asset(**index).kind.has_table())
        .map(|index| table(graph, memory, *index))
        .collect();
    let fields = json!({
        "observed_at": optional_instant(memory.last_pass_at),
        "tables": tables,
    });
    document("Observations", fields)
}

fn table(graph: &AssetGraph, memory: &Memory, index: AssetIndex) -> Value {
    let key = &graph.asset(index).key;
    let Some(observation) = memory.observations.get(key) else {
        return json!({
            "asset": key, "table_id": null, "version": null, "data_version": null,
            "data_changed_at": null, "state": "unknown", "reason": "nobody has looked yet",
        });
    };
    let newest = memory.commits.get(key).and_then(|commits| commits.last());
    let head = observation.head.as_deref();
    let (state, code, reason) = state(observation);
    json!({
        "asset": key,
        "table_id": head.map(|head| head.table_id.as_str()),
        "version": head.map(|head| head.version),
        "data_version": newest.map(|commit| commit.version.version),
        "data_changed_at": newest.map(|commit| instant(commit.committed_at)),
        "operation": head.and_then(|head| head.operation.as_deref()),
        "schema_hash": head.and_then(schema_hash),
        "state": state,
        "code": code,
        "reason": reason,
        "since": instant(observation.since),
    })
}

fn schema_hash(head: &KnownHead) -> Option<&str> {
    head.state.metadata.schema_hash.as_deref()
}

fn state(observation: &Observation) -> (&'static str, Option<&str>, Option<&str>) {
    match &observation.state {
        ObservedState::Ok => ("ok", None, None),
        ObservedState::Absent => (
            "gone",
            Some("never_there"),
            Some("there is no table at its place yet"),
        ),
        ObservedState::Gone => ("gone", None, Some("the table was there and is gone")),
        ObservedState::Unknown { code, reason } => ("unknown", Some(code), Some(reason)),
    }
}
