//! The bounded part of fuzzing: every kept input, every large one, and mutations of both kinds of
//! kept ones, through the laws of each target. The same inputs in every run.
//!
//! `make fuzz` goes on from here, without bounds; see the README of this folder.

#![cfg(test)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use hostile::{Chance, Corpus, TARGETS, large_inputs, mutate};

/// Hands one input to a target; where a law is broken, keeps the input and says where.
fn hand(target: &str, what: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-input"));
        std::fs::write(&file, bytes).unwrap();
        panic!(
            "{target}: {what} breaks a law; the input is in {}",
            file.display()
        );
    }
}

fn replay(target: &str, mutations: usize) {
    let corpus = Corpus::of(target).unwrap();
    assert!(
        corpus.seeds.len() >= 5 && corpus.words.len() >= 10,
        "{target} has hardly anything kept"
    );
    for seed in &corpus.seeds {
        hand(target, &seed.name, &seed.bytes);
    }
    let mut chance = Chance::new(u64::try_from(mutations).unwrap());
    for number in 0..mutations {
        let seed = chance.pick(&corpus.seeds).unwrap();
        let other = chance.pick(&corpus.seeds).unwrap();
        let input = mutate(&seed.bytes, &other.bytes, &corpus.words, &mut chance);
        hand(
            target,
            &format!("mutation {number} of {}", seed.name),
            &input,
        );
    }
}

fn replay_large(target: &str) {
    let all = large_inputs(target);
    assert!(!all.is_empty());
    for seed in all {
        hand(target, &seed.name, &seed.bytes);
    }
}

#[test]
fn fault_40_damaged_manifests_are_refused_with_a_place_or_read_as_they_are() {
    replay("manifest", 1_500);
}

#[test]
fn fault_40_deep_and_wide_manifests_end_soon() {
    replay_large("manifest");
}

#[test]
fn fault_44_hostile_asset_files_are_read_or_told_where_they_are_wrong() {
    replay("asset_file", 3_000);
}

#[test]
fn fault_44_deep_and_wide_asset_files_end_soon() {
    replay_large("asset_file");
}

#[test]
fn fault_44_hostile_project_files_are_read_or_told_where_they_are_wrong() {
    replay("project_file", 3_000);
}

#[test]
fn fault_44_deep_and_wide_project_files_end_soon() {
    replay_large("project_file");
}

#[test]
fn fault_33_damaged_commits_are_refused_and_none_passes_for_the_whole() {
    replay("delta_commit", 5_000);
}

#[test]
fn fault_33_deep_and_wide_commits_end_soon() {
    replay_large("delta_commit");
}

#[test]
fn damaged_answers_settle_nothing() {
    replay("api_answer", 5_000);
}

#[test]
fn deep_and_wide_answers_end_soon() {
    replay_large("api_answer");
}

#[test]
fn any_selection_means_what_its_parts_mean() {
    replay("selection", 5_000);
}

#[test]
fn long_selections_end_soon() {
    replay_large("selection");
}

#[test]
fn fault_43_any_graph_is_built_or_refused_for_what_is_wrong_with_it() {
    replay("graph", 2_000);
}

#[test]
fn fault_43_steps_without_end_make_a_graph() {
    replay_large("graph");
}

#[test]
fn every_target_has_a_fuzzer_a_corpus_and_a_dictionary() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| {
        let entries = std::fs::read_dir(here.join(folder)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| stem(entry.unwrap().path())).collect();
        names.sort_unstable();
        names
    };
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for folder in ["fuzz_targets", "corpus", "dictionaries"] {
        assert_eq!(names(folder), targets, "{folder}");
    }
    let manifest = std::fs::read_to_string(here.join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
            "{target}"
        );
    }
}
