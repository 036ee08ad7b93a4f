//! The benchmark graph is what its published fingerprints say, and this crate walks it alike.

#[path = "../../benches/bench_graph/mod.rs"]
mod bench_graph;

use assets::{Asset, AssetKey, AssetKind, Consume, Evidence, Upstream};
use lineage::AssetGraph;
use sha2::{Digest, Sha256};

use bench_graph::{BenchAsset, bench_graph};

/// Writes one line for each asset, `<position>:<parents>`, and returns the first half of the
/// digest's hexadecimal form that the benchmark's description quotes.
fn fingerprint(assets: &[BenchAsset]) -> String {
    let mut digest = Sha256::new();
    for (position, (_, parents)) in assets.iter().enumerate() {
        let parents: Vec<String> = parents.iter().map(ToString::to_string).collect();
        digest.update(format!("{position}:{}\n", parents.join(",")));
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let front = bytes.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(front))
}

#[test]
fn the_graph_has_its_published_fingerprints() {
    for (count, expected) in [
        (100, "9ab09f3f75e68576"),
        (1_000, "6894d3eb19818cd7"),
        (2_000, "2d006eecb8799672"),
        (5_000, "b4b142243b57dd39"),
    ] {
        let (assets, _) = bench_graph(count);
        assert_eq!(assets.len(), count);
        assert_eq!(fingerprint(&assets), expected, "{count} assets");
        assert_eq!(assets[42].0, "a000042");
    }
}

#[test]
fn touched_roots_and_their_closures_are_the_published_ones() {
    for (count, roots, closure) in [
        (100, vec![5], 82),
        (1_000, vec![1], 660),
        (2_000, vec![101, 155], 1_224),
        (5_000, vec![301, 255, 298, 55, 208], 2_715),
    ] {
        let (bench, touched) = bench_graph(count);
        assert_eq!(touched, roots, "{count} assets");
        let key = |position: usize| AssetKey::new(&bench[position].0).unwrap();
        let assets = bench.iter().enumerate().map(|(position, (_, parents))| {
            let mut asset = Asset::new(key(position), AssetKind::Table);
            asset.upstreams = parents
                .iter()
                .map(|parent| Upstream {
                    asset: key(*parent),
                    consume: Consume::Table,
                    mapping: None,
                    evidence: vec![Evidence::Declared],
                    declared_at: None,
                })
                .collect();
            asset
        });
        let graph = AssetGraph::build(assets.collect()).unwrap();
        let seeds: Vec<_> = touched
            .iter()
            .map(|root| graph.index_of(&bench[*root].0).unwrap())
            .collect();
        assert_eq!(
            graph.descendants_of(&seeds).len(),
            closure,
            "{count} assets"
        );
    }
}
