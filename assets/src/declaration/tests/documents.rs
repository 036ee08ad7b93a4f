//! What the pages in `docs` promise: examples that load, and every code explained.

use std::path::PathBuf;

use chrono::TimeDelta;
use serde_json::Value;

use crate::declaration::{explanations, parse_arrivals_file, schema_asset, schema_project};
use crate::diagnostic::Diagnostic;
use crate::task::TaskName;
use crate::workload::{Changed, Rhythm, Runs};

use super::{context, problems_of, render};

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
    let of_assets = examples.into_iter().filter(|(_, text)| !is_arrivals(text));
    for (line, text) in of_assets {
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

fn is_arrivals(text: &str) -> bool {
    text.starts_with("sources:")
}

#[test]
fn the_example_of_an_arrivals_file_says_all_that_one_may_say() {
    let examples = examples(&page("declaring.md"));
    let [(_, text)] = &*examples
        .iter()
        .filter(|(_, text)| is_arrivals(text))
        .collect::<Vec<_>>()
    else {
        panic!("one example of an arrivals file");
    };
    let (workload, problems) = parse_arrivals_file(&"arrivals.yml".into(), text, &context());
    assert_eq!(render(&problems), "");
    let minutes = TimeDelta::minutes;
    let orders = &workload.sources["raw.orders"];
    assert_eq!(orders.rhythm, Rhythm::Every(minutes(5)));
    assert_eq!(
        (orders.jitter, orders.partitions),
        (minutes(1), Changed::Latest)
    );
    let nightly = &workload.sources["tag:nightly"];
    assert!(matches!(nightly.rhythm, Rhythm::Schedule(_)));
    assert!((workload.sources["raw.events"].late - 0.02).abs() < 1e-9);
    let (revenue, _) = &workload.tasks[&TaskName::new("revenue")];
    // What a task does not say, all runs do; a spread belongs to its duration.
    let expected = Runs {
        duration: Some(minutes(20)),
        spread: None,
        failure_rate: Some(0.01),
        cost_per_hour: Some(18.0),
    };
    assert_eq!(revenue.or(workload.runs), expected);
    assert_eq!(workload.runs.cost_per_hour, Some(4.5));
    assert_eq!(workload.currency.as_deref(), Some("USD"));
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
