//! Whole passes over assets with partitions: just what lacks something is built, once, whatever crashes.

use assets::automation::Automation;
use assets::delta::contents::{Contents, PartitionState};
use assets::delta::partition_tuple::{PartitionColumns, PartitionTuple};
use assets::delta::touched::Touched;
use assets::delta::{Bound, ColumnRange, DataType, Edge, PartitionValue, Spread};
use assets::partition::{MappingSpec, Partitions, PartitionsSpec, WindowsSpec};
use assets::version::CodeVersion;

use super::traps::{Side, Spring};
use super::world::{Sim, key};
use crate::state::Intent;

/// Days from 2026-02-23 on; six of them have ended when a test begins.
pub(super) fn days() -> Partitions {
    let windows = WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-02-23".to_owned(),
        ..WindowsSpec::default()
    };
    Partitions::check(&PartitionsSpec::Daily(windows)).unwrap()
}

/// A source of days, a table by days of it, and one of which each day needs the two before it.
pub(super) fn shop() -> Sim {
    let sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .table("top", &["mid"]);
    let mut sim = ["src", "mid", "top"].into_iter().fold(sim, |sim, name| {
        sim.with(name, |asset| asset.partitions = Some(days()))
    });
    sim.change("top", |asset| {
        asset.upstreams[0].mapping = Some(MappingSpec::Overlap {
            start_offset: -2,
            end_offset: 0,
        });
    });
    for name in ["src", "mid", "top"] {
        sim.log(name, |log| {
            log.partitioned_by = PartitionColumns::new(None, &["day".to_owned()]);
        });
    }
    sim
}

pub(super) fn touched(days: &[&str]) -> Touched {
    let tuple = |day: &&str| {
        [PartitionValue::from(Some((*day).into()))]
            .into_iter()
            .collect()
    };
    Touched::These(days.iter().map(tuple).collect())
}

/// Somebody changes data in these days.
pub(super) fn write(sim: &Sim, name: &str, days: &[&str]) {
    let now = sim.fake.get().service_now();
    sim.log(name, |log| log.commit(now, true).partitions = touched(days));
}

/// The days that the open run of an asset builds.
pub(super) fn building(sim: &Sim, name: &str) -> Vec<String> {
    let memory = sim.memory();
    let of = |intent: &&Intent| intent.assets.iter().any(|asset| asset.as_str() == name);
    let Some(intent) = memory.open_intents.values().find(of) else {
        return Vec::new();
    };
    let set = intent.partitions.as_ref().unwrap().under(&days());
    set.iter()
        .filter_map(|at| days().key(at))
        .map(|key| key[5..].to_owned())
        .collect()
}

/// The run of an asset writes the days that it was to build, and succeeds.
pub(super) fn finish(sim: &mut Sim, name: &str) {
    let days = building(sim, name);
    let days: Vec<String> = days.iter().map(|day| format!("2026-{day}")).collect();
    let days: Vec<&str> = days.iter().map(String::as_str).collect();
    sim.commit_of_run(name);
    sim.log(name, |log| {
        log.commits.last_mut().unwrap().partitions = touched(&days);
    });
    sim.end(name, crate::ports::RunState::Succeeded);
    sim.pass();
}

fn built() -> Sim {
    let mut sim = shop();
    sim.pass();
    finish(&mut sim, "mid");
    finish(&mut sim, "top");
    assert_eq!(sim.runs(), 2);
    sim
}

#[test]
fn what_exists_is_built_at_first_and_a_day_more_each_day() {
    let mut sim = shop();
    sim.pass();
    let six = ["02-23", "02-24", "02-25", "02-26", "02-27", "02-28"];
    assert_eq!(building(&sim, "mid"), six);
    finish(&mut sim, "mid");
    assert_eq!(building(&sim, "top"), six);
    finish(&mut sim, "top");
    sim.pass();
    assert_eq!((sim.runs(), sim.memory().open_intents.len()), (2, 0));

    sim.later(24 * 3600);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["03-01"]);
    assert_eq!(building(&sim, "top"), [""; 0], "it waits for what it needs");
    finish(&mut sim, "mid");
    assert_eq!(building(&sim, "top"), ["03-01"]);
}

#[test]
fn late_data_builds_the_days_that_need_it_and_no_others() {
    let mut sim = built();
    write(&sim, "src", &["2026-02-24", "2026-02-27"]);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-24", "02-27"]);
    finish(&mut sim, "mid");
    assert_eq!(
        building(&sim, "top"),
        ["02-24", "02-25", "02-26", "02-27", "02-28"]
    );
    finish(&mut sim, "top");
    sim.pass();
    assert_eq!((sim.runs(), sim.memory().open_intents.len()), (4, 0));
}

#[test]
fn what_changes_during_a_run_is_built_by_the_next_one() {
    let mut sim = built();
    write(&sim, "src", &["2026-02-24"]);
    sim.pass();
    write(&sim, "src", &["2026-02-24", "2026-02-26"]);
    finish(&mut sim, "mid");
    assert_eq!(building(&sim, "mid"), ["02-24", "02-26"]);
}

#[test]
fn days_that_lack_nothing_do_not_wait_for_those_that_do() {
    let mut sim = built();
    write(&sim, "src", &["2026-02-24"]);
    sim.pass();
    // Its input was written by somebody else on a day that has nothing to do with the run under way.
    write(&sim, "mid", &["2026-02-28"]);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-24"]);
    assert_eq!(building(&sim, "top"), ["02-28"]);
}

#[test]
fn after_a_crash_and_with_a_new_process_each_day_is_built_once() {
    for step in ["record_sightings", "intend", "stamp", "record_run"] {
        let mut sim = built();
        write(&sim, "src", &["2026-02-25"]);
        sim.state.set(Side::After, step, Spring::Crash);
        sim.crash();
        for _ in 0..3 {
            sim.pass();
        }
        assert_eq!(building(&sim, "mid"), ["02-25"], "{step}");
        finish(&mut sim, "mid");
        assert_eq!(building(&sim, "top"), ["02-25", "02-26", "02-27"], "{step}");
        finish(&mut sim, "top");
        sim.pass();
        let runs = (sim.runs_of("mid").len(), sim.runs_of("top").len());
        assert_eq!(runs, (2, 2), "{step}");
    }
}

#[test]
fn what_is_recorded_stays_small_however_often_single_days_are_built() {
    let mut sim = built();
    for round in 0..20 {
        let day = format!("2026-02-{}", 23 + round % 6);
        write(&sim, "src", &[&day]);
        sim.pass();
        finish(&mut sim, "mid");
        finish(&mut sim, "top");
    }
    sim.pass();
    sim.pass();
    for (name, input) in [("mid", "src"), ("top", "mid")] {
        let consumed = sim.consumed(name, input).unwrap();
        assert_eq!(consumed.partitions, [], "{name}");
        let kept = sim.memory().commits[&key(input)].len();
        assert!(kept <= 3, "{kept} commits of {input}");
    }
}

#[test]
fn other_code_makes_every_day_stale_and_each_is_built_with_it_once() {
    let mut sim = shop();
    let code = |sim: &mut Sim, text: &str| {
        sim.change("mid", |asset| {
            asset.code_version = Some(CodeVersion::new(text));
        });
    };
    code(&mut sim, "1");
    sim.pass();
    finish(&mut sim, "mid");
    finish(&mut sim, "top");
    sim.parameters
        .insert("day".to_owned(), "{{ partition }}".to_owned());
    code(&mut sim, "2");
    let mut done = Vec::new();
    for _ in 0..6 {
        sim.pass();
        done.extend(building(&sim, "mid"));
        finish(&mut sim, "mid");
    }
    assert_eq!(done, ["02-23", "02-24", "02-25", "02-26", "02-27", "02-28"]);
    sim.pass();
    assert_eq!(building(&sim, "mid"), [""; 0]);
}

#[test]
fn other_partitions_of_an_asset_that_is_there_rebuild_nothing() {
    let mut sim = built();
    sim.change("mid", |asset| {
        let windows = WindowsSpec {
            column: Some("day".to_owned()),
            start: "2026-02-23".to_owned(),
            timezone: Some("Asia/Tokyo".to_owned()),
            ..WindowsSpec::default()
        };
        asset.partitions = Some(Partitions::check(&PartitionsSpec::Daily(windows)).unwrap());
    });
    sim.pass();
    sim.pass();
    let open: Vec<_> = sim
        .memory()
        .open_intents
        .into_values()
        .map(|intent| intent.assets)
        .collect();
    // The days of Tokyo end earlier: one that nobody knew of is there now.
    assert!(open.len() <= 1, "{open:?}");
    assert!(
        !open.iter().flatten().any(|asset| asset.as_str() == "top"),
        "{open:?}"
    );
}

/// Each run of an asset builds one day.
fn one_by_one(sim: &mut Sim, name: &str) {
    sim.change(name, |asset| {
        let Automation::OnChange(on_change) = &mut asset.automation else {
            panic!("{:?}", asset.automation);
        };
        on_change.pacing.max_partitions_per_run = Some(1);
    });
}

/// The newest commit of a table that is not partitioned: its only file spreads over these days.
fn spread(sim: &Sim, name: &str, (from, to): (&str, &str)) {
    let day = |value: &str| {
        Edge::Known(Bound {
            value: value.to_owned(),
            is_exact: true,
        })
    };
    let nowhere: PartitionTuple = std::iter::empty().collect();
    sim.log(name, |log| {
        log.partitioned_by = PartitionColumns::default();
        log.contents = Some(Contents {
            files: 1,
            rows: None,
            columns: Vec::new(),
        });
        let commit = log.commits.last_mut().unwrap();
        let state = PartitionState {
            version: commit.version,
            at: commit.committed_at,
            is_bound: false,
            rows: None,
            files: 1,
        };
        log.partitions = Some([(nowhere.clone(), state)].into());
        commit.partitions = Touched::These([nowhere].into());
        commit.spreads = vec![Spread {
            column: "day".to_owned(),
            data_type: DataType::Date,
            ranges: Some(vec![ColumnRange {
                min: day(from),
                max: day(to),
            }]),
        }];
    });
}

#[test]
fn where_a_table_is_clustered_statistics_tell_which_days_changed() {
    let mut sim = built();
    write(&sim, "src", &[]);
    spread(&sim, "src", ("2026-02-25", "2026-02-26"));
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-25", "02-26"]);
}

#[test]
fn files_of_a_run_that_spread_further_fill_just_what_it_was_to_build() {
    let mut sim = shop();
    one_by_one(&mut sim, "mid");
    sim.pass();
    for day in ["02-23", "02-24", "02-25", "02-26", "02-27", "02-28"] {
        assert_eq!(building(&sim, "mid"), [day]);
        sim.commit_of_run("mid");
        spread(&sim, "mid", ("2026-02-23", "2026-02-28"));
        sim.pass();
        sim.end("mid", crate::ports::RunState::Succeeded);
        sim.pass();
    }
    assert_eq!(building(&sim, "mid"), [""; 0]);
}

#[test]
fn what_somebody_else_wrote_to_a_clustered_table_is_there() {
    let mut sim = shop();
    one_by_one(&mut sim, "mid");
    sim.pass();
    sim.commit_of_run("mid");
    spread(&sim, "mid", ("2026-02-23", "2026-02-23"));
    sim.end("mid", crate::ports::RunState::Succeeded);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-24"]);
    sim.end(
        "mid",
        crate::ports::RunState::Cancelled {
            message: String::new(),
        },
    );
    sim.pass();
    write(&sim, "mid", &[]);
    spread(&sim, "mid", ("2026-02-24", "2026-02-26"));
    sim.pass();
    let memory = sim.memory();
    let of_mid = memory.builds[&key("mid")].partitions.as_ref().unwrap();
    let there = of_mid.built.iter().filter_map(|at| days().key(at));
    let there: Vec<String> = there.map(|day| day[5..].to_owned()).collect();
    assert_eq!(there, ["02-23", "02-24", "02-25", "02-26"]);
}
