//! Backfills over random ranges, limits, orders and failures: whatever happens, each partition is begun once,
//! after all that it needs, within every limit, and the end says what became of all of them.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::partition::PartitionSet;
use proptest::prelude::*;

use super::backfills::{backfill, days, from_to, shop};
use super::world::*;
use crate::plan::Request;
use crate::state::{BackfillNews, BackfillOrder, BackfillState, BackfillTarget, IntentId};

/// What happens next to one of the runs that are under way.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Which one, counted round.
    which: usize,
    succeeds: bool,
    /// Whether the backfill is paused over the next plan.
    pauses: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (
        0..8_usize,
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.1),
    );
    let turn = turn.prop_map(|(which, succeeds, pauses)| Turn {
        which,
        succeeds,
        pauses,
    });
    prop::collection::vec(turn, 1..30)
}

fn ranges() -> impl Strategy<Value = PartitionSet> {
    let range =
        (16..29_u32, 0..6_u32).prop_map(|(from, more)| from_to(from, (from + more).min(28)));
    prop::collection::vec(range, 0..3).prop_map(PartitionSet::union_of)
}

/// What was begun so far, and what must never be.
#[derive(Default)]
struct Watched {
    begun: BTreeMap<AssetKey, PartitionSet>,
}

impl Watched {
    fn look(&mut self, world: &World, request: &Request) -> Result<(), TestCaseError> {
        let backfill = &world.memory.backfills[0];
        let target = &backfill.targets[&request.asset];
        let own = target.part_of(request.partitions.as_ref());
        prop_assert!(!own.is_empty());
        if let Some(extent) = &request.partitions {
            prop_assert_eq!(&own, &extent.partitions, "only what was asked for");
            let most = u64::from(backfill.chunk.unwrap());
            prop_assert!(own.count().unwrap() <= most);
        }
        let before = self.begun.entry(request.asset.clone()).or_default();
        prop_assert!(!before.meets(&own), "{} again", request.asset);
        *before = before.union(&own);
        let graph = world.graph();
        let index = graph.index_of(request.asset.as_str()).unwrap();
        for upstream in graph.inputs(index) {
            let key = &graph.asset(*upstream).key;
            let Some(input) = backfill.targets.get(key) else {
                continue;
            };
            let mapping = graph.mapping(index, *upstream).unwrap();
            let needed = mapping.needs(&own, world.now).partitions;
            let open = input.wanted.intersection(&needed).difference(&input.done);
            prop_assert!(open.is_empty(), "{} before {key}", request.asset);
        }
        Ok(())
    }
}

fn note(world: &mut World, news: &[BackfillNews]) -> Option<BackfillState> {
    let backfill = &mut world.memory.backfills[0];
    for news in news {
        for (asset, set) in &news.skipped {
            let target = backfill.targets.get_mut(asset).unwrap();
            target.skipped = target.skipped.union(set);
        }
    }
    news.first().and_then(|news| news.ended)
}

fn settle(world: &mut World, id: &IntentId, succeeds: bool) {
    let intent = world.memory.open_intents.remove(id).unwrap();
    let target = world.memory.backfills[0].targets.get_mut(&intent.assets[0]);
    let target: &mut BackfillTarget = target.unwrap();
    let part = target.part_of(intent.partitions.as_ref());
    let set = if succeeds {
        &mut target.done
    } else {
        &mut target.failed
    };
    *set = set.union(&part);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_partition_is_begun_once_after_all_that_it_needs_within_every_limit(
        wanted in (ranges(), ranges(), any::<bool>()),
        (chunk, own_limit, limit) in (1..5_u32, 1..4_u32, 1..6_u32),
        newest_first in any::<bool>(),
        turns in turns(),
    ) {
        let mut world = shop();
        let (mid, top, has_sum) = wanted;
        let mut targets = vec![("mid", mid), ("top", top)];
        targets.retain(|(_, set)| !set.is_empty());
        if has_sum {
            targets.push(("sum", PartitionSet::EVERYTHING));
        }
        let mut asked = backfill(&world, &targets);
        asked.chunk = Some(chunk);
        asked.max_concurrent_runs = own_limit;
        if newest_first {
            asked.order = BackfillOrder::NewestFirst;
        }
        world.memory.backfills = vec![asked];
        world.limits.max_concurrent_runs = limit;
        let mut watched = Watched::default();
        let (mut ended, mut was_paused) = (None, false);
        // Each turn ends a run or begins one: no history is longer.
        for turn in turns.iter().cycle().take(200) {
            world.later(1);
            let pauses = turn.pauses && !was_paused;
            was_paused = pauses;
            let state = if pauses { BackfillState::Paused } else { BackfillState::Active };
            world.memory.backfills[0].state = state;
            let plan = world.plan();
            prop_assert!(!pauses || plan.requests.is_empty());
            ended = note(&mut world, &plan.backfills);
            for request in &plan.requests {
                watched.look(&world, request)?;
                world.begin(request);
            }
            let open: Vec<IntentId> = world.memory.open_intents.keys().cloned().collect();
            let running = u32::try_from(open.len()).unwrap();
            prop_assert!(running <= own_limit.min((limit - 1).max(1)), "{running} at once");
            if ended.is_some() {
                prop_assert_eq!(running, 0);
                break;
            }
            if !pauses {
                prop_assert!(running > 0, "it stands still: {:?}", plan.backfill_waits);
            }
            if !open.is_empty() {
                settle(&mut world, &open[turn.which % open.len()], turn.succeeds);
            }
        }
        let backfill = &world.memory.backfills[0];
        let mut has_failed = false;
        for (asset, target) in &backfill.targets {
            prop_assert_eq!(target.remaining(), PartitionSet::NOTHING, "{} remains", asset);
            for (a, b) in [
                (&target.done, &target.failed),
                (&target.done, &target.skipped),
                (&target.failed, &target.skipped),
            ] {
                prop_assert!(!a.meets(b));
            }
            let begun = watched.begun.get(asset).cloned().unwrap_or_default();
            prop_assert_eq!(&begun, &target.done.union(&target.failed));
            has_failed |= !target.failed.is_empty();
        }
        let expected = if has_failed { BackfillState::Failed } else { BackfillState::Completed };
        prop_assert_eq!(ended, Some(expected));
    }

    #[test]
    fn the_last_partitions_are_those_that_the_first_ones_leave_over(
        set in ranges(),
        most in 1..9_u64,
    ) {
        let set = set.intersection(&days().existing(start()));
        let last = set.last_run(most);
        prop_assert!(last.is_subset(&set));
        prop_assert_eq!(last.is_empty(), set.is_empty());
        prop_assert!(last.count().unwrap() <= most);
        // Taken from the end again and again, it is all taken, without a hole in any part.
        let (mut rest, mut taken) = (set.clone(), PartitionSet::NOTHING);
        while !rest.is_empty() {
            let run = rest.last_run(most);
            prop_assert_eq!(run.ranges().count(), 1);
            let later = rest.difference(&run).iter().last();
            prop_assert!(later.is_none_or(|later| run.iter().all(|at| at > later)));
            taken = taken.union(&run);
            rest = rest.difference(&run);
        }
        prop_assert_eq!(taken, set);
    }
}
