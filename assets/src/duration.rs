//! Durations as people write them: a whole number and a unit, `90s`, `5m`, `2h`, `1d`.
//!
//! A day is 24 hours of elapsed time here. Calendar days, which may last 23 or 25 hours, belong to
//! partitions.

use chrono::TimeDelta;

/// The longest duration that is accepted, in days: ten years, beyond which a typing error is
/// likelier than a wish.
pub const MAX_DAYS: i64 = 3650;

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not a whole number followed by a unit.
    #[error("it is not a whole number with a unit")]
    Form,
    /// It begins with a minus sign.
    #[error("a duration is never negative")]
    Negative,
    /// There is a number but no unit.
    #[error("the unit is missing")]
    NoUnit,
    /// It is longer than [`MAX_DAYS`].
    #[error("a duration is at most {MAX_DAYS} days")]
    TooLong,
}

/// Parses `90s`, `5m`, `2h` or `1d`.
///
/// # Errors
///
/// Says whether the text is negative, has no unit, is longer than [`MAX_DAYS`], or is no duration
/// at all.
pub fn parse_duration(text: &str) -> Result<TimeDelta, DurationError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Form);
    }
    let seconds_per_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "" => return Err(DurationError::NoUnit),
        _ => return Err(DurationError::Form),
    };
    // Only digits are left, so that a failure can only be too large a number.
    let number: i64 = number.parse().map_err(|_| DurationError::TooLong)?;
    number
        .checked_mul(seconds_per_unit)
        .filter(|seconds| *seconds <= MAX_DAYS * 86_400)
        .and_then(TimeDelta::try_seconds)
        .ok_or(DurationError::TooLong)
}

/// Writes a duration in the largest unit that says it exactly; parts of a second are cut off.
///
/// The inverse of [`parse_duration`] for what that returns.
pub fn format_duration(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    for (unit, letter) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        if seconds != 0 && seconds % unit == 0 {
            return format!("{}{letter}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_no_duration_and_says_why() {
        for (text, why) in [
            ("", DurationError::Form),
            ("m", DurationError::Form),
            ("1.5h", DurationError::Form),
            ("5 minutes", DurationError::Form),
            ("5M", DurationError::Form),
            ("30", DurationError::NoUnit),
            ("-5m", DurationError::Negative),
            ("3651d", DurationError::TooLong),
            ("99999999999999999999s", DurationError::TooLong),
            ("9223372036854775807d", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_day_is_24_hours() {
        assert_eq!(parse_duration("1d"), parse_duration("24h"));
        assert_eq!(parse_duration("90s"), Ok(TimeDelta::seconds(90)));
        assert_eq!(format_duration(TimeDelta::seconds(90)), "90s");
        assert_eq!(format_duration(TimeDelta::minutes(120)), "2h");
        assert_eq!(format_duration(TimeDelta::zero()), "0s");
    }

    proptest! {
        #[test]
        fn what_is_written_parses_back(seconds in 0..=MAX_DAYS * 86_400) {
            let duration = TimeDelta::seconds(seconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
