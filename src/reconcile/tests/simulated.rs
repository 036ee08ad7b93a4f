//! The simulation is held against the loop itself: in the same world both start the same runs, at the
//! same instants and of the same inputs, and remember the same of them.
//!
//! The loop has the real store, the real observation and the whole trigger protocol; the simulation
//! has its own few lines for all of that.

use std::collections::BTreeMap;

use assets::declaration::Limits;
use assets::delta::PartitionValue;
use assets::delta::partition_tuple::PartitionColumns;
use assets::delta::touched::Touched;
use assets::partition::{MappingSpec, Partitions, PartitionsSpec, WindowsSpec};
use assets::policy::{
    Automation, Bound, Consistency, Deadline, OnChange, Pacing, Retry, UpdatesOn,
};
use assets::schedule::{Schedule, parse_zone};
use assets::workload::{Runs, Workload};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::checks::{contents, not_null};
use super::world::{Sim, key, start};
use crate::plan::Request;
use crate::ports::RunState;
use crate::reconcile::{Mode, remember_started};
use crate::simulate::{Durations, PastCommit, Policy, Setting, Stream, Timing, begin, simulate};
use crate::state::Memory;

const SOURCES: [&str; 2] = ["s1", "s2"];
const TABLES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Those of them that are told which versions to read, and may be under `snapshot`.
const SNAPSHOTS: [&str; 3] = ["b", "c", "d"];

/// From one pass to the next.
const EVERY: i64 = 60;

/// What happens, and by which policies.
#[derive(Debug, Clone)]
struct Case {
    /// Seconds after the beginning, and which source.
    arrivals: Vec<(u32, usize)>,
    /// The policy of each table, by number.
    policies: [u8; 5],
    /// How many seconds the runs of each table take.
    took: [u32; 5],
    fails: bool,
    at_once: u32,
    per_pass: Option<u32>,
    /// Most runs of a day: in all, and of each asset.
    a_day: Option<(u32, u32)>,
    has_days: bool,
    has_checks: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec((1..7_000_u32, 0..2_usize), 0..14),
        prop::array::uniform5(0..10_u8),
        prop::array::uniform5(1..400_u32),
        any::<bool>(),
        1..4_u32,
        prop::option::of(1..3_u32),
        prop::option::of((6..30_u32, 2..9_u32)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(arrivals, policies, took, fails, at_once, per_pass, a_day, has_days, has_checks)| {
                Case {
                    arrivals,
                    policies,
                    took,
                    fails,
                    at_once,
                    per_pass,
                    a_day,
                    has_days,
                    has_checks,
                }
            },
        )
}

fn schedule(expression: &str) -> Schedule {
    Schedule::new(expression, parse_zone("UTC").unwrap(), None).unwrap()
}

/// What an asset is built by, and its deadline.
fn automation(policy: u8) -> Automation {
    let on_change = |pacing| {
        Automation::OnChange(OnChange {
            updates_on: UpdatesOn::Any,
            pacing,
        })
    };
    match policy {
        1 => on_change(Pacing {
            settle: Some(TimeDelta::seconds(150)),
            ..Pacing::default()
        }),
        2 => on_change(Pacing {
            every: Some(TimeDelta::minutes(20)),
            ..Pacing::default()
        }),
        3 => on_change(Pacing {
            tolerance: Some(TimeDelta::minutes(9)),
            ..Pacing::default()
        }),
        4 => Automation::OnSchedule {
            schedule: schedule("*/15 * * * *"),
            pacing: Pacing::default(),
        },
        5 => Automation::BeforeDeadline {
            slack: TimeDelta::minutes(2),
            pacing: Pacing::default(),
        },
        6 => Automation::OnChange(OnChange {
            updates_on: UpdatesOn::All,
            pacing: Pacing::default(),
        }),
        _ => Automation::default(),
    }
}

/// Days from 2026-02-23 on.
fn days() -> Partitions {
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-02-23".to_owned(),
        include_running: Some(true),
        ..WindowsSpec::default()
    };
    Partitions::check(&PartitionsSpec::Daily(windows)).unwrap()
}

fn touched(days: &[String]) -> Touched {
    let tuple = |day: &String| {
        [PartitionValue::from(Some(day.as_str().into()))]
            .into_iter()
            .collect()
    };
    Touched::These(days.iter().map(tuple).collect())
}

/// Everything is built once, and at rest.
fn world(case: &Case) -> Sim {
    let mut sim = Sim::new()
        .source("s1")
        .source("s2")
        .table("a", &["s1"])
        .table("b", &["s1", "s2"])
        .table("c", &["a", "b"])
        .table("d", &["c", "s2"])
        .table("e", &["a"]);
    if case.has_days {
        for name in ["s1", "a", "e"] {
            sim.change(name, |asset| asset.partitions = Some(days()));
            sim.log(name, |log| {
                log.partitioned_by = PartitionColumns::new(None, &["day".to_owned()]);
            });
        }
        sim.change("e", |asset| {
            asset.upstreams[0].mapping = Some(MappingSpec::Overlap {
                start_offset: -1,
                end_offset: 0,
            });
        });
    }
    if case.has_checks {
        for name in ["s2", "b"] {
            sim.change(name, |asset| asset.checks = vec![not_null()]);
            sim.log(name, |log| log.contents = Some(contents(10, 0, 0)));
        }
    }
    for name in SNAPSHOTS {
        let reads: Vec<String> = inputs(&sim, name);
        sim.change(name, |asset| {
            for input in reads {
                let told = format!("{{{{ inputs['{input}'].version }}}}");
                let binding = asset.task.as_mut().unwrap();
                binding.parameters.insert(format!("read_{input}"), told);
            }
        });
    }
    for _ in 0..12 {
        sim.pass();
        finish_all(&mut sim);
    }
    sim.pass();
    for (name, policy) in TABLES.into_iter().zip(case.policies) {
        sim.change(name, |asset| {
            asset.automation = automation(policy);
            asset.consistency = match policy {
                7 => Consistency::Latest,
                8 => Consistency::Settled {
                    proceed_after: Some(TimeDelta::minutes(4)),
                },
                9 if SNAPSHOTS.contains(&name) => Consistency::Snapshot,
                _ => Consistency::default(),
            };
            // The 27th of February becomes too old while the world goes on.
            asset.lookback = (name == "e" && case.has_days).then(|| TimeDelta::hours(31));
            asset.freshness.max_lag = Some(Bound {
                limit: TimeDelta::minutes(30),
                warn: None,
            });
            asset.freshness.deadlines = vec![Deadline {
                schedule: schedule("*/20 * * * *"),
                max_lag: TimeDelta::minutes(10),
            }];
            asset.retry = Retry {
                attempts: 2,
                backoff: TimeDelta::zero(),
                max_backoff: TimeDelta::zero(),
            };
        });
    }
    sim.limits.max_concurrent_runs = case.at_once;
    sim.limits.max_runs_per_pass = case.per_pass;
    if let Some((total, asset)) = case.a_day {
        sim.limits.max_runs_per_day.total = Some(total);
        sim.limits.max_runs_per_day.asset = Some(asset);
    }
    sim
}

fn inputs(sim: &Sim, name: &str) -> Vec<String> {
    let graph = sim.graph();
    let index = graph.index_of(name).unwrap();
    let inputs = graph.inputs(index).iter();
    inputs.map(|of| graph.asset(*of).key.to_string()).collect()
}

fn finish_all(sim: &mut Sim) {
    for name in TABLES {
        if sim.is_running(name) {
            end(sim, name, false);
        }
    }
}

/// The run of a table ends now; if it succeeds, it wrote the days that it was to.
fn end(sim: &mut Sim, name: &str, fails: bool) {
    if fails {
        sim.fail(name, true);
        return;
    }
    let intents = sim.memory().open_intents;
    let of = |intent: &&crate::state::Intent| intent.assets == [key(name)];
    let extent = intents.values().find(of).and_then(|i| i.partitions.clone());
    sim.commit_of_run(name);
    if let Some(extent) = extent {
        let set = extent.under(&days());
        let built: Vec<String> = set.iter().filter_map(|at| days().key(at)).collect();
        sim.log(name, |log| {
            log.commits.last_mut().unwrap().partitions = touched(&built);
        });
    }
    sim.end(name, RunState::Succeeded);
}

/// What a request fixes, but for how it is told and the numbers of passes.
type Started = (DateTime<Utc>, Request);

/// The deadlines that each asset missed.
type Missed = Vec<(String, Vec<DateTime<Utc>>)>;

fn bare(mut request: Request) -> Request {
    request.reason = String::new();
    if let Some(origin) = &mut request.origin {
        origin.seen = assets::PassNumber(0);
    }
    request
}

/// The day, and the one before it by turns.
fn changed_days(number: usize, at: DateTime<Utc>) -> Vec<String> {
    let back = i64::try_from(number % 3).unwrap();
    vec![(at - TimeDelta::days(back)).format("%Y-%m-%d").to_string()]
}

fn arrivals(case: &Case) -> Vec<(u32, usize)> {
    let mut arrivals = case.arrivals.clone();
    arrivals.sort_unstable();
    // Two commits of a table at one instant would be told apart by a millisecond.
    arrivals.dedup();
    arrivals
}

/// Lets the loop work for two hours.
fn really(case: &Case, sim: &mut Sim, durations: &Durations) -> Vec<Started> {
    let from = sim.fake.get().now;
    let mut happenings: BTreeMap<i64, Vec<(Option<usize>, usize)>> = BTreeMap::new();
    for (number, (at, source)) in arrivals(case).into_iter().enumerate() {
        happenings
            .entry(at.into())
            .or_default()
            .push((Some(source), number));
    }
    let mut attempts = [0_u64; 5];
    let mut started = Vec::new();
    for tick in (0..7_200_i64).step_by(usize::try_from(EVERY).unwrap()) {
        while let Some((at, what)) = happenings.pop_first() {
            if at > tick {
                happenings.insert(at, what);
                break;
            }
            let now = from + TimeDelta::seconds(at);
            let ahead = (now - sim.fake.get().now).num_seconds();
            sim.later(ahead);
            for (source, number) in what {
                let Some(source) = source else {
                    let name = TABLES[number];
                    let task = assets::task::TaskName::new(name);
                    let (_, fails) = durations.attempt(&key(name), &task, 7, attempts[number]);
                    end(sim, name, fails);
                    continue;
                };
                let has_days = case.has_days && source == 0;
                sim.log(SOURCES[source], |log| {
                    let commit = log.commit(now, true);
                    if has_days {
                        commit.partitions = touched(&changed_days(number, now));
                    }
                });
            }
        }
        let now = from + TimeDelta::seconds(tick);
        let ahead = (now - sim.fake.get().now).num_seconds();
        sim.later(ahead);
        sim.take_lease();
        let before: Vec<bool> = TABLES.iter().map(|name| sim.is_running(name)).collect();
        let report = sim.pass_in(Mode::Act).unwrap();
        let requests = report.plan.requests.into_iter();
        started.extend(requests.map(|request| (now, bare(request))));
        for (number, name) in TABLES.into_iter().enumerate() {
            if !before[number] && sim.is_running(name) {
                attempts[number] += 1;
                let ends = tick + i64::from(case.took[number]);
                happenings.entry(ends).or_default().push((None, number));
            }
        }
    }
    started
}

fn workload(case: &Case) -> Workload {
    let place = assets::Place::start_of(&"arrivals.yml".into());
    let tasks = TABLES.into_iter().zip(case.took).map(|(name, took)| {
        let runs = Runs {
            duration: Some(TimeDelta::seconds(took.into())),
            failure_rate: case.fails.then_some(0.3),
            ..Runs::default()
        };
        (assets::task::TaskName::new(name), (runs, place.clone()))
    });
    Workload {
        tasks: tasks.collect(),
        ..Workload::default()
    }
}

/// Lets the simulation do the same, from the memory that the loop begins with.
fn simulated(
    case: &Case,
    (sim, memory, from): (&Sim, Memory, DateTime<Utc>),
    durations: &Durations,
    is_thorough: bool,
) -> (Vec<Started>, Missed) {
    let all = arrivals(case);
    let streams = SOURCES.into_iter().enumerate().map(|(source, name)| {
        let mine = all.iter().enumerate().filter(|(_, (_, of))| *of == source);
        let commits = mine.map(|(number, (at, _))| {
            let after = TimeDelta::seconds((*at).into());
            let at = from + after;
            let partitions = (case.has_days && source == 0).then(|| {
                let definition = days();
                let keys = changed_days(number, at);
                let set = definition.set_of(definition.parse_key(&keys[0]).unwrap());
                assets::partition::Extent {
                    ordinals: definition.ordinals_id().into(),
                    partitions: set,
                }
            });
            PastCommit {
                after,
                at,
                partitions,
            }
        });
        Stream {
            source: key(name),
            timing: Timing::Recorded {
                period: TimeDelta::days(30),
                commits: commits.collect(),
            },
        }
    });
    let streams: Vec<Stream> = streams.collect();
    let (graph, tasks) = (sim.graph(), sim.tasks());
    let policy = Policy {
        graph: &graph,
        tasks: &tasks,
        // The loop is run as with `--allow-mass-change`; a simulation asks nobody either.
        limits: &Limits {
            confirm_above: Some(1),
            ..sim.limits.clone()
        },
        freezes: &[],
    };
    let (memory, assumed) = begin(&graph, memory, from);
    assert_eq!(assumed, crate::simulate::Assumed::default());
    let setting = Setting {
        from,
        until: from + TimeDelta::seconds(7_200),
        every: TimeDelta::seconds(EVERY),
        seed: 7,
        streams: &streams,
        durations,
        is_thorough,
    };
    let mut started = Vec::new();
    let outcome = simulate(policy, memory, setting, &mut |tick| {
        let requests = tick.requests.iter().cloned();
        started.extend(requests.map(|request| (tick.now, bare(request))));
    });
    assert_eq!(outcome.ticks, 120);
    let mut begun: BTreeMap<DateTime<Utc>, usize> = BTreeMap::new();
    for (at, _) in &started {
        *begun.entry(*at).or_default() += 1;
    }
    let asked = begun.values().filter(|runs| **runs > 1).count();
    assert_eq!(usize::try_from(outcome.asked.passes).unwrap(), asked);
    let missed = outcome.assets.into_iter();
    let missed = missed.map(|asset| (asset.asset.to_string(), asset.missed));
    (started, missed.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_simulation_does_what_the_loop_does(case in cases()) {
        let mut sim = world(&case);
        sim.later(60);
        let (mut memory, from) = (sim.memory(), sim.fake.get().now);
        remember_started(&mut memory, &sim.state, &sim.limits, from).unwrap();
        prop_assert!(from > start());
        let durations = Durations::new(BTreeMap::new(), workload(&case));
        let world = (&sim, memory.clone(), from);
        let (quick, missed) = simulated(&case, world, &durations, false);
        let world = (&sim, memory, from);
        let thorough = simulated(&case, world, &durations, true);
        prop_assert_eq!(&(quick.clone(), missed), &thorough, "nothing is left out that matters");
        let real = really(&case, &mut sim, &durations);
        prop_assert_eq!(quick, real);
    }
}
