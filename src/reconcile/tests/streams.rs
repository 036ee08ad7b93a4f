//! Tables that a streaming query writes: what they incorporate is what its checkpoint says.

use assets::delta::Unreadable;
use assets::delta::reading::Progress;
use assets::policy::{Consistency, OutsideWrites};
use assets::{Asset, AssetKind, TableId};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use workspace::MemoryLog;

use super::world::{Sim, start};
use crate::state::{Basis, Lost, RootVersion};

/// The query that writes `sink`.
const QUERY: &str = "q-1";

fn streamed(asset: &mut Asset) {
    asset.task = None;
    asset.watermark = Some(assets::asset::Watermark {
        column: None,
        checkpoint: Some("cp/sink".to_owned()),
    });
}

/// A source, and a table that a query writes from it which nobody here starts; not there yet.
fn lake() -> Sim {
    let sim = Sim::new().source("src");
    let sim = sim.asset("sink", AssetKind::StreamingTable, &["src"]);
    let sim = sim.with("sink", streamed);
    file(&sim, "metadata", &json!({ "id": QUERY }).to_string());
    sim
}

fn file(sim: &Sim, name: &str, text: &str) {
    let path = format!("cp/sink/{name}");
    sim.fake.get().checkpoints.insert(path, text.to_owned());
}

/// All before this version of a table was read.
fn before(table: &str, version: u64) -> String {
    offset(table, version, -1, false)
}

fn offset(table: &str, version: u64, index: i64, is_initial: bool) -> String {
    let offset = json!({
        "sourceVersion": 1, "reservoirId": table, "reservoirVersion": version, "index": index,
        "isStartingVersion": is_initial,
    });
    offset.to_string()
}

/// A micro-batch that reads its sources so far, and ends with a watermark.
fn batch(sim: &Sim, number: u64, sources: &[String], watermark: Option<DateTime<Utc>>) {
    let offsets = format!("v1\n{{\"batchWatermarkMs\":0}}\n{}", sources.join("\n"));
    file(sim, &format!("offsets/{number}"), &offsets);
    let millis = watermark.map_or(0, |at| at.timestamp_millis());
    let commit = format!("v1\n{{\"nextBatchWatermarkMs\":{millis}}}");
    file(sim, &format!("commits/{number}"), &commit);
    let now = sim.fake.get().now;
    sim.log("sink", |log| commit_batch(log, number, (now, true)));
}

fn commit_batch(log: &mut MemoryLog, number: u64, (at, changed_data): (DateTime<Utc>, bool)) {
    let version = i64::try_from(number).unwrap();
    let commit = log.commit(at, changed_data);
    commit.transactions.insert(QUERY.to_owned(), version);
    let progress = Progress {
        version,
        commit: Some(commit.version),
        at: Some(at),
    };
    log.applications.insert(QUERY.to_owned(), progress);
}

/// What befalls a checkpoint, or the table of its query.
type Damage = fn(&Sim);

fn problem(sim: &Sim) -> Option<String> {
    let observation = sim.memory().observations.remove(&super::world::key("sink"));
    let head = observation.unwrap().head.unwrap();
    head.details
        .stream
        .clone()
        .and_then(|stream| stream.problem)
}

#[test]
fn a_table_incorporates_what_its_micro_batch_read() {
    let mut sim = lake();
    sim.write("src");
    sim.write("src");
    // Long after: by the times, it would have read all.
    sim.later(7200);
    batch(&sim, 7, &[before("src", 2)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v1 by checkpoint");
    assert_eq!(problem(&sim), None);
    sim.later(60);
    batch(&sim, 8, &[before("src", 3)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v2 by checkpoint");
}

#[test]
fn a_stamp_comes_before_a_checkpoint() {
    let mut sim = lake();
    sim.write("src");
    batch(&sim, 7, &[before("src", 2)], None);
    sim.log("sink", |log| {
        let newest = log.commits.last_mut().unwrap();
        newest.inputs = Some([("src".to_owned(), 0)].into());
    });
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by stamp");
}

#[test]
fn what_was_read_in_parts_or_of_an_unfinished_snapshot_does_not_count() {
    let mut sim = lake();
    sim.write("src");
    batch(&sim, 0, &[offset("src", 1, 3, true)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "nothing by checkpoint");
    batch(&sim, 1, &[offset("src", 1, 3, false)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
}

#[test]
fn a_micro_batch_without_data_goes_on_all_the_same() {
    let mut sim = lake();
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    sim.write("src");
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
    assert_eq!(sim.health("sink").health.as_str(), "stale");
    batch(&sim, 1, &[before("src", 2)], None);
    sim.log("sink", |log| {
        log.commits.last_mut().unwrap().changed_data = false;
    });
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v1 by checkpoint");
    assert_eq!(sim.health("sink").health.as_str(), "fresh");
}

#[test]
fn what_was_read_before_anybody_saw_it_counts_once_it_is_seen() {
    let mut sim = lake();
    sim.pass();
    // The source is looked at before its next commit, and the table after it was read.
    batch(&sim, 0, &[before("src", 2)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
    sim.write("src");
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v1 by checkpoint");
    assert_eq!(sim.health("sink").health.as_str(), "fresh");
}

#[test]
fn only_news_is_a_reason_to_ask() {
    let mut sim = lake();
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    let reads = sim.fake.get().checkpoint_reads;
    assert_eq!(reads, 3);
    for _ in 0..5 {
        sim.later(60);
        sim.pass();
    }
    assert_eq!(sim.fake.get().checkpoint_reads, reads);
    // Another checkpoint is asked at once.
    sim.change("sink", |asset| {
        asset.watermark.as_mut().unwrap().checkpoint = Some("cp/other".to_owned());
    });
    sim.pass();
    assert_eq!(sim.fake.get().checkpoint_reads, reads + 1);
    assert!(problem(&sim).unwrap().contains("`metadata`"));
}

#[test]
fn what_was_known_of_a_table_that_has_not_moved_holds_still() {
    let mut sim = lake();
    batch(&sim, 0, &[before("src", 1)], Some(start()));
    sim.pass();
    sim.write("src");
    let (path, detail) = ("cp".to_owned(), "no route".to_owned());
    sim.fake.get().checkpoint_fault = Some(Unreadable::Unreachable { path, detail });
    sim.pass();
    assert_eq!(sim.fake.get().checkpoint_reads, 4);
    assert_eq!(problem(&sim), None);
    assert_eq!(sim.health("sink").event_watermark, Ok(start()));
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
    // What it wrote since is not known, and not taken for what was.
    batch(&sim, 1, &[before("src", 2)], Some(start()));
    sim.pass();
    assert!(problem(&sim).is_some());
    assert!(sim.health("sink").event_watermark.is_err());
}

#[test]
fn a_checkpoint_that_tells_nothing_leaves_the_next_rule() {
    let cases: [(&str, Damage); 8] = [
        (
            "`metadata` of its streaming checkpoint tells nothing: it is not there; `checkpoint` has to be the \
          `checkpointLocation` of the query",
            |sim| drop(sim.fake.get().checkpoints.remove("cp/sink/metadata")),
        ),
        (
            "`metadata` of its streaming checkpoint tells nothing: line 1 is not a JSON object with the `id` of a \
          query",
            |sim| file(sim, "metadata", "{}"),
        ),
        (
            "no commit of the table names the query `q-2` of its checkpoint",
            |sim| {
                file(sim, "metadata", r#"{"id":"q-2"}"#);
            },
        ),
        (
            "`offsets/7` of its streaming checkpoint tells nothing: it is not there any more",
            |sim| {
                drop(sim.fake.get().checkpoints.remove("cp/sink/offsets/7"));
            },
        ),
        (
            "`offsets/7` of its streaming checkpoint tells nothing: it is of format `v9`, which is not known",
            |sim| {
                file(sim, "offsets/7", "v9\n{}");
            },
        ),
        (
            "`offsets/7` of its streaming checkpoint tells nothing: line 3 is not a Delta offset of a known shape",
            |sim| file(sim, "offsets/7", "v1\n{}\n{\"reservoirId\":\"src\"}"),
        ),
        (
            "`metadata` of its streaming checkpoint tells nothing: cannot read `cp`: no route",
            |sim| {
                let (path, detail) = ("cp".to_owned(), "no route".to_owned());
                sim.fake.get().checkpoint_fault = Some(Unreadable::Unreachable { path, detail });
            },
        ),
        (
            "the table was restored after micro-batch 7: what is left of it is not known",
            |sim| {
                let now = sim.fake.get().now;
                sim.log("sink", |log| {
                    log.commit(now, true).operation = Some("RESTORE".to_owned());
                });
            },
        ),
    ];
    for (expected, damage) in cases {
        let mut sim = lake();
        sim.write("src");
        sim.later(7200);
        batch(&sim, 7, &[before("src", 1)], None);
        damage(&sim);
        sim.pass();
        assert_eq!(
            sim.consumption("sink", "src"),
            "v1 by commit_time",
            "{expected}"
        );
        assert_eq!(problem(&sim).as_deref(), Some(expected));
        let health = sim.health("sink");
        assert_eq!(health.event_watermark, Err(expected.to_owned()));
    }
}

#[test]
fn sources_that_are_not_known_here_leave_the_next_rule() {
    let mut sim = lake();
    sim.write("src");
    sim.later(7200);
    let kafka = r#"{"topic":{"0":17}}"#.to_owned();
    batch(
        &sim,
        7,
        &["-".to_owned(), kafka, before("elsewhere", 1)],
        None,
    );
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v1 by commit_time");
    assert_eq!(problem(&sim), None);
}

#[test]
fn a_source_that_was_made_anew_is_not_what_was_read() {
    let mut sim = lake();
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
    sim.later(60);
    let now = sim.fake.get().now;
    sim.log("src", |log| {
        *log = MemoryLog {
            era: 1,
            ..MemoryLog::new("src-2")
        };
        log.commit(now, true);
    });
    sim.pass();
    let consumed = sim.consumed("sink", "src").unwrap();
    assert_eq!(consumed.version.unwrap().table_id, TableId::new("src"));
    assert_eq!(sim.health("sink").health.as_str(), "stale");
}

#[test]
fn a_source_that_cannot_be_read_now_is_known_by_the_checkpoint() {
    let mut sim = lake();
    sim.pass();
    sim.log("src", |log| {
        let (path, detail) = ("src".to_owned(), "no route".to_owned());
        log.problem = Some(Unreadable::Unreachable { path, detail });
    });
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
}

#[test]
fn writes_that_are_ignored_stay_ignored() {
    let mut sim = lake().with("sink", |asset| asset.outside_writes = OutsideWrites::Ignore);
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    sim.write("src");
    batch(&sim, 1, &[before("src", 2)], None);
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
}

#[test]
fn what_our_run_wrote_incorporates_what_was_fixed_before_it() {
    let mut sim = lake();
    sim.change("sink", |asset| {
        let task = assets::task::TaskName::new("sink");
        asset.task = Some(assets::Binding {
            task,
            parameters: [].into(),
        });
    });
    sim.pass();
    sim.later(30);
    batch(&sim, 0, &[before("src", 1)], None);
    sim.finish_all();
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumed("sink", "src").unwrap().basis, Basis::Run);
}

#[test]
fn the_watermark_of_a_query_is_the_event_time_of_its_table() {
    let mut sim = lake();
    let at = start() - TimeDelta::minutes(10);
    batch(&sim, 0, &[before("src", 1)], Some(at));
    sim.pass();
    assert_eq!(sim.health("sink").event_watermark, Ok(at));
    // It goes on without data, and whoever reads the table is as complete.
    let sim = sim.asset("mart", AssetKind::Table, &["sink"]);
    let mut sim = sim;
    sim.converge();
    assert_eq!(sim.health("mart").event_watermark, Ok(at));
    let later = at + TimeDelta::minutes(5);
    batch(&sim, 1, &[before("src", 1)], Some(later));
    sim.log("sink", |log| {
        log.commits.last_mut().unwrap().changed_data = false;
    });
    sim.pass();
    assert_eq!(sim.health("sink").event_watermark, Ok(later));
    assert_eq!(sim.health("mart").event_watermark, Ok(later));
}

#[test]
fn a_micro_batch_that_has_not_ended_is_as_complete_as_it_began() {
    let mut sim = lake();
    batch(&sim, 3, &[before("src", 1)], Some(start()));
    sim.fake.get().checkpoints.remove("cp/sink/commits/3");
    let offsets = format!(
        "v1\n{{\"batchWatermarkMs\":{}}}\n{}",
        start().timestamp_millis() - 60_000,
        before("src", 1)
    );
    file(&sim, "offsets/3", &offsets);
    sim.pass();
    assert_eq!(
        sim.health("sink").event_watermark,
        Ok(start() - TimeDelta::minutes(1))
    );
}

#[test]
fn a_query_without_a_watermark_is_as_complete_as_what_it_read() {
    let mut sim = lake();
    batch(&sim, 0, &[before("src", 1)], None);
    sim.pass();
    let unknown = "`src`: its event time at v0 is not known".to_owned();
    assert_eq!(sim.health("sink").event_watermark, Err(unknown));
    let wrong = "v1\n{\"nextBatchWatermarkMs\":-5}";
    file(&sim, "commits/1", wrong);
    file(
        &sim,
        "offsets/1",
        &format!("v1\n{{}}\n{}", before("src", 1)),
    );
    sim.log("sink", |log| commit_batch(log, 1, (start(), true)));
    sim.pass();
    let why = sim.health("sink").event_watermark.unwrap_err();
    assert!(
        why.starts_with("`commits/1` of its streaming checkpoint tells nothing: line 2"),
        "{why}"
    );
    assert_eq!(sim.consumption("sink", "src"), "v0 by checkpoint");
}

#[test]
fn what_a_table_shows_of_its_roots_is_exact_where_its_micro_batch_ended_at_a_version() {
    let mut sim = lake().table("mart", &["sink", "src"]);
    sim.change("mart", |asset| asset.consistency = Consistency::Snapshot);
    sim.write("src");
    let shown = |sim: &Sim| {
        let commits = sim.memory().commits.remove(&super::world::key("sink"));
        let newest = commits.unwrap().pop().unwrap();
        newest
            .provenance
            .unwrap()
            .get(&super::world::key("src"))
            .unwrap()
            .clone()
    };
    batch(&sim, 0, &[before("src", 2)], None);
    sim.pass();
    let version = sim.consumed("sink", "src").unwrap().version;
    assert_eq!(shown(&sim), RootVersion::Exact(version));
    // Some files of the next version are in it, too.
    batch(&sim, 1, &[offset("src", 2, 0, false)], None);
    sim.write("src");
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v1 by checkpoint");
    let at = super::world::key("src");
    let why = Lost::MayBeNewer;
    assert_eq!(shown(&sim), RootVersion::Unknown { at, why });
    // Somebody else changed what the query wrote.
    batch(&sim, 2, &[before("src", 3)], None);
    sim.write("sink");
    sim.pass();
    assert_eq!(sim.consumption("sink", "src"), "v2 by checkpoint");
    let at = super::world::key("src");
    assert_eq!(shown(&sim), RootVersion::Unknown { at, why });
}
