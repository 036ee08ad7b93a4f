//! dbt manifests.

use std::sync::Arc;

use assets::dbt::{Manifest, ManifestError, read_manifest};
use assets::declaration::{Context, parse_headwater_block};
use assets::resolve::{DbtInput, ResolveInput};

use crate::project::assert_resolves;
use crate::text::{assert_bounded, positions};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads bytes as a manifest, cuts it, and makes a project of what it holds.
pub fn manifest(bytes: &[u8]) {
    match read(bytes) {
        Ok(manifest) => {
            assert_eq!(read(bytes).ok().as_ref(), Some(&manifest), "read twice");
            assert_cuts_are_refused(bytes);
            if !bytes.starts_with(BYTE_ORDER_MARK) {
                let marked = read(&[BYTE_ORDER_MARK, bytes].concat()).ok();
                assert_eq!(marked.as_ref(), Some(&manifest), "with a byte order mark");
            }
            assert_is_sound(&manifest);
            assert_project(manifest);
        }
        Err(error) => {
            let again = read(bytes).err().map(|error| error.to_diagnostic());
            assert_eq!(again, Some(error.to_diagnostic()), "refused twice");
            assert_is_told(&error, bytes);
        }
    }
}

fn read(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    read_manifest(&Arc::from("target/manifest.json"), bytes)
}

fn assert_is_told(error: &ManifestError, bytes: &[u8]) {
    let place = error.place();
    assert!(
        place.span.start <= place.span.end && place.span.end <= bytes.len(),
        "{error:?}"
    );
    // JSON knows one line end.
    let before = bytes.get(..place.span.start).unwrap_or_default();
    let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
    let mut lines = before.split(|byte| *byte == b'\n');
    let column = |line: &[u8]| String::from_utf8_lossy(line).chars().count() + 1;
    assert_eq!(place.line, lines.clone().count(), "{error:?}");
    if std::str::from_utf8(before).is_ok() {
        assert_eq!(
            place.column,
            lines.next_back().map_or(1, column),
            "{error:?}"
        );
    }
    assert_bounded(&[error.to_diagnostic()], 1, None);
}

/// A part of a manifest is never taken for the whole.
fn assert_cuts_are_refused(bytes: &[u8]) {
    let whole = bytes.trim_ascii_end();
    let last = whole.len().saturating_sub(1);
    for at in positions(bytes, whole.len(), 4).into_iter().chain([last]) {
        let cut = whole.get(..at).unwrap_or_default();
        match read(cut) {
            Ok(_) => assert!(
                at == whole.len(),
                "the first {at} bytes are taken for the whole"
            ),
            Err(error) => {
                assert!(
                    ["D001", "D002"].contains(&error.code()),
                    "cut at {at}: {error:?}"
                );
                assert_is_told(&error, cut);
            }
        }
    }
}

fn assert_is_sound(manifest: &Manifest) {
    let ids = manifest.nodes.iter().map(|node| &*node.dbt.unique_id);
    let ids: Vec<&str> = ids.collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    for node in &manifest.nodes {
        assert!(node.depends_on.is_sorted_by(|a, b| a < b), "{node:?}");
        assert!(
            node.code_version.is_none() || node.node_type.is_built(),
            "{node:?}"
        );
    }
    assert_bounded(&manifest.warnings, 2, None);
}

fn assert_project(manifest: Manifest) {
    let context = Context {
        environment: "dev",
        catalog: Some("main"),
        variables: &|_| None,
        calendars: &assets::schedule::NO_CALENDARS,
    };
    let mut blocks = std::collections::BTreeMap::new();
    for node in &manifest.nodes {
        let Some(value) = &node.headwater else {
            continue;
        };
        let id = &node.dbt.unique_id;
        let (block, problems) = parse_headwater_block(&manifest.file, id, value, &context);
        assert!(problems.len() <= 201, "{} problems", problems.len());
        blocks.extend(block.map(|block| (Arc::clone(id), block)));
    }
    let dbt = vec![DbtInput {
        manifest,
        task: None,
        place: None,
        blocks,
    }];
    assert_resolves(&ResolveInput {
        dbt,
        ..ResolveInput::default()
    });
}
