//! Schedules, calendars, hours and freezes as they are spelled.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declaration::at::{At, Short};
use crate::schedule::DayRule;

use super::text::CronText;

/// A schedule: its expression alone, or with a time zone and days.
pub(in crate::declaration) type ScheduleText = Short<CronText, ScheduleEntry>;

/// A schedule with a time zone and days.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `schedule`")]
pub(in crate::declaration) struct ScheduleEntry {
    /// The cron expression, with five fields.
    #[schemars(required)]
    pub(in crate::declaration) schedule: Option<At<CronText>>,
    /// The IANA time zone of the schedule; UTC where absent.
    pub(in crate::declaration) timezone: Option<At<String>>,
    /// The calendar whose days count.
    pub(in crate::declaration) calendar: Option<At<String>>,
    /// Which of its days count; `working_day` where only a calendar is named.
    pub(in crate::declaration) day: Option<DayRule>,
}

/// A business calendar.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `working_days` and `holidays`"
)]
pub(in crate::declaration) struct CalendarEntry {
    /// The weekdays that are worked on; Monday to Friday where absent.
    pub(in crate::declaration) working_days: Option<Vec<At<String>>>,
    /// Days that are not worked on: `2026-12-25`.
    pub(in crate::declaration) holidays: Option<Vec<At<String>>>,
}

/// Hours of the day, on all days or on those of a calendar.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `from` and `to`")]
pub(in crate::declaration) struct HoursEntry {
    /// When they begin: `22:00`.
    #[schemars(required)]
    pub(in crate::declaration) from: Option<At<String>>,
    /// When they end, the next day where that is earlier: `06:00`. `24:00` is the end of the day.
    #[schemars(required)]
    pub(in crate::declaration) to: Option<At<String>>,
    /// The IANA time zone of the clock; UTC where absent.
    pub(in crate::declaration) timezone: Option<At<String>>,
    /// The calendar on whose days they begin.
    pub(in crate::declaration) calendar: Option<At<String>>,
    /// On which of its days they begin; `working_day` where only a calendar is named.
    pub(in crate::declaration) day: Option<DayRule>,
}

/// A time in which nothing is built.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `from`, `to` and `reason`"
)]
pub(in crate::declaration) struct FreezeEntry {
    /// When it begins: `2026-12-24`, `2026-12-24T18:00`.
    #[schemars(required)]
    pub(in crate::declaration) from: Option<At<String>>,
    /// When it ends.
    #[schemars(required)]
    pub(in crate::declaration) to: Option<At<String>>,
    /// The IANA time zone of both; UTC where absent.
    pub(in crate::declaration) timezone: Option<At<String>>,
    /// Why.
    #[schemars(required)]
    pub(in crate::declaration) reason: Option<At<String>>,
    /// Which assets, in selection syntax; all of them where absent.
    pub(in crate::declaration) select: Option<At<String>>,
}
