//! Sets of partitions of one definition, as compact as they can be.
//!
//! Windows of time are sorted ranges of ordinals, values are bits by their place in the list, and a
//! product is a run-length encoded map from its first part to sets of the others. Operations are
//! linear in ranges, words and runs, never in partitions. Each set has one representation, so that
//! equal sets are equal values.
//!
//! A set knows no definition: those of one definition belong together. Where sets of two
//! definitions meet by mistake, the answer is the careful one: a union is everything.

mod bits;
mod bytes;
mod runs;
mod spans;
mod walk;

pub use bytes::BytesError;
pub use walk::PartitionRange;

pub(super) use bits::Bits;
pub(super) use runs::Runs;
pub(super) use spans::{Span, Spans};

/// The most parts a product may have.
pub const MAX_PARTS: usize = 3;

/// One partition: its ordinal, or those of its parts in a product, in their order.
///
/// What the numbers mean is the definition's; see [`Partitions`](super::Partitions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    parts: [i32; MAX_PARTS],
    len: usize,
}

impl Partition {
    /// Returns the partition of a definition that is no product.
    pub fn single(ordinal: i32) -> Self {
        Self {
            parts: [ordinal, 0, 0],
            len: 1,
        }
    }

    /// Returns the partition of a product; `None` for no parts, or more than [`MAX_PARTS`].
    pub fn of_parts(ordinals: &[i32]) -> Option<Self> {
        let mut parts = [0; MAX_PARTS];
        parts.get_mut(..ordinals.len())?.copy_from_slice(ordinals);
        (!ordinals.is_empty()).then_some(Self {
            parts,
            len: ordinals.len(),
        })
    }

    /// Returns the ordinals, in the order of the parts.
    pub fn ordinals(&self) -> &[i32] {
        self.parts.get(..self.len).unwrap_or_default()
    }

    /// Returns the partition of a product that has this one behind its first part.
    fn behind(self, first: i32) -> Self {
        let [a, b, _] = self.parts;
        Self {
            parts: [first, a, b],
            len: (self.len + 1).min(MAX_PARTS),
        }
    }
}

/// A set of partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PartitionSet(pub(super) Shape);

/// What a set is made of. Invariant: none of the shapes but `Nothing` is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    #[default]
    Nothing,
    /// All that exist and will exist, whatever they are.
    Everything,
    Windows(Spans),
    Values(Bits),
    Product(Runs),
}

impl PartitionSet {
    /// The set of no partition.
    pub const NOTHING: Self = Self(Shape::Nothing);

    /// The set of all partitions, also of those that are not known yet.
    ///
    /// [`Partitions::existing`](super::Partitions::existing) has those there are at an instant;
    /// the intersection of both is the latter.
    pub const EVERYTHING: Self = Self(Shape::Everything);

    pub(super) fn windows(spans: Spans) -> Self {
        Self(if spans.is_empty() {
            Shape::Nothing
        } else {
            Shape::Windows(spans)
        })
    }

    pub(super) fn values(bits: Bits) -> Self {
        Self(if bits.is_empty() {
            Shape::Nothing
        } else {
            Shape::Values(bits)
        })
    }

    pub(super) fn product(runs: Runs) -> Self {
        Self(if runs.is_empty() {
            Shape::Nothing
        } else {
            Shape::Product(runs)
        })
    }

    /// Returns the combinations of two sets.
    pub(super) fn times(&self, inner: &Self) -> Self {
        let spans = match &self.0 {
            _ if inner.is_empty() => return Self::NOTHING,
            Shape::Nothing => return Self::NOTHING,
            Shape::Everything if inner.is_everything() => return Self::EVERYTHING,
            Shape::Everything => Spans::all(),
            Shape::Windows(spans) => spans.clone(),
            Shape::Values(bits) => bits.to_spans(),
            // Only single definitions are parts, so that this does not come.
            Shape::Product(_) => return Self::EVERYTHING,
        };
        Self::product(Runs::each(&spans, inner))
    }

    /// Returns whether there is no partition in it.
    pub fn is_empty(&self) -> bool {
        self.0 == Shape::Nothing
    }

    /// Returns whether it is [`EVERYTHING`](Self::EVERYTHING).
    pub fn is_everything(&self) -> bool {
        self.0 == Shape::Everything
    }

    /// Returns whether a partition is in it.
    pub fn contains(&self, partition: Partition) -> bool {
        self.holds(partition.ordinals())
    }

    pub(super) fn holds(&self, ordinals: &[i32]) -> bool {
        match (&self.0, ordinals) {
            (Shape::Nothing, _) => false,
            (Shape::Everything, _) => true,
            (Shape::Windows(spans), [ordinal]) => spans.contains(*ordinal),
            (Shape::Values(bits), [ordinal]) => bits.contains(*ordinal),
            (Shape::Product(runs), [first, others @ ..]) => {
                runs.get(*first).is_some_and(|set| set.holds(others))
            }
            (Shape::Windows(_) | Shape::Values(_) | Shape::Product(_), _) => false,
        }
    }

    /// Returns how many partitions it has; `None` where it has everything, in all or in a part, which
    /// is not counted before it is [met](Self::intersection) with those that exist.
    pub fn count(&self) -> Option<u64> {
        match &self.0 {
            Shape::Nothing => Some(0),
            Shape::Everything => None,
            Shape::Windows(spans) => Some(spans.count()),
            Shape::Values(bits) => Some(bits.count()),
            Shape::Product(runs) => runs.count(),
        }
    }

    /// Returns the partitions that are in one of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Shape::Nothing, _) => other.clone(),
            (_, Shape::Nothing) => self.clone(),
            (Shape::Windows(a), Shape::Windows(b)) => Self::windows(a.union(b)),
            (Shape::Values(a), Shape::Values(b)) => Self::values(a.union(b)),
            (Shape::Product(a), Shape::Product(b)) => Self::product(a.union(b)),
            (Shape::Everything | Shape::Windows(_) | Shape::Values(_) | Shape::Product(_), _) => {
                Self::EVERYTHING
            }
        }
    }

    /// Returns the partitions that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Shape::Everything, _) => other.clone(),
            (_, Shape::Everything) => self.clone(),
            (Shape::Windows(a), Shape::Windows(b)) => Self::windows(a.intersection(b)),
            (Shape::Values(a), Shape::Values(b)) => Self::values(a.intersection(b)),
            (Shape::Product(a), Shape::Product(b)) => Self::product(a.intersection(b)),
            (Shape::Nothing | Shape::Windows(_) | Shape::Values(_) | Shape::Product(_), _) => {
                Self::NOTHING
            }
        }
    }

    /// Returns the partitions that are in this one and not in the other.
    ///
    /// Everything without some is still everything, because it also means what is not known. For an
    /// exact answer, [meet](Self::intersection) this one with the partitions that exist first.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (Shape::Nothing, _) | (_, Shape::Everything) => Self::NOTHING,
            (_, Shape::Nothing) | (Shape::Everything, _) => self.clone(),
            (Shape::Windows(a), Shape::Windows(b)) => Self::windows(a.difference(b)),
            (Shape::Values(a), Shape::Values(b)) => Self::values(a.difference(b)),
            (Shape::Product(a), Shape::Product(b)) => Self::product(a.difference(b)),
            (Shape::Windows(_) | Shape::Values(_) | Shape::Product(_), _) => self.clone(),
        }
    }

    /// Returns whether every partition of this one is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Returns whether both have a partition in common.
    pub fn meets(&self, other: &Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the union of sets. Many small ones are joined in pairs, which costs less than adding
    /// one after the other to a growing whole.
    pub fn union_of(sets: impl IntoIterator<Item = Self>) -> Self {
        let mut level: Vec<Self> = sets.into_iter().filter(|set| !set.is_empty()).collect();
        while level.len() > 1 {
            let pairs = level.chunks(2).map(|pair| match pair {
                [a, b] => a.union(b),
                rest => rest.first().cloned().unwrap_or_default(),
            });
            level = pairs.collect();
        }
        level.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
