//! From a seed to an outcome: the world is drawn, the schedule unfolds, and everything comes to rest.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use chrono::TimeDelta;
use headwater::execute::Windows;
use headwater::store::Store;

use crate::bugs::{Bug, Bugs};
use crate::choice::Dice;
use crate::coverage::Coverage;
use crate::faults::{Fault, Faults};
use crate::process::Stacks;
use crate::schedule::Schedule;
use crate::topology::{self, Topology};
use crate::trace::Trace;
use crate::world::lake::Lake;
use crate::world::service::Service;
use crate::world::time::Time;
use crate::world::{Violation, World};

/// What every schedule of a thread is made from.
pub struct Workshop {
    topologies: Vec<Rc<Topology>>,
    template: Store,
    stacks: Stacks,
    bugs: Bugs,
    /// What may happen at all.
    allowed: Faults,
}

/// What came of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The first rule that was broken.
    pub violation: Option<Violation>,
    /// What happened, if that was asked for.
    pub trace: Vec<String>,
    /// A number that is the same for the same history.
    pub hash: u64,
    /// Turns that were taken.
    pub turns: u64,
    /// Runs that were begun.
    pub runs: usize,
    /// What was met where.
    pub coverage: Coverage,
}

impl Workshop {
    /// Prepares for schedules in which only `allowed` happens, without the safeguards of `bugs`.
    pub fn new(allowed: Faults, bugs: Bugs) -> Self {
        Self {
            topologies: topology::all().into_iter().map(Rc::new).collect(),
            template: template(&bugs),
            stacks: Stacks::default(),
            bugs,
            allowed,
        }
    }

    /// Plays the schedule of a seed.
    pub fn play(&mut self, seed: u64, keeps_trace: bool) -> Outcome {
        let world = Rc::new(RefCell::new(self.world(seed, keeps_trace)));
        let mut schedule = Schedule::new(&self.template, &world, &mut self.stacks);
        schedule.unfold();
        schedule.come_to_rest();
        let turns = schedule.turns;
        schedule.end();
        let world = Rc::into_inner(world).unwrap().into_inner();
        let (trace, hash) = world.trace.take();
        Outcome {
            violation: world.violation,
            trace,
            hash,
            turns,
            runs: world.service.runs.len(),
            coverage: world.coverage,
        }
    }

    fn world(&self, seed: u64, keeps_trace: bool) -> World {
        let mut dice = Dice::new(seed);
        let topology = Rc::clone(&self.topologies[dice.below(self.topologies.len())]);
        let faults = Faults::draw(&mut dice, self.allowed);
        let mut lake = Lake::new(topology.assets.iter().map(|node| node.name));
        let time = Time::start();
        for (at, node) in topology.assets.iter().enumerate() {
            if !node.is_built {
                let written = time.truth - TimeDelta::hours(2);
                lake.of_mut(at).commit(written, Vec::new(), None);
            } else {
                lake.of_mut(at).log.exists = false;
            }
        }
        let slow = faults.has(Fault::SlowList);
        let shows_after = slow.then(|| TimeDelta::seconds(dice.between(1, 90)));
        let mut windows = Windows::default();
        if self.bugs.has(Bug::NoHorizon) {
            windows.horizon = TimeDelta::days(36_500);
        }
        if self.bugs.has(Bug::NoSendWindow) {
            windows.send = std::time::Duration::MAX;
        }
        World {
            names_runs: !dice.one_in(4),
            dice,
            topology,
            faults,
            bugs: self.bugs.clone(),
            windows,
            time,
            lake,
            service: Service::showing_after(shows_after),
            store: Arc::new(self.template.copy_in_memory().unwrap()),
            backup: None,
            was_replaced: false,
            intents: BTreeMap::new(),
            dead: BTreeSet::new(),
            standing: vec![None; 3],
            coverage: Coverage::default(),
            violation: None,
            trace: Trace::new(keeps_trace),
        }
    }
}

/// An empty state, with what the planted bugs need of its schema.
fn template(bugs: &Bugs) -> Store {
    let sabotages = bugs.sabotages();
    if sabotages.is_empty() {
        return Store::open_in_memory_copy(Path::new("/nowhere/state.db")).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    drop(Store::open(&path, headwater::store::OpenMode::ReadWrite).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    for sabotage in sabotages {
        connection.execute_batch(sabotage).unwrap();
    }
    drop(connection);
    Store::open_in_memory_copy(&path).unwrap()
}
