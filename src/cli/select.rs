//! The assets that a command was asked about.

use lineage::{AssetGraph, AssetIndex, Selection};

use super::Context;
use super::arguments::SelectArgs;
use crate::error::{CommandError, Exit};

/// Reads a selection.
///
/// # Errors
///
/// Says where it stops making sense.
pub fn parse(args: &SelectArgs) -> Result<Selection, CommandError> {
    Selection::parse_with_exclude(&args.select, &args.exclude).map_err(|error| {
        CommandError::from_chain("C005", Exit::Usage, &error).hint(
            "write names, `+upstream`, `downstream+2`, `tag:finance`; commas intersect, blanks unite",
        )
    })
}

/// Finds the assets in key order; `health` says in one word how an asset is, for `health:`.
///
/// A name that nothing has is a warning, and an error where nothing at all is left. That no asset
/// is of some health is neither.
///
/// # Errors
///
/// Where names were given and none of them names an asset.
pub fn find<'a>(
    context: &Context,
    graph: &AssetGraph,
    selection: &Selection,
    health: &'a dyn Fn(AssetIndex) -> &'a str,
) -> Result<Vec<AssetIndex>, CommandError> {
    let selected = selection.evaluate(graph, health);
    let unknown = selected
        .unmatched
        .iter()
        .filter(|unmatched| !unmatched.criterion.contains("health:"));
    let mut problems = Vec::new();
    for unmatched in unknown {
        let message = format!("no asset is named by `{}`", unmatched.criterion);
        let hint = unmatched.suggestion.as_ref();
        problems.push((
            message,
            hint.map(|meant| format!("did you mean `{meant}`?")),
        ));
    }
    if selected.assets.is_empty()
        && let Some((message, hint)) = problems.first()
    {
        let others = problems.iter().skip(1).map(|(message, _)| message);
        let error = CommandError::new("C006", Exit::Usage, message);
        let error = others.fold(error, CommandError::because);
        let hint = hint.as_deref();
        return Err(error.hint(hint.unwrap_or("`headwater ls` lists every asset")));
    }
    for (message, hint) in &problems {
        context.output.warn(message, hint.as_deref());
    }
    Ok(selected.assets)
}
