//! Which key each asset has: what a file says, else the block in dbt, else dbt's own names.

use std::collections::BTreeMap;

use super::slot::Slot;
use crate::diagnostic::Diagnostic;
use crate::key::AssetKey;

/// Gives the slots of dbt nodes the keys that they have unless an asset file names another.
pub(super) fn propose(slots: &mut [Slot], diagnostics: &mut Vec<Diagnostic>) {
    for slot in slots {
        let declared = slot.block.as_ref().and_then(|block| block.key.clone());
        let Some(node) = &slot.node else { continue };
        slot.key = match declared {
            Some(key) => Some(key),
            None => match AssetKey::new(&node.key) {
                Ok(key) => Some(key),
                Err(error) => {
                    let message = format!("`{}` has no usable key: {error}", node.dbt.unique_id);
                    diagnostics.push(
                        Diagnostic::error("R009", slot.place().cloned(), message)
                            .note(format!("its names in dbt give `{}`", node.key))
                            .help("set `config.meta.headwater.key` of the dbt node"),
                    );
                    None
                }
            },
        };
    }
}

/// Lets the keys of asset files win, and takes the key from all but one that share it.
pub(super) fn decide(slots: &mut [Slot], diagnostics: &mut Vec<Diagnostic>) {
    for slot in &mut *slots {
        let Some(file) = &slot.file else { continue };
        match &file.key {
            Some(key) => slot.key = Some(key.clone()),
            None if slot.key.is_none() => {
                let place = Some(file.place.clone());
                diagnostics.push(
                    Diagnostic::error("R010", place, "the asset has no `key`")
                        .help("add `key:`; it may be left out only where a dbt node gives it"),
                );
            }
            None => {}
        }
    }
    let mut owners: BTreeMap<AssetKey, usize> = BTreeMap::new();
    let mut losers = Vec::new();
    for (position, slot) in slots.iter().enumerate() {
        let Some(key) = &slot.key else { continue };
        let Some(other) = owners.get(key).copied() else {
            owners.insert(key.clone(), position);
            continue;
        };
        let Some(first) = slots.get(other) else {
            continue;
        };
        // A key that a file names stays with that file's asset.
        let (winner, loser) = if slot.file.is_some() && first.file.is_none() {
            owners.insert(key.clone(), position);
            ((slot, position), (first, other))
        } else {
            ((first, other), (slot, position))
        };
        diagnostics.push(shared_key(key, winner.0, loser.0));
        losers.push(loser.1);
    }
    for loser in losers {
        if let Some(slot) = slots.get_mut(loser) {
            slot.key = None;
        }
    }
}

fn shared_key(key: &AssetKey, winner: &Slot, loser: &Slot) -> Diagnostic {
    let (first, second) = (described(winner), described(loser));
    let message = format!("`{key}` is the key of both {first} and {second}");
    let example = "`config: { meta: { headwater: { key: … } } }`";
    let node = loser
        .node
        .as_ref()
        .map_or("one of them", |node| &*node.dbt.unique_id);
    let help = format!("give `{node}` a key of its own: set {example} in its dbt properties");
    Diagnostic::error("R008", loser.place().cloned(), message).help(help)
}

fn described(slot: &Slot) -> String {
    match (&slot.node, slot.place()) {
        (Some(node), _) => format!("`{}`", node.dbt.unique_id),
        (None, Some(place)) => {
            format!(
                "the asset at {}:{}:{}",
                place.file, place.line, place.column
            )
        }
        (None, None) => "another asset".to_owned(),
    }
}
