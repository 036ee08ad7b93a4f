//! `observe --explain`: one look at one table, request by request. Nothing is recorded.

use serde_json::Value;

use super::history::unreadable;
use super::table::{Cell, Table, Tone};
use super::{Context, explain};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::observe::watched_columns;
use crate::ports::State;
use crate::report;

/// Reads one table as the next pass would, or, `cold`, as if nothing was known of it.
pub(super) async fn run(
    context: &Context,
    app: &App,
    name: &str,
    cold: bool,
) -> Result<Exit, CommandError> {
    let index = explain::find(app, name)?;
    let key = &app.graph.asset(index).key;
    let store = app.read_state()?;
    let memory = store.load()?;
    let observation = memory.observations.get(key).filter(|_| !cold);
    let known = observation.and_then(|observation| observation.head.clone());
    let location = app.location_of(index).await?;
    let columns = watched_columns(&app.graph, key, known.as_deref());
    let traced = app.read_traced(&location, known.clone(), columns).await;
    let traced = traced.map_err(|reason| unreadable(&reason))?;
    let version = known.map(|head| head.version);
    let of = (key, traced.place.as_str());
    let document = report::reading_document(of, version, &traced.calls, &traced.reading);
    context
        .output
        .emit_value(&document, Some("requests"), || text(&document))?;
    Ok(Exit::Done)
}

fn text(document: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut table = Table::new(&["#", "REQUEST", "FILE", "ANSWER", "BYTES", "MICROSECONDS"]);
    let requests = document["requests"].as_array().into_iter().flatten();
    for (number, request) in requests.enumerate() {
        table.row(vec![
            Cell::new((number + 1).to_string(), Tone::Faint),
            Cell::plain(word(&request["verb"]).replace('_', " ")),
            Cell::new(word(&request["name"]), Tone::Strong),
            Cell::plain(word(&request["answer"])),
            Cell::plain(request["bytes"].to_string()),
            Cell::plain(request["took_us"].to_string()),
        ]);
    }
    let conclusions = document["conclusions"].as_array().into_iter().flatten();
    let said: Vec<String> = conclusions
        .map(|said| format!("- {}", word(said)))
        .collect();
    let place = word(&document["place"]);
    format!("{place}\n{}\n{}\n", table.render(), said.join("\n"))
}
