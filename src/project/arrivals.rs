//! An arrivals file: what a simulation is to assume, as far as the project has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use assets::declaration::{Context, parse_arrivals_file};
use assets::task::TaskName;
use assets::workload::{Arrivals, Workload};
use assets::{AssetKey, Diagnostic, did_you_mean};
use lineage::{AssetGraph, Selection};

use super::read::read_text;
use super::{Loaded, Sources};

/// What an arrivals file says.
#[derive(Debug)]
pub struct ArrivalsFile {
    /// How runs go.
    pub workload: Workload,
    /// What arrives, source by source.
    pub arrivals: BTreeMap<AssetKey, Arrivals>,
    /// Everything that is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that they speak of.
    pub sources: Sources,
}

/// Reads an arrivals file and finds its sources and tasks in a project.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn load_arrivals(
    path: &Path,
    (loaded, graph): (&Loaded, &AssetGraph),
    variables: &dyn Fn(&str) -> Option<String>,
) -> std::io::Result<ArrivalsFile> {
    let text = read_text(path)?;
    let file: Arc<str> = path.display().to_string().into();
    let context = Context {
        environment: &loaded.environment_name,
        catalog: loaded.environment.catalog.as_deref(),
        variables,
        calendars: &loaded.project.calendars,
    };
    let (workload, mut diagnostics) = parse_arrivals_file(&file, &text, &context);
    let arrivals = found(graph, &workload, &mut diagnostics);
    let known: Vec<&str> = loaded.tasks.keys().map(TaskName::as_str).collect();
    for (task, (_, place)) in &workload.tasks {
        if loaded.tasks.contains_key(task) {
            continue;
        }
        let message = format!("the project has no task `{task}`");
        let problem = Diagnostic::error("L012", Some(place.clone()), message);
        diagnostics.push(match did_you_mean(task.as_str(), known.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem
                .help("write a name under `tasks:`, or the key of an asset with a task of its own"),
        });
    }
    let mut sources = Sources::default();
    sources.insert(&file, text);
    Ok(ArrivalsFile {
        workload,
        arrivals,
        diagnostics,
        sources,
    })
}

/// Finds the sources that selections name. A source's own name wins over whatever else names it.
fn found(
    graph: &AssetGraph,
    workload: &Workload,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<AssetKey, Arrivals> {
    let mut found: BTreeMap<AssetKey, (bool, &str, Arrivals)> = BTreeMap::new();
    for (select, arrivals) in &workload.sources {
        let mut refuse = |message: String, help: String| {
            let problem = Diagnostic::error("L012", Some(arrivals.place.clone()), message);
            diagnostics.push(problem.help(help));
        };
        let is_own = graph.index_of(select).is_some();
        let selection = match Selection::parse(select) {
            Ok(selection) => selection,
            Err(error) => {
                let message = format!("`{select}` is no selection of sources: {error}");
                refuse(
                    message,
                    "write the key of a source, or such as `tag:cdc`".to_owned(),
                );
                continue;
            }
        };
        let selected = selection.evaluate(graph, &|_| "");
        if let Some(unmatched) = selected.unmatched.first() {
            let message = format!("no asset is named by `{}`", unmatched.criterion);
            let meant = unmatched.suggestion.as_ref();
            let meant = meant.map(|meant| format!("did you mean `{meant}`?"));
            refuse(
                message,
                meant.unwrap_or_else(|| "`headwater ls` lists every asset".to_owned()),
            );
            continue;
        }
        let assets = selected.assets.iter().map(|index| graph.asset(*index));
        let arriving: Vec<&AssetKey> = assets
            .filter(|asset| !asset.is_built_here() && asset.kind.has_table())
            .map(|asset| &asset.key)
            .collect();
        if arriving.is_empty() {
            let message = format!("nothing arrives at `{select}`: what it names is built here");
            refuse(
                message,
                "name what is not built by a task of the project".to_owned(),
            );
        }
        for key in arriving {
            if let Some((was_own, other, _)) = found.get(key) {
                if *was_own {
                    continue;
                }
                if !is_own {
                    let message = format!("`{key}` is named by `{other}` and by `{select}`");
                    refuse(
                        message,
                        format!("add an entry for `{key}` itself, which wins"),
                    );
                    continue;
                }
            }
            found.insert(key.clone(), (is_own, select, arrivals.clone()));
        }
    }
    let found = found.into_iter();
    found
        .map(|(key, (_, _, arrivals))| (key, arrivals))
        .collect()
}
