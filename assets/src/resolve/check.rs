//! What must be there, and what must not be there twice.

use std::collections::BTreeMap;

use super::DbtInput;
use super::merge::unknown_task;
use crate::asset::Asset;
use crate::condition::Condition;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::task::Tasks;

/// Reports dbt projects that are built by a task that does not exist.
pub(super) fn project_tasks(dbt: &[DbtInput], tasks: &Tasks, diagnostics: &mut Vec<Diagnostic>) {
    for project in dbt {
        let Some(task) = project
            .task
            .as_ref()
            .filter(|task| !tasks.contains_key(*task))
        else {
            continue;
        };
        let file = &project.manifest.file;
        let message =
            format!("the dbt project of `{file}` names the task `{task}`, which is not there");
        diagnostics.push(unknown_task(
            "R004",
            project.place.clone(),
            message,
            task,
            tasks,
        ));
    }
}

/// Reports tables that two assets claim.
pub(super) fn locations(assets: &[Asset], diagnostics: &mut Vec<Diagnostic>) {
    let mut relations = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for asset in assets {
        if let Some(relation) = &asset.relation {
            let first = relations.entry(relation).or_insert(asset);
            if first.key != asset.key {
                diagnostics.push(shared(
                    "R006",
                    "relation",
                    &relation.to_string(),
                    first,
                    asset,
                ));
            }
        }
        if let Some(path) = &asset.path {
            let first = paths.entry(plain(path)).or_insert(asset);
            if first.key != asset.key {
                diagnostics.push(shared("R007", "path", path, first, asset));
            }
        }
    }
}

/// The same folder may be written with `./` before and `/` after it.
fn plain(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let mut rest = path;
    while let Some(inner) = rest.strip_prefix("./") {
        rest = inner.trim_start_matches('/');
    }
    rest
}

fn shared(
    code: &'static str,
    what: &str,
    value: &str,
    first: &Asset,
    second: &Asset,
) -> Diagnostic {
    let message = format!(
        "`{}` and `{}` have the same {what}, `{value}`",
        first.key, second.key
    );
    let diagnostic = Diagnostic::error(code, second.declared_at.clone(), message);
    let diagnostic = match &first.declared_at {
        Some(place) => diagnostic.note(format!(
            "`{}` stands at {}:{}:{}",
            first.key, place.file, place.line, place.column
        )),
        None => diagnostic,
    };
    diagnostic.help("a table is one asset: keep one of the two, or correct where the other lives")
}

/// Automations that ask for what the asset does not have: deadlines, or an upstream.
pub(super) fn automations(assets: &[Asset], diagnostics: &mut Vec<Diagnostic>) {
    for asset in assets.iter().filter(|asset| asset.is_built_here()) {
        let freshness = &asset.freshness;
        if asset.automation.needs_forecast()
            && freshness.deadlines.is_empty()
            && freshness.max_lag.is_none()
        {
            let message = format!(
                "`{}` is built before its deadlines, and has none",
                asset.key
            );
            let problem = Diagnostic::error("R016", asset.declared_at.clone(), message);
            let help = "add `freshness: { deadlines: … }` or `max_lag`";
            diagnostics.push(problem.help(help));
        }
        for leaf in asset.automation.condition().leaves() {
            if let Condition::Changed(Some(upstream)) = leaf
                && !asset.upstreams.iter().any(|edge| edge.asset == *upstream)
            {
                let message = format!(
                    "`{}` is built when `{upstream}` changed, which it does not read",
                    asset.key
                );
                let names = asset.upstreams.iter().map(|edge| edge.asset.as_str());
                let help = match did_you_mean(upstream.as_str(), names) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name one of its upstreams, or add it to `depends_on`".to_owned(),
                };
                let problem = Diagnostic::error("R017", asset.declared_at.clone(), message);
                diagnostics.push(problem.help(help));
            }
        }
    }
}

/// Bounds on how old a partition may be, of what has no partitions of time.
pub(super) fn lookbacks(assets: &[Asset], diagnostics: &mut Vec<Diagnostic>) {
    let bounded = assets.iter().filter(|asset| asset.lookback.is_some());
    for asset in bounded {
        let is_of_time = |partitions: &crate::partition::Partitions| partitions.has_windows();
        if asset.partitions.as_ref().is_some_and(is_of_time) {
            continue;
        }
        let message = format!(
            "`{}` has a `lookback`, and no partitions that are windows of time",
            asset.key
        );
        let problem = Diagnostic::error("R021", asset.declared_at.clone(), message);
        diagnostics.push(problem.help("add `partitions: { daily: … }`, or leave `lookback` out"));
    }
}
