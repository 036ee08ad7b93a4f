//! Tasks: exactly one way to name what is started, and templates that can be rendered.

use std::collections::BTreeMap;

use crate::declaration::at::{At, Short};
use crate::declaration::declared::{DeclaredBinding, DeclaredTask};
use crate::declaration::file::{
    AssetTaskEntry, DatabricksJobEntry, ProjectTaskEntry, TaskLimitsEntry, TaskNameText,
};
use crate::declaration::problem::Problem;
use crate::declaration::tree::NodeId;
use crate::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName};

use super::Checks;

impl Checks<'_, '_> {
    pub(super) fn binding(
        &mut self,
        entry: Option<&At<Short<TaskNameText, AssetTaskEntry>>>,
    ) -> Option<DeclaredBinding> {
        let At { node, value } = entry?;
        let (task, parameters) = match value {
            Short::Short(name) => {
                let task = DeclaredTask::Named(self.task_name(name, *node)?);
                (task, BTreeMap::new())
            }
            Short::Long(entry) => {
                let parameters = self.parameters(entry.parameters.as_ref());
                (self.asset_task(entry, *node)?, parameters)
            }
        };
        Some(DeclaredBinding {
            task,
            parameters,
            place: self.report.place(&self.tree.spot(*node)),
        })
    }

    pub(super) fn task_name(&mut self, name: &TaskNameText, node: NodeId) -> Option<TaskName> {
        if !name.0.trim().is_empty() {
            return Some(TaskName::new(&name.0));
        }
        let message = "the name of the task is empty".to_owned();
        self.error(Problem::Value, node, message, "");
        None
    }

    fn asset_task(&mut self, entry: &AssetTaskEntry, node: NodeId) -> Option<DeclaredTask> {
        match (&entry.shared, &entry.databricks_job) {
            (Some(name), None) => {
                self.refuse_own_settings(entry);
                let name = self.task_name(&name.value, name.node)?;
                Some(DeclaredTask::Named(name))
            }
            (None, Some(job)) => {
                let limits = entry.limits.as_ref().map(|at| &at.value);
                // All of it is looked at before a job that cannot be used ends the reading.
                let max_concurrent_runs = self.concurrency(limits);
                let timeout = self.positive(entry.timeout.as_ref());
                Some(DeclaredTask::Inline(Task {
                    action: TaskAction::DatabricksJob(self.job(job)?),
                    select_parameter: entry.select_parameter.as_ref().map(|at| at.value.clone()),
                    max_concurrent_runs,
                    pool: pool_of(limits),
                    timeout,
                    write_mode: entry
                        .write_mode
                        .as_ref()
                        .map(|at| at.value)
                        .unwrap_or_default(),
                }))
            }
            (Some(shared), Some(_)) => {
                let message = "`use` and `databricks_job` are both given".to_owned();
                let help = "`use` takes a task of the project; `databricks_job` makes one for this asset: keep one";
                self.error(Problem::Value, shared.node, message, help);
                None
            }
            (None, None) if self.tree.has_pruned_child(node) => None,
            (None, None) => {
                let message = "`task` does not say what is run".to_owned();
                let help = "add `use` with the name of a task, or `databricks_job`";
                self.error(Problem::MissingKey, node, message, help);
                None
            }
        }
    }

    fn refuse_own_settings(&mut self, entry: &AssetTaskEntry) {
        let settings = [
            entry.select_parameter.as_ref().map(|at| at.node),
            entry.limits.as_ref().map(|at| at.node),
            entry.timeout.as_ref().map(|at| at.node),
            entry.write_mode.as_ref().map(|at| at.node),
        ];
        for node in settings.into_iter().flatten() {
            let message = format!("{} belongs to the task that `use` names", self.label(node));
            let help = "write it under `tasks:` in `headwater.yml`";
            self.error(Problem::Value, node, message, help);
        }
    }

    pub(super) fn project_task(&mut self, entry: &At<ProjectTaskEntry>) -> Option<Task> {
        let At { node, value: entry } = entry;
        let max_concurrent_runs = self.concurrency(entry.limits.as_ref());
        let timeout = self.positive(entry.timeout.as_ref());
        let job = self.required(entry.databricks_job.as_ref(), *node, "databricks_job");
        Some(Task {
            action: TaskAction::DatabricksJob(self.job(job?)?),
            select_parameter: entry.select_parameter.clone(),
            max_concurrent_runs,
            pool: pool_of(entry.limits.as_ref()),
            timeout,
            write_mode: entry
                .write_mode
                .as_ref()
                .map(|at| at.value)
                .unwrap_or_default(),
        })
    }

    fn concurrency(&mut self, limits: Option<&TaskLimitsEntry>) -> Option<u32> {
        self.positive_number(limits.and_then(|limits| limits.max_concurrent_runs.as_ref()))
    }

    fn job(&mut self, entry: &At<DatabricksJobEntry>) -> Option<DatabricksJob> {
        let parameters = self.parameters(entry.value.parameters.as_ref());
        Some(DatabricksJob {
            job: self.job_reference(entry)?,
            task_key: entry.value.task.clone(),
            parameters,
        })
    }

    fn job_reference(&mut self, entry: &At<DatabricksJobEntry>) -> Option<JobReference> {
        match (&entry.value.id, &entry.value.name) {
            (Some(id), None) if id.value > 0 => Some(JobReference::Id(id.value)),
            (Some(id), None) => {
                let message = "`id` has to be the number of a job".to_owned();
                let help = "it stands in the address of the job's page, after `/jobs/`";
                self.error(Problem::Value, id.node, message, help);
                None
            }
            (None, Some(name)) => self.not_empty(name).map(JobReference::Name),
            (Some(id), Some(_)) => {
                let message = "the job is named by `id` and by `name`".to_owned();
                self.error(Problem::Value, id.node, message, "keep one of them");
                None
            }
            (None, None) if self.tree.has_pruned_child(entry.node) => None,
            (None, None) => {
                let message = "`databricks_job` does not say which job".to_owned();
                self.error(
                    Problem::MissingKey,
                    entry.node,
                    message,
                    "add `name` or `id`",
                );
                None
            }
        }
    }
}

fn pool_of(limits: Option<&TaskLimitsEntry>) -> Option<String> {
    limits
        .and_then(|limits| limits.pool.as_ref())
        .map(|pool| pool.value.clone())
}
