//! Damaged logs: the last good commit stays, and nothing is skipped.

use super::super::log::Log;
use super::*;

#[test]
fn fault_33_a_torn_commit_keeps_the_last_good_one() {
    for torn in [&b""[..], b"{\"add\":{\"path\"", b"no json", b"\xff\xfe\n"] {
        let table = Table::new("t");
        let head = table.cold().head;
        table.raw(&commit_file(1), torn);
        let reason = unknown(table.read(Some(&head)));
        assert_eq!(reason.code(), "torn_commit");
        let cold = table.cold();
        assert_eq!(cold.head, head);
        assert_eq!(cold.trailing, Some(reason));
        // Its writer was not done yet.
        table.commit(1, &[ADD]);
        assert_eq!(versions(&table.warm(&head).commits), [1]);
    }
}

#[test]
fn fault_33_good_commits_before_a_torn_one_are_taken_and_it_is_never_skipped() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[ADD]);
    table.raw(&commit_file(2), b"{");
    table.commit(3, &[ADD]);
    let update = table.warm(&head);
    assert_eq!(update.head.version, 1);
    assert_eq!(
        update.trailing.unwrap().to_string(),
        "commit 2 is damaged (line 1 is cut off); it may still be being written"
    );
    assert_eq!(
        unknown(table.read(Some(&update.head))).code(),
        "torn_commit"
    );
}

#[test]
fn fault_33_a_cold_reading_ends_below_a_torn_commit_it_passes() {
    let table = Table::new("t");
    table.raw(&commit_file(1), b"{");
    table.commit(2, &[COMPACT]);
    let update = table.cold();
    assert_eq!(update.head.version, 0);
    assert_eq!(update.trailing.unwrap().code(), "torn_commit");
}

#[test]
fn fault_33_a_log_of_one_torn_commit_is_unknown() {
    let table = Table::empty();
    table.raw(&commit_file(0), b"");
    assert_eq!(unknown(table.read(None)).code(), "torn_commit");
}

#[test]
fn fault_33_a_missing_commit_is_named() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[ADD]);
    table.commit(3, &[ADD]);
    let missing = Unreadable::MissingCommit { version: 2 };
    let cold = table.cold();
    assert_eq!(
        (cold.head.version, cold.trailing),
        (1, Some(missing.clone()))
    );
    let update = table.warm(&head);
    assert_eq!(update.head.version, 1);
    assert_eq!(update.trailing, Some(missing.clone()));
    // It stays a problem although the next file alone looks quiet.
    assert_eq!(table.read(Some(&update.head)), Reading::Unknown(missing));
    table.commit(2, &[ADD]);
    let update = table.warm(&update.head);
    assert_eq!(versions(&update.commits), [2, 3]);
    assert_eq!(table.read(Some(&update.head)), Reading::Unchanged);
}

#[test]
fn fault_33_a_listing_finds_commits_beyond_a_wide_hole() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(5, &[ADD]);
    assert_eq!(
        table.read(Some(&head)),
        Reading::Unchanged,
        "a probe cannot see them"
    );
    let update = update(table.listed(&head));
    assert_eq!(
        update.trailing,
        Some(Unreadable::MissingCommit { version: 1 })
    );
    assert_eq!(
        unknown(table.read(Some(&update.head))).code(),
        "missing_commit"
    );
}

#[test]
fn a_hole_that_a_checkpoint_covers_is_a_gap() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(5, &[PROTOCOL, &metadata("t"), ADD]);
    table.checkpoint(4);
    let update = update(table.listed(&head));
    assert_eq!(
        update.continuity,
        Continuity::Gap {
            lost_from: 1,
            lost_to: 4
        }
    );
    assert_eq!(versions(&update.commits), [5]);
}

#[test]
fn fault_33_a_file_that_a_listing_left_out_is_no_hole() {
    let table = Table::new("t");
    table.commit(2, &[ADD]);
    let store = LocalStore::of(table.location());
    let log = Log::of(&store);
    let listing = log.list().unwrap().unwrap();
    // Made while the directory was being listed.
    table.commit(1, &[ADD]);
    assert_eq!(listing.run(log).unwrap().start, 0);
}

#[test]
fn fault_34_a_checkpoint_without_all_its_parts_covers_nothing() {
    let table = Table::empty();
    table.commit(5, &[PROTOCOL, &metadata("t"), ADD]);
    table.raw(
        "00000000000000000005.checkpoint.0000000001.0000000002.parquet",
        b"",
    );
    assert_eq!(
        unknown(table.read(None)),
        Unreadable::MissingCommit { version: 4 }
    );
    table.raw(
        "00000000000000000005.checkpoint.0000000002.0000000002.parquet",
        b"",
    );
    assert_eq!(table.cold().head.version, 5);
}

#[test]
fn a_missing_newest_commit_below_a_checkpoint_is_named() {
    let table = Table::new("t");
    table.checkpoint(3);
    let cold = table.cold();
    let missing = Unreadable::MissingCommit { version: 1 };
    assert_eq!((cold.head.version, cold.trailing), (0, Some(missing)));
}

#[test]
fn a_feature_that_is_switched_on_later_stops_the_reading_before_it() {
    let table = Table::new("t");
    let head = table.cold().head;
    table.commit(1, &[ADD]);
    table.commit(2, &[
        r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["catalogManaged"]}}"#,
    ]);
    let update = table.warm(&head);
    assert_eq!(update.head.version, 1);
    assert_eq!(update.trailing, Some(Unreadable::CatalogManaged));
    assert_eq!(
        unknown(table.read(Some(&update.head))),
        Unreadable::CatalogManaged
    );
}

#[test]
fn a_commit_that_is_too_large_is_not_read_into_memory() {
    let table = Table::new("t");
    let head = table.cold().head;
    // Without blocks on disk: only its size is large.
    let file = File::create(table.file(&commit_file(1))).unwrap();
    file.set_len(600 * 1024 * 1024).unwrap();
    assert_eq!(unknown(table.read(Some(&head))).code(), "too_large");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_and_pipes_do_no_harm() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let table = Table::new("t");
    let head = table.cold().head;
    table.raw("x", b"");
    fs::rename(
        table.file("x"),
        table
            .dir
            .path()
            .join("_delta_log")
            .join(OsStr::from_bytes(b"\xff.json")),
    )
    .unwrap();
    assert_eq!(table.read(None), Reading::Read(Box::new(table.cold())));
    symlink(table.file(&commit_file(1)), table.file(&commit_file(1))).unwrap();
    assert_eq!(unknown(table.read(Some(&head))).code(), "unreachable");
    assert_eq!(table.cold().trailing.unwrap().code(), "unreachable");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_commit_counts_as_the_commit() {
    use std::os::unix::fs::symlink;

    let table = Table::new("t");
    let head = table.cold().head;
    table.raw("elsewhere", ADD.as_bytes());
    symlink(table.file("elsewhere"), table.file(&commit_file(1))).unwrap();
    assert_eq!(versions(&table.warm(&head).commits), [1]);
}
