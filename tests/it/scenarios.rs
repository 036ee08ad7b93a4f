//! Scenarios: the planner's promises, one each, in words (`fixtures/scenarios`).
//!
//! Each file is a story that opens with its promise; beside it lies what the program does and says,
//! line by line. A story plays the real loader, the real pass and the real state in a world in memory
//! with a clock that stands still, so that the same story always tells the same.
//!
//! `INSTA_UPDATE=always` writes the `.out` files, as it does with all golden files here.

mod declared;
mod lake;
mod news;
mod player;
mod processes;
mod readers;
mod service;
mod story;
mod streams;
mod teller;
mod warehouse;
mod words;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use player::play;
use story::{FORMS, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

/// The names of the files with an ending, without it.
fn named(ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the variable that insta reads as well"
)]
fn is_updating() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

/// The first line that differs, with those around it.
fn difference(expected: &str, told: &str) -> String {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, told) = (lines(expected), lines(told));
    let same = expected
        .iter()
        .zip(&told)
        .take_while(|(a, b)| a == b)
        .count();
    let marked = |lines: &[String], from: usize, count: usize, mark: &str| {
        let shown = lines.iter().skip(from).take(count);
        shown
            .map(|line| format!("{mark} {line}"))
            .collect::<Vec<_>>()
    };
    let shown = [
        marked(&told, same.saturating_sub(3), same.min(3), " "),
        marked(&expected, same, 4, "-"),
        marked(&told, same, 4, "+"),
    ];
    shown.concat().join("\n")
}

#[test]
fn every_scenario_tells_what_its_golden_file_has() {
    let mut wrong = Vec::new();
    for name in named(".txt") {
        let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let golden = folder().join(format!("{name}.out"));
        match play(&text) {
            Err(problem) => wrong.push(format!("{name}.txt, {problem}")),
            Ok(told) if is_updating() => fs::write(golden, told).unwrap(),
            Ok(told) => {
                let expected = fs::read_to_string(golden).unwrap_or_default();
                if expected != told {
                    wrong.push(format!("{name}.out:\n{}", difference(&expected, &told)));
                }
            }
        }
    }
    let hint = "`INSTA_UPDATE=always` writes what is told now; read it like code";
    assert!(wrong.is_empty(), "{}\n{hint}", wrong.join("\n"));
}

#[test]
fn a_story_tells_the_same_every_time() {
    for name in named(".txt").into_iter().take(5) {
        let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        assert_eq!(play(&text), play(&text), "{name}");
    }
}

#[test]
fn every_scenario_has_its_golden_file_and_its_row_in_the_index() {
    let stories = named(".txt");
    let golden = named(".out");
    let alone: Vec<&String> = stories.symmetric_difference(&golden).collect();
    assert!(alone.is_empty(), "without story or golden file: {alone:?}");
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    let missing: Vec<&String> = stories
        .iter()
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "not in the index: {missing:?}");
    let missing: Vec<&str> = FORMS
        .into_iter()
        .filter(|form| !page.contains(&format!("- `{form}`")))
        .collect();
    assert!(missing.is_empty(), "not in the list of forms: {missing:?}");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split('|').nth(2));
    let named = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let gone: Vec<&str> = named.filter(|name| !stories.contains(*name)).collect();
    assert!(gone.is_empty(), "in the index, and not there: {gone:?}");
    let (_, wrong) = page.split_once("### Known to be wrong").unwrap();
    for name in &stories {
        let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let is_listed = wrong.contains(&format!("`{name}`"));
        assert_eq!(text.contains("# WRONG: "), is_listed, "{name}");
    }
}

/// What is said of a story that makes no sense.
fn problem(lines: &str) -> String {
    let text = format!("# A story.\n{lines}\n");
    let problem = play(&text).unwrap_err();
    problem.to_string()
}

#[test]
fn a_line_that_makes_no_sense_is_told_with_what_would() {
    let asset = "assets:\n  - { key: a, kind: source }\n";
    let said = |lines: &str| problem(&format!("{asset}{lines}"));
    let unknown = said("comit a v1 WRITE");
    assert!(unknown.starts_with("line 4: nothing begins with `comit`; did you mean `commit`?"));
    assert!(
        unknown.ends_with("plan, retry, full, backfill, status, explain, runs"),
        "{unknown}"
    );
    let half = said("service asleep");
    assert!(
        half.contains("a line with `service` is: service silent"),
        "{half}"
    );
    assert_eq!(said("advance 5"), "line 4: `5`: the unit is missing");
    assert_eq!(said("commit b v1 WRITE"), "line 4: nobody declares `b`");
    assert_eq!(
        said("commit a 1 WRITE"),
        "line 4: `1` is no version, as `v12` is"
    );
    assert_eq!(said("tick twice"), "line 4: `twice` is not understood here");
    assert_eq!(said("finish a ok"), "line 4: no run of `a` is under way");
    assert_eq!(
        said("now 05:59"),
        "line 4: it is 2026-03-01 06:00:00 UTC already"
    );
    assert_eq!(said("unreadable a \"x"), "line 4: a quotation does not end");
    let twice = said("commit a v1 WRITE\ncommit a v1 WRITE");
    assert_eq!(twice, "line 5: the next commit of `a` is v2");
}

#[test]
fn what_is_wrong_in_declarations_is_told_by_the_lines_of_the_story() {
    let wrong = problem("assets:\n  - { key: a, kind: sauce }");
    assert!(wrong.contains("(line 3)"), "{wrong}");
    let wrong = problem("project:\n  limits: { max_concurent_runs: 1 }\nassets:\n  - { key: a }");
    assert!(wrong.contains("(line 3)"), "{wrong}");
    assert!(read("now 06:00\n").unwrap_err().message.contains("promise"));
}
