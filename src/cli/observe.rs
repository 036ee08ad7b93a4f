//! `observe`: look at every table and record what is there; trigger nothing.

use lineage::AssetIndex;

use super::arguments::SelectArgs;
use super::open::load_app;
use super::table::{Cell, Table, Tone};
use super::{Context, human, select};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::ports::State;
use crate::reconcile::{Mode, Remembered, pass};
use crate::report;
use crate::state::{Memory, ObservedState};

/// Arguments of `observe`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  headwater observe\n  headwater observe kind:source -o json")]
pub struct ObserveArgs {
    /// Which assets are printed.
    #[command(flatten)]
    pub select: SelectArgs,
}

pub(super) async fn run(context: &Context, args: &ObserveArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let app = load_app(context, None)?;
    let shown = select::find(context, &app.graph, &selection, &|_| "unknown")?;
    let store = app.open_state()?;
    let lease = app.take_lease(&store)?;
    let mut remembered = Remembered::default();
    let done = pass(
        app.world(&store),
        app.scope(None),
        &lease,
        Mode::PlanOnly,
        &mut remembered,
    )
    .await;
    store.release_lease(&lease)?;
    let report = done?;
    let memory = store.load()?;
    for problem in &report.problems {
        context.output.warn(problem, None);
    }
    let document = report::observations(&app.graph, &memory, &shown);
    context
        .output
        .emit_value(&document, Some("tables"), || table(&app, &memory, &shown))?;
    Ok(if report.unknown > 0 {
        Exit::Unavailable
    } else {
        Exit::Done
    })
}

fn table(app: &App, memory: &Memory, shown: &[AssetIndex]) -> String {
    let now = app.clock().now();
    let mut table = Table::new(&["ASSET", "STATE", "VERSION", "DATA", "CHANGED", "REASON"]);
    for index in shown {
        let asset = app.graph.asset(*index);
        if !asset.kind.has_table() {
            continue;
        }
        let observation = memory.observations.get(&asset.key);
        let head = observation.and_then(|observation| observation.head.as_ref());
        let newest = memory
            .commits
            .get(&asset.key)
            .and_then(|commits| commits.last());
        let (word, tone, reason) = match observation.map(|observation| &observation.state) {
            Some(ObservedState::Ok) => ("ok", Tone::Good, ""),
            Some(ObservedState::Absent) => ("gone", Tone::Notice, "no table there yet"),
            Some(ObservedState::Gone) => ("gone", Tone::Bad, "the table was there and is gone"),
            Some(ObservedState::Unknown { reason, .. }) => ("unknown", Tone::Bad, reason.as_str()),
            None => ("unknown", Tone::Bad, "nobody has looked yet"),
        };
        table.row(vec![
            Cell::new(&asset.key, Tone::Strong),
            Cell::new(word, tone),
            Cell::optional(head.map(|head| head.version.to_string())),
            Cell::optional(newest.map(|commit| commit.version.version.to_string())),
            Cell::optional(newest.map(|commit| human::distance(commit.committed_at, now))),
            Cell::plain(reason),
        ]);
    }
    table.render()
}
