//! Opening a project for the commands that work with it, not only look at its files.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::Context;
use super::diagnostics::{load_project, require_ok};
use crate::app::App;
use crate::error::CommandError;
use crate::ports::State;

/// Loads the project of a command and puts it together, with what is remembered of the values of partitions;
/// `at` stops its clock.
///
/// # Errors
///
/// Where there is no project, or none without errors.
pub(super) fn load_app(context: &Context, at: Option<DateTime<Utc>>) -> Result<App, CommandError> {
    let loaded = load_project(context)?;
    require_ok(context, &loaded)?;
    let mut app = App::new(loaded, &context.variables, at)?;
    // What cannot be read is told by the command that needs it.
    if !app.graph.dynamic().is_empty()
        && let Ok(memory) = app.read_state().and_then(|store| store.load())
    {
        app.learn(&memory);
    }
    Ok(app)
}

/// Returns the files whose changes change the project of a command.
///
/// # Errors
///
/// Where there is no project.
pub(super) fn watched_files(context: &Context) -> Result<Vec<PathBuf>, CommandError> {
    Ok(load_project(context)?.watched)
}
