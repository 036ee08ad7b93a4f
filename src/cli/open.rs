//! Opening a project for the commands that work with it, not only look at its files.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::Context;
use super::diagnostics::{load_project, require_ok};
use crate::app::App;
use crate::error::CommandError;

/// Loads the project of a command and puts it together; `at` stops its clock.
///
/// # Errors
///
/// Where there is no project, or none without errors.
pub(super) fn load_app(context: &Context, at: Option<DateTime<Utc>>) -> Result<App, CommandError> {
    let loaded = load_project(context)?;
    require_ok(context, &loaded)?;
    App::new(loaded, &context.variables, at)
}

/// Returns the files whose changes change the project of a command.
///
/// # Errors
///
/// Where there is no project.
pub(super) fn watched_files(context: &Context) -> Result<Vec<PathBuf>, CommandError> {
    Ok(load_project(context)?.watched)
}
