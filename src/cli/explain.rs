//! `explain`: why an asset is fresh, stale, waiting or failed.

use assets::did_you_mean;
use serde_json::Value;

use super::Context;
use super::arguments::AtArg;
use super::open::load_app;
use super::partitions::{partition_of, states_of};
use super::reconcile::{load_for_plan, plan_input};
use super::table::{Cell, Table, Tone};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::report::{self, Explained, Situation};
use crate::state::IntentId;

/// How many recorded decisions are shown.
const DECISIONS: usize = 5;

/// Arguments of `explain`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  headwater explain finance.revenue\n  \
                  headwater explain finance.revenue@2026-11-20 -o json")]
pub struct ExplainArgs {
    /// The asset's key, with the key of a partition behind an @
    #[arg(value_name = "ASSET[@PARTITION]")]
    pub asset: String,
    /// Judge as of another instant.
    #[command(flatten)]
    pub at: AtArg,
}

pub(super) fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, args.at.at)?;
    let asset = find(&app, &args.asset)?;
    let store = app.read_state()?;
    let memory = load_for_plan(&app, &store)?;
    let input = plan_input(&app, &memory);
    let situation = Situation::of(&input);
    let last_decisions = store.decisions(&app.graph.asset(asset).key, DECISIONS)?;
    let intent = |id: &IntentId| store.intent(id).ok().flatten();
    let mut document = report::explanation(&Explained {
        input: &input,
        situation: &situation,
        asset,
        last_decisions: &last_decisions,
        intent: &intent,
    });
    if let Some((_, key)) = args.asset.split_once('@') {
        let partition = partition_of(app.graph.asset(asset), key)?;
        let states = states_of(&input, &store, asset)?;
        let explained = report::one_partition(&input, asset, partition, &states);
        if let Value::Object(fields) = &mut document {
            fields.insert("partition".to_owned(), explained);
        }
    }
    context
        .output
        .emit_value(&document, None, || text(&document))?;
    Ok(Exit::Done)
}

/// Finds the one asset that is meant: by key, or by a selection that names just one.
pub(super) fn find(app: &App, name: &str) -> Result<lineage::AssetIndex, CommandError> {
    let name = name.split_once('@').map_or(name, |(asset, _)| asset);
    if let Some(index) = app.graph.index_of(name) {
        return Ok(index);
    }
    let found = lineage::Selection::parse(name)
        .map(|selection| selection.evaluate(&app.graph, &|_| "unknown").assets)
        .unwrap_or_default();
    if let [only] = found.as_slice() {
        return Ok(*only);
    }
    let keys = app
        .graph
        .indices()
        .map(|index| app.graph.asset(index).key.as_str());
    let hint = did_you_mean(name, keys).map_or_else(
        || "`headwater ls` lists every asset".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    let message = match found.len() {
        0 => format!("no asset is named `{name}`"),
        count => format!("`{name}` names {count} assets, and one is explained at a time"),
    };
    Err(CommandError::new("C006", Exit::Usage, message).hint(hint))
}

fn text(document: &Value) -> String {
    let word = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let mut text = format!("{}\n", word("verdict"));
    let is_timed = document
        .get("event_watermark")
        .is_some_and(Value::is_string);
    let mut columns = vec!["ASSET", "KIND", "HEALTH", "ACTION", "TASK", "DATA CHANGED"];
    columns.extend(is_timed.then_some("EVENT TIME"));
    let mut about = Table::new(&columns);
    let mut cells = vec![
        Cell::new(word("asset"), Tone::Strong),
        Cell::plain(word("asset_kind")),
        Cell::plain(word("health")),
        Cell::plain(word("action")),
        Cell::plain(word("task")),
        Cell::plain(word("data_changed_at")),
    ];
    cells.extend(is_timed.then(|| Cell::plain(word("event_watermark"))));
    about.row(cells);
    push(&mut text, "", &about);
    if let Some(partition) = document.get("partition") {
        let word = |name: &str| partition.get(name).and_then(Value::as_str).unwrap_or("-");
        let title = format!("Partition {}: {}", word("key"), word("state"));
        push(&mut text, &title, &needs(partition));
    }
    push(&mut text, "Built when", &built_when(document));
    push(&mut text, "Deadlines and forecast", &timing(document));
    push(
        &mut text,
        "Inputs: what is incorporated, and what they hold",
        &chain(document),
    );
    push(
        &mut text,
        "Checks of the newest data version",
        &checks(document),
    );
    push(&mut text, "Why", &messages(document, "decision"));
    push(
        &mut text,
        "What would change that",
        &messages(document, "what_would_change"),
    );
    push(
        &mut text,
        "Roots: the version that is shown",
        &provenance(document),
    );
    push(&mut text, "Last decisions", &decisions(document));
    text
}

fn push(text: &mut String, title: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    text.push('\n');
    if !title.is_empty() {
        text.push_str(title);
        text.push('\n');
    }
    text.push_str(&table.render());
}

fn list<'a>(document: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    document
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn cell(value: &Value, name: &str) -> Cell {
    match value.get(name) {
        None | Some(Value::Null) => Cell::plain(""),
        Some(Value::String(text)) => Cell::plain(text),
        Some(other) => Cell::plain(other.to_string()),
    }
}

/// The form of its automation, the condition that it stands for, and what tempers it.
fn built_when(document: &Value) -> Table {
    let mut table = Table::new(&["AUTOMATION", "CONDITION", "TEMPERED BY"]);
    if document.get("task").is_none_or(Value::is_null) {
        return table;
    }
    let forms = document.get("automation").and_then(Value::as_object);
    let Some((form, settings)) = forms.and_then(|forms| forms.iter().next()) else {
        table.row(vec![
            cell(document, "automation"),
            Cell::plain("manual"),
            Cell::plain(""),
        ]);
        return table;
    };
    let told_elsewhere = [
        "condition",
        "updates_on",
        "slack_seconds",
        "cron",
        "timezone",
        "day",
        "calendar",
    ];
    let settings_of = settings.as_object().into_iter().flatten();
    let tempered = settings_of
        .filter(|(name, value)| !value.is_null() && !told_elsewhere.contains(&name.as_str()));
    let tempered: Vec<String> = tempered
        .map(
            |(name, value)| match (name.strip_suffix("_seconds"), value) {
                (Some(name), value) => format!("{name} {value}s"),
                (None, Value::String(text)) => format!("{name} {text}"),
                (None, value) => format!("{name} {value}"),
            },
        )
        .collect();
    table.row(vec![
        Cell::plain(form),
        cell(settings, "condition"),
        Cell::plain(tempered.join(", ")),
    ]);
    table
}

/// What came of its deadlines, and when it will be clean.
fn timing(document: &Value) -> Table {
    let mut table = Table::new(&[
        "LAST DEADLINE",
        "VERDICT",
        "NEXT DEADLINE",
        "CLEAN BY",
        "IF RUNS ARE LATE",
    ]);
    let at = |path: &str| match document.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(_) | None => "-".to_owned(),
    };
    let has = |name: &str| document.get(name).is_some_and(|value| !value.is_null());
    if has("deadline") || has("forecast") {
        table.row(vec![
            Cell::plain(at("/deadline/last/at")),
            Cell::plain(at("/deadline/last/verdict")),
            Cell::plain(at("/deadline/next/at")),
            Cell::plain(at("/forecast/usual_at")),
            Cell::plain(at("/forecast/late_at")),
        ]);
    }
    table
}

fn chain(document: &Value) -> Table {
    let mut table = Table::new(&[
        "INPUT",
        "READ BY",
        "INCORPORATED",
        "HOLDS",
        "BEHIND SINCE",
        "KNOWN BY",
    ]);
    for link in list(document, "chain") {
        let is_assumed = link
            .get("is_assumed")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let basis = link
            .get("basis")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let known_by = if is_assumed {
            format!("assumed ({basis})")
        } else {
            basis.to_owned()
        };
        table.row(vec![
            cell(link, "upstream"),
            cell(link, "asset"),
            cell(link, "consumed_version"),
            cell(link, "current_version"),
            cell(link, "since"),
            Cell::plain(known_by),
        ]);
    }
    table
}

/// What one partition needs of each input, and what of it it lacks.
fn needs(partition: &Value) -> Table {
    let mut table = Table::new(&["INPUT", "NEEDS", "INCORPORATED", "HOLDS", "LACKS"]);
    let word = |item: &Value| {
        item.as_str()
            .map_or_else(|| item.to_string(), str::to_owned)
    };
    let words = |value: &Value| {
        let items = value.as_array().into_iter().flatten();
        let words: Vec<String> = items.map(word).collect();
        match value.as_str() {
            Some(all) => all.to_owned(),
            None => words.join(", "),
        }
    };
    for link in list(partition, "chain") {
        table.row(vec![
            cell(link, "upstream"),
            Cell::plain(words(&link["needs"])),
            cell(link, "consumed_version"),
            cell(link, "current_version"),
            Cell::plain(words(&link["lacks"])),
        ]);
    }
    table
}

fn checks(document: &Value) -> Table {
    let mut table = Table::new(&[
        "CHECK", "SEVERITY", "STATUS", "VERSION", "EXPECTED", "FOUND",
    ]);
    for check in list(document, "checks") {
        let found = if check
            .get("measured")
            .is_some_and(|measured| !measured.is_null())
        {
            cell(check, "measured")
        } else {
            cell(check, "message")
        };
        table.row(vec![
            cell(check, "name"),
            cell(check, "severity"),
            cell(check, "status"),
            cell(check, "version"),
            cell(check, "expected"),
            found,
        ]);
    }
    table
}

fn messages(document: &Value, name: &str) -> Table {
    let column = if name == "decision" { "REASON" } else { "WHAT" };
    let mut table = Table::new(&["CODE", column]);
    for reason in list(document, name) {
        table.row(vec![cell(reason, "code"), cell(reason, "message")]);
    }
    table
}

fn provenance(document: &Value) -> Table {
    let mut table = Table::new(&["ROOT", "VERSION", "NOTE"]);
    for root in list(document, "provenance") {
        table.row(vec![
            cell(root, "root"),
            cell(root, "version"),
            cell(root, "reason"),
        ]);
    }
    table
}

fn decisions(document: &Value) -> Table {
    let mut table = Table::new(&["PASS", "AT", "ACTION", "REASON"]);
    for decision in list(document, "last_decisions") {
        let first = list(decision, "reasons").next();
        table.row(vec![
            cell(decision, "pass"),
            cell(decision, "at"),
            cell(decision, "action"),
            first.map_or_else(|| Cell::plain(""), |reason| cell(reason, "code")),
        ]);
    }
    table
}
