//! What asset files and `headwater.yml` said, checked and rendered for one environment.
//!
//! These are the results of parsing, before defaults and dbt nodes are merged in by
//! [`resolve`](crate::resolve): whatever was not written is `None`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use crate::asset::{AssetKind, Consume, Watermark};
use crate::check::Check;
use crate::diagnostic::Place;
use crate::key::AssetKey;
use crate::partition::{MappingSpec, Partitions};
use crate::policy::{
    Adoption, Automation, CodeChanges, Consistency, Freshness, FullRefresh, OutsideWrites, Retry,
};
use crate::relation::Relation;
use crate::schedule::{Calendars, Freeze};
use crate::task::{Task, TaskName, Tasks};
use crate::version::CodeVersion;

/// One asset as an asset file, or the `headwater` block of a dbt node, declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredAsset {
    /// Its key. In a dbt block it may be left out; then dbt's own name decides.
    pub key: Option<AssetKey>,
    /// Where the declaration begins.
    pub place: Place,
    /// What it is; decided by dbt, or a table, where absent.
    pub kind: Option<AssetKind>,
    /// Where a catalog knows it, rendered for the environment.
    pub relation: Option<Relation>,
    /// Where its Delta table lies: relative to the project, or a URL.
    pub path: Option<String>,
    /// What it reads.
    pub depends_on: Vec<DeclaredUpstream>,
    /// What builds it.
    pub task: Option<DeclaredBinding>,
    /// Freshness promises; as a whole they win over the defaults.
    pub freshness: Option<Freshness>,
    /// When it is built.
    pub automation: Option<Automation>,
    /// What it may read when an upstream is behind.
    pub consistency: Option<Consistency>,
    /// How failed runs are tried again.
    pub retry: Option<Retry>,
    /// What a change of its code means.
    pub code_changes: Option<CodeChanges>,
    /// A version of its code that people maintain.
    pub code_version: Option<CodeVersion>,
    /// Whether a table that was there before counts as built.
    pub adopt: Option<Adoption>,
    /// What writes mean that nobody here triggered.
    pub outside_writes: Option<OutsideWrites>,
    /// What tells how far it is complete in event time.
    pub watermark: Option<Watermark>,
    /// Whether it is built anew in full by itself where its position in a change feed is broken.
    pub full_refresh: Option<FullRefresh>,
    /// How it divides into partitions.
    pub partitions: Option<Partitions>,
    /// How far back automation goes by itself.
    pub lookback: Option<TimeDelta>,
    /// What is asked of its data; as a whole it wins over what a dbt block declares.
    pub checks: Option<Vec<DeclaredCheck>>,
    /// Whether a failed check of what it reads holds it.
    pub gates: Option<bool>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// A group, as dbt has them.
    pub group: Option<String>,
    /// How much it matters, 1 most.
    pub tier: Option<u8>,
    /// Labels.
    pub tags: BTreeSet<String>,
    /// One or more sentences for people.
    pub description: Option<String>,
}

/// An entry of `checks`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredCheck {
    /// The check, without the environment's warehouse.
    pub check: Check,
    /// Whether the columns that it expects are those of the dbt model.
    pub uses_contract: bool,
    /// Where the entry stands.
    pub place: Place,
}

/// An entry of `depends_on`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredUpstream {
    /// The upstream's key.
    pub asset: AssetKey,
    /// How it is read.
    pub consume: Consume,
    /// Which of its partitions one partition needs.
    pub mapping: Option<MappingSpec>,
    /// Where the entry stands.
    pub place: Place,
}

/// The `task:` of an asset: the name of a project task, or one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredBinding {
    /// Which task.
    pub task: DeclaredTask,
    /// Parameters of this asset alone, as templates.
    pub parameters: BTreeMap<String, String>,
    /// Where it stands.
    pub place: Place,
}

/// How an asset names the task that builds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredTask {
    /// A key of `tasks:` in `headwater.yml`.
    Named(TaskName),
    /// A task that stands in the declaration; it takes the asset's key as its name.
    Inline(Task),
}

/// `headwater.yml`, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// The project's name; part of every idempotency token.
    pub name: String,
    /// The environment used where none is named.
    pub default_environment: String,
    /// All environments by name; never empty, and holds the default one.
    pub environments: BTreeMap<String, Environment>,
    /// The dbt projects whose manifests are read, in file order.
    pub dbt: Vec<DbtProject>,
    /// Globs of asset files, relative to the project folder.
    pub asset_files: Vec<String>,
    /// Template of the state file's path; `{{ env }}` is the environment.
    pub state: String,
    /// Tasks that several assets may share.
    pub tasks: Tasks,
    /// Bounds on what runs at once.
    pub limits: Limits,
    /// Business calendars by name.
    pub calendars: Calendars,
    /// Times in which nothing is built, in file order.
    pub freezes: Vec<Freeze>,
    /// What assets have that do not say otherwise.
    pub defaults: Defaults,
}

/// One environment of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// What `{{ catalog }}` stands for.
    pub catalog: Option<String>,
    /// The workspace and how to reach it; absent where nothing is ever triggered.
    pub databricks: Option<Connection>,
}

/// How a workspace is reached. Never holds a secret: those come from the process environment or
/// the Databricks configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// A profile of the Databricks configuration file.
    pub profile: Option<String>,
    /// The workspace's URL; plain `http://` only on loopback.
    pub host: Option<String>,
    /// Whether its Unity Catalog may be asked where tables lie. On by default.
    pub catalog_lookup: Option<bool>,
    /// The SQL warehouse that checks may be asked of, by its id.
    pub warehouse: Option<String>,
}

/// One dbt project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbtProject {
    /// Path of `manifest.json`, relative to the project folder.
    pub manifest: String,
    /// The task that builds its models; without one they are only observed.
    pub task: Option<TaskName>,
    /// Where the entry stands.
    pub place: Place,
}

/// Bounds on what runs in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most runs at once, over all tasks.
    pub max_concurrent_runs: u32,
    /// Most runs at once per pool.
    pub pools: BTreeMap<String, u32>,
    /// Most runs that one pass begins.
    pub max_runs_per_pass: Option<u32>,
    /// A pass that would begin more runs than this begins none before somebody confirms it.
    pub confirm_above: Option<u32>,
    /// Most runs that begin within any 24 hours.
    pub max_runs_per_day: DayLimits,
}

/// Bounds on the runs that begin within any 24 hours, each attempt counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayLimits {
    /// Of all assets, but for backfills.
    pub total: Option<u32>,
    /// Of each asset, but for backfills.
    pub asset: Option<u32>,
    /// By pool, but for backfills.
    pub pools: BTreeMap<String, u32>,
    /// Of all backfills.
    pub backfills: Option<u32>,
}

impl DayLimits {
    /// Returns whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Limits {
    /// 180 at once: the peak that the product is sized for.
    fn default() -> Self {
        Self {
            max_concurrent_runs: 180,
            pools: BTreeMap::new(),
            max_runs_per_pass: None,
            confirm_above: None,
            max_runs_per_day: DayLimits::default(),
        }
    }
}

/// `defaults:` of a project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Defaults {
    /// Freshness of assets that are built here and declare none.
    pub freshness: Option<Freshness>,
    /// Automation of assets that declare none.
    pub automation: Option<Automation>,
    /// Consistency of assets that declare none.
    pub consistency: Option<Consistency>,
    /// Retries of assets that declare none.
    pub retry: Option<Retry>,
    /// Whether failed checks hold assets that do not say so themselves.
    pub gates: Option<bool>,
    /// Owner of assets that name none.
    pub owner: Option<String>,
    /// Cancel runs of tasks without a timeout of their own after this.
    pub timeout: Option<TimeDelta>,
}
