//! `state rebuild`: a new state made of what the tables and the workspace tell.

use assets::AssetKey;
use serde::Serialize;

use super::super::human::counted;
use super::super::open::load_app;
use super::super::output::Document;
use super::super::progress::Progress;
use super::super::reconcile::finish;
use super::super::runs::actor;
use super::super::{Context, human};
use super::open_intent::{Open, agree, names};
use crate::app::{App, RebuiltState, rebuild_state};
use crate::error::{CommandError, Exit};
use crate::ports::State;
use crate::reconcile::{Found, Mode, PassReport, Remembered, pass};
use crate::report::instant;
use crate::state::{IntentId, Memory, ObservedState, RunId};

/// How many lines of one kind people get; programs get all.
const SHOWN: usize = 20;

/// Arguments of `state rebuild`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater state rebuild\n  headwater state rebuild --yes -o json\n\n\
                  Exits with 3 while a reconciler that may be alive holds the lease, and with 5 where a table\n\
                  or the workspace did not answer: the next passes ask again."
)]
pub(super) struct RebuildArgs {
    /// Replace the state file that is there without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct StateRebuild {
    state_file: String,
    replaced: Option<String>,
    epoch: u64,
    workspace_id: Option<String>,
    observed: usize,
    /// What derived tables are taken to incorporate.
    adopted: Vec<Adopted>,
    /// Assets that exist nowhere yet, or that have to be built for another reason.
    to_build: usize,
    unread: Vec<Unread>,
    found: Vec<FoundRun>,
    formerly_open: Vec<Open>,
    nothing_triggered_until: Option<String>,
    problems: Vec<String>,
    lost: Vec<String>,
}

/// A derived table that is there, and what it is taken to have read.
#[derive(Debug, Serialize)]
struct Adopted {
    asset: AssetKey,
    inputs: Vec<Input>,
}

#[derive(Debug, Serialize)]
struct Input {
    asset: AssetKey,
    version: Option<u64>,
    basis: &'static str,
    is_assumed: bool,
}

#[derive(Debug, Serialize)]
struct Unread {
    asset: AssetKey,
    code: String,
    reason: String,
}

/// A run that carries our correlation.
#[derive(Debug, Serialize)]
struct FoundRun {
    run_id: RunId,
    intent: IntentId,
    attempt: u32,
    assets: Vec<AssetKey>,
    is_active: bool,
}

impl From<&Found> for FoundRun {
    fn from(found: &Found) -> Self {
        Self {
            run_id: found.run_id,
            intent: found.intent.clone(),
            attempt: found.attempt,
            assets: found.assets.clone(),
            is_active: found.is_active,
        }
    }
}

impl Document for StateRebuild {
    const KIND: &'static str = "StateRebuild";
    type Item = ();

    fn items(&self) -> Option<&[()]> {
        None
    }
}

pub(super) async fn run(context: &Context, args: &RebuildArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let mut assets = app.graph.indices().map(|index| app.graph.asset(index));
    if assets.any(assets::Asset::is_built_here) {
        // Before anything is replaced: runs could not be looked for.
        app.require_workspace()?;
    }
    if app.state_path.exists() && !args.yes {
        agree(context, "a new state", &app.state_path)?;
    }
    let now = app.clock().now();
    let rebuilt = rebuild_state(&app.state_path, &actor(context), now)?;
    let mut progress = Progress::start(context);
    let looked = look(&app).await;
    progress.end();
    let (mut report, memory) = looked.inspect_err(|_| {
        // The new state is there, and the next pass looks again.
        if let Some(kept) = &rebuilt.replaced {
            let kept = format!("what was there is kept as {}\n", kept.display());
            context.output.talk(&kept);
        }
    })?;
    let document = document(&app, &rebuilt, &report, &memory);
    context.output.emit(&document, || text(&document))?;
    // It is part of the result.
    report.search_warning = None;
    Ok(finish(context, &report))
}

/// Looks at all tables and for runs. Nothing is triggered: the state says that runs are looked for.
async fn look(app: &App) -> Result<(PassReport, Memory), CommandError> {
    let store = app.open_state()?;
    let lease = app.take_lease(&store)?;
    let (world, scope) = (app.world(&store), app.scope(None));
    let mut remembered = Remembered::default();
    let passed = pass(world, scope, &lease, Mode::Act, &mut remembered).await;
    store.release_lease(&lease)?;
    Ok((passed?, store.load()?))
}

fn document(
    app: &App,
    rebuilt: &RebuiltState,
    report: &PassReport,
    memory: &Memory,
) -> StateRebuild {
    let search = report.search.as_ref();
    StateRebuild {
        state_file: app.state_path.display().to_string(),
        replaced: rebuilt
            .replaced
            .as_ref()
            .map(|path| path.display().to_string()),
        epoch: rebuilt.epoch,
        workspace_id: rebuilt.workspace.clone(),
        observed: report.observed,
        adopted: adopted(memory),
        to_build: report.waiting + report.held,
        unread: unread(memory),
        found: report.found.iter().map(FoundRun::from).collect(),
        formerly_open: rebuilt.open.iter().map(Open::from).collect(),
        nothing_triggered_until: search.and_then(|search| search.until).map(instant),
        problems: report.problems.clone(),
        lost: lost(rebuilt),
    }
}

fn adopted(memory: &Memory) -> Vec<Adopted> {
    let with_inputs = memory.consumption.iter();
    with_inputs
        .map(|(asset, inputs)| Adopted {
            asset: asset.clone(),
            inputs: inputs
                .iter()
                .map(|(upstream, consumed)| Input {
                    asset: upstream.clone(),
                    version: consumed.version.as_ref().map(|version| version.version),
                    basis: consumed.basis.as_str(),
                    is_assumed: consumed.basis.is_assumed(),
                })
                .collect(),
        })
        .collect()
}

fn unread(memory: &Memory) -> Vec<Unread> {
    let unread = memory.observations.iter();
    unread
        .filter_map(|(asset, observation)| match &observation.state {
            ObservedState::Unknown { code, reason } => Some(Unread {
                asset: asset.clone(),
                code: code.clone(),
                reason: reason.clone(),
            }),
            ObservedState::Ok | ObservedState::Absent | ObservedState::Gone => None,
        })
        .collect()
}

/// What neither tables nor workspace can tell.
fn lost(rebuilt: &RebuiltState) -> Vec<String> {
    let trail = match (&rebuilt.replaced, rebuilt.audit_rows) {
        (Some(kept), Some(rows)) => format!(
            "the audit trail up to now, of {rows} rows, and all runs that ended: they stand in {}",
            kept.display()
        ),
        (Some(kept), None) => format!(
            "the audit trail up to now and all runs that ended, unless they can be read in {}",
            kept.display()
        ),
        (None, _) => {
            "the audit trail up to now and all runs that ended, unless a backup has them".to_owned()
        }
    };
    vec![
        trail,
        "failures that held assets: those are tried again".to_owned(),
        "what tables incorporate, as it was recorded: it is assumed anew from their logs"
            .to_owned(),
    ]
}

fn text(made: &StateRebuild) -> String {
    let mut lines = vec![format!("{} is a new state now", made.state_file)];
    let kept = made.replaced.iter();
    lines.extend(kept.map(|kept| format!("what was there is kept as {kept}")));
    lines.push(String::new());
    lines.extend(tables(made));
    lines.push(String::new());
    lines.extend(runs(made));
    lines.push(String::new());
    lines.push("lost for good:".to_owned());
    lines.extend(made.lost.iter().map(|lost| format!("  {lost}")));
    lines.join("\n") + "\n"
}

fn tables(made: &StateRebuild) -> Vec<String> {
    let is_assumed = |adopted: &&Adopted| adopted.inputs.iter().any(|input| input.is_assumed);
    let assumed: Vec<&Adopted> = made.adopted.iter().filter(is_assumed).collect();
    let mut lines = vec![format!(
        "{} read; {} to be built or under way",
        counted(
            made.observed - made.unread.len().min(made.observed),
            "table"
        ),
        counted(made.to_build, "asset"),
    )];
    if !assumed.is_empty() {
        lines.push(format!(
            "what {} incorporate is assumed (`headwater explain ASSET` says how):",
            counted(assumed.len(), "table")
        ));
        lines.extend(limited(&assumed, |adopted| {
            let inputs: Vec<String> = adopted.inputs.iter().map(input).collect();
            format!("  {}: {}", adopted.asset, inputs.join(", "))
        }));
    }
    if !made.unread.is_empty() {
        lines.push(format!(
            "{} could not be read:",
            counted(made.unread.len(), "table")
        ));
        lines.extend(limited(&made.unread, |unread| {
            format!("  {}: {}", unread.asset, human::printable(&unread.reason))
        }));
    }
    lines
}

fn input(input: &Input) -> String {
    let version = match input.version {
        Some(version) => format!("v{version}"),
        None => "nothing".to_owned(),
    };
    format!("{version} of {}", input.asset)
}

fn runs(made: &StateRebuild) -> Vec<String> {
    let mut lines = Vec::new();
    match made.found.len() {
        0 => lines.push("no run of this project was found under way".to_owned()),
        found => lines.push(format!(
            "{} found that may change tables, and taken over:",
            counted(found, "run")
        )),
    }
    lines.extend(limited(&made.found, |found| {
        let standing = if found.is_active {
            "under way"
        } else {
            "ended just now"
        };
        format!(
            "  run {}: {}, {standing}",
            found.run_id,
            names(&found.assets)
        )
    }));
    let is_found = |open: &&Open| made.found.iter().any(|found| found.intent == open.id);
    let missed: Vec<&Open> = made
        .formerly_open
        .iter()
        .filter(|open| !is_found(open))
        .collect();
    if !missed.is_empty() {
        lines.push(format!(
            "{} of the former state had no run that is under way; a request may still arrive:",
            counted(missed.len(), "open intent")
        ));
        lines.extend(limited(&missed, |open| open.line()));
    }
    lines.push(match &made.nothing_triggered_until {
        Some(until) => format!(
            "nothing is triggered before {until}, as a request of the former state may be under \
             way until then; start the reconciler again, it looks for such runs and goes on by itself"
        ),
        None => "nothing is triggered before the workspace was asked for runs; start the \
                 reconciler again, it asks and goes on by itself"
            .to_owned(),
    });
    lines
}

/// The first lines of many, and how many more there are.
fn limited<T>(all: &[T], line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(SHOWN).map(line).collect();
    if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more, which `-o json` lists"));
    }
    lines
}
