//! The actions of a commit as the log spells them.
//!
//! Only fields that Headwater uses are named: everything else, whole actions included, is passed
//! over, as the protocol asks of readers ("Protocol Evolution"). Checkpoints hold the same actions in
//! columns; whoever reads one makes these values of its rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::commit::CommitError;
use super::statistics::FileStatistics;

/// One line of a commit. Exactly one field is set in a line that a current writer wrote.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    /// A file becomes part of the table.
    #[serde(borrow)]
    pub add: Option<FileAction<'a>>,
    /// A file is part of it no longer.
    #[serde(borrow)]
    pub remove: Option<FileAction<'a>>,
    /// What the table is.
    pub meta_data: Option<MetadataAction>,
    /// What it asks of readers and writers.
    pub protocol: Option<ProtocolAction>,
    /// How far an application is.
    pub txn: Option<TransactionAction>,
    /// Where a checkpoint keeps its files.
    pub sidecar: Option<SidecarAction>,
    /// Whether there is one is all that matters: what it holds is data.
    pub(super) cdc: Option<serde::de::IgnoredAny>,
    /// Free form by the protocol, so nothing in it may make a commit unreadable.
    pub(super) commit_info: Option<Value>,
}

/// Shows the actions of a text, one a line, in its order.
///
/// # Errors
///
/// Says that the text is empty, or which line is cut off or is no action.
pub fn read_actions(text: &[u8], see: &mut dyn FnMut(Line<'_>)) -> Result<(), CommitError> {
    let mut is_empty = true;
    for (index, bytes) in text.split(|&byte| byte == b'\n').enumerate() {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        is_empty = false;
        see(serde_json::from_slice(bytes).map_err(|error| bad_line(index + 1, &error))?);
    }
    if is_empty {
        return Err(CommitError::Empty);
    }
    Ok(())
}

fn bad_line(line: usize, error: &serde_json::Error) -> CommitError {
    if error.is_eof() {
        CommitError::CutOff { line }
    } else {
        CommitError::Invalid {
            line,
            detail: error.to_string(),
        }
    }
}

/// An `add` or a `remove`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileAction<'a> {
    /// The file, as the log spells it: URI-encoded, relative to the table or absolute.
    #[serde(borrow, default)]
    pub path: Cow<'a, str>,
    /// Whether rows changed. A missing flag is malformed and counts as a change, the safe side.
    pub data_change: Option<bool>,
    /// The partition that the file belongs to. Removes of old writers do not say.
    #[serde(borrow)]
    pub partition_values: Option<PartitionValues<'a>>,
    /// Its size in bytes; removes of old writers do not say.
    pub size: Option<u64>,
    /// Its statistics, a JSON text.
    #[serde(borrow)]
    pub stats: Option<Cow<'a, str>>,
    /// Which of its rows are deleted.
    #[serde(borrow)]
    pub deletion_vector: Option<DeletionVector<'a>>,
}

impl FileAction<'_> {
    /// Returns whether the action changes rows.
    pub fn changes_data(&self) -> bool {
        self.data_change.unwrap_or(true)
    }

    /// Returns the rows that the file shows: those it holds less those its deletion vector hides.
    pub fn rows(&self) -> Option<u64> {
        self.shown(FileStatistics::parse(self.stats.as_deref()?)?.rows())
    }

    /// Returns how many of the rows that the file holds its deletion vector leaves.
    pub fn shown(&self, held: Option<u64>) -> Option<u64> {
        let hidden = match &self.deletion_vector {
            None => 0,
            Some(vector) => vector.cardinality?,
        };
        Some(held?.saturating_sub(hidden))
    }
}

/// The values of partition columns by their physical names, as the log spells them, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionValues<'a>(pub Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>);

impl PartitionValues<'_> {
    /// Returns a copy that outlives the text of the log.
    pub fn to_owned_values(&self) -> PartitionValues<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        let pairs = self.0.iter();
        PartitionValues(
            pairs
                .map(|(name, value)| (owned(name), value.as_ref().map(owned)))
                .collect(),
        )
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for PartitionValues<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(Cow<'de, str>, Option<Cow<'de, str>>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from column names to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Text(name), value)) = map.next_entry::<_, Option<Text<'de>>>()? {
                    pairs.push((name, value.map(|Text(value)| value)));
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Pairs).map(Self)
    }
}

/// A text that is borrowed where the log holds it without escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The deletion vector of a file action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionVector<'a> {
    /// `u`, `i` or `p`: how it is kept.
    #[serde(borrow, default)]
    pub storage_type: Cow<'a, str>,
    /// Where it is kept, or itself.
    #[serde(borrow, default)]
    pub path_or_inline_dv: Cow<'a, str>,
    /// Where it begins in its file.
    pub offset: Option<i64>,
    /// How many rows it deletes.
    pub cardinality: Option<u64>,
}

/// A `metaData` action, or the `metadata` of a version checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataAction {
    /// The incarnation of the table.
    pub id: String,
    /// The schema, a JSON text; some writers leave it out.
    pub schema_string: Option<String>,
    /// The partition columns under their current names, in order.
    pub partition_columns: Option<Vec<String>>,
    /// Texts by the protocol; what else a writer put there must not make a commit unreadable.
    pub configuration: Option<BTreeMap<String, Value>>,
}

/// A `protocol` action.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtocolAction {
    /// The least reader version that may read the table.
    pub min_reader_version: u32,
    /// The least writer version that may write it.
    #[serde(default)]
    pub min_writer_version: u32,
    /// What a reader has to know, with reader version 3.
    pub reader_features: Option<Vec<String>>,
    /// What a writer has to know, with writer version 7.
    pub writer_features: Option<Vec<String>>,
}

/// A `txn` action: how far an application is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransactionAction {
    /// The application: a streaming query, or a batch writer that names itself.
    pub app_id: String,
    /// How far it is; may go down.
    pub version: i64,
    /// When that was, in milliseconds since 1970, UTC, by the writer's clock.
    pub last_updated: Option<i64>,
}

/// A `sidecar` action of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SidecarAction {
    /// The file, URI-encoded.
    pub path: String,
}

/// A version checksum, as far as it speaks of the table.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    pub(super) metadata: Option<MetadataAction>,
    pub(super) protocol: Option<ProtocolAction>,
    pub(super) num_files: Option<u64>,
}
