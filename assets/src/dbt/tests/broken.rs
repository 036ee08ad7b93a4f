//! Manifests that are cut, converted, something else, or made to hurt.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{manifest, read};
use crate::dbt::{ManifestError, read_manifest};

const REAL: &str = include_str!("../../../../fixtures/dbt/manifests/features_dbt112.json");

fn refused(text: &[u8]) -> ManifestError {
    read_manifest(&Arc::from("m.json"), text).unwrap_err()
}

/// Code, line, column, message.
fn seen(text: &[u8]) -> (&'static str, usize, usize, String) {
    let diagnostic = refused(text).to_diagnostic();
    let place = diagnostic.place.unwrap();
    assert!(
        diagnostic
            .help
            .is_some_and(|help| help.contains("dbt compile"))
    );
    (
        diagnostic.code,
        place.line,
        place.column,
        diagnostic.message,
    )
}

#[test]
fn fault_40_an_empty_file_says_so() {
    assert_eq!(seen(b"").0, "D001");
    assert_eq!(seen(b" \n\t").0, "D001");
    assert_eq!(seen(b"\xEF\xBB\xBF").0, "D001");
}

#[test]
fn fault_40_the_place_is_where_reading_stopped() {
    let (code, line, column, _) = seen("{\n  \"é\": 1, oops\n}".as_bytes());
    assert_eq!((code, line, column), ("D003", 2, 11));
    let (code, line, ..) = seen(b"{\"nodes\": {\n\"model.a.b\": {\"name\": \"b\"");
    assert_eq!((code, line), ("D002", 2));
    let (code, line, ..) = seen(b"{\"nodes\":\n[]}");
    assert_eq!((code, line), ("D004", 2));
    let (code, _, column, _) = seen(b"{\"nodes\": {}} {}");
    assert_eq!((code, column), ("D003", 15));
}

#[test]
fn other_files_are_told_apart() {
    let catalog = json!({"metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": {}});
    let (code, _, _, message) = seen(catalog.to_string().as_bytes());
    assert_eq!(code, "D005");
    assert_eq!(
        message,
        "the file is a dbt `catalog` file, not a dbt manifest"
    );
    for text in [
        "[]",
        "[1, [2]]",
        "3",
        "-3",
        "3.5",
        "true",
        "null",
        "\"nodes\"",
        "{}",
    ] {
        assert_eq!(seen(text.as_bytes()).0, "D005", "{text}");
    }
}

#[test]
fn fault_40_byte_order_marks_are_skipped_or_refused_with_a_reason() {
    let mut marked = b"\xEF\xBB\xBF".to_vec();
    marked.extend(REAL.as_bytes());
    assert_eq!(
        read_manifest(&Arc::from("m.json"), &marked)
            .unwrap()
            .nodes
            .len(),
        14
    );
    let utf16: Vec<u8> = std::iter::once(0xFEFF)
        .chain(REAL.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(seen(&utf16).0, "D007");
}

#[test]
fn fault_40_depth_is_bounded() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let meta = format!(
        "{{\"nodes\": {{\"model.a.b\": {{\"meta\": {}}}}}}}",
        deep("[", "]")
    );
    assert_eq!(seen(meta.as_bytes()).0, "D006");
    let name = format!(
        "{{\"nodes\": {{\"model.a.b\": {{\"config\": {}}}}}}}",
        deep("{\"a\":", "}")
    );
    assert_eq!(seen(name.as_bytes()).0, "D006");
    // What is skipped is skipped without recursion.
    let skipped = format!("{{\"nodes\": {{}}, \"docs\": {}}}", deep("[", "]"));
    assert!(read_manifest(&Arc::from("m.json"), skipped.as_bytes()).is_ok());
}

#[test]
fn fault_40_versions_outside_the_known_ones_are_named() {
    let mut newer = manifest(json!({}));
    newer["metadata"]["dbt_schema_version"] =
        json!("https://schemas.getdbt.com/dbt/manifest/v13.json");
    let warnings = read(&newer).warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, "D009");
    assert!(warnings[0].message.contains("schema version 13"));

    let mut older = manifest(json!({}));
    older["metadata"]["dbt_schema_version"] =
        json!("https://schemas.getdbt.com/dbt/manifest/v3.json");
    assert_eq!(seen(older.to_string().as_bytes()).0, "D008");

    let bare = read(&json!({"nodes": {}}));
    assert_eq!((bare.schema_version, bare.warnings[0].code), (None, "D010"));
}

#[test]
fn absent_null_and_unknown_fields_are_all_the_same() {
    let bare = manifest(json!({"nodes": {"model.shop.orders": {}}}));
    let odd = manifest(json!({
        "nodes": {
            "model.shop.orders": {
                "name": null, "tags": null, "fqn": null, "config": null, "meta": null,
                "depends_on": null, "checksum": null, "contract": null, "columns": null,
                "description": {"not": "a text"}, "surprise": [1, 2],
            },
            "analysis.shop.x": {"name": 1},
            "operation.shop.y": null,
            "model.shop.gone": null,
        },
        "sources": null, "groups": null, "macros": null, "exposures": null,
    }));
    assert_eq!(read(&bare).nodes, read(&odd).nodes);
    assert_eq!(&*read(&bare).nodes[0].key, "shop.orders");
}

#[test]
fn fault_40_a_manifest_cut_inside_a_number_is_cut() {
    for cut in [
        "{\"nodes\": -",
        "{\"nodes\": 1.",
        "{\"nodes\": 1e",
        "{\"nodes\": 1e+",
    ] {
        assert_eq!(refused(cut.as_bytes()).code(), "D002", "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fault_40_a_manifest_cut_anywhere_is_refused_with_a_place_inside_it(at in 0..REAL.len()) {
        let cut = &REAL.as_bytes()[..at];
        let error = refused(cut);
        prop_assert!(["D001", "D002"].contains(&error.code()), "{error:?}");
        prop_assert!(error.place().span.end <= at);
    }

    #[test]
    fn fault_40_a_manifest_with_one_wrong_byte_never_panics(at in 0..REAL.len(), byte in any::<u8>()) {
        let mut text = REAL.as_bytes().to_vec();
        text[at] = byte;
        if let Err(error) = read_manifest(&Arc::from("m.json"), &text) {
            prop_assert!(error.place().span.end <= text.len());
        }
    }
}
