//! The benchmark graph as a project: declarations as text, and the graph that they make.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use assets::declaration::{Context, Project, parse_asset_file, parse_project};
use assets::resolve::{ResolveInput, resolve};
use assets::task::Tasks;
use lineage::{AssetGraph, AssetIndex};

use crate::bench_graph::{BenchAsset, bench_graph};

/// Assets per asset file.
const PER_FILE: usize = 1_000;

const PROJECT: &str = "
version: 1
name: bench
default_environment: dev
environments:
  dev: {}
assets: [\"assets/*.yml\"]
tasks:
  build:
    databricks_job: { id: 1, parameters: { table: \"{{ asset }}\" } }
limits: { max_concurrent_runs: 1000000 }
";

/// The benchmark graph as it was drawn, with what it was declared as.
pub(crate) struct Declared {
    pub(crate) assets: Vec<BenchAsset>,
    /// The roots that get one new version each.
    pub(crate) touched: Vec<usize>,
    /// The text of `headwater.yml`, then of the asset files.
    pub(crate) texts: Vec<String>,
}

/// A project that was loaded.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    pub(crate) graph: AssetGraph,
    pub(crate) tasks: Tasks,
}

/// Declares a graph of so many assets.
pub(crate) fn declare(count: usize) -> Declared {
    let (assets, touched) = bench_graph(count);
    let mut texts = vec![PROJECT.to_owned()];
    for file in assets.chunks(PER_FILE) {
        texts.push(asset_file(&assets, file));
    }
    Declared {
        assets,
        touched,
        texts,
    }
}

fn asset_file(all: &[BenchAsset], file: &[BenchAsset]) -> String {
    let mut text = "assets:\n".to_owned();
    for (name, parents) in file {
        writeln!(text, "  - key: {name}\n    path: {name}").expect("a string takes any text");
        if parents.is_empty() {
            text.push_str("    kind: source\n");
            continue;
        }
        let parents: Vec<&str> = parents
            .iter()
            .filter_map(|parent| all.get(*parent))
            .map(|(name, _)| name.as_str())
            .collect();
        let parents = parents.join(", ");
        writeln!(text, "    depends_on: [{parents}]\n    task: build")
            .expect("a string takes any text");
    }
    text
}

/// Declarations → graph, as the command line does it, without the reading of files.
pub(crate) fn load(texts: &[String]) -> Loaded {
    let (project, asset_files) = texts.split_first().expect("the project's text comes first");
    let no_variables = |_: &str| None;
    let name: Arc<str> = Arc::from("headwater.yml");
    let (project, problems) = parse_project(&name, project, None, &no_variables);
    assert_eq!(problems, []);
    let project = project.expect("the project is complete");
    let context = Context {
        environment: "dev",
        catalog: None,
        variables: &no_variables,
        calendars: &project.calendars,
    };
    let mut declared = Vec::new();
    for (number, text) in asset_files.iter().enumerate() {
        let name = Arc::from(format!("assets/{number}.yml"));
        let (assets, problems) = parse_asset_file(&name, text, &context);
        assert_eq!(problems, []);
        declared.extend(assets);
    }
    let resolved = resolve(ResolveInput {
        defaults: project.defaults.clone(),
        tasks: project.tasks.clone(),
        declared,
        dbt: Vec::new(),
    });
    assert_eq!(resolved.diagnostics, []);
    let graph = AssetGraph::build(resolved.assets).expect("the benchmark graph has no cycle");
    Loaded {
        project,
        graph,
        tasks: resolved.tasks,
    }
}

/// Everything downstream of the touched roots.
pub(crate) fn closure(graph: &AssetGraph, declared: &Declared) -> BTreeSet<AssetIndex> {
    let seeds: Vec<AssetIndex> = declared
        .touched
        .iter()
        .map(|root| index(graph, declared, *root))
        .collect();
    graph.descendants_of(&seeds).into_iter().collect()
}

/// The place in the graph of an asset that was drawn.
pub(crate) fn index(graph: &AssetGraph, declared: &Declared, position: usize) -> AssetIndex {
    let drawn = declared.assets.get(position);
    drawn
        .and_then(|(name, _)| graph.index_of(name))
        .expect("every asset was declared")
}
