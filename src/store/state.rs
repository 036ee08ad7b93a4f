//! The `State` port over a [`Store`].

use std::sync::{Arc, PoisonError};

use assets::{AssetKey, PassNumber, Relation};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;
use serde_json::json;

use super::{
    Store, attempt, audit, build, checked, intent, lease, load, meta, pass, runs, search, settle,
    sightings, tables,
};
use crate::ports::{
    DecisionRecord, LaterRun, PassFindings, PassRecord, Sighting, State, StateError,
};
use crate::state::{
    CatalogLocation, CheckResult, Cut, Intent, IntentId, Lease, Memory, RunId, Search, Settlement,
    StartedRun,
};

impl State for Store {
    fn load(&self) -> Result<Memory, StateError> {
        let mut cache = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(|connection| load::memory(connection, &mut cache))
    }

    fn generation(&self) -> Result<u64, StateError> {
        self.read(load::generation)
    }

    fn started_since(&self, from: DateTime<Utc>) -> Result<Vec<StartedRun>, StateError> {
        self.read(|connection| runs::started_since(connection, from))
    }

    fn intent_of_run(&self, run: RunId) -> Result<Option<Intent>, StateError> {
        Ok(self.run_by_id(run)?.map(|record| record.intent))
    }

    fn acquire_lease(
        &self,
        holder: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<Lease, StateError> {
        let lease = self.write("acquire_lease", |write| {
            lease::acquire(write, holder, now, lifetime)
        })?;
        holder.clone_into(&mut self.lock().actor);
        Ok(lease)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), StateError> {
        self.write("release_lease", |write| lease::release(write, lease))
    }

    fn pin_workspace(&self, lease: &Lease, workspace_id: &str) -> Result<(), StateError> {
        self.write("pin_workspace", |write| {
            meta::pin_workspace(write, lease, workspace_id)
        })
    }

    fn begin_pass(&self, lease: &Lease, now: DateTime<Utc>) -> Result<PassNumber, StateError> {
        self.write("begin_pass", |write| pass::begin(write, lease, now))
    }

    fn record_sightings(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        sightings: &[Sighting],
    ) -> Result<(), StateError> {
        self.write("record_sightings", |write| {
            lease::check(&write.tx, lease)?;
            sightings::record_all(write, sightings, now)
        })
    }

    fn record_locations(
        &self,
        lease: &Lease,
        locations: &[(Relation, CatalogLocation)],
    ) -> Result<(), StateError> {
        self.write("record_locations", |write| {
            lease::check(&write.tx, lease)?;
            let mut all = locations.iter();
            all.try_for_each(|(relation, found)| sightings::locate(write, relation, found))
        })
    }

    fn record_cuts(
        &self,
        lease: &Lease,
        cuts: &[(AssetKey, Option<Cut>)],
    ) -> Result<(), StateError> {
        self.write("record_cuts", |write| {
            lease::check(&write.tx, lease)?;
            cuts.iter().try_for_each(|(asset, cut)| match cut {
                Some(cut) => build::fix_cut(write, asset, *cut),
                None => build::drop_cut(write, asset),
            })
        })
    }

    fn intend(&self, lease: &Lease, intent: &Intent) -> Result<(), StateError> {
        self.refuse_low_disk()?;
        self.write("intend", |write| intent::intend(write, lease, intent))
    }

    fn adopt_run(
        &self,
        lease: &Lease,
        found: &Intent,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("adopt_run", |write| {
            search::adopt_run(write, lease, found, now)
        })
    }

    fn record_search(
        &self,
        lease: &Lease,
        search: Option<&Search>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.write("record_search", |write| {
            lease::check(&write.tx, lease)?;
            search::record(write, search, now)
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
        self.write("stamp", |write| {
            attempt::stamp(write, lease, (intent, attempt), service_time, now)
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
        self.write("record_run", |write| {
            attempt::record_run(write, (intent, attempt), run, url, now)
        })
    }

    fn record_later_run(
        &self,
        current: (&IntentId, u32),
        later: &LaterRun,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("record_later_run", |write| {
            attempt::record_later_run(write, current, later, now)
        })
    }

    fn record_uncertain(
        &self,
        intent: &IntentId,
        attempt: u32,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("record_uncertain", |write| {
            attempt::record_uncertain(write, (intent, attempt), reason, now)
        })
    }

    fn record_cancel_request(
        &self,
        intent: &IntentId,
        attempt: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("record_cancel_request", |write| {
            attempt::record_cancel_request(write, (intent, attempt), now)
        })
    }

    fn settle(
        &self,
        intent: &IntentId,
        attempt: u32,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("settle", |write| {
            settle::settle(write, intent, attempt, settlement, now)
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
        self.write("settle_refused", |write| {
            lease::check(&write.tx, lease)?;
            settle::settle(write, intent, attempt, settlement, now)
        })
    }

    fn lift_quarantine(
        &self,
        asset: &AssetKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError> {
        self.write("lift_quarantine", |write| {
            let Some(failure) = build::one(&write.tx, asset)?.failure else {
                return Ok(false);
            };
            write.change(
                "UPDATE build SET failure = NULL WHERE asset = ?1",
                params![asset.as_str()],
            )?;
            let detail = json!({ "code": failure.code, "intent": failure.intent });
            let what = ("quarantine.lifted", asset.as_str(), &detail);
            audit::append_as(write, actor, now, what)?;
            Ok(true)
        })
    }

    fn table_schema(&self, asset: &AssetKey) -> Result<Option<String>, StateError> {
        self.read(|connection| tables::schema(connection, asset))
    }

    fn record_checks(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        results: &[(AssetKey, Arc<str>, CheckResult)],
    ) -> Result<(), StateError> {
        self.write("record_checks", |write| {
            lease::check(&write.tx, lease)?;
            let mut all = results.iter();
            all.try_for_each(|(asset, name, found)| {
                checked::record(write, asset, (name, found), now)
            })
        })
    }

    fn record_decisions(
        &self,
        lease: &Lease,
        decisions: &[DecisionRecord],
    ) -> Result<(), StateError> {
        // Most passes decide nothing new: they do not wait for the write lock. Only the holder of
        // the lease writes decisions, so that nobody else adds one in between.
        let new = self.read(|connection| {
            lease::check(connection, lease)?;
            let mut new = Vec::new();
            for decision in decisions {
                if pass::is_new(connection, decision)? {
                    new.push(decision);
                }
            }
            Ok(new)
        })?;
        if new.is_empty() {
            return Ok(());
        }
        self.write("record_decisions", |write| {
            lease::check(&write.tx, lease)?;
            new.into_iter()
                .try_for_each(|decision| pass::decide(write, decision))
        })
    }

    fn finish_pass(
        &self,
        lease: &Lease,
        summary: &PassRecord,
        found: PassFindings<'_>,
    ) -> Result<(), StateError> {
        self.write("finish_pass", |write| {
            pass::finish(write, lease, summary, found)
        })
    }
}
