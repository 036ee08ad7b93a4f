//! The assets that a command was asked about.

use lineage::{AssetGraph, AssetIndex, Selection};

use super::Context;
use super::arguments::SelectArgs;
use crate::error::{CommandError, Exit};
use crate::plan::Health;

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
/// A name that nothing has is a warning, and an error where nothing at all is left; so is a word that
/// is no health. That no asset is of some health is neither.
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
    let mut problems = Vec::new();
    for unmatched in &selected.unmatched {
        let hint = match unmatched.criterion.split_once("health:") {
            Some((_, word)) if may_be_health(word) => continue,
            Some(_) => Some(known_healths()),
            None => {
                let meant = unmatched.suggestion.as_ref();
                meant.map(|meant| format!("did you mean `{meant}`?"))
            }
        };
        let message = format!("no asset is named by `{}`", unmatched.criterion);
        problems.push((message, hint));
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

/// Says which words `health:` and `--fail-on` take, the worst first.
pub fn known_healths() -> String {
    let known: Vec<&str> = Health::ALL.iter().map(|health| health.as_str()).collect();
    format!("a health is one of: {}", known.join(", "))
}

/// Returns whether an asset could have this health; what follows the word is an operator.
fn may_be_health(pattern: &str) -> bool {
    let word = pattern.trim_end_matches(|c: char| c == '+' || c.is_ascii_digit());
    let is_known = Health::ALL.iter().any(|health| health.as_str() == word);
    is_known || word.contains(['*', '?', '['])
}
