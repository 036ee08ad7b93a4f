//! Whose turn it is: processes and events, one after the other, as the dice have it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use chrono::TimeDelta;
use headwater::ports::State as _;
use headwater::store::Store;

use crate::faults::Fault;
use crate::process::{Life, Order, Process, Stacks};
use crate::steps::Step;
use crate::world::World;

/// How many turns a schedule has before its faults stop.
const TURNS: u32 = 120;

pub(crate) struct Schedule<'a> {
    template: &'a Store,
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) slots: Vec<Option<Process>>,
    /// Processes that were begun.
    pub(crate) began: u32,
    pub(crate) turns: u64,
    pub(crate) stacks: &'a mut Stacks,
}

/// How many processes there are at once, at most.
const SLOTS: usize = 3;

impl<'a> Schedule<'a> {
    /// Nobody has had a turn yet. `template` is what an empty state is copied from.
    pub(crate) fn new(
        template: &'a Store,
        world: &Rc<RefCell<World>>,
        stacks: &'a mut Stacks,
    ) -> Self {
        Self {
            template,
            world: Rc::clone(world),
            slots: (0..SLOTS).map(|_| None).collect(),
            began: 0,
            turns: 0,
            stacks,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.world.borrow().violation.is_some()
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.borrow_mut())
    }

    /// Turn after turn of whoever the dice choose.
    pub(crate) fn unfold(&mut self) {
        for _ in 0..TURNS {
            if self.is_over() {
                return;
            }
            match self.with(|world| world.dice.below(100)) {
                0..55 => self.process_goes_on(),
                55..70 => self.with(World::work),
                70..76 => self.with(World::write_source),
                76..82 => self.with(|world| {
                    let seconds = world.dice.between(1, 20);
                    world.later(TimeDelta::seconds(seconds));
                }),
                82..85 => self.with(|world| {
                    let seconds = world.dice.between(30, 600);
                    world.later(TimeDelta::seconds(seconds));
                }),
                85 => self.with(|world| {
                    if world.faults.has(Fault::LongTime) {
                        world.struck(Fault::LongTime);
                        let hours = world.dice.between(1, 30);
                        world.later(TimeDelta::hours(hours));
                    }
                }),
                86..89 => self.kill(),
                89..92 => self.stop(),
                92 => self.with(World::jump),
                93..96 => self.with(World::disturb_table),
                96 => self.with(World::heal),
                97 => self.with(World::lose_run),
                98 => self.back_up_or_restore(),
                _ => self.with(lift_quarantine),
            }
        }
    }

    /// One of the processes takes a few steps; where there is none, a new one begins.
    fn process_goes_on(&mut self) {
        let (slot, steps) = self.with(|world| {
            let slots = world.standing.len();
            (world.dice.below(slots), world.dice.between(1, 14))
        });
        let now = self.with(|world| world.time.truth);
        if let Some(process) = &mut self.slots[slot] {
            if process.stopped_until.is_some_and(|until| until > now) {
                return;
            }
            process.stopped_until = None;
        } else {
            self.begin(slot);
        }
        for _ in 0..steps {
            if !self.go(slot) || self.is_over() {
                return;
            }
        }
    }

    fn begin(&mut self, slot: usize) {
        self.began += 1;
        let life = Life {
            number: self.began,
            passes: self.with(|world| u32::try_from(world.dice.between(1, 3)).unwrap()),
        };
        let process = Process::begin(&self.world, life, self.stacks);
        self.slots[slot] = Some(process);
    }

    /// Lets a process take one step; returns whether it can take another.
    pub(crate) fn go(&mut self, slot: usize) -> bool {
        self.turns += 1;
        let Some(process) = &mut self.slots[slot] else {
            return false;
        };
        let goes_on = process.go(Order::Go);
        let at = process.at;
        self.with(|world| world.standing[slot] = goes_on.then_some(at));
        if !goes_on && let Some(process) = self.slots[slot].take() {
            // Whoever looks for it finds no such process any more.
            let name = format!("p{}", process.number);
            self.with(|world| world.dead.insert(name));
            process.bury(self.stacks);
        }
        goes_on
    }

    /// The slots whose processes live and are not between two passes.
    fn amid(&self) -> Vec<usize> {
        let slots = self.slots.iter().enumerate();
        let amid =
            |process: &Process| process.at.step != Step::Idle && process.stopped_until.is_none();
        slots
            .filter(|(_, slot)| slot.as_ref().is_some_and(amid))
            .map(|(at, _)| at)
            .collect()
    }

    fn kill(&mut self) {
        let amid = self.amid();
        let Some(slot) = self.with(|world| world.dice.any(&amid)) else {
            return;
        };
        if self.with(|world| world.faults.has(Fault::Kill)) {
            self.kill_slot(slot);
        }
    }

    fn kill_slot(&mut self, slot: usize) {
        let Some(process) = self.slots[slot].take() else {
            return;
        };
        self.with(|world| {
            let (number, at) = (process.number, process.at);
            world.coverage.note(at.step, Fault::Kill);
            world.note(|_| format!("p{number} dies {:?} {}", at.side, at.step.name()));
            world.dead.insert(format!("p{number}"));
            world.standing[slot] = None;
        });
        process.kill(self.stacks);
    }

    /// A process stands still for longer than its lease lasts.
    fn stop(&mut self) {
        let amid = self.amid();
        let Some(slot) = self.with(|world| world.dice.any(&amid)) else {
            return;
        };
        let Some(process) = &mut self.slots[slot] else {
            return;
        };
        let mut world = self.world.borrow_mut();
        if !world.faults.has(Fault::Stop) {
            return;
        }
        let seconds = if world.dice.one_in(3) {
            world.dice.between(80_000, 100_000)
        } else {
            world.dice.between(121, 1_200)
        };
        process.stopped_until = Some(world.time.truth + TimeDelta::seconds(seconds));
        let (number, at) = (process.number, process.at);
        world.coverage.note(at.step, Fault::Stop);
        world.note(|_| {
            let step = at.step.name();
            format!(
                "p{number} stands still {:?} {step} for {seconds} s",
                at.side
            )
        });
    }

    /// A backup is made; sooner or later it is put back, or the state is lost for good. Nobody works
    /// with a state file while that is done.
    fn back_up_or_restore(&mut self) {
        let is_to_be_made = self.with(|world| world.dice.one_in(2));
        if is_to_be_made {
            return self.with(|world| {
                let store = world.store.copy_in_memory().unwrap();
                world.note(|_| "the state is backed up".to_owned());
                world.backup = Some(store);
            });
        }
        let is_lost = self.with(|world| world.backup.is_none() || world.dice.one_in(2));
        let fault = if is_lost {
            Fault::Rebuilt
        } else {
            Fault::Restored
        };
        if !self.with(|world| world.faults.has(fault)) {
            return;
        }
        self.with(|world| world.struck(fault));
        for slot in 0..self.slots.len() {
            self.kill_slot(slot);
        }
        let fresh = self.template.copy_in_memory().unwrap();
        self.with(|world| {
            let now = world.time.wall();
            let epoch = world
                .store
                .lease_info()
                .unwrap()
                .map_or(0, |info| info.epoch);
            let backup = world.backup.take().filter(|_| !is_lost);
            let store = if let Some(backup) = backup {
                backup.go_on_from_backup(epoch, "ann", now).unwrap();
                backup
            } else {
                fresh.go_on_from_nothing(epoch, "ann", now).unwrap();
                fresh
            };
            world.note(|_| format!("the state is {}", fault.name()));
            world.store = Arc::new(store);
            world.was_replaced = true;
        });
    }

    /// Takes away what still lives.
    pub(crate) fn end(mut self) {
        for slot in 0..self.slots.len() {
            if let Some(process) = self.slots[slot].take() {
                process.kill(self.stacks);
            }
        }
    }
}

/// A person lets one quarantined asset be tried again.
fn lift_quarantine(world: &mut World) {
    let built = world.positions(true);
    if let Some(asset) = world.dice.any(&built) {
        let key = world.topology.assets[asset].key.clone();
        let now = world.time.wall();
        let lifted = world.store.lift_quarantine(&key, "ann", now).unwrap();
        if lifted {
            world.note(|_| format!("the quarantine of {key} is lifted"));
        }
    }
}
