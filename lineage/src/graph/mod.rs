//! The asset graph: who feeds whom, and in which order.
//!
//! Two graphs share one set of assets. The *logical* one holds the edges as declared. The
//! *physical* one leads from each asset to the tables whose commits it shows: its edges pass
//! through views and ephemeral models, which have no data of their own.
//!
//! Everything is computed once, when the graph is built; a built graph does not change, has no
//! cycle, and answers with slices. What becomes known of partitions makes another one, which shares what
//! stays (`dynamic`). Nothing in here recurses: a chain of 100,000 assets is
//! as welcome as a table with 100,000 readers.
//!
//! Beside the assets themselves a graph keeps 28 bytes per asset, 8 per logical edge and 8 per
//! physical edge.

mod adjacency;
mod build;
mod cycle;
mod dynamic;
mod inputs;
mod mappings;
mod order;
mod roots;
mod set;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use assets::partition::Mapping;
use assets::{Asset, Diagnostic, Evidence, Upstream};

use adjacency::Adjacency;
use inputs::Inputs;
use mappings::Mappings;
use order::Order;

pub use dynamic::NewValues;
pub(crate) use set::AssetSet;

/// The place of one asset in the key order of its graph.
///
/// Invariant: only the graph makes one, and it is below the number of that graph's assets. It
/// means nothing in another graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetIndex(u32);

impl AssetIndex {
    /// Returns the place as a number from 0, for arrays that run beside the graph's assets.
    pub fn position(self) -> usize {
        position(self.0)
    }

    /// Takes a place. The builder has refused more assets than 32 bits can count before any
    /// place is taken, so nothing is ever clamped.
    fn at(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

/// Widens a 32-bit offset, which always fits: `usize` has 32 or 64 bits where this runs.
fn position(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The assets of one environment and their edges. Cheap to clone, by a count of each asset.
///
/// Invariant: keys are unique, every upstream is an asset of the graph, the logical edges have no
/// cycle, and the upstreams of each asset stand in key order without duplicates.
#[derive(Debug, Clone)]
pub struct AssetGraph {
    assets: Vec<Arc<Asset>>,
    edges: Arc<Edges>,
    mappings: Mappings,
}

/// What does not change with what is known of partitions.
#[derive(Debug)]
struct Edges {
    upstreams: Adjacency,
    downstreams: Adjacency,
    inputs: Inputs,
    order: Order,
    warnings: Vec<Diagnostic>,
    /// The assets of which the values of some partitions are told by tables alone, in topological order.
    dynamic: Vec<AssetIndex>,
}

impl AssetGraph {
    /// Builds the graph of assets that come in any order.
    ///
    /// An asset whose own table is among its upstreams by SQL or observation only merely reads
    /// its earlier state; that edge is left out. An edge that was only observed never closes a
    /// cycle: it is left out, with a warning.
    ///
    /// # Errors
    ///
    /// All problems at once: two assets of one key (`G002`), an upstream that nobody declares
    /// (`G003`), cycles as a shortest closed path with the evidence of each edge (`G001`, at most
    /// ten), views that multiply into more physical edges than are kept (`G006`), and partitions of
    /// which it is not clear or not possible how they belong together (`G007`).
    pub fn build(assets: Vec<Asset>) -> Result<Self, Vec<Diagnostic>> {
        build::build(assets)
    }

    /// Returns what is probably not as meant, though the graph works.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.edges.warnings
    }

    /// Returns the number of assets.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Returns whether there is no asset at all.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// Finds an asset by its exact key.
    pub fn index_of(&self, key: &str) -> Option<AssetIndex> {
        let found = self
            .assets
            .binary_search_by(|asset| asset.key.as_str().cmp(key));
        found.ok().map(AssetIndex::at)
    }

    /// Returns an asset.
    #[expect(
        clippy::indexing_slicing,
        reason = "only the graph makes an index, and it never loses an asset"
    )]
    pub fn asset(&self, index: AssetIndex) -> &Asset {
        &self.assets[index.position()]
    }

    /// Returns every index, in key order.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = AssetIndex> + use<> {
        all_indices(self.assets.len())
    }

    /// Returns the direct logical upstreams, in key order.
    pub fn upstreams(&self, index: AssetIndex) -> &[AssetIndex] {
        self.edges.upstreams.of(index)
    }

    /// Returns the direct logical downstreams, in key order.
    pub fn downstreams(&self, index: AssetIndex) -> &[AssetIndex] {
        self.edges.downstreams.of(index)
    }

    /// Returns the direct logical upstreams with what was declared about each edge, in key order.
    pub fn edges_into(
        &self,
        index: AssetIndex,
    ) -> impl Iterator<Item = (AssetIndex, &Upstream)> + use<'_> {
        let upstreams = self.edges.upstreams.of(index).iter().copied();
        upstreams.zip(&self.asset(index).upstreams)
    }

    /// Returns the tables that an asset shows or is built from: its upstreams, with every view
    /// and ephemeral model replaced by what lies behind it. In key order, without duplicates.
    ///
    /// Views have inputs, too: the tables that they show. An exposure is nobody's input.
    pub fn inputs(&self, index: AssetIndex) -> &[AssetIndex] {
        self.edges.inputs.of(index)
    }

    /// Returns how the partitions of an asset and of one of its [`inputs`](Self::inputs) belong together;
    /// `None` where neither has any, so that a whole needs a whole.
    pub fn mapping(&self, index: AssetIndex, input: AssetIndex) -> Option<&Mapping> {
        let at = self.inputs(index).binary_search(&input).ok()?;
        self.mappings.of(index)?.get(at)
    }

    /// Returns the mappings onto all [`inputs`](Self::inputs) of an asset, in their order; `None` where no
    /// side has partitions.
    pub fn mappings(&self, index: AssetIndex) -> Option<&[Mapping]> {
        self.mappings.of(index)
    }

    /// Returns the assets among whose [`inputs`](Self::inputs) this one is, in key order.
    pub fn readers(&self, index: AssetIndex) -> &[AssetIndex] {
        self.edges.inputs.readers.of(index)
    }

    /// Returns all assets with every logical upstream before its downstreams: by
    /// [`depth`](Self::depth), and in key order within one depth.
    pub fn topological_order(&self) -> &[AssetIndex] {
        &self.edges.order.sorted
    }

    /// Returns the number of edges on the longest logical path from an asset without upstreams.
    pub fn depth(&self, index: AssetIndex) -> u32 {
        self.edges
            .order
            .depths
            .get(index.position())
            .copied()
            .unwrap_or(0)
    }

    /// Returns everything that feeds an asset, directly or not, in key order; not the asset itself.
    pub fn ancestors(&self, index: AssetIndex) -> Vec<AssetIndex> {
        self.ancestors_of(&[index])
    }

    /// Returns everything that an asset feeds, directly or not, in key order; not the asset itself.
    pub fn descendants(&self, index: AssetIndex) -> Vec<AssetIndex> {
        self.descendants_of(&[index])
    }

    /// Returns what any of the seeds has as an ancestor, in key order. A seed is among them only
    /// when it is an ancestor of another one.
    pub fn ancestors_of(&self, seeds: &[AssetIndex]) -> Vec<AssetIndex> {
        self.ancestors_within(seeds, u32::MAX).iter().collect()
    }

    /// Returns what any of the seeds has as a descendant, in key order. A seed is among them only
    /// when it is a descendant of another one.
    pub fn descendants_of(&self, seeds: &[AssetIndex]) -> Vec<AssetIndex> {
        self.descendants_within(seeds, u32::MAX).iter().collect()
    }

    /// Returns who says that `downstream` reads `upstream`; empty where there is no such edge.
    pub fn evidence(&self, upstream: AssetIndex, downstream: AssetIndex) -> &[Evidence] {
        let found = self
            .edges
            .upstreams
            .of(downstream)
            .binary_search(&upstream)
            .ok();
        found
            .and_then(|at| self.asset(downstream).upstreams.get(at))
            .map_or(&[], |edge| edge.evidence.as_slice())
    }

    pub(crate) fn ancestors_within(&self, seeds: &[AssetIndex], steps: u32) -> AssetSet {
        self.edges.upstreams.reach(seeds, steps)
    }

    pub(crate) fn descendants_within(&self, seeds: &[AssetIndex], steps: u32) -> AssetSet {
        self.edges.downstreams.reach(seeds, steps)
    }
}

fn all_indices(count: usize) -> impl DoubleEndedIterator<Item = AssetIndex> + use<> {
    let all: Range<u32> = 0..AssetIndex::at(count).0;
    all.map(AssetIndex)
}
