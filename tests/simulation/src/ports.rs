//! The ports of one process over the shared world: each call stands still before and after its
//! effect, may fail, and is held against the rules.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use assets::AssetKey;
use assets::delta::{Commit, Reading, Unreadable};
use assets::task::JobReference;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use headwater::execute::{CORRELATION, Windows};
use headwater::ports::{
    Clock, Job, Jobs, JobsError, Random, Run, RunRequest, StateError, TableLocation, TableRequest,
    Tables,
};
use headwater::reconcile::PassReport;
use headwater::state::{Lease, RunId};
use headwater::store::Store;
use send_wrapper::SendWrapper;

use crate::bugs::Bug;
use crate::faults::Fault;
use crate::process::{Order, Turn, open, take_lease};
use crate::state::Deferred;
use crate::steps::{Side, Standing, Step};
use crate::world::World;

/// How long the client of the service waits for an answer at most, and how old one may be to tell
/// the time.
const LONGEST_CALL: Duration = Duration::from_mins(1);

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
    heard: Cell<Option<(DateTime<Utc>, Duration)>>,
    /// Whether the service ever answered.
    has_heard: Cell<bool>,
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

    /// Asks the service something.
    fn ask<T>(
        &self,
        step: Step,
        answer: impl FnOnce(&mut World) -> Result<T, JobsError>,
    ) -> Result<T, JobsError> {
        if !self.reach(step, Side::Before) {
            return Err(dead());
        }
        let (asked_at, answered) = self.with(|world| {
            let asked_at = world.time.monotonic();
            let answered = match world.question_fails(step) {
                Some(error) => Err(error),
                None => answer(world),
            };
            (asked_at, answered)
        });
        self.hear(step, asked_at, answered)
    }

    /// An answer comes in, sooner or later.
    fn hear<T>(
        &self,
        step: Step,
        asked_at: Duration,
        answered: Result<T, JobsError>,
    ) -> Result<T, JobsError> {
        let dated = self.with(|world| world.time.truth);
        if !self.reach(step, Side::After) {
            return Err(dead());
        }
        let is_late = self.with(|world| {
            let late = world.time.monotonic().saturating_sub(asked_at) > LONGEST_CALL;
            late && world.dice.one_in(2)
        });
        if is_late {
            return Err(JobsError::Unanswered("timed out".to_owned()));
        }
        if !matches!(answered, Err(JobsError::Unanswered(_))) {
            self.0.has_heard.set(true);
            self.hear_time(asked_at, dated);
        }
        answered
    }

    /// An answer tells the service's time to the second, unless it came so late that it tells of
    /// another time.
    fn hear_time(&self, asked_at: Duration, dated: DateTime<Utc>) {
        let now = self.monotonic();
        if now.saturating_sub(asked_at) <= LONGEST_CALL {
            let millis = dated.timestamp_subsec_millis();
            let dated = dated - TimeDelta::milliseconds(i64::from(millis));
            self.0.heard.set(Some((dated, now)));
        }
    }
}

fn dead() -> JobsError {
    JobsError::Unanswered("the process is dead".to_owned())
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
            let table = world.lake.named(&request.location.0);
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
        at: DateTime<Utc>,
    ) -> Result<Vec<Commit>, Unreadable> {
        if !self.reach(Step::ReadBack, Side::Before) {
            return Ok(Vec::new());
        }
        self.with(|world| {
            let table = world.lake.named(&location.0);
            Ok(table.map_or_else(Vec::new, |table| world.lake.of(table).log.back_to(at)))
        })
    }
}

/// Lets what else this process has under way go on first.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[async_trait]
impl Jobs for Ports<'_> {
    fn workspace_id(&self) -> Option<String> {
        self.0.has_heard.get().then(|| "w1".to_owned())
    }

    fn service_now(&self) -> Option<DateTime<Utc>> {
        let (told, at) = self.0.heard.get()?;
        let since = self.monotonic().saturating_sub(at);
        Some(told + TimeDelta::from_std(since).ok()?)
    }

    fn run_url(&self, _job_id: i64, _run: RunId) -> Option<String> {
        None
    }

    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError> {
        Pause(false).await;
        let JobReference::Id(job_id) = *reference else {
            return Err(JobsError::NotFound(format!("no {reference}")));
        };
        self.ask(Step::Job, |_| {
            Ok(Job {
                job_id,
                name: format!("job-{job_id}"),
                parameters: vec![CORRELATION.to_owned()],
                other_triggers: Vec::new(),
            })
        })
    }

    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError> {
        if self.is_dead() {
            return Err(dead());
        }
        // It leaves at once: between the look at the clock and the request nobody else has a turn.
        // What may happen on its way is the network's business.
        let (asked_at, answered) = self.with(|world| {
            world.coverage.reached(Step::RunNow);
            let mut request = request.clone();
            falsify(world, &mut request);
            (world.time.monotonic(), world.send(&request))
        });
        self.stamp_late();
        let answered = self.hear(Step::RunNow, asked_at, answered);
        Pause(false).await;
        match answered {
            Err(JobsError::Unanswered(message)) if self.has(Bug::SilenceIsRefusal) => {
                Err(JobsError::Refused(message))
            }
            answered => answered,
        }
    }

    async fn run(&self, id: RunId) -> Result<Run, JobsError> {
        Pause(false).await;
        self.ask(Step::Run, |world| {
            world.look(Step::Run);
            let now = world.time.truth;
            let found = world.service.told(now).find(|run| run.id == id).cloned();
            found.ok_or_else(|| JobsError::NotFound(format!("no run {id}")))
        })
    }

    async fn active_runs(&self) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::ActiveRuns, |world| {
            world.look(Step::ActiveRuns);
            let runs = world.service.told(world.time.truth);
            let active = runs.filter(|run| run.state == headwater::ports::RunState::Active);
            Ok(active.cloned().collect())
        })
    }

    async fn runs_since(&self, job_id: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::RunsSince, |world| {
            world.look(Step::RunsSince);
            let runs = world.service.told(world.time.truth);
            let mine = runs.filter(|run| run.job_id == job_id && run.started_at >= from);
            Ok(mine.cloned().collect())
        })
    }

    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError> {
        self.ask(Step::AllRunsSince, |world| {
            world.look(Step::AllRunsSince);
            let runs = world.service.told(world.time.truth);
            let began = runs.filter(|run| run.started_at >= from);
            Ok(began.cloned().collect())
        })
    }

    async fn cancel(&self, id: RunId) -> Result<(), JobsError> {
        self.ask(Step::Cancel, |world| {
            if let Some(run) = world.service.get_mut(id) {
                run.is_cancelling = run.is_active();
            }
            Ok(())
        })
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

/// What planted bugs do to tokens.
fn falsify(world: &mut World, request: &mut RunRequest) {
    if world.has(Bug::TokenWithoutAttempt) {
        let correlation = request.parameters.get(CORRELATION);
        let intent = correlation.and_then(|text| text.split_once('.'));
        if let Some((intent, _)) = intent {
            intent.clone_into(&mut request.token);
        }
    }
    if world.has(Bug::TokenPerRequest) {
        request.token = format!("{:x}", world.dice.bits());
    }
}
