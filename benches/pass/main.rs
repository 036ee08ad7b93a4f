//! What a pass costs, on the benchmark graph: declarations to graph, first pass, quiet passes, and
//! one percent of the roots changed until everything is fresh again.
//!
//! Two levels, and *partitioned*, which is the planner over assets of which each has many partitions. *Pure* is the planner over a memory built here. *Whole* is the loop as it ships, with
//! the real state file, real Delta logs on disk and the real reader of them; only the service that
//! runs jobs is replaced, by one that answers at once. Both assert what is requested: exactly the
//! closure of what changed, inputs first, each asset once, and nothing afterwards.
//!
//! Each line of the tables is measured in a process of its own, so that peaks do not mix. Run with
//! `cargo bench --bench pass`, for one size with `cargo bench --bench pass -- 5000`, or the last with
//! `cargo bench --bench pass -- partitioned`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../bench_graph/mod.rs"]
mod bench_graph;
mod declared;
mod lake;
#[path = "../measure/mod.rs"]
mod measure;
mod partitioned;
mod pure;
mod service;
mod whole;

use std::process::Command;

const PURE_SIZES: [usize; 5] = [100, 1_000, 5_000, 10_000, 100_000];
const WHOLE_SIZES: [usize; 4] = [100, 1_000, 5_000, 10_000];

/// Assets and the partitions of each: days up to 1,000, else hours.
const PARTITIONED_SIZES: [(usize, usize); 4] =
    [(1_000, 30), (1_000, 365), (1_000, 9_480), (5_000, 365)];

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
        ["partitioned", assets, partitions] => {
            println!("{}", partitioned::row(size(assets), size(partitions)));
        }
        ["partitioned"] => partitions(),
        [] => {
            all(None);
            partitions();
        }
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

/// Prints the table of assets with partitions.
fn partitions() {
    println!("partitioned\n\n{}", partitioned::HEADER);
    for (assets, partitions) in PARTITIONED_SIZES {
        let program = std::env::current_exe().expect("a program knows its path");
        let sizes = [assets, partitions].map(|size| size.to_string());
        let mut command = Command::new(program);
        let status = command.arg("partitioned").args(sizes).status();
        let status = status.expect("the benchmark starts itself");
        assert!(status.success(), "{assets} × {partitions}: {status}");
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
