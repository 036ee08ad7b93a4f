//! Logs of which checkpoints hold what commits no longer do.

use assets::delta::contents::{PartitionNews, PartitionState};
use assets::delta::touched::Touched;

use super::contents::{partitioned_by_number, read_counted, take};
use super::*;

/// A file of two rows in a partition.
fn add(path: &str, partition: u8) -> Value {
    json!({ "add": {
        "path": path, "dataChange": true, "partitionValues": { "p": partition.to_string() },
        "stats": "{\"numRecords\":2}",
    }})
}

/// What a checkpoint of a table holds.
fn state(files: &[Value]) -> Vec<Value> {
    let table = [protocol(), partitioned_by_number("t")];
    table.into_iter().chain(files.iter().cloned()).collect()
}

fn partitions(head: &KnownHead, news: &PartitionNews) -> Vec<(String, PartitionState)> {
    let mut kept = std::collections::BTreeMap::new();
    take(&mut kept, head, news);
    let kept = kept.into_iter();
    kept.map(|(tuple, state)| (tuple.to_string(), state))
        .collect()
}

fn bound(version: u64, seconds: i64, is_bound: bool, files: u64) -> PartitionState {
    PartitionState {
        version,
        at: at(seconds * 1_000),
        is_bound,
        rows: Some(2 * files),
        files,
    }
}

#[test]
fn a_log_of_checkpoints_alone_is_known_and_its_last_change_is_not() {
    let table = Table::empty();
    table.checkpoint_of(7, &state(&[add("a", 1), add("b", 2), add("c", 2)]));
    let cold = update(read_counted(&table, None));
    let head = &cold.head;
    assert_eq!((head.version, head.data.clone()), (7, None));
    assert_eq!(
        (head.table_id.clone(), head.read_from),
        (TableId::new("t"), 8)
    );
    assert!(!head.never_had_data());
    assert_eq!(head.last_committed_at, at(7_000));
    let contents = head.details.contents.as_ref().unwrap();
    assert_eq!((contents.files, contents.rows), (3, Some(6)));
    assert_eq!(
        partitions(head, &cold.partitions),
        [
            ("1".to_owned(), bound(7, 7, true, 1)),
            ("2".to_owned(), bound(7, 7, true, 2)),
        ]
    );
    assert_eq!(read_counted(&table, Some(head)), Reading::Unchanged);

    // A newer one alone: what happened between them is lost.
    table.checkpoint_of(9, &state(&[add("a", 1)]));
    let later = update(read_counted(&table, Some(head)));
    let lost = Continuity::Gap {
        lost_from: 8,
        lost_to: 9,
    };
    assert_eq!((later.head.version, later.continuity), (9, lost));
    assert_eq!(later.head.details.contents.as_ref().unwrap().files, 1);

    // A commit on top of it: from now on everything is known.
    table.commit(10, &[&add("d", 3).to_string()]);
    let next = update(read_counted(&table, Some(&later.head)));
    assert_eq!(next.continuity, Continuity::Continues);
    assert_eq!(versions(&next.commits), [10]);
    assert_eq!(next.head.details.contents.as_ref().unwrap().files, 2);
    assert_eq!(data_version(&next.head), Some(10));
    let cold = update(read_counted(&table, None));
    assert_eq!(cold.head.details.contents, next.head.details.contents);
    assert_eq!(
        partitions(&cold.head, &cold.partitions)[1].1,
        bound(10, 10, false, 1)
    );
}

#[test]
fn files_of_checkpoints_alone_are_counted_when_they_are_asked_for() {
    let table = Table::empty();
    table.checkpoint_of(7, &state(&[add("a", 1)]));
    let head = table.cold().head;
    assert_eq!(head.details.contents, None);
    assert_eq!(table.read(Some(&head)), Reading::Unchanged);
    let counted = update(read_counted(&table, Some(&head)));
    assert_eq!(counted.continuity, Continuity::Continues);
    assert_eq!(counted.head.details.contents.as_ref().unwrap().files, 1);
    assert_eq!(
        read_counted(&table, Some(&counted.head)),
        Reading::Unchanged
    );
}

#[test]
fn another_id_or_an_older_checkpoint_alone_is_another_table() {
    let table = Table::empty();
    table.checkpoint_of(7, &state(&[add("a", 1)]));
    let head = update(read_counted(&table, None)).head;
    for (version, id) in [(5, "t"), (7, "other"), (9, "other")] {
        table.delete_log();
        table.checkpoint_of(
            version,
            &[protocol(), partitioned_by_number(id), add("b", 2)],
        );
        let found = update(read_counted(&table, Some(&head)));
        assert_eq!(found.continuity, Continuity::Recreated, "{version} of {id}");
        assert_eq!(
            (found.head.version, found.head.table_id),
            (version, TableId::new(id))
        );
    }
}

#[test]
fn fault_34_after_a_gap_files_are_counted_and_changes_are_bounds() {
    let table = Table::empty();
    let line = |path: &str, partition| add(path, partition).to_string();
    table.commit(0, &[PROTOCOL, &partitioned_by_number("t").to_string()]);
    table.commit(1, &[&line("a", 1)]);
    table.commit(2, &[&line("b", 2)]);
    let first = update(read_counted(&table, None));
    for version in 3..=6 {
        table.commit(version, &[&line(&format!("f{version}"), 3)]);
    }
    let files = ["a", "f3", "f4", "f5"];
    let files: Vec<Value> = files
        .iter()
        .map(|path| add(path, if *path == "a" { 1 } else { 3 }))
        .collect();
    table.checkpoint_of(5, &state(&files));
    table.clean(6);
    let found = update(read_counted(&table, Some(&first.head)));
    assert_eq!(
        found.continuity,
        Continuity::Gap {
            lost_from: 3,
            lost_to: 5
        }
    );
    assert_eq!(found.head.details.earliest_commit, Some(6));
    assert_eq!(found.head.details.contents.as_ref().unwrap().files, 5);
    // The removal of `b` was never seen: its partition is none any more.
    assert_eq!(
        partitions(&found.head, &found.partitions),
        [
            ("1".to_owned(), bound(5, 6, true, 1)),
            ("3".to_owned(), bound(6, 6, false, 4)),
        ]
    );
    assert_eq!(read_counted(&table, Some(&found.head)), Reading::Unchanged);
}

#[test]
fn fault_34_an_older_checkpoint_serves_where_the_newest_one_is_broken() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &partitioned_by_number("t").to_string()]);
    for version in 1..=6 {
        let line = add(&format!("f{version}"), 1).to_string();
        table.commit(version, &[&line]);
    }
    let files: Vec<Value> = (1..=3).map(|n| add(&format!("f{n}"), 1)).collect();
    table.checkpoint_of(3, &state(&files));
    table.checkpoint(5);
    for below in [0, 3] {
        table.clean(below);
        let cold = update(read_counted(&table, None));
        assert_eq!(cold.head.details.contents.as_ref().unwrap().files, 6);
        assert_eq!(cold.trailing, None);
    }
    // Nothing else is left than the broken one.
    table.clean(5);
    let cold = read_counted(&table, None);
    let Unreadable::OnlyInCheckpoint { .. } = unknown(cold) else {
        panic!("the table's id stands nowhere");
    };
    table.checksum(6, "t");
    let cold = update(read_counted(&table, None));
    assert_eq!(cold.head.details.contents, None);
    assert_eq!(cold.trailing.unwrap().code(), "broken_checkpoint");
    assert_eq!(data_version(&cold.head), Some(6));
}

#[test]
fn rows_that_a_checkpoint_does_not_tell_are_told_by_the_commits_below_it() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &partitioned_by_number("t").to_string()]);
    table.commit(1, &[&add("a", 1).to_string(), &add("b", 2).to_string()]);
    table.commit(2, &[r#"{"remove":{"path":"a","dataChange":true}}"#]);
    let untold = json!({ "add": {
        "path": "b", "dataChange": true, "partitionValues": { "p": "2" },
    }});
    table.checkpoint_of(2, &state(&[untold]));
    table.commit(3, &[&add("c", 2).to_string()]);
    let contents = |head: KnownHead| head.details.contents.unwrap();
    let told = contents(update(read_counted(&table, None)).head);
    assert_eq!((told.files, told.rows), (2, Some(4)));

    // Where a commit below is gone or damaged, the checkpoint counts all the same.
    table.raw(&commit_file(1), b"{\"add\":");
    let untold = contents(update(read_counted(&table, None)).head);
    assert_eq!((untold.files, untold.rows), (2, None));
    table.clean(2);
    let untold = contents(update(read_counted(&table, None)).head);
    assert_eq!((untold.files, untold.rows), (2, None));
}

#[test]
fn a_removed_file_is_placed_by_a_checkpoint() {
    let table = Table::empty();
    table.commit(4, &[&operation("NOTHING")]);
    table.checkpoint_of(4, &state(&[add("a", 1), add("b", 2)]));
    let head = update(read_counted(&table, None)).head;
    table.commit(5, &[r#"{"remove":{"path":"b","dataChange":true}}"#]);
    let found = update(read_counted(&table, Some(&head)));
    let Touched::These(tuples) = &found.commits[0].partitions else {
        panic!("{:?}", found.commits);
    };
    let tuples: Vec<String> = tuples.iter().map(ToString::to_string).collect();
    assert_eq!(tuples, ["2"]);
    let all = partitions(&found.head, &found.partitions);
    assert_eq!(all[1], ("2".to_owned(), bound(5, 5, false, 0)));
}

#[test]
fn in_commit_timestamps_count_from_their_version_on_above_a_checkpoint() {
    let table = Table::empty();
    let stamped = json!({
        "delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": "5",
        "delta.inCommitTimestampEnablementTimestamp": "100000",
    });
    let columns = [("p", "integer", None), ("x", "long", None)];
    let metadata = described("t", &columns, &["p"], &stamped);
    let protocol = json!({ "protocol": {
        "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"],
    }});
    let info = |stamp: i64| json!({ "commitInfo": { "inCommitTimestamp": stamp } }).to_string();
    table.commit(3, &[&operation("NOTHING")]);
    table.checkpoint_of(3, &state(&[add("a", 1)]));
    // A writer's stamp before the table asks for it means nothing.
    table.commit(4, &[&info(70_000), &add("b", 2).to_string()]);
    table.commit(
        5,
        &[&info(100_000), &protocol.to_string(), &metadata.to_string()],
    );
    table.commit(6, &[&info(100_001), &add("c", 3).to_string()]);
    let cold = update(read_counted(&table, None));
    assert_eq!(cold.head.last_committed_at, at(100_001));
    let times: Vec<_> = partitions(&cold.head, &cold.partitions)
        .into_iter()
        .map(|(tuple, state)| (tuple, state.version, state.at, state.is_bound))
        .collect();
    assert_eq!(
        times,
        [
            ("1".to_owned(), 3, at(3_000), true),
            ("2".to_owned(), 4, at(4_000), false),
            ("3".to_owned(), 6, at(100_001), false),
        ]
    );
    // Reading on from the checkpoint's own version comes to the same.
    let known = {
        let fresh = Table::empty();
        fresh.commit(3, &[&operation("NOTHING")]);
        fresh.checkpoint_of(3, &state(&[add("a", 1)]));
        update(read_counted(&fresh, None)).head
    };
    let warm = update(read_counted(&table, Some(&known)));
    let times: Vec<DateTime<Utc>> = warm.commits.iter().map(|c| c.committed_at).collect();
    assert_eq!(times, [at(4_000), at(100_001)]);
    assert_eq!(warm.head.details.contents, cold.head.details.contents);
}
