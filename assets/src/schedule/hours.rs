//! Hours of the local clock in which something is allowed.

use std::fmt;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::Days;
use super::local::{at_local, clock};

/// How many days are looked through for the next opening: more than any calendar closes for.
const LONGEST_CLOSURE_DAYS: usize = 800;

/// Hours of the local clock, on all days or on those of a calendar.
///
/// They begin and end on the same day, or end on the day after: `22:00` to `06:00`. The day that
/// counts is the one on which they begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    from: NaiveTime,
    /// Exclusive; midnight is the end of the day.
    to: NaiveTime,
    zone: Tz,
    days: Option<Days>,
}

/// Why hours are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not a time of day.
    #[error("it is not a time of day such as `22:00`")]
    Form,
    /// Nothing lies between them.
    #[error("they begin and end at the same time")]
    Empty,
}

impl Hours {
    /// Makes hours from times of day such as `22:00`; `24:00` is the end of the day.
    ///
    /// # Errors
    ///
    /// Where one is no time of day, or both are the same.
    pub fn new(from: &str, to: &str, zone: Tz, days: Option<Days>) -> Result<Self, HoursError> {
        let is_whole_day = (from, to) == ("00:00", "24:00");
        let from = time_of_day(from).ok_or(HoursError::Form)?;
        let to = if to == "24:00" {
            NaiveTime::MIN
        } else {
            time_of_day(to).ok_or(HoursError::Form)?
        };
        if from == to && !is_whole_day {
            return Err(HoursError::Empty);
        }
        Ok(Self {
            from,
            to,
            zone,
            days,
        })
    }

    /// Returns whether an instant lies within.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        let local = clock(self.zone, at);
        let (date, time) = (local.date(), local.time());
        let counts = |date| self.days.as_ref().is_none_or(|days| days.contains(date));
        if self.from < self.to {
            return time >= self.from && time < self.to && counts(date);
        }
        let since_yesterday = || time < self.to && date.pred_opt().is_some_and(counts);
        time >= self.from && counts(date) || since_yesterday()
    }

    /// Returns the next instant at which they begin, UTC; absent where none comes for two years.
    pub fn next_opening(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = self.days.as_ref();
        let yesterday = clock(self.zone, at).date().pred_opt()?;
        yesterday
            .iter_days()
            .take(LONGEST_CLOSURE_DAYS)
            .filter(|date| days.is_none_or(|days| days.contains(*date)))
            .filter_map(|date| at_local(self.zone, date.and_time(self.from)))
            .find(|opening| *opening > at)
    }
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = if self.to == NaiveTime::MIN {
            "24:00".to_owned()
        } else {
            self.to.format("%H:%M").to_string()
        };
        write!(f, "{} to {to} {}", self.from.format("%H:%M"), self.zone)?;
        match &self.days {
            Some(days) => write!(f, " on {days}"),
            None => Ok(()),
        }
    }
}
