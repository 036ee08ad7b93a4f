//! Code that was declared after an asset was built.
//!
//! Nobody knows with which code it was built. It is taken to be the first one that is declared, so that the
//! next change of it is noticed.

use std::collections::BTreeMap;

use assets::{Asset, AssetKey};
use lineage::AssetGraph;

use super::{Seen, sighting};
use crate::state::Memory;

/// Records the code of assets of which none was known when they were built.
pub(super) fn take_over(graph: &AssetGraph, memory: &Memory, seen: &mut Vec<Seen>) {
    let mut places: BTreeMap<AssetKey, usize> = BTreeMap::new();
    for (at, found) in seen.iter().enumerate() {
        places.insert(found.sighting.asset.clone(), at);
    }
    for (key, build) in &memory.builds {
        if build.code_version.is_some() || !build.was_built() {
            continue;
        }
        let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
        let code = asset.filter(|asset| asset.is_built_here());
        let code = code.and_then(|asset: &Asset| asset.code_version.clone());
        let (Some(code), Some(observation)) = (code, memory.observations.get(key)) else {
            continue;
        };
        let at = places.get(key).copied().unwrap_or_else(|| {
            seen.push(sighting::seen(key, observation.clone(), Vec::new()));
            seen.len() - 1
        });
        if let Some(found) = seen.get_mut(at) {
            found.sighting.code_version = Some(code);
        }
    }
}
