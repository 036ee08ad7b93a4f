//! Tasks: what builds assets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declaration::at::{At, ScalarText};
use crate::task::WriteMode;

use super::text::{DurationText, TaskNameText};

/// A task that several assets may share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `databricks_job`")]
pub(in crate::declaration) struct ProjectTaskEntry {
    /// A saved Databricks job, or one task of it.
    #[schemars(required)]
    pub(in crate::declaration) databricks_job: Option<At<DatabricksJobEntry>>,
    /// The job parameter that takes the dbt selection of the model to build.
    pub(in crate::declaration) select_parameter: Option<String>,
    /// Bounds on its runs.
    pub(in crate::declaration) limits: Option<TaskLimitsEntry>,
    /// Cancel a run that takes longer.
    pub(in crate::declaration) timeout: Option<At<DurationText>>,
    /// What its runs do with what the table has already: `overwrite` (default), `merge` or `append`.
    pub(in crate::declaration) write_mode: Option<At<WriteMode>>,
}

/// The task of one asset: `use` names a shared one, `databricks_job` makes one of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `use` or `databricks_job`"
)]
pub(in crate::declaration) struct AssetTaskEntry {
    /// A task under `tasks:` in `headwater.yml`.
    #[serde(rename = "use")]
    pub(in crate::declaration) shared: Option<At<TaskNameText>>,
    /// Parameters for this asset: name to template.
    pub(in crate::declaration) parameters: Option<BTreeMap<String, At<ScalarText>>>,
    /// A saved Databricks job, or one task of it.
    pub(in crate::declaration) databricks_job: Option<At<DatabricksJobEntry>>,
    /// The job parameter that takes the selection of models.
    pub(in crate::declaration) select_parameter: Option<At<String>>,
    /// Bounds on its runs.
    pub(in crate::declaration) limits: Option<At<TaskLimitsEntry>>,
    /// Cancel a run that takes longer.
    pub(in crate::declaration) timeout: Option<At<DurationText>>,
    /// What its runs do with what the table has already: `overwrite` (default), `merge` or `append`.
    pub(in crate::declaration) write_mode: Option<At<WriteMode>>,
}

/// A saved Databricks job: by `id`, or by `name`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `name` or `id`")]
pub(in crate::declaration) struct DatabricksJobEntry {
    /// The job's number.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) id: Option<At<i64>>,
    /// The job's name; it has to be the only job of that name.
    pub(in crate::declaration) name: Option<At<String>>,
    /// Run only the task with this key.
    pub(in crate::declaration) task: Option<String>,
    /// Job parameters: name to template.
    pub(in crate::declaration) parameters: Option<BTreeMap<String, At<ScalarText>>>,
}

/// Bounds on the runs of one task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `max_concurrent_runs` or `pool`"
)]
pub(in crate::declaration) struct TaskLimitsEntry {
    /// Most runs at once.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) max_concurrent_runs: Option<At<u32>>,
    /// The pool under `limits:` that its runs count against.
    pub(in crate::declaration) pool: Option<At<String>>,
}
