//! Job parameters, rendered from a request.
//!
//! Templates see the asset, the environment, the partition and the versions of the inputs, and
//! nothing else; an undefined name is an error rather than an empty text. Rendering is pure and
//! bounded, so that a hostile declaration costs at most one failed plan item.

use std::collections::BTreeMap;

use assets::pinning::parameter_templates;
use assets::task::Task;
use assets::{Asset, AssetKey, TableVersion};
use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::{Environment as Templates, UndefinedBehavior, Value, context, value::Serde};
use serde::Serialize;

use super::decision::Request;

/// Most template instructions for one parameter: enough for any list of inputs, too few to hang.
const FUEL: u64 = 100_000;

/// Why the parameters of a request cannot be rendered.
#[derive(Debug, thiserror::Error)]
#[error("parameter `{parameter}` of `{asset}` cannot be rendered: {problem}")]
pub struct ParameterError {
    /// Whose parameter.
    pub asset: AssetKey,
    /// Which parameter.
    pub parameter: String,
    /// What the template engine says.
    pub problem: String,
}

/// What a template sees of one input.
#[derive(Serialize)]
struct Input {
    /// The data version that the run incorporates.
    version: Option<u64>,
    /// The first version that it has not consumed yet: the position plus one, or 0. Later where the commits
    /// in between are gone and changed no data.
    starting_version: u64,
    /// The same as `version`: the last one to read.
    ending_version: Option<u64>,
    /// The table's incarnation.
    table_id: Option<String>,
    /// Whether the whole of it is read, and no changes.
    full_refresh: bool,
}

/// What a template sees of the partitions of a run.
#[derive(Serialize, Default)]
struct PartitionWords {
    /// The key, where there is just one.
    #[serde(skip)]
    single: String,
    /// The keys, in order.
    keys: Vec<String>,
    /// The first key.
    first: String,
    /// The last key.
    last: String,
    /// When the first window begins, RFC 3339 in UTC; empty without windows of time.
    start: String,
    /// When the last window ends, RFC 3339 in UTC; empty without windows of time.
    end: String,
}

impl PartitionWords {
    fn of(request: &Request, asset: &Asset) -> Self {
        let (Some(extent), Some(definition)) = (&request.partitions, &asset.partitions) else {
            return Self::default();
        };
        let set = &extent.partitions;
        let keys: Vec<String> = set.iter().filter_map(|at| definition.key(at)).collect();
        let windows = || set.iter().filter_map(|at| definition.window(at));
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self {
            single: match keys.as_slice() {
                [only] => only.clone(),
                _ => String::new(),
            },
            first: keys.first().cloned().unwrap_or_default(),
            last: keys.last().cloned().unwrap_or_default(),
            start: windows()
                .map(|window| window.start)
                .min()
                .map(instant)
                .unwrap_or_default(),
            end: windows()
                .map(|window| window.end)
                .max()
                .map(instant)
                .unwrap_or_default(),
            keys,
        }
    }
}

/// What the parameters of a task tell a run of its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The key of one.
    One,
    /// Where they begin and end.
    Range,
    /// All of their keys, or nothing.
    Any,
}

/// Returns what a run of an asset is told of its partitions.
pub(super) fn partitions_told(asset: &Asset, task: &Task) -> Told {
    let engine = engine();
    let mut told = Told::Any;
    for template in parameter_templates(asset, task).into_values() {
        let Ok(template) = engine.template_from_str(template) else {
            continue;
        };
        let names = template.undeclared_variables(true);
        if names.contains("partition") {
            return Told::One;
        }
        let ends = ["first", "last", "start", "end"];
        if ends
            .iter()
            .any(|end| names.contains(&format!("partitions.{end}")))
        {
            told = Told::Range;
        }
    }
    told
}

/// Renders the job parameters of a request, without the correlation.
pub fn render_parameters(
    request: &Request,
    asset: &Asset,
    task: &Task,
    environment: (&str, Option<&str>),
) -> Result<BTreeMap<String, String>, ParameterError> {
    let templates = parameter_templates(asset, task);
    let selection = dbt_selection(asset);
    let partitions = PartitionWords::of(request, asset);
    let context = context! {
        asset => asset.key.as_str(),
        relation => asset.relation.as_ref().map(ToString::to_string),
        env => environment.0,
        environment => environment.0,
        catalog => environment.1,
        partition => partitions.single.as_str(),
        partitions => Value::from(Serde(&partitions)),
        models => selection.as_str(),
        inputs => Value::from(Serde(inputs(request))),
        full_refresh => request.full_refresh,
        degraded_by => request.degraded_by.iter().map(AssetKey::to_string).collect::<Vec<_>>(),
    };
    let engine = engine();
    let mut rendered = BTreeMap::new();
    for (name, template) in templates {
        let text = engine
            .render_str(template, &context)
            .map_err(|error| ParameterError {
                asset: asset.key.clone(),
                parameter: name.clone(),
                problem: error.to_string(),
            })?;
        rendered.insert(name.clone(), text);
    }
    if let Some(parameter) = &task.select_parameter {
        rendered.insert(parameter.clone(), selection);
    }
    Ok(rendered)
}

/// What a parameter of every run for an asset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// Its name.
    pub parameter: String,
    /// Its value.
    pub value: String,
    /// Whether it would differ in another environment.
    pub is_of_environment: bool,
}

/// Returns the parameters that are the same in every run for an asset: those that depend on no
/// versions. They tell runs of one job apart.
pub fn lasting_parameters(
    asset: &Asset,
    task: &Task,
    environment: (&str, Option<&str>),
) -> Vec<Lasting> {
    let selection = dbt_selection(asset);
    let relation = asset.relation.as_ref().map(ToString::to_string);
    let relation = relation.as_deref();
    let here = lasting_context(asset, &selection, relation, environment);
    let not = |text: &str| format!("not {text}");
    let (name, catalog) = (not(environment.0), not(environment.1.unwrap_or_default()));
    let moved = not(relation.unwrap_or_default());
    let elsewhere = (name.as_str(), Some(catalog.as_str()));
    let elsewhere = lasting_context(asset, &selection, Some(&moved), elsewhere);
    let engine = engine();
    let mut lasting: Vec<Lasting> = parameter_templates(asset, task)
        .into_iter()
        .filter_map(|(name, template)| {
            // What sees versions fails here, as they are not there.
            let value = engine.render_str(template, &here).ok()?;
            let other = engine.render_str(template, &elsewhere).ok();
            Some(Lasting {
                parameter: name.clone(),
                is_of_environment: other.as_ref() != Some(&value),
                value,
            })
        })
        .collect();
    if let Some(parameter) = &task.select_parameter {
        lasting.retain(|known| known.parameter != *parameter);
        lasting.push(Lasting {
            parameter: parameter.clone(),
            value: selection,
            is_of_environment: false,
        });
    }
    lasting
}

fn lasting_context(
    asset: &Asset,
    selection: &str,
    relation: Option<&str>,
    environment: (&str, Option<&str>),
) -> Value {
    let lasting = context! {
        asset => asset.key.as_str(),
        relation => relation,
        env => environment.0,
        environment => environment.0,
        catalog => environment.1,
        models => selection,
    };
    // Which partition is built differs from run to run, where there are any.
    if asset.partitions.is_some() {
        return lasting;
    }
    context! { partition => "", ..lasting }
}

fn engine() -> Templates<'static> {
    let mut engine = Templates::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine
}

fn inputs(request: &Request) -> BTreeMap<String, Input> {
    let seen = |(key, version): (&'_ AssetKey, &'_ Option<TableVersion>)| {
        // A position in another incarnation of the table means nothing in this one.
        let consumed = request
            .consumed
            .get(key)
            .and_then(Option::as_ref)
            .filter(|consumed| {
                version
                    .as_ref()
                    .is_none_or(|version| version.table_id == consumed.table_id)
            });
        let next = consumed.map_or(0, |consumed| consumed.version.saturating_add(1));
        request
            .beginnings
            .get(key)
            .map_or(next, |begins| next.max(*begins))
    };
    let input = |(key, version)| {
        let starting_version = seen((key, version));
        let version: Option<&TableVersion> = version.as_ref();
        let number = version.map(|version| version.version);
        let table_id = version.map(|version| version.table_id.to_string());
        (
            key.to_string(),
            Input {
                version: number,
                starting_version,
                ending_version: number,
                table_id,
                full_refresh: request.full_refresh,
            },
        )
    };
    request.inputs.iter().map(input).collect()
}

/// The dbt selection that names exactly this asset: its fully qualified name, because a bare name
/// is ambiguous across packages. Empty for what dbt does not build.
/// Source: dbt documentation, "Node selector methods: fqn" (read 2026-11-20).
fn dbt_selection(asset: &Asset) -> String {
    asset
        .dbt
        .as_ref()
        .map(|node| node.fqn.join("."))
        .unwrap_or_default()
}
