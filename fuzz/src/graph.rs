//! Graphs, also impossible ones: duplicate keys, names that differ in case alone, edges to nowhere,
//! to the asset itself and in circles.
//!
//! Each four bytes are one step: a new asset, or an edge.

use std::collections::{BTreeMap, BTreeSet};

use assets::{Asset, AssetKey, AssetKind, Consume, Diagnostic, Evidence, Upstream};
use lineage::{AssetGraph, AssetIndex, Selection, tree};

use crate::text::codes;

/// The most assets of one input: the laws are checked in the slow and obvious way.
const MOST_ASSETS: usize = 48;

/// Makes a graph of bytes, and compares it with what the steps say.
pub fn graph(bytes: &[u8]) {
    let assets = assets_of(bytes);
    let mut backwards = assets.clone();
    backwards.reverse();
    let expected = Expected::of(&assets);
    match AssetGraph::build(assets.clone()) {
        Ok(graph) => {
            assert!(!expected.is_wrong(), "built in spite of {expected:?}");
            let again = AssetGraph::build(backwards);
            assert!(
                again.is_ok_and(|again| is_same(&graph, &again)),
                "in another order"
            );
            assert_is_sound(&graph);
            assert_is_selected_and_drawn(&graph);
        }
        Err(problems) => {
            assert!(expected.is_wrong(), "{problems:?}");
            assert_eq!(
                AssetGraph::build(assets).err().as_ref(),
                Some(&problems),
                "built twice"
            );
            assert_names(&expected, &problems);
            let again = AssetGraph::build(backwards).err().unwrap_or_default();
            assert_eq!(
                sorted(codes(&again)),
                sorted(codes(&problems)),
                "in another order"
            );
        }
    }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}

/// Sixteen names, half of which differ from the other half in case alone.
fn key(byte: u8) -> Option<AssetKey> {
    let name = [
        "orders", "ORDERS", "rates", "Rates", "x", "X", "mart", "MART",
    ];
    let name = name.get(usize::from(byte % 8))?;
    AssetKey::new(&format!("s{}.{name}", (byte / 8) % 6)).ok()
}

fn evidence(byte: u8) -> Vec<Evidence> {
    let all = [
        Evidence::Declared,
        Evidence::Dbt,
        Evidence::Sql,
        Evidence::Observed,
    ];
    let chosen = all
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| byte >> bit & 1 == 1);
    let mut chosen: Vec<Evidence> = chosen.map(|(_, evidence)| evidence).collect();
    if chosen.is_empty() {
        chosen.push(Evidence::Observed);
    }
    chosen
}

fn assets_of(bytes: &[u8]) -> Vec<Asset> {
    let mut assets: Vec<Asset> = Vec::new();
    for step in bytes.chunks_exact(4) {
        let &[what, a, b, c] = step else { continue };
        let (count, is_asset) = (assets.len(), what % 3 == 0);
        if is_asset && count < MOST_ASSETS {
            let kind = AssetKind::ALL.get(usize::from(b) % AssetKind::ALL.len());
            assets.extend(key(a).zip(kind).map(|(key, kind)| Asset::new(key, *kind)));
        } else if !is_asset && count > 0 {
            let reader = assets.get_mut(usize::from(a) % count);
            let Some((reader, asset)) = reader.zip(key(b)) else {
                continue;
            };
            reader.upstreams.push(Upstream {
                asset,
                consume: if what & 0x80 == 0 {
                    Consume::Table
                } else {
                    Consume::Changes
                },
                mapping: None,
                evidence: evidence(c),
                declared_at: None,
            });
        }
    }
    assets
}

/// What is wrong with assets, found without a graph.
#[derive(Debug, Default)]
struct Expected {
    duplicates: usize,
    dangling: BTreeSet<(AssetKey, AssetKey)>,
    /// Assets that cannot be put in an order by their firm edges.
    tangled: BTreeSet<AssetKey>,
}

impl Expected {
    fn of(assets: &[Asset]) -> Self {
        let mut firm: BTreeMap<AssetKey, BTreeSet<AssetKey>> = BTreeMap::new();
        for asset in assets {
            firm.entry(asset.key.clone()).or_default();
        }
        let known: BTreeSet<AssetKey> = firm.keys().cloned().collect();
        let mut found = Self {
            duplicates: assets.len() - known.len(),
            ..Self::default()
        };
        for asset in assets {
            for edge in &asset.upstreams {
                let is_meant = edge
                    .evidence
                    .iter()
                    .any(|evidence| matches!(evidence, Evidence::Declared | Evidence::Dbt));
                let is_firm =
                    is_meant || (edge.evidence != [Evidence::Observed] && edge.asset != asset.key);
                if !known.contains(&edge.asset) {
                    found
                        .dangling
                        .insert((asset.key.clone(), edge.asset.clone()));
                } else if is_firm && let Some(reads) = firm.get_mut(&asset.key) {
                    reads.insert(edge.asset.clone());
                }
            }
        }
        found.tangled = known;
        while let Some(free) = found.tangled.iter().find(|key| {
            firm.get(*key)
                .is_none_or(|reads| reads.is_disjoint(&found.tangled))
        }) {
            let free = free.clone();
            found.tangled.remove(&free);
        }
        found
    }

    fn is_wrong(&self) -> bool {
        self.duplicates > 0 || !self.dangling.is_empty() || !self.tangled.is_empty()
    }
}

/// Each problem is told, as often as it is there; of cycles a few stand for all.
fn assert_names(expected: &Expected, problems: &[Diagnostic]) {
    let count = |code: &str| {
        problems
            .iter()
            .filter(|problem| problem.code == code)
            .count()
    };
    assert_eq!(count("G002"), expected.duplicates, "{problems:?}");
    assert_eq!(count("G003"), expected.dangling.len(), "{problems:?}");
    assert_eq!(
        count("G001") > 0,
        !expected.tangled.is_empty(),
        "{problems:?}"
    );
    assert!(count("G001") <= 10, "{problems:?}");
}

fn is_same(a: &AssetGraph, b: &AssetGraph) -> bool {
    a.topological_order() == b.topological_order()
        && a.warnings() == b.warnings()
        && a.indices()
            .all(|index| a.asset(index) == b.asset(index) && a.inputs(index) == b.inputs(index))
}

fn assert_is_sound(graph: &AssetGraph) {
    let order = graph.topological_order();
    assert_eq!(sorted(order.to_vec()), graph.indices().collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    for &index in order {
        let upstreams = graph.upstreams(index);
        assert!(upstreams.is_sorted_by(|a, b| a < b));
        assert!(
            upstreams.iter().all(|upstream| seen.contains(upstream)),
            "{}",
            graph.asset(index).key
        );
        seen.insert(index);
        for &upstream in upstreams {
            assert!(graph.downstreams(upstream).contains(&index));
            assert!(!graph.evidence(upstream, index).is_empty());
        }
        for &input in graph.inputs(index) {
            assert!(graph.asset(input).kind.has_table() && graph.readers(input).contains(&index));
        }
        let key = graph.asset(index).key.as_str();
        assert_eq!(graph.index_of(key), Some(index));
        let ancestors = graph.ancestors(index);
        assert!(!ancestors.contains(&index), "{key} feeds itself");
        assert!(
            ancestors
                .iter()
                .all(|above| graph.descendants(*above).contains(&index))
        );
    }
}

fn assert_is_selected_and_drawn(graph: &AssetGraph) {
    let edges: usize = graph
        .indices()
        .map(|index| graph.upstreams(index).len())
        .sum();
    for index in graph.indices() {
        let key = graph.asset(index).key.as_str();
        let label = |index: AssetIndex| graph.asset(index).key.to_string();
        let drawn = tree(graph, index, u32::MAX, u32::MAX, &label);
        assert!(drawn.lines().count() <= 3 + 2 * edges, "{drawn}");
        let selected = Selection::parse(&format!("+{key}"))
            .map(|selection| selection.evaluate(graph, &|_| "fresh"));
        let expected = sorted([graph.ancestors(index), vec![index]].concat());
        assert_eq!(selected.map(|selected| selected.assets), Ok(expected));
    }
}
