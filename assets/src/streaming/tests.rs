//! Files of checkpoints: those that Spark and Delta write, those that are damaged, and any bytes at all.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn table() -> TableId {
    TableId::new("3bffe7c2-e334-4419-a150-f6f47b565c78")
}

/// A file of `offsets` with these lines of sources.
fn offsets(sources: &[&str]) -> String {
    let header = r#"{"batchWatermarkMs":0,"batchTimestampMs":1710305994254,"conf":{"a":"b"}}"#;
    let lines = ["v1", header].into_iter().chain(sources.iter().copied());
    lines.collect::<Vec<_>>().join("\n")
}

/// As Delta writes it.
fn delta(source_version: i64, version: u64, index: i64, is_initial: bool) -> String {
    let offset = json!({
        "sourceVersion": source_version,
        "reservoirId": table(),
        "reservoirVersion": version,
        "index": index,
        "isStartingVersion": is_initial,
    });
    offset.to_string()
}

fn position(lines: &[&str]) -> Result<Option<Position>, CheckpointError> {
    Offsets::parse(offsets(lines).as_bytes())
        .unwrap()
        .position_of(&table())
}

fn through(version: impl Into<Option<u64>>, is_whole: bool) -> Position {
    let through = version.into();
    Position { through, is_whole }
}

#[test]
fn all_before_a_version_was_read_whose_beginning_is_the_offset() {
    assert_eq!(
        position(&[&delta(1, 12, -1, false)]).unwrap(),
        Some(through(11, true))
    );
    assert_eq!(
        position(&[&delta(3, 12, -100, false)]).unwrap(),
        Some(through(11, true))
    );
    assert_eq!(
        position(&[&delta(3, 12, -20, false)]).unwrap(),
        Some(through(11, true))
    );
    assert_eq!(
        position(&[&delta(3, 12, -19, false)]).unwrap(),
        Some(through(11, true))
    );
    assert_eq!(
        position(&[&delta(1, 0, -1, false)]).unwrap(),
        Some(through(None, true))
    );
}

#[test]
fn a_version_of_which_only_some_files_were_read_does_not_count() {
    assert_eq!(
        position(&[&delta(1, 12, 8, false)]).unwrap(),
        Some(through(11, false))
    );
    assert_eq!(
        position(&[&delta(1, 0, 0, false)]).unwrap(),
        Some(through(None, false))
    );
}

#[test]
fn an_initial_snapshot_counts_once_it_is_complete() {
    assert_eq!(
        position(&[&delta(1, 12, 8, true)]).unwrap(),
        Some(through(None, false))
    );
    assert_eq!(
        position(&[&delta(1, 12, -1, true)]).unwrap(),
        Some(through(None, true))
    );
    assert_eq!(
        position(&[&delta(1, 13, -1, false)]).unwrap(),
        Some(through(12, true))
    );
    let newer = delta(1, 12, 8, true).replace("isStartingVersion", "isInitialSnapshot");
    assert_eq!(position(&[&newer]).unwrap(), Some(through(None, false)));
}

#[test]
fn a_table_that_is_read_twice_is_as_far_as_the_slower_one() {
    let (slow, fast) = (delta(1, 5, -1, false), delta(1, 9, -1, false));
    assert_eq!(position(&[&fast, &slow]).unwrap(), Some(through(4, false)));
    assert_eq!(position(&[&slow, &slow]).unwrap(), Some(through(4, true)));
}

#[test]
fn shapes_that_are_not_known_tell_nothing() {
    for line in [
        delta(2, 12, 3, false),
        delta(4, 12, 3, false),
        delta(1, 12, -100, false),
        delta(3, 12, -1, false),
        delta(1, 12, -7, false),
        delta(1, 12, i64::MAX - 100, false),
        delta(1, 12, 3, false).replace("12", "-12"),
        delta(1, 12, 3, false).replace("12", "\"12\""),
        delta(1, 12, 3, false).replace("isStartingVersion", "isSomething"),
    ] {
        let error = position(&[&line]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3 is not a Delta offset of a known shape",
            "{line}"
        );
    }
}

#[test]
fn other_sources_and_other_tables_are_left_out() {
    let kafka = r#"{"events":{"0":41,"1":7}}"#;
    let other = delta(1, 9, -1, false).replace("3bffe7c2", "00000000");
    assert_eq!(position(&["-", kafka, "17", &other]), Ok(None));
    let own = delta(1, 12, -1, false);
    assert_eq!(
        position(&["-", kafka, &own, &other]).unwrap(),
        Some(through(11, true))
    );
}

#[test]
fn a_file_that_is_cut_off_or_unknown_tells_nothing_at_all() {
    let line = delta(1, 12, -1, false);
    let torn = &line[..line.len() - 3];
    let told = |text: &str| match Offsets::parse(text.as_bytes()) {
        Ok(found) => panic!("{found:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(told(&offsets(&[&line, torn])), "line 4 is not `-` or JSON");
    assert_eq!(told(""), "it is cut off");
    assert_eq!(told("v1"), "it is cut off");
    assert_eq!(told("v2\n{}"), "it is of format `v2`, which is not known");
    assert_eq!(told("v1\n{\"batch"), "line 2 is not JSON");
    let large = format!("v1\n{}\n", " ".repeat(1024 * 1024));
    assert_eq!(told(&large), "it has more than 1048576 bytes");
    assert_eq!(Offsets::parse(b"v1\n\xff"), Err(CheckpointError::NotText));
    assert_eq!(
        Offsets::parse(b"v1\n\n-").unwrap().sources,
        [SourceOffset::None]
    );
}

#[test]
fn the_query_is_named_by_its_metadata() {
    let id = query_id(br#"{"id":"78d3ee51-2fa3-4a5f-9b6c-0b3a4a1f5f0d"}"#).unwrap();
    assert_eq!(id, "78d3ee51-2fa3-4a5f-9b6c-0b3a4a1f5f0d");
    for text in ["", "{}", "[]", r#"{"id":""}"#, r#"{"id":7}"#, r#"{"id":"x"#] {
        let error = query_id(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error,
            "line 1 is not a JSON object with the `id` of a query"
        );
    }
}

#[test]
fn the_watermark_is_that_of_the_next_batch_and_zero_is_none() {
    let told = |text: &str| next_watermark(text.as_bytes()).map(|at| at.map(|at| at.to_string()));
    let at = "2024-03-13 04:59:54.254 UTC".to_owned();
    let known = r#"{"nextBatchWatermarkMs":1710305994254}"#;
    assert_eq!(told(&format!("v1\n{known}")), Ok(Some(at.clone())));
    assert_eq!(told(&format!("v2\n{known}")), Ok(Some(at)));
    for none in ["v1", "v1\n", "v1\n{}", "v1\n{\"nextBatchWatermarkMs\":0}"] {
        assert_eq!(told(none), Ok(None), "{none}");
    }
    for wrong in [
        "-1",
        "1e3",
        "\"1\"",
        "null",
        "253402300800000",
        "9223372036854775807",
    ] {
        let text = format!("v1\n{{\"nextBatchWatermarkMs\":{wrong}}}");
        assert!(told(&text).is_err(), "{wrong}");
    }
    assert_eq!(
        told("v3\n{}"),
        Err(CheckpointError::Format("v3".to_owned()))
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let begins = |with: &str| str::from_utf8(&bytes).is_ok_and(|text| text.trim_start().starts_with(with));
        let is_object = begins("{");
        prop_assert!(query_id(&bytes).is_err() || is_object);
        prop_assert!(next_watermark(&bytes).is_err() || begins("v"));
        prop_assert!(Offsets::parse(&bytes).is_err() || begins("v1"));
    }

    #[test]
    fn any_lines_are_read_without_a_panic(lines in prop::collection::vec("[-{}\",:a-z0-9]{1,40}", 0..6)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let read = Offsets::parse(offsets(&lines).as_bytes());
        prop_assert!(read.is_err() || read.is_ok_and(|read| read.sources.len() == lines.len()));
    }

    /// However an offset is spelled: its own version never counts as read.
    #[test]
    fn no_more_counts_as_read_than_came_before(
        source_version in 0..5_i64, version in any::<u64>(), index in prop_oneof![-120..40_i64, any::<i64>()],
        is_initial in any::<bool>(),
    ) {
        let found = position(&[&delta(source_version, version, index, is_initial)]);
        if let Ok(Some(found)) = found {
            prop_assert!(found.through.is_none_or(|through| through < version));
            prop_assert!(!is_initial || found.through.is_none());
            prop_assert!(index < 0 || !found.is_whole);
        } else {
            prop_assert!(found.is_err());
        }
    }

    /// More sources never make more of a table.
    #[test]
    fn each_further_source_of_a_table_can_only_tell_of_less(
        versions in prop::collection::vec((0..9_u64, prop_oneof![Just(-1_i64), 0..4_i64], any::<bool>()), 1..5),
    ) {
        let lines: Vec<String> = versions.iter().map(|(v, i, initial)| delta(1, *v, *i, *initial)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let all = position(&lines).unwrap().unwrap();
        for line in &lines {
            let one = position(&[line]).unwrap().unwrap();
            prop_assert!(all.through <= one.through);
            prop_assert!(!all.is_whole || one.is_whole);
        }
    }
}
