//! What a log says about its table: identity, schema, properties and protocol.
//!
//! Here stands, too, which protocols may be observed. Observing needs less than reading rows: only
//! features that move the truth out of the commit files are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::action::{Checksum, MetadataAction, ProtocolAction};
use super::unreadable::Unreadable;
use crate::version::TableId;

/// The table's `metaData` action, with the schema as a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The incarnation of the table.
    pub id: TableId,
    /// The partition columns under their current names, in order.
    pub partition_columns: Vec<String>,
    /// Fingerprint of the columns by physical name, type and nullability, so that renaming a column
    /// under column mapping or commenting it does not change it. `None` where there is no schema.
    pub schema_hash: Option<String>,
    /// The table's properties.
    pub configuration: BTreeMap<String, String>,
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

impl From<MetadataAction> for Metadata {
    fn from(action: MetadataAction) -> Self {
        let configuration = action.configuration.unwrap_or_default();
        Self {
            id: TableId::new(&action.id),
            partition_columns: action.partition_columns.unwrap_or_default(),
            schema_hash: action.schema_string.as_deref().map(schema_hash),
            configuration: configuration
                .into_iter()
                .filter_map(|(key, value)| Some((key, property(value)?)))
                .collect(),
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
pub fn parse_checksum(text: &[u8]) -> (Option<Metadata>, Option<Protocol>) {
    match serde_json::from_slice::<Checksum>(text) {
        Ok(checksum) => (
            checksum.metadata.map(Metadata::from),
            checksum.protocol.map(Protocol::from),
        ),
        Err(_) => (None, None),
    }
}

/// Fingerprints a `schemaString`; one that cannot be read is fingerprinted as text.
fn schema_hash(schema: &str) -> String {
    let canonical = match serde_json::from_str::<Value>(schema) {
        Ok(value) => canonical_type(&value).to_string(),
        Err(_) => schema.to_owned(),
    };
    let digest = Sha256::digest(canonical.as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut hex, byte| {
            // Writing to a text cannot fail.
            _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Reduces a type to what a reader of rows depends on. The nesting is bounded by the JSON parser.
fn canonical_type(value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let part = |key: &str| object.get(key).map_or(Value::Null, canonical_type);
    let flag = |key: &str| object.get(key).cloned().unwrap_or(Value::Null);
    match object.get("type").and_then(Value::as_str) {
        Some("struct") => {
            let fields = object.get("fields").and_then(Value::as_array);
            json!({ "struct": fields.into_iter().flatten().map(canonical_field).collect::<Vec<_>>() })
        }
        Some("array") => json!({ "array": [part("elementType"), flag("containsNull")] }),
        Some("map") => {
            json!({ "map": [part("keyType"), part("valueType"), flag("valueContainsNull")] })
        }
        Some(_) | None => value.clone(),
    }
}

fn canonical_field(field: &Value) -> Value {
    let physical = field.pointer("/metadata/delta.columnMapping.physicalName");
    let name = physical.or_else(|| field.get("name")).cloned();
    json!([
        name.unwrap_or(Value::Null),
        field.get("type").map_or(Value::Null, canonical_type),
        field.get("nullable").cloned().unwrap_or(Value::Null),
    ])
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
    fn a_schema_keeps_its_fingerprint_through_renames_and_comments() {
        let field = |name: &str, comment: &str, kind: &str| {
            format!(
                r#"{{"type":"struct","fields":[{{"name":"{name}","type":"{kind}","nullable":true,
                "metadata":{{"delta.columnMapping.physicalName":"col-1","comment":"{comment}"}}}}]}}"#
            )
        };
        let original = schema_hash(&field("a", "", "long"));
        assert_eq!(schema_hash(&field("b", "renamed", "long")), original);
        assert_ne!(schema_hash(&field("a", "", "string")), original);
        assert_ne!(schema_hash("not a schema"), schema_hash("not one either"));
    }

    #[test]
    fn a_damaged_checksum_says_nothing() {
        assert_eq!(parse_checksum(b"{\"metadata\":"), (None, None));
        let (metadata, protocol) = parse_checksum(
            br#"{"numFiles":1,"metadata":{"id":"t"},"protocol":{"minReaderVersion":1}}"#,
        );
        assert_eq!(metadata.unwrap().id, TableId::new("t"));
        assert_eq!(protocol.unwrap().min_reader_version, 1);
    }
}
