//! What commands say, as JSON documents: the stable words of `-o json`.
//!
//! Each function turns values of the loop into one document of a kind. Nothing here prints,
//! and nothing decides. Fields are only ever added. Instants are RFC 3339 in UTC, durations are in
//! seconds, unknown is `null` with a reason beside it.

mod across;
mod automation;
mod backfills;
mod checks;
mod explanation;
mod history;
mod observations;
mod one_partition;
mod partitions;
mod pass;
mod plan;
mod reading;
mod runs;
mod simulation;
mod status;

use assets::TableVersion;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

pub use across::{Across, across_document, feeds, needs};
pub use backfills::{BackfillProgress, Tally, backfill_document, backfill_list, tally};
pub use explanation::{Explained, explanation};
pub use history::history_document;
pub use observations::{Observed, observations, state as observed_state};
pub use one_partition::one_partition;
pub use partitions::{PartitionStates, partition_states, partitions_document};
pub use pass::pass_document;
pub use plan::plan_document;
pub use reading::reading_document;
pub use runs::{
    cancel_document, push_document, retry_document, run_document, run_list, shown_parameters,
};
pub use simulation::{Simulated, Simulation, Totals, hours, simulation_document, totals};
pub use status::{Situation, health_document, status_document};

/// The version of every document.
pub const API_VERSION: &str = "headwater/v1";

/// Makes a document of a kind.
fn document(kind: &str, fields: Value) -> Value {
    let mut whole = Map::new();
    whole.insert("apiVersion".to_owned(), json!(API_VERSION));
    whole.insert("kind".to_owned(), json!(kind));
    if let Value::Object(fields) = fields {
        whole.extend(fields);
    }
    Value::Object(whole)
}

/// Writes an instant as RFC 3339 in UTC, with milliseconds where it has any.
pub fn instant(at: DateTime<Utc>) -> String {
    let has_millis = at.timestamp_subsec_millis() > 0;
    let precision = if has_millis {
        SecondsFormat::Millis
    } else {
        SecondsFormat::Secs
    };
    at.to_rfc3339_opts(precision, true)
}

fn optional_instant(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| json!(instant(at)))
}

fn version_number(version: Option<&TableVersion>) -> Value {
    version.map_or(Value::Null, |version| json!(version.version))
}

/// The document of `headwater demo`.
pub fn demo_document(tally: &Value) -> Value {
    document("Demo", tally.clone())
}
