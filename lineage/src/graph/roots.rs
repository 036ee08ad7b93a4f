//! The roots of an asset: the tables from which all that it shows comes.

use super::{AssetGraph, AssetIndex, AssetSet};

impl AssetGraph {
    /// Returns the tables without [`inputs`](Self::inputs) from which an asset is made, through tables and
    /// views, in key order; the asset itself, where it has none.
    pub fn roots(&self, index: AssetIndex) -> Vec<AssetIndex> {
        let mut seen = AssetSet::new(self.len());
        let mut roots = Vec::new();
        let mut next = vec![index];
        seen.insert(index);
        while let Some(at) = next.pop() {
            let inputs = self.inputs(at);
            if inputs.is_empty() {
                roots.push(at);
            }
            next.extend(inputs.iter().copied().filter(|input| seen.insert(*input)));
        }
        roots.sort_unstable();
        roots
    }

    /// Returns the roots that several inputs of an asset are made from, in key order.
    pub fn shared_roots(&self, index: AssetIndex) -> Vec<AssetIndex> {
        let inputs = self.inputs(index).iter();
        let mut all: Vec<AssetIndex> = inputs.flat_map(|input| self.roots(*input)).collect();
        all.sort_unstable();
        let repeated = all.windows(2).filter(|pair| pair.first() == pair.last());
        let mut shared: Vec<AssetIndex> =
            repeated.filter_map(|pair| pair.first().copied()).collect();
        shared.dedup();
        shared
    }
}
