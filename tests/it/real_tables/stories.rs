//! What is said of a table that changes between two looks: dropped, made again, rolled back,
//! replaced, copied, cleaned beyond what was seen.

use std::fs;
use std::path::Path;

use serde_json::Value;
use walkdir::WalkDir;

use super::catalogue::{Catalogue, list, name_of, project, text};
use super::compare::differences;
use crate::program::run;

const ASSET: &str = "tables.story";

#[test]
fn tables_that_change_between_looks_are_recognized() {
    let Some(catalogue) = Catalogue::generated() else {
        return;
    };
    let wrong: Vec<String> = catalogue
        .stories()
        .flat_map(|story| play(&catalogue, story))
        .collect();
    let (count, wrong) = (wrong.len(), wrong.join("\n"));
    assert!(count == 0, "{count} differences:\n{wrong}");
}

/// Puts one state after the other in place, looks after each, and returns what is said wrongly.
fn play(catalogue: &Catalogue, story: &Value) -> Vec<String> {
    let lake = tempfile::tempdir().unwrap();
    let place = lake.path().join("table");
    let project = project([(ASSET.to_owned(), place.clone(), &Value::Null)]);
    let mut wrong = Vec::new();
    for step in list(story, "steps") {
        if place.exists() {
            fs::remove_dir_all(&place).unwrap();
        }
        if let Some(state) = step["folder"].as_str() {
            copy(&catalogue.place(state), &place);
        }
        let name = format!("{}, {}", name_of(story), text(step, "what"));
        for _ in 1..step["looks"].as_u64().unwrap() {
            run(project.path(), "observe -o json");
        }
        let ran = run(project.path(), "observe -o json");
        assert!(matches!(ran.exit, 0 | 5), "{name}: {ran:?}");
        wrong.extend(differences(
            &name,
            &step["observe"],
            &ran.json()["tables"][0],
        ));
    }
    wrong
}

/// Copies a folder with the times of its files.
fn copy(from: &Path, to: &Path) {
    for entry in WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
            continue;
        }
        fs::copy(entry.path(), &target).unwrap();
        let changed = entry.metadata().unwrap().modified().unwrap();
        let file = fs::File::options().write(true).open(target).unwrap();
        file.set_modified(changed).unwrap();
    }
}
