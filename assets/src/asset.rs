//! The asset itself: one thing people read, with what its owner declared about it.
//!
//! An [`Asset`] is what is left when declarations, defaults and dbt nodes were merged: it is
//! complete, and nothing in it needs another look at a file. Upstreams are named by key here; the
//! graph over them is the `lineage` crate's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Severity};
use crate::diagnostic::Place;
use crate::key::AssetKey;
use crate::partition::{MappingSpec, Partitions, Values};
use crate::policy::{
    Adoption, Automation, CodeChanges, Consistency, Freshness, FullRefresh, OutsideWrites, Retry,
};
use crate::relation::Relation;
use crate::task::TaskName;
use crate::version::CodeVersion;

/// One asset of a project, in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    /// Its name, the same in every environment.
    pub key: AssetKey,
    /// What it is.
    pub kind: AssetKind,
    /// Where a catalog knows it in this environment.
    pub relation: Option<Relation>,
    /// Where its Delta table lies, if declared: a path relative to the project, or a URL.
    pub path: Option<String>,
    /// What it reads, in key order, without duplicates.
    pub upstreams: Vec<Upstream>,
    /// The task that builds it; an asset without one is only observed.
    pub task: Option<Binding>,
    /// What its owner promises about its freshness.
    pub freshness: Freshness,
    /// When it is built.
    pub automation: Automation,
    /// What it may read when an upstream is behind.
    pub consistency: Consistency,
    /// How failed runs are tried again.
    pub retry: Retry,
    /// What a change of its code means.
    pub code_changes: CodeChanges,
    /// Fingerprint of its code, where there is any.
    pub code_version: Option<CodeVersion>,
    /// Whether a table that was there before us counts as built.
    pub adopt: Adoption,
    /// What writes mean that nobody here triggered.
    pub outside_writes: OutsideWrites,
    /// Whether it is built anew in full by itself where its position in a change feed is broken.
    pub full_refresh: FullRefresh,
    /// What tells how far it is complete in event time.
    pub watermark: Option<Watermark>,
    /// How it divides into partitions; absent for one that is a whole.
    pub partitions: Option<Partitions>,
    /// How far back automation goes by itself, from now; without a bound where absent.
    pub lookback: Option<TimeDelta>,
    /// What is asked of its data: what was declared, then the tests of dbt, each under another name.
    pub checks: Vec<Check>,
    /// Whether a failed check of what it reads holds it.
    pub gates: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The dbt group, or a declared one.
    pub group: Option<String>,
    /// How much it matters, 1 most; only for selection and alerts.
    pub tier: Option<u8>,
    /// Labels, for selection.
    pub tags: BTreeSet<String>,
    /// One or more sentences for people.
    pub description: Option<String>,
    /// What dbt knows of it, if a manifest has it.
    pub dbt: Option<DbtNode>,
    /// The file and place that speak of it, for messages.
    pub declared_at: Option<Place>,
}

impl Asset {
    /// Makes an asset that has a key and a kind, and every policy at its default.
    pub fn new(key: AssetKey, kind: AssetKind) -> Self {
        Self {
            key,
            kind,
            relation: None,
            path: None,
            upstreams: Vec::new(),
            task: None,
            freshness: Freshness::default(),
            automation: Automation::default(),
            consistency: Consistency::default(),
            retry: Retry::default(),
            code_changes: CodeChanges::default_for(kind),
            code_version: None,
            adopt: Adoption::default(),
            outside_writes: OutsideWrites::default(),
            full_refresh: FullRefresh::default(),
            watermark: None,
            partitions: None,
            lookback: None,
            checks: Vec::new(),
            gates: true,
            owner: None,
            group: None,
            tier: None,
            tags: BTreeSet::new(),
            description: None,
            dbt: None,
            declared_at: None,
        }
    }

    /// Returns the partitions by which it is built or, where nobody here builds it, observed: none for an asset
    /// of which it is not known which partitions there are to be.
    pub fn planned_partitions(&self) -> Option<&Partitions> {
        let is_built = self.is_built_here();
        let is_known = |values: &Values| {
            if is_built {
                values.is_followed()
            } else {
                values.is_told()
            }
        };
        // A view has no data to be built by partitions: they say what of it lies where beneath.
        self.partitions
            .as_ref()
            .filter(|_| !self.kind.is_transparent())
            .filter(|partitions| partitions.dynamic_parts().all(is_known))
    }

    /// Returns the partitions by which what reads it needs what is behind it, of a view that declares any.
    /// Values that only a table could tell are none.
    pub fn passed_partitions(&self) -> Option<&Partitions> {
        self.partitions
            .as_ref()
            .filter(|_| self.kind.is_transparent())
            .filter(|partitions| partitions.dynamic_parts().next().is_none())
    }

    /// Returns the column with its event time, where it declares one.
    pub fn watermark_column(&self) -> Option<&str> {
        self.watermark.as_ref()?.column.as_deref()
    }

    /// Returns the checkpoint of the streaming query that writes its table, where it declares one.
    pub fn checkpoint(&self) -> Option<&str> {
        self.watermark.as_ref()?.checkpoint.as_deref()
    }

    /// Returns what it reads by changes, in key order.
    pub fn feeds(&self) -> impl Iterator<Item = &AssetKey> {
        let upstreams = self.upstreams.iter();
        let feeds = upstreams.filter(|edge| edge.consume == Consume::Changes);
        feeds.map(|edge| &edge.asset)
    }

    /// Returns whether it reads the change feed of something.
    pub fn reads_changes(&self) -> bool {
        self.feeds().next().is_some()
    }

    /// Returns whether Headwater may trigger something to build it.
    pub fn is_built_here(&self) -> bool {
        self.task.is_some() && self.kind.can_be_built()
    }
}

/// What an asset is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// A table that nobody here builds; it is only observed.
    Source,
    /// A Delta table that its task replaces or merges into.
    Table,
    /// A dbt incremental model: its history would need a full refresh.
    Incremental,
    /// A dbt snapshot node: it keeps history that cannot be made again.
    Snapshot,
    /// A dbt seed: a table loaded from a file of the project.
    Seed,
    /// A streaming table of a pipeline.
    StreamingTable,
    /// A materialized view of a pipeline or a warehouse.
    MaterializedView,
    /// A view: it has no data of its own, and edges pass through it.
    View,
    /// A dbt ephemeral model: it exists only inside other models' SQL.
    Ephemeral,
    /// A dashboard, ML model or export: read by people, never built.
    Exposure,
}

impl AssetKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Source,
        Self::Table,
        Self::Incremental,
        Self::Snapshot,
        Self::Seed,
        Self::StreamingTable,
        Self::MaterializedView,
        Self::View,
        Self::Ephemeral,
        Self::Exposure,
    ];

    /// Returns whether edges pass through it to what it reads.
    pub fn is_transparent(self) -> bool {
        matches!(self, Self::View | Self::Ephemeral)
    }

    /// Returns whether a Delta log tells about it.
    pub fn has_table(self) -> bool {
        !matches!(self, Self::View | Self::Ephemeral | Self::Exposure)
    }

    /// Returns whether a task can build it.
    pub fn can_be_built(self) -> bool {
        !matches!(self, Self::Source | Self::Ephemeral | Self::Exposure)
    }

    /// Returns the word used in files, on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Table => "table",
            Self::Incremental => "incremental",
            Self::Snapshot => "snapshot",
            Self::Seed => "seed",
            Self::StreamingTable => "streaming_table",
            Self::MaterializedView => "materialized_view",
            Self::View => "view",
            Self::Ephemeral => "ephemeral",
            Self::Exposure => "exposure",
        }
    }
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One asset that another one reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// What is read.
    pub asset: AssetKey,
    /// Whether the whole table or its change feed is read.
    pub consume: Consume,
    /// Which of its partitions one partition needs, where that is declared.
    pub mapping: Option<MappingSpec>,
    /// Who says so, in order, without duplicates; never empty.
    pub evidence: Vec<Evidence>,
    /// Where it was declared, for messages.
    pub declared_at: Option<Place>,
}

/// How an upstream is read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Consume {
    /// The table as it stands.
    #[default]
    Table,
    /// Its change data feed, from the position after the last run.
    Changes,
}

/// Who says that an edge exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// `depends_on` of an asset file.
    Declared,
    /// `depends_on` of a dbt manifest.
    Dbt,
    /// The tables named in SQL text.
    Sql,
    /// Unity Catalog's lineage tables.
    Observed,
}

impl Evidence {
    /// Returns the word used in JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Dbt => "dbt",
            Self::Sql => "sql",
            Self::Observed => "observed",
        }
    }
}

/// What tells how far an asset is complete in event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The column of its table with the event time, with dots between the names of nested ones.
    pub column: Option<String>,
    /// The checkpoint of the streaming query that writes its table: a path relative to the project, an
    /// absolute path, or a URL.
    pub checkpoint: Option<String>,
}

/// How one asset is built by a task of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The task, by its name in [`Tasks`](crate::task::Tasks).
    pub task: TaskName,
    /// Parameters of this asset alone, as templates; they win over the task's.
    pub parameters: BTreeMap<String, String>,
}

/// A data test of dbt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DbtTest {
    /// Its name.
    pub name: Arc<str>,
    /// `test.shop.not_null_orders_id.5c9ff0c2b3`, as dbt writes it.
    pub unique_id: Arc<str>,
    /// What its failure means.
    pub severity: Severity,
    /// The column that must not be null, where it asks for nothing else.
    pub not_null: Option<String>,
}

/// What a dbt manifest knows of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbtNode {
    /// `model.shop.orders`, as dbt writes it.
    pub unique_id: Arc<str>,
    /// The package it belongs to.
    pub package: Arc<str>,
    /// dbt's fully qualified name, for selection: package, folders, name.
    pub fqn: Vec<Arc<str>>,
    /// The file, relative to the dbt project.
    pub path: Arc<str>,
    /// The node's own name, without a version.
    pub name: Arc<str>,
    /// For sources: the name of the source the table belongs to.
    pub source_name: Option<Arc<str>>,
    /// The SQL or Python as dbt would run it, where the manifest has it.
    pub compiled_code: Option<Arc<str>>,
    /// Whether its contract is enforced.
    pub contract_enforced: bool,
    /// The columns that its contract names with a type, where it is enforced.
    pub contract: BTreeMap<String, String>,
    /// The tests attached to it, in order.
    pub tests: Vec<DbtTest>,
    /// Further nodes that name the same relation, by `unique_id`.
    pub also_known_as: Vec<Arc<str>>,
}
