//! Days, instants, and times of day in no zone.
//!
//! Years from 0 to 9999, and microseconds: what lies beyond is no value here, and its text is kept.

use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta,
    Timelike as _, Utc,
};
use chrono_tz::Tz;

/// Reads `2026-03-01`, also without leading zeros of month and day.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(
        i32::try_from(number(year, 4)?).ok()?,
        number(month, 2)?,
        number(day, 2)?,
    )
}

/// Reads a date and a time of day, or the beginning of a date, without a zone.
pub(super) fn local(text: &str) -> Option<NaiveDateTime> {
    match text.split_once(['T', ' ']) {
        None => Some(date(text)?.and_time(NaiveTime::MIN)),
        Some((day, clock)) => Some(date(day)?.and_time(time_of_day(clock)?)),
    }
}

/// Reads an instant: with `Z` or an offset, or else as a time of day in `zone`.
///
/// Of a time that comes twice when clocks are put back, the first is meant, as for Spark; one that is
/// left out when they are put forward is none.
pub(super) fn instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let (text, offset) = split_offset(text)?;
    let local = local(text.trim_ascii_end())?;
    let at = match offset {
        Some(offset) => local.and_local_timezone(offset).single()?.to_utc(),
        None => local.and_local_timezone(zone).earliest()?.to_utc(),
    };
    (0..=9999).contains(&at.year()).then_some(at)
}

/// Writes an instant in UTC.
pub(super) fn write_instant(at: DateTime<Utc>) -> String {
    write(at.naive_utc(), 'T') + "Z"
}

/// Writes a date and a time of day.
pub(super) fn write_local(at: NaiveDateTime) -> String {
    write(at, ' ')
}

/// Writes number by number: there may be one for each file of a table, and patterns of letters take
/// three times as long.
fn write(at: NaiveDateTime, between: char) -> String {
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!(
        "{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}{}",
        fraction(at)
    )
}

/// The fraction of a second without zeros at its end, and nothing at all where it is zero.
fn fraction(at: NaiveDateTime) -> String {
    match at.nanosecond() / 1000 {
        0 => String::new(),
        micros => format!(".{micros:06}").trim_end_matches('0').to_owned(),
    }
}

/// Cuts `Z`, `+01:00`, `+0100` or `+01` off the end of a time; `None` where what looks like an offset
/// is none.
fn split_offset(text: &str) -> Option<(&str, Option<FixedOffset>)> {
    if let Some(text) = text.strip_suffix(['Z', 'z']) {
        return Some((text, FixedOffset::east_opt(0)));
    }
    // The date has its own hyphens, and no time of day is shorter than four letters.
    let clock = text.find(['T', ' ']).unwrap_or(text.len());
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > clock) else {
        return Some((text, None));
    };
    let (text, offset) = text.split_at_checked(at)?;
    let (is_west, offset) = match offset.strip_prefix('-') {
        Some(offset) => (true, offset),
        None => (false, offset.strip_prefix('+')?),
    };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 4 => offset.split_at_checked(2)?,
        None => (offset, "00"),
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    // 18 hours: the most that Java, and so Spark, takes for an offset.
    if hours > 18 || minutes > 59 {
        return None;
    }
    let seconds = i32::try_from((hours * 60 + minutes) * 60).ok()?;
    let offset = FixedOffset::east_opt(if is_west { -seconds } else { seconds })?;
    Some((text, Some(offset)))
}

/// Reads `08:30`, `08:30:15` and `08:30:15.123456`.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text
        .split_once('.')
        .map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() || (second.is_none() && fraction.is_some()) {
        return None;
    }
    let second = second.map_or(Some(0), |second| number(second, 2))?;
    let time = NaiveTime::from_hms_opt(number(hour, 2)?, number(minute, 2)?, second)?;
    let micros = fraction.map_or(Some(0), micros)?;
    Some(time + TimeDelta::microseconds(i64::from(micros)))
}

/// Reads the digits after the point as microseconds; further ones have to be zeros.
fn micros(digits: &str) -> Option<u32> {
    let (kept, rest) = digits.split_at_checked(6).unwrap_or((digits, ""));
    if !rest.bytes().all(|byte| byte == b'0') {
        return None;
    }
    number(kept, 6)?;
    number(&format!("{kept:0<6}"), 6)
}

/// Reads one to `most` digits.
fn number(text: &str, most: usize) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (1..=most).contains(&text.len())).then(|| text.parse().ok())?
}
