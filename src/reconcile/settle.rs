//! What ended is settled: by what the service says, and by what its tables show.

use std::collections::BTreeMap;

use assets::{AssetKey, TableVersion};
use lineage::AssetGraph;

use super::report::Settled;
use super::{Scope, World};
use crate::execute::{Ended, RunVerdict, settlement};
use crate::observe::Observed;
use crate::ports::StateError;
use crate::state::{DataCommit, Intent, Memory, ObservedState, Outcome};

/// Settles what ended, now that its tables were looked at.
pub(super) fn settle(
    world: World<'_>,
    scope: Scope<'_>,
    memory: &Memory,
    observed: &Observed,
    ended: Vec<Ended>,
) -> Result<Vec<Settled>, StateError> {
    let mut settled = Vec::new();
    for Ended {
        intent,
        verdict,
        at,
    } in ended
    {
        let now = world.clock.now();
        let verdict = judge_by_table(&intent, verdict, memory, observed);
        let verdict = refuse_missing(scope.graph, &intent, verdict, (memory, observed));
        let settlement = settlement(
            (scope.project, scope.environment),
            &intent,
            verdict,
            (at, now),
            produced(scope.graph, &intent, (memory, observed)),
            jitter(world.random.bits()),
        );
        let (outcome, message) = describe(&settlement.outcome);
        if !world
            .state
            .settle(&intent.id, intent.attempt, &settlement, now)?
        {
            continue;
        }
        tracing::info!(request_id = %intent.id, attempt = intent.attempt, outcome,
            run_id = intent.run_id.map(|run| run.0), error = message, "run settled");
        settled.push(Settled {
            intent: intent.id,
            attempt: intent.attempt,
            assets: intent.assets,
            run_id: intent.run_id,
            outcome,
            message,
        });
    }
    Ok(settled)
}

/// A run that the service forgot succeeded if it wrote all of its tables.
fn judge_by_table(
    intent: &Intent,
    verdict: RunVerdict,
    memory: &Memory,
    observed: &Observed,
) -> RunVerdict {
    let is_forgotten =
        matches!(&verdict, RunVerdict::Failed { code, .. } if code == "run_not_found");
    // An earlier attempt may have written, too, before it failed.
    let is_of_attempt = |commit: &DataCommit| {
        commit.intent.as_ref() == Some(&intent.id)
            && intent.first_sent_at <= Some(commit.committed_at)
    };
    let wrote = |asset: &AssetKey| {
        let seen_now = observed.sightings.iter().filter(|s| s.asset == *asset);
        let seen_before = memory.commits.get(asset).into_iter().flatten();
        let mut commits = seen_now.flat_map(|s| &s.commits).chain(seen_before);
        commits.any(is_of_attempt)
    };
    if is_forgotten && intent.assets.iter().all(wrote) {
        RunVerdict::Succeeded
    } else {
        verdict
    }
}

/// A run that succeeds while one of its tables or views is surely not there did not do what it is
/// there for. Called a success it would be repeated for ever: what is missing is due.
///
/// What is no longer declared was not looked at since before the run, which speaks for nothing: the run is
/// judged by the graph that it was started with, and its table when it is declared again.
fn refuse_missing(
    graph: &AssetGraph,
    intent: &Intent,
    verdict: RunVerdict,
    (memory, observed): (&Memory, &Observed),
) -> RunVerdict {
    let state = |asset: &AssetKey| {
        let seen = observed.sightings.iter().find(|s| s.asset == *asset);
        let seen = seen.map(|sighting| &sighting.observation);
        seen.or_else(|| memory.observations.get(asset))
            .map(|observation| &observation.state)
    };
    let is_missing = |asset: &&AssetKey| {
        matches!(
            state(asset),
            Some(ObservedState::Absent | ObservedState::Gone)
        )
    };
    let mut looked_at = intent
        .assets
        .iter()
        .filter(|asset| is_declared(graph, asset));
    match looked_at.find(is_missing) {
        Some(asset) if verdict == RunVerdict::Succeeded => RunVerdict::Failed {
            code: "no_table".to_owned(),
            message: format!(
                "the run succeeded, and `{asset}` is not where it is declared: check its `path` \
                 or `relation` and what the task writes"
            ),
            is_transient: false,
        },
        _ => verdict,
    }
}

fn is_declared(graph: &AssetGraph, asset: &AssetKey) -> bool {
    graph.index_of(asset.as_str()).is_some()
}

/// The data version of each asset after a run: what this pass saw, else what was known; nothing of what is
/// no longer declared, at which nobody looks.
fn produced(
    graph: &AssetGraph,
    intent: &Intent,
    (memory, observed): (&Memory, &Observed),
) -> BTreeMap<AssetKey, Option<TableVersion>> {
    let known = |asset: &AssetKey| {
        let newest = memory.commits.get(asset).and_then(|commits| commits.last());
        newest.map(|commit| commit.version.clone())
    };
    let after = |asset: &AssetKey| {
        let seen = observed.newest.get(asset).cloned();
        let known = || known(asset).filter(|_| is_declared(graph, asset));
        seen.or_else(known)
    };
    intent
        .assets
        .iter()
        .map(|asset| (asset.clone(), after(asset)))
        .collect()
}

/// A number in 0..1 of 32 random bits.
fn jitter(bits: u128) -> f64 {
    let low = u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(low) / (f64::from(u32::MAX) + 1.0)
}

fn describe(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Succeeded { .. } => ("succeeded", None),
        Outcome::Retry { message, .. } => ("retry", Some(message.clone())),
        Outcome::Failed { message, .. } => ("failed", Some(message.clone())),
        Outcome::Cancelled { message } => ("cancelled", Some(message.clone())),
    }
}
