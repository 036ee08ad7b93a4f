//! The guard against a project that lost many of its assets: a manifest that was cut off, a folder that was
//! not mounted, a filter that matches nothing.

use std::collections::BTreeSet;

use assets::AssetKey;

use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};

/// More than one asset of this many may not go at once.
const ONE_OF: usize = 5;

/// How many of those that are gone are named.
const NAMED: usize = 3;

/// Refuses to work with a project that lost more than a fifth of its assets since the newest pass, unless a
/// person allows it. What is allowed is not asked for in the plan either.
pub(super) fn guard(
    mut app: App,
    store: &StateFile,
    allow_mass_change: bool,
) -> Result<App, CommandError> {
    if allow_mass_change {
        app.limits.confirm_above = None;
        return Ok(app);
    }
    let before = store.declared_assets()?.unwrap_or_default();
    let graph = &app.graph;
    let now: BTreeSet<&AssetKey> = graph
        .indices()
        .map(|index| &graph.asset(index).key)
        .collect();
    let gone: Vec<&AssetKey> = before.iter().filter(|key| !now.contains(key)).collect();
    if gone.len() * ONE_OF <= before.len() {
        return Ok(app);
    }
    let named: Vec<String> = gone
        .iter()
        .take(NAMED)
        .map(|key| format!("`{key}`"))
        .collect();
    let more = if gone.len() > NAMED { ", …" } else { "" };
    let message = format!(
        "{} of {} assets are gone from the project since the last pass ({}{more}): nothing was triggered",
        gone.len(),
        before.len(),
        named.join(", "),
    );
    Err(CommandError::new("C032", Exit::Failed, message)
        .hint("if that is meant: `headwater reconcile --allow-mass-change`, once"))
}
