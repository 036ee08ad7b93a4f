//! Between instants and the local clock of a time zone.

use chrono::{
    DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

/// A name is none of the IANA time zone database's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone of the IANA database")]
pub struct UnknownZone(pub String);

/// Reads the name of a time zone, such as `Europe/Berlin`.
///
/// # Errors
///
/// Where there is no such zone.
pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| UnknownZone(name.to_owned()))
}

/// Returns what the local clock shows at an instant.
pub(super) fn clock(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    // At both ends of the calendar there is no other clock.
    let utc = at.naive_utc();
    utc.checked_add_signed(offset(zone, at)).unwrap_or(utc)
}

/// Returns the instants at which the local clock shows a time, in order. One that it never shows
/// is the moment at which the clock has gone forward past it.
pub(super) fn instants(zone: Tz, time: NaiveDateTime) -> [Option<DateTime<Utc>>; 2] {
    match zone.from_local_datetime(&time) {
        MappedLocalTime::Single(at) => [Some(at.to_utc()), None],
        MappedLocalTime::Ambiguous(a, b) => {
            let (a, b) = (a.to_utc(), b.to_utc());
            [Some(a.min(b)), Some(a.max(b))]
        }
        MappedLocalTime::None => [end_of_gap(zone, time), None],
    }
}

/// Returns the first instant of a local time, also where the clock leaves it out.
pub fn at_local(zone: Tz, time: NaiveDateTime) -> Option<DateTime<Utc>> {
    let [first, _] = instants(zone, time);
    first
}

/// Drops the part of a second.
pub(super) fn whole_second(time: NaiveDateTime) -> NaiveDateTime {
    time.with_nanosecond(0).unwrap_or(time)
}

fn offset(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    TimeDelta::seconds(i64::from(offset.local_minus_utc()))
}

/// The moment at which the clock has gone forward past a time that it leaves out.
fn end_of_gap(zone: Tz, time: NaiveDateTime) -> Option<DateTime<Utc>> {
    // By the offset of the day before, the time lies after the change; by that of the day after,
    // before it.
    let day = TimeDelta::days(1);
    let before = offset(zone, time.checked_sub_signed(day)?.and_utc());
    let after = offset(zone, time.checked_add_signed(day)?.and_utc());
    let mut changed = time.checked_sub_signed(before)?.and_utc();
    let mut unchanged = time.checked_sub_signed(after)?.and_utc();
    while changed - unchanged > TimeDelta::seconds(1) {
        let middle = unchanged + TimeDelta::seconds((changed - unchanged).num_seconds() / 2);
        if offset(zone, middle) == before {
            unchanged = middle;
        } else {
            changed = middle;
        }
    }
    Some(changed)
}
