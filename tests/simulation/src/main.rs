//! `make simulate`: plays schedules, says how fast, what was met where, and what was found.

#![expect(clippy::print_stdout, reason = "what is printed is what it is for")]

mod args;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::time::{ClockId, clock_gettime};
use simulation::{Batch, Bugs, Faults, PLANTED, Tally, Workshop, play_many};

use crate::args::{Args, is_quiet};

/// Schedules make and drop many small things: half as long again with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// After so many violations more would say nothing new.
const ENOUGH: usize = 10;

fn main() -> ExitCode {
    let args = Args::parse();
    let is_sound = match args.seed {
        Some(seed) => replay(&args, seed),
        None if args.hunt => hunt(&args),
        None => simulate(&args),
    };
    if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Plays one schedule and tells it line by line; returns whether all rules held.
fn replay(args: &Args, seed: u64) -> bool {
    let outcome = Workshop::new(args.allowed(), args.bugs()).play(seed, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!(
        "seed {seed}: {} turns, {} runs, history {:016x}",
        outcome.turns, outcome.runs, outcome.hash
    );
    match &outcome.violation {
        None => println!("every rule held"),
        Some(violation) => println!("{} was broken: {}", violation.rule, violation.what),
    }
    outcome.violation.is_none()
}

/// Plays many; returns whether all rules held in all of them.
fn simulate(args: &Args) -> bool {
    let batch = args.batch(args.allowed(), args.bugs(), ENOUGH);
    let (tally, pace) = timed(&batch, is_quiet());
    print!("{}", report::pace(&tally, pace));
    print!("{}", report::coverage(&tally.coverage, batch.allowed));
    print!("{}", report::found(&tally, args));
    tally.found.is_empty()
}

/// Takes each safeguard away, under the faults that it is there for; returns whether every loss was
/// found.
fn hunt(args: &Args) -> bool {
    let mut all = true;
    for planted in PLANTED {
        let allowed = Faults::of(planted.faults);
        let batch = args.batch(allowed, Bugs::of(planted.bugs), 1);
        let (tally, _) = timed(&batch, is_quiet());
        let is_as_expected = tally.found.is_empty() == planted.backed_up_by.is_some();
        all &= is_as_expected;
        print!("{}", report::planted(planted, &tally, is_as_expected));
    }
    all
}

/// Seconds by the clock on the wall, and of the processors.
#[derive(Clone, Copy)]
struct Pace {
    wall: f64,
    processor: f64,
}

fn timed(batch: &Batch, is_quiet: bool) -> (Tally, Pace) {
    let bar = if is_quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(batch.schedules)
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} schedules, {eta} left") {
        bar.set_style(style);
    }
    let (began, spent) = (Instant::now(), processor_seconds());
    let tally = play_many(batch, &|| bar.inc(1));
    let pace = Pace {
        wall: began.elapsed().as_secs_f64(),
        processor: processor_seconds() - spent,
    };
    bar.finish_and_clear();
    (tally, pace)
}

fn processor_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u32::try_from(spent.tv_sec).unwrap_or(u32::MAX);
    let nanos = u32::try_from(spent.tv_nsec).unwrap_or(0);
    f64::from(seconds) + f64::from(nanos) / 1e9
}

impl Args {
    fn batch(&self, allowed: Faults, bugs: Bugs, enough: usize) -> Batch {
        Batch {
            from: self.from,
            schedules: self.schedules,
            allowed,
            bugs,
            enough,
            threads: self.threads(),
        }
    }
}
