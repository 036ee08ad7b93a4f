//! Reading on from a known head: identity, gaps, and tables that come and go.

use super::*;

#[test]
fn a_quiet_table_is_unchanged() {
    let table = Table::new("t");
    let head = table.cold().head;
    assert_eq!(table.read(Some(&head)), Reading::Unchanged);
    assert_eq!(table.listed(&head), Reading::Unchanged);
}

#[test]
fn new_commits_are_read_in_order() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[ADD]);
    table.commit(2, &[COMPACT]);
    table.commit(3, &[REMOVE]);
    let update = table.warm(&head);
    assert_eq!(versions(&update.commits), [1, 3]);
    assert_eq!(update.continuity, Continuity::Continues);
    assert_eq!(
        (update.head.version, data_version(&update.head)),
        (3, Some(3))
    );
    assert_eq!(update.head.read_from, 0);
    assert_eq!(table.read(Some(&update.head)), Reading::Unchanged);
}

#[test]
fn a_known_head_survives_being_stored() {
    let table = Table::new("t");
    let head = table.cold().head;
    let stored: KnownHead = serde_json::from_str(&serde_json::to_string(&head).unwrap()).unwrap();
    assert_eq!(stored, head);
    assert_eq!(table.read(Some(&stored)), Reading::Unchanged);
}

#[test]
fn replacing_the_table_in_its_log_changes_the_id_and_loses_nothing() {
    let table = Table::new("old");
    let head = table.cold().head;
    table.commit(1, &[&operation("REPLACE TABLE"), &metadata("new"), REMOVE]);
    let update = table.warm(&head);
    assert_eq!(update.continuity, Continuity::Replaced);
    assert_eq!(update.head.table_id, TableId::new("new"));
    assert_eq!(versions(&update.commits), [1]);
}

#[test]
fn setting_the_same_id_again_replaces_nothing() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[&operation("ADD COLUMNS"), &metadata("t")]);
    assert_eq!(table.warm(&head).continuity, Continuity::Continues);
}

/// Makes a table of three commits again with so many commits.
fn recreated(commits: u64) -> (Table, KnownHead) {
    let table = Table::new("first");
    table.commit(1, &[ADD]);
    table.commit(2, &[ADD]);
    let head = table.cold().head;
    table.delete_log();
    table.create("second");
    for version in 1..commits {
        table.commit(version, &[ADD, ADD]);
    }
    (table, head)
}

#[test]
fn fault_35_a_table_made_again_is_noticed_at_lower_equal_and_higher_versions() {
    for commits in [1, 3, 5] {
        let (table, head) = recreated(commits);
        let update = table.warm(&head);
        assert_eq!(
            update.continuity,
            Continuity::Recreated,
            "{commits} commits"
        );
        assert_eq!(update.head.table_id, TableId::new("second"));
        assert_eq!(update.head.version, commits - 1);
        assert_eq!(table.read(Some(&update.head)), Reading::Unchanged);
    }
}

#[test]
fn fault_36_a_log_that_was_rolled_back_is_another_log_even_with_the_same_id() {
    let table = Table::new("t");
    table.commit(1, &[ADD]);
    let head = table.cold().head;
    table.delete(1);
    let update = table.warm(&head);
    assert_eq!(update.continuity, Continuity::Recreated);
    assert_eq!(update.head.table_id, TableId::new("t"));
    assert_eq!(update.head.version, 0);
}

#[test]
fn a_copied_log_with_other_file_times_is_the_same_log() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.touch(0, 77_000);
    let update = table.warm(&head);
    assert_eq!(update.continuity, Continuity::Continues);
    assert_eq!(versions(&update.commits), Vec::<u64>::new());
    assert_eq!(update.head.data, head.data);
    assert_eq!(table.read(Some(&update.head)), Reading::Unchanged);
}

#[test]
fn fault_33_a_commit_that_was_read_while_it_was_written_is_read_again() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[&operation("WRITE"), ""]);
    let half = table.warm(&head);
    assert_eq!(data_version(&half.head), Some(0));
    table.commit(1, &[&operation("WRITE"), ADD]);
    let whole = table.warm(&half.head);
    assert_eq!(whole.continuity, Continuity::Continues);
    assert_eq!(versions(&whole.commits), [1]);
    assert_eq!(whole.head.last_committed_at, at(1_000));
}

#[test]
fn cleaning_up_what_was_read_is_no_gap() {
    let table = Table::new("t");
    for version in 1..=4 {
        table.commit(version, &[ADD]);
    }
    let head = table.cold().head;
    table.commit(5, &[ADD]);
    table.checkpoint(4);
    for version in 0..=4 {
        table.delete(version);
    }
    let update = table.warm(&head);
    assert_eq!(update.continuity, Continuity::Continues);
    assert_eq!(versions(&update.commits), [5]);
}

#[test]
fn fault_34_commits_that_were_cleaned_away_unread_are_a_gap() {
    let table = Table::new("t");
    let head = table.cold().head;
    for version in 1..=6 {
        table.commit(version, &[COMPACT]);
    }
    table.checkpoint(4);
    table.checksum(6, "t");
    for version in 0..=4 {
        table.delete(version);
    }
    let update = table.warm(&head);
    assert_eq!(
        update.continuity,
        Continuity::Gap {
            lost_from: 1,
            lost_to: 4
        }
    );
    assert_eq!(update.head.version, 6);
    assert_eq!(
        update.head.data, None,
        "the last change lies somewhere in the gap"
    );
    assert_eq!(update.head.read_from, 5);
    assert_eq!(table.read(Some(&update.head)), Reading::Unchanged);
}

#[test]
fn another_id_beyond_a_gap_is_another_table() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(5, &[ADD]);
    table.checkpoint(4);
    table.checksum(5, "other");
    table.delete(0);
    assert_eq!(table.warm(&head).continuity, Continuity::Recreated);
}

#[test]
fn a_vanished_table_is_absent() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.delete_log();
    assert_eq!(table.read(Some(&head)), Reading::Absent);
    fs::remove_dir(table.file("")).unwrap();
    assert_eq!(table.read(Some(&head)), Reading::Absent);
}
