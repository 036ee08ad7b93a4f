//! First contact with tables that are built by partitions: each of them incorporates what the write did that
//! touched it last. Held against a reference that looks at every day and every commit.

use std::collections::{BTreeMap, BTreeSet};

use assets::delta::{PartitionColumns, Unreadable};
use assets::partition::MappingSpec;
use assets::{AssetKind, Consume};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::fake::LedgerRun;
use super::partitions::{building, days, finish, touched};
use super::world::{Sim, start};
use crate::ports::{Run, RunState};
use crate::state::{Basis, Consumed, RunId};

/// The days that have ended when a test begins.
const DAYS: [&str; 6] = [
    "2026-02-23",
    "2026-02-24",
    "2026-02-25",
    "2026-02-26",
    "2026-02-27",
    "2026-02-28",
];

/// A commit before anybody looked: so many minutes before the first pass, in these days.
type Past = (i64, Vec<usize>);

/// `mid` is built by days of `src`; both were written by others, as it is told.
fn lake(source: &[Past], table: &[Past], looks_back: bool) -> Sim {
    let mut sim = Sim::new()
        .asset("src", AssetKind::Source, &[])
        .table("mid", &["src"]);
    for (name, commits) in [("src", source), ("mid", table)] {
        sim.change(name, |asset| asset.partitions = Some(days()));
        sim.log(name, |log| {
            log.partitioned_by = PartitionColumns::new(None, &["day".to_owned()]);
            for (minutes, days) in commits {
                let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
                log.commit(ago(*minutes), true).partitions = touched(&days);
            }
        });
    }
    if looks_back {
        sim.change("mid", |asset| {
            asset.upstreams[0].mapping = Some(MappingSpec::Overlap {
                start_offset: -1,
                end_offset: 0,
            });
        });
    }
    sim
}

fn ago(minutes: i64) -> DateTime<Utc> {
    start() - TimeDelta::minutes(minutes)
}

fn consumed(sim: &Sim) -> Consumed {
    sim.consumed("mid", "src").unwrap()
}

#[test]
fn a_day_that_was_written_before_its_input_changed_is_behind() {
    // The input of the first day changed two hours ago; since then just the last one was written.
    let source = [(600, vec![0, 5]), (120, vec![0])];
    let mut sim = lake(&source, &[(500, vec![0, 4, 5]), (30, vec![5])], false);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-23"]);
    finish(&mut sim, "mid");
    sim.pass();
    assert_eq!(sim.runs(), 1);
}

#[test]
fn what_is_current_everywhere_is_adopted_without_a_run() {
    let source = [(600, vec![0, 1]), (300, vec![1])];
    let mut sim = lake(&source, &[(500, vec![0]), (200, vec![1])], false);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn an_older_write_that_says_what_it_read_is_believed() {
    let source = [(600, vec![0]), (400, vec![0]), (390, vec![1])];
    let table = [(300, vec![0]), (290, vec![1])];
    let mut sim = lake(&source, &table, false);
    sim.log("mid", |log| {
        log.commits[0].inputs = Some(BTreeMap::from([("src".to_owned(), 0)]));
    });
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-23"]);
}

#[test]
fn an_input_that_cannot_be_read_is_found_out_day_by_day_later() {
    let source = [(600, vec![0, 5]), (120, vec![0])];
    let mut sim = lake(&source, &[(500, vec![0, 5]), (30, vec![5])], false);
    let timed_out = Unreadable::TimedOut { after_ms: 5 };
    sim.log("src", |log| log.problem = Some(timed_out));
    assert_eq!(sim.converge(), 0);
    assert!(consumed(&sim).is_unknown());
    sim.log("src", |log| log.problem = None);
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-23"]);
}

#[test]
fn a_position_in_a_feed_is_where_the_newest_write_left_it() {
    let source = [(600, vec![0, 5]), (120, vec![0])];
    let mut sim = lake(&source, &[(500, vec![0, 5]), (30, vec![5])], false);
    sim.change("mid", |asset| {
        asset.upstreams[0].consume = Consume::Changes;
    });
    sim.pass();
    assert!(consumed(&sim).partitions.is_empty());
    assert_eq!(sim.consumption("mid", "src"), "v1 by commit_time");
}

#[test]
fn an_older_run_read_what_was_there_at_its_start() {
    let source = [(600, vec![0, 5]), (120, vec![0])];
    let mut sim = lake(&source, &[(60, vec![0]), (30, vec![5])], false);
    let run = Run {
        id: RunId(77),
        job_id: 99,
        state: RunState::Succeeded,
        started_at: ago(180),
        ended_at: Some(ago(59)),
        url: None,
        parameters: BTreeMap::new(),
    };
    sim.fake.get().ledger.push(LedgerRun {
        token: String::new(),
        heads: BTreeMap::new(),
        visible_from: run.started_at,
        run,
    });
    sim.log("mid", |log| log.commits[0].writer.job_run_id = Some(77));
    sim.pass();
    assert_eq!(building(&sim, "mid"), ["02-23"]);
    assert_eq!(consumed(&sim).basis, Basis::RunStart);
}

/// What is really so, day by day, as far as logs tell it.
struct Reference<'a> {
    source: &'a [Past],
    table: &'a [Past],
    /// The first versions that are kept.
    kept: (usize, usize),
}

/// What a write had read: all up to this version, none where that is negative.
type Read = i64;

impl Reference<'_> {
    fn read_by(&self, write: usize) -> Option<Read> {
        let at = self.table[write].0 + 30;
        let there = self.source.iter().rposition(|(minutes, _)| *minutes >= at);
        there
            .filter(|version| *version >= self.kept.0)
            .map(|version| i64::try_from(version).unwrap())
    }

    /// What the content of a day incorporates; `None` where that is nothing.
    fn shows(&self, day: usize) -> Option<Read> {
        let newest = self.table.len() - 1;
        let touches = |write: &usize| self.table[*write].1.contains(&day);
        let kept = self.kept.1..self.table.len();
        let write = kept.rev().find(touches).unwrap_or(self.kept.1);
        let unread = i64::try_from(self.kept.0).unwrap() - 1;
        match (self.read_by(write), self.read_by(newest)) {
            (Some(read), _) => Some(read),
            (None, Some(_)) if write != newest && unread >= 0 => Some(unread),
            (None, _) => None,
        }
    }

    fn is_stale(&self, day: usize, looks_back: bool) -> bool {
        let shows = self.shows(day);
        let needs: BTreeSet<usize> = (day.saturating_sub(usize::from(looks_back))..=day).collect();
        let kept = self.source.iter().enumerate().skip(self.kept.0);
        let mut news = kept.filter(|(version, _)| {
            shows.is_none_or(|shows| i64::try_from(*version).unwrap() > shows)
        });
        let is_lost = shows.is_none() && self.kept.0 > 0;
        is_lost || news.any(|(_, (_, days))| days.iter().any(|day| needs.contains(day)))
    }
}

fn any_past(most: usize) -> impl Strategy<Value = Vec<Past>> {
    let commit = (1_i64..400, prop::collection::vec(0..DAYS.len(), 1..4));
    prop::collection::vec(commit, 1..most).prop_map(|mut commits| {
        commits.sort_by_key(|(minutes, _)| -minutes);
        commits.dedup_by_key(|(minutes, _)| *minutes);
        commits
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_day_is_taken_over_as_its_last_write_left_it(
        (source, table) in (any_past(9), any_past(9)),
        (cleaned, cut) in (0..3_usize, 0..3_usize),
        looks_back in any::<bool>(),
    ) {
        let kept = (cleaned.min(source.len() - 1), cut.min(table.len() - 1));
        let mut sim = lake(&source, &table, looks_back);
        sim.log("src", |log| log.first_kept = u64::try_from(kept.0).unwrap());
        sim.log("mid", |log| log.first_kept = u64::try_from(kept.1).unwrap());
        let truth = Reference { source: &source, table: &table, kept };
        let stale = (0..DAYS.len()).filter(|day| truth.is_stale(*day, looks_back));
        let stale: Vec<String> = stale.map(|day| DAYS[day][5..].to_owned()).collect();
        sim.pass();
        prop_assert_eq!(&building(&sim, "mid"), &stale, "{:?}", consumed(&sim));
        if !building(&sim, "mid").is_empty() {
            finish(&mut sim, "mid");
        }
        sim.pass();
        prop_assert_eq!(sim.runs(), usize::from(!stale.is_empty()), "it is at rest then");
    }
}
