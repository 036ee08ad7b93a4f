//! Texts made to hurt: each ends soon, with a place and without a panic.

use proptest::prelude::*;
use serde_json::json;

use crate::declaration::{MAX_BYTES, mask_tokens, parse_headwater_block};
use crate::diagnostic::Diagnostic;

use super::{assets, context, problems_of};

fn only_code(text: &str) -> &'static str {
    let problems = problems_of("a.yml", text);
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    assert!(problems[0].place.is_some());
    codes[0]
}

#[test]
fn fault_44_depth_and_size_are_bounded() {
    assert_eq!(only_code(&"[".repeat(100_000)), "A002");
    assert_eq!(only_code(&"- ".repeat(100_000)), "A002");
    assert_eq!(only_code(&"{a: ".repeat(100_000)), "A002");
    assert_eq!(only_code(&"#".repeat(MAX_BYTES + 1)), "A002");
    assert_eq!(
        only_code(&format!("assets: [{}]", "1,".repeat(60_000))),
        "A002"
    );
}

#[test]
fn fault_44_a_file_of_nothing_but_problems_is_cut_off() {
    let wrong = "  - { key: a b, onwer: c }\n".repeat(5_000);
    let problems = problems_of("a.yml", &format!("assets:\n{wrong}"));
    assert_eq!(problems.len(), 201);
    let cut_off = problems
        .iter()
        .any(|problem| problem.message.contains("after 200 problems"));
    assert!(cut_off);

    let keys: Vec<String> = (0..20_000).map(|i| format!("k{i}: 1")).collect();
    assert_eq!(problems_of("a.yml", &keys.join("\n")).len(), 201);
}

#[test]
fn fault_44_a_long_scalar_is_not_repeated() {
    let text = format!("assets: {}", "x".repeat(900_000));
    let problems = problems_of("a.yml", &text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.len() < 200, "{}", problems[0].message);

    for text in [
        format!("assets: [ {{ key: {} }} ]", "x".repeat(900_000)),
        format!("assets: [ {{ key: a, kind: {} }} ]", "x".repeat(900_000)),
        format!(
            "assets: [ {{ key: a, relation: {} }} ]",
            "x.".repeat(400_000)
        ),
        format!("assets: [ {{ ? {} : a }} ]", "x".repeat(900_000)),
        format!(
            "assets: [ {{ key: a, freshness: {{ max_lag: {}m }} }} ]",
            "9".repeat(900_000)
        ),
    ] {
        for problem in problems_of("a.yml", &text) {
            let length = problem.message.len() + problem.help.map_or(0, |help| help.len());
            assert!(length < 1_000, "{}", problem.code);
        }
    }
}

#[test]
fn prefixes_of_tokens_cost_no_more_than_their_length() {
    let text = "dapi-".repeat(200_000);
    assert!(
        problems_of("a.yml", &text)
            .iter()
            .all(|problem| problem.code == "A005")
    );
    let tokens = "dapi12345678 ".repeat(70_000);
    assert_eq!(problems_of("a.yml", &tokens).len(), 201);
    let masked = mask_tokens(&tokens);
    assert!(masked.len() == tokens.len() && !masked.contains("dapi"));
}

#[test]
fn a_large_project_loads() {
    let entry = |i: usize| {
        format!(
            "  - key: mart.table_{i}\n    relation: '{{{{ catalog }}}}.mart.table_{i}'\n    \
             depends_on: [raw.table_{i}]\n    freshness: {{ max_lag: 5m }}\n"
        )
    };
    let entries: Vec<String> = (0..3_000).map(entry).collect();
    let (read, problems) = assets(&format!("assets:\n{}", entries.concat()));
    assert!(problems.is_empty());
    assert_eq!(read.len(), 3_000);
}

#[test]
fn a_block_of_a_dbt_node_names_the_node_and_the_path() {
    let value = json!({ "onwer": "x", "freshness": { "max_lag": "soon" }, "task": "nightly" });
    let file = "target/manifest.json".into();
    let (asset, problems) = parse_headwater_block(&file, "model.shop.orders", &value, &context());
    let asset = asset.unwrap();
    assert!(asset.key.is_none() && asset.task.is_some());
    let told: Vec<_> = problems
        .iter()
        .map(|problem| {
            (
                problem.code,
                problem.message.as_str(),
                problem.notes.join(""),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "A004",
                "unknown key `onwer`, in `config.meta.headwater` of `model.shop.orders`",
                "at `onwer`".to_owned()
            ),
            (
                "A010",
                "`soon` is not a duration: it is not a whole number with a unit, \
                 in `config.meta.headwater` of `model.shop.orders`",
                "at `freshness.max_lag`".to_owned()
            ),
        ]
    );

    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let (asset, problems) = parse_headwater_block(&file, "model.a.b", &deep, &context());
    assert!(asset.is_none());
    assert!(problems.iter().any(Diagnostic::is_error));
}

/// Texts near to what people write: words of the format with punctuation between them.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "assets",
        "key",
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a",
        "*a",
        "a.b",
        "freshness",
        "max_lag",
        "5m",
        "\"",
        "'",
        "${SECRET}",
        "${X",
        "{{",
        "}}",
        "catalog",
        "relation",
        "task",
        "version",
        "1",
        "name",
        "environments",
        "|",
        ">",
        "!",
        "#",
        "\t",
        "\r",
        "\u{feff}",
        "\u{0}",
        "é",
        "<<",
        "?",
        "~",
        "on_change",
        "automation",
        "---",
        "%",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

fn check_any(text: &str) -> Result<(), TestCaseError> {
    for name in ["a.yml", "project.yml"] {
        for problem in problems_of(name, text) {
            let place = problem.place.unwrap();
            prop_assert!(place.line >= 1 && place.column >= 1);
            prop_assert!(text.get(place.span).is_some(), "{name}: {text:?}");
            prop_assert!(!problem.message.contains("hunter2"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn fault_44_any_text_is_read_or_told_what_is_wrong(text in ".{0,200}") {
        check_any(&text)?;
    }

    #[test]
    fn fault_44_any_bytes_that_are_text_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_any(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn fault_44_what_is_nearly_yaml_is_read_or_told_what_is_wrong(text in nearly_yaml()) {
        check_any(&text)?;
    }
}
