//! How far a column goes: the least and the greatest value of the rows of a table, from the
//! statistics of its files.
//!
//! A bound says whether it is exact. It is not, where
//!
//! - rows were deleted since it was taken, from a file (`tightBounds`) or with whole files
//!   ([`ColumnRange::mark_upper_bound`]): the values lie within it;
//! - it is a text that was cut: a minimum is then the beginning of a value, a maximum lies a little
//!   above one.
//!
//! Timestamps are exact to the millisecond only, to which writers cut them: the greatest value may
//! lie up to one millisecond above a maximum (Delta protocol, "Per-file Statistics").
//!
//! One file that does not tell makes a bound unknown. That is not the same as empty, which says that
//! there is no value.

use std::cmp::Ordering;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::scalar;
use super::schema::DataType;
use super::statistics::FileStatistics;

/// Writers keep so many letters of a text, counted as UTF-16; a shorter one is whole. They can be
/// told to keep fewer, of which only a maximum gives a sign.
const KEPT_LETTERS: usize = 32;

/// What writers put behind a maximum that they cut, so that it stays one.
const TIE_BREAKERS: [char; 2] = ['\u{7f}', '\u{10ffff}'];

/// The least and the greatest value of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnRange {
    /// The least one.
    pub min: Edge,
    /// The greatest one.
    pub max: Edge,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// There is no value: no rows, or nulls alone.
    Empty,
    /// Some file does not tell.
    Unknown,
    /// A value.
    Known(Bound),
}

/// A least or greatest value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bound {
    /// The value, in the spelling of [`PartitionValue`](super::PartitionValue).
    pub value: String,
    /// Whether some row has just this value; otherwise all values lie within it.
    pub is_exact: bool,
}

impl ColumnRange {
    /// The range of no rows at all, from which to [`widen`](Self::widen).
    pub const EMPTY: Self = Self {
        min: Edge::Empty,
        max: Edge::Empty,
    };

    /// The range of rows that nothing is known of.
    pub const UNKNOWN: Self = Self {
        min: Edge::Unknown,
        max: Edge::Unknown,
    };

    /// Reads the range of a column, by its physical path, from the statistics of a file.
    pub fn of_file(
        statistics: Option<&FileStatistics<'_>>,
        path: &[String],
        data_type: &DataType,
    ) -> Self {
        let Some(statistics) = statistics else {
            return Self::UNKNOWN;
        };
        let (min, max) = (statistics.min(path), statistics.max(path));
        if (min.is_none() || max.is_none()) && statistics.is_all_null(path) {
            return Self::EMPTY;
        }
        let is_tight = statistics.has_tight_bounds();
        Self {
            min: Edge::read(min.as_deref(), data_type, is_tight),
            max: Edge::read(max.as_deref(), data_type, is_tight),
        }
    }

    /// Returns whether values as statistics spell them surely lie inside, so that they widen nothing.
    ///
    /// A quick answer for the many files of a table: "no" may only mean that a closer look is needed.
    pub fn surely_holds(&self, min: &str, max: &str, data_type: &DataType) -> bool {
        let (Edge::Known(least), Edge::Known(greatest)) = (&self.min, &self.max) else {
            return false;
        };
        surely_less(&least.value, min, data_type) && surely_less(max, &greatest.value, data_type)
    }

    /// Takes in the range of further rows.
    pub fn widen(&mut self, other: Self, data_type: &DataType) {
        self.min.widen(other.min, data_type, Ordering::Less);
        self.max.widen(other.max, data_type, Ordering::Greater);
    }

    /// Says that rows were removed: the greatest value may have been among them, so that what is
    /// known is only an upper bound; the same goes for the least one.
    pub fn mark_upper_bound(&mut self) {
        for edge in [&mut self.min, &mut self.max] {
            if let Edge::Known(bound) = edge {
                bound.is_exact = false;
            }
        }
    }
}

/// Compares two values, mostly by a glance.
fn compare(a: &str, b: &str, data_type: &DataType) -> Option<Ordering> {
    if surely_less(a, b, data_type) {
        return Some(Ordering::Less);
    }
    if surely_less(b, a, data_type) {
        return Some(Ordering::Greater);
    }
    scalar::compare(a, b, data_type)
}

/// Compares two values without looking closely at how they are spelled.
fn surely_less(a: &str, b: &str, data_type: &DataType) -> bool {
    /// Until the seconds; what comes after cannot turn the order of what differs before.
    const SECONDS: usize = "2026-01-01T00:00:00".len();
    match data_type {
        DataType::Byte | DataType::Short | DataType::Integer | DataType::Long => {
            let numbers = a.parse::<i64>().ok().zip(b.parse::<i64>().ok());
            numbers.is_some_and(|(a, b)| a < b)
        }
        DataType::Date => a.len() == b.len() && is_plain(a) && is_plain(b) && a < b,
        DataType::Timestamp => {
            let is_utc = |text: &str| text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
            let heads = a.get(..SECONDS).zip(b.get(..SECONDS));
            let heads = heads.filter(|_| is_utc(a) && is_utc(b));
            heads.is_some_and(|(a, b)| is_plain(a) && is_plain(b) && a < b)
        }
        DataType::Boolean
        | DataType::Float
        | DataType::Double
        | DataType::Decimal { .. }
        | DataType::String
        | DataType::Binary
        | DataType::TimestampNtz
        | DataType::Struct(_)
        | DataType::Array { .. }
        | DataType::Map { .. }
        | DataType::Other(_) => false,
    }
}

/// Whether a text begins with a year of four digits: others are not ordered as texts are.
fn is_plain(text: &str) -> bool {
    let year = text.as_bytes().get(..4);
    year.is_some_and(|year| year.iter().all(u8::is_ascii_digit))
}

impl Edge {
    /// Returns the value, where there is one and it is known.
    pub fn bound(&self) -> Option<&Bound> {
        match self {
            Self::Known(bound) => Some(bound),
            Self::Empty | Self::Unknown => None,
        }
    }

    /// Reads what a statistic says, unless it is no value of the type or the type has no order.
    fn read(value: Option<&str>, data_type: &DataType, is_tight: bool) -> Self {
        let Some(value) = value.and_then(|text| scalar::canonical(text, data_type, Tz::UTC)) else {
            return Self::Unknown;
        };
        if !scalar::is_ordered(&value, data_type) {
            return Self::Unknown;
        }
        Self::Known(Bound {
            is_exact: is_tight && !(*data_type == DataType::String && is_cut(&value)),
            value: value.into_owned(),
        })
    }

    /// Takes the other one where it lies on the `further` side.
    fn widen(&mut self, other: Self, data_type: &DataType, further: Ordering) {
        match (&mut *self, other) {
            (Self::Unknown, _) | (_, Self::Empty) => {}
            (_, Self::Unknown) => *self = Self::Unknown,
            (Self::Empty, other) => *self = other,
            (Self::Known(bound), Self::Known(other)) => {
                match compare(&other.value, &bound.value, data_type) {
                    None => *self = Self::Unknown,
                    // Where one of two is reached, it is reached.
                    Some(Ordering::Equal) => bound.is_exact |= other.is_exact,
                    Some(order) if order == further => *bound = other,
                    Some(_) => {}
                }
            }
        }
    }
}

/// Whether a text may be the beginning of a longer one.
fn is_cut(text: &str) -> bool {
    text.ends_with(TIE_BREAKERS) || text.encode_utf16().nth(KEPT_LETTERS - 1).is_some()
}

#[cfg(test)]
mod tests;
