//! Every error code is explained in `docs/errors.md`, and every explained code exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::architecture::shipped_texts;

/// What `declaration` answers for a problem without a code, which no problem is.
const NO_CODE: &str = "A000";

fn is_code(word: &str) -> bool {
    let mut chars = word.chars();
    let letter = chars.next().is_some_and(|c| c.is_ascii_uppercase());
    letter && word.len() == 4 && chars.all(|c| c.is_ascii_digit())
}

/// Returns the codes that stand in string literals, with the first file that has each.
fn codes_in_code() -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for folder in ["src", "assets/src", "lineage/src"] {
        for (path, text) in shipped_texts(folder) {
            let literals = text.split('"').filter(|literal| is_code(literal));
            for code in literals.filter(|code| *code != NO_CODE) {
                codes.entry(code.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
    codes
}

/// Returns the codes that head a section.
fn codes_in_documents() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let text = fs::read_to_string(page).unwrap();
    text.lines()
        .filter(|line| line.starts_with("### "))
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| is_code(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_code_is_explained() {
    let explained = codes_in_documents();
    let missing: Vec<String> = codes_in_code()
        .into_iter()
        .filter(|(code, _)| !explained.contains(code))
        .map(|(code, file)| format!("{code} of {file}"))
        .collect();
    assert!(
        missing.is_empty(),
        "not explained in docs/errors.md:\n{}",
        missing.join("\n")
    );
}

#[test]
fn every_explained_code_exists() {
    let existing = codes_in_code();
    let gone: Vec<String> = codes_in_documents()
        .into_iter()
        .filter(|code| !existing.contains_key(code))
        .collect();
    assert!(
        gone.is_empty(),
        "explained, but nothing has these codes: {gone:?}"
    );
}

#[test]
fn codes_are_told_from_other_texts() {
    assert!(is_code("W001"));
    assert!(!is_code("HTTP") && !is_code("W01") && !is_code("w001") && !is_code("W0011"));
}
