//! The loop as it ships: state file, Delta logs and their reader are real.

use std::path::Path;
use std::sync::Arc;

use headwater::adapters::LogTables;
use headwater::clock::SystemRandom;
use headwater::execute::Windows;
use headwater::ports::{Clock, State};
use headwater::reconcile::{LEASE_LIFETIME, Mode, PassReport, Remembered, Scope, World, pass};
use headwater::store::{OpenMode, Store};
use tokio::runtime::Runtime;

use crate::declared::{Loaded, closure, declare, load};
use crate::lake::Lake;
use crate::measure::{cpu, peak_mib};
use crate::median_cpu;
use crate::pure::{first_written, start};
use crate::service::{InstantJobs, SteppedClock};

pub(crate) const HEADER: &str = "\
| assets | load | first pass | pass, nothing new | peak MiB so far | reading the state | pass, 1 % touched | pass, runs under way | all passes until fresh | requested in passes | pass after | peak MiB |
|---|---|---|---|---|---|---|---|---|---|---|---|";

/// Measures one size, and returns its line of the table.
pub(crate) fn row(count: usize) -> String {
    let declared = declare(count);
    let lake = Lake::new();
    let (loaded, load_ms) = cpu(|| load(&declared.texts));
    for index in loaded.graph.indices() {
        let at = first_written(loaded.graph.depth(index));
        lake.create(loaded.graph.asset(index).key.as_str(), at);
    }
    let state_path = lake.folder().join("state.db");
    let clock = SteppedClock::at(start());
    let jobs = InstantJobs::new(&clock, &lake, &loaded.graph);
    let mut bench = Bench {
        loaded: &loaded,
        clock: &clock,
        jobs: &jobs,
        tables: LogTables::new(lake.folder().to_path_buf(), Arc::default(), 0),
        store: Store::open(&state_path, OpenMode::ReadWrite).expect("a new state file"),
        remembered: Remembered::default(),
        runtime: Runtime::new().expect("threads can be started"),
    };

    let (report, first) = cpu(|| bench.pass());
    assert_quiet(&report);
    let steady = median_cpu(15, || assert_quiet(&bench.pass()));
    let steady_peak = peak_mib();
    let state = median_cpu(9, || read_state(&state_path, count));

    clock.step(30);
    for root in &declared.touched {
        let (name, _) = declared.assets.get(*root).expect("a root was drawn");
        lake.append(name, 1, None, clock.now());
    }
    let closure = closure(&loaded.graph, &declared);
    let expected = closure.len();
    jobs.expect(closure);
    jobs.hold();
    let (report, touched) = cpu(|| bench.pass());
    let mut requested = report.triggered.len();
    assert_eq!(
        requested + report.waiting,
        expected,
        "all of the closure is decided about"
    );
    let under_way = median_cpu(15, || assert_eq!(bench.pass().waiting, expected));
    jobs.let_go();
    let (mut passes, mut spent) = (1, touched);
    loop {
        let (report, took) = cpu(|| bench.pass());
        (passes, spent) = (passes + 1, spent + took);
        requested += report.triggered.len();
        if report.triggered.is_empty() && report.settled.is_empty() {
            break;
        }
    }
    assert_eq!(
        (requested, jobs.due()),
        (expected, 0),
        "exactly the closure is requested"
    );
    let after = median_cpu(9, || assert_quiet(&bench.pass()));
    format!(
        "| {count} | {load_ms:.1} | {first:.0} | {steady:.1} | {steady_peak} | {state:.1} | {touched:.0} | {under_way:.1} | \
         {spent:.0} | {requested} in {passes} | {after:.1} | {} |",
        peak_mib()
    )
}

fn assert_quiet(report: &PassReport) {
    assert_eq!(report.problems, Vec::<String>::new());
    let happened = (
        report.triggered.len(),
        report.waiting,
        report.held,
        report.unknown,
    );
    assert_eq!(happened, (0, 0, 0, 0));
}

fn read_state(path: &Path, count: usize) {
    let store = Store::open(path, OpenMode::ReadOnly).expect("the state file is sound");
    let memory = store.load().expect("the state file is sound");
    assert_eq!(memory.observations.len(), count);
}

struct Bench<'a> {
    loaded: &'a Loaded,
    clock: &'a SteppedClock,
    jobs: &'a InstantJobs<'a>,
    tables: LogTables,
    store: Store,
    remembered: Remembered,
    runtime: Runtime,
}

impl Bench<'_> {
    /// Makes a pass 30 seconds after the one before, as `reconcile --watch` does.
    fn pass(&mut self) -> PassReport {
        self.clock.step(30);
        let lease = self
            .store
            .acquire_lease("bench", self.clock.now(), LEASE_LIFETIME)
            .expect("the lease is free");
        let world = World {
            tables: &self.tables,
            catalog: None,
            jobs: Some(self.jobs),
            statements: None,
            state: &self.store,
            clock: self.clock,
            random: &SystemRandom,
        };
        let scope = Scope {
            project: &self.loaded.project.name,
            environment: "dev",
            catalog: None,
            graph: &self.loaded.graph,
            tasks: &self.loaded.tasks,
            limits: &self.loaded.project.limits,
            selected: None,
            freezes: &[],
            tests: &assets::dbt::TestResults::new(),
            windows: Windows::default(),
        };
        let pass = pass(world, scope, &lease, Mode::Act, &mut self.remembered);
        self.runtime
            .block_on(pass)
            .expect("the state can be written")
    }
}
