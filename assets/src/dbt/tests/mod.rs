//! Tests of reading manifests: real ones, broken ones, and what changes a code version.

mod broken;
mod code;
mod corpus;
mod facts;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Manifest, Node, read_manifest};

fn read_text(text: &str) -> Manifest {
    read_manifest(&Arc::from("target/manifest.json"), text.as_bytes()).unwrap()
}

fn read(manifest: &Value) -> Manifest {
    read_text(&manifest.to_string())
}

fn node<'m>(manifest: &'m Manifest, unique_id: &str) -> &'m Node {
    let is_it = |node: &&Node| &*node.dbt.unique_id == unique_id;
    manifest.nodes.iter().find(is_it).unwrap()
}

/// A manifest with these sections, schema 12.
fn manifest(sections: Value) -> Value {
    let mut whole = json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.0",
            "generated_at": "2026-03-01T05:58:00Z",
        },
        "nodes": {},
    });
    let Value::Object(sections) = sections else {
        panic!("sections are a map");
    };
    for (section, value) in sections {
        whole[section] = value;
    }
    whole
}
