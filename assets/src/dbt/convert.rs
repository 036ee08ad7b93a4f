//! One node of the file → one [`Node`], as far as the node alone can tell.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::config;
use super::fingerprint::{Fingerprint, Hash};
use super::node::{Node, NodeType};
use super::wire::{DependsOn, WireNode};
use crate::asset::{AssetKind, DbtNode};
use crate::relation::Relation;

/// Texts that many nodes share, kept once.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// Returns the shared copy of a text.
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.0.get(text) {
            return Arc::clone(name);
        }
        let name: Arc<str> = text.into();
        self.0.insert(Arc::clone(&name));
        name
    }

    /// Returns the shared copies of several texts, sorted and without duplicates.
    pub(super) fn sorted<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> Vec<Arc<str>> {
        let mut names: Vec<_> = texts.map(|text| self.get(text)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// What decides what a build writes, but for what other nodes contribute.
pub(super) struct Code {
    /// Hash of the node's own code and configuration.
    pub(super) own: Hash,
    /// The macros it calls directly.
    pub(super) macros: Vec<Arc<str>>,
}

/// A node before the other nodes were looked at.
pub(super) struct Draft {
    /// The node; tests, code version and the group's owner are still missing.
    pub(super) node: Node,
    /// Absent where dbt writes nothing.
    pub(super) code: Option<Code>,
}

/// Converts a node whose type was told from its `unique_id`.
pub(super) fn draft(
    names: &mut Names,
    unique_id: &Arc<str>,
    node_type: NodeType,
    wire: &WireNode<'_>,
) -> Draft {
    let kind = config::kind(node_type, &wire.config);
    let nothing = Value::Null;
    let config_meta = wire.config.get("meta").unwrap_or(&nothing);
    let layers = [config_meta, &wire.meta, &wire.source_meta];
    let is_exposure = node_type == NodeType::Exposure;
    let owner = is_exposure.then(|| config::owner(&wire.owner)).flatten();
    let group = wire
        .group
        .get()
        .or_else(|| config::text(&wire.config, "group"));
    let is_source = node_type == NodeType::Source;
    let freshness = is_source
        .then(|| config::source_freshness(&wire.freshness))
        .flatten();
    let on_change = node_type
        .is_built()
        .then(|| config::on_change(&wire.config))
        .flatten();
    let mut tags: BTreeSet<String> = wire.tags.iter().map(str::to_owned).collect();
    tags.extend(config_tags(&wire.config));
    let node = Node {
        dbt: dbt_node(names, unique_id, wire),
        node_type,
        kind,
        key: default_key(unique_id, node_type, wire).into(),
        relation: relation(kind, wire),
        depends_on: names.sorted(wire.depends_on.nodes.iter()),
        code_version: None,
        freshness,
        on_change,
        refreshes_itself: config::refreshes_itself(kind, &wire.config),
        group: group.map(str::to_owned),
        owner: owner.or_else(|| config::owner(config::meta(layers, "owner")?)),
        tags,
        description: wire.description.get().map(str::to_owned),
        headwater: config::meta(layers, "headwater").cloned(),
    };
    let code = node_type.is_built().then(|| code(names, node_type, wire));
    Draft { node, code }
}

fn dbt_node(names: &mut Names, unique_id: &Arc<str>, wire: &WireNode<'_>) -> DbtNode {
    let path = wire
        .original_file_path
        .get()
        .or_else(|| wire.path.get())
        .unwrap_or_default();
    let compiled = wire.compiled_code.get().or_else(|| wire.compiled_sql.get());
    DbtNode {
        unique_id: Arc::clone(unique_id),
        package: names.get(package(unique_id, wire)),
        fqn: wire.fqn.iter().map(|part| names.get(part)).collect(),
        path: names.get(path),
        name: names.get(name(unique_id, wire)),
        source_name: wire.source_name.get().map(|name| names.get(name)),
        compiled_code: compiled.map(Arc::from),
        contract_enforced: wire.contract.enforced,
        contract: contract(wire),
        tests: Vec::new(),
        also_known_as: Vec::new(),
    }
}

/// The columns that an enforced contract names with a type.
fn contract(wire: &WireNode<'_>) -> BTreeMap<String, String> {
    let columns = wire.columns.iter().filter(|_| wire.contract.enforced);
    let typed = columns.filter_map(|(name, column)| {
        let kind = column.data_type.get()?;
        Some((name.clone(), kind.to_owned()))
    });
    typed.collect()
}

/// `model.<package>.<name>`: the package, where the node does not repeat it.
fn package<'a>(unique_id: &'a str, wire: &'a WireNode<'_>) -> &'a str {
    let from_id = || unique_id.split('.').nth(1).unwrap_or(unique_id);
    wire.package_name.get().unwrap_or_else(from_id)
}

/// `model.<package>.<name>`: the name, where the node does not repeat it.
fn name<'a>(unique_id: &'a str, wire: &'a WireNode<'_>) -> &'a str {
    let from_id = || unique_id.splitn(3, '.').nth(2).unwrap_or(unique_id);
    wire.name.get().unwrap_or_else(from_id)
}

fn config_tags(config: &Value) -> Vec<String> {
    match config.get("tags") {
        Some(Value::String(tag)) => vec![tag.clone()],
        Some(Value::Array(tags)) => tags
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn default_key(unique_id: &str, node_type: NodeType, wire: &WireNode<'_>) -> String {
    let name = name(unique_id, wire);
    match node_type {
        NodeType::Exposure => format!("exposure.{}", segment(name)),
        NodeType::Source => {
            let source = wire
                .source_name
                .get()
                .unwrap_or_else(|| package(unique_id, wire));
            format!("{}.{}", segment(source), segment(name))
        }
        NodeType::Model | NodeType::Seed | NodeType::Snapshot => {
            let schema =
                config::text(&wire.config, "schema").unwrap_or_else(|| package(unique_id, wire));
            match wire.version.get() {
                Some(version) => {
                    format!(
                        "{}.{}_v{}",
                        segment(schema),
                        segment(name),
                        segment(version)
                    )
                }
                None => format!("{}.{}", segment(schema), segment(name)),
            }
        }
    }
}

/// Replaces what one segment of a key may not hold.
fn segment(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    text.chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}

/// Joins the names; `relation_name` is quoted differently by every adapter and not looked at.
fn relation(kind: AssetKind, wire: &WireNode<'_>) -> Option<Relation> {
    if matches!(kind, AssetKind::Ephemeral | AssetKind::Exposure) {
        return None;
    }
    let table = wire
        .identifier
        .get()
        .or_else(|| wire.alias.get())
        .or_else(|| wire.name.get())?;
    let parts = [wire.database.get(), wire.schema.get(), Some(table)];
    Relation::from_optional_parts(parts).ok()
}

/// Hashes a node's own code and configuration, and names the macros it calls.
pub(super) fn code(names: &mut Names, node_type: NodeType, wire: &WireNode<'_>) -> Code {
    let mut fingerprint = Fingerprint::new("dbt node");
    if node_type == NodeType::Seed {
        fingerprint.text(wire.checksum.name.get().unwrap_or_default());
        fingerprint.text(wire.checksum.checksum.get().unwrap_or_default());
    } else {
        fingerprint.text(wire.language.get().unwrap_or("sql"));
        let raw = wire.raw_code.get().or_else(|| wire.raw_sql.get());
        fingerprint.code(raw.unwrap_or_default());
    }
    config::add_built(&mut fingerprint, &wire.config);
    add_contract(&mut fingerprint, wire);
    Code {
        own: fingerprint.finish(),
        macros: macros(names, &wire.depends_on),
    }
}

/// Returns the macros that are called directly, sorted.
pub(super) fn macros(names: &mut Names, depends_on: &DependsOn<'_>) -> Vec<Arc<str>> {
    names.sorted(depends_on.macros.iter())
}

/// An enforced contract writes types and constraints into the table. dbt's own checksum of it is
/// not used: its recipe changed between versions.
fn add_contract(fingerprint: &mut Fingerprint, wire: &WireNode<'_>) {
    if !wire.contract.enforced {
        return fingerprint.size(0);
    }
    fingerprint.text("contract");
    fingerprint.size(wire.columns.len());
    for (name, column) in &wire.columns {
        fingerprint.text(name);
        fingerprint.text(column.data_type.get().unwrap_or_default());
        fingerprint.json(&column.constraints);
    }
    fingerprint.json(&wire.constraints);
}
