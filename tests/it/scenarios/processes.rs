//! The processes of a story: each acts on the same state under the lease, as the command does.

use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};

use chrono::{DateTime, Utc};
use headwater::execute::Windows;
use headwater::ports::{State, StateError};
use headwater::reconcile::{
    LEASE_LIFETIME, Mode, PassReport, Remembered, Scope, World as Reach, pass,
};
use headwater::state::Lease;
use headwater::store::Store;

use super::declared::Declared;
use super::world::World;

/// A state that never saw a pass, as a copy of one: its schema is made once for all stories.
pub(super) fn new_state() -> Store {
    static BLANK: LazyLock<Store> =
        LazyLock::new(|| Store::open_in_memory_copy(Path::new("/nowhere/state.db")).unwrap());
    BLANK.copy_in_memory().unwrap()
}

/// What a pass acts on.
#[derive(Clone, Copy)]
pub(super) struct Scenery<'a> {
    pub(super) world: &'a World,
    pub(super) declared: &'a Declared,
    pub(super) state: &'a Store,
}

/// A reconciler.
pub(super) struct Process {
    /// What the lease names it.
    holder: String,
    remembered: Remembered,
    pub(super) is_dead: bool,
}

/// What came of a pass.
pub(super) enum Passed {
    Done(Box<PassReport>),
    /// Its process died on the way.
    Dead,
    /// Nothing was done.
    Refused(StateError),
}

impl Process {
    pub(super) fn named(holder: &str) -> Self {
        Self {
            holder: holder.to_owned(),
            remembered: Remembered::default(),
            is_dead: false,
        }
    }

    /// The process that comes after this one, which is dead: it sees that, and takes the lease over
    /// at once.
    pub(super) fn successor(&self, state: &Store, now: DateTime<Utc>, name: &str) -> Self {
        state.bury_holder(&self.holder, name, now).unwrap();
        Self::named(name)
    }

    /// Makes a pass under the lease.
    pub(super) fn pass(&mut self, scenery: Scenery<'_>, mode: Mode) -> Passed {
        let now = scenery.world.get().now;
        let lease = scenery
            .state
            .acquire_lease(&self.holder, now, LEASE_LIFETIME);
        let passed = lease.map(|lease| run(one_pass(scenery, &lease, mode, &mut self.remembered)));
        match passed {
            Ok(None) => {
                self.is_dead = true;
                Passed::Dead
            }
            Ok(Some(Ok(report))) => Passed::Done(Box::new(report)),
            Ok(Some(Err(error))) | Err(error) => Passed::Refused(error),
        }
    }
}

async fn one_pass(
    scenery: Scenery<'_>,
    lease: &Lease,
    mode: Mode,
    remembered: &mut Remembered,
) -> Result<PassReport, StateError> {
    let Scenery {
        world,
        declared,
        state,
    } = scenery;
    let reach = Reach {
        tables: world,
        catalog: Some(world),
        jobs: Some(world),
        statements: Some(world),
        state,
        clock: world,
        random: world,
    };
    let scope = Scope {
        project: "shop",
        environment: "dev",
        catalog: Some("lake"),
        graph: &declared.graph,
        tasks: &declared.tasks,
        limits: &declared.limits,
        freezes: &declared.freezes,
        tests: &declared.tests,
        selected: None,
        windows: Windows::default(),
    };
    pass(reach, scope, lease, mode, remembered).await
}

/// Whether a future asked to be looked at again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future to its end; one that waits for what will never come is dropped where it stands, as
/// the process is that dies there.
fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
        if !woken.0.swap(false, Ordering::Relaxed) {
            return None;
        }
    }
}
