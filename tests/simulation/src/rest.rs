//! The faults stop, and everything has to come to rest: every run is settled, and every table is built
//! from the newest of what it reads.

use chrono::TimeDelta;
use headwater::ports::State as _;

use crate::faults::Faults;
use crate::invariants;
use crate::process::{Life, Process};
use crate::schedule::Schedule;
use crate::world::World;

/// How many rounds it has for that.
const ROUNDS: u32 = 120;

/// Between two rounds, in seconds: runs have ended by then, and so has every backoff.
const ROUND: i64 = 60;

/// Where an attempt is looked up or runs are searched for: the longest request, and some more.
const LONG_ROUND: i64 = 400;

impl Schedule<'_> {
    /// The faults stop: whoever still lives ends, and one process makes passes until nothing is left.
    pub(crate) fn come_to_rest(&mut self) {
        if self.is_over() {
            return;
        }
        self.with(|world| {
            world.note(|_| "the faults stop".to_owned());
            world.faults = Faults::default();
            world.service.shows_after = None;
            world.heal();
            for run in &mut world.service.runs {
                run.hangs = false;
            }
        });
        self.let_all_end();
        for _ in 0..ROUNDS {
            if self.is_over() {
                return;
            }
            let before = self.with(progress);
            self.pass();
            let is_busy = self.with(finish_runs);
            let is_same = before == self.with(progress);
            let is_open = !is_busy && self.with(is_open);
            self.with(|world| {
                let seconds = if is_open { LONG_ROUND } else { ROUND };
                world.later(TimeDelta::seconds(seconds));
            });
            let is_quiet = !is_busy && is_same && !is_open;
            if is_quiet && self.with(lift_quarantines) == 0 {
                self.with(invariants::converged);
                return;
            }
        }
        self.with(|world| {
            let open = world.store.load().unwrap().open_intents;
            world.violate("L1", || format!("it never comes to rest: {open:?}"));
        });
    }

    fn let_all_end(&mut self) {
        for slot in 0..self.slots.len() {
            if let Some(process) = &mut self.slots[slot] {
                process.stopped_until = None;
            }
            while !self.is_over() && self.go(slot) {}
        }
    }

    fn pass(&mut self) {
        self.began += 1;
        let life = Life {
            number: self.began,
            passes: 1,
        };
        let process = Process::begin(&self.world, life, self.stacks);
        self.slots[0] = Some(process);
        while self.go(0) {}
    }
}

/// A number that changes with everything that is recorded, and the runs that were begun.
fn progress(world: &mut World) -> (u64, usize) {
    (world.store.generation().unwrap(), world.service.runs.len())
}

/// Whether something is under way that only time brings to an end.
fn is_open(world: &mut World) -> bool {
    let memory = world.store.load().unwrap();
    !memory.open_intents.is_empty() || memory.search.is_some()
}

/// Lets every run end well; returns whether there was one.
fn finish_runs(world: &mut World) -> bool {
    let mut was_active = false;
    for at in world.service.active() {
        was_active = true;
        while world.service.runs[at].is_active() {
            world.proceed(at);
        }
    }
    was_active
}

fn lift_quarantines(world: &mut World) -> usize {
    let built = world.positions(true);
    let now = world.time.wall();
    let lifted = built.iter().filter(|asset| {
        let key = &world.topology.assets[**asset].key;
        world.store.lift_quarantine(key, "ann", now).unwrap()
    });
    lifted.count()
}
