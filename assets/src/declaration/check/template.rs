//! Templates in declarations: their syntax, and what they give in one environment.
//!
//! Rendering is bounded by fuel and reaches nothing but the values given: no files, no clock.

use minijinja::{Environment, UndefinedBehavior, context};

use crate::check::THIS;

/// Enough for a name with dozens of expressions; a loop that never ends runs dry at once.
const FUEL: u64 = 10_000;

/// Checks that a text is a template.
pub(super) fn check_syntax(text: &str) -> Result<(), String> {
    environment()
        .template_from_str(text)
        .map(|_| ())
        .map_err(|error| words(&error))
}

/// Renders a text in which `env` and, where there is one, `catalog` may be named.
pub(super) fn render(text: &str, env: &str, catalog: Option<&str>) -> Result<String, String> {
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let result = match catalog {
        Some(catalog) => environment().render_str(text, context! { env, catalog }),
        None => environment().render_str(text, context! { env }),
    };
    result.map_err(|error| words(&error))
}

/// Renders a query in which `this` may be named, too, which stays as it is.
pub(super) fn render_query(text: &str, env: &str, catalog: Option<&str>) -> Result<String, String> {
    let this = THIS;
    let result = match catalog {
        Some(catalog) => environment().render_str(text, context! { this, env, catalog }),
        None => environment().render_str(text, context! { this, env }),
    };
    result.map_err(|error| words(&error))
}

/// Returns whether a text renders as soon as there is a catalog.
pub(super) fn needs_catalog(text: &str) -> bool {
    render(text, "env", Some("catalog")).is_ok() && render(text, "env", None).is_err()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
}

fn words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_the_environment_and_nothing_else() {
        let rendered = render("{{ catalog }}.x_{{ env }}", "prod", Some("main"));
        assert_eq!(rendered.as_deref(), Ok("main.x_prod"));
        assert!(render("{{ catalog }}.x", "prod", None).is_err());
        assert!(render("{{ secret }}", "prod", Some("main")).is_err());
    }

    #[test]
    fn a_long_loop_runs_dry() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(render(endless, "prod", None).is_err());
    }

    #[test]
    fn syntax_is_checked_without_the_values() {
        assert_eq!(check_syntax("{{ inputs['a.b'].starting_version }}"), Ok(()));
        assert!(check_syntax("{{ inputs").is_err());
    }
}
