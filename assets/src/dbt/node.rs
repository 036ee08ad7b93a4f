//! What is kept of a manifest: its nodes that are assets, with what they decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::asset::{AssetKind, DbtNode};
use crate::diagnostic::Diagnostic;
use crate::policy::{Freshness, OnChange};
use crate::relation::Relation;
use crate::version::CodeVersion;

/// One dbt project as its manifest describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The file it was read from, for messages.
    pub file: Arc<str>,
    /// The integer of `dbt_schema_version`, if the file names one.
    pub schema_version: Option<u32>,
    /// The dbt that wrote it.
    pub dbt_version: Option<Arc<str>>,
    /// The project's name; known from schema 10 on.
    pub project_name: Option<Arc<str>>,
    /// `databricks`, `spark`, …
    pub adapter_type: Option<Arc<str>>,
    /// When it was written, UTC, as the file has it.
    pub generated_at: Option<Arc<str>>,
    /// Models, seeds, snapshots, sources and exposures, sorted by `unique_id`.
    pub nodes: Vec<Node>,
    /// What is odd about the file but does not stop anything.
    pub warnings: Vec<Diagnostic>,
}

/// What kind of node dbt has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeType {
    /// SQL or Python that dbt builds.
    Model,
    /// A file that dbt loads.
    Seed,
    /// History that dbt keeps of a table.
    Snapshot,
    /// A table that dbt only reads.
    Source,
    /// Something that reads what dbt builds.
    Exposure,
}

impl NodeType {
    /// Tells the type from the part of a `unique_id` before its first dot.
    pub fn of_unique_id(unique_id: &str) -> Option<Self> {
        match unique_id.split('.').next()? {
            "model" => Some(Self::Model),
            "seed" => Some(Self::Seed),
            "snapshot" => Some(Self::Snapshot),
            "source" => Some(Self::Source),
            "exposure" => Some(Self::Exposure),
            _ => None,
        }
    }

    /// Returns whether dbt writes it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Model | Self::Seed | Self::Snapshot => true,
            Self::Source | Self::Exposure => false,
        }
    }
}

/// One node of a manifest that is an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What dbt knows of it by name; [`DbtNode::also_known_as`] is still empty here.
    pub dbt: DbtNode,
    /// Its type in dbt.
    pub node_type: NodeType,
    /// What it is as an asset.
    pub kind: AssetKind,
    /// The key that it has unless somebody declares another; not checked yet.
    ///
    /// `<config.schema or package>.<name>[_v<version>]`, for sources `<source name>.<name>`, for
    /// exposures `exposure.<name>`; characters that no key may hold are `_`.
    pub key: Arc<str>,
    /// Where it lives: database, schema and alias or identifier. Ephemeral models live nowhere.
    pub relation: Option<Relation>,
    /// The nodes it reads, by `unique_id`, sorted. Metrics, semantic models, saved queries and
    /// functions are replaced by what they read.
    pub depends_on: Vec<Arc<str>>,
    /// Fingerprint of what decides what dbt writes; absent where dbt writes nothing.
    pub code_version: Option<CodeVersion>,
    /// A source's `freshness` as a bound on its age.
    pub freshness: Option<Freshness>,
    /// `freshness.build_after` and `state.lag_tolerance` of a model.
    pub on_change: Option<OnChange>,
    /// Whether Databricks refreshes it by its own schedule, so that nobody else should.
    pub refreshes_itself: bool,
    /// Its group.
    pub group: Option<String>,
    /// `meta.owner`, else the owner of its group or exposure.
    pub owner: Option<String>,
    /// Its tags, from wherever dbt has them.
    pub tags: BTreeSet<String>,
    /// Its description.
    pub description: Option<String>,
    /// `meta.headwater` as it stands, to be parsed as a declaration.
    pub headwater: Option<serde_json::Value>,
}
