//! `runs show`: everything about one run.

use assets::AssetKey;
use chrono::{DateTime, Utc};

use super::super::open::load_app;
use super::super::table::{Cell, Table, Tone};
use super::super::{Context, human};
use super::list::{tone, took};
use crate::error::{CommandError, Exit};
use crate::ports::RunRecord;
use crate::report;
use crate::state::Intent;

pub(super) fn run(context: &Context, id: &str) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let store = app.read_state()?;
    let attempts = super::find(&store, id)?;
    let now = app.clock().now();
    let document = report::run_document(&app.graph, &attempts);
    context
        .output
        .emit_value(&document, None, || text(&attempts, now))?;
    Ok(Exit::Done)
}

fn text(attempts: &[RunRecord], now: DateTime<Utc>) -> String {
    let Some(intent) = attempts.last().map(|attempt| &attempt.intent) else {
        return String::new();
    };
    [
        about(intent, now),
        section("Attempts", &attempts_table(attempts, now)),
        section("Failures", &failures(attempts)),
        section(
            if intent.is_found {
                "Inputs, assumed: their versions when the run started"
            } else {
                "Inputs, by the versions it was made for"
            },
            &inputs(intent),
        ),
        section("Parameters", &parameters(intent)),
    ]
    .concat()
}

fn section(title: &str, table: &Table) -> String {
    if table.is_empty() {
        return String::new();
    }
    format!("\n{title}\n{}", table.render())
}

fn about(intent: &Intent, now: DateTime<Utc>) -> String {
    let assets: Vec<&str> = intent.assets.iter().map(AssetKey::as_str).collect();
    let degraded: Vec<&str> = intent.degraded_by.iter().map(AssetKey::as_str).collect();
    let cancelled = intent.cancel_requested_at;
    let waits = intent.not_before.filter(|at| *at > now);
    let task_key = intent.task_key.as_ref();
    let lines = [
        ("run", Some(intent.id.to_string())),
        ("state", Some(intent.state.as_str().to_owned())),
        ("assets", Some(assets.join(", "))),
        ("task", Some(intent.task.to_string())),
        (
            "starts",
            Some(match task_key {
                Some(key) => format!("{}, task `{key}` only", intent.job),
                None => intent.job.to_string(),
            }),
        ),
        ("why", Some(intent.reason.clone())),
        (
            "made",
            Some(format!(
                "{} ({})",
                human::distance(intent.created_at, now),
                human::instant(intent.created_at)
            )),
        ),
        ("waits", waits.map(|at| human::distance(at, now))),
        (
            "cancel",
            cancelled.map(|at| format!("asked for {}", human::distance(at, now))),
        ),
        (
            "without",
            (!degraded.is_empty()).then(|| format!("{} (behind)", degraded.join(", "))),
        ),
    ];
    let shown = lines.into_iter().filter_map(|(name, value)| {
        let value = value?;
        let value = human::printable(&value).replace('\n', " ");
        Some(format!("{name:<8} {value}\n"))
    });
    shown.collect()
}

fn attempts_table(attempts: &[RunRecord], now: DateTime<Utc>) -> Table {
    let mut table = Table::new(&["TRY", "STATE", "STARTED", "ENDED", "TOOK", "RUN", "PAGE"]);
    for run in attempts {
        table.row(vec![
            Cell::plain(run.attempt.to_string()),
            Cell::new(run.state.as_str(), tone(run.state)),
            Cell::optional(run.triggered_at.map(human::instant)),
            Cell::optional(run.finished_at.map(human::instant)),
            Cell::optional(took(run, now)),
            Cell::optional(run.run_id.map(|run| run.to_string())),
            Cell::optional(run.url.as_ref()),
        ]);
    }
    table
}

fn failures(attempts: &[RunRecord]) -> Table {
    let mut table = Table::new(&["TRY", "CODE", "MESSAGE"]);
    let failed = attempts
        .iter()
        .filter_map(|run| Some((run.attempt, run.failure.as_ref()?)));
    for (attempt, (code, message)) in failed {
        table.row(vec![
            Cell::plain(attempt.to_string()),
            Cell::new(code, Tone::Bad),
            Cell::plain(message),
        ]);
    }
    table
}

fn inputs(intent: &Intent) -> Table {
    let mut table = Table::new(&["ASSET", "INPUT", "VERSION"]);
    for (asset, inputs) in &intent.inputs {
        for (input, version) in inputs {
            table.row(vec![
                Cell::new(asset, Tone::Strong),
                Cell::plain(input),
                Cell::plain(version.as_ref().map_or_else(
                    || "no data yet".to_owned(),
                    |version| version.version.to_string(),
                )),
            ]);
        }
    }
    table
}

fn parameters(intent: &Intent) -> Table {
    let mut table = Table::new(&["NAME", "VALUE"]);
    for (name, value) in report::shown_parameters(intent) {
        table.row(vec![Cell::plain(name), Cell::plain(value)]);
    }
    table
}
