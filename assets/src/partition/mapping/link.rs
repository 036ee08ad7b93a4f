//! How a part of the downstream and a part of the upstream are linked.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::delta::PartitionValue;
use crate::partition::part::Part;
use crate::partition::set::{Bits, PartitionSet, Shape, Span, Spans};
use crate::partition::values::Values;
use crate::partition::windows::Windows;

/// A relation between two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// The same windows, which have the same ordinals.
    SameWindow,
    /// The same value, whatever its place in both lists.
    SameValue(Box<Translation>),
    /// Windows that have an instant in common, after the downstream's was moved.
    Overlap(Box<Overlap>),
    /// The last window of the upstream that exists, whatever the downstream's is.
    Latest,
}

/// Two lists of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Translation {
    downstream: Values,
    upstream: Values,
}

/// Windows of both sides, and how those of the downstream are moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overlap {
    downstream: Windows,
    upstream: Windows,
    /// By how many of its own windows the beginning is moved; at most `end`.
    start: i32,
    end: i32,
}

impl Link {
    pub(super) fn same_value(downstream: &Values, upstream: &Values) -> Self {
        Self::SameValue(Box::new(Translation {
            downstream: downstream.clone(),
            upstream: upstream.clone(),
        }))
    }

    /// Links overlapping windows. `start` is at most `end`, so that no window moves to nothing.
    pub(super) fn overlap(downstream: &Windows, upstream: &Windows, start: i32, end: i32) -> Self {
        Self::Overlap(Box::new(Overlap {
            downstream: downstream.clone(),
            upstream: upstream.clone(),
            start,
            end,
        }))
    }

    /// Returns what a set of the downstream's part needs of the upstream's; also what that one's
    /// definition does not have. Values that it does not have are left out.
    pub(super) fn needs(
        &self,
        downstream: Option<&PartitionSet>,
        upstream: &Part,
        now: DateTime<Utc>,
    ) -> PartitionSet {
        match (self, downstream) {
            (Self::Latest, _) => latest(upstream, now),
            (Self::SameWindow, Some(set)) => set.clone(),
            (Self::SameValue(lists), Some(set)) => {
                translate(set, &lists.downstream, &lists.upstream)
            }
            (Self::Overlap(overlap), Some(set)) => overlap.needs(set),
            (Self::SameWindow | Self::SameValue(_) | Self::Overlap(_), None) => {
                PartitionSet::NOTHING
            }
        }
    }

    /// Returns what a set of the upstream's part feeds of the downstream's.
    pub(super) fn feeds(&self, upstream: &PartitionSet, downstream: &Part) -> PartitionSet {
        match self {
            Self::Latest => downstream.everything(),
            Self::SameWindow => upstream.clone(),
            Self::SameValue(lists) => translate(upstream, &lists.upstream, &lists.downstream),
            Self::Overlap(overlap) => overlap.feeds(upstream),
        }
    }

    /// Returns whether a set of the upstream's part feeds anything at all by this link, where the
    /// downstream's part does not decide.
    pub(super) fn holds(&self, set: &PartitionSet, upstream: &Part, now: DateTime<Utc>) -> bool {
        match self {
            Self::Latest => set.meets(&latest(upstream, now)),
            Self::SameWindow | Self::SameValue(_) | Self::Overlap(_) => true,
        }
    }

    /// Returns the values in a set of the downstream's part that the upstream's does not have.
    pub(super) fn missing_values(
        &self,
        set: &PartitionSet,
        upstream: &Part,
    ) -> Vec<PartitionValue> {
        match (self, &set.0, values_of(upstream)) {
            (Self::SameValue(lists), Shape::Values(bits), Some(others)) => {
                let values = bits
                    .iter()
                    .filter_map(|place| lists.downstream.list.get(place));
                let missing = values.filter(|value| others.ordinal(value).is_none());
                missing.cloned().collect()
            }
            (Self::SameValue(_) | Self::SameWindow | Self::Overlap(_) | Self::Latest, ..) => {
                Vec::new()
            }
        }
    }
}

/// Returns the values of a part; `None` for windows of time.
pub(super) fn values_of(part: &Part) -> Option<&Values> {
    match part {
        Part::Keys(values) | Part::Dynamic(values) => Some(values),
        Part::Windows(_) => None,
    }
}

/// Returns the last window that exists, or nothing.
fn latest(part: &Part, now: DateTime<Utc>) -> PartitionSet {
    let existing = match part {
        Part::Windows(windows) => windows.existing(now),
        // Values have no order, so that the checks let no such link through.
        Part::Keys(_) | Part::Dynamic(_) => return PartitionSet::NOTHING,
    };
    let last = match &existing.0 {
        Shape::Windows(spans) => spans.iter().last(),
        Shape::Nothing | Shape::Everything | Shape::Values(_) | Shape::Product(_) => None,
    };
    last.map_or(PartitionSet::NOTHING, |span| {
        PartitionSet::windows(Spans::range(span.end - 1, span.end))
    })
}

/// Returns the places in one list of the values that have places in another.
pub(super) fn translate(set: &PartitionSet, from: &Values, to: &Values) -> PartitionSet {
    let bits = match &set.0 {
        Shape::Values(bits) if Arc::ptr_eq(&from.list, &to.list) || from.list == to.list => {
            bits.clone()
        }
        Shape::Values(bits) => {
            let values = bits.iter().filter_map(|place| from.list.get(place));
            Bits::of_places(values.filter_map(|value| to.list.place(value)))
        }
        Shape::Everything | Shape::Nothing | Shape::Windows(_) | Shape::Product(_) => {
            return set.clone();
        }
    };
    PartitionSet::values(bits)
}

impl Overlap {
    fn needs(&self, set: &PartitionSet) -> PartitionSet {
        let (first, last) = self.upstream.timeline.bounds();
        Self::by_spans(set, |span| {
            // A window and its neighbour move to neighbours, so that a range moves to a range.
            let start = self
                .downstream
                .timeline
                .begin(span.start.saturating_add(self.start));
            let end = self
                .downstream
                .timeline
                .begin(span.end.saturating_add(self.end));
            let from = self.upstream.timeline.at(start).max(first);
            Span::new(from, self.upstream.timeline.first_from(end).min(last))
        })
    }

    fn feeds(&self, set: &PartitionSet) -> PartitionSet {
        let (first, last) = self.downstream.timeline.bounds();
        Self::by_spans(set, |span| {
            // The windows that begin before the range ends and end after it begins, moved back.
            let start = self.upstream.timeline.begin(span.start);
            let end = self.upstream.timeline.begin(span.end);
            let from = self.downstream.timeline.at(start).saturating_sub(self.end);
            let to = self
                .downstream
                .timeline
                .first_from(end)
                .saturating_sub(self.start);
            Span::new(from.max(first), to.min(last))
        })
    }

    fn by_spans(set: &PartitionSet, map: impl Fn(Span) -> Option<Span>) -> PartitionSet {
        match &set.0 {
            // Ranges in order move to ranges in order, which may touch then.
            Shape::Windows(spans) => {
                PartitionSet::windows(Spans::from_ordered(spans.iter().filter_map(map)))
            }
            Shape::Nothing | Shape::Everything | Shape::Values(_) | Shape::Product(_) => {
                set.clone()
            }
        }
    }
}
