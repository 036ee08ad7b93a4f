//! What it costs to see how Delta tables stand: many quiet ones, one with a long log, one with many
//! files, one commit more, and commits at a steady rate.
//!
//! The tables are logs alone, written here below `target/tmp/observe`, with the file cache warm. Each
//! figure is measured in a process of its own, so that peaks do not mix.
//!
//! `cargo bench --bench observe` measures Headwater. `make bench-observe` has the same done to the same
//! tables by deltalake, the Python package, beside it: `-- --beside PYTHON` names a Python that has it.
//! `-- quick` measures less of everything.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod checkpoint;
mod load;
mod logs;
#[path = "../measure/mod.rs"]
mod measure;
mod reading;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use logs::{Interval, Shape};

/// The other half of the bench.
const SIDE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/observe/deltalake_side.py"
);

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        // Cargo adds it to every benchmark's arguments.
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().expect("a number");
    match words.as_slice() {
        ["quiet", lake, tables, passes] => {
            reading::quiet(Path::new(lake), number(tables), number(passes));
        }
        ["cold", what, table, times] => {
            reading::cold(Path::new(table), *what == "full", number(times));
        }
        ["next", table, times] => reading::next(Path::new(table), number(times)),
        ["load", lake, tables, seconds, pause] => {
            let load = load::Load {
                lake: Path::new(lake),
                tables: number(tables),
                seconds: number(seconds),
                pause_ms: number(pause),
            };
            load.measure();
        }
        ["write", lake, tables, seconds, notes] => {
            load::write(
                Path::new(lake),
                number(tables),
                number(seconds),
                Path::new(notes),
            );
        }
        _ => {
            let is_quick = words.contains(&"quick");
            let mut after = words.iter().skip_while(|word| **word != "--beside");
            let python = after.nth(1).map(|path| (*path).to_owned());
            Bench { is_quick, python }.run();
        }
    }
}

/// The whole of it.
struct Bench {
    is_quick: bool,
    /// A Python that has deltalake.
    python: Option<String>,
}

impl Bench {
    fn run(&self) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observe");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the last bench's tables can go");
        }
        let (less, more) = if self.is_quick { (5, 10) } else { (15, 60) };
        let times = less.to_string();
        println!("| what | unit | Headwater | deltalake |\n|---|---|---|---|");

        let many = folder.join("many");
        let most = if self.is_quick { 1_000 } else { 10_000 };
        for table in 0..most {
            logs::small(&many, table);
        }
        let path = text(&many);
        for tables in [1_000, 10_000_usize].into_iter().filter(|n| *n <= most) {
            let count = tables.to_string();
            let call = ["quiet", &path, &count, &times];
            // The other one takes a thousand: ten thousand tell nothing more of it.
            let answers = self.both(&call, tables <= 1_000);
            row(
                &format!("{tables} quiet tables, a table"),
                "µs",
                "us",
                &answers,
            );
        }

        let long = |name: &str, interval| {
            let table = folder.join(name);
            logs::long(&table, interval);
            text(&table)
        };
        let wide = folder.join("wide");
        logs::wide(&wide, &Shape::default());
        let tables = [
            (
                "10,000 commits, a checkpoint every 100",
                long("long-100", Interval::Hundred),
            ),
            (
                "10,000 commits, a checkpoint every 10",
                long("long-10", Interval::Ten),
            ),
            ("100,000 files, 5 commits", text(&wide)),
        ];
        for (name, table) in &tables {
            for what in ["fresh", "full"] {
                let answers = self.both(&["cold", what, table, &times], true);
                let name = format!("{what}, {name}");
                row(&name, "ms", "ms", &answers);
                row(&format!("{name}, by the clock"), "ms", "wall_ms", &answers);
                row(&format!("{name}, peak"), "MiB", "peak_mib", &answers);
                row(
                    &format!("{name}, of it before"),
                    "MiB",
                    "idle_mib",
                    &answers,
                );
                agree(&name, &answers);
            }
            let answers = self.both(&["next", table, &times], true);
            row(&format!("one commit more, {name}"), "µs", "us", &answers);
        }

        let busy = folder.join("busy");
        for table in 0..load::TABLES {
            logs::small(&busy, table);
        }
        let (path, count) = (text(&busy), load::TABLES.to_string());
        for pause in ["0", "1000"] {
            let call = ["load", &path, &count, &more.to_string(), pause];
            let answers = self.both(&call, true);
            let name = format!("steady load, a pass every {pause} ms");
            for (what, unit, key) in [
                ("passes", "", "passes"),
                ("commit to seen, median", "ms", "median_ms"),
                ("commit to seen, p99", "ms", "p99_ms"),
                ("commit to seen, longest", "ms", "longest_ms"),
                ("median of the first third", "ms", "first_third_ms"),
                ("median of the last third", "ms", "last_third_ms"),
                ("share of one processor", "%", "cpu_percent"),
                ("peak", "MiB", "peak_mib"),
            ] {
                row(&format!("{name}, {what}"), unit, key, &answers);
            }
        }
        fs::remove_dir_all(&folder).expect("the bench's tables can go");
    }

    /// Has something measured by Headwater, and by the other one where that can do it.
    fn both(&self, call: &[&str], beside: bool) -> [Option<Value>; 2] {
        let program = std::env::current_exe().expect("a program knows its path");
        let ours = answer(Command::new(&program).args(call));
        let python = self.python.as_ref().filter(|_| beside);
        let theirs = python.map(|python| {
            let mut command = Command::new(python);
            answer(command.arg(SIDE).arg(&program).args(call))
        });
        [Some(ours), theirs]
    }
}

/// Runs a measurement; its last line is what it found.
fn answer(command: &mut Command) -> Value {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.expect("the measurement starts");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let told = String::from_utf8(output.stdout).expect("a measurement writes text");
    let last = told
        .lines()
        .last()
        .expect("a measurement says what it found");
    serde_json::from_str(last).expect("a measurement writes JSON")
}

fn row(name: &str, unit: &str, key: &str, answers: &[Option<Value>; 2]) {
    let figure = |answer: &Option<Value>| {
        let figure = answer.as_ref().and_then(|answer| answer.get(key)?.as_f64());
        figure.map_or_else(String::new, |figure| {
            let digits = if figure < 10.0 {
                2
            } else {
                usize::from(figure < 100.0)
            };
            format!("{figure:.digits$}")
        })
    };
    let [ours, theirs] = answers;
    println!(
        "| {name} | {unit} | {} | {} |",
        figure(ours),
        figure(theirs)
    );
}

/// Both halves have to have read the same.
fn agree(name: &str, answers: &[Option<Value>; 2]) {
    if let [Some(ours), Some(theirs)] = answers {
        let said = |answer: &Value| answer.get("says").cloned();
        assert_eq!(said(ours), said(theirs), "{name}");
    }
}

fn text(path: &Path) -> String {
    PathBuf::from(path)
        .into_os_string()
        .into_string()
        .expect("paths of the bench are texts")
}
