//! The physical graph: from each asset to the tables behind its upstreams.
//!
//! A view has no data of its own, so that an edge into it continues to what it reads. What a view
//! passes on is worked out once, in topological order, and an asset that reads nothing but one
//! view shares that view's list: a chain of views over one table costs nothing but its length.
//!
//! The worst case is a ladder of views each of which adds a table: then the lists themselves grow
//! with the square of the ladder. [`MAX_EDGES`] bounds that; no sane project comes near.

use assets::Asset;

use super::adjacency::Adjacency;
use super::{AssetIndex, position};

/// The most physical edges that are kept: 33,554,432, which take 256 MiB with their reverse.
const MAX_EDGES: usize = 1 << 25;

/// The inputs of every asset, and the reverse.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    /// Start and end of each asset's list in `lists`; several may share one.
    ranges: Vec<(u32, u32)>,
    lists: Vec<AssetIndex>,
    pub(super) readers: Adjacency,
}

/// There are more than [`MAX_EDGES`] physical edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyInputs {
    /// The asset with the longest list so far.
    pub(super) widest: AssetIndex,
    /// How long that list is.
    pub(super) width: usize,
    /// How many edges are kept at most.
    pub(super) limit: usize,
}

impl Inputs {
    pub(super) fn of(&self, index: AssetIndex) -> &[AssetIndex] {
        let range = self.ranges.get(index.position());
        range.map_or(&[], |range| list(&self.lists, *range))
    }
}

fn list(lists: &[AssetIndex], (start, end): (u32, u32)) -> &[AssetIndex] {
    lists.get(position(start)..position(end)).unwrap_or(&[])
}

/// Works out the inputs of all assets; `sorted` has upstreams first.
///
/// # Errors
///
/// Says where the lists became too long to keep.
pub(super) fn inputs(
    assets: &[Asset],
    upstreams: &Adjacency,
    sorted: &[AssetIndex],
) -> Result<Inputs, TooManyInputs> {
    inputs_up_to(MAX_EDGES, assets, upstreams, sorted)
}

#[expect(clippy::indexing_slicing, reason = "there is one range for each asset")]
fn inputs_up_to(
    limit: usize,
    assets: &[Asset],
    upstreams: &Adjacency,
    sorted: &[AssetIndex],
) -> Result<Inputs, TooManyInputs> {
    let count = assets.len();
    let mut draft = Draft {
        assets,
        ranges: vec![(0, 0); count],
        lists: Vec::new(),
        listed_by: vec![None; count],
    };
    let (mut total, mut widest, mut width) = (0, AssetIndex(0), 0);
    for &index in sorted {
        let length = draft.work_out(index, upstreams.of(index));
        if length > width {
            (widest, width) = (index, length);
        }
        total += length;
        if total > limit {
            return Err(TooManyInputs {
                widest,
                width,
                limit,
            });
        }
    }
    let Draft {
        ranges, mut lists, ..
    } = draft;
    lists.shrink_to_fit();
    let row = |index: AssetIndex| list(&lists, ranges[index.position()]);
    let readers = Adjacency::reversed(count, row);
    Ok(Inputs {
        ranges,
        lists,
        readers,
    })
}

/// The lists as far as they are worked out.
struct Draft<'a> {
    assets: &'a [Asset],
    ranges: Vec<(u32, u32)>,
    lists: Vec<AssetIndex>,
    /// For each table the asset that listed it last, so that none lists it twice.
    listed_by: Vec<Option<AssetIndex>>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "each array has one entry for each asset"
)]
impl Draft<'_> {
    /// Works out one asset's list, those of its upstreams being there, and returns its length.
    fn work_out(&mut self, index: AssetIndex, upstreams: &[AssetIndex]) -> usize {
        let range = match upstreams {
            [only] if self.is_transparent(*only) => self.ranges[only.position()],
            _ => self.merge(index, upstreams),
        };
        self.ranges[index.position()] = range;
        position(range.1 - range.0)
    }

    fn is_transparent(&self, index: AssetIndex) -> bool {
        self.assets[index.position()].kind.is_transparent()
    }

    fn merge(&mut self, index: AssetIndex, upstreams: &[AssetIndex]) -> (u32, u32) {
        let start = self.lists.len();
        for &upstream in upstreams {
            if self.is_transparent(upstream) {
                let (from, to) = self.ranges[upstream.position()];
                for at in position(from)..position(to) {
                    self.add(index, self.lists[at]);
                }
            } else if self.assets[upstream.position()].kind.has_table() {
                self.add(index, upstream);
            }
        }
        self.lists[start..].sort_unstable();
        (AssetIndex::at(start).0, AssetIndex::at(self.lists.len()).0)
    }

    fn add(&mut self, index: AssetIndex, table: AssetIndex) {
        if self.listed_by[table.position()].replace(index) != Some(index) {
            self.lists.push(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use assets::{AssetKey, AssetKind};

    use super::*;
    use crate::graph::order::order;

    /// A ladder: view `n` reads view `n - 1` and a table of its own.
    #[test]
    fn a_ladder_of_views_stops_at_the_limit_and_names_the_widest() {
        let kinds = [AssetKind::Source, AssetKind::View];
        let assets: Vec<Asset> = (0..40)
            .map(|at| Asset::new(AssetKey::new(&format!("a{at:02}")).unwrap(), kinds[at % 2]))
            .collect();
        let mut upstreams = Adjacency::with_capacity(40, 39);
        for at in 0..40_usize {
            let row: &[usize] = match at {
                1 => &[0],
                _ if at % 2 == 1 => &[at - 2, at - 1],
                _ => &[],
            };
            upstreams.push_row(row.iter().map(|at| AssetIndex::at(*at)));
        }
        let downstreams = Adjacency::reversed(40, |index| upstreams.of(index));
        let order = order(&upstreams, &downstreams).unwrap();
        // 1 + 2 + … + 20
        let all = inputs_up_to(210, &assets, &upstreams, &order.sorted).unwrap();
        assert_eq!(all.of(AssetIndex(39)).len(), 20);
        let excess = inputs_up_to(209, &assets, &upstreams, &order.sorted).unwrap_err();
        assert_eq!((excess.widest, excess.width), (AssetIndex(39), 20));
    }
}
