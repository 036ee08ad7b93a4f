//! Schedules: a cron expression in a time zone, on all days or on those of a calendar.
//!
//! The expression names times of the local clock. Where that clock changes, these rules hold:
//!
//! - A local time that does not exist, because the clock goes forward, happens at the moment at
//!   which the clock has gone forward: `30 2 * * *` at 03:00. Several such times are one instant.
//! - A local time that comes twice, because the clock goes back, happens the first time only, so
//!   that nothing daily happens twice. Where the hours begin with `*`, as in `*/15 * * * *`, it
//!   happens both times, so that nothing steady pauses for an hour.
//!
//! A day of a calendar is the local day on which the expression's time falls. Every search is
//! bounded: what does not happen within [`HORIZON`] is taken never to happen.

mod calendar;
mod freeze;
mod hours;
mod local;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

pub use calendar::{Calendar, Calendars, DayRule, Days, NO_CALENDARS, parse_weekday};
pub use freeze::Freeze;
pub use hours::{Hours, HoursError};
pub use local::{UnknownZone, at_local, parse_zone};

/// How far a search goes: days of the month, weekdays and leap years come together again after 28
/// years.
pub const HORIZON: TimeDelta = TimeDelta::days(28 * 366);

/// Longer expressions are refused: nobody writes them by hand.
const MAX_LENGTH: usize = 200;

/// The clock never goes back by more, on days that anybody plans for.
const LONGEST_FOLD: TimeDelta = TimeDelta::hours(3);

/// Instants outside these years have no neighbours: time zones are not known there.
const YEARS: std::ops::RangeInclusive<i32> = 1950..=2400;

/// A cron expression with five fields in a time zone, on all days or on those of a calendar.
#[derive(Clone)]
pub struct Schedule(Arc<Inner>);

struct Inner {
    expression: String,
    cron: Cron,
    zone: Tz,
    days: Option<Days>,
    /// Whether times that come twice happen twice.
    happens_twice: bool,
}

/// Why a schedule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five fields.
    #[error("a schedule has five fields, and this has {0}")]
    Fields(usize),
    /// A field is none that cron knows.
    #[error("{0}")]
    Field(String),
    /// It is well formed and never happens.
    #[error("it never happens")]
    Never,
}

impl Schedule {
    /// Makes a schedule.
    ///
    /// # Errors
    ///
    /// Where the expression is not cron's, or names no day that there is.
    pub fn new(expression: &str, zone: Tz, days: Option<Days>) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let [_, hours, ..] = fields.as_slice() else {
            return Err(ScheduleError::Fields(fields.len()));
        };
        if fields.len() != 5 {
            return Err(ScheduleError::Fields(fields.len()));
        }
        if expression.len() > MAX_LENGTH {
            return Err(ScheduleError::Field("it is too long".to_owned()));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(&fields.join(" "))
            .map_err(|error| ScheduleError::Field(error.to_string()))?;
        let schedule = Self(Arc::new(Inner {
            happens_twice: hours.starts_with('*'),
            expression: fields.join(" "),
            cron,
            zone,
            days,
        }));
        let epoch = DateTime::from_timestamp(TRIED_FROM, 0).unwrap_or_default();
        match schedule.next(epoch) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never),
        }
    }

    /// Returns the first instant after `at`, UTC; absent where none comes within [`HORIZON`].
    pub fn next(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone = self.known(at)?;
        let clock = local::clock(zone, at);
        let mut from = clock;
        let ahead = loop {
            let time = self.next_time(from)?;
            let found = self.instants(time).into_iter().flatten();
            if let Some(instant) = found.filter(|instant| *instant > at).min() {
                break instant;
            }
            // The first of two equal times, and the second one does not count.
            from = time;
        };
        // Times that the clock has passed and will pass again.
        let back = local::clock(zone, at) - local::clock(zone, at + LONGEST_FOLD) + LONGEST_FOLD;
        let mut again = None;
        let mut from = clock - back.max(TimeDelta::zero());
        while from < clock && again.is_none() {
            let Some(time) = self.next_time(from).filter(|time| *time <= clock) else {
                break;
            };
            let found = self.instants(time).into_iter().flatten();
            again = found.filter(|instant| *instant > at).min();
            from = time;
        }
        Some(again.map_or(ahead, |again| again.min(ahead)))
    }

    /// Returns the last instant up to and including `at`, UTC; absent where none was within
    /// [`HORIZON`].
    pub fn previous(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let zone = self.known(at)?;
        let clock = local::clock(zone, at);
        let time = self.previous_time(clock)?;
        let found = self.instants(time).into_iter().flatten();
        let behind = found.filter(|instant| *instant <= at).max();
        // Times that the clock has passed already and shows ahead of it again.
        let back = local::clock(zone, at - LONGEST_FOLD) + LONGEST_FOLD - clock;
        let mut again = None;
        let mut upto = clock + back.max(TimeDelta::zero());
        while upto > clock && again.is_none() {
            let Some(time) = self.previous_time(upto).filter(|time| *time > clock) else {
                break;
            };
            let found = self.instants(time).into_iter().flatten();
            again = found.filter(|instant| *instant <= at).max();
            upto = time - TimeDelta::seconds(1);
        }
        behind.max(again)
    }

    /// Returns whether it happens after `from` and up to and including `to`.
    pub fn happens_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.previous(to).is_some_and(|instant| instant > from)
    }

    /// Returns the expression, its fields one blank apart.
    pub fn expression(&self) -> &str {
        &self.0.expression
    }

    /// Returns the time zone of the local clock.
    pub fn zone(&self) -> Tz {
        self.0.zone
    }

    /// Returns the days on which it happens; all, where absent.
    pub fn days(&self) -> Option<&Days> {
        self.0.days.as_ref()
    }

    fn known(&self, at: DateTime<Utc>) -> Option<Tz> {
        YEARS.contains(&at.year()).then_some(self.0.zone)
    }

    fn instants(&self, time: NaiveDateTime) -> [Option<DateTime<Utc>>; 2] {
        let [first, second] = local::instants(self.0.zone, time);
        [first, second.filter(|_| self.0.happens_twice)]
    }

    /// The first time of the local clock after another one.
    fn next_time(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut from = after;
        loop {
            let time = self.0.cron.find_next_occurrence(&from, false).ok()?;
            if time - after > HORIZON {
                return None;
            }
            if self.counts(time) {
                return Some(time);
            }
            // The rest of that day does not count either.
            from = time.date().and_hms_opt(23, 59, 59)?;
        }
    }

    /// The last time of the local clock up to and including another one.
    fn previous_time(&self, upto: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut from = local::whole_second(upto);
        loop {
            let time = self.0.cron.find_previous_occurrence(&from, true).ok()?;
            if upto - time > HORIZON {
                return None;
            }
            if self.counts(time) {
                return Some(time);
            }
            from = time.date().pred_opt()?.and_hms_opt(23, 59, 59)?;
        }
    }

    fn counts(&self, time: NaiveDateTime) -> bool {
        let days = self.0.days.as_ref();
        days.is_none_or(|days| days.contains(time.date()))
    }
}

/// 2000-01-01T00:00:00Z: from here on a schedule has to happen within [`HORIZON`].
const TRIED_FROM: i64 = 946_684_800;

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.expression, self.0.zone)?;
        match &self.0.days {
            Some(days) => write!(f, " on {days}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&self.0, &other.0);
        a.expression == b.expression && a.zone == b.zone && a.days == b.days
    }
}

impl Eq for Schedule {}
