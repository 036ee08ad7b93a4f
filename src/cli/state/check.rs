//! `state check`: everything in the state file, looked through.

use serde::Serialize;

use super::super::Context;
use super::super::diagnostics::load_project;
use super::super::doctor::text;
use super::super::output::Document;
use crate::clock::SystemClock;
use crate::doctor::{Check, check_state, exit};
use crate::error::{CommandError, Exit};
use crate::ports::Clock;

#[derive(Debug, Serialize)]
struct StateCheck {
    state_file: String,
    checks: Vec<Check>,
}

impl Document for StateCheck {
    const KIND: &'static str = "StateCheck";
    type Item = Check;

    fn items(&self) -> Option<&[Check]> {
        Some(&self.checks)
    }
}

pub(super) fn run(context: &Context) -> Result<Exit, CommandError> {
    let path = load_project(context)?.state_path;
    let found = StateCheck {
        checks: check_state(&path, SystemClock.now())?,
        state_file: path.display().to_string(),
    };
    context.output.emit(&found, || text(&found.checks))?;
    Ok(exit(&found.checks))
}
