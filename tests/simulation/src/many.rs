//! Many schedules, on every core.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bugs::Bugs;
use crate::coverage::Coverage;
use crate::faults::Faults;
use crate::workshop::Workshop;
use crate::world::Violation;

/// What is played.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The first seed.
    pub from: u64,
    /// How many seeds.
    pub schedules: u64,
    /// What may happen.
    pub allowed: Faults,
    /// Which safeguards are missing.
    pub bugs: Bugs,
    /// Ends after so many violations.
    pub enough: usize,
    /// How many threads.
    pub threads: usize,
}

/// A schedule in which a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// The rule.
    pub violation: Violation,
}

/// What came of a batch.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Schedules that were played.
    pub schedules: u64,
    /// Turns that were taken.
    pub turns: u64,
    /// Runs that were begun.
    pub runs: u64,
    /// Violations, by seed.
    pub found: Vec<Found>,
    /// What was met where.
    pub coverage: Coverage,
}

/// Plays a batch; tells `progress` after each schedule.
pub fn play_many(batch: &Batch, progress: &(dyn Fn() + Sync)) -> Tally {
    let next = AtomicU64::new(0);
    let whole = Mutex::new(Tally::default());
    std::thread::scope(|threads| {
        for _ in 0..batch.threads.max(1) {
            threads.spawn(|| {
                let mut mine = Tally::default();
                let mut workshop = Workshop::new(batch.allowed, batch.bugs.clone());
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= batch.schedules {
                        break;
                    }
                    let seed = batch.from + at;
                    let outcome = play(&mut workshop, seed);
                    mine.schedules += 1;
                    if let Some(outcome) = outcome {
                        mine.turns += outcome.turns;
                        mine.runs += u64::try_from(outcome.runs).unwrap();
                        mine.coverage.add(&outcome.coverage);
                        let found = outcome.violation;
                        mine.found
                            .extend(found.map(|violation| Found { seed, violation }));
                    } else {
                        mine.found.push(panicked(seed));
                        workshop = Workshop::new(batch.allowed, batch.bugs.clone());
                    }
                    if mine.found.len() >= batch.enough {
                        next.store(batch.schedules, Ordering::Relaxed);
                    }
                    progress();
                }
                whole.lock().unwrap().add(mine);
            });
        }
    });
    let mut whole = whole.into_inner().unwrap();
    whole.found.sort_by_key(|found| found.seed);
    whole
}

fn play(workshop: &mut Workshop, seed: u64) -> Option<crate::workshop::Outcome> {
    let playing = std::panic::AssertUnwindSafe(|| workshop.play(seed, false));
    std::panic::catch_unwind(playing).ok()
}

fn panicked(seed: u64) -> Found {
    Found {
        seed,
        violation: Violation {
            rule: "panic",
            what: "the code under test, or the simulation, panicked".to_owned(),
        },
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.turns += other.turns;
        self.runs += other.runs;
        self.found.extend(other.found);
        self.coverage.add(&other.coverage);
    }
}
