//! The ports of one process over the shared world: each call stands still before and after its
//! effect, may fail, and is held against the rules.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use assets::AssetKey;
use assets::delta::{Commit, KeptChanges, KnownHead, Reading, Unreadable};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use headwater::execute::Windows;
use headwater::ports::{Back, Clock, Random, StateError, TableLocation, TableRequest, Tables};
use headwater::reconcile::PassReport;
use headwater::state::Lease;
use headwater::store::Store;
use send_wrapper::SendWrapper;
use workspace::MemoryLog;

use crate::bugs::Bug;
use crate::faults::Fault;
use crate::process::{Order, Turn, open, take_lease};
use crate::state::Deferred;
use crate::steps::{Side, Standing, Step};
use crate::world::World;

/// What a process reaches the world by.
pub(crate) struct Ports<'a>(SendWrapper<Inner<'a>>);

pub(crate) struct Inner<'a> {
    pub(crate) world: Rc<RefCell<World>>,
    turn: &'a Turn,
    pub(crate) store: Arc<Store>,
    number: u32,
    pub(crate) name: String,
    is_dead: Cell<bool>,
    /// The service's time as it was last told, and when that was.
    pub(crate) heard: Cell<Option<(DateTime<Utc>, Duration)>>,
    /// Whether the service ever answered.
    pub(crate) has_heard: Cell<bool>,
    /// What could not be observed, as this process last read it from the state.
    pub(crate) unknown: RefCell<BTreeSet<AssetKey>>,
    /// How often this process has read the state.
    pub(crate) loads: Cell<u32>,
    /// The stamp that a planted bug writes too late.
    pub(crate) deferred: RefCell<Option<Deferred>>,
}

impl<'a> Ports<'a> {
    pub(crate) fn new(world: Rc<RefCell<World>>, turn: &'a Turn, number: u32) -> Self {
        let store = open(&world);
        Self(SendWrapper::new(Inner {
            world,
            turn,
            store,
            number,
            name: format!("p{number}"),
            is_dead: Cell::new(false),
            heard: Cell::new(None),
            has_heard: Cell::new(false),
            unknown: RefCell::default(),
            loads: Cell::new(0),
            deferred: RefCell::default(),
        }))
    }

    pub(crate) fn inner(&self) -> &Inner<'a> {
        &self.0
    }

    /// Acts on the world; never held while others have their turn.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.world.borrow_mut())
    }

    /// Stands at a side of a step; returns whether the process still lives when it goes on.
    pub(crate) fn reach(&self, step: Step, side: Side) -> bool {
        if self.0.is_dead.get() {
            return false;
        }
        let standing = Standing { step, side };
        self.with(|world| {
            if side == Side::Before {
                world.coverage.reached(step);
            }
            let time = world.time;
            world.trace.mix(self.0.number, standing, time);
        });
        let lives = self.0.turn.suspend(standing) == Order::Go;
        self.0.is_dead.set(!lives);
        lives
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.is_dead.get()
    }

    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if !self.is_dead() {
            let name = &self.0.name;
            self.with(|world| world.note(|_| format!("{name}: {}", what())));
        }
    }

    pub(crate) fn idle(&self) {
        self.reach(Step::Idle, Side::Before);
    }

    pub(crate) fn windows(&self) -> Windows {
        self.with(|world| world.windows)
    }

    /// Takes or renews the lease, as the command does.
    pub(crate) fn take_lease(&self) -> Result<Lease, StateError> {
        let is_dead = |holder: &str| self.with(|world| world.dead.contains(holder));
        take_lease(self, &self.0.store, (&self.0.name, &is_dead), self.now())
    }

    pub(crate) fn release_lease(&self, lease: &Lease) -> Result<(), StateError> {
        headwater::ports::State::release_lease(self, lease)
    }

    pub(crate) fn passed(&self, report: &PassReport) {
        self.note(|| {
            format!(
                "pass {} done: {} settled, {} asked for, {} in flight",
                report.pass.0,
                report.settled.len(),
                report.triggered.len(),
                report.in_flight
            )
        });
    }
}

#[async_trait]
impl Clock for Ports<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.with(|world| world.time.wall())
    }

    fn monotonic(&self) -> Duration {
        self.with(|world| world.time.monotonic())
    }

    async fn sleep(&self, duration: Duration) {
        self.with(|world| world.later(TimeDelta::from_std(duration).unwrap()));
    }
}

impl Random for Ports<'_> {
    fn bits(&self) -> u128 {
        self.with(|world| world.dice.bits())
    }
}

#[async_trait]
impl Tables for Ports<'_> {
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading> {
        let is_dead = !self.reach(Step::ReadTables, Side::Before);
        let read = |world: &mut World, request: TableRequest| {
            let table = world.lake.named(&request.location.path);
            match table {
                Some(table) => {
                    let log = &world.lake.of(table).log;
                    log.read(request.known.as_deref())
                }
                None => Reading::Absent,
            }
        };
        let readings = self.with(|world| {
            let all = requests.into_iter();
            all.map(|request| read(world, request)).collect()
        });
        if is_dead || !self.reach(Step::ReadTables, Side::After) {
            return Vec::new();
        }
        readings
    }

    async fn commits_back_to(
        &self,
        location: &TableLocation,
        back: Back,
    ) -> Result<Vec<Commit>, Unreadable> {
        if !self.reach(Step::ReadBack, Side::Before) {
            return Ok(Vec::new());
        }
        self.with(|world| {
            let table = world.lake.named(&location.path);
            let commits = table.map(|table| world.lake.of(table).log.back_to(back.to));
            Ok(commits.into_iter().flatten().take(back.at_most).collect())
        })
    }

    async fn kept_changes(
        &self,
        location: &TableLocation,
        head: &KnownHead,
        asked: u64,
    ) -> Result<KeptChanges, Unreadable> {
        if !self.reach(Step::ReadBack, Side::Before) {
            return Err(MemoryLog::gone(head));
        }
        self.with(|world| {
            let table = world.lake.named(&location.path);
            table.map_or_else(
                || Err(MemoryLog::gone(head)),
                |table| world.lake.of(table).log.kept_changes(head, asked),
            )
        })
    }

    /// Nothing here is written by a streaming query.
    async fn checkpoint_file(
        &self,
        _folder: &TableLocation,
        _name: &str,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(None)
    }
}

impl Ports<'_> {
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.with(|world| world.has(bug))
    }

    /// Whether a transaction fails now.
    pub(crate) fn transaction_fails(&self, step: Step) -> bool {
        self.with(|world| {
            let fails = world.strikes(Fault::TransactionFails, 40);
            if fails {
                world.coverage.note(step, Fault::TransactionFails);
            }
            fails
        })
    }
}
