//! What the pages in `docs` promise: examples that load, and every code explained.

use std::path::PathBuf;

use serde_json::Value;

use crate::declaration::{explanations, schema_asset, schema_project};
use crate::diagnostic::Diagnostic;

use super::{problems_of, render};

fn page(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Returns the fenced YAML blocks of a page, each with the line it begins on.
fn examples(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match &mut open {
            None if line == "```yaml" => open = Some((number + 1, String::new())),
            None => {}
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
}

#[test]
fn every_example_of_the_reference_loads_and_keeps_the_schema() {
    let project = jsonschema::draft7::new(&schema_project()).unwrap();
    let asset = jsonschema::draft7::new(&schema_asset()).unwrap();
    let examples = examples(&page("declaring.md"));
    assert!(examples.len() >= 8, "{}", examples.len());
    for (line, text) in examples {
        let is_project = text.contains("version: 1");
        let (name, schema) = if is_project {
            ("headwater.yml", &project)
        } else {
            ("example.yml", &asset)
        };
        let problems = problems_of(name, &text);
        let told = render(&problems);
        assert!(
            !problems.iter().any(Diagnostic::is_error),
            "line {line}: {told}"
        );
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        assert!(schema.is_valid(&value), "line {line} breaks the schema");
    }
}

#[test]
fn every_code_is_explained_in_the_list_of_errors() {
    let page = page("errors.md");
    for row in explanations() {
        let codes: Vec<&str> = [row.asset_code, row.project_code]
            .into_iter()
            .flatten()
            .collect();
        let section = format!(
            "### {}\n\n{}\n\n- Usual cause: {}\n- What to do: {}\n",
            codes.join(", "),
            row.happened,
            row.cause,
            row.remedy
        );
        assert!(page.contains(&section), "docs/errors.md lacks:\n{section}");
    }
}

#[test]
fn no_code_stands_for_two_problems() {
    let mut codes: Vec<&str> = explanations()
        .iter()
        .flat_map(|row| [row.asset_code, row.project_code])
        .flatten()
        .collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
    assert!(codes.iter().all(|code| code.len() == 4));
}
