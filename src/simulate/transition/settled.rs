//! The end of an attempt: what was built, what failed, what is tried again.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::AssetKey;
use assets::partition::{Extent, PartitionSet};
use assets::version::TableVersion;
use chrono::{DateTime, TimeDelta, Utc};

use crate::state::{
    Basis, Build, BuiltPartitions, Consumed, Failure, Intent, IntentId, IntentState, Memory,
    Outcome, Settlement,
};

/// Settles an attempt. Returns whether its intent is closed.
pub(in crate::simulate) fn settle(
    memory: &mut Memory,
    id: &IntentId,
    settlement: &Settlement,
    took: Option<TimeDelta>,
) -> bool {
    if let Outcome::Retry { not_before, .. } = &settlement.outcome {
        if let Some(intent) = memory.open_intents.get_mut(id) {
            intent.attempt = intent.attempt.saturating_add(1);
            intent.state = IntentState::Pending;
            intent.not_before = Some(*not_before);
            intent.first_sent_at = None;
        }
        return false;
    }
    let Some(intent) = memory.open_intents.remove(id) else {
        return true;
    };
    for asset in &intent.assets {
        match &settlement.outcome {
            Outcome::Succeeded { produced } => {
                if let Some(took) = took {
                    let times = memory.run_times.entry(asset.clone()).or_default();
                    times.push(took);
                }
                let produced = produced.get(asset).cloned().flatten();
                succeed(memory, &intent, asset, settlement.finished_at, produced);
            }
            Outcome::Failed { code, message, .. } => {
                fail(
                    memory,
                    &intent,
                    asset,
                    settlement.finished_at,
                    (code, message),
                );
            }
            Outcome::Cancelled { message } => {
                let failure = ("cancelled", message.as_str());
                fail(memory, &intent, asset, settlement.finished_at, failure);
            }
            Outcome::Retry { .. } => {}
        }
    }
    true
}

fn succeed(
    memory: &mut Memory,
    intent: &Intent,
    asset: &AssetKey,
    at: DateTime<Utc>,
    produced: Option<TableVersion>,
) {
    let known = memory.builds.remove(asset).unwrap_or_default();
    let set = partitions_of(intent, &known);
    let mut partitions = known.partitions.clone().or_else(|| {
        let extent = intent.partitions.as_ref()?;
        Some(BuiltPartitions {
            ordinals: Arc::clone(&extent.ordinals),
            built: PartitionSet::NOTHING,
            other_code: Vec::new(),
        })
    });
    let mut consumption = match &set {
        Some(_) => memory.consumption.remove(asset).unwrap_or_default(),
        None => BTreeMap::new(),
    };
    let all = PartitionSet::EVERYTHING;
    for (upstream, version) in intent.inputs.get(asset).into_iter().flatten() {
        let nothing = || Consumed::whole(None, Basis::Run);
        let consumed = consumption.entry(upstream.clone()).or_insert_with(nothing);
        consumed.incorporate(set.as_ref().unwrap_or(&all), version.clone(), Basis::Run);
    }
    memory.consumption.insert(asset.clone(), consumption);
    let with = intent.code_versions.get(asset).cloned();
    let code_version = match (&mut partitions, &set) {
        (Some(partitions), Some(set)) => partitions.build(set, (known.code_version, with)),
        _ => with,
    };
    let failure = known
        .failure
        .and_then(|failure| failure_after(intent, failure));
    let build = Build {
        code_version,
        partitions,
        begun_at: Some(intent.decided_at),
        built_at: Some(at),
        last_success_at: Some(at),
        produced,
        is_adopted: false,
        degraded_by: intent.degraded_by.clone(),
        cut: known.cut.filter(|cut| cut.pass > intent.pass),
        failure,
        // It commits as it ends.
        read_by: Some(at),
        pinned: intent.pinned.clone(),
    };
    memory.builds.insert(asset.clone(), build);
    if intent.full_refresh {
        refreshed(memory, intent, asset);
    }
}

/// Some of what a person wanted to be built anew, or all of it, was.
fn refreshed(memory: &mut Memory, intent: &Intent, asset: &AssetKey) {
    let asked = memory.full_refreshes.get_mut(asset);
    let Some(asked) = asked.filter(|asked| asked.asked_at <= intent.decided_at) else {
        return;
    };
    if let (Some(remaining), Some(built)) = (&mut asked.remaining, &intent.partitions)
        && remaining.ordinals == built.ordinals
    {
        remaining.partitions = remaining.partitions.difference(&built.partitions);
        if !remaining.partitions.is_empty() {
            return;
        }
    }
    memory.full_refreshes.remove(asset);
}

/// The partitions that a run built, of an asset that is built by partitions.
fn partitions_of(intent: &Intent, known: &Build) -> Option<PartitionSet> {
    match (&intent.partitions, &known.partitions) {
        (None, None) => None,
        (None, Some(_)) => Some(PartitionSet::EVERYTHING),
        (Some(extent), Some(built)) if extent.ordinals != built.ordinals => {
            Some(PartitionSet::NOTHING)
        }
        (Some(extent), _) => Some(extent.partitions.clone()),
    }
}

/// What of a failure stands after a run that succeeded: that of partitions that it did not build.
fn failure_after(intent: &Intent, failure: Failure) -> Option<Failure> {
    let (failed, built) = (failure.partitions.as_ref()?, intent.partitions.as_ref()?);
    let is_same = failed.ordinals == built.ordinals;
    let left = failed.partitions.difference(&built.partitions);
    (is_same && !left.is_empty()).then(|| Failure {
        partitions: Some(Extent {
            ordinals: Arc::clone(&failed.ordinals),
            partitions: left,
        }),
        ..failure
    })
}

/// The partitions that failed after a run, with those that had failed before and were not built since.
fn failed_partitions(intent: &Intent, before: Option<&Failure>) -> Option<Extent> {
    let mut failed = intent.partitions.clone()?;
    let before = before.and_then(|failure| failure.partitions.as_ref());
    if let Some(before) = before.filter(|before| before.ordinals == failed.ordinals) {
        failed.partitions = failed.partitions.union(&before.partitions);
    }
    Some(failed)
}

fn fail(
    memory: &mut Memory,
    intent: &Intent,
    asset: &AssetKey,
    at: DateTime<Utc>,
    (code, message): (&str, &str),
) {
    let build = memory.builds.entry(asset.clone()).or_default();
    build.failure = Some(Failure {
        intent: intent.id.clone(),
        attempts: intent.attempt,
        at,
        code: code.to_owned(),
        message: message.to_owned(),
        inputs: intent.inputs.get(asset).cloned().unwrap_or_default(),
        code_version: intent.code_versions.get(asset).cloned(),
        partitions: failed_partitions(intent, build.failure.as_ref()),
    });
}
