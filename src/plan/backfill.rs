//! Backfills: which of their partitions may be built now, beside what is live.
//!
//! Live work comes first and is admitted before. Of each backfill, the oldest first, those partitions may be
//! built that neither run nor need one that is still to be built for it. Assets that read others come first,
//! so that one date is complete before the next one is begun. Each run takes some partitions that follow
//! each other, in the order that was asked for, as long as its own limit and all others have room.

use std::collections::BTreeMap;

use assets::partition::{Extent, PartitionSet};
use assets::policy::Consistency;
use assets::{Asset, AssetKey};
use lineage::AssetIndex;

use super::admit::request;
use super::decision::{BackfillWait, Plan, Request};
use super::due::frozen;
use super::input::PlanInput;
use super::parameters::{Told, partitions_told};
use super::position::is_full_refresh;
use super::reason::Reason;
use super::reserved::{appended_before, under_way};
use super::room::Room;
use super::standing::Standing;
use super::verdict::Judge;
use crate::state::{Backfill, BackfillNews, BackfillOrder, BackfillState, BackfillTarget, Cut};

/// Most partitions of one run where neither the backfill nor the asset says how many.
const CHUNK: u32 = 30;

/// Adds to a plan what is to be done for backfills now.
pub(super) fn add(input: &PlanInput<'_>, standings: &[Standing<'_>], plan: &mut Plan) {
    // Nearly always there is none at all.
    if input.memory.backfills.is_empty() {
        return;
    }
    let mut room = Room::new(input);
    for live in &plan.requests {
        let task = input.tasks.get(&live.task);
        let pool = task.and_then(|task| task.pool.as_deref());
        room.begin(&live.asset, &live.task, pool);
    }
    for backfill in &input.memory.backfills {
        let mut work = Work::begin(input, standings, backfill);
        work.leave_out_hopeless();
        if backfill.state == BackfillState::Active {
            work.start(&mut room, plan);
        }
        work.finish(plan);
    }
}

/// What a run builds of its asset.
fn built_by(request: &Request) -> PartitionSet {
    let extent = request.partitions.as_ref();
    extent.map_or(PartitionSet::EVERYTHING, |extent| extent.partitions.clone())
}

/// One backfill in the making of a plan.
struct Work<'a> {
    judge: Judge<'a>,
    backfill: &'a Backfill,
    /// Its assets that are built here as it wants them built, upstream before downstream.
    order: Vec<AssetIndex>,
    /// What is still to be built of them, what is under way included.
    remaining: BTreeMap<AssetIndex, PartitionSet>,
    done: BTreeMap<AssetKey, PartitionSet>,
    skipped: BTreeMap<AssetKey, PartitionSet>,
}

impl<'a> Work<'a> {
    /// Finds out what remains. Of what is no asset here any more, or has other partitions now, nothing can
    /// be built.
    fn begin(
        input: &'a PlanInput<'a>,
        standings: &'a [Standing<'a>],
        backfill: &'a Backfill,
    ) -> Self {
        let graph = input.graph;
        let is_known = |key: &AssetKey, target: &BackfillTarget| {
            let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
            asset.is_some_and(|asset| {
                asset.is_built_here() && target.is_of(asset.planned_partitions())
            })
        };
        let mut work = Self {
            judge: Judge {
                input,
                standings,
                held: &[],
            },
            backfill,
            order: Vec::new(),
            remaining: BTreeMap::new(),
            done: BTreeMap::new(),
            skipped: BTreeMap::new(),
        };
        for (key, target) in &backfill.targets {
            let remaining = target.remaining();
            let index = graph.index_of(key.as_str());
            match index.filter(|_| is_known(key, target)) {
                Some(index) => {
                    work.remaining.insert(index, remaining);
                }
                None if remaining.is_empty() => {}
                None => {
                    work.skipped.insert(key.clone(), remaining);
                }
            }
        }
        let order = graph.topological_order().iter().copied();
        work.order = order
            .filter(|index| work.remaining.contains_key(index))
            .collect();
        work
    }

    fn asset(&self, index: AssetIndex) -> &'a Asset {
        self.judge.input.graph.asset(index)
    }

    fn target(&self, index: AssetIndex) -> Option<&'a BackfillTarget> {
        self.backfill.targets.get(&self.asset(index).key)
    }

    /// What of an asset needs partitions of its inputs, of those that the backfill builds too.
    fn fed(&self, index: AssetIndex, of: impl Fn(AssetIndex) -> PartitionSet) -> PartitionSet {
        let input = self.judge.input;
        let inputs = input.graph.inputs(index).iter();
        let own = inputs.filter(|upstream| self.remaining.contains_key(upstream));
        PartitionSet::union_of(own.map(|upstream| {
            let set = of(*upstream);
            match input.graph.mapping(index, *upstream) {
                Some(mapping) => mapping.feeds(&set, input.now),
                None if set.is_empty() => PartitionSet::NOTHING,
                None => PartitionSet::EVERYTHING,
            }
        }))
    }

    /// Takes out what needs no run any more, and what is not tried because something that it needs could not
    /// be built. What is under way may still succeed.
    fn leave_out_hopeless(&mut self) {
        for index in self.order.clone() {
            let (asset, input) = (self.asset(index), self.judge.input);
            let Some(remaining) = self.remaining.get(&index).cloned() else {
                continue;
            };
            let idle = remaining.difference(&under_way(input, asset, |_| true));
            let built = self.built_meanwhile(index, &idle);
            let idle = idle.difference(&built);
            let hopeless = self.fed(index, |upstream| {
                let target = self.target(upstream);
                let before = target.map(|target| target.failed.union(&target.skipped));
                let now = self.skipped.get(&self.asset(upstream).key).cloned();
                before.unwrap_or_default().union(&now.unwrap_or_default())
            });
            let hopeless = idle.intersection(&hopeless);
            let left = remaining.difference(&built).difference(&hopeless);
            self.remaining.insert(index, left);
            for (found, of) in [(built, &mut self.done), (hopeless, &mut self.skipped)] {
                if !found.is_empty() {
                    of.insert(asset.key.clone(), found);
                }
            }
        }
    }

    /// What is there already of an asset whose task would have it there twice.
    fn built_meanwhile(&self, index: AssetIndex, idle: &PartitionSet) -> PartitionSet {
        match self.judge.standings.get(index.position()) {
            Some(standing) if !self.backfill.is_forced => {
                appended_before(self.judge.input, index, standing, idle)
            }
            Some(_) | None => PartitionSet::NOTHING,
        }
    }

    /// Asks for runs while there is room.
    fn start(&self, room: &mut Room<'_>, plan: &mut Plan) {
        let input = self.judge.input;
        let open = input.memory.open_intents.values();
        let own = |name: &Option<_>| name.as_ref() == Some(&self.backfill.name);
        let running = open.filter(|intent| own(&intent.backfill)).count();
        let mut running = u32::try_from(running).unwrap_or(u32::MAX);
        for &index in self.order.iter().rev() {
            let (mut ready, waits) = self.ready(index, &plan.requests);
            let mut reason = waits;
            while !ready.is_empty() {
                let Some(next) = self.next(index, &ready) else {
                    break;
                };
                let allowed = self.backfill.max_concurrent_runs;
                let taken = if running >= allowed {
                    let limit = format!("backfill {}", self.backfill.name);
                    Err(Reason::Limit { limit, allowed })
                } else {
                    room.take_beside(input, &next.task)
                };
                if let Err(full) = taken {
                    reason = Some(full);
                    break;
                }
                running += 1;
                ready = ready.difference(&built_by(&next));
                plan.requests.push(next);
            }
            if let Some(reason) = reason {
                plan.backfill_waits.push(BackfillWait {
                    backfill: self.backfill.name.clone(),
                    asset: self.asset(index).key.clone(),
                    reason,
                });
            }
        }
    }

    /// What may be built of an asset now, and what keeps the rest, if anything but its turn.
    fn ready(&self, index: AssetIndex, begun: &[Request]) -> (PartitionSet, Option<Reason>) {
        let input = self.judge.input;
        let nothing = PartitionSet::NOTHING;
        let (asset, remaining) = (self.asset(index), self.remaining.get(&index));
        let remaining = remaining.filter(|remaining| !remaining.is_empty());
        let (Some(remaining), Some(standing)) =
            (remaining, self.judge.standings.get(index.position()))
        else {
            return (nothing, None);
        };
        if input
            .selected
            .is_some_and(|selected| !selected.contains(&index))
        {
            return (nothing, None);
        }
        let search = input.memory.search.as_ref();
        if let Some(search) = search.filter(|search| search.holds()) {
            return (nothing, Some(search.into()));
        }
        if let Some(freeze) = frozen(input, index) {
            let (reason, until) = (freeze.reason.clone(), freeze.to);
            return (nothing, Some(Reason::Frozen { reason, until }));
        }
        let turn = self.fed(index, |upstream| {
            self.remaining.get(&upstream).cloned().unwrap_or_default()
        });
        let ready = remaining.difference(&under_way(input, asset, |_| true));
        let begun = begun.iter().filter(|request| request.asset == asset.key);
        let begun = PartitionSet::union_of(begun.map(built_by));
        let ready = ready.difference(&turn).difference(&begun);
        if ready.is_empty() {
            return (nothing, None);
        }
        self.unobstructed(index, standing, ready)
    }

    /// What nothing stands in the way of, by what had been seen when the backfill was asked for.
    fn unobstructed(
        &self,
        index: AssetIndex,
        standing: &Standing<'_>,
        ready: PartitionSet,
    ) -> (PartitionSet, Option<Reason>) {
        if let Some(agreement) = &standing.agreement {
            let nothing = PartitionSet::NOTHING;
            return match self.judge.before_agreement(index, standing) {
                Some(obstacle) => (nothing, Some(obstacle.reason)),
                None if agreement.cut.is_none() => (nothing, Some(agreement.lacking())),
                None => (ready, None),
            };
        }
        let asset = self.asset(index);
        let cut = Cut {
            pass: self.backfill.pass,
            fixed_at: self.backfill.created_at,
        };
        let availability_first = match asset.consistency {
            Consistency::Latest => true,
            Consistency::Snapshot => false,
            Consistency::Settled { proceed_after } => {
                proceed_after.is_some() && self.judge.patience_ends(asset, Some(cut)).is_none()
            }
        };
        let obstacles = self
            .judge
            .obstacles(index, standing, Some(cut), Some(&ready));
        let mut reason = None;
        let mut free = ready;
        for obstacle in obstacles {
            if availability_first && !obstacle.is_absolute {
                continue;
            }
            free = match &obstacle.partitions {
                Some(blocked) => free.difference(blocked),
                None => PartitionSet::NOTHING,
            };
            reason = reason.or(Some(obstacle.reason));
        }
        (free, reason)
    }

    /// The next run of an asset.
    fn next(&self, index: AssetIndex, ready: &PartitionSet) -> Option<Request> {
        let (asset, input) = (self.asset(index), self.judge.input);
        let standing = self.judge.standings.get(index.position())?;
        let task = &asset.task.as_ref()?.task;
        let partitions = match asset.planned_partitions() {
            None => None,
            Some(definition) => Some(Extent {
                ordinals: definition.ordinals_id().into(),
                partitions: self.chunk(asset, ready)?,
            }),
        };
        // What is built again is not read as changes from where the last run left off.
        let full_refresh = asset.reads_changes() || is_full_refresh(input, index, standing);
        Some(Request {
            backfill: Some(self.backfill.name.clone()),
            reason: format!("backfill `{}`", self.backfill.name),
            ..request(
                input,
                (index, standing),
                task,
                (partitions, full_refresh),
                standing
                    .agreement
                    .as_ref()
                    .and_then(|agreement| agreement.cut.as_ref()),
            )
        })
    }

    /// The first partitions in the order that was asked for.
    fn chunk(&self, asset: &Asset, ready: &PartitionSet) -> Option<PartitionSet> {
        let task = asset.task.as_ref()?;
        let task = self.judge.input.tasks.get(&task.task);
        let declared = asset.automation.pacing().max_partitions_per_run;
        let most = match task.map(|task| partitions_told(asset, task)) {
            Some(Told::One) => 1,
            Some(Told::Range | Told::Any) | None => {
                self.backfill.chunk.or(declared).unwrap_or(CHUNK)
            }
        };
        let chunk = match self.backfill.order {
            BackfillOrder::OldestFirst => ready.first_run(most.into()),
            BackfillOrder::NewestFirst => ready.last_run(most.into()),
        };
        // Nothing follows of a set that cannot be told one by one.
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Says what was found, and that it came to its end where nothing remains.
    fn finish(self, plan: &mut Plan) {
        let remains = self.remaining.values().any(|set| !set.is_empty());
        let targets = self.backfill.targets.values();
        let mut lost = targets.map(|target| target.failed.union(&target.skipped));
        let has_failed = lost.any(|set| !set.is_empty()) || !self.skipped.is_empty();
        let ended = match (remains, has_failed) {
            (true, _) => None,
            (false, true) => Some(BackfillState::Failed),
            (false, false) => Some(BackfillState::Completed),
        };
        if ended.is_some() || !self.done.is_empty() || !self.skipped.is_empty() {
            plan.backfills.push(BackfillNews {
                name: self.backfill.name.clone(),
                done: self.done,
                skipped: self.skipped,
                ended,
            });
        }
    }
}
