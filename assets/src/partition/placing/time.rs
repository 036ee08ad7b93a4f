//! Times in tables: which windows they lie in.

use std::collections::BTreeSet;

use crate::delta::{ColumnRange, DataType, Edge, PartitionValue};
use crate::partition::civil::Civil;
use crate::partition::format::{Format, put_together};
use crate::partition::set::{PartitionSet, Span, Spans};
use crate::partition::timeline::YEARS;
use crate::partition::windows::Windows;

use super::{Found, Outside, OutsideReason};

/// Places the value of one column.
pub(super) fn one(
    windows: &Windows,
    column: &str,
    value: &PartitionValue,
    data_type: &DataType,
) -> Found {
    let outside = |reason| {
        Found::Outside(Outside {
            column: column.to_owned(),
            value: value.clone(),
            reason,
        })
    };
    let Some(text) = value.as_str() else {
        return outside(OutsideReason::Null);
    };
    let Some(civil) = read(text, data_type) else {
        return outside(OutsideReason::Unreadable);
    };
    match place(windows, &civil) {
        Ok(span) => Found::Set(PartitionSet::windows(Spans::range(span.start, span.end))),
        Err(reason) => outside(reason),
    }
}

/// Places the values of several columns, each with its format.
pub(super) fn several(
    windows: &Windows,
    column: &str,
    values: &[(&PartitionValue, &Format)],
) -> Found {
    let outside = |reason| {
        let texts = values
            .iter()
            .map(|(value, _)| value.as_str().unwrap_or("null"));
        let text = texts.collect::<Vec<_>>().join(" ");
        Found::Outside(Outside {
            column: column.to_owned(),
            value: PartitionValue::from(Some(text.into())),
            reason,
        })
    };
    let mut fields = Vec::new();
    for (value, format) in values {
        let Some(text) = value.as_str() else {
            return outside(OutsideReason::Null);
        };
        let Some(read) = format.read(text) else {
            return outside(OutsideReason::Unreadable);
        };
        fields.extend(read);
    }
    let Some(civil) = put_together(&fields) else {
        return outside(OutsideReason::Unreadable);
    };
    match place(windows, &civil) {
        Ok(span) => Found::Set(PartitionSet::windows(Spans::range(span.start, span.end))),
        Err(reason) => outside(reason),
    }
}

/// How a column tells windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) column: &'a str,
    pub(super) data_type: &'a DataType,
    pub(super) format: Option<&'a Format>,
}

impl Told<'_> {
    /// Reads a bound; nothing where what lies between two bounds may lie anywhere.
    fn read(self, text: &str) -> Option<Civil> {
        match (self.format, self.data_type) {
            (None, DataType::Date | DataType::Timestamp | DataType::TimestampNtz) => {
                read(text, self.data_type)
            }
            // A text is in the order of its letters: by a format whose numbers all have their zeros, that is
            // the order of time. Of a long one only the beginning is kept, which is no value of the format.
            (Some(format), DataType::String) if format.is_in_order(text) => {
                put_together(&format.read(text)?)
            }
            // Of a text without a format nothing is known.
            (
                None | Some(_),
                DataType::Date
                | DataType::Timestamp
                | DataType::TimestampNtz
                | DataType::String
                | DataType::Boolean
                | DataType::Byte
                | DataType::Short
                | DataType::Integer
                | DataType::Long
                | DataType::Float
                | DataType::Double
                | DataType::Decimal { .. }
                | DataType::Binary
                | DataType::Struct(_)
                | DataType::Array { .. }
                | DataType::Map { .. }
                | DataType::Other(_),
            ) => None,
        }
    }
}

/// Places the range of a column by its statistics. Bounds that are not exact bound all the same. Those of
/// timestamps are cut to milliseconds, which takes none of them across the beginning of a window.
pub(super) fn range(
    windows: &Windows,
    told: Told<'_>,
    range: &ColumnRange,
    outside: &mut BTreeSet<Outside>,
) -> PartitionSet {
    let (Edge::Known(min), Edge::Known(max)) = (&range.min, &range.max) else {
        let is_empty = range.min == Edge::Empty && range.max == Edge::Empty;
        return if is_empty {
            PartitionSet::NOTHING
        } else {
            PartitionSet::EVERYTHING
        };
    };
    let Some((from, to)) = told.read(&min.value).zip(told.read(&max.value)) else {
        return PartitionSet::EVERYTHING;
    };
    let mut tell = |value: &str, reason| {
        outside.insert(Outside {
            column: told.column.to_owned(),
            value: PartitionValue::from(Some(value.into())),
            reason,
        });
    };
    let start = match place(windows, &from) {
        Ok(span) => span.start,
        Err(reason) => {
            tell(&min.value, reason);
            if reason == OutsideReason::AfterEnd {
                return PartitionSet::NOTHING;
            }
            windows.span.start
        }
    };
    let end = match place(windows, &to) {
        Ok(span) => span.end,
        Err(reason) => {
            tell(&max.value, reason);
            if reason == OutsideReason::BeforeStart {
                return PartitionSet::NOTHING;
            }
            windows.span.end
        }
    };
    match Span::new(start, end) {
        Some(span) => PartitionSet::windows(Spans::range(span.start, span.end)),
        // The least value lies above the greatest: one of them is wrong.
        None => PartitionSet::EVERYTHING,
    }
}

/// Reads a value as the type of its column has it, in the one spelling of `delta`.
fn read(text: &str, data_type: &DataType) -> Option<Civil> {
    match data_type {
        DataType::Date | DataType::Timestamp | DataType::TimestampNtz | DataType::String => {
            Civil::parse(text)
        }
        DataType::Boolean
        | DataType::Byte
        | DataType::Short
        | DataType::Integer
        | DataType::Long
        | DataType::Float
        | DataType::Double
        | DataType::Decimal { .. }
        | DataType::Binary
        | DataType::Struct(_)
        | DataType::Array { .. }
        | DataType::Map { .. }
        | DataType::Other(_) => None,
    }
}

/// Returns the windows of the definition that a time lies in.
fn place(windows: &Windows, civil: &Civil) -> Result<Span, OutsideReason> {
    // Far times are often stand-ins: 0001-01-01, 9999-12-31.
    if civil.local < YEARS.start {
        return Err(OutsideReason::BeforeStart);
    }
    if civil.local >= YEARS.end {
        return Err(OutsideReason::AfterEnd);
    }
    let span = windows
        .covering_civil(civil)
        .ok_or(OutsideReason::Skipped)?;
    let defined = windows.span;
    if span.end <= defined.start {
        return Err(OutsideReason::BeforeStart);
    }
    if span.start >= defined.end {
        return Err(OutsideReason::AfterEnd);
    }
    Ok(Span {
        start: span.start.max(defined.start),
        end: span.end.min(defined.end),
    })
}
