//! `state restore`: a backup in the place of the state file, and what will be looked up.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use assets::AssetKey;
use serde::Serialize;

use super::super::Context;
use super::super::diagnostics::load_project;
use super::super::human::counted;
use super::super::output::Document;
use super::super::runs::actor;
use crate::app::{RestoredState, restore_state};
use crate::clock::SystemClock;
use crate::error::{CommandError, Exit};
use crate::execute::{CORRELATION, correlation};
use crate::ports::{Clock, StateError};
use crate::state::{Intent, IntentId, RunId};

/// Arguments of `state restore`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater state restore .headwater/backups/dev-20261120T060000.000Z.db\n  \
                  headwater state restore /mnt/safe/lakehouse.db --yes\n\n\
                  Exits with 3 while a reconciler that may be alive holds the lease."
)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the state file that is there without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct StateRestore {
    file: String,
    state_file: String,
    replaced: Option<String>,
    epoch: u64,
    looked_up: Vec<Open>,
    not_in_backup: Vec<Open>,
}

/// An intent that is not settled.
#[derive(Debug, Serialize)]
struct Open {
    id: IntentId,
    attempt: u32,
    state: &'static str,
    task: String,
    job: String,
    assets: Vec<AssetKey>,
    run_id: Option<RunId>,
    correlation: String,
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

impl Document for StateRestore {
    const KIND: &'static str = "StateRestore";
    type Item = ();

    fn items(&self) -> Option<&[()]> {
        None
    }
}

pub(super) fn run(context: &Context, args: &RestoreArgs) -> Result<Exit, CommandError> {
    let path = load_project(context)?.state_path;
    let file = context.directory.join(&args.file);
    if !file.exists() {
        let path = file.display().to_string();
        return Err(CommandError::from(StateError::Missing { path })
            .hint("name a file that `headwater state backup` made"));
    }
    if path.exists() && !args.yes {
        agree(context, &file, &path)?;
    }
    let now = SystemClock.now();
    let restored = restore_state(&file, &path, &actor(context), now)?;
    let document = document(&file, &path, &restored);
    context.output.emit(&document, || text(&document))?;
    Ok(Exit::Done)
}

/// Asks whether the file that is there shall be replaced.
fn agree(context: &Context, file: &Path, path: &Path) -> Result<(), CommandError> {
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
        "Put {} in the place of {}? [y/N] ",
        file.display(),
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

fn document(file: &Path, path: &Path, restored: &RestoredState) -> StateRestore {
    let replaced = restored.replaced.as_ref();
    StateRestore {
        file: file.display().to_string(),
        state_file: path.display().to_string(),
        replaced: replaced.map(|path| path.display().to_string()),
        epoch: restored.epoch,
        looked_up: restored.looked_up.iter().map(Open::from).collect(),
        not_in_backup: restored.not_in_backup.iter().map(Open::from).collect(),
    }
}

fn text(restored: &StateRestore) -> String {
    let mut lines = vec![format!(
        "{} is in the place of {} now",
        restored.file, restored.state_file
    )];
    let kept = restored.replaced.iter();
    lines.extend(kept.map(|kept| format!("what was there is kept as {kept}")));
    if !restored.looked_up.is_empty() {
        lines.push(format!(
            "{}: the next passes look for the runs, and for those of later attempts, before \
             anything is sent:",
            counted(restored.looked_up.len(), "open intent")
        ));
        lines.extend(restored.looked_up.iter().map(looked_up));
    }
    if !restored.not_in_backup.is_empty() {
        lines.push(format!(
            "{} of the file that was there {} not in the backup; let the runs end before the next \
             pass, which would start others beside them:",
            counted(restored.not_in_backup.len(), "open intent"),
            if restored.not_in_backup.len() == 1 {
                "is"
            } else {
                "are"
            }
        ));
        lines.extend(restored.not_in_backup.iter().map(not_in_backup));
    }
    lines.join("\n") + "\n"
}

fn looked_up(open: &Open) -> String {
    let run = open.run_id.map(|run| format!(", run {run}"));
    format!(
        "  {}: was {}{}; looked for in the runs of {} by {CORRELATION}={}",
        names(&open.assets),
        open.state,
        run.unwrap_or_default(),
        open.job,
        open.correlation
    )
}

fn not_in_backup(open: &Open) -> String {
    let run = open.run_id.map_or_else(
        || format!("{CORRELATION}={}", open.correlation),
        |run| format!("run {run}"),
    );
    format!(
        "  {}: {} of {}, {run}",
        names(&open.assets),
        open.state,
        open.job
    )
}

fn names(assets: &[AssetKey]) -> String {
    let names: Vec<&str> = assets.iter().map(AssetKey::as_str).collect();
    names.join(", ")
}
