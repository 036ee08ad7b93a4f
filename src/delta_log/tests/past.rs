//! Commits of the past.

use assets::delta::history::History;
use assets::delta::touched::{AllBecause, Touched};

use super::super::{data_commits_back_to, history};
use super::*;

fn table() -> Table {
    let table = Table::new("t");
    table.commit(1, &[ADD]);
    table.commit(2, &[&operation("OPTIMIZE"), COMPACT]);
    table.commit(3, &[ADD]);
    table.commit(4, &[ADD]);
    table
}

fn back(table: &Table, asked: (DateTime<Utc>, usize), spread: &[String]) -> Vec<Commit> {
    data_commits_back_to(&LocalStore::of(table.location()), asked, spread).unwrap()
}

#[test]
fn data_commits_end_with_the_first_one_that_was_there() {
    let table = table();
    let back_to = |millis: i64| versions(&back(&table, (at(millis), usize::MAX), &[]));
    assert_eq!(back_to(9_000), [4]);
    assert_eq!(back_to(3_999), [4, 3]);
    assert_eq!(back_to(2_500), [4, 3, 1]);
    assert_eq!(back_to(-1), [4, 3, 1, 0]);
    assert_eq!(back(&Table::empty(), (at(0), usize::MAX), &[]), Vec::new());
}

#[test]
fn so_many_commits_are_read_back_at_most() {
    let table = table();
    let most = |most: usize| versions(&back(&table, (at(-1), most), &[]));
    assert_eq!(most(1), [4]);
    assert_eq!(most(3), [4, 3], "one that changed no data is read as well");
    assert_eq!(most(4), [4, 3, 1]);
}

#[test]
fn it_is_said_which_partitions_were_touched_whatever_is_read() {
    let table = Table::empty();
    let columns = [("day", "date", None), ("seen", "date", None)];
    let described = described("t", &columns, &["day"], &json!({})).to_string();
    table.commit(0, &[PROTOCOL, &described]);
    for version in 1..4 {
        let stats = json!({ "numRecords": 1, "nullCount": { "seen": 0 },
            "minValues": { "seen": "2026-05-01" }, "maxValues": { "seen": "2026-05-02" } });
        let values = json!({ "day": format!("2026-05-0{version}") });
        let add = json!({ "add": { "path": format!("{version}"), "partitionValues": values,
            "dataChange": true, "stats": stats.to_string() } });
        table.commit(version, &[&add.to_string()]);
    }
    let spread = ["seen".to_owned()];
    let commits = back(&table, (at(2_500), usize::MAX), &spread);
    let told = |commit: &Commit| {
        let Touched::These(tuples) = &commit.partitions else {
            panic!("{:?}", commit.partitions)
        };
        let tuples: Vec<String> = tuples.iter().map(ToString::to_string).collect();
        let ranges = commit.spreads[0].ranges.as_ref().map(Vec::len);
        (commit.version, tuples.join(" "), ranges)
    };
    let told: Vec<_> = commits.iter().map(told).collect();
    assert_eq!(
        told,
        [
            (3, "2026-05-03".to_owned(), Some(1)),
            (2, "2026-05-02".to_owned(), Some(1))
        ]
    );
    // Where too little is read to know by what it is partitioned, it may be any of them.
    let newest = back(&table, (at(0), 1), &[]);
    assert_eq!(newest[0].partitions, Touched::All(AllBecause::Unplaced));
}

#[test]
fn data_commits_are_judged_by_settled_times() {
    let table = table();
    table.touch(0, 60_000);
    // Every later file looks older, and is moved behind version 0.
    let commits = back(&table, (at(10_000), usize::MAX), &[]);
    assert_eq!(versions(&commits), [4, 3, 1, 0]);
    assert_eq!(commits[0].committed_at, at(60_004));
}

#[test]
fn history_has_every_commit_within_its_bounds() {
    let table = table();
    let of = |from, to| {
        let read = history(&LocalStore::of(table.location()), from, to);
        read.unwrap().unwrap()
    };
    let commits = |history: &History| -> Vec<Commit> {
        let commits = history.commits.iter();
        commits.map(|past| past.commit.clone()).collect()
    };
    let all = of(None, None);
    let every = commits(&all);
    assert_eq!(versions(&every), [0, 1, 2, 3, 4]);
    assert_eq!((all.earliest, all.newest, all.trailing), (0, 4, None));
    assert_eq!(commits(&of(Some(2), Some(3))), every[2..=3]);
    assert_eq!(commits(&of(Some(4), Some(99))), every[4..]);
    assert_eq!(of(Some(9), None).commits, Vec::new());
    assert_eq!(every[2].operation.as_deref(), Some("OPTIMIZE"));
    assert_eq!(
        history(&LocalStore::of(Table::empty().location()), None, None),
        Ok(None)
    );
}

#[test]
fn history_ends_before_a_torn_commit() {
    let table = table();
    table.raw(&commit_file(3), b"{");
    let history = history(&LocalStore::of(table.location()), None, None)
        .unwrap()
        .unwrap();
    assert_eq!(history.commits.len(), 3);
    assert_eq!(history.trailing.unwrap().code(), "torn_commit");
}
