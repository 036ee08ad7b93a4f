//! Commits of the past.

use assets::delta::history::History;

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

#[test]
fn data_commits_end_with_the_first_one_that_was_there() {
    let table = table();
    let back_to = |millis: i64| {
        versions(&data_commits_back_to(&LocalStore::of(table.location()), at(millis)).unwrap())
    };
    assert_eq!(back_to(9_000), [4]);
    assert_eq!(back_to(3_999), [4, 3]);
    assert_eq!(back_to(2_500), [4, 3, 1]);
    assert_eq!(back_to(-1), [4, 3, 1, 0]);
    assert_eq!(
        data_commits_back_to(&LocalStore::of(Table::empty().location()), at(0)),
        Ok(Vec::new())
    );
}

#[test]
fn data_commits_are_judged_by_settled_times() {
    let table = table();
    table.touch(0, 60_000);
    // Every later file looks older, and is moved behind version 0.
    let commits = data_commits_back_to(&LocalStore::of(table.location()), at(10_000)).unwrap();
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
