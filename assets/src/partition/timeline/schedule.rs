//! What a clock has to show for a window to begin: times of day, on some days of the calendar.
//!
//! | schedule | a time that the clock shows twice | a time that it is put forward over |
//! | --- | --- | --- |
//! | days, weeks, months | counts once, at the first instant | begins at the instant of the change |
//! | hours | counts twice: two windows | begins at the instant of the change |
//! | cron at one time of day | counts once, at the first instant | begins at the instant of the change, if its day is one of the schedule |
//! | cron at several times | counts twice: two windows | is left out |
//!
//! The two rows of cron are those of croner (and of Vixie cron before it), so that a partition
//! begins when whatever else follows the same schedule is started. Times that fall on one instant,
//! because the clock was put forward over several of them, are one window.

use chrono::{Datelike as _, NaiveDate, Weekday};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::DAY;
use super::days::{Days, date_of};

/// The longest schedule that is read, in bytes: all minutes of an hour, listed, are shorter.
const LONGEST: usize = 400;

/// Times of day on some days.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Schedule {
    days: Days,
    /// Seconds since midnight, in order; never empty.
    times: Vec<i64>,
    /// Whether a clock time that comes twice counts twice.
    repeats: bool,
    after_gap: AfterGap,
}

/// What becomes of a time that the clock is put forward over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AfterGap {
    LeftOut,
    CaughtUp,
    CaughtUpOnItsDays,
}

/// Why a text is no schedule for partitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It cannot be read.
    #[error("it is not a cron schedule: {0}")]
    Form(String),
    /// It has more or fewer than five fields.
    #[error("it has {0} fields")]
    FieldCount(usize),
    /// It names a day that no year has.
    #[error("no day matches it")]
    Never,
    /// It is longer than any schedule has to be.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
}

impl Schedule {
    /// Every full hour.
    pub(in super::super) fn hours() -> Self {
        Self {
            days: Days::Every,
            times: (0..24).map(|hour| hour * 3600).collect(),
            repeats: true,
            after_gap: AfterGap::CaughtUp,
        }
    }

    /// Every midnight.
    pub(in super::super) fn days() -> Self {
        Self::midnights(Days::Every)
    }

    /// The midnights before Mondays.
    pub(in super::super) fn weeks() -> Self {
        Self::midnights(Days::listed("weeks", |date| date.weekday() == Weekday::Mon))
    }

    /// The midnights before the first day of months.
    pub(in super::super) fn months() -> Self {
        Self::midnights(Days::listed("months", |date| date.day() == 1))
    }

    fn midnights(days: Days) -> Self {
        Self {
            days,
            times: vec![0],
            repeats: false,
            after_gap: AfterGap::CaughtUp,
        }
    }

    /// Reads a cron schedule of five fields.
    pub(in super::super) fn cron(text: &str) -> Result<Self, CronError> {
        if text.len() > LONGEST {
            return Err(CronError::TooLong);
        }
        // Also keeps out names such as `@daily`, which are no fields.
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [_, _, days @ ..] = fields.as_slice() else {
            return Err(CronError::FieldCount(fields.len()));
        };
        if days.len() != 3 {
            return Err(CronError::FieldCount(fields.len()));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(text)
            .map_err(|error| CronError::Form(error.to_string()))?;
        let pattern = &cron.pattern;
        let hours = pattern.hours.values();
        let minutes = pattern.minutes.values();
        let times = hours.iter().flat_map(|hour| {
            let minutes = minutes.iter();
            minutes.map(|minute| i64::from(*hour) * 3600 + i64::from(*minute) * 60)
        });
        let is_daily = pattern.is_dom_wildcard()
            && pattern.is_dow_wildcard()
            && pattern.months.values().len() == 12;
        let days = if is_daily {
            Days::Every
        } else {
            // The days of a schedule are told by its last three fields.
            Days::listed(&days.join(" "), |date| is_day_of(&cron, date))
        };
        let is_fixed = cron.determine_job_type() == croner::JobType::FixedTime;
        let schedule = Self {
            days,
            times: times.collect(),
            repeats: !is_fixed,
            after_gap: if is_fixed {
                AfterGap::CaughtUpOnItsDays
            } else {
                AfterGap::LeftOut
            },
        };
        if schedule.days.is_empty() || schedule.times.is_empty() {
            return Err(CronError::Never);
        }
        Ok(schedule)
    }

    /// Returns whether a clock time that comes twice counts twice.
    pub(super) fn repeats(&self) -> bool {
        self.repeats
    }

    /// Returns how many times of the schedule come before a clock time, in the plain calendar.
    pub(super) fn rank(&self, local: i64) -> i64 {
        let day = local.div_euclid(DAY);
        let per_day = self.per_day();
        let whole = self.days.rank(day) * per_day;
        if !self.days.contains(day) {
            return whole;
        }
        let of_day = local.rem_euclid(DAY);
        let earlier = self.times.partition_point(|time| *time < of_day);
        whole + i64::try_from(earlier).unwrap_or_default()
    }

    /// Returns the clock time before which `rank` times come.
    pub(super) fn select(&self, rank: i64) -> Option<i64> {
        let per_day = self.per_day();
        let day = self.days.select(rank.div_euclid(per_day))?;
        let time = usize::try_from(rank.rem_euclid(per_day)).ok()?;
        Some(day * DAY + self.times.get(time)?)
    }

    fn per_day(&self) -> i64 {
        i64::try_from(self.times.len()).unwrap_or(i64::MAX)
    }

    /// Returns whether a window begins when the clock is put forward from one time to another,
    /// although it never shows a time of the schedule.
    pub(super) fn catches_up(&self, from: i64, to: i64) -> bool {
        let is_skipped = from < to && self.rank(from) < self.rank(to);
        let is_shown = self.rank(to) < self.rank(to + 1);
        let counts = match self.after_gap {
            AfterGap::LeftOut => false,
            AfterGap::CaughtUp => true,
            AfterGap::CaughtUpOnItsDays => self.days.contains(to.div_euclid(DAY)),
        };
        is_skipped && !is_shown && counts
    }
}

/// Whether a schedule has a day, whatever the time.
fn is_day_of(cron: &Cron, date: NaiveDate) -> bool {
    let weekday = date.weekday().num_days_from_sunday();
    let weekday = croner::Weekday::from_days_from_sunday(weekday);
    let pattern = &cron.pattern;
    pattern.month_match(date.month()).unwrap_or(false)
        && pattern
            .day_match(date.year(), date.month(), date.day(), weekday)
            .unwrap_or(false)
}

/// Returns the day of a clock time.
pub(in super::super) fn date_at(local: i64) -> Option<NaiveDate> {
    date_of(local.div_euclid(DAY))
}
