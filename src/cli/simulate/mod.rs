//! `simulate`: what a policy would do, in virtual time, alone or beside another one.

mod declared;
mod recorded;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assets::AssetKey;
use assets::workload::Workload;
use chrono::{DateTime, TimeDelta, Utc};

use super::arguments::{AtArg, SelectArgs, duration};
use super::diagnostics::{load_project, require_ok};
use super::progress::Course;
use super::reconcile::load_for_plan;
use super::{Context, human, select};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::project::Loaded;
use crate::report::{self, Simulated, Simulation};
use crate::simulate::{Durations, Policy, Setting, Stream, begin, simulate};
use crate::state::Memory;

/// The longest time that is simulated, in days: beyond it figures are dreams.
const LONGEST: i64 = 366;

/// Arguments of `simulate`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  headwater simulate --for 7d\n  \
                  headwater simulate --for 30d --arrivals arrivals.yml finance -o json\n  \
                  headwater simulate --for 7d --against ../lakehouse-pull-request")]
pub struct SimulateArgs {
    /// Which assets are shown; all of them are simulated.
    #[command(flatten)]
    pub select: SelectArgs,
    /// How much time to simulate, such as 24h or 30d
    #[arg(long = "for", value_name = "DURATION", value_parser = span, default_value = "24h")]
    pub span: TimeDelta,
    /// Begin at another instant.
    #[command(flatten)]
    pub at: AtArg,
    /// From one pass to the next
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "1m")]
    pub every: TimeDelta,
    /// What arrives, how long runs take and what they cost
    #[arg(long, value_name = "FILE")]
    pub arrivals: Option<PathBuf>,
    /// Repeat what arrived in this time by the tables' logs, at sources that the file does not name
    /// [default: 7d, nothing with --arrivals]
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub recorded: Option<TimeDelta>,
    /// Compare with the project in another folder, such as the worktree of a pull request
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// What chance depends on: the same seed gives the same result
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
}

/// Reads how much time to simulate.
fn span(text: &str) -> Result<TimeDelta, String> {
    let span = interval(text)?;
    if span > TimeDelta::days(LONGEST) {
        return Err(format!("it may be `{LONGEST}d` at most"));
    }
    Ok(span)
}

fn interval(text: &str) -> Result<TimeDelta, String> {
    let interval = duration(text)?;
    if interval < TimeDelta::seconds(1) {
        return Err("it has to be at least `1s`".to_owned());
    }
    Ok(interval)
}

pub(super) async fn run(context: &Context, args: &SimulateArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let loaded = load_project(context)?;
    require_ok(context, &loaded)?;
    let other = args.against.as_deref();
    let other = other.map(|folder| load_other(context, folder, &loaded));
    let other = other.transpose()?;
    let declared = match &args.arrivals {
        Some(path) => declared::read(context, path, &loaded)?,
        None => (Workload::default(), BTreeMap::new()),
    };
    let (workload, declared) = declared;
    let app = App::new(loaded, &context.variables, args.at.at)?;
    let found = select::find(context, &app.graph, &selection, &|_| "unknown")?;
    let from = app.clock().now();
    let memory = load_for_plan(&app, &app.read_state()?)?;
    let mut streams: Vec<Stream> = declared.into_iter().map(declared::stream).collect();
    let (declared, mut silent) = (streams.len(), BTreeMap::new());
    let repeated = args.recorded;
    let repeated = repeated.or(args.arrivals.is_none().then_some(TimeDelta::days(7)));
    match repeated {
        Some(period) => {
            let until = (period, from);
            let (found, none) = recorded::streams(&app, &memory, &streams, until).await?;
            streams.extend(found);
            silent = none;
        }
        None => silent.extend(declared::others(&app, &streams)),
    }
    let durations = Durations::new(memory.run_times.clone(), workload);
    let setting = Setting {
        from,
        until: from + args.span,
        every: args.every,
        seed: args.seed,
        streams: &streams,
        durations: &durations,
        is_thorough: false,
    };
    let projects = 1 + u32::from(other.is_some());
    let mut progress = Course::start(context, (from, args.span), projects);
    let own = Policy {
        graph: &app.graph,
        tasks: &app.tasks,
        limits: &app.limits,
        freezes: &app.freezes,
    };
    let name = app.root.display().to_string();
    let policy = play(name, own, &memory, setting, &mut progress);
    let against = other.as_ref().and_then(|other| {
        let policy = Policy {
            graph: other.graph.as_ref()?,
            tasks: &other.tasks,
            limits: &other.project.limits,
            freezes: &other.freezes,
        };
        let name = other.root.display().to_string();
        Some(play(name, policy, &memory, setting, &mut progress))
    });
    progress.end();
    let shown = found
        .iter()
        .map(|index| app.graph.asset(*index).key.clone());
    let mut shown: BTreeSet<AssetKey> = shown.collect();
    if let Some(graph) = other.as_ref().and_then(|other| other.graph.as_ref()) {
        // What only the other one has is named by the same words there.
        let there = selection.evaluate(graph, &|_| "unknown").assets;
        shown.extend(there.iter().map(|index| graph.asset(*index).key.clone()));
    }
    let simulation = Simulation {
        environment: &app.environment,
        every: args.every,
        seed: args.seed,
        recorded: repeated,
        sources: (declared, streams.len() - declared),
        silent: &silent,
        durations: &durations,
        policy,
        against,
        shown,
    };
    show(context, &simulation)?;
    Ok(Exit::Done)
}

fn play<'a>(
    project: String,
    policy: Policy<'a>,
    memory: &Memory,
    setting: Setting<'_>,
    progress: &mut Course,
) -> Simulated<'a> {
    let (memory, assumed) = begin(policy.graph, memory.clone(), setting.from);
    let outcome = simulate(policy, memory, setting, &mut |tick| progress.at(tick.now));
    progress.next();
    Simulated {
        project,
        graph: policy.graph,
        assumed,
        outcome,
    }
}

/// Loads the project to compare with, for the same environment.
fn load_other(context: &Context, folder: &Path, own: &Loaded) -> Result<Loaded, CommandError> {
    let other = Context {
        output: context.output,
        variables: context.variables.clone(),
        directory: context.directory.clone(),
        project: Some(folder.to_owned()),
        environment: Some(own.environment_name.clone()),
    };
    let loaded = load_project(&other)?;
    require_ok(&other, &loaded)?;
    Ok(loaded)
}

fn show(context: &Context, simulation: &Simulation<'_>) -> Result<(), CommandError> {
    let document = report::simulation_document(simulation);
    context
        .output
        .emit_value(&document, Some("assets"), || table::text(simulation))?;
    for (_, message, assets) in simulation.assumptions() {
        let named: Vec<&str> = assets.iter().take(3).map(|key| key.as_str()).collect();
        let more = assets.len().saturating_sub(named.len());
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let of = human::counted(assets.len(), "asset");
        let message = format!("{of} ({}{rest}): {message}", named.join(", "));
        context.output.warn(&message, None);
    }
    Ok(())
}

/// The end of a simulation, for people.
fn ended(from: DateTime<Utc>, until: DateTime<Utc>) -> String {
    format!(
        "{} from {} on",
        human::duration(until - from),
        human::instant(from)
    )
}
