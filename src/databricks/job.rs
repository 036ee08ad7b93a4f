//! Saved jobs: found by id or by name, and what of their settings matters to us.
//!
//! What matters: which parameters and tasks a job has, and whether something else starts it too.
//! A job with a schedule, trigger or continuous mode of its own that is also triggered by us runs
//! twice: double control, to be reported.

use std::collections::{BTreeMap, BTreeSet};

use assets::task::JobReference;
use serde::Deserialize;

use crate::databricks::answer::null_as_default;
use crate::databricks::error::ApiError;
use crate::databricks::ids::JobId;
use crate::databricks::jobs::Pages;
use crate::databricks::workspace::Workspace;

const JOBS_GET: &str = "/api/2.2/jobs/get";
const JOBS_LIST: &str = "/api/2.2/jobs/list";

/// A saved job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireJob")]
pub struct Job {
    /// Its id.
    pub job_id: JobId,
    /// Its name; not unique.
    pub name: String,
    /// The parameters it declares, with their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The keys of its tasks.
    pub task_keys: BTreeSet<String>,
    /// How many of its runs there may be at once, where it says so.
    pub max_concurrent_runs: Option<u32>,
    /// What else starts it.
    pub own_triggers: Vec<OwnTrigger>,
    /// As whom it runs.
    pub run_as: Option<String>,
}

/// Something of a job's own that starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTrigger {
    /// The setting: `schedule`, `trigger`, `triggers` or `continuous`.
    pub setting: &'static str,
    /// Whether it is paused.
    pub is_paused: bool,
}

impl Job {
    /// Returns whether something else starts it while we do, too.
    pub fn is_under_double_control(&self) -> bool {
        self.own_triggers.iter().any(|trigger| !trigger.is_paused)
    }
}

/// Why a job could not be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindJobError {
    /// The workspace did not say.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No job that we may see has the name.
    #[error("no job is named `{name}`")]
    NoneNamed {
        /// The name.
        name: String,
    },
    /// Several jobs have the name.
    #[error("{} jobs are named `{name}`: {}", ids.len(), ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralNamed {
        /// The name.
        name: String,
        /// The jobs, in order.
        ids: BTreeSet<JobId>,
    },
}

impl FindJobError {
    /// Returns the stable code; `docs/errors.md` explains each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Api(error) => error.code(),
            Self::NoneNamed { .. } => "W009",
            Self::SeveralNamed { .. } => "W010",
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Api(error) => error.hint(),
            Self::NoneNamed { .. } => {
                "check the name (a bundle in development mode puts `[dev …]` before it) and that \
                 our principal has CAN VIEW on the job"
            }
            Self::SeveralNamed { .. } => "name the job by its `id` instead",
        }
    }
}

impl Workspace {
    /// Finds a job as a declaration names it.
    pub async fn find_job(&self, reference: &JobReference) -> Result<Job, FindJobError> {
        match reference {
            JobReference::Name(name) => self.find_job_by_name(name).await,
            JobReference::Id(id) => match JobId::new(*id) {
                Some(job_id) => Ok(self.get_job(job_id).await?),
                None => Err(FindJobError::Api(ApiError::Unsent {
                    call: self.call("GET", JOBS_GET),
                    reason: format!("{id} is not a job id"),
                })),
            },
        }
    }

    /// Reads a job with all its tasks and parameters.
    pub async fn get_job(&self, job_id: JobId) -> Result<Job, ApiError> {
        let mut pages = Pages::default();
        let mut job: Option<Job> = None;
        loop {
            let mut url = self.url(JOBS_GET);
            url.query_pairs_mut()
                .append_pair("job_id", &job_id.to_string());
            pages.add_token(&mut url);
            let wire: WireJob = self.get(JOBS_GET, url).await?;
            if wire.job_id != job_id {
                let what = format!("job {} instead of job {job_id}", wire.job_id);
                return Err(self.bad_answer(JOBS_GET, what));
            }
            let next = wire.next_page_token.clone();
            let page = Job::from(wire);
            // Later pages only have more of the arrays.
            job = Some(match job {
                None => page,
                Some(mut job) => {
                    job.task_keys.extend(page.task_keys);
                    job.parameters.extend(page.parameters);
                    job
                }
            });
            if !pages
                .turn(next, false)
                .map_err(|what| self.bad_answer(JOBS_GET, what))?
            {
                break;
            }
        }
        job.ok_or_else(|| self.bad_answer(JOBS_GET, "no job".into()))
    }

    /// Finds the one job with a name, without regard to case.
    async fn find_job_by_name(&self, name: &str) -> Result<Job, FindJobError> {
        let ids = self.job_ids_named(name).await?;
        let mut found = ids.iter();
        match (found.next(), found.next()) {
            (Some(job_id), None) => Ok(self.get_job(*job_id).await?),
            (None, _) => Err(FindJobError::NoneNamed {
                name: name.to_owned(),
            }),
            (Some(_), Some(_)) => Err(FindJobError::SeveralNamed {
                name: name.to_owned(),
                ids,
            }),
        }
    }

    async fn job_ids_named(&self, name: &str) -> Result<BTreeSet<JobId>, ApiError> {
        let wanted = name.to_lowercase();
        let mut pages = Pages::default();
        let mut ids = BTreeSet::new();
        loop {
            let mut url = self.url(JOBS_LIST);
            url.query_pairs_mut()
                .append_pair("name", name)
                .append_pair("limit", "100");
            pages.add_token(&mut url);
            let page: JobPage = self.get(JOBS_LIST, url).await?;
            // Whoever ignores the filter must not make us start another job.
            let named = |job: &WireJob| job.settings.name.to_lowercase() == wanted;
            ids.extend(
                page.jobs
                    .iter()
                    .filter(|job| named(job))
                    .map(|job| job.job_id),
            );
            let next = page.next_page_token;
            if !pages
                .turn(next, page.has_more)
                .map_err(|what| self.bad_answer(JOBS_LIST, what))?
            {
                return Ok(ids);
            }
        }
    }
}

#[derive(Deserialize)]
struct JobPage {
    #[serde(default, deserialize_with = "null_as_default")]
    jobs: Vec<WireJob>,
    #[serde(default, deserialize_with = "null_as_default")]
    has_more: bool,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct WireJob {
    job_id: JobId,
    #[serde(default)]
    run_as_user_name: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    settings: WireSettings,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSettings {
    #[serde(deserialize_with = "null_as_default")]
    name: String,
    #[serde(deserialize_with = "null_as_default")]
    parameters: Vec<WireParameter>,
    #[serde(deserialize_with = "null_as_default")]
    tasks: Vec<WireTask>,
    max_concurrent_runs: Option<u32>,
    schedule: Option<WireTrigger>,
    trigger: Option<WireTrigger>,
    #[serde(deserialize_with = "null_as_default")]
    triggers: Vec<WireTrigger>,
    continuous: Option<WireTrigger>,
}

#[derive(Deserialize)]
struct WireParameter {
    name: String,
    #[serde(default)]
    default: Option<String>,
}

#[derive(Deserialize)]
struct WireTask {
    task_key: String,
}

#[derive(Deserialize)]
struct WireTrigger {
    #[serde(default)]
    pause_status: Option<String>,
}

impl From<WireJob> for Job {
    fn from(wire: WireJob) -> Self {
        let settings = wire.settings;
        let single = [
            ("schedule", settings.schedule),
            ("trigger", settings.trigger),
            ("continuous", settings.continuous),
        ];
        let single = single
            .into_iter()
            .filter_map(|(setting, trigger)| Some((setting, trigger?)));
        let several = settings
            .triggers
            .into_iter()
            .map(|trigger| ("triggers", trigger));
        let own = |(setting, trigger): (&'static str, WireTrigger)| OwnTrigger {
            setting,
            // Absent means that it is on.
            is_paused: trigger.pause_status.as_deref() == Some("PAUSED"),
        };
        let parameter = |p: WireParameter| (p.name, p.default.unwrap_or_default());
        Self {
            job_id: wire.job_id,
            name: settings.name,
            parameters: settings.parameters.into_iter().map(parameter).collect(),
            task_keys: settings
                .tasks
                .into_iter()
                .map(|task| task.task_key)
                .collect(),
            max_concurrent_runs: settings.max_concurrent_runs,
            own_triggers: single.chain(several).map(own).collect(),
            run_as: wire.run_as_user_name,
        }
    }
}
