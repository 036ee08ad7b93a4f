//! A run as we see it, made of what runs/get and runs/list answer.
//!
//! One task key can occur several times in an answer (retries, repairs); the last attempt counts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::databricks::answer::null_as_default;
use crate::databricks::ids::{JobId, RunId};
use crate::databricks::run_state::{RunState, WireState, run_state};

/// A run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireRun")]
pub struct RunStatus {
    /// Its id.
    pub run_id: RunId,
    /// The job it belongs to; absent for one-time runs of some kinds.
    pub job_id: Option<JobId>,
    /// Its name.
    pub name: Option<String>,
    /// What has become of it.
    pub state: RunState,
    /// When it was created, UTC.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, UTC; absent while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its page in the workspace.
    pub url: Option<String>,
    /// The values its job parameters had.
    pub job_parameters: BTreeMap<String, String>,
    /// The newest attempt of each task, by task key; empty in lists.
    pub tasks: BTreeMap<String, TaskRun>,
    /// Who started it.
    pub creator: Option<String>,
}

/// The newest attempt of one task of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRun {
    /// Its own id; commits of Delta tables may name it.
    pub run_id: RunId,
    /// Which attempt it is, from 0.
    pub attempt: u32,
    /// What has become of it.
    pub state: RunState,
    /// When it began, UTC.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, UTC; absent while it runs.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A run as the API has it.
#[derive(Debug, Deserialize)]
pub(super) struct WireRun {
    pub(super) run_id: RunId,
    #[serde(default)]
    job_id: Option<i64>,
    #[serde(default)]
    run_name: Option<String>,
    #[serde(flatten)]
    state: WireState,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
    #[serde(default)]
    run_page_url: Option<String>,
    #[serde(default)]
    creator_user_name: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    job_parameters: Vec<WireParameter>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) tasks: Vec<WireTask>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireParameter {
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    default: Option<String>,
}

/// A task run as the API has it.
#[derive(Debug, Deserialize)]
pub(super) struct WireTask {
    task_key: String,
    #[serde(default)]
    run_id: Option<RunId>,
    #[serde(default, deserialize_with = "null_as_default")]
    attempt_number: u32,
    #[serde(flatten)]
    state: WireState,
    #[serde(default)]
    start_time: Option<i64>,
    #[serde(default)]
    end_time: Option<i64>,
}

impl From<WireRun> for RunStatus {
    fn from(wire: WireRun) -> Self {
        let parameter = |p: WireParameter| (p.name, p.value.or(p.default).unwrap_or_default());
        Self {
            run_id: wire.run_id,
            job_id: wire.job_id.and_then(JobId::new),
            name: wire.run_name,
            state: run_state(&wire.state),
            started_at: wire.start_time.and_then(instant),
            ended_at: wire.end_time.and_then(instant),
            url: wire.run_page_url,
            job_parameters: wire.job_parameters.into_iter().map(parameter).collect(),
            tasks: newest_attempts(wire.tasks),
            creator: wire.creator_user_name,
        }
    }
}

fn newest_attempts(wire: Vec<WireTask>) -> BTreeMap<String, TaskRun> {
    let mut tasks: BTreeMap<String, TaskRun> = BTreeMap::new();
    for task in wire {
        // A task that has not been started yet may come without an id of its own.
        let Some(run_id) = task.run_id else { continue };
        let run = TaskRun {
            run_id,
            attempt: task.attempt_number,
            state: run_state(&task.state),
            started_at: task.start_time.and_then(instant),
            ended_at: task.end_time.and_then(instant),
        };
        // A repair counts its attempts anew or on, depending on the kind: the start decides first.
        let is_newer = tasks
            .get(&task.task_key)
            .is_none_or(|known| (run.started_at, run.attempt) >= (known.started_at, known.attempt));
        if is_newer {
            tasks.insert(task.task_key, run);
        }
    }
    tasks
}

/// Reads epoch milliseconds; 0 means "not yet".
fn instant(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).filter(|_| millis > 0)
}
