//! Sets of assets of one graph, one bit each.

use super::AssetIndex;

const WORD: usize = 64;

/// A set of assets of one graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssetSet {
    words: Vec<u64>,
}

impl AssetSet {
    /// Makes an empty set for a graph of so many assets.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            words: vec![0; count.div_ceil(WORD)],
        }
    }

    /// Adds an asset and returns whether it was not in the set before.
    pub(crate) fn insert(&mut self, index: AssetIndex) -> bool {
        let (at, bit) = locate(index);
        let Some(word) = self.words.get_mut(at) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    pub(crate) fn contains(&self, index: AssetIndex) -> bool {
        let (at, bit) = locate(index);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word |= theirs;
        }
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= theirs;
        }
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, theirs) in self.words.iter_mut().zip(&other.words) {
            *word &= !theirs;
        }
    }

    /// Returns its assets in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = AssetIndex> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).unwrap_or(WORD);
                // Clears the lowest bit; an empty word stays empty and ends the iteration.
                let next = (left != 0).then(|| AssetIndex::at(at * WORD + bit));
                left &= left.wrapping_sub(1);
                next
            })
        })
    }
}

fn locate(index: AssetIndex) -> (usize, u64) {
    let position = index.position();
    (position / WORD, 1 << (position % WORD))
}
