//! The program as people run it: how long `--help` takes, how long a first `plan` over a large
//! project takes, how long after a commit `reconcile --watch` starts the run that reads it, and how
//! long it takes to go on after a kill.
//!
//! Run with `cargo bench --bench program`, or for the last with `cargo bench --bench program --
//! recover`. Wall-clock times from outside, because that is what a
//! person or a table waits for; quote medians, the machine may be shared.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../bench_graph/mod.rs"]
mod bench_graph;
mod project;
mod recover;
mod watch;

use std::process::{Command, Stdio};
use std::time::Instant;

use project::Folder;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_headwater");

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    if only.iter().any(|argument| argument == "recover") {
        return recover::measure(3_600, 180, 5);
    }
    help();
    for assets in [1_000, 5_000] {
        plan(assets);
    }
    watch::measure(900, 100, 60);
    recover::measure(3_600, 180, 5);
}

fn help() {
    let times = (0..40).map(|_| timed(&mut command(None, &["--help"])));
    report("--help", times.collect());
}

fn plan(assets: usize) {
    let folder = Folder::of_bench_graph(assets);
    // A pass before: the state knows every table, as on any day but the first.
    timed(&mut command(Some(&folder), &["observe", "-q"]));
    let times = (0..9)
        .map(|_| timed(&mut command(Some(&folder), &["plan"])))
        .collect();
    report(&format!("plan, {assets} assets with state"), times);
    let times = (0..9)
        .map(|_| timed(&mut command(Some(&folder), &["status"])))
        .collect();
    report(&format!("status, {assets} assets with state"), times);
    let times = (0..9)
        .map(|_| timed(&mut command(Some(&folder), &["validate"])))
        .collect();
    report(&format!("validate, {assets} assets"), times);
}

fn command(folder: Option<&Folder>, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    if let Some(folder) = folder {
        command.arg("--project").arg(folder.path());
    }
    command
}

/// Runs a command to its end and returns the milliseconds that took.
fn timed(command: &mut Command) -> f64 {
    let began = Instant::now();
    command.status().expect("the program can be run");
    began.elapsed().as_secs_f64() * 1000.0
}

/// Prints the least, the middle and the greatest of some milliseconds.
fn report(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(part).copied().unwrap_or(f64::NAN);
    let last = times.len().saturating_sub(1);
    let percentile = last * 99 / 100;
    println!(
        "{what:<40} n={:<4} min {:8.1} ms  median {:8.1} ms  p99 {:8.1} ms  max {:8.1} ms",
        times.len(),
        at(0),
        at(times.len() / 2),
        at(percentile),
        at(last)
    );
}
