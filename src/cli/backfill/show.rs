//! `backfill list` and `show`.

use serde_json::Value;

use super::super::open::load_app;
use super::super::reconcile::{load_for_plan, plan_input};
use super::super::table::{Cell, Table, Tone};
use super::super::{Context, human};
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::plan::{plan, sentence};
use crate::ports::StateError;
use crate::report::{self, BackfillProgress, Tally, tally};
use crate::state::{Backfill, BackfillError, BackfillName, BackfillState, Intent};

pub(super) fn list(context: &Context) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let backfills = app.read_state()?.backfills()?;
    let document = report::backfill_list(&backfills);
    let now = app.clock().now();
    context
        .output
        .emit_value(&document, Some("backfills"), || {
            if backfills.is_empty() {
                return "No backfills.\n".to_owned();
            }
            let mut table = Table::new(&["NAME", "STATE", "ASSETS", "DONE", "FAILED", "CREATED"]);
            for backfill in &backfills {
                let found = tally(backfill);
                table.row(vec![
                    Cell::new(&backfill.name.0, Tone::Strong),
                    Cell::new(backfill.state.as_str(), tone(backfill.state)),
                    Cell::plain(assets(backfill)),
                    Cell::plain(format!("{} of {}", found.done, found.wanted)),
                    Cell::plain((found.failed + found.skipped).to_string()),
                    Cell::plain(human::distance(backfill.created_at, now)),
                ]);
            }
            table.render()
        })?;
    Ok(Exit::Done)
}

pub(super) fn run(context: &Context, name: &BackfillName) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let store = app.read_state()?;
    let backfill = find(&store, name)?;
    emit(context, &app, &store, &backfill)?;
    Ok(Exit::Done)
}

/// Reads a backfill that has to be there.
pub(super) fn find(store: &StateFile, name: &BackfillName) -> Result<Backfill, StateError> {
    let found = store.backfill(name)?;
    let unknown = || BackfillError::Unknown { name: name.clone() };
    found.ok_or_else(|| StateError::Backfill(unknown()))
}

/// Prints how far a backfill is.
pub(super) fn emit(
    context: &Context,
    app: &App,
    store: &StateFile,
    backfill: &Backfill,
) -> Result<(), CommandError> {
    let memory = load_for_plan(app, store)?;
    let input = plan_input(app, &memory);
    let waits = plan(&input).backfill_waits;
    let open: Vec<Intent> = memory.open_intents.values().cloned().collect();
    let runs = store.backfill_runs(&backfill.name)?;
    let progress = BackfillProgress {
        runs: &runs,
        open: &open,
        waits: &waits,
    };
    let document = report::backfill_document(&app.graph, backfill, progress, input.now);
    context.output.emit_value(&document, None, || {
        let own = waits.iter().filter(|wait| wait.backfill == backfill.name);
        let waits = own.map(|wait| format!("{}: {}\n", wait.asset, sentence(&wait.reason)));
        text(backfill, &document) + &waits.collect::<Vec<String>>().concat()
    })
}

fn text(backfill: &Backfill, document: &Value) -> String {
    let found = tally(backfill);
    let running = document.get("running").and_then(Value::as_array);
    let running = running.map_or(0, Vec::len);
    let left = document.get("estimated_seconds_left");
    let left = left.and_then(Value::as_i64).map(|seconds| {
        let left = chrono::TimeDelta::seconds(seconds);
        format!(", about {} left", human::duration(left))
    });
    let mut text = format!(
        "backfill {} is {}: {}, {} running{}\n",
        backfill.name,
        backfill.state.as_str(),
        counted(found),
        running,
        left.unwrap_or_default()
    );
    let mut table = Table::new(&["ASSET", "WANTED", "DONE", "FAILED", "SKIPPED", "LEFT"]);
    for (asset, target) in &backfill.targets {
        let cell = |set: &assets::partition::PartitionSet| {
            Cell::plain(set.count().unwrap_or(1).to_string())
        };
        table.row(vec![
            Cell::new(asset, Tone::Strong),
            cell(&target.wanted),
            cell(&target.done),
            cell(&target.failed),
            cell(&target.skipped),
            cell(&target.remaining()),
        ]);
    }
    text += &table.render();
    text
}

/// How far it is, in words.
pub(super) fn counted(found: Tally) -> String {
    let failed = lost(found.failed, "failed");
    let skipped = lost(found.skipped, "skipped");
    let (done, wanted) = (found.done, found.wanted);
    format!("{done} of {wanted} partitions built{failed}{skipped}")
}

fn lost(count: u64, word: &str) -> String {
    match count {
        0 => String::new(),
        _ => format!(", {count} {word}"),
    }
}

fn assets(backfill: &Backfill) -> String {
    let mut keys = backfill.targets.keys();
    match (keys.next(), backfill.targets.len()) {
        (Some(only), 1) => only.to_string(),
        (Some(first), count) => format!("{first} and {} more", count - 1),
        (None, _) => String::new(),
    }
}

fn tone(state: BackfillState) -> Tone {
    match state {
        BackfillState::Active => Tone::Plain,
        BackfillState::Paused | BackfillState::Cancelled => Tone::Notice,
        BackfillState::Completed => Tone::Good,
        BackfillState::Failed => Tone::Bad,
    }
}
