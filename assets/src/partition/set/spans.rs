//! Sorted ranges of ordinals that neither overlap nor touch.

/// A range of ordinals, end exclusive, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Span {
    pub(in super::super) start: i32,
    pub(in super::super) end: i32,
}

impl Span {
    /// All ordinals there can be, also those of what is not known.
    pub(in super::super) const ALL: Self = Self {
        start: i32::MIN,
        end: i32::MAX,
    };

    /// Makes a range; `None` where there is nothing in it.
    pub(in super::super) fn new(start: i32, end: i32) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Returns whether it goes on for ever on a side, so that it cannot be counted.
    pub(in super::super) fn is_unbounded(self) -> bool {
        self.start == i32::MIN || self.end == i32::MAX
    }

    /// Returns its beginning, at most so many long and at least one.
    pub(super) fn cut(self, most: u64) -> Self {
        let most = i32::try_from(most.clamp(1, self.len())).unwrap_or(i32::MAX);
        Self {
            end: self.start.saturating_add(most),
            ..self
        }
    }

    /// Returns its end, at most so many long and at least one.
    pub(super) fn cut_end(self, most: u64) -> Self {
        let most = i32::try_from(most.clamp(1, self.len())).unwrap_or(i32::MAX);
        Self {
            start: self.end.saturating_sub(most),
            ..self
        }
    }

    /// Returns how many ordinals there are in it.
    pub(in super::super) fn len(self) -> u64 {
        u64::from(self.end.abs_diff(self.start))
    }
}

/// Ranges in order. Invariant: each ends before the next one begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Spans(Vec<Span>);

impl Spans {
    /// All ordinals there can be.
    pub(in super::super) fn all() -> Self {
        Self(vec![Span::ALL])
    }

    /// One range, or nothing.
    pub(in super::super) fn range(start: i32, end: i32) -> Self {
        Self(Span::new(start, end).into_iter().collect())
    }

    /// Takes ranges in the order of their beginnings and joins those that overlap or touch.
    pub(in super::super) fn from_ordered(spans: impl IntoIterator<Item = Span>) -> Self {
        let spans = spans.into_iter();
        let mut joined = Self(Vec::with_capacity(spans.size_hint().0));
        for span in spans {
            joined.push(span);
        }
        joined
    }

    /// Adds a range that does not begin before the last one does.
    fn push(&mut self, span: Span) {
        match self.0.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => self.0.push(span),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn iter(&self) -> impl ExactSizeIterator<Item = Span> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn count(&self) -> u64 {
        self.iter().map(Span::len).sum()
    }

    pub(super) fn contains(&self, ordinal: i32) -> bool {
        let after = self.0.partition_point(|span| span.start <= ordinal);
        let span = after.checked_sub(1).and_then(|at| self.0.get(at));
        span.is_some_and(|span| ordinal < span.end)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.as_slice(), other.0.as_slice());
        let mut joined = Self(Vec::with_capacity(a.len() + b.len()));
        while let ([first, rest_of_a @ ..], [second, rest_of_b @ ..]) = (a, b) {
            if first.start <= second.start {
                joined.push(*first);
                a = rest_of_a;
            } else {
                joined.push(*second);
                b = rest_of_b;
            }
        }
        // Of the rest of one only the beginning can touch what is there.
        for span in a.iter().chain(b) {
            joined.push(*span);
        }
        joined
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.as_slice(), other.0.as_slice());
        let mut common = Vec::with_capacity(a.len().max(b.len()));
        while let ([first, rest_of_a @ ..], [second, rest_of_b @ ..]) = (a, b) {
            let (start, end) = (first.start.max(second.start), first.end.min(second.end));
            if start < end {
                common.push(Span { start, end });
            }
            if first.end <= second.end {
                a = rest_of_a;
            } else {
                b = rest_of_b;
            }
        }
        Self(common)
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::with_capacity(self.0.len() + other.0.len());
        let mut cuts = other.0.as_slice();
        for span in &self.0 {
            let mut start = span.start;
            while let [cut, rest @ ..] = cuts {
                if cut.start >= span.end {
                    break;
                }
                left.extend(Span::new(start, cut.start.min(span.end)));
                start = start.max(cut.end);
                if cut.end > span.end {
                    break;
                }
                cuts = rest;
            }
            left.extend(Span::new(start, span.end));
        }
        Self(left)
    }
}
