//! Small assets and graphs for this crate's tests.

use assets::{Asset, AssetKey, AssetKind, Consume, Evidence, Place, Upstream};
use proptest::prelude::*;

use crate::{AssetGraph, AssetIndex};

/// An upstream by declaration.
pub(crate) fn upstream(key: &str) -> Upstream {
    Upstream {
        asset: AssetKey::new(key).unwrap(),
        consume: Consume::Table,
        mapping: None,
        evidence: vec![Evidence::Declared],
        declared_at: None,
    }
}

pub(crate) fn asset(key: &str, kind: AssetKind, upstreams: &[&str]) -> Asset {
    let mut asset = Asset::new(AssetKey::new(key).unwrap(), kind);
    asset.upstreams = upstreams.iter().map(|key| upstream(key)).collect();
    asset
}

pub(crate) fn table(key: &str, upstreams: &[&str]) -> Asset {
    asset(key, AssetKind::Table, upstreams)
}

pub(crate) fn place(file: &str, line: usize) -> Place {
    Place {
        file: file.into(),
        line,
        column: 9,
        span: 0..0,
    }
}

pub(crate) fn keys(graph: &AssetGraph, indices: &[AssetIndex]) -> Vec<String> {
    let key = |index: &AssetIndex| graph.asset(*index).key.to_string();
    indices.iter().map(key).collect()
}

/// The key of the asset at a position of a generated graph; in key order by position.
pub(crate) fn numbered(position: usize) -> String {
    format!("s.a{position:06}")
}

/// Positions, kinds and upstreams of a graph without cycles. The keys are scattered, so that key
/// order is not the order of the edges.
pub(crate) fn acyclic_assets(most: usize) -> impl Strategy<Value = Vec<Asset>> {
    let kinds = prop::collection::vec(prop::sample::select(&AssetKind::ALL[..]), 1..most);
    kinds.prop_flat_map(|kinds| {
        let count = kinds.len();
        let edges = prop::collection::vec((0..count, 0..count), 0..count * 2);
        let names = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
        (Just(kinds), edges, names).prop_map(|(kinds, edges, names)| {
            let mut assets: Vec<Asset> = kinds
                .iter()
                .zip(&names)
                .map(|(kind, name)| asset(&numbered(*name), *kind, &[]))
                .collect();
            for (a, b) in edges.into_iter().filter(|(a, b)| a != b) {
                let (from, to) = (a.min(b), a.max(b));
                assets[to].upstreams.push(upstream(&numbered(names[from])));
            }
            assets
        })
    })
}
