//! The documents of `headwater backfill`.

use assets::partition::PartitionSet;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetGraph;
use serde_json::{Value, json};

use super::{document, instant, optional_instant};
use crate::plan::{BackfillWait, sentence};
use crate::ports::RunRecord;
use crate::state::{Backfill, BackfillOrder, BackfillTarget, Intent, IntentState};

/// How many partitions are where; an asset that is built as a whole counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Asked for.
    pub wanted: u64,
    /// Built.
    pub done: u64,
    /// Could not be built.
    pub failed: u64,
    /// Not tried, since what they need could not be built.
    pub skipped: u64,
    /// Still to be built, what is under way included.
    pub remaining: u64,
}

/// What is known of a backfill beside itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackfillProgress<'a> {
    /// Its attempts, settled or not.
    pub runs: &'a [RunRecord],
    /// Those intents of the state that are open.
    pub open: &'a [Intent],
    /// Why nothing more is begun, by asset.
    pub waits: &'a [BackfillWait],
}

/// Counts what is where.
pub fn tally(backfill: &Backfill) -> Tally {
    backfill.targets.values().fold(Tally::default(), add)
}

fn add(sum: Tally, target: &BackfillTarget) -> Tally {
    Tally {
        wanted: sum.wanted + count(&target.wanted),
        done: sum.done + count(&target.done),
        failed: sum.failed + count(&target.failed),
        skipped: sum.skipped + count(&target.skipped),
        remaining: sum.remaining + count(&target.remaining()),
    }
}

fn count(set: &PartitionSet) -> u64 {
    set.count().unwrap_or(1)
}

/// Returns how long the rest takes if each partition takes as long as those that were built, as many runs at
/// once as are allowed; nothing before the first run succeeded.
fn estimate(backfill: &Backfill, runs: &[RunRecord]) -> Option<TimeDelta> {
    let mut took = TimeDelta::zero();
    let mut built = 0;
    for run in runs
        .iter()
        .filter(|run| run.state == IntentState::Succeeded)
    {
        let Some((from, to)) = run.triggered_at.zip(run.finished_at) else {
            continue;
        };
        took += (to - from).max(TimeDelta::zero());
        let extent = run.intent.partitions.as_ref();
        built += extent.map_or(1, |extent| count(&extent.partitions));
    }
    let remaining = i64::try_from(tally(backfill).remaining).ok()?;
    let built = i64::try_from(built).ok().filter(|built| *built > 0)?;
    let all = took.num_milliseconds().checked_mul(remaining)? / built;
    let at_once = i64::from(backfill.max_concurrent_runs.max(1));
    Some(TimeDelta::milliseconds(all / at_once))
}

/// Lists backfills.
pub fn backfill_list(backfills: &[Backfill]) -> Value {
    let items: Vec<Value> = backfills.iter().map(summary).collect();
    document("BackfillList", json!({ "backfills": items }))
}

fn summary(backfill: &Backfill) -> Value {
    json!({
        "name": backfill.name,
        "state": backfill.state.as_str(),
        "assets": backfill.targets.keys().collect::<Vec<_>>(),
        "partitions": counts(tally(backfill)),
        "created_at": instant(backfill.created_at),
        "created_by": backfill.created_by,
        "finished_at": optional_instant(backfill.finished_at),
    })
}

fn counts(tally: Tally) -> Value {
    json!({
        "wanted": tally.wanted,
        "done": tally.done,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "remaining": tally.remaining,
    })
}

/// Says everything about a backfill.
pub fn backfill_document(
    graph: &AssetGraph,
    backfill: &Backfill,
    progress: BackfillProgress<'_>,
    now: DateTime<Utc>,
) -> Value {
    let open = progress.open.iter();
    let running: Vec<&Intent> = open
        .filter(|intent| intent.backfill.as_ref() == Some(&backfill.name))
        .collect();
    let left = estimate(backfill, progress.runs).filter(|_| backfill.state.is_open());
    let done_at = left.and_then(|left| now.checked_add_signed(left));
    let waits = progress.waits.iter();
    let waits = waits.filter(|wait| wait.backfill == backfill.name);
    let fields = json!({
        "name": backfill.name,
        "state": backfill.state.as_str(),
        "order": match backfill.order {
            BackfillOrder::OldestFirst => "oldest",
            BackfillOrder::NewestFirst => "newest",
        },
        "chunk": backfill.chunk,
        "max_concurrent_runs": backfill.max_concurrent_runs,
        "is_forced": backfill.is_forced,
        "pass": backfill.pass,
        "created_at": instant(backfill.created_at),
        "created_by": backfill.created_by,
        "finished_at": optional_instant(backfill.finished_at),
        "partitions": counts(tally(backfill)),
        "running": running.iter().map(|intent| json!({
            "id": intent.id,
            "assets": intent.assets,
            "partitions": super::partitions::keys_of_intent(graph, intent),
            "state": intent.state.as_str(),
            "run_id": intent.run_id,
            "url": intent.url,
        })).collect::<Vec<_>>(),
        "estimated_seconds_left": left.map(|left| left.num_seconds()),
        "estimated_done_at": optional_instant(done_at),
        "waits": waits.map(|wait| json!({
            "asset": wait.asset,
            "reason": wait.reason,
            "message": sentence(&wait.reason),
        })).collect::<Vec<_>>(),
        "targets": backfill.targets.iter().map(|(asset, target)| {
            let index = graph.index_of(asset.as_str());
            let definition = index.and_then(|index| graph.asset(index).planned_partitions());
            let definition = definition.filter(|definition| target.is_of(Some(definition)));
            let ranges = |set: &PartitionSet| match definition {
                Some(definition) => definition.key_ranges(set).into_iter().map(|range| {
                    json!({ "from": range.from, "to": range.to, "count": range.count })
                }).collect(),
                None => Vec::new(),
            };
            json!({
                "asset": asset,
                "partitions": counts(add(Tally::default(), target)),
                "wanted": ranges(&target.wanted),
                "failed": ranges(&target.failed),
                "skipped": ranges(&target.skipped),
                "remaining": ranges(&target.remaining()),
            })
        }).collect::<Vec<_>>(),
    });
    document("Backfill", fields)
}
