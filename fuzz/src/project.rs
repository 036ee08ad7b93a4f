//! What follows from declarations and manifests: the assets of a project, and their graph.

use std::collections::BTreeSet;

use assets::resolve::{ResolveInput, resolve};
use assets::{Diagnostic, Relation};
use lineage::AssetGraph;

use crate::text::codes;

/// Merges what was read, and asserts what holds for any project.
pub(crate) fn assert_resolves(input: &ResolveInput) {
    let resolved = resolve(input.clone());
    assert_eq!(
        resolved,
        resolve(input.clone()),
        "the same input gives the same assets"
    );
    let keys: Vec<&str> = resolved
        .assets
        .iter()
        .map(|asset| asset.key.as_str())
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    for asset in &resolved.assets {
        if let Some(relation) = &asset.relation {
            let written = relation.to_string();
            assert_eq!(
                Relation::parse(&written).as_ref(),
                Ok(relation),
                "{written}"
            );
        }
    }
    let is_sound = !resolved.diagnostics.iter().any(Diagnostic::is_error);
    match AssetGraph::build(resolved.assets) {
        Ok(graph) => assert_eq!(graph.topological_order().len(), graph.len()),
        Err(problems) => {
            assert!(!problems.is_empty());
            // Whatever else is wrong with edges is found before there is a graph.
            let found: BTreeSet<_> = codes(&problems).into_iter().collect();
            let expected = BTreeSet::from(["G001", "G006", "G007"]);
            assert!(!is_sound || found.is_subset(&expected), "{problems:?}");
        }
    }
}
