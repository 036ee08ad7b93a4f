//! The texts that `init` writes.

use super::found::{Found, Target};
use super::{ASSET_SCHEMA, PROJECT_SCHEMA};

/// Returns the text of `headwater.yml`.
pub(super) fn project_file(found: &Found) -> String {
    let name = quoted(&found.name);
    let catalog = quoted(found.catalog.as_deref().unwrap_or("main"));
    let chosen = found.targets.iter().find(|target| target.is_default);
    let chosen = chosen.or(found.targets.first());
    let default = quoted(chosen.map_or("dev", |target| &target.name));
    let environments: String = if found.targets.is_empty() {
        environment("dev", &catalog, None)
    } else {
        let targets = found.targets.iter();
        targets
            .map(|target| environment(&target.name, &catalog, connection(target)))
            .collect()
    };
    let dbt = dbt_section(found);
    let beside = found.dbt.as_ref().map_or_else(String::new, |dbt| {
        let pattern = dbt.path_to("models/**/*.asset.yml");
        format!(
            "# For files beside dbt models add {}.\n",
            quoted_always(&pattern)
        )
    });
    format!(
        "\
# yaml-language-server: $schema={PROJECT_SCHEMA}
#
# A Headwater project. Check it with `headwater validate`.
version: 1
name: {name}

# One entry for each place the project lives in. `--env NAME` or HEADWATER_ENV chooses another one
# than the default.
default_environment: {default}
environments:
{environments}
{dbt}
# Asset files: tables that dbt does not know, and more about those that it knows.
{beside}assets: [\"assets/**/*.asset.yml\"]

# What builds assets: saved Databricks jobs, by name or id. An asset without a task is only observed.
# tasks:
#   dbt_build:
#     databricks_job: {{ name: \"dbt build\" }}
#     select_parameter: models              # this job parameter takes the model to build
#     limits: {{ max_concurrent_runs: 4 }}

# What every asset has that does not say otherwise.
# defaults:
#   automation: {{ on_change: {{ settle: 2m }} }}
#   freshness: {{ max_lag: 30m, warn: 20m }}
"
    )
}

fn environment(name: &str, catalog: &str, connection: Option<String>) -> String {
    let name = quoted(name);
    let databricks = connection.unwrap_or_else(|| {
        "    # The workspace whose jobs rebuild tables. Credentials come from a profile or from\n    \
         # variables (DATABRICKS_CLIENT_ID and so on), never from this file.\n    \
         # databricks: { profile: dev }\n"
            .to_owned()
    });
    format!(
        "  {name}:\n    catalog: {catalog}    # what {{{{ catalog }}}} stands for\n{databricks}"
    )
}

fn connection(target: &Target) -> Option<String> {
    let (key, value) = match (&target.host, &target.profile) {
        (Some(host), _) => ("host", host),
        (None, Some(profile)) => ("profile", profile),
        (None, None) => return None,
    };
    let value = quoted_always(value);
    Some(format!("    databricks: {{ {key}: {value} }}\n"))
}

fn dbt_section(found: &Found) -> String {
    let (manifest, mark) = match &found.dbt {
        Some(dbt) if dbt.has_manifest => (dbt.manifest(), ""),
        Some(dbt) => (dbt.manifest(), "# "),
        None => ("dbt/target/manifest.json".to_owned(), "# "),
    };
    let manifest = quoted_always(&manifest);
    let missing = match &found.dbt {
        Some(dbt) if !dbt.has_manifest => {
            "# `dbt compile` writes the manifest; uncomment this then.\n"
        }
        Some(_) | None => "",
    };
    format!(
        "# dbt projects: their models, sources, tests and exposures become assets.\n{missing}\
         {mark}dbt:\n\
         {mark}  - manifest: {manifest}\n\
         {comment}    # task: dbt_build    # the task below that builds its models\n",
        comment = if mark.is_empty() { "" } else { "# " },
    )
}

/// Returns the text of the first asset file.
pub(super) fn asset_file(found: &Found) -> String {
    let knows_dbt = found.dbt.as_ref().is_some_and(|dbt| dbt.has_manifest);
    let head = format!(
        "# yaml-language-server: $schema=../{ASSET_SCHEMA}\n#\n\
         # Assets: tables with what is promised about them. Every `*.asset.yml` in this folder is read.\n"
    );
    if knows_dbt {
        // What dbt knows is an asset already; an invented one would only be in the way.
        let lines = EXAMPLE.lines();
        let commented: Vec<String> = lines
            .map(|line| format!("# {line}").trim_end().to_owned())
            .collect();
        let example = commented.join("\n");
        return format!("{head}# What dbt knows needs no entry here.\nassets: []\n\n{example}\n");
    }
    format!("{head}# Put your own names here.\nassets:\n{EXAMPLE}")
}

const EXAMPLE: &str = "  - key: bronze.orders
    kind: source                              # written by somebody else; only observed
    relation: \"{{ catalog }}.bronze.orders\"   # or path: \"lake/bronze/orders\" for a table on disk
    freshness: { max_age: 1d }                # new data at least daily
    owner: ingestion

  - key: silver.orders
    relation: \"{{ catalog }}.silver.orders\"
    depends_on:
      - { asset: bronze.orders }
    freshness: { max_lag: 30m }               # shows what its upstreams have, half an hour later
    owner: data-platform
    # task:                                   # what rebuilds it when it is behind
    #   databricks_job: { name: silver_orders }
";

/// Writes a text as a YAML key or value, in quotes where it needs them.
fn quoted(text: &str) -> String {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let word = text.to_ascii_lowercase();
    let means_else = matches!(
        &*word,
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if starts_well && text.chars().all(is_plain) && !means_else {
        return text.to_owned();
    }
    quoted_always(text)
}

/// Writes a text in double quotes; a JSON text is one of YAML, too. `$` begins no variable.
fn quoted_always(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_stand_without_quotes() {
        for (text, expected) in [
            ("dev", "dev"),
            ("dev-2", "dev-2"),
            ("on", "\"on\""),
            ("1st", "\"1st\""),
            ("a b: c", "\"a b: c\""),
            ("a\"b", "\"a\\\"b\""),
            ("${HOME}", "\"$${HOME}\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
