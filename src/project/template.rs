//! `{{ env }}` and `{{ catalog }}` in paths of the project file.

use assets::declaration::Context;
use assets::{Diagnostic, Place};
use minijinja::{Environment, UndefinedBehavior, context};

/// Renders a path for an environment; what cannot be rendered is reported and left out.
pub(super) fn render_path(
    template: &str,
    names: &Context<'_>,
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    // A path is a line of text: nothing that people mean needs more steps than this.
    engine.set_fuel(Some(10_000));
    let values = if let Some(catalog) = names.catalog {
        context! { env => names.environment, catalog }
    } else {
        context! { env => names.environment }
    };
    let why = match engine.render_str(template, values) {
        Ok(path) if !path.trim().is_empty() => return Some(path),
        Ok(_) => "it comes out empty".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    let message = format!("the path `{template}` cannot be used: {why}");
    let help = "in paths there are `{{ env }}` and, where the environment has one, `{{ catalog }}`";
    diagnostics.push(Diagnostic::error("L007", Some(place.clone()), message).help(help));
    None
}
