//! Tests of statistics of files.

use super::*;

const TEXT: &str = r#"{"numRecords":3,
    "minValues":{"at":"2026-03-01T06:00:00.000Z","n":12345678901234567890.123456789,"s":{"p":"a\"b","q":null}},
    "maxValues":{"at":null,"n":1e3,"s":{"p":true},"list":[1]},
    "nullCount":{"at":3,"n":0,"s":{"p":1}},"tightBounds":false,"somethingNew":{}}"#;

fn path(dotted: &str) -> Vec<String> {
    dotted.split('.').map(str::to_owned).collect()
}

#[test]
fn what_is_asked_for_is_found_as_it_is_written() {
    let statistics = FileStatistics::parse(TEXT).unwrap();
    assert_eq!(statistics.rows(), Some(3));
    assert!(!statistics.has_tight_bounds());
    let min = |dotted: &str| statistics.min(&path(dotted));
    assert_eq!(min("n").as_deref(), Some("12345678901234567890.123456789"));
    assert_eq!(min("at").as_deref(), Some("2026-03-01T06:00:00.000Z"));
    assert_eq!(min("s.p").as_deref(), Some("a\"b"));
    for dotted in ["s", "s.q", "s.p.x", "N", "at.x", "none"] {
        assert_eq!(min(dotted), None, "{dotted}");
    }
    let max = |dotted: &str| statistics.max(&path(dotted));
    assert_eq!(max("n").as_deref(), Some("1e3"));
    assert_eq!(max("s.p").as_deref(), Some("true"));
    assert_eq!((max("at"), max("list")), (None, None));
    assert!(statistics.is_all_null(&path("at")));
    assert!(!statistics.is_all_null(&path("n")));
    assert!(!statistics.is_all_null(&path("none")));
}

#[test]
fn odd_values_leave_the_others_readable() {
    let text = r#"{"numRecords":"many","minValues":7,"maxValues":{"n":4},"tightBounds":null}"#;
    let statistics = FileStatistics::parse(text).unwrap();
    assert_eq!(statistics.rows(), None);
    assert!(statistics.has_tight_bounds());
    assert_eq!(statistics.min(&path("n")), None);
    assert_eq!(statistics.max(&path("n")).as_deref(), Some("4"));
    assert!(!statistics.is_all_null(&path("n")));
    for text in ["", "[1", "7", "\"{}\"", r#"{"numRecords":1"#] {
        assert!(FileStatistics::parse(text).is_none(), "{text}");
    }
}

#[test]
fn an_empty_file_has_no_values() {
    let statistics = FileStatistics::parse(r#"{"numRecords":0}"#).unwrap();
    assert!(statistics.is_all_null(&path("n")));
}
