//! Every fixture with what is said of it, and both schemas against all of them.

use serde_json::Value;

use crate::declaration::{schema_asset, schema_project};
use crate::diagnostic::Diagnostic;

use super::{SECRET, fixtures, problems_of, render};

/// Codes of problems that a JSON Schema can see: keys, kinds of values, and words.
const SEEN_BY_SCHEMA: [&str; 4] = ["004", "005", "006", "007"];

fn check(kind: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../../../fixtures/declarations/{kind}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, text) in fixtures(kind) {
            let rendered = render(&problems_of(&name, &text));
            assert!(!rendered.contains("hunter2"), "{name} shows a variable");
            assert!(!rendered.contains("dapi0"), "{name} shows a token");
            insta::assert_snapshot!(name.trim_end_matches(".yml"), rendered);
        }
    });
}

#[test]
fn bad_declarations_are_told_what_is_wrong() {
    assert!(SECRET.contains("hunter2"));
    for (name, text) in fixtures("bad") {
        let problems = problems_of(&name, &text);
        assert!(problems.iter().any(Diagnostic::is_error), "{name}");
    }
    check("bad");
}

#[test]
fn good_declarations_have_no_errors() {
    for (name, text) in fixtures("good") {
        let problems = problems_of(&name, &text);
        assert!(
            !problems.iter().any(Diagnostic::is_error),
            "{name}: {}",
            render(&problems)
        );
    }
    check("good");
}

#[test]
fn places_point_at_what_they_speak_of() {
    for (name, text) in fixtures("bad") {
        for problem in problems_of(&name, &text) {
            let place = problem.place.unwrap();
            assert!(text.get(place.span.clone()).is_some(), "{name} {place:?}");
            if place.span.is_empty() {
                continue;
            }
            let before = &text[..place.span.start];
            let line = before.matches('\n').count() + 1;
            assert_eq!(place.line, line, "{name}: {}", problem.message);
        }
    }
}

#[test]
fn the_schemas_agree_with_the_reader() {
    let project = jsonschema::draft7::new(&schema_project()).unwrap();
    let asset = jsonschema::draft7::new(&schema_asset()).unwrap();
    for kind in ["good", "bad"] {
        for (name, text) in fixtures(kind) {
            let Ok(value) = serde_saphyr::from_str::<Value>(&text) else {
                continue;
            };
            if value.is_null() || name.starts_with("alias-") {
                continue;
            }
            let schema = if name.starts_with("project") {
                &project
            } else {
                &asset
            };
            let problems = problems_of(&name, &text);
            let seen = problems
                .iter()
                .any(|problem| SEEN_BY_SCHEMA.contains(&&problem.code[1..]));
            if kind == "good" {
                let errors: Vec<String> = schema
                    .iter_errors(&value)
                    .map(|error| format!("{error} at {}", error.instance_path()))
                    .collect();
                assert!(errors.is_empty(), "{name}: {errors:?}");
            } else if seen {
                assert!(!schema.is_valid(&value), "{name} is valid by the schema");
            }
        }
    }
}
