//! Arguments of the simulation.

use std::io::IsTerminal;

use clap::Parser;
use simulation::{Bug, Bugs, Fault, Faults};

/// Play hostile histories of the reconciler, each from one seed, and hold the rules against them
#[derive(Debug, Parser)]
#[command(
    name = "headwater-simulation",
    after_help = "Examples:\n  headwater-simulation --schedules 100000\n  \
                  headwater-simulation --seed 4425                what happened, line by line\n  \
                  headwater-simulation --only kill,lost-answer    nothing else goes wrong\n  \
                  headwater-simulation --hunt                     take each safeguard away\n  \
                  headwater-simulation --bug no-horizon --seed 7  without one of them"
)]
pub(crate) struct Args {
    /// How many schedules
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) schedules: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) from: u64,
    /// Play this one seed and tell what happens
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,
    /// Let only these faults happen
    #[arg(long, value_name = "FAULT", value_delimiter = ',', value_parser = fault)]
    pub(crate) only: Vec<Fault>,
    /// Take these safeguards away
    #[arg(long, value_name = "BUG", value_delimiter = ',', value_parser = bug)]
    pub(crate) bug: Vec<Bug>,
    /// Take each safeguard away in turn, and see whether it is missed
    #[arg(long, conflicts_with_all = ["seed", "bug", "only"])]
    pub(crate) hunt: bool,
    /// How many threads; one for each processor where absent
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

impl Args {
    pub(crate) fn allowed(&self) -> Faults {
        if self.only.is_empty() {
            Faults::of(&Fault::ALL)
        } else {
            Faults::of(&self.only)
        }
    }

    pub(crate) fn bugs(&self) -> Bugs {
        Bugs::of(&self.bug)
    }

    pub(crate) fn threads(&self) -> usize {
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.unwrap_or(all)
    }
}

/// Whether nobody watches.
pub(crate) fn is_quiet() -> bool {
    !std::io::stderr().is_terminal()
}

fn fault(name: &str) -> Result<Fault, String> {
    named(&Fault::ALL, Fault::name, name)
}

fn bug(name: &str) -> Result<Bug, String> {
    named(&Bug::ALL, Bug::name, name)
}

fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, name: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name_of(*one) == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name_of(*one)).collect();
        format!("one of {}", names.join(", "))
    })
}
