//! Places in a list of values, as bits.

use super::spans::{Span, Spans};

/// Bits by place. Invariant: the last word is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Bits(Vec<u64>);

/// Returns the word and the bit of a place; `None` for negative ones, which no value has.
fn position(place: i32) -> Option<(usize, u32)> {
    let place = u32::try_from(place).ok()?;
    Some((usize::try_from(place / 64).ok()?, place % 64))
}

impl Bits {
    /// Takes words, and cuts zeros off the end.
    pub(super) fn from_words(mut words: Vec<u64>) -> Self {
        let len = words.iter().rposition(|word| *word != 0);
        words.truncate(len.map_or(0, |last| last + 1));
        Self(words)
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.0
    }

    /// The first `count` places.
    pub(in super::super) fn first(count: usize) -> Self {
        let mut words = vec![u64::MAX; count / 64];
        words.push((1 << (count % 64)) - 1);
        Self::from_words(words)
    }

    /// Those places of a list for which this is true.
    pub(in super::super) fn of_places(places: impl IntoIterator<Item = i32>) -> Self {
        let mut words = Vec::new();
        for (word, bit) in places.into_iter().filter_map(position) {
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(word) = words.get_mut(word) {
                *word |= 1_u64 << bit;
            }
        }
        Self::from_words(words)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(in super::super) fn contains(&self, place: i32) -> bool {
        let word = position(place).and_then(|(word, bit)| Some((self.0.get(word)?, bit)));
        word.is_some_and(|(word, bit)| word >> bit & 1 == 1)
    }

    pub(in super::super) fn union(&self, other: &Self) -> Self {
        let (long, short) = if self.0.len() >= other.0.len() {
            (&self.0, &other.0)
        } else {
            (&other.0, &self.0)
        };
        let mut words = long.clone();
        for (word, other) in words.iter_mut().zip(short) {
            *word |= other;
        }
        Self(words)
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let words = self.0.iter().zip(&other.0).map(|(a, b)| a & b);
        Self::from_words(words.collect())
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let others = other.0.iter().copied().chain(std::iter::repeat(0));
        let words = self.0.iter().zip(others).map(|(a, b)| a & !b);
        Self::from_words(words.collect())
    }

    /// Returns the places, in order.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = i32> + '_ {
        self.0.iter().zip(0_i32..).flat_map(|(word, at)| {
            let some = |word: u64| (word != 0).then_some(word);
            std::iter::successors(some(*word), move |word| some(word & (word - 1)))
                .map(move |word| at * 64 + word.trailing_zeros().cast_signed())
        })
    }

    /// Returns the ranges of neighbouring places.
    pub(super) fn to_spans(&self) -> Spans {
        Spans::from_ordered(self.iter().map(|place| Span {
            start: place,
            end: place + 1,
        }))
    }
}
