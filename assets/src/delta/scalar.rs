//! Single values as text: one spelling for each value of a type.
//!
//! Partition values and statistics are texts that every writer spells a little differently. What is
//! written here reads back as itself, so that a text that is no value of its type can be kept
//! beside it without ever being taken for one.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono_tz::Tz;

use super::schema::DataType;

mod number;
mod time;

/// Returns the one spelling of a value; `None` where the text is no value of the type.
///
/// `zone` is where a time of day without an offset was written. Spaces around a value that is no
/// text do not count.
pub(super) fn canonical<'a>(text: &'a str, data_type: &DataType, zone: Tz) -> Option<Cow<'a, str>> {
    let trimmed = text.trim_ascii();
    let written = match data_type {
        DataType::Byte | DataType::Short | DataType::Integer | DataType::Long => {
            return number::integer(trimmed);
        }
        DataType::Decimal { scale, .. } => number::decimal(trimmed, *scale)?,
        DataType::Float => number::float(trimmed)?,
        DataType::Double => number::double(trimmed)?,
        DataType::Boolean => return boolean(trimmed).map(Cow::Borrowed),
        DataType::Date => time::date(trimmed)?.format("%Y-%m-%d").to_string(),
        DataType::Timestamp => time::write_instant(time::instant(trimmed, zone)?),
        DataType::TimestampNtz => time::write_local(time::local(trimmed)?),
        DataType::String
        | DataType::Binary
        | DataType::Struct(_)
        | DataType::Array { .. }
        | DataType::Map { .. }
        | DataType::Other(_) => return Some(Cow::Borrowed(text)),
    };
    Some(Cow::Owned(written))
}

/// Reads a day.
pub(super) fn day(text: &str) -> Option<chrono::NaiveDate> {
    time::date(text)
}

/// Reads an instant; without an offset, as a time of day in `zone`.
pub(super) fn instant(text: &str, zone: Tz) -> Option<chrono::DateTime<chrono::Utc>> {
    time::instant(text, zone)
}

fn boolean(text: &str) -> Option<&'static str> {
    ["true", "false"]
        .into_iter()
        .find(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a value as [`canonical`] spells it can be compared with others of its type.
pub(super) fn is_ordered(value: &str, data_type: &DataType) -> bool {
    match data_type {
        DataType::Byte
        | DataType::Short
        | DataType::Integer
        | DataType::Long
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Date
        | DataType::Timestamp
        | DataType::TimestampNtz
        | DataType::String => true,
        // Some are no numbers.
        DataType::Float | DataType::Double => compare(value, value, data_type).is_some(),
        DataType::Binary
        | DataType::Struct(_)
        | DataType::Array { .. }
        | DataType::Map { .. }
        | DataType::Other(_) => false,
    }
}

/// Compares two values; `None` where one of them is no value of the type, or the type has no order.
pub(super) fn compare(a: &str, b: &str, data_type: &DataType) -> Option<Ordering> {
    match data_type {
        DataType::Byte
        | DataType::Short
        | DataType::Integer
        | DataType::Long
        | DataType::Decimal { .. } => number::compare(a, b),
        DataType::Float | DataType::Double => number::compare_floats(a, b),
        DataType::Date | DataType::TimestampNtz => Some(time::local(a)?.cmp(&time::local(b)?)),
        DataType::Timestamp => Some(time::instant(a, Tz::UTC)?.cmp(&time::instant(b, Tz::UTC)?)),
        DataType::Boolean => Some(boolean(a)?.cmp(boolean(b)?)),
        DataType::String => Some(a.as_bytes().cmp(b.as_bytes())),
        DataType::Binary
        | DataType::Struct(_)
        | DataType::Array { .. }
        | DataType::Map { .. }
        | DataType::Other(_) => None,
    }
}

#[cfg(test)]
mod tests;
