//! `runs list`: attempts, newest first.

use assets::AssetKey;
use assets::duration::parse_duration;
use chrono::{DateTime, TimeDelta, Utc};

use super::super::arguments::{SelectArgs, parse_instant};
use super::super::open::load_app;
use super::super::reconcile::{load_for_plan, selected};
use super::super::table::{Cell, Table, Tone};
use super::super::{Context, human, select};
use crate::app::{App, RunFilter, StateFile};
use crate::error::{CommandError, Exit};
use crate::ports::RunRecord;
use crate::report;
use crate::state::IntentState;

/// How many are listed unless somebody asks for more.
const LIMIT: usize = 50;

/// How many assets of a run are named in a table.
const NAMED: usize = 2;

/// Arguments of `runs list`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater runs list\n  headwater runs list finance --state failed --since 1d\n  \
                  headwater runs list --state running -o json\n\n\
                  States: pending, sending, uncertain, running, succeeded, failed, cancelled, \
                  quarantined."
)]
pub(super) struct ListArgs {
    /// Runs of which assets.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Only those that stand or ended so; several are united
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Vec<IntentState>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = limit)]
    pub limit: usize,
    /// Only those made since an instant, or within a duration such as 1d
    #[arg(long, value_name = "INSTANT|DURATION", value_parser = since)]
    pub since: Option<Since>,
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| *limit > 0);
    limit.ok_or_else(|| "write a whole number from 1 on".to_owned())
}

impl Default for ListArgs {
    fn default() -> Self {
        Self {
            select: SelectArgs::default(),
            state: Vec::new(),
            limit: LIMIT,
            since: None,
        }
    }
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// An instant, UTC.
    At(DateTime<Utc>),
    /// So long ago.
    Ago(TimeDelta),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(duration) = parse_duration(text) {
        return Ok(Since::Ago(duration));
    }
    let or_duration = |message| format!("{message}, or a duration such as `90m` or `1d`");
    parse_instant(text).map(Since::At).map_err(or_duration)
}

fn state(word: &str) -> Result<IntentState, String> {
    let known: Vec<&str> = IntentState::ALL.iter().map(|s| s.as_str()).collect();
    let found = IntentState::ALL.into_iter().find(|s| s.as_str() == word);
    found.ok_or_else(|| format!("a state is one of: {}", known.join(", ")))
}

pub(super) fn run(context: &Context, args: &ListArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let app = load_app(context, None)?;
    let store = app.read_state()?;
    let only = selected(context, &app, &load_for_plan(&app, &store)?, &selection)?;
    let only: Option<Vec<AssetKey>> = only.map(|only| {
        let keys = only.into_iter().map(|index| app.graph.asset(index));
        keys.map(|asset| asset.key.clone()).collect()
    });
    let runs = find(&app, &store, args, only)?;
    let document = report::run_list(&app.graph, &runs);
    context
        .output
        .emit_value(&document, Some("runs"), || table(&app, &runs))?;
    if runs.len() == args.limit {
        let hint = "`--limit N` lists more, `--since` and `--state` fewer";
        let message = format!("only the newest {} are listed", args.limit);
        context.output.talk(&format!("{message}; {hint}\n"));
    }
    Ok(Exit::Done)
}

fn find(
    app: &App,
    store: &StateFile,
    args: &ListArgs,
    only: Option<Vec<AssetKey>>,
) -> Result<Vec<RunRecord>, CommandError> {
    // To the filter an empty list means every asset.
    if only.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let since = args.since.map(|since| match since {
        Since::At(at) => at,
        Since::Ago(duration) => app
            .clock()
            .now()
            .checked_sub_signed(duration)
            .unwrap_or(DateTime::<Utc>::MIN_UTC),
    });
    let filter = RunFilter {
        assets: only.unwrap_or_default(),
        states: args.state.clone(),
        limit: args.limit,
        since,
    };
    Ok(store.runs(&filter)?)
}

fn table(app: &App, runs: &[RunRecord]) -> String {
    if runs.is_empty() {
        return "No runs.\n".to_owned();
    }
    let now = app.clock().now();
    let mut table = Table::new(&[
        "ID", "STATE", "ASSETS", "TASK", "TRY", "STARTED", "TOOK", "RUN", "WHY",
    ]);
    for run in runs {
        table.row(vec![
            Cell::plain(run.intent.id.to_string()),
            Cell::new(run.state.as_str(), tone(run.state)),
            Cell::new(names(&run.intent.assets), Tone::Strong),
            Cell::plain(run.intent.task.as_str()),
            Cell::plain(run.attempt.to_string()),
            Cell::optional(run.triggered_at.map(|at| human::distance(at, now))),
            Cell::optional(took(run, now)),
            Cell::optional(run.run_id.map(|run| run.to_string())),
            Cell::plain(why(run)),
        ]);
    }
    table.render()
}

fn names(assets: &[AssetKey]) -> String {
    let named: Vec<&str> = assets.iter().take(NAMED).map(AssetKey::as_str).collect();
    match assets.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// How long an attempt took, or has been running.
pub(super) fn took(run: &RunRecord, now: DateTime<Utc>) -> Option<String> {
    let from = run.triggered_at?;
    let until = run
        .finished_at
        .or_else(|| run.state.is_open().then_some(now))?;
    Some(human::duration((until - from).max(TimeDelta::zero())))
}

/// How it failed, else why it was made.
fn why(run: &RunRecord) -> &str {
    match &run.failure {
        Some((_, message)) => message,
        None => &run.intent.reason,
    }
}

/// The colour of a state.
pub(super) fn tone(state: IntentState) -> Tone {
    match state {
        IntentState::Pending | IntentState::Sending | IntentState::Running => Tone::Plain,
        IntentState::Uncertain | IntentState::Cancelled => Tone::Notice,
        IntentState::Succeeded => Tone::Good,
        IntentState::Failed | IntentState::Quarantined => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_instant_or_a_duration() {
        assert_eq!(since("90m").unwrap(), Since::Ago(TimeDelta::minutes(90)));
        let midnight = parse_instant("2026-11-20").unwrap();
        assert_eq!(since("2026-11-20").unwrap(), Since::At(midnight));
        assert!(since("yesterday").unwrap_err().contains("`1d`"));
    }

    #[test]
    fn states_are_named_as_they_are_shown() {
        for known in IntentState::ALL {
            assert_eq!(state(known.as_str()), Ok(known));
        }
        assert!(state("faild").unwrap_err().contains("quarantined"));
    }

    #[test]
    fn of_many_assets_two_are_named() {
        let keys: Vec<AssetKey> = ["a", "b", "c"]
            .into_iter()
            .map(|name| AssetKey::new(name).unwrap())
            .collect();
        assert_eq!(names(&keys), "a, b and 1 more");
        assert_eq!(names(&keys[..2]), "a, b");
    }
}
