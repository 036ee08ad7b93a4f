//! `runs`: what was started, how it ended, and the two ways to interfere.
//!
//! Nothing here takes the lease: a reconciler that is awake is neither blocked nor waited for. What
//! is written compares what it changes with what it found.

pub(super) mod cancel;
mod list;
mod retry;
mod show;

use assets::{AssetKey, did_you_mean};

use super::{Context, block_on};
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::ports::{RunRecord, StateError};
use crate::state::{IntentId, RunId};

use list::ListArgs;

/// How many runs a mistyped id is compared with.
const COMPARED: usize = 1_000;

/// Arguments of `runs`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater runs\n  headwater runs list finance --state failed --since 1d\n  \
                  headwater runs show 01JD3V0Q6T6S8V2C1B8Z3M4K5N\n  \
                  headwater runs retry finance.revenue"
)]
pub struct RunsArgs {
    /// What about them; `list` where nothing is said.
    #[command(subcommand)]
    command: Option<RunsCommand>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum RunsCommand {
    /// List runs, newest first
    ///
    /// Lists the attempts that were started or are about to be, newest first: what they build, how
    /// they stand or ended, and why. Reads the state only.
    List(ListArgs),
    /// Show everything about one run
    ///
    /// Shows all attempts behind one id, with the versions of the inputs that the run was started
    /// for, its parameters (what looks like a secret is masked), why it was started and how it
    /// failed. Reads the state only.
    #[command(
        after_help = "Examples:\n  headwater runs show 01JD3V0Q6T6S8V2C1B8Z3M4K5N\n  \
                      headwater runs show 734650698310223 -o json"
    )]
    Show(IdArg),
    /// Cancel a run
    ///
    /// Asks the workspace to stop a run that is under way; what was not sent yet is closed at once.
    /// Takes no lease: works beside a reconciler that is awake. The assets are held afterwards,
    /// until their code or inputs change or `headwater runs retry` lets them go.
    #[command(
        after_help = "Examples:\n  headwater runs cancel 01JD3V0Q6T6S8V2C1B8Z3M4K5N\n  \
                      headwater runs cancel 734650698310223"
    )]
    Cancel(IdArg),
    /// Let an asset be tried again that failed or was cancelled
    ///
    /// Takes an asset out of quarantine, so that the next pass may run it. Starts nothing itself
    /// and is written to the audit trail.
    #[command(after_help = "Examples:\n  headwater runs retry finance.revenue")]
    Retry(retry::RetryArgs),
}

/// One run.
#[derive(Debug, Clone, clap::Args)]
struct IdArg {
    /// The id of the run, as `headwater runs` shows it, or the workspace's run id
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn run(context: &Context, args: &RunsArgs) -> Result<Exit, CommandError> {
    match &args.command {
        None => list::run(context, &ListArgs::default()),
        Some(RunsCommand::List(args)) => list::run(context, args),
        Some(RunsCommand::Show(arg)) => show::run(context, &arg.id),
        Some(RunsCommand::Cancel(arg)) => block_on(cancel::run(context, &arg.id)),
        Some(RunsCommand::Retry(args)) => retry::run(context, args),
    }
}

/// Opens the state for a person who interferes. One that is missing is not made: there is nothing
/// to interfere with.
pub(super) fn open_for(context: &Context, app: &App) -> Result<StateFile, CommandError> {
    if !app.state_path.exists() {
        let path = app.state_path.display().to_string();
        return Err(StateError::Missing { path }.into());
    }
    let store = app.open_state()?;
    store.act_as(&actor(context));
    Ok(store)
}

/// Names the person at the terminal as the system does; it proves nothing.
pub(super) fn actor(context: &Context) -> String {
    let names = ["USER", "LOGNAME"];
    let name = names
        .into_iter()
        .find_map(|name| context.variables.set_to(name));
    format!("user {}", name.unwrap_or("unknown"))
}

/// Finds the attempts that an id means, the first one first: an intent's id or the service's run id.
fn find(store: &StateFile, id: &str) -> Result<Vec<RunRecord>, CommandError> {
    let intent = match id.parse() {
        Ok(run) => store.run_by_id(RunId(run))?.map(|record| record.intent.id),
        Err(_) => Some(IntentId(id.to_uppercase())),
    };
    let attempts = match intent {
        Some(intent) => store.attempts(&intent)?,
        None => Vec::new(),
    };
    if attempts.is_empty() {
        return Err(unknown(store, id)?);
    }
    Ok(attempts)
}

fn unknown(store: &StateFile, id: &str) -> Result<CommandError, StateError> {
    let error = CommandError::new("C017", Exit::Usage, format!("no run has the id `{id}`"));
    let newest = store.runs(&crate::app::RunFilter {
        limit: COMPARED,
        ..crate::app::RunFilter::default()
    })?;
    let key = AssetKey::new(id).ok();
    if newest.iter().any(|run| {
        key.as_ref()
            .is_some_and(|key| run.intent.assets.contains(key))
    }) {
        return Ok(error.hint(format!("it is an asset: `headwater runs list {id}`")));
    }
    let runs = newest.iter().filter_map(|run| run.run_id);
    let ids: Vec<String> = newest
        .iter()
        .map(|run| run.intent.id.to_string())
        .chain(runs.map(|run| run.to_string()))
        .collect();
    let meant = did_you_mean(id, ids.iter().map(String::as_str));
    Ok(error.hint(meant.map_or_else(
        || "`headwater runs` lists them".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    )))
}
