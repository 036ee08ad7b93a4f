//! What it costs to simulate 30 days of 28,000 runs a day over 3,600 assets, a pass each minute.
//!
//! Two projects. *Pipelines*: 360 sources with nine tables each, in three layers; the
//! sources change one after the other, so that runs start evenly all day and every
//! pass has something to do. *Deep*: the benchmark graph of ten layers, in which a change of one root
//! rebuilds half of all assets, wave after wave.
//!
//! Each line is measured in a process of its own. Run with `cargo bench --bench simulation`, or for so
//! many days of one project with `cargo bench --bench simulation -- pipelines 3`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../bench_graph/mod.rs"]
mod bench_graph;
#[path = "../pass/declared.rs"]
#[expect(dead_code, reason = "the other benchmark needs more of it")]
mod declared;
#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "the other benchmarks need more of it")]
mod measure;

use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

use assets::declaration::Limits;
use assets::workload::{Arrivals, Changed, Rhythm, Runs, Workload};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use headwater::simulate::{Durations, Policy, Setting, Stream, Timing, begin, simulate};
use headwater::state::Memory;

use declared::{Loaded, declare, load};

const ASSETS: usize = 3_600;
const HEADER: &str = "\
| project | days | passes | runs a day | at once, at most | wall s | CPU s | peak MiB |
|---|---|---|---|---|---|---|---|";

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [project, days] = arguments.as_slice() {
        let days = days.parse().expect("a number of days");
        println!("{}", row(project, days));
        return;
    }
    println!("{HEADER}");
    for project in ["pipelines", "deep"] {
        let program = std::env::current_exe().expect("a program knows its path");
        let status = Command::new(program).args([project, "30"]).status();
        assert!(status.expect("the benchmark starts itself").success());
    }
}

fn row(project: &str, days: i64) -> String {
    let (loaded, every) = if project == "deep" {
        let every = TimeDelta::hours(DEEP_EVERY_HOURS);
        (load(&declare(ASSETS).texts), every)
    } else {
        (load(&pipelines()), TimeDelta::seconds(10_000))
    };
    assert_eq!(loaded.graph.len(), ASSETS);
    let streams = streams(&loaded, every);
    let from = Utc.with_ymd_and_hms(2025, 6, 1, 6, 0, 0);
    let from: DateTime<Utc> = from.single().expect("this time exists");
    let (memory, _) = begin(&loaded.graph, Memory::default(), from);
    let durations = Durations::new(
        memory.run_times.clone(),
        Workload {
            runs: Runs {
                duration: Some(TimeDelta::minutes(3)),
                spread: Some(0.3),
                failure_rate: Some(0.01),
                cost_per_hour: Some(4.0),
            },
            ..Workload::default()
        },
    );
    let policy = Policy {
        graph: &loaded.graph,
        tasks: &loaded.tasks,
        limits: &Limits::default(),
        freezes: &[],
    };
    let setting = Setting {
        from,
        until: from + TimeDelta::days(days),
        every: TimeDelta::minutes(1),
        seed: 42,
        streams: &streams,
        durations: &durations,
        is_thorough: false,
    };
    let began = Instant::now();
    let (outcome, cpu_ms) = measure::cpu(|| simulate(policy, memory, setting, &mut |_| {}));
    let wall = began.elapsed().as_secs_f64();
    let runs: u64 = outcome.assets.iter().map(|asset| asset.runs).sum();
    let a_day = runs / days.unsigned_abs().max(1);
    assert!(
        (20_000..40_000).contains(&a_day),
        "{a_day} runs a day are another workload"
    );
    format!(
        "| {project} | {days} | {} of {} | {a_day} | {} | {wall:.1} | {:.1} | {} |",
        outcome.planned,
        outcome.ticks,
        outcome.peak,
        cpu_ms / 1000.0,
        measure::peak_mib()
    )
}

/// How often each root of the deep graph changes; chosen for some 28,000 runs a day to come of it.
const DEEP_EVERY_HOURS: i64 = 18 * 24;

fn streams(loaded: &Loaded, every: TimeDelta) -> Vec<Stream> {
    let graph = &loaded.graph;
    let sources = graph.indices().map(|index| graph.asset(index));
    let sources = sources.filter(|asset| !asset.is_built_here());
    sources
        .map(|asset| Stream {
            source: asset.key.clone(),
            timing: Timing::Declared(Arrivals {
                rhythm: Rhythm::Every(every),
                jitter: TimeDelta::minutes(1),
                partitions: Changed::Latest,
                late: 0.0,
                place: assets::Place::start_of(&"arrivals.yml".into()),
            }),
        })
        .collect()
}

/// The project of 360 pipelines, as texts.
fn pipelines() -> Vec<String> {
    let mut text = "assets:\n".to_owned();
    let mut table = |name: &str, reads: &str| {
        let task = if reads.is_empty() {
            "    kind: source\n".to_owned()
        } else {
            format!("    depends_on: [{reads}]\n    task: build\n")
        };
        writeln!(text, "  - key: {name}\n    path: {name}\n{task}").expect("a string takes it");
    };
    for number in 0..ASSETS / 10 {
        table(&format!("p{number}.source"), "");
        table(&format!("p{number}.bronze"), &format!("p{number}.source"));
        for silver in 0..3 {
            let name = format!("p{number}.silver{silver}");
            table(&name, &format!("p{number}.bronze"));
        }
        for gold in 0..5 {
            let name = format!("p{number}.gold{gold}");
            let (one, other) = (gold % 3, (gold + 1) % 3);
            let reads = format!("p{number}.silver{one}, p{number}.silver{other}");
            table(&name, &reads);
        }
    }
    let project = declare(1).texts.swap_remove(0);
    vec![project, text]
}
