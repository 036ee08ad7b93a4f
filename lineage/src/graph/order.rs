//! The order in which assets can be built: upstream first.

use super::adjacency::Adjacency;
use super::{AssetIndex, all_indices, position};

/// All assets of a graph without cycles, upstream first.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// By depth, and in key order within one depth.
    pub(super) sorted: Vec<AssetIndex>,
    /// For each asset the number of edges on its longest path from a root.
    pub(super) depths: Vec<u32>,
}

/// Orders the assets, in time linear in assets and edges.
///
/// # Errors
///
/// Returns the assets that are on a cycle or downstream of one, in key order.
#[expect(
    clippy::indexing_slicing,
    reason = "both lists have one row for each asset and name no others"
)]
pub(super) fn order(
    upstreams: &Adjacency,
    downstreams: &Adjacency,
) -> Result<Order, Vec<AssetIndex>> {
    let count = upstreams.len();
    let mut waits_for: Vec<usize> = all_indices(count)
        .map(|index| upstreams.of(index).len())
        .collect();
    let mut depths = vec![0_u32; count];
    let mut ready: Vec<AssetIndex> = all_indices(count)
        .filter(|index| upstreams.of(*index).is_empty())
        .collect();
    let mut done = 0;
    while let Some(index) = ready.pop() {
        done += 1;
        for downstream in downstreams.of(index) {
            let at = downstream.position();
            depths[at] = depths[at].max(depths[index.position()] + 1);
            waits_for[at] -= 1;
            if waits_for[at] == 0 {
                ready.push(*downstream);
            }
        }
    }
    if done < count {
        let stuck = |index: &AssetIndex| waits_for[index.position()] > 0;
        return Err(all_indices(count).filter(stuck).collect());
    }
    Ok(Order {
        sorted: by_depth(&depths),
        depths,
    })
}

/// Sorts by depth and then by key, by counting: along every edge the depth grows, so that this is
/// an order with upstreams first, and the same for any order of the input.
#[expect(
    clippy::indexing_slicing,
    reason = "the starts are counted from the same depths, none of which reaches their number"
)]
fn by_depth(depths: &[u32]) -> Vec<AssetIndex> {
    let mut starts = vec![0_usize; depths.len() + 1];
    for depth in depths {
        starts[position(*depth) + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut sorted = vec![AssetIndex(0); depths.len()];
    for (index, depth) in all_indices(depths.len()).zip(depths) {
        let slot = &mut starts[position(*depth)];
        sorted[*slot] = index;
        *slot += 1;
    }
    sorted
}
