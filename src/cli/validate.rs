//! `validate`: everything that is wrong with a project, without touching anything but its files.

use super::Context;
use super::diagnostics::{Diagnostics, render, summary};
use super::human::counted;
use crate::error::{CommandError, Exit};
use crate::project::{Loaded, ProjectError, load};

pub(super) fn run(context: &Context) -> Result<Exit, CommandError> {
    let lookup = |name: &str| context.variables.get(name).map(str::to_owned);
    let loaded = load(
        &context.directory,
        context.project.as_deref(),
        context.environment.as_deref(),
        &lookup,
    );
    let (document, text) = match loaded {
        Ok(loaded) => (document_of(&loaded), text_of(&loaded)),
        Err(ProjectError::Broken {
            diagnostics,
            sources,
            ..
        }) => {
            let text = render(&diagnostics, &sources) + &summary(&diagnostics) + "\n";
            (Diagnostics::of(&diagnostics), text)
        }
        Err(error) => return Err(error.into()),
    };
    let exit = match document.errors {
        0 => Exit::Done,
        _ => Exit::Usage,
    };
    context.output.emit(&document, || text)?;
    Ok(exit)
}

/// Counts assets, tasks and edges of a sound project.
fn sizes(loaded: &Loaded) -> Option<[usize; 3]> {
    let graph = loaded.graph.as_ref()?;
    let edges = graph.indices().map(|index| graph.upstreams(index).len());
    Some([graph.len(), loaded.tasks.len(), edges.sum()])
}

fn document_of(loaded: &Loaded) -> Diagnostics {
    let mut document = Diagnostics::of(&loaded.diagnostics);
    if let Some([assets, tasks, edges]) = sizes(loaded) {
        document.assets = Some(assets);
        document.tasks = Some(tasks);
        document.edges = Some(edges);
    }
    document
}

fn text_of(loaded: &Loaded) -> String {
    let problems = render(&loaded.diagnostics, &loaded.sources);
    let sizes = sizes(loaded).map(|[assets, tasks, edges]| {
        let (assets, tasks) = (counted(assets, "asset"), counted(tasks, "task"));
        format!("{assets}, {tasks}, {}: ok", counted(edges, "edge"))
    });
    let found = (!loaded.diagnostics.is_empty()).then(|| summary(&loaded.diagnostics));
    let verdict: Vec<String> = [sizes, found].into_iter().flatten().collect();
    problems + &verdict.join(", ") + "\n"
}
