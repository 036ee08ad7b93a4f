//! A state that springs traps: a crash, or something that somebody else does, around one step.

use std::collections::VecDeque;
use std::sync::Mutex;

use assets::version::PassNumber;
use assets::{AssetKey, Relation};
use chrono::{DateTime, TimeDelta, Utc};

use crate::ports::{
    DecisionRecord, LaterRun, PassFindings, PassRecord, Sighting, State, StateError,
};
use crate::state::{
    CatalogLocation, Cut, Intent, IntentId, Lease, Memory, RunId, Search, Settlement, StartedRun,
};
use crate::store::Store;

/// On which side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    After,
}

/// What a trap does.
pub(super) enum Spring {
    /// The process dies.
    Crash,
    /// Somebody else acts.
    Act(Box<dyn FnOnce(&Store) + Send>),
}

struct Trap {
    step: &'static str,
    side: Side,
    spring: Spring,
}

/// A store that outlives the process that uses it.
pub(super) struct Trapped {
    pub(super) store: Store,
    traps: Mutex<VecDeque<Trap>>,
    /// Dies after so many sides of steps.
    fuse: Mutex<Option<u32>>,
    dead: Mutex<bool>,
    steps: Mutex<Vec<&'static str>>,
}

impl Trapped {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            traps: Mutex::default(),
            fuse: Mutex::default(),
            dead: Mutex::default(),
            steps: Mutex::default(),
        }
    }

    pub(super) fn set(&self, side: Side, step: &'static str, spring: Spring) {
        let trap = Trap { step, side, spring };
        self.traps.lock().unwrap().push_back(trap);
    }

    pub(super) fn light_fuse(&self, sides: u32) {
        *self.fuse.lock().unwrap() = Some(sides);
    }

    pub(super) fn revive(&self) {
        *self.dead.lock().unwrap() = false;
        *self.fuse.lock().unwrap() = None;
    }

    /// The writing steps since the last time this was asked.
    pub(super) fn take_steps(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.steps.lock().unwrap())
    }

    fn step<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&Store) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        self.steps.lock().unwrap().push(name);
        self.spring(Side::Before, name)?;
        let done = act(&self.store)?;
        self.spring(Side::After, name)?;
        Ok(done)
    }

    fn spring(&self, side: Side, step: &'static str) -> Result<(), StateError> {
        let mut dead = self.dead.lock().unwrap();
        let mut traps = self.traps.lock().unwrap();
        let is_mine = |trap: &Trap| trap.step == step && trap.side == side;
        if let Some(at) = traps.iter().position(is_mine) {
            match traps.remove(at).unwrap().spring {
                Spring::Crash => *dead = true,
                Spring::Act(act) => act(&self.store),
            }
        }
        let mut fuse = self.fuse.lock().unwrap();
        if let Some(left) = fuse.as_mut() {
            *left = left.saturating_sub(1);
            *dead |= *left == 0;
        }
        if *dead {
            return Err(StateError::Unreadable {
                place: "simulation",
                problem: format!("crashed {side:?} {step}"),
            });
        }
        Ok(())
    }
}

impl State for Trapped {
    fn load(&self) -> Result<Memory, StateError> {
        self.store.load()
    }

    fn generation(&self) -> Result<u64, StateError> {
        self.store.generation()
    }

    fn started_since(&self, from: DateTime<Utc>) -> Result<Vec<StartedRun>, StateError> {
        self.store.started_since(from)
    }

    fn intent_of_run(&self, run: RunId) -> Result<Option<Intent>, StateError> {
        self.store.intent_of_run(run)
    }

    fn acquire_lease(
        &self,
        holder: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<Lease, StateError> {
        self.store.acquire_lease(holder, now, lifetime)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), StateError> {
        self.store.release_lease(lease)
    }

    fn pin_workspace(&self, lease: &Lease, workspace_id: &str) -> Result<(), StateError> {
        self.store.pin_workspace(lease, workspace_id)
    }

    fn begin_pass(&self, lease: &Lease, now: DateTime<Utc>) -> Result<PassNumber, StateError> {
        self.step("begin_pass", |store| store.begin_pass(lease, now))
    }

    fn record_sightings(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        sightings: &[Sighting],
    ) -> Result<(), StateError> {
        self.step("record_sightings", |store| {
            store.record_sightings(lease, now, sightings)
        })
    }

    fn record_locations(
        &self,
        lease: &Lease,
        locations: &[(Relation, CatalogLocation)],
    ) -> Result<(), StateError> {
        self.step("record_locations", |store| {
            store.record_locations(lease, locations)
        })
    }

    fn record_cuts(
        &self,
        lease: &Lease,
        cuts: &[(AssetKey, Option<Cut>)],
    ) -> Result<(), StateError> {
        self.step("record_cuts", |store| store.record_cuts(lease, cuts))
    }

    fn intend(&self, lease: &Lease, intent: &Intent) -> Result<(), StateError> {
        self.step("intend", |store| store.intend(lease, intent))
    }

    fn adopt_run(
        &self,
        lease: &Lease,
        found: &Intent,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("adopt_run", |store| store.adopt_run(lease, found, now))
    }

    fn record_search(
        &self,
        lease: &Lease,
        search: Option<&Search>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        let record = |store: &Store| store.record_search(lease, search, now);
        self.step("record_search", record)
    }

    fn stamp(
        &self,
        lease: &Lease,
        intent: &IntentId,
        attempt: u32,
        service_time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("stamp", |store| {
            store.stamp(lease, intent, attempt, service_time, now)
        })
    }

    fn record_run(
        &self,
        intent: &IntentId,
        attempt: u32,
        run: RunId,
        url: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("record_run", |store| {
            store.record_run(intent, attempt, run, url, now)
        })
    }

    fn record_later_run(
        &self,
        current: (&IntentId, u32),
        later: &LaterRun,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("record_later_run", |store| {
            store.record_later_run(current, later, now)
        })
    }

    fn record_uncertain(
        &self,
        intent: &IntentId,
        attempt: u32,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("record_uncertain", |store| {
            store.record_uncertain(intent, attempt, reason, now)
        })
    }

    fn record_cancel_request(
        &self,
        intent: &IntentId,
        attempt: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("record_cancel_request", |store| {
            store.record_cancel_request(intent, attempt, now)
        })
    }

    fn settle(
        &self,
        intent: &IntentId,
        attempt: u32,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("settle", |store| {
            store.settle(intent, attempt, settlement, now)
        })
    }

    fn settle_refused(
        &self,
        lease: &Lease,
        intent: &IntentId,
        attempt: u32,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.step("settle_refused", |store| {
            store.settle_refused(lease, intent, attempt, settlement, now)
        })
    }

    fn lift_quarantine(
        &self,
        asset: &AssetKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.store.lift_quarantine(asset, actor, now)
    }

    fn table_schema(&self, asset: &AssetKey) -> Result<Option<String>, StateError> {
        self.store.table_schema(asset)
    }

    fn record_checks(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        results: &[(AssetKey, std::sync::Arc<str>, crate::state::CheckResult)],
    ) -> Result<(), StateError> {
        self.store.record_checks(lease, now, results)
    }

    fn record_decisions(
        &self,
        lease: &Lease,
        decisions: &[DecisionRecord],
    ) -> Result<(), StateError> {
        // Not every call writes: it is no step.
        self.store.record_decisions(lease, decisions)
    }

    fn finish_pass(
        &self,
        lease: &Lease,
        summary: &PassRecord,
        found: PassFindings<'_>,
    ) -> Result<(), StateError> {
        self.step("finish_pass", |store| {
            store.finish_pass(lease, summary, found)
        })
    }
}
