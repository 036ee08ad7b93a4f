//! A reconciler: the real pass, on a stack of its own that stands still at every step.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use headwater::ports::{State, StateError};
use headwater::reconcile::{LEASE_LIFETIME, Mode, Remembered, Scope, World as Reach, pass};
use headwater::state::Lease;
use headwater::store::Store;

use crate::invariants;
use crate::ports::Ports;
use crate::steps::{Side, Standing, Step};
use crate::topology::Topology;
use crate::world::World;

/// What a process is told when it gets its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Go,
    /// It is dead from now on: nothing that it does has an effect any more.
    Die,
}

/// Where a process hands over to others.
pub(crate) type Turn = Yielder<Order, Standing>;

type Fiber = Coroutine<Order, Standing, (), DefaultStack>;

/// A process under way.
pub(crate) struct Process {
    pub(crate) number: u32,
    pub(crate) at: Standing,
    /// Stopped until then, by the service's clock.
    pub(crate) stopped_until: Option<chrono::DateTime<chrono::Utc>>,
    fiber: Fiber,
}

/// What a new process does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) number: u32,
    pub(crate) passes: u32,
}

/// Bytes of stack for a process: the deepest of the code under test, without optimization.
const STACK: usize = 1024 * 1024;

/// Stacks that nobody uses at the moment.
#[derive(Default)]
pub(crate) struct Stacks(Vec<DefaultStack>);

impl Stacks {
    fn take(&mut self) -> DefaultStack {
        let free = self.0.pop();
        free.unwrap_or_else(|| DefaultStack::new(STACK).unwrap())
    }
}

impl Process {
    /// Begins a process, which stands at its first step.
    pub(crate) fn begin(world: &Rc<RefCell<World>>, life: Life, stacks: &mut Stacks) -> Self {
        let world = Rc::clone(world);
        let fiber = Fiber::with_stack(stacks.take(), move |turn, _order| live(&world, turn, life));
        Self {
            number: life.number,
            at: Standing {
                step: Step::Idle,
                side: Side::Before,
            },
            stopped_until: None,
            fiber,
        }
    }

    /// Gives it its turn until its next step; returns whether it goes on after that.
    pub(crate) fn go(&mut self, order: Order) -> bool {
        match self.fiber.resume(order) {
            CoroutineResult::Yield(at) => {
                self.at = at;
                true
            }
            CoroutineResult::Return(()) => false,
        }
    }

    /// Lets it die where it stands.
    pub(crate) fn kill(mut self, stacks: &mut Stacks) {
        while self.go(Order::Die) {}
        self.bury(stacks);
    }

    /// Takes away a process that has ended.
    pub(crate) fn bury(self, stacks: &mut Stacks) {
        stacks.0.push(self.fiber.into_stack());
    }
}

fn live(world: &Rc<RefCell<World>>, turn: &Turn, life: Life) {
    let ports = Ports::new(Rc::clone(world), turn, life.number);
    let topology = Rc::clone(&world.borrow().topology);
    let mut remembered = Remembered::default();
    for _ in 0..life.passes {
        if let Err(error) = try_pass(&ports, &topology, &mut remembered) {
            ports.note(|| format!("ends: {error}"));
            break;
        }
        ports.idle();
    }
    // As the command does at its end, whatever became of its passes.
    if let Ok(lease) = ports.take_lease() {
        drop(ports.release_lease(&lease));
    }
}

fn try_pass(
    ports: &Ports<'_>,
    topology: &Topology,
    remembered: &mut Remembered,
) -> Result<(), StateError> {
    let lease = ports.take_lease()?;
    let reach = Reach {
        tables: ports,
        catalog: None,
        jobs: Some(ports),
        statements: None,
        state: ports,
        clock: ports,
        random: ports,
    };
    let scope = Scope {
        project: "shop",
        environment: "dev",
        catalog: None,
        graph: &topology.graph,
        tasks: &topology.tasks,
        limits: &topology.limits,
        selected: None,
        freezes: &[],
        tests: &assets::dbt::TestResults::new(),
        windows: ports.windows(),
    };
    let report = block_on(pass(reach, scope, &lease, Mode::Act, remembered))?;
    ports.passed(&report);
    let memory = remembered.refresh(ports)?;
    invariants::reported(ports, topology, memory);
    Ok(())
}

/// Takes or renews the lease as the command does: from a holder on this machine that is surely dead,
/// at once.
pub(crate) fn take_lease(
    state: &dyn State,
    store: &Store,
    (own, is_dead): (&str, &dyn Fn(&str) -> bool),
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Lease, StateError> {
    match state.acquire_lease(own, now, LEASE_LIFETIME) {
        Err(StateError::LeaseHeld { holder, .. }) if is_dead(&holder) => {
            store.bury_holder(&holder, own, now)?;
            state.acquire_lease(own, now, LEASE_LIFETIME)
        }
        taken => taken,
    }
}

/// Runs a future whose every wait is for its own turn.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// The store that a process opens when it begins.
pub(crate) fn open(world: &RefCell<World>) -> Arc<Store> {
    Arc::clone(&world.borrow().store)
}
