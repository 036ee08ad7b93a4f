//! The shapes of a manifest that are read; all the rest of the file is skipped.
//!
//! Source: JSON schemas `dbt/manifest/v4.json` to `v12.json` of schemas.getdbt.com, and manifests
//! that dbt 1.5 to 1.12 wrote. Texts are borrowed from the file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::lenient::{Text, Texts, or_default};

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) dbt_schema_version: Text<'a>,
    #[serde(borrow)]
    pub(super) dbt_version: Text<'a>,
    #[serde(borrow)]
    pub(super) generated_at: Text<'a>,
    #[serde(borrow)]
    pub(super) project_name: Text<'a>,
    #[serde(borrow)]
    pub(super) adapter_type: Text<'a>,
}

/// A model, seed, snapshot, source, exposure or function.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireNode<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) package_name: Text<'a>,
    #[serde(borrow)]
    pub(super) fqn: Texts<'a>,
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    #[serde(borrow)]
    pub(super) original_file_path: Text<'a>,
    #[serde(borrow)]
    pub(super) database: Text<'a>,
    #[serde(borrow)]
    pub(super) schema: Text<'a>,
    #[serde(borrow)]
    pub(super) alias: Text<'a>,
    #[serde(borrow)]
    pub(super) identifier: Text<'a>,
    #[serde(borrow)]
    pub(super) source_name: Text<'a>,
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    #[serde(borrow)]
    pub(super) group: Text<'a>,
    #[serde(borrow)]
    pub(super) description: Text<'a>,
    #[serde(borrow)]
    pub(super) tags: Texts<'a>,
    pub(super) config: Value,
    pub(super) meta: Value,
    pub(super) source_meta: Value,
    pub(super) freshness: Value,
    pub(super) owner: Value,
    #[serde(borrow)]
    pub(super) language: Text<'a>,
    #[serde(borrow)]
    pub(super) raw_code: Text<'a>,
    /// `raw_code` before schema 7.
    #[serde(borrow)]
    pub(super) raw_sql: Text<'a>,
    #[serde(borrow)]
    pub(super) compiled_code: Text<'a>,
    /// `compiled_code` before schema 7.
    #[serde(borrow)]
    pub(super) compiled_sql: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) checksum: Checksum<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) contract: Contract,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) columns: BTreeMap<String, Column<'a>>,
    pub(super) constraints: Value,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) depends_on: DependsOn<'a>,
}

/// `depends_on`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DependsOn<'a> {
    #[serde(borrow)]
    pub(super) nodes: Texts<'a>,
    #[serde(borrow)]
    pub(super) macros: Texts<'a>,
}

/// `checksum` of a seed: what is loaded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Checksum<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) checksum: Text<'a>,
}

/// `contract`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Contract {
    #[serde(deserialize_with = "or_default")]
    pub(super) enforced: bool,
}

/// One declared column, as far as a contract enforces it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Column<'a> {
    #[serde(borrow)]
    pub(super) data_type: Text<'a>,
    pub(super) constraints: Value,
}

/// A data test, generic or singular.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireTest<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) attached_node: Text<'a>,
    /// `models.orders` or `sources.crm`: the entry of the file that a generic test stands under.
    #[serde(borrow)]
    pub(super) file_key_name: Text<'a>,
    #[serde(borrow)]
    pub(super) column_name: Text<'a>,
    /// `name` and `kwargs` of a generic test.
    pub(super) test_metadata: Value,
    pub(super) config: Value,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) depends_on: DependsOn<'a>,
}

/// A metric, semantic model or saved query: only what it leads to matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WirePassage<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) depends_on: DependsOn<'a>,
}

/// A group of models with its owner.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireGroup {
    pub(super) owner: Value,
}

/// A macro.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireMacro<'a> {
    #[serde(borrow)]
    pub(super) macro_sql: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) depends_on: DependsOn<'a>,
}
