//! Business calendars: which days are worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Calendars by name.
pub type Calendars = BTreeMap<String, Arc<Calendar>>;

/// Those of a project that declares none.
pub static NO_CALENDARS: Calendars = Calendars::new();

/// Which days are worked on: weekdays, less holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    name: Option<String>,
    /// One bit for each weekday, Monday first.
    working_days: u8,
    holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// Makes a calendar.
    pub fn new(
        name: &str,
        working_days: impl IntoIterator<Item = Weekday>,
        holidays: impl IntoIterator<Item = NaiveDate>,
    ) -> Self {
        Self {
            name: Some(name.to_owned()),
            working_days: working_days
                .into_iter()
                .fold(0, |bits, day| bits | bit(day)),
            holidays: holidays.into_iter().collect(),
        }
    }

    /// Returns the calendar of those who name none: Monday to Friday, without holidays.
    pub fn weekdays() -> Self {
        Self {
            name: None,
            working_days: 0b001_1111,
            holidays: BTreeSet::new(),
        }
    }

    /// Returns whether a day is worked on.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        self.working_days & bit(date.weekday()) != 0 && !self.holidays.contains(&date)
    }

    /// Returns whether a day is worked on, and no later one of its month is.
    pub fn is_last_working_day(&self, date: NaiveDate) -> bool {
        let later = date.iter_days().skip(1);
        let mut later = later.take_while(|day| day.month() == date.month());
        self.is_working_day(date) && !later.any(|day| self.is_working_day(day))
    }
}

fn bit(day: Weekday) -> u8 {
    match day {
        Weekday::Mon => 1,
        Weekday::Tue => 1 << 1,
        Weekday::Wed => 1 << 2,
        Weekday::Thu => 1 << 3,
        Weekday::Fri => 1 << 4,
        Weekday::Sat => 1 << 5,
        Weekday::Sun => 1 << 6,
    }
}

/// Reads a weekday by its English name: `mon`, `Monday`.
pub fn parse_weekday(text: &str) -> Option<Weekday> {
    text.parse().ok()
}

/// Which days of a calendar are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayRule {
    /// Days that are worked on.
    #[default]
    WorkingDay,
    /// The last day of each month that is worked on.
    LastWorkingDay,
    /// The last day of each month, worked on or not.
    MonthEnd,
}

impl DayRule {
    /// Returns the word used in files and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkingDay => "working_day",
            Self::LastWorkingDay => "last_working_day",
            Self::MonthEnd => "month_end",
        }
    }
}

/// Days of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Which ones.
    pub rule: DayRule,
    /// Of which calendar.
    pub calendar: Arc<Calendar>,
}

impl Days {
    /// Returns whether a day is one of them.
    pub fn contains(&self, date: NaiveDate) -> bool {
        match self.rule {
            DayRule::WorkingDay => self.calendar.is_working_day(date),
            DayRule::LastWorkingDay => self.calendar.is_last_working_day(date),
            DayRule::MonthEnd => date
                .succ_opt()
                .is_some_and(|next| next.month() != date.month()),
        }
    }

    /// Returns the name of the calendar, where one was named.
    pub fn calendar_name(&self) -> Option<&str> {
        self.calendar.name.as_deref()
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.as_str())?;
        match self.calendar_name() {
            Some(name) => write!(f, " of {name}"),
            None => Ok(()),
        }
    }
}
