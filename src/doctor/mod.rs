//! Checks of everything that a pass rests on, one after the other: program, project, state file,
//! credentials, workspace, jobs, catalog, tables.
//!
//! Nothing is changed and nothing is started. A check that fails stops no other one; what cannot be
//! looked at because of it is skipped, with the reason. Nothing here prints.

mod check;
mod files;
mod jobs;
mod state_check;
mod state_file;
mod strangers;
mod tables;
mod workspace;

use std::path::Path;

use self::files::{config_file, environment, manifests, program, project};
use crate::app::{App, Link};
use crate::config::Variables;
use crate::error::CommandError;
use crate::project::{Loaded, load};

pub use check::{Check, Status, exit};
pub use state_check::check_state;

/// Questions to the workspace at once: far below what it allows, so that reconcilers go on.
const CONCURRENCY: usize = 8;

/// What is examined.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The current folder.
    pub directory: &'a Path,
    /// The folder of the project, where one was named.
    pub project: Option<&'a Path>,
    /// The environment that was asked for.
    pub environment: Option<&'a str>,
    /// The variables of the process.
    pub variables: &'a Variables,
}

/// Makes all checks, in the order in which they explain each other.
pub async fn examine(request: Request<'_>) -> Vec<Check> {
    let mut checks = vec![program()];
    let lookup = |name: &str| request.variables.get(name).map(str::to_owned);
    let loaded = load(
        request.directory,
        request.project,
        request.environment,
        &lookup,
    );
    match loaded {
        Ok(loaded) => examine_project(request, loaded, &mut checks).await,
        Err(error) => {
            checks.push(Check::of_error("project", &CommandError::from(error)));
            checks.push(config_file(request.variables));
            for name in ["environment", "state_file", "workspace", "tables"] {
                checks.push(Check::skipped(name, "there is no project to read it from"));
            }
        }
    }
    checks
}

async fn examine_project(request: Request<'_>, loaded: Loaded, checks: &mut Vec<Check>) {
    let now = crate::clock::SystemClock;
    let now = crate::ports::Clock::now(&now);
    checks.push(project(&loaded));
    checks.push(environment(&loaded, request.environment));
    checks.extend(manifests(&loaded, now));
    checks.push(config_file(request.variables));
    let state = state_file::check(&loaded.state_path, now);
    checks.extend(state.checks);
    let pinned = state.pinned.as_deref();
    let (found, link) = workspace::check(&loaded, request.variables, pinned).await;
    checks.extend(found);
    if let Some(link) = &link {
        let (of_jobs, jobs) = jobs::check(link, &loaded.tasks).await;
        checks.extend(of_jobs);
        checks.push(strangers::check(link, &jobs, &loaded.state_path).await);
        checks.push(workspace::catalog(link, &loaded).await);
    } else {
        let why = match &loaded.environment.databricks {
            Some(_) => "the workspace could not be asked",
            None => "there is no workspace to ask",
        };
        checks.extend(["job", "job_runs", "catalog"].map(|name| Check::skipped(name, why)));
    }
    checks.extend(look(request.variables, loaded, link.as_ref()).await);
}

/// Looks at the tables, as the next pass would.
async fn look(variables: &Variables, loaded: Loaded, link: Option<&Link>) -> Vec<Check> {
    if loaded.graph.is_none() {
        return vec![Check::skipped("tables", "the project has errors")];
    }
    let declared = loaded.environment.databricks.as_ref();
    let wants_catalog = declared.is_some_and(|declared| declared.catalog_lookup.unwrap_or(true));
    let can_ask = link.is_some() || !wants_catalog;
    match App::new(loaded, variables, None) {
        Ok(app) => tables::check(&app, can_ask).await,
        Err(error) => vec![Check::of_error("tables", &error)],
    }
}
