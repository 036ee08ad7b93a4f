//! `plan`: what `reconcile` would do now, and why.

use super::arguments::{AtArg, SelectArgs};
use super::open::load_app;
use super::reconcile::{load_for_plan, selected};
use super::table::{Cell, Table, Tone};
use super::{Context, human, select};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::plan::{Action, Decision, sentence};
use crate::ports::State;
use crate::reconcile::{Mode, PassReport, Remembered, pass};
use crate::report;
use crate::state::Memory;

/// Arguments of `plan`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater plan\n  headwater plan +finance.revenue -o json\n  \
                  headwater plan --detailed-exitcode || echo 'there is something to do'"
)]
pub struct PlanArgs {
    /// Which assets may be run.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Judge as of another instant.
    #[command(flatten)]
    pub at: AtArg,
    /// Exit with 6 when a run would be started
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// List assets with nothing to do, too
    #[arg(long)]
    pub all: bool,
}

impl PlanArgs {
    /// The plan of `reconcile --dry-run`.
    pub(super) fn of(select: SelectArgs) -> Self {
        Self {
            select,
            at: AtArg { at: None },
            detailed_exitcode: false,
            all: false,
        }
    }
}

pub(super) async fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let mut app = load_app(context, args.at.at)?;
    let store = app.copy_state()?;
    let only = selected(context, &app, &load_for_plan(&app, &store)?, &selection)?;
    let lease = app.take_lease(&store)?;
    let mut remembered = Remembered::default();
    let scope = app.scope(only.as_ref());
    let report = pass(
        app.world(&store),
        scope,
        &lease,
        Mode::PlanOnly,
        &mut remembered,
    )
    .await?;
    let memory = store.load()?;
    app.learn(&memory);
    show(context, &app, &report, &memory, (only.as_ref(), args.all))?;
    let has_work = !report.plan.requests.is_empty();
    Ok(
        match (args.detailed_exitcode && has_work, report.unknown > 0) {
            (true, _) => Exit::Condition,
            (false, true) => Exit::Unavailable,
            (false, false) => Exit::Done,
        },
    )
}

type Shown<'a> = (
    Option<&'a std::collections::BTreeSet<lineage::AssetIndex>>,
    bool,
);

/// Prints a plan, also that of `reconcile --dry-run`.
pub(super) fn show(
    context: &Context,
    app: &App,
    report: &PassReport,
    memory: &Memory,
    (only, all): Shown<'_>,
) -> Result<(), CommandError> {
    for problem in &report.problems {
        context.output.warn(problem, None);
    }
    let in_selection = |decision: &Decision| only.is_none_or(|only| only.contains(&decision.asset));
    let document = report::plan_document(
        &report.plan,
        &app.graph,
        &app.tasks,
        (&app.environment, app.catalog_name.as_deref()),
        &in_selection,
    );
    let is_shown =
        |decision: &Decision| in_selection(decision) && (all || decision.action != Action::None);
    context.output.emit_value(&document, Some("decisions"), || {
        table(app, report, memory, &is_shown)
    })
}

fn table(
    app: &App,
    report: &PassReport,
    memory: &Memory,
    is_shown: &dyn Fn(&Decision) -> bool,
) -> String {
    let mut table = Table::new(&["ACTION", "ASSET", "TASK", "WHY"]);
    for decision in report
        .plan
        .decisions
        .iter()
        .filter(|decision| is_shown(decision))
    {
        let asset = app.graph.asset(decision.asset);
        let tone = match decision.action {
            Action::Run => Tone::Notice,
            Action::Wait => Tone::Plain,
            Action::Hold => Tone::Bad,
            Action::None => Tone::Faint,
        };
        let task = asset.task.as_ref().map(|binding| binding.task.as_str());
        table.row(vec![
            Cell::new(decision.action.as_str(), tone),
            Cell::new(&asset.key, Tone::Strong),
            Cell::optional(task),
            Cell::plain(why(decision)),
        ]);
    }
    let mut text = table.render();
    text.push_str(&summary(app, report));
    text.push_str(&adopted(app, memory));
    text
}

fn why(decision: &Decision) -> String {
    let reasons: Vec<String> = decision.reasons.iter().map(sentence).collect();
    reasons.join("; ")
}

fn summary(app: &App, report: &PassReport) -> String {
    let count = |action| {
        report
            .plan
            .decisions
            .iter()
            .filter(|d| d.action == action)
            .count()
    };
    let plan = &report.plan;
    if plan
        .decisions
        .iter()
        .all(|decision| decision.action == Action::None)
    {
        if report.unknown > 0 {
            return format!(
                "Nothing to start, but {} could not be observed: nobody can say whether what reads \
                 from there is fresh. `headwater observe` says why.\n",
                human::counted(report.unknown, "table")
            );
        }
        return format!(
            "Nothing to do: {} of {} are as fresh as their sources.\n",
            human::counted(app.graph.len(), "asset"),
            app.environment
        );
    }
    format!(
        "{} to start, {} waiting, {} held, {} unknown.\n",
        human::counted(plan.requests.len(), "run"),
        count(Action::Wait),
        count(Action::Hold),
        report.unknown
    )
}

/// What was assumed for whom at first contact: said as long as a decision rests on it.
fn adopted(app: &App, memory: &Memory) -> String {
    let assumed = |key: &assets::AssetKey| {
        let consumed = memory
            .consumption
            .get(key)
            .into_iter()
            .flat_map(|known| known.values());
        consumed
            .into_iter()
            .any(|consumed| consumed.basis.is_assumed())
    };
    let count = app
        .graph
        .indices()
        .map(|index| app.graph.asset(index))
        .filter(|asset| asset.is_built_here() && assumed(&asset.key))
        .count();
    match count {
        0 => String::new(),
        count => format!(
            "What {} incorporate is assumed from the time of the last write (`headwater explain \
             ASSET` shows it).\n",
            human::counted(count, "asset")
        ),
    }
}
