//! One pass: observe, plan, execute, record; and the loops around it.
//!
//! A pass takes no hint about what changed. A notification only makes the next pass come sooner, so
//! that a cron line, a daemon and the recovery after a crash are one code path. A pass that fails
//! half-way is repaired by the next one.

mod follow;
mod pass;
mod report;
mod search;
mod settle;
mod trigger;

use std::collections::BTreeSet;

use assets::Asset;
use assets::dbt::TestResults;
use assets::declaration::Limits;
use assets::partition::{OwnValues, Partitions};
use assets::task::Tasks;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::{AssetGraph, AssetIndex, Frozen};

use crate::execute::Windows;
use crate::plan::A_DAY;
use crate::ports::{Catalog, Clock, Jobs, Random, State, StateError, Statements, Tables};
use crate::state::Memory;

pub use follow::{Followed, follow};
pub use pass::{Mode, pass};
pub use report::{Found, PassReport, Settled, Triggered};

/// The world, as ports.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The tables' logs.
    pub tables: &'a dyn Tables,
    /// The catalog, where one is configured.
    pub catalog: Option<&'a dyn Catalog>,
    /// The service that runs jobs, where one is configured.
    pub jobs: Option<&'a dyn Jobs>,
    /// The SQL warehouses that checks may be asked of, where one is configured.
    pub statements: Option<&'a dyn Statements>,
    /// What is remembered.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub random: &'a dyn Random,
}

/// What is reconciled.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The environment's catalog.
    pub catalog: Option<&'a str>,
    /// Its assets.
    pub graph: &'a AssetGraph,
    /// Its tasks.
    pub tasks: &'a Tasks,
    /// What may run at once.
    pub limits: &'a Limits,
    /// When which assets are not built.
    pub freezes: &'a [Frozen],
    /// What dbt told of its tests.
    pub tests: &'a TestResults,
    /// Only these are triggered; everything is observed all the same. All, where absent.
    pub selected: Option<&'a BTreeSet<AssetIndex>>,
    /// The times that the trigger protocol rests on.
    pub windows: Windows,
}

impl<'a> Scope<'a> {
    /// Returns the same for the same assets of which more is known, where it is.
    fn known_as<'b>(self, graph: Option<&'b AssetGraph>) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope {
            graph: graph.unwrap_or(self.graph),
            ..self
        }
    }
}

/// How long a lease lasts without being renewed: longer than a pass takes, shorter than anybody
/// wants to wait for a crashed holder's successor.
pub const LEASE_LIFETIME: TimeDelta = TimeDelta::minutes(2);

/// Memory, read again only when the state says that it changed.
#[derive(Debug, Default)]
pub struct Remembered {
    memory: Memory,
    generation: Option<u64>,
    /// Of which generation the started runs are; none where they were not asked for.
    started: Option<u64>,
    resolved: Option<Resolved>,
}

/// A graph by what is known of the values of partitions.
#[derive(Debug)]
struct Resolved {
    /// By the assets with `dynamic` partitions and their columns, in order.
    known: Vec<OwnValues>,
    graph: AssetGraph,
}

impl Remembered {
    /// Returns what the state holds now.
    pub fn refresh(&mut self, state: &dyn State) -> Result<&Memory, StateError> {
        // Asked before loading: a change in between makes the next refresh load again.
        let generation = state.generation()?;
        if self.generation != Some(generation) {
            self.memory = state.load()?;
            self.generation = Some(generation);
            self.started = None;
        }
        Ok(&self.memory)
    }

    /// As [`Remembered::refresh`], with what budgets per day need, where some are declared.
    pub fn refresh_for_plan(
        &mut self,
        state: &dyn State,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<&Memory, StateError> {
        self.refresh(state)?;
        if self.started != self.generation {
            remember_started(&mut self.memory, state, limits, now)?;
            self.started = self.generation;
        }
        Ok(&self.memory)
    }

    /// Returns the assets by what was last read of the values of their partitions, where some depend on that.
    pub fn resolved(&mut self, declared: &AssetGraph) -> Option<AssetGraph> {
        if declared.dynamic().is_empty() {
            return None;
        }
        let memory = &self.memory;
        let own = |asset: &Asset, column: &str| memory.own_values(&asset.key, column);
        let dynamic = declared
            .dynamic()
            .iter()
            .map(|index| declared.asset(*index));
        let known = dynamic.flat_map(|asset| {
            let parts = asset.partitions.iter().flat_map(Partitions::dynamic_parts);
            parts.map(move |part| own(asset, part.column()))
        });
        let known: Vec<OwnValues> = known.collect();
        let is_same = |resolved: &&Resolved| {
            let mut pairs = resolved.known.iter().zip(&known);
            resolved.graph.is_same_but_for_values(declared)
                && pairs.all(|(old, new)| old.is_unchanged(new))
        };
        if let Some(resolved) = self.resolved.as_ref().filter(is_same) {
            return Some(resolved.graph.clone());
        }
        let graph = declared.with_values(own);
        self.resolved = Some(Resolved {
            known,
            graph: graph.clone(),
        });
        Some(graph)
    }
}

/// Reads what budgets per day need, where some are declared.
pub fn remember_started(
    memory: &mut Memory,
    state: &dyn State,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<(), StateError> {
    if !limits.max_runs_per_day.is_empty() {
        memory.started = state.started_since(now - A_DAY)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
