//! The list of faults in `docs/reliability.md` and the tests that prove its rows name each other.
//!
//! A test that proves rows 16 and 17 is called `fault_16_17_…`. When a row and the tests do not
//! agree, the failure prints the line as it has to stand in the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How many rows the list has.
const ROWS: u32 = 62;

/// Where tests are.
const FOLDERS: [&str; 7] = [
    "src", "assets", "lineage", "fixtures", "tests", "fuzz", "benches",
];

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    number: u32,
    fault: String,
    happens: String,
    tests: String,
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<&str> = cells.split(" | ").collect();
        let [number, fault, happens, tests] = cells[..] else {
            return None;
        };
        Some(Self {
            number: number.parse().ok()?,
            fault: fault.to_owned(),
            happens: happens.to_owned(),
            tests: tests.to_owned(),
        })
    }

    fn is_open(&self) -> bool {
        self.tests.split(", ").any(|word| word == "open")
    }

    /// The line as it has to stand in the page, with these tests.
    fn line(&self, tests: &BTreeSet<String>) -> String {
        let names = tests.iter().map(|name| format!("`{name}`"));
        let open = self.is_open().then(|| "open".to_owned());
        let cell: Vec<String> = names.chain(open).collect();
        let (number, fault, happens) = (self.number, &self.fault, &self.happens);
        format!("| {number} | {fault} | {happens} | {} |", cell.join(", "))
    }
}

/// The rows that a test proves by its name: `fault_16_17_something` proves 16 and 17.
fn rows_of(name: &str) -> Vec<u32> {
    let words = name.strip_prefix("fault_").unwrap_or_default().split('_');
    let numbers = words.take_while(|word| word.len() == 2);
    numbers.map_while(|word| word.parse().ok()).collect()
}

/// The tests of each row, in all sources.
fn tests_by_row() -> BTreeMap<u32, BTreeSet<String>> {
    let mut tests: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for folder in FOLDERS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = walkdir::WalkDir::new(root).into_iter();
        // `fuzz` may have a build folder of its own.
        let entries = entries.filter_entry(|entry| entry.file_name() != "target");
        for entry in entries.filter_map(Result::ok) {
            if entry.path().extension().is_none_or(|ext| ext != "rs") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            for name in names_in(&text) {
                for row in rows_of(&name) {
                    tests.entry(row).or_default().insert(name.clone());
                }
            }
        }
    }
    tests
}

/// The functions of a source that are named after rows.
fn names_in(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start);
    let functions = lines.filter_map(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
    });
    let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    functions
        .map(|rest| rest.chars().take_while(is_part).collect::<String>())
        .filter(|name| name.starts_with("fault_") && !rows_of(name).is_empty())
        .collect()
}

/// What is wrong with a page, with the lines to write; empty where all is well.
fn problems(page: &str, tests: &BTreeMap<u32, BTreeSet<String>>) -> String {
    let rows: Vec<Row> = page.lines().filter_map(Row::parse).collect();
    let mut told = String::new();
    let none = BTreeSet::new();
    for number in 1..=ROWS {
        let mine = tests.get(&number).unwrap_or(&none);
        let found: Vec<&Row> = rows.iter().filter(|row| row.number == number).collect();
        match found[..] {
            [] => writeln!(told, "row {number} is missing"),
            [row] if row.line(mine) != format_of(row) => {
                writeln!(told, "row {number} has to be:\n{}", row.line(mine))
            }
            [row] if mine.is_empty() && !row.is_open() => writeln!(
                told,
                "row {number} names no test: add one or mark it `open`"
            ),
            [_] => Ok(()),
            _ => writeln!(told, "row {number} stands there {} times", found.len()),
        }
        .unwrap();
    }
    let beyond = rows
        .iter()
        .map(|row| row.number)
        .chain(tests.keys().copied());
    for number in beyond.filter(|number| !(1..=ROWS).contains(number)) {
        writeln!(told, "there is no row {number}").unwrap();
    }
    let marked: BTreeSet<u32> = rows
        .iter()
        .filter(|r| r.is_open())
        .map(|r| r.number)
        .collect();
    let told_of: BTreeSet<u32> = page.lines().filter_map(open_item).collect();
    for number in marked.symmetric_difference(&told_of) {
        writeln!(
            told,
            "row {number} is marked `open` and has no item `- **{number}**`, or the reverse"
        )
        .unwrap();
    }
    told
}

/// A row as it stands in the page.
fn format_of(row: &Row) -> String {
    format!(
        "| {} | {} | {} | {} |",
        row.number, row.fault, row.happens, row.tests
    )
}

/// The row that an item of the list of open ones is about.
fn open_item(line: &str) -> Option<u32> {
    let (number, _) = line.strip_prefix("- **")?.split_once("**")?;
    number.parse().ok()
}

#[test]
fn the_list_of_faults_and_the_tests_name_each_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let problems = problems(&fs::read_to_string(page).unwrap(), &tests_by_row());
    assert!(problems.is_empty(), "in docs/reliability.md:\n{problems}");
}

#[test]
fn a_list_that_does_not_agree_with_the_tests_is_told_the_lines_to_write() {
    let line = |number: u32, tests: &str| format!("| {number} | f | h | {tests} |\n");
    let whole = |changed: u32, with: &str| -> String {
        let rows = (1..=ROWS).map(|number| match number {
            _ if number == changed => with.to_owned(),
            7 => line(7, "open"),
            _ => line(number, &format!("`fault_{number:02}_a`")),
        });
        rows.collect::<String>() + "- **7**: not built\n"
    };
    let mut tests: BTreeMap<u32, BTreeSet<String>> = (1..=ROWS)
        .filter(|number| *number != 7)
        .map(|number| (number, BTreeSet::from([format!("fault_{number:02}_a")])))
        .collect();
    assert_eq!(problems(&whole(0, ""), &tests), "");
    assert_eq!(problems(&whole(3, ""), &tests), "row 3 is missing\n");
    let twice = line(3, "`fault_03_a`").repeat(2);
    assert_eq!(
        problems(&whole(3, &twice), &tests),
        "row 3 stands there 2 times\n"
    );
    let unknown = problems(&whole(3, &line(3, "`fault_03_b`")), &tests);
    assert_eq!(unknown, "row 3 has to be:\n| 3 | f | h | `fault_03_a` |\n");
    let unmarked = problems(&whole(7, &line(7, "")), &tests);
    assert!(unmarked.contains("row 7 names no test"), "{unmarked}");
    assert!(unmarked.contains("no item `- **7**`"), "{unmarked}");
    // Somebody adds tests: one of an open row, one of two rows, one of a row that is not there.
    for (row, name) in [
        (7, "fault_07_c"),
        (8, "fault_08_09_c"),
        (9, "fault_08_09_c"),
    ] {
        tests.entry(row).or_default().insert(name.to_owned());
    }
    tests.entry(63).or_default().insert("fault_63_c".to_owned());
    assert_eq!(
        problems(&whole(0, ""), &tests),
        "row 7 has to be:\n| 7 | f | h | `fault_07_c`, open |\n\
         row 8 has to be:\n| 8 | f | h | `fault_08_09_c`, `fault_08_a` |\n\
         row 9 has to be:\n| 9 | f | h | `fault_08_09_c`, `fault_09_a` |\n\
         there is no row 63\n"
    );
}

#[test]
fn names_tell_their_rows() {
    assert_eq!(rows_of("fault_16_17_a_plea_is_kept_to"), [16, 17]);
    assert_eq!(rows_of("fault_61_40_assets_at_once"), [61, 40]);
    assert_eq!(rows_of("fault_of"), [0_u32; 0]);
    let text =
        "    async fn fault_05_x() {\nfn fault_of(\n// fn fault_06_y\nlet a = \"fn fault_07_z\";";
    assert_eq!(names_in(text), ["fault_05_x"]);
}
