//! What is in a set, one after the other: ranges, or single partitions.

use super::bits::Bits;
use super::runs::Runs;
use super::spans::{Span, Spans};
use super::{Partition, PartitionSet, Shape};

/// Partitions that follow each other in one part of a definition; the others are the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRange {
    /// The first one.
    pub first: Partition,
    /// The last one, inclusive.
    pub last: Partition,
    /// How many there are: for a product, in all combinations from the first to the last.
    pub count: u64,
}

impl PartitionSet {
    /// Returns the ranges, in the order of the ordinals: as many as the representation has. Where a set
    /// has everything, in all or in a part, there are none to tell; [meet](Self::intersection) it with
    /// those that exist.
    pub fn ranges(&self) -> Box<dyn Iterator<Item = PartitionRange> + '_> {
        let range = |span: Span| PartitionRange {
            first: Partition::single(span.start),
            last: Partition::single(span.end - 1),
            count: span.len(),
        };
        match &self.0 {
            Shape::Nothing | Shape::Everything => Box::new(std::iter::empty()),
            Shape::Windows(spans) => Box::new(spans.iter().map(range)),
            Shape::Values(bits) => {
                let spans: Vec<Span> = bits.to_spans().iter().collect();
                Box::new(spans.into_iter().map(range))
            }
            Shape::Product(runs) => Box::new(bounded(runs).flat_map(|(span, set)| {
                set.ranges().map(move |inner| PartitionRange {
                    first: inner.first.behind(span.start),
                    last: inner.last.behind(span.end - 1),
                    count: inner.count.saturating_mul(span.len()),
                })
            })),
        }
    }

    /// Returns the partitions, in the order of the ordinals; none of a set of everything, as for
    /// [`ranges`](Self::ranges).
    pub fn iter(&self) -> Box<dyn Iterator<Item = Partition> + '_> {
        match &self.0 {
            Shape::Nothing | Shape::Everything => Box::new(std::iter::empty()),
            Shape::Windows(spans) => {
                let ordinals = spans.iter().flat_map(|span| span.start..span.end);
                Box::new(ordinals.map(Partition::single))
            }
            Shape::Values(bits) => Box::new(bits.iter().map(Partition::single)),
            Shape::Product(runs) => Box::new(bounded(runs).flat_map(|(span, set)| {
                let ordinals = span.start..span.end;
                ordinals.flat_map(move |first| set.iter().map(move |inner| inner.behind(first)))
            })),
        }
    }
}

/// Leaves out what has everything in its first part.
fn bounded(runs: &Runs) -> impl Iterator<Item = (Span, &PartitionSet)> {
    runs.iter().filter(|(span, _)| !span.is_unbounded())
}

impl PartitionSet {
    /// Returns the first partitions that follow each other, at most so many and at least one: windows of
    /// time without a hole, or values of a list; of a product, those with one combination of the other
    /// parts, or all combinations of one window where there is room for them. Nothing of a set that has
    /// everything, in all or in a part.
    #[must_use]
    pub fn first_run(&self, most: u64) -> Self {
        let most = most.max(1);
        match &self.0 {
            Shape::Nothing | Shape::Everything => Self::NOTHING,
            Shape::Windows(spans) => {
                let first = spans.iter().next();
                first.map_or(Self::NOTHING, |span| {
                    Self::windows(Spans::from_ordered([span.cut(most)]))
                })
            }
            Shape::Values(bits) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                Self::values(Bits::of_places(bits.iter().take(most)))
            }
            Shape::Product(runs) => {
                let Some((span, inner)) = bounded(runs).next() else {
                    return Self::NOTHING;
                };
                let each = inner.count().unwrap_or(u64::MAX);
                let (span, inner) = match most / each.max(1) {
                    0 => (span.cut(1), inner.first_run(most)),
                    spans => (span.cut(spans), inner.clone()),
                };
                let mut first = Runs::default();
                first.push(span, inner);
                Self::product(first)
            }
        }
    }

    /// Returns the last partitions that follow each other, as [`first_run`](Self::first_run) does the first.
    #[must_use]
    pub fn last_run(&self, most: u64) -> Self {
        let most = most.max(1);
        match &self.0 {
            Shape::Nothing | Shape::Everything => Self::NOTHING,
            Shape::Windows(spans) => spans.iter().last().map_or(Self::NOTHING, |span| {
                Self::windows(Spans::from_ordered([span.cut_end(most)]))
            }),
            Shape::Values(bits) => {
                let left_out = bits.count().saturating_sub(most);
                let left_out = usize::try_from(left_out).unwrap_or(usize::MAX);
                Self::values(Bits::of_places(bits.iter().skip(left_out)))
            }
            Shape::Product(runs) => {
                let Some((span, inner)) = bounded(runs).last() else {
                    return Self::NOTHING;
                };
                let each = inner.count().unwrap_or(u64::MAX);
                let (span, inner) = match most / each.max(1) {
                    0 => (span.cut_end(1), inner.last_run(most)),
                    spans => (span.cut_end(spans), inner.clone()),
                };
                let mut last = Runs::default();
                last.push(span, inner);
                Self::product(last)
            }
        }
    }
}

impl<'a> IntoIterator for &'a PartitionSet {
    type Item = Partition;
    type IntoIter = Box<dyn Iterator<Item = Partition> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
