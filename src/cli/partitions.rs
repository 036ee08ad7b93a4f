//! `partitions`: which partitions an asset has, what they need and what they feed.

use assets::Asset;
use assets::delta::partition_tuple::PartitionTuple;
use assets::partition::{Partition, PartitionSet};
use lineage::AssetIndex;
use serde_json::Value;

use super::arguments::AtArg;
use super::open::load_app;
use super::reconcile::{load_for_plan, plan_input};
use super::table::{Cell, Table, Tone};
use super::{Context, explain};
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::plan::{PlanInput, standings};
use crate::report::{self, Across, PartitionStates};

/// Arguments of `partitions`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  headwater partitions silver.orders\n  \
                  headwater partitions gold.daily --needs 2026-11-20\n  \
                  headwater partitions bronze.events --feeds 2026-11-20T13:00 -o json")]
pub struct PartitionsArgs {
    /// The asset's key
    #[arg(value_name = "ASSET")]
    pub asset: String,
    /// Show which partitions of its upstreams this one needs
    #[arg(long, value_name = "KEY")]
    pub needs: Option<String>,
    /// Show which partitions of its downstreams this one feeds
    #[arg(long, value_name = "KEY", conflicts_with = "needs")]
    pub feeds: Option<String>,
    /// Only this upstream; with --feeds, KEY is a partition of it, and what it feeds in ASSET is shown
    #[arg(long, value_name = "ASSET")]
    pub upstream: Option<String>,
    /// Judge as of another instant.
    #[command(flatten)]
    pub at: AtArg,
}

pub(super) fn run(context: &Context, args: &PartitionsArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, args.at.at)?;
    let index = explain::find(&app, &args.asset)?;
    let upstream = args.upstream.as_deref();
    let upstream = upstream
        .map(|name| input_of(&app, index, name))
        .transpose()?;
    let now = app.clock().now();
    let (graph, asset) = (&app.graph, app.graph.asset(index));
    let (question, key, found) = match (&args.needs, &args.feeds, upstream) {
        (Some(key), _, upstream) => {
            let wanted = set_of(asset, key)?;
            let inputs = graph.inputs(index).iter().copied();
            let inputs = inputs.filter(|input| upstream.is_none_or(|only| only == *input));
            let needs = inputs.map(|input| report::needs(graph, (index, input), &wanted, now));
            ("needs", key, needs.collect::<Vec<_>>())
        }
        (None, Some(key), Some(upstream)) => {
            let changed = set_of(graph.asset(upstream), key)?;
            let fed = report::feeds(graph, (index, upstream), &changed, now);
            ("feeds", key, vec![fed])
        }
        (None, Some(key), None) => {
            let changed = set_of(asset, key)?;
            let readers = graph.readers(index).iter();
            let readers = readers.filter(|reader| graph.asset(**reader).kind.has_table());
            let fed = readers.map(|reader| report::feeds(graph, (*reader, index), &changed, now));
            ("feeds", key, fed.collect())
        }
        (None, None, _) => {
            let states = states(&app, index)?;
            let document = report::partitions_document(asset, &states, now);
            context.output.emit_value(&document, Some("ranges"), || {
                ranges(&document, "It declares no partitions: it is one whole.\n")
            })?;
            return Ok(Exit::Done);
        }
    };
    let document = report::across_document(&asset.key, (question, key), now, &found);
    context
        .output
        .emit_value(&document, Some("keys"), || across(&found, question))?;
    Ok(Exit::Done)
}

/// How the partitions are, by what the last pass saw; unknown where there was none.
fn states(app: &App, index: AssetIndex) -> Result<PartitionStates, CommandError> {
    let store = app.read_state()?;
    let memory = load_for_plan(app, &store)?;
    states_of(&plan_input(app, &memory), &store, index)
}

/// As [`states`], of what was read already.
pub(super) fn states_of(
    input: &PlanInput<'_>,
    store: &StateFile,
    index: AssetIndex,
) -> Result<PartitionStates, CommandError> {
    let asset = input.graph.asset(index);
    let standings = standings(input);
    let tuples = store.table_partitions(&asset.key)?.into_iter();
    let tuples: Vec<PartitionTuple> = tuples
        .filter(|(_, state)| state.files > 0)
        .map(|(tuple, _)| tuple)
        .collect();
    let standing = standings.get(index.position());
    Ok(report::partition_states(
        asset, standing, &tuples, input.now,
    ))
}

/// Finds an upstream that is meant.
fn input_of(app: &App, index: AssetIndex, name: &str) -> Result<AssetIndex, CommandError> {
    let upstream = explain::find(app, name)?;
    let inputs = app.graph.inputs(index);
    if inputs.contains(&upstream) {
        return Ok(upstream);
    }
    let keys: Vec<&str> = inputs
        .iter()
        .map(|input| app.graph.asset(*input).key.as_str())
        .collect();
    let message = format!(
        "`{}` does not read `{}`",
        app.graph.asset(index).key,
        app.graph.asset(upstream).key
    );
    let hint = match keys.as_slice() {
        [] => "it reads nothing".to_owned(),
        keys => format!("it reads {}", keys.join(", ")),
    };
    Err(CommandError::new("C006", Exit::Usage, message).hint(hint))
}

/// Reads the key of a partition.
pub(super) fn partition_of(asset: &Asset, key: &str) -> Result<Partition, CommandError> {
    let Some(definition) = &asset.partitions else {
        let message = format!("`{}` declares no partitions: it is one whole", asset.key);
        return Err(CommandError::new("C024", Exit::Usage, message)
            .hint("declare them by `partitions:`, as docs/declaring.md shows"));
    };
    definition.parse_key(key).map_err(|error| {
        CommandError::new("C024", Exit::Usage, error.to_string()).hint(format!(
            "`headwater partitions {}` shows which there are",
            asset.key
        ))
    })
}

fn set_of(asset: &Asset, key: &str) -> Result<PartitionSet, CommandError> {
    let partition = partition_of(asset, key)?;
    let definition = asset.partitions.as_ref();
    Ok(definition.map_or(PartitionSet::NOTHING, |definition| {
        definition.set_of(partition)
    }))
}

fn tone(state: &str) -> Tone {
    match state {
        "fresh" | "present" => Tone::Good,
        "missing" | "stale" => Tone::Notice,
        _ => Tone::Plain,
    }
}

fn word(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn ranges(document: &Value, none: &str) -> String {
    let mut table = Table::new(&["FROM", "TO", "COUNT", "STATE", "START", "END"]);
    let ranges = document.get("ranges").and_then(Value::as_array);
    for range in ranges.into_iter().flatten() {
        table.row(vec![
            Cell::new(word(range, "from"), Tone::Strong),
            Cell::new(word(range, "to"), Tone::Strong),
            Cell::plain(word(range, "count")),
            Cell::new(word(range, "state"), tone(&word(range, "state"))),
            Cell::plain(word(range, "start")),
            Cell::plain(word(range, "end")),
        ]);
    }
    match (table.is_empty(), document.get("partitioned_by")) {
        (false, _) => table.render(),
        (true, Some(Value::Array(_))) => "There is no partition yet.\n".to_owned(),
        (true, _) => none.to_owned(),
    }
}

fn across(found: &[Across<'_>], question: &str) -> String {
    let mut table = Table::new(&["ASSET", "FROM", "TO", "COUNT", "NOTE"]);
    for side in found {
        for (set, note) in [(&side.existing, ""), (&side.nonexistent, "does not exist")] {
            rows(&mut table, side.asset, set, note);
        }
    }
    if !table.is_empty() {
        return table.render();
    }
    match question {
        "needs" => "It needs nothing.\n".to_owned(),
        _ => "It feeds nothing.\n".to_owned(),
    }
}

fn rows(table: &mut Table, asset: &Asset, set: &PartitionSet, note: &str) {
    let row = |from: &str, to: &str, count: &str| {
        vec![
            Cell::new(&asset.key, Tone::Strong),
            Cell::plain(from),
            Cell::plain(to),
            Cell::plain(count),
            Cell::new(note, Tone::Notice),
        ]
    };
    match &asset.partitions {
        None if set.is_empty() => {}
        None => table.row(row("the whole", "", "")),
        Some(definition) => {
            for range in definition.key_ranges(set) {
                table.row(row(&range.from, &range.to, &range.count.to_string()));
            }
        }
    }
}
