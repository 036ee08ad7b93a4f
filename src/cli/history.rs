//! `history`: the commits of one table.

use assets::delta::history::{History, PastCommit};
use assets::delta::touched::Touched;
use assets::delta::{Commit, Unreadable};

use super::open::load_app;
use super::table::{Cell, Table, Tone};
use super::{Context, explain};
use crate::error::{CommandError, Exit};
use crate::report;

/// Arguments of `history`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  headwater history silver.orders\n  \
                  headwater history silver.orders --from 812 --to 820 -o json")]
pub struct HistoryArgs {
    /// The asset's key
    #[arg(value_name = "ASSET")]
    pub asset: String,
    /// The first version; the oldest that is left, if absent
    #[arg(long, value_name = "VERSION")]
    pub from: Option<u64>,
    /// The last version; the newest, if absent
    #[arg(long, value_name = "VERSION")]
    pub to: Option<u64>,
}

pub(super) async fn run(context: &Context, args: &HistoryArgs) -> Result<Exit, CommandError> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        let message = format!("--from {from} lies after --to {to}");
        return Err(CommandError::new("C023", Exit::Usage, message)
            .hint("name the older version first; both are included"));
    }
    let app = load_app(context, None)?;
    let index = explain::find(&app, &args.asset)?;
    let key = app.graph.asset(index).key.clone();
    let location = app.location_of(index).await?;
    let read = app.history(&location, args.from, args.to).await;
    let (place, found) = read.map_err(|reason| unreadable(&reason))?;
    let document = report::history_document(&key, &place, found.as_ref());
    context
        .output
        .emit_value(&document, Some("commits"), || text(found.as_ref()))?;
    let is_whole = found.is_some_and(|found| found.trailing.is_none());
    Ok(if is_whole {
        Exit::Done
    } else {
        Exit::Unavailable
    })
}

/// Says why the log of one table cannot be read at all.
pub(super) fn unreadable(reason: &Unreadable) -> CommandError {
    CommandError::new("C020", Exit::Unavailable, reason.to_string())
        .hint("`headwater observe --explain ASSET` shows every request and its answer")
}

fn text(history: Option<&History>) -> String {
    let Some(history) = history else {
        return "There is no table at its place.\n".to_owned();
    };
    let mut table = Table::new(&[
        "VERSION",
        "TIME",
        "OPERATION",
        "DATA",
        "PARTITIONS",
        "ROWS IN",
        "ROWS OUT",
        "WRITER",
    ]);
    for PastCommit { commit, .. } in &history.commits {
        let tone = if commit.changed_data {
            Tone::Strong
        } else {
            Tone::Plain
        };
        let rows = |rows: Option<u64>| {
            let shown = rows.map_or("?".to_owned(), |rows| rows.to_string());
            commit.changed_data.then_some(shown)
        };
        table.row(vec![
            Cell::new(commit.version.to_string(), tone),
            Cell::plain(report::instant(commit.committed_at)),
            Cell::optional(commit.operation.clone()),
            Cell::new(if commit.changed_data { "changed" } else { "-" }, tone),
            Cell::plain(partitions(&commit.partitions)),
            Cell::optional(rows(commit.rows_added)),
            Cell::optional(rows(commit.rows_removed)),
            Cell::optional(writer(commit)),
        ]);
    }
    let mut text = table.render();
    if let Some(reason) = &history.trailing {
        text = format!("{text}not read further: {reason}\n");
    }
    text
}

fn partitions(touched: &Touched) -> String {
    match touched {
        Touched::All(because) => format!("all ({})", because.as_str()),
        Touched::These(tuples) if tuples.iter().all(|tuple| tuple.values().is_empty()) => {
            "-".to_owned()
        }
        Touched::These(tuples) => {
            let names: Vec<String> = tuples.iter().take(3).map(ToString::to_string).collect();
            let more = tuples.len().saturating_sub(names.len());
            let rest = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}{rest}", names.join(", "))
        }
    }
}

fn writer(commit: &Commit) -> Option<String> {
    let writer = &commit.writer;
    let run = writer.job_run_id.or(writer.task_run_id);
    run.map(|run| format!("run {run}"))
        .or_else(|| writer.user.clone())
        .or_else(|| writer.engine.clone())
}
