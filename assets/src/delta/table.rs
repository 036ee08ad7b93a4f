//! What a log says about its table: identity, schema, properties and protocol.
//!
//! Here stands, too, which protocols may be observed. Observing needs less than reading rows: only
//! features that move the truth out of the commit files are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::{Checksum, MetadataAction, ProtocolAction};
use super::partition_tuple::PartitionColumns;
use super::schema::{self, Schema};
use super::unreadable::Unreadable;
use crate::version::TableId;

/// The table's `metaData` action, with the schema as a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The incarnation of the table.
    pub id: TableId,
    /// The partition columns under their current names, in order.
    pub partition_columns: Vec<String>,
    /// The same with types and physical names; empty where that was not known.
    #[serde(default)]
    pub partitioning: PartitionColumns,
    /// Fingerprint of the columns by physical name, type and nullability, so that renaming a column
    /// under column mapping or commenting it does not change it. `None` where there is no schema.
    pub schema_hash: Option<String>,
    /// The table's properties.
    pub configuration: BTreeMap<String, String>,
}

impl Metadata {
    /// Returns whether writers of the table keep its change data.
    pub fn has_change_feed(&self) -> bool {
        let property = self.configuration.get("delta.enableChangeDataFeed");
        property.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// What a `metaData` action says, with the schema that is too large to be kept with every head.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What is kept.
    pub metadata: Metadata,
    /// The columns, where they can be read.
    pub schema: Option<Schema>,
    /// The `schemaString` as it is spelled.
    pub schema_text: Option<Arc<str>>,
}

/// The table's `protocol` action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// The least reader version that may read the table.
    pub min_reader_version: u32,
    /// The least writer version that may write it.
    pub min_writer_version: u32,
    /// What a reader has to know, with reader version 3.
    pub reader_features: BTreeSet<String>,
    /// What a writer has to know, with writer version 7.
    pub writer_features: BTreeSet<String>,
}

/// What holds for the table at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableState {
    /// The newest `metaData` up to that version.
    pub metadata: Metadata,
    /// The newest `protocol` up to that version.
    pub protocol: Protocol,
}

/// Reader features that change nothing about which commits changed data and when.
///
/// Names: Delta protocol, "Valid Feature Names in Table Features", and the accepted proposals for
/// interval and nanosecond types (read 2026-11-20). Features that only writers need are listed
/// where a writer may have named them for readers as well.
const OBSERVABLE: [&str; 29] = [
    "checkpointProtection",
    "clustering",
    "collations",
    "collations-preview",
    "columnMapping",
    "deletionVectors",
    "domainMetadata",
    "geospatial",
    "icebergCompatV1",
    "icebergCompatV2",
    "icebergCompatV3",
    "inCommitTimestamp",
    "intervalTypes",
    "materializePartitionColumns",
    "rowTracking",
    "timestampNanos",
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "variantShredding",
    "variantShredding-preview",
    "variantType",
    "variantType-preview",
    "appendOnly",
    "changeDataFeed",
    "generatedColumns",
    "identityColumns",
];

/// Features by which the catalog decides which commits count.
const CATALOG_MANAGED: [&str; 2] = ["catalogManaged", "catalogOwned-preview"];

impl Protocol {
    /// Returns why a table of this protocol cannot be observed from its log, if it cannot.
    ///
    /// # Errors
    ///
    /// Names the reader version or the feature that is not known here, or says that the table is
    /// managed by its catalog.
    pub fn check_observable(&self) -> Result<(), Unreadable> {
        let mut named = self.reader_features.iter().chain(&self.writer_features);
        if named.any(|feature| CATALOG_MANAGED.contains(&feature.as_str())) {
            return Err(Unreadable::CatalogManaged);
        }
        if self.min_reader_version > 3 {
            return Err(Unreadable::ReaderVersion {
                min_reader_version: self.min_reader_version,
            });
        }
        let is_unknown = |feature: &&String| !OBSERVABLE.contains(&feature.as_str());
        match self.reader_features.iter().find(is_unknown) {
            Some(feature) => Err(Unreadable::RefusedFeature {
                feature: feature.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Returns whether writers of the table must stamp commits with their time.
    pub fn has_in_commit_timestamps(&self) -> bool {
        self.writer_features.contains("inCommitTimestamp")
    }
}

impl From<MetadataAction> for Description {
    fn from(action: MetadataAction) -> Self {
        let configuration = action.configuration.unwrap_or_default();
        let partition_columns = action.partition_columns.unwrap_or_default();
        let schema = action.schema_string.as_deref().and_then(Schema::parse);
        Self {
            metadata: Metadata {
                id: TableId::new(&action.id),
                partitioning: PartitionColumns::new(schema.as_ref(), &partition_columns),
                partition_columns,
                schema_hash: action.schema_string.as_deref().map(schema::fingerprint),
                configuration: configuration
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, property(value)?)))
                    .collect(),
            },
            schema,
            schema_text: action.schema_string.map(Arc::from),
        }
    }
}

impl From<ProtocolAction> for Protocol {
    fn from(action: ProtocolAction) -> Self {
        let set = |names: Option<Vec<String>>| names.unwrap_or_default().into_iter().collect();
        Self {
            min_reader_version: action.min_reader_version,
            min_writer_version: action.min_writer_version,
            reader_features: set(action.reader_features),
            writer_features: set(action.writer_features),
        }
    }
}

fn property(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

/// Reads what a version checksum (`V.crc`) says about the table; nothing where it is damaged.
///
/// A checksum is optional and never the only truth, so damage to it is no error.
pub fn parse_checksum(text: &[u8]) -> VersionChecksum {
    match serde_json::from_slice::<Checksum>(text) {
        Ok(checksum) => VersionChecksum {
            description: checksum.metadata.map(Description::from).map(Box::new),
            protocol: checksum.protocol.map(Protocol::from),
            files: checksum.num_files,
        },
        Err(_) => VersionChecksum::default(),
    }
}

/// What a version checksum says.
#[derive(Debug, Default, PartialEq)]
pub struct VersionChecksum {
    /// What the table is.
    pub description: Option<Box<Description>>,
    /// What it asks of readers and writers.
    pub protocol: Option<Protocol>,
    /// How many files it has.
    pub files: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(reader: u32, reader_features: &[&str], writer_features: &[&str]) -> Protocol {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Protocol {
            min_reader_version: reader,
            min_writer_version: 7,
            reader_features: set(reader_features),
            writer_features: set(writer_features),
        }
    }

    #[test]
    fn features_that_leave_the_commits_alone_are_observed() {
        for reader in 1..=3 {
            assert_eq!(protocol(reader, &[], &[]).check_observable(), Ok(()));
        }
        assert_eq!(protocol(3, &OBSERVABLE, &[]).check_observable(), Ok(()));
        assert_eq!(
            protocol(3, &[], &["someWriterThing"]).check_observable(),
            Ok(())
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert_eq!(
            protocol(4, &[], &[]).check_observable(),
            Err(Unreadable::ReaderVersion {
                min_reader_version: 4
            })
        );
        let refused = |feature: &str| {
            Err(Unreadable::RefusedFeature {
                feature: feature.to_owned(),
            })
        };
        assert_eq!(
            protocol(3, &["columnMapping", "adaptiveMetadata"], &[]).check_observable(),
            refused("adaptiveMetadata")
        );
        assert_eq!(
            protocol(3, &["brandNew"], &[]).check_observable(),
            refused("brandNew")
        );
        for name in CATALOG_MANAGED {
            let managed = protocol(3, &["brandNew", name], &[name]);
            assert_eq!(managed.check_observable(), Err(Unreadable::CatalogManaged));
        }
    }

    #[test]
    fn a_damaged_checksum_says_nothing() {
        assert_eq!(
            parse_checksum(b"{\"metadata\":"),
            VersionChecksum::default()
        );
        let checksum = parse_checksum(
            br#"{"numFiles":1,"metadata":{"id":"t"},"protocol":{"minReaderVersion":1}}"#,
        );
        let description = checksum.description.unwrap();
        assert_eq!(description.metadata.id, TableId::new("t"));
        assert_eq!(checksum.protocol.unwrap().min_reader_version, 1);
        assert_eq!(checksum.files, Some(1));
    }
}
