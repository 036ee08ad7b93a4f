//! When time alone may change what is to be done: instants of schedules, deadlines, windows and freezes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use assets::condition::Condition;
use assets::partition::{Part, Partitions, Windows};
use assets::{Asset, schedule::Schedule};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::Policy;

/// Something that comes again and again.
enum Clock<'a> {
    /// Instants at which an asset may become due.
    Schedule(&'a Schedule),
    /// Its deadlines.
    Deadline(AssetIndex, &'a Schedule),
    /// Its windows, with each of which a partition comes to be.
    Windows(&'a Windows),
    /// The same windows so much after their end: then they are too old to be built without a person.
    Aging(&'a Windows, TimeDelta),
}

/// Instants to come.
pub(super) struct Wakes<'a> {
    clocks: Vec<Clock<'a>>,
    queue: BinaryHeap<Reverse<(DateTime<Utc>, usize)>>,
    freezes: Vec<DateTime<Utc>>,
    is_unforeseeable: Vec<bool>,
}

impl<'a> Wakes<'a> {
    pub(super) fn new(policy: Policy<'a>, from: DateTime<Utc>) -> Self {
        let graph = policy.graph;
        let mut clocks = Vec::new();
        for index in graph.indices() {
            let asset = graph.asset(index);
            clocks.extend(schedules(asset).into_iter().map(Clock::Schedule));
            let deadlines = asset.freshness.deadlines.iter();
            clocks.extend(deadlines.map(|due| Clock::Deadline(index, &due.schedule)));
            let parts = asset.planned_partitions().into_iter();
            for part in parts.flat_map(Partitions::parts) {
                match part {
                    Part::Windows(windows) => {
                        clocks.push(Clock::Windows(windows));
                        let lookback = asset.lookback.into_iter();
                        clocks.extend(lookback.map(|lookback| Clock::Aging(windows, lookback)));
                    }
                    Part::Keys(_) | Part::Dynamic(_) => {}
                }
            }
        }
        let freezes = policy.freezes.iter();
        let mut freezes: Vec<DateTime<Utc>> = freezes
            .flat_map(|frozen| [frozen.freeze.from, frozen.freeze.to])
            .collect();
        freezes.sort_unstable_by(|a, b| b.cmp(a));
        let mut wakes = Self {
            clocks,
            queue: BinaryHeap::new(),
            freezes,
            is_unforeseeable: graph
                .indices()
                .map(|i| is_unforeseeable(graph, i))
                .collect(),
        };
        for at in 0..wakes.clocks.len() {
            wakes.wind(at, from);
        }
        wakes
    }

    fn wind(&mut self, at: usize, after: DateTime<Utc>) {
        let next = self.clocks.get(at).and_then(|clock| match clock {
            Clock::Schedule(schedule) | Clock::Deadline(_, schedule) => schedule.next(after),
            Clock::Windows(windows) => end_of_window(windows, after),
            Clock::Aging(windows, lookback) => {
                let end = end_of_window(windows, after.checked_sub_signed(*lookback)?)?;
                end.checked_add_signed(*lookback)
            }
        });
        if let Some(next) = next {
            self.queue.push(Reverse((next, at)));
        }
    }

    /// Takes what has come up to and including an instant: the assets a deadline of which has passed.
    pub(super) fn take(&mut self, upto: DateTime<Utc>) -> Vec<AssetIndex> {
        let mut due = Vec::new();
        while let Some(Reverse((at, clock))) = self.queue.peek().copied() {
            if at > upto {
                break;
            }
            self.queue.pop();
            if let Some(Clock::Deadline(index, _)) = self.clocks.get(clock) {
                due.push(*index);
            }
            self.wind(clock, upto);
        }
        while self.freezes.last().is_some_and(|at| *at <= upto) {
            self.freezes.pop();
        }
        due.sort_unstable();
        due.dedup();
        due
    }

    /// Returns when the next one comes.
    pub(super) fn first(&self) -> Option<DateTime<Utc>> {
        let clock = self.queue.peek().map(|Reverse((at, _))| *at);
        clock.into_iter().chain(self.freezes.last().copied()).min()
    }

    /// Returns whether any pass may change what is to be done of an asset that is not at rest.
    pub(super) fn is_unforeseeable(&self, index: AssetIndex) -> bool {
        self.is_unforeseeable.get(index.position()) == Some(&true)
    }
}

/// When the window ends that an instant lies in.
fn end_of_window(windows: &Windows, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let window = windows.window(windows.ordinal_at(at))?;
    Some(window.end)
}

/// The schedules of an automation, also those inside a condition.
fn schedules(asset: &Asset) -> Vec<&Schedule> {
    use assets::policy::Automation;
    match &asset.automation {
        Automation::OnSchedule { schedule, .. } => vec![schedule],
        Automation::When { condition, .. } => condition.schedules().collect(),
        Automation::OnChange(_) | Automation::BeforeDeadline { .. } | Automation::Manual => {
            Vec::new()
        }
    }
}

/// Whether what time brings about is not told by the planner's `until`.
fn is_unforeseeable(graph: &AssetGraph, index: AssetIndex) -> bool {
    let asset = graph.asset(index);
    let is_repeated = asset.is_built_here() && graph.inputs(index).is_empty();
    asset.automation.pacing().window.is_some()
        || is_repeated && asset.automation.needs_forecast()
        || !is_plain(&asset.automation.condition())
}

fn is_plain(condition: &Condition) -> bool {
    match condition {
        Condition::Any(parts) | Condition::All(parts) => parts.iter().all(is_plain),
        Condition::Not(_) | Condition::LagOver(_) => false,
        Condition::Changed(_)
        | Condition::AllChanged
        | Condition::Missing
        | Condition::CodeChanged
        | Condition::Cron(_)
        | Condition::Deadline { .. }
        | Condition::Manual => true,
    }
}
