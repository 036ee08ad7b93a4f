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

/// Places the range of a column by its statistics. Bounds that are not exact bound all the same.
pub(super) fn range(
    windows: &Windows,
    column: &str,
    range: &ColumnRange,
    data_type: &DataType,
    outside: &mut BTreeSet<Outside>,
) -> PartitionSet {
    let has_order = matches!(
        data_type,
        DataType::Date | DataType::Timestamp | DataType::TimestampNtz
    );
    let (Edge::Known(min), Edge::Known(max)) = (&range.min, &range.max) else {
        let is_empty = range.min == Edge::Empty && range.max == Edge::Empty;
        return if is_empty {
            PartitionSet::NOTHING
        } else {
            PartitionSet::EVERYTHING
        };
    };
    // Of a text only the beginning is kept, and it may be anything.
    let values =
        has_order.then(|| Some((read(&min.value, data_type)?, read(&max.value, data_type)?)));
    let Some((from, to)) = values.flatten() else {
        return PartitionSet::EVERYTHING;
    };
    let mut tell = |value: &str, reason| {
        outside.insert(Outside {
            column: column.to_owned(),
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
