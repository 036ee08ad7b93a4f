//! What a pass costs, on the benchmark graph: declarations to graph, first pass, quiet passes, and
//! one percent of the roots changed until everything is fresh again.
//!
//! Two levels. *Pure* is the planner over a memory built here. *Whole* is the loop as it ships, with
//! the real state file, real Delta logs on disk and the real reader of them; only the service that
//! runs jobs is replaced, by one that answers at once. Both assert what is requested: exactly the
//! closure of what changed, inputs first, each asset once, and nothing afterwards.
//!
//! Each line of the tables is measured in a process of its own, so that peaks do not mix. Run with
//! `cargo bench --bench pass`, or for one size with `cargo bench --bench pass -- 5000`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../bench_graph/mod.rs"]
mod bench_graph;
mod declared;
mod lake;
#[path = "../measure/mod.rs"]
mod measure;
mod pure;
mod service;
mod whole;

use std::process::Command;

const PURE_SIZES: [usize; 5] = [100, 1_000, 5_000, 10_000, 100_000];
const WHOLE_SIZES: [usize; 4] = [100, 1_000, 5_000, 10_000];

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        // Cargo adds it to every benchmark's arguments.
        .filter(|argument| argument != "--bench")
        .collect();
    let size = |text: &str| text.parse().expect("the number of assets");
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["pure", assets] => println!("{}", pure::row(size(assets))),
        ["whole", assets] => println!("{}", whole::row(size(assets))),
        [] => all(None),
        [only] => all(Some(size(only))),
        _ => println!("usage: pass [NUMBER OF ASSETS]"),
    }
}

/// Prints both tables, of all sizes or of one.
fn all(only: Option<usize>) {
    println!("CPU milliseconds, user and system; medians where a phase can be repeated.\n");
    for (level, header, sizes) in [
        ("pure", pure::HEADER, PURE_SIZES.as_slice()),
        ("whole", whole::HEADER, WHOLE_SIZES.as_slice()),
    ] {
        println!("{level}\n\n{header}");
        for &size in sizes {
            if only.is_none_or(|only| only == size) {
                in_a_process_of_its_own(level, size);
            }
        }
        println!();
    }
}

fn in_a_process_of_its_own(level: &str, size: usize) {
    let program = std::env::current_exe().expect("a program knows its path");
    let status = Command::new(program)
        .args([level, &size.to_string()])
        .status()
        .expect("the benchmark starts itself");
    assert!(status.success(), "{level} {size}: {status}");
}

/// Runs something so many times and returns the median of its CPU times, in milliseconds.
fn median_cpu(times: usize, mut run: impl FnMut()) -> f64 {
    measure::median((0..times).map(|_| measure::cpu(&mut run).1).collect())
}
