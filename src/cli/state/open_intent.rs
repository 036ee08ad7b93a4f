//! Intents that were not settled in a file that is replaced, for people and programs; and the
//! question whether it may be replaced.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use assets::AssetKey;
use serde::Serialize;

use super::super::Context;
use crate::error::{CommandError, Exit};
use crate::execute::{CORRELATION, correlation};
use crate::state::{Intent, IntentId, RunId};

/// An intent that is not settled.
#[derive(Debug, Serialize)]
pub(super) struct Open {
    pub(super) id: IntentId,
    pub(super) attempt: u32,
    pub(super) state: &'static str,
    pub(super) task: String,
    pub(super) job: String,
    pub(super) assets: Vec<AssetKey>,
    pub(super) run_id: Option<RunId>,
    pub(super) correlation: String,
}

impl From<&Intent> for Open {
    fn from(intent: &Intent) -> Self {
        Self {
            id: intent.id.clone(),
            attempt: intent.attempt,
            state: intent.state.as_str(),
            task: intent.task.to_string(),
            job: intent.job.to_string(),
            assets: intent.assets.clone(),
            run_id: intent.run_id,
            correlation: correlation(&intent.id, intent.attempt),
        }
    }
}

impl Open {
    /// Says what it was about, and how its run is known.
    pub(super) fn line(&self) -> String {
        let run = self.run_id.map_or_else(
            || format!("{CORRELATION}={}", self.correlation),
            |run| format!("run {run}"),
        );
        format!(
            "  {}: {} of {}, {run}",
            names(&self.assets),
            self.state,
            self.job
        )
    }
}

pub(super) fn names(assets: &[AssetKey]) -> String {
    let names: Vec<&str> = assets.iter().map(AssetKey::as_str).collect();
    names.join(", ")
}

/// Asks whether the file that is there shall be replaced.
pub(super) fn agree(context: &Context, by: &str, path: &Path) -> Result<(), CommandError> {
    let refused = |why: &str| {
        let message = format!("{} was not replaced", path.display());
        CommandError::new("C019", Exit::Usage, message)
            .because(why)
            .hint("say `--yes` to replace it; it is kept beside the new one")
    };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(refused("there is no terminal to ask at"));
    }
    context.output.to_stderr(&format!(
        "Put {by} in the place of {}? [y/N] ",
        path.display()
    ));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    let is_yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if read.is_ok() && is_yes {
        Ok(())
    } else {
        Err(refused("the answer was not `y`"))
    }
}
