//! How durations, instants and foreign texts look to people.
//!
//! Programs get other forms, from JSON: seconds and RFC 3339.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

/// Writes a duration in at most two units, cut off below: `42 min`, `3 h 10 min`, `2 d 4 h`.
pub fn duration(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    if seconds < 0 {
        return format!("-{}", self::duration(-duration));
    }
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) if minutes >= 10 || seconds == 0 => format!("{minutes} min"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Writes how long ago an instant was, or how far ahead it is.
pub fn distance(instant: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ago = now - instant;
    if ago < TimeDelta::zero() {
        return format!("in {}", duration(-ago));
    }
    format!("{} ago", duration(ago))
}

/// Writes an instant in UTC to the second: `2026-11-20T06:00:31Z`.
pub fn instant(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns `1 error`, `2 errors`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Replaces characters that would move a terminal's cursor or change its colours.
///
/// For texts that come from files and servers. Line ends stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_foreign = |c: char| c.is_control() && c != '\n';
    if text.contains(is_foreign) {
        Cow::Owned(text.replace(is_foreign, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (95, "1 min 35 s"),
            (42 * 60 + 7, "42 min"),
            (3 * 3_600 + 10 * 60 + 59, "3 h 10 min"),
            (7_200, "2 h"),
            (2 * 86_400 + 4 * 3_600 + 60, "2 d 4 h"),
            (86_400, "1 d"),
            (-90, "-1 min 30 s"),
        ] {
            assert_eq!(duration(TimeDelta::seconds(seconds)), expected);
        }
    }

    #[test]
    fn instants_are_before_or_after_now() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        assert_eq!(distance(DateTime::UNIX_EPOCH, now), "1 h ago");
        assert_eq!(distance(now + TimeDelta::minutes(5), now), "in 5 min");
        assert_eq!(instant(now), "1970-01-01T01:00:00Z");
    }

    #[test]
    fn foreign_texts_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
        assert_eq!(printable("Zürich"), "Zürich");
    }
}
