//! The state of a process: the real store, each transaction a step.

use assets::version::PassNumber;
use assets::{AssetKey, Relation};
use chrono::{DateTime, TimeDelta, Utc};
use headwater::ports::{
    DecisionRecord, LaterRun, PassFindings, PassRecord, Sighting, State, StateError,
};
use headwater::state::{
    CatalogLocation, Cut, Intent, IntentId, Lease, Memory, RunId, Search, Settlement, StartedRun,
};
use headwater::store::Store;

use crate::bugs::Bug;
use crate::ports::Ports;
use crate::steps::{Side, Step};

/// A stamp that is written too late.
pub(crate) struct Deferred {
    lease: Lease,
    intent: IntentId,
    attempt: u32,
    service_time: DateTime<Utc>,
    now: DateTime<Utc>,
}

fn fails(why: &str) -> StateError {
    StateError::Unreadable {
        place: "simulation",
        problem: why.to_owned(),
    }
}

impl Ports<'_> {
    fn tx<T>(
        &self,
        step: Step,
        act: impl FnOnce(&Store) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        if !self.reach(step, Side::Before) {
            return Err(fails("the process is dead"));
        }
        if self.transaction_fails(step) {
            self.note(|| format!("{} fails", step.name()));
            return Err(fails("the disk is full"));
        }
        let done = act(&self.inner().store);
        if !self.reach(step, Side::After) {
            return Err(fails("the process is dead"));
        }
        done
    }

    /// Reads, which nothing that others do can come in the middle of.
    fn read<T>(
        &self,
        step: Step,
        act: impl FnOnce(&Store) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        if !self.reach(step, Side::Before) {
            return Err(fails("the process is dead"));
        }
        act(&self.inner().store)
    }

    /// The lease, or the one that a planted bug takes for it.
    fn lease(&self, lease: &Lease) -> Lease {
        let current = self.inner().store.lease_info();
        match current {
            Ok(Some(info)) if self.has(Bug::NoEpochCheck) => Lease {
                holder: info.holder.unwrap_or_default(),
                epoch: info.epoch,
                expires_at: info.expires_at,
            },
            _ => lease.clone(),
        }
    }

    /// The attempt, or the one that a planted bug takes for it.
    fn attempt(&self, intent: &IntentId, attempt: u32) -> u32 {
        if !self.has(Bug::SettleWithoutCompare) {
            return attempt;
        }
        let found = self.inner().store.intent(intent);
        found.ok().flatten().map_or(attempt, |found| found.attempt)
    }

    /// Writes the stamp that a planted bug kept back.
    pub(crate) fn stamp_late(&self) {
        if let Some(stamp) = self.inner().deferred.take() {
            // It may come too late for that, too.
            drop(self.inner().store.stamp(
                &stamp.lease,
                &stamp.intent,
                stamp.attempt,
                stamp.service_time,
                stamp.now,
            ));
        }
    }
}

impl State for Ports<'_> {
    fn load(&self) -> Result<Memory, StateError> {
        let mut memory = self.read(Step::Load, State::load)?;
        self.with(|world| world.check_memory(&memory));
        let inner = self.inner();
        inner.loads.set(inner.loads.get() + 1);
        let unknown = memory.observations.iter().filter(|(_, seen)| {
            matches!(seen.state, headwater::state::ObservedState::Unknown { .. })
        });
        inner
            .unknown
            .replace(unknown.map(|(key, _)| key.clone()).collect());
        // The first pass of a process plans from its second reading at the latest.
        if self.has(Bug::PlanBeforeAdopt) && inner.loads.get() <= 2 {
            memory.open_intents.clear();
        }
        Ok(memory)
    }

    fn generation(&self) -> Result<u64, StateError> {
        self.read(Step::Generation, State::generation)
    }

    fn started_since(&self, from: DateTime<Utc>) -> Result<Vec<StartedRun>, StateError> {
        self.read(Step::StartedSince, |store| store.started_since(from))
    }

    fn intent_of_run(&self, run: RunId) -> Result<Option<Intent>, StateError> {
        self.read(Step::IntentOfRun, |store| store.intent_of_run(run))
    }

    fn acquire_lease(
        &self,
        holder: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<Lease, StateError> {
        self.tx(Step::AcquireLease, |store| {
            store.acquire_lease(holder, now, lifetime)
        })
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), StateError> {
        self.tx(Step::ReleaseLease, |store| store.release_lease(lease))
    }

    fn pin_workspace(&self, lease: &Lease, workspace_id: &str) -> Result<(), StateError> {
        self.tx(Step::PinWorkspace, |store| {
            store.pin_workspace(&self.lease(lease), workspace_id)
        })
    }

    fn begin_pass(&self, lease: &Lease, now: DateTime<Utc>) -> Result<PassNumber, StateError> {
        self.tx(Step::BeginPass, |store| {
            store.begin_pass(&self.lease(lease), now)
        })
    }

    fn record_sightings(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        sightings: &[Sighting],
    ) -> Result<(), StateError> {
        self.tx(Step::RecordSightings, |store| {
            store.record_sightings(&self.lease(lease), now, sightings)
        })
    }

    fn record_locations(
        &self,
        lease: &Lease,
        locations: &[(Relation, CatalogLocation)],
    ) -> Result<(), StateError> {
        self.inner().store.record_locations(lease, locations)
    }

    fn record_cuts(
        &self,
        lease: &Lease,
        cuts: &[(AssetKey, Option<Cut>)],
    ) -> Result<(), StateError> {
        self.tx(Step::RecordCuts, |store| {
            store.record_cuts(&self.lease(lease), cuts)
        })
    }

    fn intend(&self, lease: &Lease, intent: &Intent) -> Result<(), StateError> {
        self.tx(Step::Intend, |store| {
            store.intend(&self.lease(lease), intent)?;
            let unknown = self.inner().unknown.borrow();
            self.with(|world| world.check_intended(intent, &unknown));
            Ok(())
        })
    }

    fn adopt_run(
        &self,
        lease: &Lease,
        found: &Intent,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.tx(Step::AdoptRun, |store| {
            let done = store.adopt_run(&self.lease(lease), found, now)?;
            if let Some(run) = found.run_id.filter(|_| done) {
                self.with(|world| world.check_recorded(&found.id, found.attempt, run));
            }
            Ok(done)
        })
    }

    fn record_search(
        &self,
        lease: &Lease,
        search: Option<&Search>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.tx(Step::RecordSearch, |store| {
            store.record_search(&self.lease(lease), search, now)
        })
    }

    fn stamp(
        &self,
        lease: &Lease,
        intent: &IntentId,
        attempt: u32,
        service_time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        let lease = self.lease(lease);
        if self.has(Bug::StampAfterSend) {
            self.inner().deferred.replace(Some(Deferred {
                lease,
                intent: intent.clone(),
                attempt,
                service_time,
                now,
            }));
            return Ok(true);
        }
        self.tx(Step::Stamp, |store| {
            store.stamp(&lease, intent, attempt, service_time, now)
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
        self.tx(Step::RecordRun, |store| {
            let done = store.record_run(intent, attempt, run, url, now)?;
            if done {
                self.with(|world| world.check_recorded(intent, attempt, run));
            }
            Ok(done)
        })
    }

    fn record_later_run(
        &self,
        current: (&IntentId, u32),
        later: &LaterRun,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.tx(Step::RecordLaterRun, |store| {
            let done = store.record_later_run(current, later, now)?;
            if done {
                self.with(|world| world.check_recorded(current.0, later.attempt, later.run));
            }
            Ok(done)
        })
    }

    fn record_uncertain(
        &self,
        intent: &IntentId,
        attempt: u32,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.tx(Step::RecordUncertain, |store| {
            store.record_uncertain(intent, attempt, reason, now)
        })
    }

    fn record_cancel_request(
        &self,
        intent: &IntentId,
        attempt: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.tx(Step::RecordCancelRequest, |store| {
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
        self.tx(Step::Settle, |store| {
            let attempt = self.attempt(intent, attempt);
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
        self.tx(Step::SettleRefused, |store| {
            let (lease, attempt) = (self.lease(lease), self.attempt(intent, attempt));
            store.settle_refused(&lease, intent, attempt, settlement, now)
        })
    }

    fn lift_quarantine(
        &self,
        asset: &AssetKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.inner().store.lift_quarantine(asset, actor, now)
    }

    fn table_schema(&self, asset: &AssetKey) -> Result<Option<String>, StateError> {
        self.inner().store.table_schema(asset)
    }

    fn record_checks(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        results: &[(AssetKey, std::sync::Arc<str>, headwater::state::CheckResult)],
    ) -> Result<(), StateError> {
        // Nothing here declares a check.
        self.inner()
            .store
            .record_checks(&self.lease(lease), now, results)
    }

    fn record_decisions(
        &self,
        lease: &Lease,
        decisions: &[DecisionRecord],
    ) -> Result<(), StateError> {
        self.tx(Step::RecordDecisions, |store| {
            store.record_decisions(&self.lease(lease), decisions)
        })
    }

    fn finish_pass(
        &self,
        lease: &Lease,
        summary: &PassRecord,
        found: PassFindings<'_>,
    ) -> Result<(), StateError> {
        self.tx(Step::FinishPass, |store| {
            store.finish_pass(&self.lease(lease), summary, found)
        })
    }
}
