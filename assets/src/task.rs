//! Tasks: what builds one or more assets, and the limits it runs under.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// The tasks of a project by name.
pub type Tasks = BTreeMap<TaskName, Task>;

/// The name of a task: a key of `tasks:` in `headwater.yml`, or the asset's key where the task
/// stands inside the asset's declaration.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskName(Arc<str>);

impl TaskName {
    /// Takes a name as written.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// What builds one or more assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What is started.
    pub action: TaskAction,
    /// The job parameter that takes the dbt selection of the models to build.
    pub select_parameter: Option<String>,
    /// Most runs of this task at once; no bound of its own where absent.
    pub max_concurrent_runs: Option<u32>,
    /// The pool whose limit its runs count against.
    pub pool: Option<String>,
    /// Cancel a run that takes longer than this.
    pub timeout: Option<TimeDelta>,
    /// What its runs do with what is in the table already.
    pub write_mode: WriteMode,
}

/// What a run does with what its table has of the partitions that it is given.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// It replaces it: the same run a second time changes nothing.
    #[default]
    Overwrite,
    /// It merges with it by keys: the same run a second time changes nothing.
    Merge,
    /// It adds to it: the same run a second time has every row there twice.
    Append,
}

impl WriteMode {
    /// Every mode, the default first.
    pub const ALL: [Self; 3] = [Self::Overwrite, Self::Merge, Self::Append];

    /// Returns the word used in declarations and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::Merge => "merge",
            Self::Append => "append",
        }
    }
}

/// What is started when a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskAction {
    /// A saved Databricks job, or one task of it.
    DatabricksJob(DatabricksJob),
}

/// A saved Databricks job, or one task of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabricksJob {
    /// Which job.
    pub job: JobReference,
    /// Run only the task with this key.
    pub task_key: Option<String>,
    /// Job parameters: name to template.
    pub parameters: BTreeMap<String, String>,
}

/// How a job is named. Names are not unique in a workspace: more than one hit is an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobReference {
    /// By its number.
    Id(i64),
    /// By its exact name, without regard to case.
    Name(String),
}

impl fmt::Display for JobReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "job {id}"),
            Self::Name(name) => write!(f, "job `{name}`"),
        }
    }
}
