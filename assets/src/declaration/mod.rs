//! Declarations: the text of `headwater.yml` and of asset files → what they say, and what is wrong.
//!
//! The way of a text: bounded YAML with places ([`yaml`], [`tree`]); types with all their errors
//! at once ([`mod@read`], [`mod@file`]); what the texts mean ([`check`]); the results ([`declared`]).
//! Nothing here opens a file or reads the environment: variables come as a function. Whether an
//! upstream or a task of another file exists is not asked here but when all files are merged.

mod at;
mod check;
mod declared;
mod file;
mod json;
mod node_parts;
mod node_reader;
mod problem;
mod read;
mod read_error;
mod report;
mod schema;
mod substitute;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::schedule::Calendars;
use crate::workload::Workload;

use at::At;
use check::{Checks, Names, check_asset, check_project};
use file::{AssetEntry, AssetFile, ProjectFile, WorkloadFile};
use problem::{Family, Problem};
use read::{MissingVariables, read};
use report::Report;
use tree::{NodeId, Spot, Tree};

pub use declared::{
    Connection, DayLimits, DbtProject, DeclaredAsset, DeclaredBinding, DeclaredCheck, DeclaredTask,
    DeclaredUpstream, Defaults, Environment, Limits, Project,
};
pub use problem::{Explanation, explanations};
pub use schema::{schema_asset, schema_project};
pub use substitute::mask_tokens;
pub use yaml::MAX_BYTES;

/// What declarations are read for: one environment, and the variables of the process.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The environment's name: `{{ env }}`.
    pub environment: &'a str,
    /// Its catalog, if it has one: `{{ catalog }}`.
    pub catalog: Option<&'a str>,
    /// Looks up `${NAME}`. Its values may be secrets and are never shown.
    pub variables: &'a dyn Fn(&str) -> Option<String>,
    /// The calendars of the project.
    pub calendars: &'a Calendars,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("environment", &self.environment)
            .field("catalog", &self.catalog)
            .finish_non_exhaustive()
    }
}

/// Reads `headwater.yml` and returns the project with everything that is wrong in the file.
///
/// `environment` is the one that was asked for, if any: only the environment that is used needs
/// its variables. Whether the project has it is the caller's question. Without a known version, a
/// name and a default environment there is no project; anything else that is wrong is left out of
/// it.
pub fn parse_project(
    file: &Arc<str>,
    text: &str,
    environment: Option<&str>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> (Option<Project>, Vec<Diagnostic>) {
    let mut report = Report::new(file, Family::Project, variables);
    let project = project_of(text, environment, &mut report);
    (project, report.finish())
}

fn project_of(text: &str, environment: Option<&str>, report: &mut Report<'_>) -> Option<Project> {
    report_tokens(text, report);
    let tree = yaml::parse_yaml(text, report)?;
    let Some(root) = tree.root else {
        let message = "the project file is empty";
        report
            .error(Problem::MissingKey, &Spot::file_start(), message)
            .help =
            Some("begin with `version: 1` and `name:`, or let `headwater init` write it".into());
        return None;
    };
    let entry: ProjectFile = read(&tree, root, MissingVariables::Report, report)?;
    let mut checks = Checks {
        tree: &tree,
        report,
        calendars: Cow::default(),
    };
    check_project(&mut checks, root, &entry, environment)
}

/// Reads an asset file and returns its assets with everything that is wrong in the file.
///
/// An asset with something wrong is returned without that, so that what refers to it is not
/// reported too.
pub fn parse_asset_file(
    file: &Arc<str>,
    text: &str,
    context: &Context<'_>,
) -> (Vec<DeclaredAsset>, Vec<Diagnostic>) {
    let mut report = Report::new(file, Family::Asset, context.variables);
    let assets = assets_of(text, context, &mut report).unwrap_or_default();
    (assets, report.finish())
}

fn assets_of(
    text: &str,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<DeclaredAsset>> {
    report_tokens(text, report);
    let tree = yaml::parse_yaml(text, report)?;
    let file: AssetFile = read(&tree, tree.root?, MissingVariables::Report, report)?;
    let mut assets = Vec::new();
    let mut seen: BTreeMap<_, usize> = BTreeMap::new();
    for At { node, .. } in file.assets.iter().flatten() {
        let Some((asset, key_node)) = asset_of(&tree, *node, context, report, true) else {
            continue;
        };
        if let Some(key) = &asset.key {
            if let Some(line) = seen.get(key) {
                let note = format!("the first one is on line {line}");
                let message = format!("asset `{key}` is declared twice");
                let at = key_node.unwrap_or(*node);
                let diagnostic = report.error_at(Problem::DuplicateAsset, &tree, at, message);
                diagnostic.notes.push(note);
                diagnostic.help = Some("rename or remove one".into());
                continue;
            }
            seen.insert(key.clone(), asset.place.line);
        }
        assets.push(asset);
    }
    Some(assets)
}

/// Reads an arrivals file and returns the workload that it declares, with everything that is wrong in
/// the file. Whether its sources and tasks exist is not asked here.
pub fn parse_arrivals_file(
    file: &Arc<str>,
    text: &str,
    context: &Context<'_>,
) -> (Workload, Vec<Diagnostic>) {
    let mut report = Report::new(file, Family::Asset, context.variables);
    let workload = workload_of(text, context, &mut report).unwrap_or_default();
    (workload, report.finish())
}

fn workload_of(text: &str, context: &Context<'_>, report: &mut Report<'_>) -> Option<Workload> {
    report_tokens(text, report);
    let tree = yaml::parse_yaml(text, report)?;
    let file: WorkloadFile = read(&tree, tree.root?, MissingVariables::Report, report)?;
    let mut checks = Checks {
        tree: &tree,
        report,
        calendars: Cow::Borrowed(context.calendars),
    };
    Some(checks.workload(&file))
}

/// Reads one asset, and returns it with the node of its key.
fn asset_of(
    tree: &Tree,
    node: NodeId,
    context: &Context<'_>,
    report: &mut Report<'_>,
    key_required: bool,
) -> Option<(DeclaredAsset, Option<NodeId>)> {
    let entry: AssetEntry = read(tree, node, MissingVariables::Report, report)?;
    let names = Names {
        environment: context.environment,
        catalog: context.catalog,
    };
    let mut checks = Checks {
        tree,
        report,
        calendars: Cow::Borrowed(context.calendars),
    };
    let asset = check_asset(&mut checks, node, &entry, names, key_required);
    Some((asset, entry.key.map(|key| key.node)))
}

/// Reads the `headwater` block of a dbt node's `config.meta`, with the same keys as an asset.
///
/// `dbt_node` is the node's `unique_id`, which messages name; their place is the beginning of
/// `file`, the manifest, because nobody writes manifests by hand.
pub fn parse_headwater_block(
    file: &Arc<str>,
    dbt_node: &str,
    value: &serde_json::Value,
    context: &Context<'_>,
) -> (Option<DeclaredAsset>, Vec<Diagnostic>) {
    let mut report = Report::of_block(file, dbt_node, context.variables);
    let asset = json::tree_of_json(value, &mut report).and_then(|tree| {
        let root = tree.root?;
        report_tokens_in_values(&tree, &mut report);
        asset_of(&tree, root, context, &mut report, false).map(|(asset, _)| asset)
    });
    (asset, report.finish())
}

const TOKEN_MESSAGE: &str = "this looks like a Databricks token";
const TOKEN_HELP: &str = "revoke it, and let the value come from `${NAME}` or from a profile";

fn report_tokens_in_values(tree: &Tree, report: &mut Report<'_>) {
    for position in 0..tree.len() {
        let node = NodeId(position);
        let written = tree.written(node).unwrap_or_default();
        if !substitute::token_ranges(written).is_empty() {
            report
                .error_at(Problem::Token, tree, node, TOKEN_MESSAGE)
                .help = Some(TOKEN_HELP.into());
        }
    }
}

/// Reports tokens anywhere in a text, comments included: they leak from there just as well.
fn report_tokens(text: &str, report: &mut Report<'_>) {
    if text.len() > MAX_BYTES {
        return;
    }
    for range in substitute::token_ranges(text) {
        if report.is_full() {
            return;
        }
        let spot = Spot::of_range(text, range);
        report.error(Problem::Token, &spot, TOKEN_MESSAGE).help = Some(TOKEN_HELP.into());
    }
}
