//! The project on disk: finds `headwater.yml` and turns everything it names into one [`Loaded`].
//!
//! - `find`: the project's folder; `error`: why there is nothing to load at all
//! - `patterns`, `walk`, `asset_files`: globs → files → declarations
//! - `manifests`: dbt manifests → nodes and what they declare
//! - `arrivals`: what a simulation is to assume
//! - `template`: `{{ env }}` in paths
//!
//! What is wrong in files is collected as diagnostics, all of it; only what leaves no project to
//! speak of is an error. Nothing here asks the network, the state file or the process environment:
//! variables come as a function.

mod arrivals;
mod asset_files;
mod error;
mod find;
mod manifests;
mod patterns;
mod read;
mod run_results;
mod snapshots;
mod sources;
mod template;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assets::Diagnostic;
use assets::dbt::TestResults;
use assets::declaration::{Context, Environment, Project, parse_project};
use assets::resolve::{ResolveInput, lend_warehouse, resolve};
use assets::task::Tasks;
use lineage::{AssetGraph, Frozen};

pub use arrivals::{ArrivalsFile, load_arrivals};
pub use error::ProjectError;
pub use find::PROJECT_FILE;
pub use manifests::ManifestFile;
pub use sources::Sources;

/// The error codes of loading with their titles; `docs/errors.md` explains each.
pub const CODES: [(&str, &str); 13] = [
    ("L001", "an asset file cannot be read"),
    ("L002", "a pattern of asset files cannot be used"),
    ("L003", "a pattern matches no file"),
    ("L004", "a link leads out of the project"),
    ("L005", "the dbt manifest is not there"),
    ("L006", "the dbt manifest cannot be read"),
    ("L007", "a template in a path cannot be used"),
    ("L008", "a folder cannot be read"),
    ("L009", "one manifest is named twice"),
    ("L010", "a freeze names no assets"),
    ("L011", "the results of dbt cannot be read"),
    ("L012", "an arrivals file names what there is not"),
    ("L013", "a task is not told which versions to read together"),
];

/// Everything that the files of a project say, for one environment.
#[derive(Debug)]
pub struct Loaded {
    /// The project's folder: where `headwater.yml` lies.
    pub root: PathBuf,
    /// The project file, checked.
    pub project: Project,
    /// The environment in use.
    pub environment_name: String,
    /// What the project says about it.
    pub environment: Environment,
    /// The assets and their edges; absent while there is any error.
    pub graph: Option<AssetGraph>,
    /// The tasks of the project and those that stand inside declarations.
    pub tasks: Tasks,
    /// When which assets are not built.
    pub freezes: Vec<Frozen>,
    /// What dbt told of its tests, in the files beside its manifests.
    pub tests: TestResults,
    /// The dbt manifests that could be read, in file order.
    pub manifests: Vec<ManifestFile>,
    /// Where the state file of the environment lies.
    pub state_path: PathBuf,
    /// Everything that is wrong, in no particular order.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that diagnostics speak of.
    pub sources: Sources,
    /// The files and folders whose changes change what is loaded, sorted; some may not exist.
    pub watched: Vec<PathBuf>,
}

/// What is gathered while files are read.
#[derive(Default)]
struct Gathered {
    diagnostics: Vec<Diagnostic>,
    manifests: Vec<ManifestFile>,
    tests: TestResults,
    sources: Sources,
    watched: BTreeSet<PathBuf>,
}

/// Loads the project of `project_dir`, or the nearest one at or above `start`.
///
/// `environment` is the one asked for; without it the project's default counts. `variables` looks
/// up `${NAME}`.
///
/// # Errors
///
/// Where there is no project file, it cannot be read or understood at all, or it does not declare
/// the environment. Everything else is in [`Loaded::diagnostics`].
pub fn load(
    start: &Path,
    project_dir: Option<&Path>,
    environment: Option<&str>,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, ProjectError> {
    let root = find::project_root(start, project_dir)?;
    let path = root.join(PROJECT_FILE);
    let text = read::read_text(&path).map_err(|source| ProjectError::Unreadable {
        path: path.clone(),
        source,
    })?;
    let file: Arc<str> = PROJECT_FILE.into();
    let (project, diagnostics) = parse_project(&file, &text, environment, variables);
    let mut gathered = Gathered {
        diagnostics,
        ..Gathered::default()
    };
    gathered.sources.insert(&file, text);
    gathered.watched.insert(path.clone());
    let Some(project) = project else {
        return Err(ProjectError::Broken {
            path,
            diagnostics: gathered.diagnostics,
            sources: gathered.sources,
        });
    };
    let name = environment.unwrap_or(&project.default_environment);
    let name = name.to_owned();
    let Some(chosen) = project.environments.get(&name).cloned() else {
        return Err(ProjectError::unknown_environment(&name, &project));
    };
    Ok(load_environment(
        root, project, name, chosen, variables, gathered,
    ))
}

fn load_environment(
    root: PathBuf,
    project: Project,
    name: String,
    environment: Environment,
    variables: &dyn Fn(&str) -> Option<String>,
    mut gathered: Gathered,
) -> Loaded {
    let context = Context {
        environment: &name,
        catalog: environment.catalog.as_deref(),
        variables,
        calendars: &project.calendars,
    };
    let place = gathered.sources.place_of(PROJECT_FILE, &project.state);
    let problems = &mut gathered.diagnostics;
    let state = template::render_path(&project.state, &context, &place, problems);
    let connection = environment.databricks.as_ref();
    let warehouse = connection.and_then(|connection| connection.warehouse.as_deref());
    let (graph, tasks) = read_assets(&root, &project, &context, warehouse, &mut gathered);
    let freezes = graph
        .as_ref()
        .map(|graph| freezes(&project, graph, &mut gathered.diagnostics));
    let graph = graph.filter(|_| !gathered.diagnostics.iter().any(Diagnostic::is_error));
    Loaded {
        state_path: root.join(state.unwrap_or_default()),
        root,
        project,
        environment_name: name,
        environment,
        graph,
        tasks,
        freezes: freezes.unwrap_or_default(),
        diagnostics: gathered.diagnostics,
        manifests: gathered.manifests,
        tests: gathered.tests,
        sources: gathered.sources,
        watched: gathered.watched.into_iter().collect(),
    }
}

/// Finds the assets of each freeze. One that holds nothing back by a mistyped name would let run what
/// must not.
fn freezes(
    project: &Project,
    graph: &AssetGraph,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Frozen> {
    let mut frozen = Vec::new();
    for freeze in &project.freezes {
        match Frozen::new(freeze.clone(), graph) {
            Ok(found) => frozen.push(found),
            Err(error) => {
                let message = format!("the freeze for `{}` cannot be kept: {error}", freeze.reason);
                let problem = Diagnostic::error("L010", Some(freeze.place.clone()), message);
                let problem = match std::error::Error::source(&error) {
                    Some(cause) => problem.note(cause.to_string()),
                    None => problem,
                };
                let help =
                    "write a selection as for `headwater ls`; without one, all assets are meant";
                diagnostics.push(problem.help(help));
            }
        }
    }
    frozen
}

fn read_assets(
    root: &Path,
    project: &Project,
    context: &Context<'_>,
    warehouse: Option<&str>,
    gathered: &mut Gathered,
) -> (Option<AssetGraph>, Tasks) {
    let declared = asset_files::declared_assets(root, project, context, gathered);
    let dbt = manifests::dbt_inputs(root, project, context, gathered);
    let mut resolved = resolve(ResolveInput {
        defaults: project.defaults.clone(),
        tasks: project.tasks.clone(),
        declared,
        dbt,
    });
    lend_warehouse(&mut resolved.assets, warehouse, &mut resolved.diagnostics);
    let resolved_well = !resolved.diagnostics.iter().any(Diagnostic::is_error);
    gathered.diagnostics.extend(resolved.diagnostics);
    let graph = match AssetGraph::build(resolved.assets) {
        Ok(graph) => {
            let warnings = graph.warnings().iter().cloned();
            gathered.diagnostics.extend(warnings);
            let unkept = snapshots::check(&graph, &resolved.tasks);
            gathered.diagnostics.extend(unkept);
            Some(graph)
        }
        Err(problems) => {
            // What could not be resolved is missing from the graph, too: only its cycles are news.
            let is_news = |problem: &Diagnostic| resolved_well || problem.code == "G001";
            let news = problems.into_iter().filter(is_news);
            gathered.diagnostics.extend(news);
            None
        }
    };
    let is_sound = !gathered.diagnostics.iter().any(Diagnostic::is_error);
    (graph.filter(|_| is_sound), resolved.tasks)
}
