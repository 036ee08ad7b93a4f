//! The actions of a commit as the log spells them.
//!
//! Only fields that Headwater uses are named: everything else, whole actions included, is passed
//! over, as the protocol asks of readers ("Protocol Evolution").

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One line of a commit. Exactly one field is set in a line that a current writer wrote.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) add: Option<FileAction<'a>>,
    #[serde(borrow)]
    pub(super) remove: Option<FileAction<'a>>,
    pub(super) meta_data: Option<MetadataAction>,
    pub(super) protocol: Option<ProtocolAction>,
    pub(super) txn: Option<TransactionAction>,
    /// Free form by the protocol, so nothing in it may make a commit unreadable.
    pub(super) commit_info: Option<Value>,
}

/// An `add` or a `remove`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileAction<'a> {
    /// A missing flag is malformed and counts as a change, the safe side.
    pub(super) data_change: Option<bool>,
    #[serde(borrow)]
    pub(super) stats: Option<Cow<'a, str>>,
    pub(super) deletion_vector: Option<DeletionVector>,
}

impl FileAction<'_> {
    pub(super) fn changes_data(&self) -> bool {
        self.data_change.unwrap_or(true)
    }

    /// Returns the rows that the file shows: those it holds less those its deletion vector hides.
    pub(super) fn rows(&self) -> Option<u64> {
        let stats: Statistics = serde_json::from_str(self.stats.as_deref()?).ok()?;
        let hidden = match &self.deletion_vector {
            None => 0,
            Some(vector) => vector.cardinality?,
        };
        Some(stats.num_records?.saturating_sub(hidden))
    }
}

/// The deletion vector of a file action.
#[derive(Deserialize)]
pub(super) struct DeletionVector {
    pub(super) cardinality: Option<u64>,
}

/// The one statistic that is read; the others are large.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    num_records: Option<u64>,
}

/// A `metaData` action, or the `metadata` of a version checksum.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataAction {
    pub(super) id: String,
    pub(super) schema_string: Option<String>,
    pub(super) partition_columns: Option<Vec<String>>,
    /// Texts by the protocol; what else a writer put there must not make a commit unreadable.
    pub(super) configuration: Option<BTreeMap<String, Value>>,
}

/// A `protocol` action.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProtocolAction {
    pub(super) min_reader_version: u32,
    #[serde(default)]
    pub(super) min_writer_version: u32,
    pub(super) reader_features: Option<Vec<String>>,
    pub(super) writer_features: Option<Vec<String>>,
}

/// A `txn` action.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionAction {
    pub(super) app_id: String,
    pub(super) version: i64,
}

/// A version checksum, as far as it speaks of the table.
#[derive(Deserialize)]
pub(super) struct Checksum {
    pub(super) metadata: Option<MetadataAction>,
    pub(super) protocol: Option<ProtocolAction>,
}
