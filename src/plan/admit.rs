//! Which of the assets that may run fit into the limits, in what order.
//!
//! More important tiers first, then what has waited longest (by the oldest source change), then
//! upstream before downstream, then by key. Reaching a limit is a reason in the plan, never a
//! silent drop: the asset waits and is asked again in the next pass.

use std::collections::BTreeMap;

use assets::partition::{Extent, PartitionSet};
use assets::task::{Task, TaskName};
use assets::{Asset, AssetKey, Origin, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::decision::{Action, Decision, Plan, Request};
use super::input::PlanInput;
use super::parameters::{Told, partitions_told};
use super::position::{asked, is_full_refresh};
use super::reason::{Reason, sentence};
use super::room::Room;
use super::standing::Standing;
use super::verdict::Verdict;
use crate::state::{Compaction, Learned};

/// Turns verdicts into decisions and requests.
pub(super) fn admit(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    verdicts: Vec<Verdict>,
) -> Plan {
    let mut room = Room::new(input);
    let mut refused: BTreeMap<AssetIndex, Reason> = BTreeMap::new();
    let mut requests = Vec::new();
    // Whatever a run that nobody knows works on: nothing new beside it.
    let search = input.memory.search.as_ref().filter(|search| search.holds());
    for index in candidates(input, standings, &verdicts) {
        if input
            .selected
            .is_some_and(|selected| !selected.contains(&index))
        {
            continue;
        }
        let (Some(standing), Some(verdict)) = (
            standings.get(index.position()),
            verdicts.get(index.position()),
        ) else {
            continue;
        };
        let Some(binding) = &input.graph.asset(index).task else {
            continue;
        };
        let key = &input.graph.asset(index).key;
        let taken = match search {
            Some(search) => Err(search.into()),
            None => room.take(input, (key, &binding.task)),
        };
        match taken {
            Ok(()) => requests.push(live_request(input, index, standing, verdict, &binding.task)),
            Err(reason) => {
                refused.insert(index, reason);
            }
        }
    }
    let mut decisions = Vec::with_capacity(verdicts.len());
    let mut cuts = Vec::new();
    let mut compactions = Vec::new();
    for ((index, standing), mut verdict) in input.graph.indices().zip(standings).zip(verdicts) {
        if let Some(reason) = refused.remove(&index) {
            verdict.action = Action::Wait;
            let room_at = if let Reason::Budget { until, .. } = &reason {
                Some(*until)
            } else {
                None
            };
            verdict.until = room_at.or(search.and_then(|search| search.until));
            verdict.reasons.insert(0, reason);
        }
        let fixed = standing.build.and_then(|build| build.cut);
        let wanted = verdict.cut.filter(|_| verdict.action != Action::Run);
        // The intent of a run drops the cut in its own transaction.
        if verdict.action != Action::Run && fixed != wanted {
            cuts.push((input.graph.asset(index).key.clone(), wanted));
        }
        decisions.push(Decision {
            asset: index,
            action: verdict.action,
            reasons: verdict.reasons,
            until: verdict.until,
            partitions: standing
                .parts
                .as_ref()
                .map(|parts| match verdict.partitions {
                    Some(partitions) => partitions,
                    None => parts.stale.clone(),
                }),
        });
        if let Some(parts) = &standing.parts {
            let key = &input.graph.asset(index).key;
            let known = input.memory.consumption.get(key);
            let compacted = parts.compacted.iter().filter_map(|(upstream, after)| {
                let upstream = input.graph.asset(*upstream).key.clone();
                Some(Compaction {
                    asset: key.clone(),
                    before: known?.get(&upstream)?.clone(),
                    upstream,
                    after: after.clone(),
                })
            });
            compactions.extend(compacted);
        }
    }
    Plan {
        now: input.now,
        decisions,
        requests,
        cuts,
        compactions,
        deadlines: Vec::new(),
        learned: Learned::default(),
        backfills: Vec::new(),
        backfill_waits: Vec::new(),
    }
}

/// What may run, most urgent first.
fn candidates(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    verdicts: &[Verdict],
) -> Vec<AssetIndex> {
    let runs = input
        .graph
        .indices()
        .zip(verdicts)
        .filter(|(_, v)| v.action == Action::Run);
    let mut order: Vec<(u8, Option<DateTime<Utc>>, u32, AssetIndex)> = runs
        .map(|(index, _)| {
            let tier = input.graph.asset(index).tier.unwrap_or(u8::MAX);
            let pending = standings
                .get(index.position())
                .and_then(|standing| standing.pending);
            (
                tier,
                pending.map(|origin| origin.at),
                input.graph.depth(index),
                index,
            )
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, _, _, index)| index).collect()
}

/// Returns the partitions that one run builds: one of a task that is told one partition, neighbours of one
/// that is told the first and the last one, else any, as many as are allowed at once.
fn at_once(asset: &Asset, task: Option<&Task>, wanted: &PartitionSet) -> PartitionSet {
    let declared = asset.automation.pacing().max_partitions_per_run;
    let most = declared.map_or(u64::MAX, u64::from);
    match task.map(|task| partitions_told(asset, task)) {
        Some(Told::One) => wanted.first_run(1),
        Some(Told::Range) => wanted.first_run(most),
        Some(Told::Any) | None => {
            let (mut chosen, mut rest, mut room) = (PartitionSet::NOTHING, wanted.clone(), most);
            while room > 0 && !rest.is_empty() {
                let run = rest.first_run(room);
                room = room.saturating_sub(run.count().unwrap_or(room));
                rest = rest.difference(&run);
                chosen = chosen.union(&run);
            }
            chosen
        }
    }
}

fn live_request(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
    verdict: &Verdict,
    task: &TaskName,
) -> Request {
    let full_refresh = is_full_refresh(input, index, standing);
    let partitions = extent(input, index, verdict, task);
    Request {
        degraded_by: verdict.degraded_by.clone(),
        reason: verdict.reasons.first().map(sentence).unwrap_or_default(),
        ..request(
            input,
            (index, standing),
            task,
            (partitions, full_refresh),
            verdict.pins.as_ref(),
        )
    }
}

/// Fixes what a run of partitions of an asset will record, or of the whole of it: it reads the versions that
/// are pinned, of all other inputs the newest ones.
pub(super) fn request(
    input: &PlanInput<'_>,
    (index, standing): (AssetIndex, &Standing<'_>),
    task: &TaskName,
    (partitions, full_refresh): (Option<Extent>, bool),
    pins: Option<&BTreeMap<AssetKey, Option<TableVersion>>>,
) -> Request {
    let asset = input.graph.asset(index);
    let consumption = input.memory.consumption.get(&asset.key);
    let set = partitions.as_ref().map(|extent| &extent.partitions);
    let mut inputs: BTreeMap<AssetKey, Option<TableVersion>> = BTreeMap::new();
    let mut consumed = BTreeMap::new();
    for &upstream in input.graph.inputs(index) {
        let key = &input.graph.asset(upstream).key;
        let newest = input
            .memory
            .commits
            .get(key)
            .and_then(|commits| commits.last());
        let version = pins.and_then(|pins| pins.get(key)).cloned();
        let newest_version = || newest.map(|commit| commit.version.clone());
        inputs.insert(key.clone(), version.unwrap_or_else(newest_version));
        let known = consumption.and_then(|consumption| consumption.get(key));
        let known = known.filter(|_| !full_refresh);
        let version = known.and_then(|known| match (set, newest) {
            (Some(set), Some(newest)) => known.least_of(set, &newest.version.table_id),
            (Some(_), None) => known.version.as_ref(),
            (None, _) => known.as_whole(),
        });
        consumed.insert(key.clone(), version.cloned());
    }
    let beginnings = standing.beginnings.iter().filter(|_| !full_refresh);
    let beginnings = beginnings.map(|(of, version)| (input.graph.asset(*of).key.clone(), *version));
    Request {
        task: task.clone(),
        asset: asset.key.clone(),
        inputs,
        consumed,
        code_version: asset.code_version.clone(),
        origin: standing
            .behind
            .iter()
            .filter_map(|b| b.origin)
            .reduce(Origin::oldest),
        degraded_by: Vec::new(),
        partitions,
        full_refresh,
        beginnings: beginnings.collect(),
        reason: String::new(),
        backfill: None,
    }
}

/// The partitions that a run builds; none for an asset that is built as a whole. A full refresh builds no
/// partition that has not to be built anew.
fn extent(
    input: &PlanInput<'_>,
    index: AssetIndex,
    verdict: &Verdict,
    task: &TaskName,
) -> Option<Extent> {
    let asset = input.graph.asset(index);
    let mut wanted = verdict.partitions.clone()?;
    let definition = asset.planned_partitions()?;
    if let Some(asked) = asked(input, index) {
        wanted = asked.remaining_of(&definition.ordinals_id(), &wanted);
    }
    Some(Extent {
        ordinals: definition.ordinals_id().into(),
        partitions: at_once(asset, input.tasks.get(task), &wanted),
    })
}
