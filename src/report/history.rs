//! `History`: commits of one table.

use assets::AssetKey;
use assets::delta::history::{History, PastCommit};
use assets::delta::partition_tuple::PartitionColumns;
use assets::delta::touched::Touched;
use assets::delta::{Unreadable, Writer};
use serde_json::{Value, json};

use super::observations::time_source;
use super::{document, instant, optional_instant};

/// Makes the document of `headwater history`, whose commits come oldest first.
pub fn history_document(asset: &AssetKey, place: &str, history: Option<&History>) -> Value {
    let Some(history) = history else {
        let fields = json!({
            "asset": asset, "place": place, "commits": [], "partitions_changed": [],
            "earliest": null, "newest": null,
            "state": "gone", "code": "never_there", "reason": "there is no table at its place",
        });
        return document("History", fields);
    };
    let columns = history.metadata.as_ref().map(|m| m.partitioning.clone());
    let columns = columns.unwrap_or_default();
    let commits = history.commits.iter();
    let fields = json!({
        "asset": asset,
        "place": place,
        "earliest": history.earliest,
        "newest": history.newest,
        "partition_columns": history.metadata.as_ref().map(|m| &m.partition_columns),
        "commits": commits.map(|past| commit(past, &columns)).collect::<Vec<_>>(),
        "partitions_changed": touched(&history.touched, &columns),
        "partitions_changed_reason": because(&history.touched),
        "state": if history.trailing.is_some() { "unknown" } else { "ok" },
        "code": history.trailing.as_ref().map(Unreadable::code),
        "reason": history.trailing.as_ref().map(ToString::to_string),
    });
    document("History", fields)
}

/// Shows a commit. Columns that were only renamed since have their names of today.
fn commit(past: &PastCommit, today: &PartitionColumns) -> Value {
    let PastCommit { commit, columns } = past;
    let columns = if columns.are_same(today) {
        today
    } else {
        columns
    };
    json!({
        "version": commit.version,
        "time": instant(commit.committed_at),
        "commit_time_source": time_source(commit.time_source),
        "writer_clock": optional_instant(commit.writer_clock),
        "clocks_disagree": commit.clocks_disagree,
        "operation": commit.operation,
        "data_change": commit.changed_data,
        "partitions": touched(&commit.partitions, columns),
        "partitions_reason": because(&commit.partitions),
        "rows_added": commit.rows_added,
        "rows_removed": commit.rows_removed,
        "writer": writer(&commit.writer),
        "read_version": commit.read_version,
        "is_blind_append": commit.is_blind_append,
        "has_change_data": commit.has_change_data,
        "transactions": commit.transactions,
        "micro_batch": commit.micro_batch,
        "cloned_from": commit.cloned_from,
        "inputs": commit.inputs,
        "user_metadata": commit.user_metadata,
    })
}

/// All, or each by column and value.
fn touched(touched: &Touched, columns: &PartitionColumns) -> Value {
    match touched {
        Touched::All(_) => json!("all"),
        Touched::These(tuples) => {
            let tuples = tuples
                .iter()
                .map(|tuple| Value::Object(tuple.to_json(columns)));
            Value::Array(tuples.collect())
        }
    }
}

fn because(touched: &Touched) -> Option<&'static str> {
    match touched {
        Touched::All(because) => Some(because.as_str()),
        Touched::These(_) => None,
    }
}

fn writer(writer: &Writer) -> Value {
    if *writer == Writer::default() {
        return Value::Null;
    }
    json!(writer)
}
