//! Commits that keep house: none of them may move the data version.

use super::*;

#[test]
fn fault_36_maintenance_never_moves_the_data_version() {
    let table = Table::new("t");
    let mut head = table.cold().head;
    let config = r#"{"metaData":{"id":"t","configuration":{"delta.appendOnly":"true"}}}"#;
    let refreshed = r#"{"add":{"path":"a","dataChange":false,"stats":"{\"numRecords\":2}"}}"#;
    let domain = r#"{"domainMetadata":{"domain":"delta.clustering","configuration":"{}"}}"#;
    let upgrade = r#"{"protocol":{"minReaderVersion":2,"minWriterVersion":5}}"#;
    let cases = [
        ("OPTIMIZE", COMPACT),
        ("REORG", COMPACT),
        ("VACUUM START", ""),
        ("VACUUM END", ""),
        ("SET TBLPROPERTIES", config),
        ("ADD COLUMNS", config),
        ("CHANGE COLUMN", config),
        ("ADD CONSTRAINT", config),
        ("COMPUTE STATS", refreshed),
        ("ANALYZE", refreshed),
        ("ROW TRACKING BACKFILL", refreshed),
        ("CLUSTER BY", domain),
        ("UPGRADE PROTOCOL", upgrade),
        ("STREAMING UPDATE", r#"{"txn":{"appId":"q","version":4}}"#),
        ("UPDATE", ""),
        ("WRITE", refreshed),
        (
            "Something New",
            r#"{"cdc":{"path":"c","dataChange":false}}"#,
        ),
    ];
    for (version, (name, lines)) in (1..).zip(cases) {
        table.commit(version, &[&operation(name), lines]);
        let update = table.warm(&head);
        assert_eq!(versions(&update.commits), Vec::<u64>::new(), "{name}");
        assert_eq!(update.head.version, version, "{name}");
        assert_eq!(data_version(&update.head), Some(0), "{name}");
        head = update.head;
    }
    assert_eq!(data_version(&table.cold().head), Some(0));
    assert_eq!(head.state.protocol.min_reader_version, 2);
    table.commit(40, &[ADD]);
    assert_eq!(
        table.read(Some(&head)),
        Reading::Unchanged,
        "40 does not follow"
    );
}

#[test]
fn data_changes_under_any_name_move_it() {
    let table = Table::new("t");
    let mut head = table.cold().head;
    for (version, name) in (1..).zip(["RESTORE", "CLONE", "DELETE", "OPTIMIZE", "Manual Update"]) {
        table.commit(
            version,
            &[
                &operation(name),
                if version % 2 == 0 { ADD } else { REMOVE },
            ],
        );
        head = table.warm(&head).head;
        assert_eq!(data_version(&head), Some(version), "{name}");
    }
}
