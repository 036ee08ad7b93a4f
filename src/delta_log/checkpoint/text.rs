//! Typed values as the log spells them: texts of partitions, JSON of statistics.
//!
//! Source: Delta protocol, "Partition Value Serialization" and "Per-file Statistics".

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::schema::types::ColumnDescriptor;
use serde_json::Value;

use super::column::Cell;

/// The day from which timestamps of 96 bits count, 1970-01-01, as a Julian day.
const JULIAN_EPOCH: i64 = 2_440_588;

/// What a column holds, beyond its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Plain,
    Date,
    Decimal {
        scale: usize,
    },
    /// How many of its units are a second, and whether it is an instant.
    Timestamp {
        per_second: i64,
        is_instant: bool,
    },
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of types is foreign, long, and all others mean what their bits say"
)]
fn meaning(column: &ColumnDescriptor) -> Meaning {
    let scale = || usize::try_from(column.type_scale()).unwrap_or(0);
    match column.logical_type_ref() {
        Some(LogicalType::Date) => return Meaning::Date,
        Some(LogicalType::Decimal { .. }) => return Meaning::Decimal { scale: scale() },
        Some(LogicalType::Timestamp(timestamp)) => {
            return Meaning::Timestamp {
                per_second: match timestamp.unit {
                    TimeUnit::MILLIS => 1_000,
                    TimeUnit::MICROS => 1_000_000,
                    TimeUnit::NANOS => 1_000_000_000,
                },
                is_instant: timestamp.is_adjusted_to_u_t_c,
            };
        }
        _ => {}
    }
    let instant = |per_second| Meaning::Timestamp {
        per_second,
        is_instant: true,
    };
    match column.converted_type() {
        ConvertedType::DATE => Meaning::Date,
        ConvertedType::DECIMAL => Meaning::Decimal { scale: scale() },
        ConvertedType::TIMESTAMP_MILLIS => instant(1_000),
        ConvertedType::TIMESTAMP_MICROS => instant(1_000_000),
        _ => Meaning::Plain,
    }
}

/// Spells a value as `partitionValues` does.
pub(super) fn partition_text(cell: Cell<'_>, column: &ColumnDescriptor) -> Option<String> {
    let value = json(cell, column)?;
    let text = value.as_str().map(str::to_owned);
    Some(text.unwrap_or_else(|| value.to_string()))
}

/// Spells a value as `minValues` and `maxValues` do; nothing where it has no spelling.
pub(super) fn json(cell: Cell<'_>, column: &ColumnDescriptor) -> Option<Value> {
    let meaning = meaning(column);
    Some(match cell {
        Cell::Bool(flag) => Value::from(flag),
        Cell::Float(number) => float(number.into()),
        Cell::Double(number) => float(number),
        Cell::Int96(value) => {
            let [low, high, day] = value.data() else {
                return None;
            };
            let nanos = i64::try_from((u64::from(*high) << 32) | u64::from(*low)).ok()?;
            let seconds = (i64::from(*day) - JULIAN_EPOCH).checked_mul(86_400)?;
            let at = DateTime::from_timestamp(seconds, 0)?
                .checked_add_signed(TimeDelta::nanoseconds(nanos))?;
            Value::from(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        Cell::Int(number) => whole(number.into(), meaning)?,
        Cell::Long(number) => whole(number, meaning)?,
        Cell::Bytes(bytes) => match meaning {
            Meaning::Decimal { scale } => decimal(signed(bytes)?, scale)?,
            Meaning::Plain | Meaning::Date | Meaning::Timestamp { .. } => {
                Value::from(std::str::from_utf8(bytes).ok()?)
            }
        },
    })
}

fn float(number: f64) -> Value {
    let odd = || {
        Value::from(if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })
    };
    serde_json::Number::from_f64(number).map_or_else(odd, Value::Number)
}

fn whole(number: i64, meaning: Meaning) -> Option<Value> {
    Some(match meaning {
        Meaning::Plain => Value::from(number),
        Meaning::Decimal { scale } => decimal(number.into(), scale)?,
        Meaning::Date => {
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
            let date = epoch.checked_add_signed(TimeDelta::try_days(number)?)?;
            Value::from(date.format("%Y-%m-%d").to_string())
        }
        Meaning::Timestamp {
            per_second,
            is_instant,
        } => {
            let nanos = number.rem_euclid(per_second) * (1_000_000_000 / per_second);
            let at =
                DateTime::from_timestamp(number.div_euclid(per_second), nanos.try_into().ok()?)?;
            Value::from(if is_instant {
                at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            } else {
                at.format("%Y-%m-%d %H:%M:%S%.f").to_string()
            })
        }
    })
}

/// Reads a number in two's complement, the highest byte first.
fn signed(bytes: &[u8]) -> Option<i128> {
    let first = bytes.first()?;
    if bytes.len() > 16 {
        return None;
    }
    let start = if first & 0x80 == 0 { 0_i128 } else { -1 };
    Some(
        bytes
            .iter()
            .fold(start, |number, byte| (number << 8) | i128::from(*byte)),
    )
}

/// Writes a decimal as a number of JSON, every digit kept.
fn decimal(unscaled: i128, scale: usize) -> Option<Value> {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len().checked_sub(scale)?)?;
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Some(Value::from(format!("{sign}{whole}{point}{fraction}")))
}
