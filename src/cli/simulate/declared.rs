//! What arrives at sources, by an arrivals file.

use std::collections::BTreeMap;
use std::path::Path;

use assets::AssetKey;
use assets::workload::{Arrivals, Workload};

use super::super::Context;
use super::super::diagnostics::{render, summary};
use super::recorded;
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::project::{Loaded, load_arrivals};
use crate::simulate::{Stream, Timing};

/// Reads an arrivals file, and prints what is wrong in it.
pub(super) fn read(
    context: &Context,
    path: &Path,
    loaded: &Loaded,
) -> Result<(Workload, BTreeMap<AssetKey, Arrivals>), CommandError> {
    let refused = |message: String| {
        CommandError::new("C031", Exit::Usage, message)
            .hint("docs/declaring.md shows what may stand in it")
    };
    let Some(graph) = &loaded.graph else {
        return Err(CommandError::bug("a project with errors was not refused"));
    };
    let lookup = |name: &str| context.variables.get(name).map(str::to_owned);
    let file = load_arrivals(path, (loaded, graph), &lookup).map_err(|error| {
        refused(format!("`{}` cannot be read", path.display())).because_of(Some(&error))
    })?;
    if !file.diagnostics.is_empty() {
        let text = render(&file.diagnostics, &file.sources);
        context.output.to_stderr(&text);
        let summary = summary(&file.diagnostics);
        return Err(refused(format!("`{}` has {summary}", path.display())));
    }
    Ok((file.workload, file.arrivals))
}

pub(super) fn stream((source, arrivals): (AssetKey, Arrivals)) -> Stream {
    Stream {
        source,
        timing: Timing::Declared(arrivals),
    }
}

/// Returns the sources that the file does not name, each with that as the reason why nothing arrives there.
pub(super) fn others(app: &App, streams: &[Stream]) -> BTreeMap<AssetKey, String> {
    let sources = recorded::sources(app, streams).into_iter();
    let reason = "the arrivals file does not name it";
    sources
        .map(|index| (app.graph.asset(index).key.clone(), reason.to_owned()))
        .collect()
}
