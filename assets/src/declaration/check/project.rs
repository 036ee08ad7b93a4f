//! The project: its environments, and names in it that have to exist.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::declaration::at::At;
use crate::declaration::declared::{
    Connection, DayLimits, DbtProject, Defaults, Environment, Limits, Project,
};
use crate::declaration::file::{
    ConnectionEntry, DayLimitsEntry, DefaultsEntry, EnvironmentEntries, EnvironmentEntry,
    ProjectFile,
};
use crate::declaration::problem::Problem;
use crate::declaration::read::{MissingVariables, read};
use crate::declaration::read_error::suggestion;
use crate::declaration::tree::NodeId;
use crate::task::{TaskName, Tasks};

use super::Checks;
use super::host::check_host;

/// Where the state file lies when nobody says otherwise.
const DEFAULT_STATE: &str = ".headwater/{{ env }}.db";
/// Which asset files are read when nobody says otherwise.
const DEFAULT_ASSETS: &str = "assets/**/*.yml";

/// Checks the project; `chosen` is the environment that is used now, where it is not the default.
pub(in crate::declaration) fn check_project(
    checks: &mut Checks<'_, '_>,
    root: NodeId,
    file: &ProjectFile,
    chosen: Option<&str>,
) -> Option<Project> {
    let version = checks.required(file.version.as_ref(), root, "version");
    let version_is_known = version.is_some_and(|version| checks.version(version));
    checks.warn_of_project_keys(file);
    let name = checks.required(file.name.as_ref(), root, "name");
    let name = name.and_then(|name| checks.not_empty(name));
    let declared = checks.required(file.environments.as_ref(), root, "environments");
    let default_environment = declared.and_then(|declared| {
        checks.default_environment(declared, file.default_environment.as_ref())
    });
    let used = chosen.or(default_environment.as_deref());
    let environments = declared.map(|declared| checks.environments(&declared.value, used));
    let tasks = checks.tasks(file);
    // First, because all that follows may name them.
    checks.calendars = Cow::Owned(checks.declare_calendars(file.calendars.as_ref()));
    let project = Project {
        name: name.unwrap_or_default(),
        default_environment: default_environment.clone().unwrap_or_default(),
        environments: environments.unwrap_or_default(),
        dbt: checks.dbt_projects(file),
        asset_files: checks.asset_files(file),
        state: checks.state(file),
        limits: checks.limits(file),
        calendars: checks.calendars.clone().into_owned(),
        freezes: checks.freezes(file.freeze.as_ref()),
        defaults: checks.defaults(file.defaults.as_ref()),
        tasks,
    };
    // Without these nothing else can be relied on; all else is left out of the project singly.
    let usable = version_is_known && !project.name.is_empty() && default_environment.is_some();
    usable.then_some(project)
}

impl Checks<'_, '_> {
    fn version(&mut self, version: &At<i64>) -> bool {
        if version.value == 1 {
            return true;
        }
        let message = format!(
            "version `{}` of this file is not known",
            self.written(version.node)
        );
        let help = "write `version: 1`, or use the Headwater that the file was written for";
        self.error(Problem::Version, version.node, message, help);
        false
    }

    fn warn_of_project_keys(&mut self, file: &ProjectFile) {
        self.not_acted_on(file.alerts.as_ref(), "alerts", "nobody is alerted");
        let lineage = file.lineage.as_ref();
        self.not_acted_on(
            lineage.and_then(|lineage| lineage.unity_catalog.as_ref()),
            "lineage.unity_catalog",
            "no lineage is observed",
        );
    }

    fn default_environment(
        &mut self,
        environments: &At<EnvironmentEntries>,
        default: Option<&At<String>>,
    ) -> Option<String> {
        let names: Vec<&str> = environments.value.keys().map(String::as_str).collect();
        match (default, names.as_slice()) {
            (_, []) => {
                if !self.tree.has_pruned_child(environments.node) {
                    let message = "`environments` is empty".to_owned();
                    let help = "declare one: `dev: { catalog: dev }`";
                    self.error(Problem::Value, environments.node, message, help);
                }
                None
            }
            (Some(name), names) if names.contains(&name.value.as_str()) => Some(name.value.clone()),
            (Some(name), names) => {
                let written = self.written(name.node);
                let help = suggestion(&written, names, "declared");
                let message = format!("environment `{written}` is not declared");
                self.error(Problem::UnknownEnvironment, name.node, message, &help);
                None
            }
            (None, [only]) => Some((*only).to_owned()),
            (None, names) => {
                let message =
                    "there are several environments and no `default_environment`".to_owned();
                let help = suggestion("", names, "add `default_environment:` with one of these");
                self.error(
                    Problem::UnknownEnvironment,
                    environments.node,
                    message,
                    &help,
                );
                None
            }
        }
    }

    /// Reads all environments; only the one that is used now needs its variables.
    fn environments(
        &mut self,
        entries: &EnvironmentEntries,
        used: Option<&str>,
    ) -> BTreeMap<String, Environment> {
        let mut environments = BTreeMap::new();
        for (name, entry) in entries {
            let missing = if used == Some(name) {
                MissingVariables::Report
            } else {
                MissingVariables::Forgive
            };
            let entry: Option<Option<EnvironmentEntry>> =
                read(self.tree, entry.node, missing, self.report);
            let environment = entry.flatten().map(|entry| self.environment(entry));
            environments.insert(name.clone(), environment.unwrap_or_default());
        }
        environments
    }

    fn environment(&mut self, entry: EnvironmentEntry) -> Environment {
        let effect = "nothing waits for an approval";
        self.not_acted_on(entry.approvals.as_ref(), "approvals", effect);
        Environment {
            catalog: entry.catalog,
            databricks: entry.databricks.map(|entry| self.connection(entry)),
        }
    }

    fn connection(&mut self, entry: ConnectionEntry) -> Connection {
        let host = entry.host.and_then(|host| match check_host(&host.value) {
            Ok(address) => Some(address),
            Err(reason) => {
                let message = format!("the workspace's address {reason}");
                let help =
                    "write `https://` and the workspace's name; `http://` is for loopback only";
                self.error(Problem::Host, host.node, message, help);
                None
            }
        });
        Connection {
            profile: entry.profile,
            host,
            catalog_lookup: entry.catalog_lookup,
            warehouse: entry.warehouse.map(|id| id.value.0),
        }
    }

    fn tasks(&mut self, file: &ProjectFile) -> Tasks {
        let mut tasks = Tasks::new();
        let limits = file.limits.as_ref();
        let at_once = limits.and_then(|limits| limits.pools.as_ref());
        let of_a_day = limits.and_then(|limits| limits.max_runs_per_day.as_ref());
        let of_a_day = of_a_day.and_then(|limits| limits.pools.as_ref());
        let pools = [at_once, of_a_day].into_iter().flatten();
        let pools: Vec<&str> = pools
            .flat_map(|pools| pools.keys().map(String::as_str))
            .collect();
        for (name, entry) in file.tasks.iter().flatten() {
            let limits = entry.value.limits.as_ref();
            if let Some(pool) = limits.and_then(|limits| limits.pool.as_ref())
                && !pools.contains(&pool.value.as_str())
            {
                let written = self.written(pool.node);
                let message =
                    format!("pool `{written}` has no limit under `limits: {{ pools: … }}`");
                let help = suggestion(&written, &pools, "declared");
                self.error(Problem::UnknownPool, pool.node, message, &help);
            }
            if let Some(task) = self.project_task(entry) {
                tasks.insert(TaskName::new(name), task);
            }
        }
        tasks
    }

    fn dbt_projects(&mut self, file: &ProjectFile) -> Vec<DbtProject> {
        let declared: Vec<&str> = file
            .tasks
            .iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let mut projects = Vec::new();
        for At { node, value } in file.dbt.iter().flatten() {
            if let Some(task) = &value.task
                && !declared.contains(&task.value.0.as_str())
            {
                let written = self.written(task.node);
                let help = suggestion(&written, &declared, "declared under `tasks:`");
                let message = format!("task `{written}` is not declared");
                self.error(Problem::UnknownTask, task.node, message, &help);
            }
            let manifest = self.required(value.manifest.as_ref(), *node, "manifest");
            let Some(manifest) = manifest.and_then(|manifest| self.not_empty(manifest)) else {
                continue;
            };
            projects.push(DbtProject {
                manifest,
                task: value.task.as_ref().map(|task| TaskName::new(&task.value.0)),
                place: self.report.place(&self.tree.spot(*node)),
            });
        }
        projects
    }

    fn asset_files(&mut self, file: &ProjectFile) -> Vec<String> {
        match &file.assets {
            None => vec![DEFAULT_ASSETS.to_owned()],
            Some(globs) => globs
                .iter()
                .filter_map(|glob| self.not_empty(glob))
                .collect(),
        }
    }

    fn state(&mut self, file: &ProjectFile) -> String {
        match &file.state {
            Some(state) if self.template_syntax(&state.value.0, state.node) => {
                state.value.0.clone()
            }
            Some(_) | None => DEFAULT_STATE.to_owned(),
        }
    }

    fn limits(&mut self, file: &ProjectFile) -> Limits {
        let default = Limits::default();
        let Some(entry) = &file.limits else {
            return default;
        };
        let pools = self.pools(entry.pools.as_ref());
        let runs = self.positive_number(entry.max_concurrent_runs.as_ref());
        Limits {
            max_concurrent_runs: runs.unwrap_or(default.max_concurrent_runs),
            pools,
            max_runs_per_pass: self.positive_number(entry.max_runs_per_pass.as_ref()),
            confirm_above: self.positive_number(entry.confirm_above.as_ref()),
            max_runs_per_day: self.day_limits(entry.max_runs_per_day.as_ref()),
        }
    }

    fn pools(&mut self, declared: Option<&BTreeMap<String, At<u32>>>) -> BTreeMap<String, u32> {
        let mut pools = BTreeMap::new();
        for (name, limit) in declared.into_iter().flatten() {
            if let Some(limit) = self.positive_number(Some(limit)) {
                pools.insert(name.clone(), limit);
            }
        }
        pools
    }

    fn day_limits(&mut self, entry: Option<&DayLimitsEntry>) -> DayLimits {
        let Some(entry) = entry else {
            return DayLimits::default();
        };
        DayLimits {
            total: self.positive_number(entry.total.as_ref()),
            asset: self.positive_number(entry.asset.as_ref()),
            pools: self.pools(entry.pools.as_ref()),
            backfills: self.positive_number(entry.backfills.as_ref()),
        }
    }

    fn defaults(&mut self, entry: Option<&DefaultsEntry>) -> Defaults {
        let Some(entry) = entry else {
            return Defaults::default();
        };
        Defaults {
            freshness: self.freshness(entry.freshness.as_ref()),
            automation: self.automation(entry.automation.as_ref()),
            consistency: self.consistency(entry.consistency.as_ref()),
            retry: self.retry(entry.retry.as_ref()),
            gates: entry.gates,
            owner: entry.owner.clone(),
            timeout: self.positive(entry.timeout.as_ref()),
        }
    }
}
