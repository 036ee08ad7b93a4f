//! The sets of a product: for ranges of ordinals of the first part, the set of the others.

use super::PartitionSet;
use super::spans::{Span, Spans};

/// Ranges with their sets. Invariant: ranges are in order and do not overlap, no set is empty, and
/// ranges that touch have different sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Runs(Vec<(Span, PartitionSet)>);

impl Runs {
    /// The same set for each ordinal.
    pub(super) fn each(spans: &Spans, set: &PartitionSet) -> Self {
        Self(spans.iter().map(|span| (span, set.clone())).collect())
    }

    /// Adds a range behind the last one; nothing where its set is empty.
    pub(super) fn push(&mut self, span: Span, set: PartitionSet) {
        if set.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some((last, same)) if last.end == span.start && *same == set => last.end = span.end,
            _ => self.0.push((span, set)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn iter(&self) -> impl ExactSizeIterator<Item = (Span, &PartitionSet)> {
        self.0.iter().map(|(span, set)| (*span, set))
    }

    pub(super) fn get(&self, ordinal: i32) -> Option<&PartitionSet> {
        let after = self.0.partition_point(|(span, _)| span.start <= ordinal);
        let (span, set) = self.0.get(after.checked_sub(1)?)?;
        (ordinal < span.end).then_some(set)
    }

    pub(super) fn count(&self) -> Option<u64> {
        let counts = self.iter().map(|(span, set)| {
            let count = set.count().filter(|_| !span.is_unbounded())?;
            Some(span.len().saturating_mul(count))
        });
        counts.sum()
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.union(b),
            (Some(set), None) | (None, Some(set)) => set.clone(),
            (None, None) => PartitionSet::NOTHING,
        })
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.intersection(b),
            (None, _) | (_, None) => PartitionSet::NOTHING,
        })
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => a.difference(b),
            (Some(a), None) => a.clone(),
            (None, _) => PartitionSet::NOTHING,
        })
    }

    /// Walks both along the ordinals, and asks once for each stretch on which neither changes.
    fn combine(
        &self,
        other: &Self,
        set: impl Fn(Option<&PartitionSet>, Option<&PartitionSet>) -> PartitionSet,
    ) -> Self {
        let (mut a, mut b) = (self.0.as_slice(), other.0.as_slice());
        let mut combined = Self(Vec::with_capacity(a.len() + b.len()));
        let mut at = i32::MIN;
        loop {
            let (first, second) = (a.first(), b.first());
            let begin =
                |run: Option<&(Span, PartitionSet)>| run.map(|(span, _)| span.start.max(at));
            let Some(start) = begin(first).into_iter().chain(begin(second)).min() else {
                return combined;
            };
            // Until one of the two begins or ends.
            let edge = |run: Option<&(Span, PartitionSet)>| {
                run.map_or(i32::MAX, |(span, _)| {
                    if span.start > start {
                        span.start
                    } else {
                        span.end
                    }
                })
            };
            let end = edge(first).min(edge(second));
            let here = |run: Option<&'_ (Span, PartitionSet)>| {
                run.is_some_and(|(span, _)| span.start <= start)
            };
            let set = set(
                first.filter(|run| here(Some(run))).map(|(_, set)| set),
                second.filter(|run| here(Some(run))).map(|(_, set)| set),
            );
            combined.push(Span { start, end }, set);
            at = end;
            if first.is_some_and(|(span, _)| span.end <= at) {
                a = a.get(1..).unwrap_or_default();
            }
            if second.is_some_and(|(span, _)| span.end <= at) {
                b = b.get(1..).unwrap_or_default();
            }
        }
    }
}
