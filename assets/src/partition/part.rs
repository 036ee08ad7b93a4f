//! One part of a definition: windows of time, or values.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::key::KeyError;
use super::set::{Bits, PartitionSet, Span, Spans};
use super::values::Values;
use super::windows::{TimeColumns, Windows};

/// One part of a product, or all of a definition that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Windows of time.
    Windows(Windows),
    /// A list of values that the declaration has.
    Keys(Values),
    /// The values that the table has.
    Dynamic(Values),
}

impl Part {
    /// Returns the columns that tell it, in order.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Windows(windows) => match windows.columns() {
                TimeColumns::One(column) => vec![column],
                TimeColumns::Several(columns) => {
                    columns.iter().map(|(column, _)| column.as_str()).collect()
                }
            },
            Self::Keys(values) | Self::Dynamic(values) => vec![values.column()],
        }
    }

    /// Returns the word of declarations.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Windows(windows) => windows.grid().as_str(),
            Self::Keys(_) => "keys",
            Self::Dynamic(_) => "dynamic",
        }
    }

    /// Returns whether a name of a declaration means this part: a column of it, or its kind.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let mut columns = self.columns().into_iter();
        columns.any(|column| column.eq_ignore_ascii_case(name)) || self.kind() == name
    }

    /// Returns the name by which a person finds it.
    pub(super) fn name(&self) -> &str {
        match self.columns().as_slice() {
            [column] => column,
            _ => self.kind(),
        }
    }

    /// Returns what exists of it at an instant.
    pub(super) fn existing(&self, now: DateTime<Utc>) -> PartitionSet {
        match self {
            Self::Windows(windows) => windows.existing(now),
            Self::Keys(values) | Self::Dynamic(values) => values.existing(),
        }
    }

    /// Returns what of it ended by an instant; values never end.
    pub(super) fn ended_by(&self, instant: DateTime<Utc>) -> PartitionSet {
        match self {
            Self::Windows(windows) => windows.ended_by(instant),
            Self::Keys(values) | Self::Dynamic(values) => values.existing(),
        }
    }

    /// Returns all of it, also of the future.
    pub(super) fn defined(&self) -> PartitionSet {
        match self {
            Self::Windows(windows) => PartitionSet::windows(windows.defined()),
            Self::Keys(values) | Self::Dynamic(values) => values.list.all(),
        }
    }

    pub(super) fn key(&self, ordinal: i32) -> Option<Cow<'_, str>> {
        match self {
            Self::Windows(windows) => windows.key(ordinal).map(Cow::Owned),
            Self::Keys(values) | Self::Dynamic(values) => values.key(ordinal),
        }
    }

    pub(super) fn parse_key(&self, text: &str) -> Result<i32, KeyError> {
        match self {
            Self::Windows(windows) => windows.parse_key(text),
            Self::Keys(values) | Self::Dynamic(values) => values.parse_key(text),
        }
    }

    /// Returns the set of neighbouring ordinals; of values, those that are known, and everything where
    /// the range goes on to those that are not.
    pub(super) fn set_of(&self, span: Span) -> PartitionSet {
        match self {
            Self::Windows(_) => PartitionSet::windows(Spans::range(span.start, span.end)),
            Self::Dynamic(_) if span.end == i32::MAX => PartitionSet::EVERYTHING,
            Self::Keys(values) | Self::Dynamic(values) => {
                let len = i32::try_from(values.list.len()).unwrap_or(i32::MAX);
                let known = span.start.max(0)..span.end.min(len);
                PartitionSet::values(Bits::of_places(known))
            }
        }
    }

    /// Returns whether all ordinals of a range are of this definition.
    pub(super) fn holds_span(&self, span: Span) -> bool {
        match self {
            Self::Windows(windows) => {
                windows.contains(span.start) && windows.contains(span.end - 1)
            }
            Self::Keys(values) | Self::Dynamic(values) => {
                let len = i32::try_from(values.list.len()).unwrap_or(i32::MAX);
                span.start >= 0 && span.end <= len
            }
        }
    }
}
