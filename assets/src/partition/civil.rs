//! Dates and clock times as people and tables write them.

use chrono::NaiveDate;

use super::timeline::{DAY, date_at, day_of};

/// How much of a time was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// A date, a clock time, or the beginning of one: a stretch on a clock, whose time zone another one
/// knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    /// Its beginning, in seconds since 1970-01-01T00:00 by the clock.
    pub(super) local: i64,
    /// How long it is.
    pub(super) unit: Unit,
    /// Seconds by which the clock is ahead of UTC, where that was written too.
    pub(super) offset: Option<i64>,
}

impl Civil {
    /// Makes the stretch that numbers tell, from years on; `None` where they are no date or time.
    pub(super) fn of(year: u32, rest: &[u32]) -> Option<Self> {
        let at = |index: usize| rest.get(index).copied();
        let (month, day) = (at(0).unwrap_or(1), at(1).unwrap_or(1));
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let (hour, minute, second) = (at(2), at(3), at(4));
        let (unit, bound) = match rest.len() {
            0 => (Unit::Year, 0),
            1 => (Unit::Month, 0),
            2 => (Unit::Day, 0),
            3 => (Unit::Hour, 0),
            4 => (Unit::Minute, 0),
            5 => (Unit::Second, 0),
            _ => return None,
        };
        let in_bounds = [(hour, 24), (minute, 60), (second, 60)];
        if in_bounds
            .iter()
            .any(|(value, end)| value.unwrap_or(bound) >= *end)
        {
            return None;
        }
        let seconds = |value: Option<u32>, each: i64| i64::from(value.unwrap_or(0)) * each;
        Some(Self {
            local: day_of(date) * DAY
                + seconds(hour, 3600)
                + seconds(minute, 60)
                + seconds(second, 1),
            unit,
            offset: None,
        })
    }

    /// Reads `2026`, `2026-11`, `2026-11-20` and so on to `2026-11-20T13:00:59.5+01:00`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, clock) = match text.split_once(['T', ' ']) {
            Some((date, clock)) => (date, Some(clock)),
            None => (text, None),
        };
        let mut numbers = Vec::with_capacity(6);
        for (at, part) in date.split('-').enumerate() {
            numbers.push(digits(part, if at == 0 { 4 } else { 2 })?);
        }
        let mut offset = None;
        if let Some(clock) = clock {
            if numbers.len() != 3 {
                return None;
            }
            let (clock, written) = split_offset(clock)?;
            offset = written;
            let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            for part in clock.split(':') {
                numbers.push(digits(part, 2)?);
            }
        }
        let (year, rest) = numbers.split_first()?;
        if clock.is_none() && rest.len() > 2 {
            return None;
        }
        Some(Self {
            offset,
            ..Self::of(*year, rest)?
        })
    }

    /// Returns where the stretch ends on the clock, exclusive.
    pub(super) fn end(&self) -> Option<i64> {
        use chrono::{Datelike as _, Months};
        let months = |count: u32| {
            let date = date_at(self.local)?.checked_add_months(Months::new(count))?;
            Some(day_of(date.with_day(1)?) * DAY)
        };
        match self.unit {
            Unit::Year => months(12),
            Unit::Month => months(1),
            Unit::Day => Some(self.local + DAY),
            Unit::Hour => Some(self.local + 3600),
            Unit::Minute => Some(self.local + 60),
            Unit::Second => Some(self.local + 1),
        }
    }
}

/// Reads a number of just so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Cuts `Z`, `+01:00` or `-00:44:30` off the end of a clock time.
fn split_offset(clock: &str) -> Option<(&str, Option<i64>)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, Some(0)));
    }
    let Some(at) = clock.find(['+', '-']) else {
        return Some((clock, None));
    };
    let (clock, offset) = clock.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let mut seconds = 0;
    let mut parts = offset.get(1..)?.split(':');
    for each in [3600, 60, 1] {
        let Some(part) = parts.next() else {
            // Hours without minutes are no offset that anything of ours writes.
            if each == 60 {
                return None;
            }
            break;
        };
        seconds += i64::from(digits(part, 2)?) * each;
    }
    parts
        .next()
        .is_none()
        .then_some((clock, Some(sign * seconds)))
}

/// Writes an offset: `+01:00`, and seconds where there are some.
pub(super) fn write_offset(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, rest) = (offset.abs() / 3600, offset.abs() % 3600);
    match rest % 60 {
        0 => format!("{sign}{hours:02}:{:02}", rest / 60),
        seconds => format!("{sign}{hours:02}:{:02}:{seconds:02}", rest / 60),
    }
}
