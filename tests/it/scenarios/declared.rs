//! The declarations of a story, read by the loader that reads everybody's.
//!
//! What every project has is added: a name, an environment, and the task `build` where the story
//! declares no tasks. A table lies at the place of its key unless its asset names a relation.

use std::fs;

use assets::dbt::TestResults;
use assets::declaration::Limits;
use assets::task::Tasks;
use assets::{Asset, Diagnostic};
use headwater::project::{PROJECT_FILE, load};
use lineage::{AssetGraph, Frozen};

const ASSET_FILE: &str = "assets/story.yml";

const PROJECT: &str = "version: 1\nname: shop\nenvironments: { dev: { catalog: lake, databricks: { host: \"https://shop.example\", warehouse: w1 } } }\nassets: [assets/story.yml]\n";

const TASKS: &str = "tasks:\n  build:\n    databricks_job:\n      name: build\n      parameters: { asset: \"{{ asset }}\" }\n";

/// A block of the story, and the line before its first one.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) text: String,
    pub(super) above: usize,
}

/// What is declared at the moment.
pub(super) struct Declared {
    pub(super) graph: AssetGraph,
    pub(super) tasks: Tasks,
    pub(super) limits: Limits,
    pub(super) freezes: Vec<Frozen>,
    pub(super) tests: TestResults,
    /// What the loader warns of.
    pub(super) warnings: Vec<String>,
}

/// Loads a project.
///
/// # Errors
///
/// With everything that is wrong, by the lines of the story.
pub(super) fn declare(project: &Block, assets: &Block) -> Result<Declared, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    let has_tasks = project.text.lines().any(|line| line.starts_with("tasks:"));
    let tasks = if has_tasks { "" } else { TASKS };
    let whole = format!("{}\n{PROJECT}{tasks}", project.text);
    fs::write(folder.path().join(PROJECT_FILE), whole).unwrap();
    fs::write(folder.path().join(ASSET_FILE), &assets.text).unwrap();
    let loaded = load(folder.path(), None, None, &|_| None).map_err(|error| error.to_string())?;
    let (errors, warnings): (Vec<&Diagnostic>, Vec<&Diagnostic>) = loaded
        .diagnostics
        .iter()
        .partition(|found| found.is_error());
    let told = |found: &Diagnostic| {
        let place = found.place.as_ref().map(|place| {
            let is_asset = &*place.file == ASSET_FILE;
            place.line
                + if is_asset {
                    assets.above
                } else {
                    project.above
                }
        });
        let place = place.map_or(String::new(), |line| format!(" (line {line})"));
        format!("{}{place}: {}", found.code, found.message)
    };
    let Some(graph) = loaded.graph else {
        return Err(errors.into_iter().map(told).collect::<Vec<_>>().join("; "));
    };
    Ok(Declared {
        graph: placed(&graph),
        tasks: loaded.tasks,
        limits: loaded.project.limits,
        freezes: loaded.freezes,
        tests: loaded.tests,
        warnings: warnings.into_iter().map(told).collect(),
    })
}

/// Puts every table at the place of its key.
fn placed(graph: &AssetGraph) -> AssetGraph {
    let place = |mut asset: Asset| {
        if asset.kind.has_table() && asset.relation.is_none() && !asset.tags.contains("no_log") {
            asset.path = Some(asset.key.to_string());
        }
        asset
    };
    let assets = graph.indices().map(|index| graph.asset(index).clone());
    AssetGraph::build(assets.map(place).collect()).unwrap()
}
