//! The planner alone, over a memory that was built here.

use std::collections::BTreeMap;
use std::hint::black_box;

use assets::partition::PartitionSet;
use assets::version::{Origin, PassNumber, TableId, TableVersion};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use headwater::plan::{Action, Plan, PlanInput, plan};
use headwater::state::{Basis, Build, Consumed, DataCommit, Memory, Observation, ObservedState};
use lineage::AssetIndex;

use crate::declared::{Declared, Loaded, closure, declare, index, load};
use crate::measure::{cpu, peak_mib};
use crate::median_cpu;

pub(crate) const HEADER: &str = "\
| assets | load | plan, nothing new | plan, 1 % touched | all plans until fresh | requested in passes | plan after | peak MiB |
|---|---|---|---|---|---|---|---|";

/// Measures one size, and returns its line of the table.
pub(crate) fn row(count: usize) -> String {
    let declared = declare(count);
    let (loaded, load_ms) = cpu(|| load(&declared.texts));
    let mut world = World {
        memory: everything_fresh(&loaded),
        loaded,
        now: start(),
        pass: PassNumber(1),
    };
    let steady = median_cpu(15, || {
        assert!(is_quiet(&black_box(world.plan())));
    });
    let expected = closure(&world.loaded.graph, &declared).len();
    world.touch(&declared);
    let touched = median_cpu(15, || {
        assert_eq!(open(&black_box(world.plan())), expected);
    });
    let (mut requested, mut passes, mut spent) = (0, 0, 0.0);
    loop {
        let (plan, took) = cpu(|| world.plan());
        if plan.requests.is_empty() {
            break;
        }
        (requested, passes, spent) = (requested + plan.requests.len(), passes + 1, spent + took);
        world.run(&plan);
    }
    assert_eq!(requested, expected, "exactly the closure is requested");
    let after = median_cpu(15, || assert!(is_quiet(&black_box(world.plan()))));
    format!(
        "| {count} | {load_ms:.1} | {steady:.2} | {touched:.2} | {spent:.1} | {requested} in {passes} | \
         {after:.2} | {} |",
        peak_mib()
    )
}

pub(crate) fn is_quiet(plan: &Plan) -> bool {
    open(plan) == 0 && plan.requests.is_empty() && plan.cuts.is_empty()
}

/// How many assets run or wait.
fn open(plan: &Plan) -> usize {
    let mut decisions = plan.decisions.iter();
    let is_open = |action| matches!(action, Action::Run | Action::Wait | Action::Hold);
    decisions
        .by_ref()
        .filter(|decision| is_open(decision.action))
        .count()
}

pub(crate) struct World {
    pub(crate) loaded: Loaded,
    pub(crate) memory: Memory,
    pub(crate) now: DateTime<Utc>,
    pub(crate) pass: PassNumber,
}

impl World {
    pub(crate) fn plan(&self) -> Plan {
        plan(&PlanInput {
            now: self.now,
            pass: self.pass,
            graph: &self.loaded.graph,
            tasks: &self.loaded.tasks,
            limits: &self.loaded.project.limits,
            selected: None,
            freezes: &[],
            memory: &self.memory,
        })
    }

    pub(crate) fn touch(&mut self, declared: &Declared) {
        self.now += TimeDelta::seconds(30);
        self.pass = PassNumber(self.pass.0 + 1);
        for root in &declared.touched {
            let index = index(&self.loaded.graph, declared, *root);
            let origin = Origin {
                at: self.now,
                seen: self.pass,
            };
            self.commit(index, origin);
        }
    }

    /// Lets every request of a plan run and succeed.
    pub(crate) fn run(&mut self, plan: &Plan) {
        for (asset, cut) in &plan.cuts {
            self.memory.builds.entry(asset.clone()).or_default().cut = *cut;
        }
        self.now += TimeDelta::seconds(30);
        self.pass = PassNumber(self.pass.0 + 1);
        for request in &plan.requests {
            let asset = request.asset.clone();
            let set = request.partitions.as_ref().map(|extent| &extent.partitions);
            let all = PartitionSet::EVERYTHING;
            let known = self.memory.consumption.entry(asset.clone()).or_default();
            for (key, version) in &request.inputs {
                let consumed = known.get_mut(key).expect("it was built once");
                consumed.incorporate(set.unwrap_or(&all), version.clone(), Basis::Run);
            }
            self.memory.builds.entry(asset).or_default().cut = None;
            let index = self.loaded.graph.index_of(request.asset.as_str());
            let origin = request.origin.expect("something changed");
            let index = index.expect("it is an asset");
            self.commit(index, origin);
            let key = &self.loaded.graph.asset(index).key;
            let commits = self.memory.commits.get_mut(key).expect("it has commits");
            if let Some(commit) = commits.last_mut() {
                commit.partitions.clone_from(&request.partitions);
            }
        }
    }

    /// Adds the commit that follows the newest one.
    fn commit(&mut self, index: AssetIndex, origin: Origin) {
        let key = &self.loaded.graph.asset(index).key;
        let commits = self.memory.commits.get_mut(key).expect("it has commits");
        let mut commit = commits.last().expect("it has a commit").clone();
        commit.version.version += 1;
        commit.committed_at = self.now;
        commit.origin = origin;
        commits.push(commit);
    }
}

/// 2025-06-01T06:00:00Z, as in the description of the benchmark.
pub(crate) fn start() -> DateTime<Utc> {
    let start = Utc.with_ymd_and_hms(2025, 6, 1, 6, 0, 0);
    start.single().expect("this time exists")
}

/// When a table was first written: each layer an hour after the one above it.
pub(crate) fn first_written(depth: u32) -> DateTime<Utc> {
    start() - TimeDelta::days(1) + TimeDelta::hours(i64::from(depth))
}

/// A memory in which every table has one commit, and everything was built from what is there.
pub(crate) fn everything_fresh(loaded: &Loaded) -> Memory {
    let graph = &loaded.graph;
    let version = |index: AssetIndex| TableVersion {
        table_id: TableId::new(&format!("id-of-{}", graph.asset(index).key)),
        version: 0,
    };
    let mut memory = Memory::default();
    for index in graph.indices() {
        let key = &graph.asset(index).key;
        let at = first_written(graph.depth(index));
        let commit = DataCommit {
            version: version(index),
            committed_at: at,
            origin: Origin {
                at,
                seen: PassNumber(1),
            },
            operation: Some("WRITE".to_owned()),
            intent: None,
            partitions: None,
            event_at: None,
            names_run: false,
            provenance: None,
        };
        memory.commits.insert(key.clone(), vec![commit]);
        let observation = Observation {
            state: ObservedState::Ok,
            head: None,
            since: at,
        };
        memory.observations.insert(key.clone(), observation);
        if graph.inputs(index).is_empty() {
            continue;
        }
        let consumed = graph.inputs(index).iter().map(|input| {
            let consumed = Consumed {
                version: Some(version(*input)),
                basis: Basis::CommitTime,
                partitions: Vec::new(),
            };
            (graph.asset(*input).key.clone(), consumed)
        });
        let consumed: BTreeMap<_, _> = consumed.collect();
        memory.consumption.insert(key.clone(), consumed);
        let build = Build {
            built_at: Some(at),
            is_adopted: true,
            ..Build::default()
        };
        memory.builds.insert(key.clone(), build);
    }
    memory
}
