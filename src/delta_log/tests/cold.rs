//! Reading a table of which nothing is known.

use super::*;

#[test]
fn goes_back_to_the_newest_data_change_and_no_further() {
    let table = Table::new("t");
    table.commit(1, &[ADD]);
    table.commit(2, &[&operation("OPTIMIZE"), COMPACT]);
    table.checksum(2, "t");
    let Update {
        head,
        commits,
        trailing,
        ..
    } = table.cold();
    assert_eq!(head.table_id, TableId::new("t"));
    assert_eq!((head.version, head.read_from), (2, 1));
    assert_eq!(head.operation.as_deref(), Some("OPTIMIZE"));
    assert_eq!(versions(&commits), [1]);
    assert_eq!(head.data.unwrap().at, at(1_000));
    assert_eq!(head.last_committed_at, at(2_000));
    assert_eq!(trailing, None);
}

#[test]
fn the_id_comes_from_the_newest_metadata() {
    let table = Table::new("old");
    table.commit(1, &[&metadata("new"), REMOVE, ADD]);
    table.commit(2, &[ADD]);
    let Update { head, commits, .. } = table.cold();
    assert_eq!(head.table_id, TableId::new("new"));
    assert_eq!(
        versions(&commits),
        [0, 1, 2],
        "the protocol stands in version 0"
    );
}

#[test]
fn a_checksum_spares_the_way_back() {
    let table = Table::new("t");
    for version in 1..20 {
        table.commit(version, &[ADD]);
    }
    table.checksum(18, "t");
    let update = table.cold();
    assert_eq!(update.head.read_from, 18);
    assert_eq!(versions(&update.commits), [18, 19]);
}

#[test]
fn damaged_and_unpublished_checksums_are_passed_over() {
    let table = Table::new("t");
    table.raw(&checksum_file(0), b"{\"metadata\":");
    table.checksum(9, "stray");
    let update = table.cold();
    assert_eq!(update.head.table_id, TableId::new("t"));
    assert_eq!(update.head.version, 0);
}

#[test]
fn a_table_that_never_had_data_is_told_from_one_whose_change_is_out_of_sight() {
    let table = Table::empty();
    table.commit(0, &[PROTOCOL, &metadata("t")]);
    table.commit(1, &[&operation("SET TBLPROPERTIES"), &metadata("t")]);
    let head = table.cold().head;
    assert_eq!((head.data.clone(), head.never_had_data()), (None, true));

    table.commit(2, &[PROTOCOL, &metadata("t")]);
    table.delete(0);
    table.delete(1);
    table.checkpoint(1);
    let head = table.cold().head;
    assert_eq!((head.data.clone(), head.read_from), (None, 2));
    assert!(!head.never_had_data());
}

#[test]
fn fault_34_what_stands_only_in_a_checkpoint_is_unknown() {
    let table = Table::new("t");
    table.commit(1, &[ADD]);
    table.checkpoint(1);
    table.delete(0);
    assert_eq!(
        unknown(table.read(None)).to_string(),
        "the table's id stands in no commit that is left, and in no checkpoint that can be read"
    );
    table.commit(2, &[&metadata("t")]);
    assert_eq!(
        unknown(table.read(None)).to_string(),
        "the table's protocol stands in no commit that is left, and in no checkpoint that can be read"
    );
    table.delete(1);
    table.delete(2);
    assert_eq!(unknown(table.read(None)).code(), "broken_checkpoint");
}

#[test]
fn nothing_there_is_absent() {
    let table = Table::empty();
    assert_eq!(table.read(None), Reading::Absent);
    table.raw("notes.txt", b"x");
    table.raw(".00000000000000000000.json.crc", b"x");
    fs::create_dir(table.file(&commit_file(0))).unwrap();
    assert_eq!(table.read(None), Reading::Absent);
    assert_eq!(
        read(
            &LocalStore::of(&table.location().join("nowhere")),
            None,
            &Ask::default()
        ),
        Reading::Absent
    );
    assert_eq!(
        read(
            &LocalStore::of(&table.file("notes.txt")),
            None,
            &Ask::default()
        ),
        Reading::Absent
    );
}

#[test]
fn fault_33_34_foreign_files_do_not_disturb() {
    let table = Table::new("t");
    table.commit(1, &[ADD]);
    table.raw("_last_checkpoint", b"{\"version\":99");
    table.raw("00000000000000000002.json.tmp", b"{");
    table.raw(
        "00000000000000000000.00000000000000000001.compacted.json",
        b"{",
    );
    table.raw(
        "00000000000000000004.checkpoint.0000000001.0000000002.parquet",
        b"",
    );
    fs::create_dir(table.file("_staged_commits")).unwrap();
    fs::create_dir(table.file(&commit_file(2))).unwrap();
    assert_eq!(table.cold().head.version, 1);
}

#[test]
fn refused_protocols_are_named() {
    let table = Table::new("t");
    let refuse = |protocol: &str| {
        table.commit(1, &[&format!(r#"{{"protocol":{protocol}}}"#), ADD]);
        unknown(table.read(None))
    };
    let feature = refuse(
        r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["adaptiveMetadata"]}"#,
    );
    assert_eq!(
        feature,
        Unreadable::RefusedFeature {
            feature: "adaptiveMetadata".to_owned()
        }
    );
    let managed = refuse(
        r#"{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["catalogManaged"]}"#,
    );
    assert_eq!(managed, Unreadable::CatalogManaged);
    assert_eq!(refuse(r#"{"minReaderVersion":4}"#).code(), "reader_version");
}

#[test]
fn fault_38_commit_times_are_strictly_increasing_whatever_the_files_say() {
    let table = Table::new("t");
    table.checksum(3, "t");
    for version in 1..=3 {
        table.commit(version, &[ADD]);
    }
    table.touch(1, 50_000);
    table.touch(2, 50_000);
    let head = table.cold().head;
    assert_eq!(head.read_from, 3, "the files before are only looked at");
    assert_eq!(head.last_committed_at, at(50_002));
}

#[test]
fn fault_38_in_commit_timestamps_count_when_the_table_asks_for_them() {
    let table = Table::empty();
    let info = |stamp: i64| format!(r#"{{"commitInfo":{{"inCommitTimestamp":{stamp}}}}}"#);
    table.commit(0, &[
        &info(7),
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["inCommitTimestamp"]}}"#,
        r#"{"metaData":{"id":"t","configuration":{"delta.enableInCommitTimestamps":"true"}}}"#,
        ADD,
    ]);
    let head = table.cold().head;
    assert_eq!(head.last_committed_at, at(7));
    table.commit(1, &[&info(9), ADD]);
    assert_eq!(table.warm(&head).head.last_committed_at, at(9));
}

#[test]
fn a_log_of_thousands_of_commits_is_read_without_recursion() {
    let table = Table::new("t");
    for version in 1..3_000 {
        table.raw(&commit_file(version), COMPACT.as_bytes());
    }
    let head = table.cold().head;
    assert_eq!((head.version, head.read_from), (2_999, 0));
    assert_eq!(data_version(&head), Some(0));
}
