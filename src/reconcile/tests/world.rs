//! The loop in a world in memory: assets, commits, runs and passes in a few words.
//!
//! Every asset has a job of its own and a table at a place of its own name. A run reads the newest
//! data versions at its start, and a test says when and how it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assets::dbt::TestResults;
use assets::declaration::Limits;
use assets::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, Tasks, WriteMode};
use assets::version::PassNumber;
use assets::{Asset, AssetKey, AssetKind, Binding, Consume, Evidence, Relation, Upstream};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use lineage::{AssetGraph, AssetIndex};
use workspace::MemoryLog;

use super::fake::{Fake, Fault, LedgerRun};
use super::traps::Trapped;
use crate::execute::Windows;
use crate::plan::{Action, AssetHealth, PlanInput, Reason, healths, plan, standings};
use crate::ports::{Run, RunState, State, StateError};
use crate::reconcile::{LEASE_LIFETIME, Mode, PassReport, Remembered, Scope, World, pass};
use crate::state::{Build, Consumed, Intent, Lease, Memory, ObservedState};
use crate::store::Store;

/// 2026-03-01T06:00:00Z, when every test begins.
pub(super) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 6, 0, 0).unwrap()
}

pub(super) fn key(text: &str) -> AssetKey {
    AssetKey::new(text).unwrap()
}

pub(super) struct Sim {
    pub(super) fake: Fake,
    pub(super) state: Trapped,
    pub(super) assets: Vec<Asset>,
    pub(super) limits: Limits,
    pub(super) selected: Option<BTreeSet<AssetIndex>>,
    pub(super) windows: Windows,
    pub(super) timeout: Option<TimeDelta>,
    pub(super) pool: Option<String>,
    /// What every task does with what is there.
    pub(super) write_mode: WriteMode,
    /// These assets are built by the job of the first of them.
    pub(super) shared_job: Vec<String>,
    /// What their runs are told of the asset.
    pub(super) parameters: BTreeMap<String, String>,
    /// Whether commits of our runs name their run.
    pub(super) names_runs: bool,
    pub(super) has_catalog: bool,
    /// What dbt told of its tests.
    pub(super) tests: TestResults,
    pub(super) lease: Lease,
    remembered: Remembered,
    processes: u32,
}

impl Sim {
    pub(super) fn new() -> Self {
        let fake = Fake::new(start());
        let store = Store::open_in_memory_copy(Path::new("/nowhere/state.db")).unwrap();
        let lease = store.acquire_lease("p0", start(), LEASE_LIFETIME).unwrap();
        store.record_search(&lease, None, start()).unwrap();
        Self {
            fake,
            state: Trapped::new(store),
            assets: Vec::new(),
            limits: Limits::default(),
            selected: None,
            windows: Windows::default(),
            timeout: None,
            pool: None,
            write_mode: WriteMode::default(),
            shared_job: Vec::new(),
            parameters: BTreeMap::new(),
            names_runs: true,
            has_catalog: false,
            tests: TestResults::new(),
            lease,
            remembered: Remembered::default(),
            processes: 0,
        }
    }

    /// A source with one commit, two hours old.
    pub(super) fn source(mut self, name: &str) -> Self {
        let mut asset = Asset::new(key(name), AssetKind::Source);
        asset.path = Some(name.to_owned());
        self.assets.push(asset);
        self.write_at(name, start() - TimeDelta::hours(2));
        self
    }

    /// A table that its own job builds on every change of what it reads; not there yet.
    pub(super) fn table(self, name: &str, reads: &[&str]) -> Self {
        self.asset(name, AssetKind::Table, reads)
    }

    pub(super) fn asset(mut self, name: &str, kind: AssetKind, reads: &[&str]) -> Self {
        let mut asset = Asset::new(key(name), kind);
        if kind.has_table() {
            asset.path = Some(name.to_owned());
        }
        let edge = |upstream: &&str| Upstream {
            asset: key(upstream),
            consume: Consume::Table,
            mapping: None,
            evidence: vec![Evidence::Declared],
            declared_at: None,
        };
        asset.upstreams = reads.iter().map(edge).collect();
        asset.upstreams.sort_by(|a, b| a.asset.cmp(&b.asset));
        if kind.can_be_built() {
            let (task, parameters) = (TaskName::new(name), BTreeMap::new());
            asset.task = Some(Binding { task, parameters });
        }
        self.assets.push(asset);
        self
    }

    pub(super) fn with(mut self, name: &str, change: impl FnOnce(&mut Asset)) -> Self {
        self.change(name, change);
        self
    }

    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Asset)) {
        let mut assets = self.assets.iter_mut();
        change(assets.find(|asset| asset.key.as_str() == name).unwrap());
    }

    /// An asset is found through the catalog; the catalog has its table where it lies.
    pub(super) fn in_catalog(mut self, name: &str, exists: bool) -> Self {
        self.has_catalog = true;
        let relation = Relation::parse(&format!("c.{name}")).unwrap();
        let mut place = None;
        self.change(name, |asset| {
            asset.path = None;
            place = asset.kind.has_table().then(|| name.to_owned());
            asset.relation = Some(relation.clone());
        });
        if exists {
            let mut shared = self.fake.get();
            shared.relations.insert(relation.to_string(), place);
        }
        self
    }

    /// A table that was written before we came, so many minutes ago.
    pub(super) fn written(self, name: &str, minutes_ago: i64) -> Self {
        self.write_at(name, start() - TimeDelta::minutes(minutes_ago));
        self
    }

    fn write_at(&self, name: &str, at: DateTime<Utc>) {
        self.log(name, |log| {
            log.commit(at, true);
        });
    }

    pub(super) fn log<T>(&self, name: &str, act: impl FnOnce(&mut MemoryLog) -> T) -> T {
        let mut shared = self.fake.get();
        let new = || MemoryLog::new(name);
        act(shared.logs.entry(name.to_owned()).or_insert_with(new))
    }

    /// Somebody else commits data now.
    pub(super) fn write(&self, name: &str) -> u64 {
        let now = self.fake.get().service_now();
        self.log(name, |log| log.commit(now, true).version)
    }

    pub(super) fn later(&self, seconds: i64) {
        let mut shared = self.fake.get();
        shared.now += TimeDelta::seconds(seconds);
        shared.monotonic += std::time::Duration::from_secs(seconds.unsigned_abs());
        shared.arrive();
    }

    pub(super) fn graph(&self) -> AssetGraph {
        AssetGraph::build(self.assets.clone()).unwrap()
    }

    pub(super) fn tasks(&self) -> Tasks {
        let task = |(asset, id)| {
            let job: DatabricksJob = DatabricksJob {
                job: JobReference::Id(self.shared(asset).unwrap_or(id)),
                task_key: None,
                parameters: self.parameters.clone(),
            };
            let task = Task {
                action: TaskAction::DatabricksJob(job),
                select_parameter: None,
                max_concurrent_runs: None,
                pool: self.pool.clone(),
                timeout: self.timeout,
                write_mode: self.write_mode,
            };
            let asset: &Asset = asset;
            (TaskName::new(asset.key.as_str()), task)
        };
        self.assets.iter().zip(1..).map(task).collect()
    }

    fn shared(&self, asset: &Asset) -> Option<i64> {
        let is_shared = self
            .shared_job
            .iter()
            .any(|name| name == asset.key.as_str());
        is_shared.then(|| self.job_of(&self.shared_job[0]))
    }

    pub(super) fn job_of(&self, name: &str) -> i64 {
        let mut names = self.assets.iter().zip(1..);
        let found = names.find(|(asset, _)| asset.key.as_str() == name);
        found.unwrap().1
    }

    /// A pass a second later.
    pub(super) fn try_pass(&mut self) -> Result<PassReport, StateError> {
        self.later(1);
        self.pass_in(Mode::Act)
    }

    pub(super) fn pass_in(&mut self, mode: Mode) -> Result<PassReport, StateError> {
        let (graph, tasks) = (self.graph(), self.tasks());
        let fake = &self.fake;
        let world = World {
            tables: fake,
            catalog: self.has_catalog.then_some(fake),
            jobs: Some(fake),
            statements: Some(fake),
            state: &self.state,
            clock: fake,
            random: fake,
        };
        let scope = Scope {
            project: "shop",
            environment: "dev",
            catalog: None,
            graph: &graph,
            tasks: &tasks,
            limits: &self.limits,
            selected: self.selected.as_ref(),
            freezes: &[],
            tests: &self.tests,
            windows: self.windows,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let pass = pass(world, scope, &self.lease, mode, &mut self.remembered);
        runtime.unwrap().block_on(pass)
    }

    pub(super) fn pass(&mut self) -> PassReport {
        self.try_pass().unwrap()
    }

    /// A pass that must end in a crash, and the next process.
    pub(super) fn crash(&mut self) {
        let crashed = self.try_pass();
        assert!(crashed.is_err(), "the trap was not sprung");
        self.restart();
    }

    /// A new process that knows only the store, once the old lease has run out.
    pub(super) fn restart(&mut self) {
        self.state.revive();
        self.remembered = Remembered::default();
        self.later(LEASE_LIFETIME.num_seconds() + 1);
        self.processes += 1;
        self.take_lease();
    }

    /// The state file is deleted: the next process begins with a new one.
    pub(super) fn lose_state(&mut self) {
        self.go_on_with(Store::open_in_memory_copy(Path::new("/nowhere/state.db")).unwrap());
    }

    /// The state is rebuilt from nothing.
    pub(super) fn rebuild(&mut self) {
        let store = Store::open_in_memory_copy(Path::new("/nowhere/state.db")).unwrap();
        let now = self.fake.get().now;
        store
            .go_on_from_nothing(self.lease.epoch, "ann", now)
            .unwrap();
        self.go_on_with(store);
    }

    pub(super) fn back_up(&self) -> Store {
        self.state.store.copy_in_memory().unwrap()
    }

    pub(super) fn restore(&mut self, backup: &Store) {
        let store = backup.copy_in_memory().unwrap();
        let now = self.fake.get().now;
        store
            .go_on_from_backup(self.lease.epoch, "ann", now)
            .unwrap();
        self.go_on_with(store);
    }

    fn go_on_with(&mut self, store: Store) {
        self.state = Trapped::new(store);
        self.remembered = Remembered::default();
        self.processes += 1;
        self.take_lease();
    }

    pub(super) fn take_lease(&mut self) {
        let (now, holder) = (self.fake.get().now, format!("p{}", self.processes));
        let lease = self.state.store.acquire_lease(&holder, now, LEASE_LIFETIME);
        self.lease = lease.unwrap();
    }

    /// Passes and successful runs until nothing happens any more; returns how many runs began.
    pub(super) fn converge(&mut self) -> usize {
        let before = self.runs();
        for _ in 0..60 {
            let report = self.pass();
            let is_busy = report.in_flight > 0 || !report.settled.is_empty();
            let is_busy = is_busy || report.search.is_some();
            if !is_busy && report.triggered.is_empty() {
                return self.runs() - before;
            }
            self.later(30);
            self.finish_all();
        }
        panic!("it never comes to rest: {:?}", self.decisions());
    }

    pub(super) fn finish_all(&mut self) {
        let names: Vec<String> = self.assets.iter().map(|a| a.key.to_string()).collect();
        for name in names {
            while self.active(&name).is_some() {
                self.finish(&name);
            }
        }
    }

    /// Runs that exist at the service.
    pub(super) fn runs(&self) -> usize {
        self.fake.get().ledger.len()
    }

    pub(super) fn runs_of(&self, name: &str) -> Vec<LedgerRun> {
        let job = self.job_of(name);
        let shared = self.fake.get();
        let mine = shared.ledger.iter().filter(|found| found.run.job_id == job);
        mine.cloned().collect()
    }

    pub(super) fn is_running(&self, name: &str) -> bool {
        self.active(name).is_some()
    }

    fn active(&self, name: &str) -> Option<LedgerRun> {
        let mut runs = self.runs_of(name).into_iter();
        runs.find(|found| found.run.state == RunState::Active)
    }

    /// The run of an asset writes its table, as it saw its inputs when it started.
    pub(super) fn commit_of_run(&mut self, name: &str) {
        let run = self.active(name).unwrap();
        let now = self.fake.get().service_now();
        let names_runs = self.names_runs;
        self.log(name, |log| {
            let commit = log.commit(now, true);
            commit.writer.job_run_id = Some(run.run.id.0).filter(|_| names_runs);
            log.content = run.heads;
        });
    }

    pub(super) fn end(&mut self, name: &str, state: RunState) {
        let run = self.active(name).unwrap();
        self.end_run(&run.run, state);
    }

    fn end_run(&self, run: &Run, state: RunState) {
        let mut shared = self.fake.get();
        let now = shared.service_now();
        let found = shared.run(run.id).unwrap();
        found.run.state = state;
        found.run.ended_at = Some(now);
    }

    /// The run of an asset writes its table and succeeds.
    pub(super) fn finish(&mut self, name: &str) {
        let has_table = {
            let found = self.assets.iter().find(|a| a.key.as_str() == name);
            found.unwrap().kind.has_table()
        };
        if has_table {
            self.commit_of_run(name);
        } else {
            let relation = format!("c.{name}");
            self.fake.get().relations.insert(relation, None);
        }
        self.end(name, RunState::Succeeded);
    }

    pub(super) fn fail(&mut self, name: &str, is_transient: bool) {
        let failed = RunState::Failed {
            code: "RUN_EXECUTION_ERROR".to_owned(),
            message: "a task failed".to_owned(),
            is_transient,
        };
        self.end(name, failed);
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.fake.get().faults.push_back(fault);
    }

    pub(super) fn memory(&self) -> Memory {
        self.state.store.load().unwrap()
    }

    pub(super) fn build(&self, name: &str) -> Build {
        self.memory().builds.remove(&key(name)).unwrap_or_default()
    }

    pub(super) fn intent(&self) -> Intent {
        let open = self.memory().open_intents;
        assert_eq!(open.len(), 1, "one open intent: {open:?}");
        open.into_values().next().unwrap()
    }

    pub(super) fn consumed(&self, name: &str, upstream: &str) -> Option<Consumed> {
        let memory = self.memory();
        memory
            .consumption
            .get(&key(name))?
            .get(&key(upstream))
            .cloned()
    }

    /// What is consumed of an upstream, and how that is known.
    pub(super) fn consumption(&self, name: &str, upstream: &str) -> String {
        match self.consumed(name, upstream) {
            None => "none".to_owned(),
            Some(Consumed { version, basis, .. }) => {
                let version = version.map_or("nothing".to_owned(), |v| v.to_string());
                format!("{version} by {}", basis.as_str())
            }
        }
    }

    /// What `status` says of an asset.
    pub(super) fn health(&self, name: &str) -> AssetHealth {
        let (graph, tasks, memory) = (self.graph(), self.tasks(), self.memory());
        let input = PlanInput {
            now: self.fake.get().now,
            pass: PassNumber(u64::MAX),
            graph: &graph,
            tasks: &tasks,
            limits: &self.limits,
            selected: self.selected.as_ref(),
            freezes: &[],
            memory: &memory,
        };
        let decisions = plan(&input).decisions;
        let all = healths(&input, &standings(&input), &decisions);
        let index = graph.index_of(name).unwrap();
        all[index.position()].clone()
    }

    pub(super) fn observed(&self, name: &str) -> ObservedState {
        self.memory().observations[&key(name)].state.clone()
    }

    /// What a pass decided, but for what has nothing to do.
    pub(super) fn decided(&self, report: &PassReport) -> Vec<String> {
        let graph = self.graph();
        let open = report.plan.decisions.iter();
        open.filter(|decision| decision.action != Action::None)
            .map(|decision| {
                let asset = &graph.asset(decision.asset).key;
                let reason = decision.reasons.first().map(Reason::code);
                let action = decision.action.as_str();
                format!("{action} {asset}: {}", reason.unwrap_or_default())
            })
            .collect()
    }

    /// What the next pass decides.
    pub(super) fn decisions(&mut self) -> Vec<String> {
        let report = self.pass();
        self.decided(&report)
    }
}
