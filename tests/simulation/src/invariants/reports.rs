//! What readers are told: never fresher than the table, and never less behind than it is.

use assets::TableVersion;
use chrono::{DateTime, Utc};
use headwater::plan::{Health, PlanInput};
use headwater::report::Situation;
use headwater::state::{Basis, Memory};

use super::claims::{contents, covers};
use crate::ports::Ports;
use crate::topology::Topology;
use crate::world::World;
use crate::world::lake::Reads;
use headwater::ports::Clock as _;

/// Holds what `status` would say now against the tables.
pub(crate) fn reported(ports: &Ports<'_>, topology: &Topology, memory: &Memory) {
    if ports.is_dead() {
        return;
    }
    let input = PlanInput {
        now: ports.now(),
        pass: memory.pass,
        graph: &topology.graph,
        tasks: &topology.tasks,
        limits: &topology.limits,
        selected: None,
        freezes: &[],
        memory,
    };
    let situation = Situation::of(&input);
    ports.with(|world| {
        for (at, health) in situation.healths.iter().enumerate() {
            if !world.topology.assets[at].is_built {
                continue;
            }
            let Some(behind) = oldest_missing(world, memory, at) else {
                continue;
            };
            let name = world.name(at);
            if health.health == Health::Fresh {
                world.violate("fresher", || {
                    format!("{name} is called fresh and lacks a change of {behind}")
                });
            }
            let since = health.stale_since;
            let is_guessed = world.was_replaced || !world.names_runs;
            let is_assumed = is_guessed && is_assumed(world, memory, at);
            let is_known = !is_assumed && health.health != Health::Unknown && health.lag.is_some();
            if is_known && since.is_none_or(|since| since > behind) {
                world.violate("lag", || {
                    format!("{name} is behind since {behind}, and is said to be since {since:?}")
                });
            }
        }
    });
}

/// Whether the state knows only by assumption what an asset consumed, or what the commits of its
/// inputs carried: what happened under another state, or was written by who does not say so.
fn is_assumed(world: &World, memory: &Memory, at: usize) -> bool {
    let node = &world.topology.assets[at];
    let is_certain = |input: &usize| {
        let upstream = &world.topology.assets[*input];
        let claims = memory.consumption.get(&node.key);
        let claim = claims.and_then(|claims| claims.get(&upstream.key));
        !upstream.is_built && claim.is_some_and(|claim| claim.basis == Basis::Run)
    };
    !node.inputs.iter().all(is_certain)
}

/// The time of the oldest change of a root that was seen and that a table does not show.
fn oldest_missing(world: &World, memory: &Memory, at: usize) -> Option<DateTime<Utc>> {
    let key = &world.topology.assets[at].key;
    let seen = memory.observations.get(key);
    let shown = contents(world.lake.of(at), seen).map(|written| {
        let mut roots = Reads::new();
        for (input, read) in &written.reads {
            world.lake.roots(*input, *read, &mut roots);
        }
        missing(world, memory, &roots)
    });
    // The best that it shows; nothing where it was never written.
    shown.min_by_key(|missing| missing.map_or(i64::MIN, |at| -at.timestamp_millis()))?
}

/// The oldest change of any root that was seen beyond what was read of it.
fn missing(world: &World, memory: &Memory, roots: &Reads) -> Option<DateTime<Utc>> {
    let mut oldest: Option<DateTime<Utc>> = None;
    for (root, read) in roots {
        let table = world.lake.of(*root);
        let seen = memory.observations.get(&world.topology.assets[*root].key);
        let head = seen.and_then(|seen| seen.head.as_ref());
        let Some((head, data)) = head.and_then(|head| Some((head, head.data.clone()?))) else {
            continue;
        };
        let claimed = TableVersion {
            table_id: head.table_id.clone(),
            version: data.version,
        };
        if covers(table, *read, &claimed) {
            continue;
        }
        // The log tells its eras apart by what stands in the markers of its commits.
        let log = table.log_of_era(head.marker.content / 1_000_000);
        let change = table.first_beyond(*read, (log, head.version));
        let at = change.map(|written| written.at);
        oldest = match (oldest, at) {
            (Some(oldest), Some(at)) => Some(oldest.min(at)),
            (oldest, at) => oldest.or(at),
        };
    }
    oldest
}
