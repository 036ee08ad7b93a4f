//! `observe`: look at every table and record what is there; trigger nothing.

use lineage::AssetIndex;

use super::arguments::SelectArgs;
use super::open::load_app;
use super::table::{Cell, Table, Tone};
use super::{Context, human, observe_one, select};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::ports::State;
use crate::reconcile::{Mode, Remembered, pass};
use crate::report::{self, Observed};
use crate::state::Memory;

/// Arguments of `observe`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater observe\n  headwater observe kind:source -o json\n  \
                  headwater observe --explain silver.orders"
)]
pub struct ObserveArgs {
    /// Which assets are printed.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Show how one asset's log is read, request by request, and what is concluded; record nothing
    #[arg(long, value_name = "ASSET", conflicts_with_all = ["select", "exclude"])]
    pub explain: Option<String>,
    /// With --explain: read as if nothing was known of the table
    #[arg(long, requires = "explain")]
    pub cold: bool,
}

pub(super) async fn run(context: &Context, args: &ObserveArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let app = load_app(context, None)?;
    if let Some(asset) = &args.explain {
        return observe_one::run(context, &app, asset, args.cold).await;
    }
    let shown = select::find(context, &app.graph, &selection, &|_| "unknown")?;
    let store = app.open_state()?;
    let lease = app.take_lease(&store)?;
    let mut remembered = Remembered::default();
    let done = pass(
        app.world(&store),
        app.scope(None),
        &lease,
        Mode::Observe,
        &mut remembered,
    )
    .await;
    store.release_lease(&lease)?;
    let report = done?;
    let memory = store.load()?;
    for problem in &report.problems {
        context.output.warn(problem, None);
    }
    let notes = store.table_notes()?;
    let passes = store.passes(2)?;
    let interval = match passes.as_slice() {
        [last, before, ..] => Some(last.finished_at - before.finished_at),
        [] | [_] => None,
    };
    let observed = Observed {
        graph: &app.graph,
        memory: &memory,
        notes: &notes,
        interval,
    };
    let document = report::observations(observed, &shown);
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
    let mut table = Table::new(&[
        "ASSET", "STATE", "VERSION", "DATA", "CHANGED", "ROWS", "REASON",
    ]);
    for index in shown {
        let asset = app.graph.asset(*index);
        if !asset.kind.has_table() {
            continue;
        }
        let observation = memory.observations.get(&asset.key);
        let head = observation.and_then(|observation| observation.head.as_deref());
        let data = head.and_then(|head| head.data.as_ref());
        let contents = head.and_then(|head| head.details.contents.as_ref());
        let (word, code, reason) = observation.map_or(
            ("unknown", None, Some("nobody has looked yet".to_owned())),
            report::observed_state,
        );
        let tone = match (word, code.as_deref()) {
            ("ok", _) => Tone::Good,
            (_, Some("never_there")) => Tone::Notice,
            _ => Tone::Bad,
        };
        table.row(vec![
            Cell::new(&asset.key, Tone::Strong),
            Cell::new(word, tone),
            Cell::optional(head.map(|head| head.version.to_string())),
            Cell::optional(data.map(|data| data.version.to_string())),
            Cell::optional(data.map(|data| human::distance(data.at, now))),
            Cell::optional(
                contents
                    .and_then(|contents| contents.rows)
                    .map(|r| r.to_string()),
            ),
            Cell::optional(reason),
        ]);
    }
    table.render()
}
