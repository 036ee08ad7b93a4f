//! Edges in two flat arrays: 4 bytes for each edge and 4 for each asset.

use super::{AssetIndex, AssetSet, all_indices, position};

/// For each asset a row of others, in key order without duplicates.
#[derive(Debug, Clone)]
pub(super) struct Adjacency {
    /// Where each row begins in `targets`, and one more: the end of the last.
    offsets: Vec<u32>,
    targets: Vec<AssetIndex>,
}

impl Adjacency {
    /// Makes room for so many rows and edges; the rows are then added in index order.
    pub(super) fn with_capacity(rows: usize, edges: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            offsets,
            targets: Vec::with_capacity(edges),
        }
    }

    /// Adds the next row, in key order already.
    pub(super) fn push_row(&mut self, row: impl Iterator<Item = AssetIndex>) {
        self.targets.extend(row);
        // An edge takes far more memory where it is declared than here, so that 32 bits last.
        self.offsets
            .push(u32::try_from(self.targets.len()).unwrap_or(u32::MAX));
    }

    /// Turns every edge round. `row` returns the edges of one asset; each row of the result is in
    /// key order because the rows are visited in key order.
    #[expect(
        clippy::indexing_slicing,
        reason = "all rows name assets below `count`, and the offsets are counted from them"
    )]
    pub(super) fn reversed<'a>(count: usize, row: impl Fn(AssetIndex) -> &'a [AssetIndex]) -> Self {
        let mut offsets = vec![0_u32; count + 1];
        for index in all_indices(count) {
            for target in row(index) {
                offsets[target.position() + 1] += 1;
            }
        }
        for at in 1..=count {
            offsets[at] += offsets[at - 1];
        }
        let mut free = offsets.clone();
        let total = position(offsets[count]);
        let mut targets = vec![AssetIndex(0); total];
        for index in all_indices(count) {
            for target in row(index) {
                let slot = &mut free[target.position()];
                targets[position(*slot)] = index;
                *slot += 1;
            }
        }
        Self { offsets, targets }
    }

    /// Returns the row of one asset.
    pub(super) fn of(&self, index: AssetIndex) -> &[AssetIndex] {
        let at = index.position();
        let row = || {
            let start = position(*self.offsets.get(at)?);
            let end = position(*self.offsets.get(at + 1)?);
            self.targets.get(start..end)
        };
        row().unwrap_or(&[])
    }

    /// Returns the number of assets, which is the number of rows.
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns what can be reached from any seed in 1 to `steps` steps. A seed is in the result
    /// only when another one reaches it.
    pub(super) fn reach(&self, seeds: &[AssetIndex], steps: u32) -> AssetSet {
        let mut reached = AssetSet::new(self.len());
        let mut frontier = seeds.to_vec();
        let mut taken = 0;
        while taken < steps && !frontier.is_empty() {
            let mut next = Vec::new();
            for index in frontier {
                let row = self.of(index).iter().copied();
                next.extend(row.filter(|target| reached.insert(*target)));
            }
            frontier = next;
            taken += 1;
        }
        reached
    }
}
