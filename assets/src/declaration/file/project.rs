//! `headwater.yml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::declaration::at::{Anything, At, ScalarText};

use super::automation::AutomationEntry;
use super::policy::{ConsistencyEntry, FreshnessEntry, RetryEntry};
use super::schedule::{CalendarEntry, FreezeEntry};
use super::task::ProjectTaskEntry;
use super::text::{DurationText, TaskNameText, TemplateText};

/// A Headwater project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with the keys of a project"
)]
pub(in crate::declaration) struct ProjectFile {
    /// The version of this format: 1.
    // What has to be there is optional for serde, so that its absence hides nothing else.
    #[schemars(required, with = "Option<u64>", extend("const" = 1))]
    pub(in crate::declaration) version: Option<At<i64>>,
    /// The project's name. It is part of what tells one project's runs from another's: keep it.
    #[schemars(required, length(min = 1))]
    pub(in crate::declaration) name: Option<At<String>>,
    /// The environment used where none is named; needless where there is only one.
    pub(in crate::declaration) default_environment: Option<At<String>>,
    /// The environments by name.
    #[schemars(required, with = "Option<BTreeMap<String, Option<EnvironmentEntry>>>")]
    pub(in crate::declaration) environments: Option<At<EnvironmentEntries>>,
    /// dbt projects whose manifests are read.
    pub(in crate::declaration) dbt: Option<Vec<At<DbtEntry>>>,
    /// Globs of asset files, relative to the project folder; `assets/**/*.yml` where absent.
    pub(in crate::declaration) assets: Option<Vec<At<String>>>,
    /// Where further lineage comes from.
    pub(in crate::declaration) lineage: Option<LineageEntry>,
    /// The state file; `.headwater/{{ env }}.db` where absent.
    pub(in crate::declaration) state: Option<At<TemplateText>>,
    /// Tasks that several assets may share.
    pub(in crate::declaration) tasks: Option<BTreeMap<String, At<ProjectTaskEntry>>>,
    /// Bounds on what runs at once.
    pub(in crate::declaration) limits: Option<LimitsEntry>,
    /// Business calendars by name: which days are worked on.
    pub(in crate::declaration) calendars: Option<BTreeMap<String, At<CalendarEntry>>>,
    /// Times in which nothing is built.
    pub(in crate::declaration) freeze: Option<Vec<At<FreezeEntry>>>,
    /// What assets have that do not say otherwise.
    pub(in crate::declaration) defaults: Option<DefaultsEntry>,
    /// Whom to tell of what.
    pub(in crate::declaration) alerts: Option<At<Vec<Anything>>>,
}

/// Environments that are read one by one: which of them need their variables is known later.
pub(in crate::declaration) type EnvironmentEntries = BTreeMap<String, At<IgnoredAny>>;

/// One environment: a catalog and a workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `catalog` and `databricks`"
)]
pub(in crate::declaration) struct EnvironmentEntry {
    /// What `{{ catalog }}` stands for.
    pub(in crate::declaration) catalog: Option<String>,
    /// The workspace, and how to reach it; never a secret.
    pub(in crate::declaration) databricks: Option<ConnectionEntry>,
    /// What needs an approval.
    pub(in crate::declaration) approvals: Option<At<Anything>>,
}

/// How a workspace is reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `profile` or `host`")]
pub(in crate::declaration) struct ConnectionEntry {
    /// A profile of the Databricks configuration file.
    pub(in crate::declaration) profile: Option<String>,
    /// The workspace's address: `https://…`.
    pub(in crate::declaration) host: Option<At<String>>,
    /// Whether its catalog may be asked where tables lie; true where absent.
    pub(in crate::declaration) catalog_lookup: Option<bool>,
    /// The id of the SQL warehouse that checks may be asked of; they only read.
    pub(in crate::declaration) warehouse: Option<At<ScalarText>>,
}

/// One dbt project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `manifest`")]
pub(in crate::declaration) struct DbtEntry {
    /// The path of its `manifest.json`, relative to the project folder.
    #[schemars(required, length(min = 1))]
    pub(in crate::declaration) manifest: Option<At<String>>,
    /// The task that builds its models; without one they are only observed.
    pub(in crate::declaration) task: Option<At<TaskNameText>>,
}

/// Where further lineage comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `unity_catalog`")]
pub(in crate::declaration) struct LineageEntry {
    /// Unity Catalog's lineage tables.
    pub(in crate::declaration) unity_catalog: Option<At<Anything>>,
}

/// Bounds on what runs at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `max_concurrent_runs`, `pools`, `max_runs_per_pass`, `max_runs_per_day` or `confirm_above`"
)]
pub(in crate::declaration) struct LimitsEntry {
    /// Most runs at once, over all tasks; 180 where absent.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) max_concurrent_runs: Option<At<u32>>,
    /// Most runs at once by pool.
    pub(in crate::declaration) pools: Option<BTreeMap<String, At<u32>>>,
    /// Most runs that one pass begins; the next pass goes on.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) max_runs_per_pass: Option<At<u32>>,
    /// A pass that would begin more runs than this begins none without `--allow-mass-change`.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) confirm_above: Option<At<u32>>,
    /// Most runs that begin within any 24 hours.
    pub(in crate::declaration) max_runs_per_day: Option<DayLimitsEntry>,
}

/// Bounds on the runs that begin within any 24 hours.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `total`, `asset`, `pools` or `backfills`"
)]
pub(in crate::declaration) struct DayLimitsEntry {
    /// Of all assets, but for backfills.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) total: Option<At<u32>>,
    /// Of each asset, but for backfills.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) asset: Option<At<u32>>,
    /// By pool, but for backfills.
    pub(in crate::declaration) pools: Option<BTreeMap<String, At<u32>>>,
    /// Of all backfills together.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) backfills: Option<At<u32>>,
}

/// What assets have that do not say otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of defaults")]
pub(in crate::declaration) struct DefaultsEntry {
    /// Freshness of assets that are built here.
    pub(in crate::declaration) freshness: Option<At<FreshnessEntry>>,
    /// When assets are built.
    pub(in crate::declaration) automation: Option<At<AutomationEntry>>,
    /// What assets may be built from.
    pub(in crate::declaration) consistency: Option<At<ConsistencyEntry>>,
    /// How failed runs are tried again.
    pub(in crate::declaration) retry: Option<At<RetryEntry>>,
    /// Whether a failed check holds what reads the asset; true where absent.
    pub(in crate::declaration) gates: Option<bool>,
    /// Who answers.
    pub(in crate::declaration) owner: Option<String>,
    /// Cancel runs that take longer.
    pub(in crate::declaration) timeout: Option<At<DurationText>>,
}
