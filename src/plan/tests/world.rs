//! A small world for planner tests: assets, commits and consumption in a few words.

use std::collections::{BTreeMap, BTreeSet};

use assets::declaration::Limits;
use assets::delta::partition_tuple::PartitionColumns;
use assets::delta::reading::Details;
use assets::delta::{
    CommitMarker, DataHead, KnownHead, Metadata, Protocol, TableState as LogState,
};
use assets::policy::{Automation, Consistency, OnChange};
use assets::schedule::Freeze;
use assets::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, Tasks, WriteMode};
use assets::version::{Origin, PassNumber, TableId, TableVersion};
use assets::{Asset, AssetKey, AssetKind, Binding, Consume, Evidence, Upstream};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use lineage::{AssetGraph, Frozen};

use crate::plan::{
    Action, AssetHealth, Health, Plan, PlanInput, Reason, Request, WouldChange, healths, plan,
    standings, what_would_change,
};
use crate::state::{
    Basis, Build, Consumed, DataCommit, Intent, IntentId, IntentState, Memory, Observation,
    ObservedState, RetryRule,
};

/// 2026-03-01T06:00:00Z, when every test begins.
pub(crate) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0).unwrap()
}

pub(crate) fn key(text: &str) -> AssetKey {
    AssetKey::new(text).unwrap()
}

/// Version `version` of the first incarnation of an asset's table.
pub(crate) fn at(asset: &str, version: u64) -> TableVersion {
    TableVersion {
        table_id: TableId::new(asset),
        version,
    }
}

pub(crate) struct World {
    pub(crate) assets: Vec<Asset>,
    pub(crate) memory: Memory,
    pub(crate) limits: Limits,
    pub(crate) freezes: Vec<Freeze>,
    pub(crate) write_mode: WriteMode,
    pub(crate) pass: u64,
    pub(crate) now: DateTime<Utc>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            assets: Vec::new(),
            memory: Memory::default(),
            limits: Limits::default(),
            freezes: Vec::new(),
            write_mode: WriteMode::default(),
            pass: 1,
            now: start(),
        }
    }

    /// A source whose table is there, at version 0.
    pub(crate) fn source(mut self, name: &str) -> Self {
        self.assets.push(Asset::new(key(name), AssetKind::Source));
        self.commit(name, 0);
        self
    }

    /// A table that a task builds on every change of what it reads.
    pub(crate) fn table(self, name: &str, reads: &[&str]) -> Self {
        self.asset(name, AssetKind::Table, reads)
    }

    pub(crate) fn asset(mut self, name: &str, kind: AssetKind, reads: &[&str]) -> Self {
        let mut asset = Asset::new(key(name), kind);
        asset.upstreams = reads
            .iter()
            .map(|upstream| Upstream {
                asset: key(upstream),
                consume: Consume::Table,
                mapping: None,
                evidence: vec![Evidence::Declared],
                declared_at: None,
            })
            .collect();
        asset.upstreams.sort_by(|a, b| a.asset.cmp(&b.asset));
        if kind.can_be_built() {
            let (task, parameters) = (TaskName::new("job"), BTreeMap::new());
            asset.task = Some(Binding { task, parameters });
        }
        self.assets.push(asset);
        self
    }

    pub(crate) fn with(mut self, name: &str, change: impl FnOnce(&mut Asset)) -> Self {
        change(
            self.assets
                .iter_mut()
                .find(|asset| asset.key.as_str() == name)
                .unwrap(),
        );
        self
    }

    pub(crate) fn on_change(self, name: &str, change: impl FnOnce(&mut OnChange)) -> Self {
        self.with(name, |asset| {
            let mut on_change = OnChange::default();
            change(&mut on_change);
            asset.automation = Automation::OnChange(on_change);
        })
    }

    pub(crate) fn latest(self, name: &str) -> Self {
        self.with(name, |asset| asset.consistency = Consistency::Latest)
    }

    /// A commit that changed data, seen in the current pass, at the current time.
    pub(crate) fn commit(&mut self, name: &str, version: u64) {
        let origin = Origin {
            at: self.now,
            seen: PassNumber(self.pass),
        };
        self.commit_from(name, version, origin);
    }

    pub(crate) fn commit_from(&mut self, name: &str, version: u64, origin: Origin) {
        let commit = DataCommit {
            version: at(name, version),
            committed_at: self.now,
            origin,
            operation: Some("WRITE".to_owned()),
            intent: None,
            partitions: None,
            event_at: None,
            names_run: false,
            provenance: None,
        };
        self.memory
            .commits
            .entry(key(name))
            .or_default()
            .push(commit);
        self.observe(name, ObservedState::Ok);
    }

    pub(crate) fn observe(&mut self, name: &str, state: ObservedState) {
        let head = KnownHead {
            table_id: TableId::new(name),
            version: 0,
            marker: CommitMarker {
                size: 0,
                modified_nanos: 0,
                content: 0,
                etag: None,
            },
            data: Some(DataHead {
                version: 0,
                at: self.now,
            }),
            read_from: 0,
            last_committed_at: self.now,
            operation: None,
            has_hole_above: false,
            details: Details::default(),
            state: LogState {
                metadata: Metadata {
                    id: TableId::new(name),
                    partition_columns: Vec::new(),
                    partitioning: PartitionColumns::default(),
                    schema_hash: None,
                    configuration: BTreeMap::new(),
                },
                protocol: Protocol {
                    min_reader_version: 1,
                    min_writer_version: 2,
                    reader_features: BTreeSet::new(),
                    writer_features: BTreeSet::new(),
                },
            },
        };
        let observation = Observation {
            state,
            head: Some(head.into()),
            since: self.now,
        };
        self.memory.observations.insert(key(name), observation);
    }

    pub(crate) fn unknown(&mut self, name: &str) {
        let state = ObservedState::Unknown {
            code: "torn_commit".to_owned(),
            reason: "commit 7 is damaged".to_owned(),
        };
        self.observe(name, state);
    }

    /// A run of ours that succeeded: it consumed these versions, and wrote a new one.
    pub(crate) fn built(&mut self, name: &str, inputs: &[(&str, u64)], version: u64) {
        let origin = self.origin_of(name, inputs);
        let consumption = inputs.iter().map(|(input, version)| {
            (
                key(input),
                Consumed {
                    version: Some(at(input, *version)),
                    basis: Basis::Run,
                    partitions: Vec::new(),
                },
            )
        });
        self.memory
            .consumption
            .insert(key(name), consumption.collect());
        self.commit_from(name, version, origin);
        let cut = self
            .memory
            .builds
            .get(&key(name))
            .and_then(|build| build.cut);
        let code = self
            .assets
            .iter()
            .find(|asset| asset.key.as_str() == name)
            .unwrap();
        let build = Build {
            code_version: code.code_version.clone(),
            begun_at: Some(self.now),
            built_at: Some(self.now),
            last_success_at: Some(self.now),
            produced: Some(at(name, version)),
            cut,
            ..Build::default()
        };
        self.memory.builds.insert(key(name), build);
    }

    /// The oldest change among what these inputs bring.
    fn origin_of(&self, name: &str, inputs: &[(&str, u64)]) -> Origin {
        let own = Origin {
            at: self.now,
            seen: PassNumber(self.pass),
        };
        let before = self.memory.consumption.get(&key(name));
        inputs.iter().fold(own, |origin, (input, version)| {
            let consumed = before.and_then(|before| before.get(&key(input))?.version.clone());
            let from = consumed.map_or(0, |consumed| consumed.version + 1);
            let commits = self.memory.commits.get(&key(input)).into_iter().flatten();
            commits
                .filter(|commit| (from..=*version).contains(&commit.version.version))
                .fold(origin, |origin, commit| origin.oldest(commit.origin))
        })
    }

    /// A run of ours that is under way.
    pub(crate) fn running(&mut self, name: &str) {
        let id = IntentId(format!("I-{name}"));
        self.memory
            .open_intents
            .insert(id.clone(), intent(id, name, self.now));
    }

    /// What was asked for is under way.
    pub(crate) fn begin(&mut self, request: &Request) -> IntentId {
        let count = self.memory.open_intents.len();
        let id = IntentId(format!("I-{}-{}-{count}", self.pass, request.asset));
        let begun = Intent {
            partitions: request.partitions.clone(),
            backfill: request.backfill.clone(),
            ..intent(id.clone(), request.asset.as_str(), self.now)
        };
        self.memory.open_intents.insert(id.clone(), begun);
        id
    }

    /// How long the runs of an asset took, in minutes.
    pub(crate) fn ran(&mut self, name: &str, minutes: &[i64]) {
        let times = self.memory.run_times.entry(key(name)).or_default();
        for minutes in minutes {
            times.push(TimeDelta::minutes(*minutes));
        }
    }

    pub(crate) fn later(&mut self, minutes: i64) {
        self.now += TimeDelta::minutes(minutes);
        self.pass += 1;
    }

    pub(crate) fn graph(&self) -> AssetGraph {
        AssetGraph::build(self.assets.clone()).unwrap()
    }

    fn frozen(&self, graph: &AssetGraph) -> Vec<Frozen> {
        let freezes = self.freezes.iter().cloned();
        freezes
            .map(|freeze| Frozen::new(freeze, graph).unwrap())
            .collect()
    }

    pub(crate) fn plan(&mut self) -> Plan {
        let (graph, tasks) = (self.graph(), tasks(self.write_mode));
        let freezes = self.frozen(&graph);
        let plan = plan(&PlanInput {
            now: self.now,
            pass: PassNumber(self.pass),
            graph: &graph,
            tasks: &tasks,
            limits: &self.limits,
            selected: None,
            freezes: &freezes,
            memory: &self.memory,
        });
        self.memory.deadlines.extend(plan.deadlines.iter().cloned());
        for (asset, cut) in &plan.cuts {
            self.memory.builds.entry(asset.clone()).or_default().cut = *cut;
        }
        plan
    }

    /// The health of an asset, and its lag in seconds.
    pub(crate) fn health(&mut self, name: &str) -> (Health, Option<i64>) {
        let found = self.told(name);
        (found.health, found.lag.map(|lag| lag.num_seconds()))
    }

    /// All that is told of an asset.
    pub(crate) fn told(&mut self, name: &str) -> AssetHealth {
        let (graph, tasks) = (self.graph(), tasks(self.write_mode));
        let freezes = self.frozen(&graph);
        let input = PlanInput {
            now: self.now,
            pass: PassNumber(self.pass),
            graph: &graph,
            tasks: &tasks,
            limits: &self.limits,
            selected: None,
            freezes: &freezes,
            memory: &self.memory,
        };
        let decisions = plan(&input).decisions;
        let healths = healths(&input, &standings(&input), &decisions);
        healths[graph.index_of(name).unwrap().position()].clone()
    }

    /// What would change the verdict on an asset, one thing a line.
    pub(crate) fn would_change(&mut self, name: &str) -> String {
        let (graph, tasks) = (self.graph(), tasks(self.write_mode));
        let freezes = self.frozen(&graph);
        let input = PlanInput {
            now: self.now,
            pass: PassNumber(self.pass),
            graph: &graph,
            tasks: &tasks,
            limits: &self.limits,
            selected: None,
            freezes: &freezes,
            memory: &self.memory,
        };
        let decisions = plan(&input).decisions;
        let standings = standings(&input);
        let healths = healths(&input, &standings, &decisions);
        let index = graph.index_of(name).unwrap();
        let found = what_would_change(&input, &standings, (&decisions, &healths), index);
        let phrases: Vec<String> = found.iter().map(WouldChange::phrase).collect();
        phrases.join("\n")
    }

    /// What is requested now, and everything that is not `none`, with its deciding reason's code.
    pub(crate) fn decisions(&mut self) -> Vec<String> {
        let graph = self.graph();
        let plan = self.plan();
        plan.decisions
            .iter()
            .filter(|decision| decision.action != Action::None)
            .map(|decision| {
                let asset = &graph.asset(decision.asset).key;
                let reason = decision
                    .reasons
                    .first()
                    .map(Reason::code)
                    .unwrap_or_default();
                format!("{} {asset}: {reason}", decision.action.as_str())
            })
            .collect()
    }
}

fn tasks(write_mode: WriteMode) -> Tasks {
    let job = DatabricksJob {
        job: JobReference::Id(1),
        task_key: None,
        parameters: BTreeMap::new(),
    };
    let task = Task {
        action: TaskAction::DatabricksJob(job),
        select_parameter: None,
        max_concurrent_runs: None,
        pool: None,
        timeout: None,
        write_mode,
    };
    Tasks::from([(TaskName::new("job"), task)])
}

fn intent(id: IntentId, name: &str, now: DateTime<Utc>) -> Intent {
    Intent {
        id,
        task: TaskName::new("job"),
        job: JobReference::Id(1),
        task_key: None,
        pool: None,
        assets: vec![key(name)],
        parameters: BTreeMap::new(),
        inputs: BTreeMap::new(),
        code_versions: BTreeMap::new(),
        origin: None,
        degraded_by: Vec::new(),
        reason: String::new(),
        retry: RetryRule {
            attempts: 1,
            backoff_seconds: 0,
            max_backoff_seconds: 0,
        },
        timeout_seconds: None,
        created_at: now,
        decided_at: now,
        pass: PassNumber(1),
        attempt: 1,
        state: IntentState::Running,
        token: String::new(),
        not_before: None,
        first_sent_at: Some(now),
        last_sent_at: Some(now),
        run_id: None,
        url: None,
        cancel_requested_at: None,
        is_found: false,
        backfill: None,
        partitions: None,
        full_refresh: false,
        feeds: BTreeSet::new(),
        pinned: Vec::new(),
    }
}
