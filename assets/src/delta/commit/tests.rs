//! Tests of what a commit's lines say.

use proptest::prelude::*;

use super::*;
use crate::delta::time;
use crate::version::TableId;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap()
}

fn parse(text: &str) -> ParsedCommit {
    parse_commit(7, text.as_bytes(), at(1_000)).unwrap()
}

#[test]
fn the_flags_decide_and_the_operation_does_not() {
    let check = |text: &str, expected: bool| {
        assert_eq!(parse(text).commit.changed_data, expected, "{text}");
    };
    let info = |operation: &str| format!("{{\"commitInfo\":{{\"operation\":\"{operation}\"}}}}\n");
    check(r#"{"add":{"path":"a","dataChange":true}}"#, true);
    check(r#"{"add":{"path":"a"}}"#, true);
    check(r#"{"remove":{"path":"a","dataChange":null}}"#, true);
    check(r#"{"add":{"path":"a","dataChange":false}}"#, false);
    check(r#"{"cdc":{"path":"a","dataChange":true}}"#, false);
    check(&info("WRITE"), false);
    check(
        &(info("UPDATE") + r#"{"txn":{"appId":"q","version":3}}"#),
        false,
    );
    check(
        &(info("OPTIMIZE") + r#"{"remove":{"dataChange":true}}"#),
        true,
    );
    check(r#"{"somethingNew":{"x":[1,{"y":2}]}}"#, false);
}

#[test]
fn rows_are_counted_only_when_every_file_tells() {
    let add = |extra: &str| format!(r#"{{"add":{{"path":"a","dataChange":true{extra}}}}}"#);
    let stats = r#","stats":"{\"numRecords\":10,\"minValues\":{\"numRecords\":3}}""#;
    let vector = r#","deletionVector":{"storageType":"u","cardinality":4}"#;
    let rows = |lines: &[String]| {
        let commit = parse(&lines.join("\n")).commit;
        (commit.rows_added, commit.rows_removed)
    };
    assert_eq!(
        rows(&[add(stats), add(&format!("{stats}{vector}"))]),
        (Some(16), Some(0))
    );
    assert_eq!(rows(&[add(stats), add("")]), (None, Some(0)));
    assert_eq!(
        rows(&[add(stats), add(r#","stats":"torn{""#)]),
        (None, Some(0))
    );
    let copied = add(stats).replace("true", "false");
    assert_eq!(rows(&[copied]), (Some(0), Some(0)));
    let removed = add(stats).replace("add", "remove");
    assert_eq!(rows(&[removed, add(stats)]), (Some(10), Some(10)));
}

#[test]
fn the_writer_is_read_whether_ids_are_texts_or_numbers() {
    let info =
        |run: &str| {
            parse(&format!(
            r#"{{"commitInfo":{{"timestamp":5,"operation":"MERGE","userName":"ann","userId":"1",
            "job":{{"jobId":"417","jobRunId":{run},"runId":"9002","jobName":"nightly"}},
            "engineInfo":"Databricks-Runtime/17.3","readVersion":6}}}}"#
        )
        .replace('\n', " "))
        .commit
        };
    let commit = info("\"9001\"");
    assert_eq!(info("9001"), commit);
    assert_eq!(commit.writer.job_run_id, Some(9001));
    assert_eq!(commit.writer.task_run_id, Some(9002));
    assert_eq!(commit.writer.job_id, Some(417));
    assert_eq!(commit.writer.user.as_deref(), Some("ann"));
    assert_eq!(commit.operation.as_deref(), Some("MERGE"));
    assert_eq!(commit.read_version, Some(6));
    assert_eq!(info("[]").writer.job_run_id, None);
}

#[test]
fn a_stamp_of_inputs_is_taken_whole_or_not_at_all() {
    let inputs = |user_metadata: &str| {
        parse(&format!(
            r#"{{"commitInfo":{{"userMetadata":{user_metadata}}}}}"#
        ))
        .commit
        .inputs
    };
    let expected = BTreeMap::from([("bronze.orders".to_owned(), 812)]);
    let text = r#""{\"headwater\":{\"inputs\":{\"bronze.orders\":812}}}""#;
    assert_eq!(inputs(text), Some(expected.clone()));
    assert_eq!(
        inputs(r#"{"headwater":{"inputs":{"bronze.orders":812}}}"#),
        Some(expected)
    );
    assert_eq!(inputs(r#"{"headwater":{"inputs":{"a":1,"b":"x"}}}"#), None);
    assert_eq!(inputs(r#""free text""#), None);
    assert_eq!(inputs("null"), None);
}

#[test]
fn fault_33_damage_is_named_with_its_line() {
    let error = |text: &[u8]| parse_commit(7, text, at(0)).unwrap_err();
    assert_eq!(error(b""), CommitError::Empty);
    assert_eq!(error(b"\n \r\n"), CommitError::Empty);
    assert_eq!(
        error(b"{\"commitInfo\":{}}\n{\"add\":{\"path\":\"a\",\"dataCh"),
        CommitError::CutOff { line: 2 }
    );
    for text in [
        &b"{}\n5\n"[..],
        b"{}\nnull",
        b"{}\n{} {}",
        b"{}\n\xff\xfe",
        b"{}\n\0\0",
    ] {
        assert!(
            matches!(error(text), CommitError::Invalid { line: 2, .. }),
            "{text:?}"
        );
    }
}

#[test]
fn metadata_and_protocol_are_taken_over() {
    let parsed = parse(
        "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\
         \"readerFeatures\":[\"columnMapping\"],\"writerFeatures\":[\"columnMapping\"]}}\r\n\
         {\"metaData\":{\"id\":\"t-1\",\"partitionColumns\":[\"day\"],\
         \"configuration\":{\"a\":\"1\",\"b\":null,\"c\":true},\"unknown\":{}}}\n",
    );
    let metadata = parsed.metadata.unwrap().metadata;
    assert_eq!(metadata.id, TableId::new("t-1"));
    assert_eq!(metadata.partition_columns, ["day"]);
    assert_eq!(metadata.schema_hash, None);
    let text = |value: &str| value.to_owned();
    let expected = [(text("a"), text("1")), (text("c"), text("true"))];
    assert_eq!(metadata.configuration, BTreeMap::from(expected));
    assert!(
        parsed
            .protocol
            .unwrap()
            .reader_features
            .contains("columnMapping")
    );
}

#[test]
fn file_times_are_moved_behind_the_commit_before() {
    let mut parsed = parse(r#"{"commitInfo":{"timestamp":400000,"inCommitTimestamp":70}}"#);
    parsed.in_commit_timestamp = None;
    time::settle(&mut parsed, Some(at(5_000)), None);
    assert_eq!(parsed.commit.committed_at, at(5_001));
    assert_eq!(parsed.commit.time_source, TimeSource::File);
    assert!(parsed.commit.clocks_disagree);
}

#[test]
fn stamps_count_from_the_version_that_enabled_them() {
    let state = |since: &str, feature: &str| {
        let text = format!(
            "{{\"metaData\":{{\"id\":\"t\",\"configuration\":{{\
             \"delta.enableInCommitTimestamps\":\"true\"{since}}}}}}}\n\
             {{\"protocol\":{{\"minReaderVersion\":1,\"minWriterVersion\":7,\
             \"writerFeatures\":[\"{feature}\"]}}}}"
        );
        let parsed = parse(&text);
        crate::delta::TableState {
            metadata: parsed.metadata.unwrap().metadata,
            protocol: parsed.protocol.unwrap(),
        }
    };
    let settled = |since: &str, feature: &str| {
        let mut parsed = parse(r#"{"commitInfo":{"inCommitTimestamp":70}}"#);
        time::settle(&mut parsed, None, Some(&state(since, feature)));
        parsed.commit.committed_at
    };
    let since =
        |version: u64| format!(",\"delta.inCommitTimestampEnablementVersion\":\"{version}\"");
    assert_eq!(settled("", "inCommitTimestamp"), at(70));
    assert_eq!(settled(&since(7), "inCommitTimestamp"), at(70));
    assert_eq!(settled(&since(8), "inCommitTimestamp"), at(1_000));
    assert_eq!(settled("", "rowTracking"), at(1_000));
}

proptest! {
    #[test]
    fn fault_33_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(parse_commit(0, &bytes, at(0)));
    }

    #[test]
    fn fault_33_a_commit_cut_anywhere_never_panics_and_never_gains_an_action(cut in 0_usize..300) {
        let whole = "{\"commitInfo\":{\"timestamp\":1,\"job\":{\"jobId\":\"1\"}}}\n\
                     {\"metaData\":{\"id\":\"t\",\"configuration\":{}}}\n\
                     {\"add\":{\"path\":\"a\",\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":1}\"}}\n";
        let text = whole.as_bytes();
        let cut = cut.min(text.len());
        if let Ok(parsed) = parse_commit(0, &text[..cut], at(0)) {
            let is_at_line_end = cut == text.len() || text[cut] == b'\n' || text[cut - 1] == b'\n';
            prop_assert!(is_at_line_end, "cut at {} was taken for a commit", cut);
            prop_assert_eq!(parsed.commit.changed_data, cut + 1 >= text.len());
        }
    }
}
