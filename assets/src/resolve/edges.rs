//! What each asset reads: the edges of dbt and of declarations, once each, with who says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::slot::{Slot, Slots};
use crate::asset::{Consume, Evidence, Upstream};
use crate::declaration::DeclaredUpstream;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::key::AssetKey;

/// How names in `depends_on` lead to assets.
struct Lookup<'a> {
    slots: &'a Slots,
    keys: HashMap<&'a str, &'a Slot>,
    /// The key that dbt's names give, where a declaration chose another one.
    renamed: HashMap<&'a str, &'a AssetKey>,
}

/// Returns the upstreams of each slot, in the order of the slots; each list sorted by key.
pub(super) fn all(slots: &Slots, diagnostics: &mut Vec<Diagnostic>) -> Vec<Vec<Upstream>> {
    let lookup = Lookup::new(slots);
    let mut missing: BTreeMap<&str, Vec<&Slot>> = BTreeMap::new();
    let mut found = Vec::with_capacity(slots.list.len());
    for slot in &slots.list {
        let mut upstreams = BTreeMap::new();
        if let Some(key) = &slot.key {
            from_dbt(
                &lookup,
                slot,
                key,
                &mut upstreams,
                &mut missing,
                diagnostics,
            );
            declared(&lookup, slot, key, &mut upstreams, diagnostics);
        }
        found.push(upstreams.into_values().collect());
    }
    diagnostics.extend(
        missing
            .into_iter()
            .map(|(id, readers)| missing_node(id, &readers)),
    );
    found
}

impl<'a> Lookup<'a> {
    fn new(slots: &'a Slots) -> Self {
        let mut keys = HashMap::with_capacity(slots.list.len());
        let mut renamed = HashMap::new();
        for slot in &slots.list {
            let Some(key) = &slot.key else { continue };
            keys.insert(key.as_str(), slot);
            if let Some(node) = slot.node.as_ref().filter(|node| &*node.key != key.as_str()) {
                renamed.insert(&*node.key, key);
            }
        }
        Self {
            slots,
            keys,
            renamed,
        }
    }

    /// Finds what a declaration names: a key, or the `unique_id` of a dbt node.
    fn declared(&self, name: &AssetKey) -> Option<&'a AssetKey> {
        let by_key = self.keys.get(name.as_str()).copied();
        let by_id = || self.slots.list.get(self.slots.position(name.as_str())?);
        by_key.or_else(by_id)?.key.as_ref()
    }
}

fn from_dbt<'a>(
    lookup: &Lookup<'a>,
    slot: &'a Slot,
    key: &AssetKey,
    upstreams: &mut BTreeMap<AssetKey, Upstream>,
    missing: &mut BTreeMap<&'a str, Vec<&'a Slot>>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (manifest, id) in &slot.reads {
        let Some(found) = lookup.slots.find(*manifest, id) else {
            missing.entry(id).or_default().push(slot);
            continue;
        };
        // A node that lost its key was reported already.
        let Some(upstream) = &found.key else { continue };
        if upstream == key {
            diagnostics.push(reads_itself(slot, id));
            continue;
        }
        add(upstreams, upstream, Evidence::Dbt, None);
    }
}

fn declared(
    lookup: &Lookup<'_>,
    slot: &Slot,
    key: &AssetKey,
    upstreams: &mut BTreeMap<AssetKey, Upstream>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for entry in slot
        .declarations()
        .flat_map(|declared| &declared.depends_on)
    {
        match lookup.declared(&entry.asset) {
            Some(upstream) if upstream == key => {
                let message = format!("`{key}` lists itself as upstream");
                diagnostics.push(
                    Diagnostic::error("R003", Some(entry.place.clone()), message)
                        .help("remove the entry: what an asset wrote before is no input of it"),
                );
            }
            Some(upstream) => add(upstreams, upstream, Evidence::Declared, Some(entry)),
            None => diagnostics.push(unknown_upstream(lookup, key, entry)),
        }
    }
}

/// Adds an edge, or what else is known of it. How it is read is only ever declared.
fn add(
    upstreams: &mut BTreeMap<AssetKey, Upstream>,
    asset: &AssetKey,
    evidence: Evidence,
    declared: Option<&DeclaredUpstream>,
) {
    let upstream = upstreams.entry(asset.clone()).or_insert_with(|| Upstream {
        asset: asset.clone(),
        consume: Consume::Table,
        mapping: None,
        evidence: Vec::new(),
        declared_at: None,
    });
    if let Err(position) = upstream.evidence.binary_search(&evidence) {
        upstream.evidence.insert(position, evidence);
    }
    // The file comes before the block: the first declaration wins.
    if let (None, Some(declared)) = (&upstream.declared_at, declared) {
        upstream.consume = declared.consume;
        upstream.mapping.clone_from(&declared.mapping);
        upstream.declared_at = Some(declared.place.clone());
    }
}

fn unknown_upstream(lookup: &Lookup<'_>, key: &AssetKey, entry: &DeclaredUpstream) -> Diagnostic {
    let name = &entry.asset;
    let message = format!("`{key}` lists upstream `{name}`, which nobody declares");
    let diagnostic = Diagnostic::error("R002", Some(entry.place.clone()), message);
    if let Some(now) = lookup.renamed.get(name.as_str()) {
        return diagnostic
            .note(format!("a declaration gave that dbt node the key `{now}`"))
            .help(format!("write `{now}`"));
    }
    let keys = lookup
        .slots
        .list
        .iter()
        .filter_map(|slot| slot.key.as_ref());
    let keys = keys
        .map(AssetKey::as_str)
        .filter(|other| *other != key.as_str());
    let outside = "for a table that nobody here builds, declare it with `kind: source`";
    match did_you_mean(name.as_str(), keys) {
        Some(meant) => diagnostic.help(format!("did you mean `{meant}`? Otherwise, {outside}")),
        None => diagnostic.help(outside),
    }
}

fn reads_itself(slot: &Slot, id: &Arc<str>) -> Diagnostic {
    let node = slot.node.as_ref().map_or("", |node| &*node.dbt.unique_id);
    let message = format!("`{node}` reads its own table, through `{id}`");
    Diagnostic::warning("R015", slot.place().cloned(), message)
        .note("the edge is left out: a table never makes itself stale")
        .help("use `{{ this }}` in the model instead of a source with the same relation")
}

fn missing_node(id: &str, readers: &[&Slot]) -> Diagnostic {
    let names: Vec<_> = readers
        .iter()
        .filter_map(|slot| slot.key.as_ref())
        .take(5)
        .map(|key| format!("`{key}`"))
        .collect();
    let place = readers.first().and_then(|slot| slot.manifest.clone());
    let message = format!("the dbt node `{id}` is read, but no manifest has it");
    Diagnostic::warning("R014", place, message)
        .note(format!(
            "read by {} nodes, such as {}",
            readers.len(),
            names.join(", ")
        ))
        .help("add the manifest of the dbt project that has it under `dbt:` in `headwater.yml`")
}
