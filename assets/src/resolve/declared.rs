//! Which asset each entry of an asset file speaks of: one of dbt's, or one of its own.

use std::collections::HashMap;

use super::slot::{Slot, Slots};
use crate::declaration::DeclaredAsset;
use crate::diagnostic::{Diagnostic, Place};
use crate::key::AssetKey;
use crate::relation::Relation;

/// Joins the entries of asset files with the slots of dbt nodes, or gives them slots of their own.
///
/// A declaration means the node whose `unique_id` is its key, else the node with its relation, else
/// the node with its key.
pub(super) fn join(
    slots: &mut Slots,
    declared: Vec<DeclaredAsset>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut by_relation: HashMap<Relation, usize> = HashMap::new();
    let mut by_key: HashMap<AssetKey, usize> = HashMap::new();
    for (position, slot) in slots.list.iter().enumerate() {
        if let Some(relation) = slot.relation() {
            by_relation.entry(relation.clone()).or_insert(position);
        }
        if let Some(key) = &slot.key {
            by_key.entry(key.clone()).or_insert(position);
        }
    }
    let mut seen: HashMap<AssetKey, Place> = HashMap::new();
    for declaration in declared {
        if let Some(key) = &declaration.key {
            if let Some(first) = seen.get(key) {
                diagnostics.push(declared_twice(key, first, &declaration.place));
                continue;
            }
            seen.insert(key.clone(), declaration.place.clone());
        }
        let id = declaration
            .key
            .as_ref()
            .and_then(|key| slots.position(key.as_str()));
        let relation = || by_relation.get(declaration.relation.as_ref()?).copied();
        let key = || by_key.get(declaration.key.as_ref()?).copied();
        let target = id.or_else(relation).or_else(key);
        let Some(slot) = target.and_then(|position| slots.list.get_mut(position)) else {
            slots.list.push(Slot {
                file: Some(declaration),
                ..Slot::default()
            });
            continue;
        };
        match &slot.file {
            Some(first) => diagnostics.push(node_declared_twice(slot, first, &declaration)),
            None => slot.file = Some(declaration),
        }
    }
}

fn declared_twice(key: &AssetKey, first: &Place, second: &Place) -> Diagnostic {
    Diagnostic::error(
        "R001",
        Some(second.clone()),
        format!("`{key}` is declared twice"),
    )
    .note(format!(
        "first at {}:{}:{}",
        first.file, first.line, first.column
    ))
    .help("remove one of the two, or give it another key")
}

fn node_declared_twice(slot: &Slot, first: &DeclaredAsset, second: &DeclaredAsset) -> Diagnostic {
    let node = slot.node.as_ref().map_or("", |node| &*node.dbt.unique_id);
    let place = &first.place;
    let message = format!("the dbt node `{node}` is declared twice");
    Diagnostic::error("R001", Some(second.place.clone()), message)
        .note(format!(
            "first at {}:{}:{}",
            place.file, place.line, place.column
        ))
        .help("remove one of the two: they have the same relation, key or `unique_id`")
}
