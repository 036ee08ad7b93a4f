//! Schedules, calendars, hours and freezes: time zones and calendars that exist, times that come.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use crate::declaration::at::{At, Short};
use crate::declaration::file::{CalendarEntry, CronText, FreezeEntry, HoursEntry, ScheduleText};
use crate::declaration::problem::Problem;
use crate::declaration::read_error::suggestion;
use crate::declaration::tree::NodeId;
use crate::schedule::{
    Calendar, Calendars, DayRule, Days, Freeze, Hours, HoursError, Schedule, ScheduleError,
    at_local, parse_weekday, parse_zone,
};

use super::Checks;

/// What else a schedule or hours say: time zone, calendar, and which of its days.
pub(super) type Place<'e> = (
    Option<&'e At<String>>,
    Option<&'e At<String>>,
    Option<DayRule>,
);

impl Checks<'_, '_> {
    pub(super) fn schedule_of(&mut self, entry: &At<ScheduleText>) -> Option<Schedule> {
        match &entry.value {
            Short::Short(text) => self.schedule(text, entry.node, (None, None, None)),
            Short::Long(long) => {
                let text = self.required(long.schedule.as_ref(), entry.node, "schedule")?;
                let place = (long.timezone.as_ref(), long.calendar.as_ref(), long.day);
                self.schedule(&text.value, text.node, place)
            }
        }
    }

    pub(super) fn schedule(
        &mut self,
        text: &CronText,
        node: NodeId,
        (zone, calendar, day): Place<'_>,
    ) -> Option<Schedule> {
        let zone = self.zone(zone);
        let days = self.days(calendar, day);
        match Schedule::new(&text.0, zone?, days?) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                // What cron says of a field may quote it, and with it the value of a variable.
                let quotes = matches!(error, ScheduleError::Field(_));
                let written = self.written(node);
                let message = if quotes && self.tree.is_substituted(node) {
                    format!("`{written}` is not a schedule")
                } else {
                    format!("`{written}` is not a schedule: {error}")
                };
                let help = match error {
                    ScheduleError::Fields(_) | ScheduleError::Field(_) => {
                        "write minute, hour, day, month and weekday: `0 6 * * 1-5`"
                    }
                    ScheduleError::Never => "name days that there are, and days of its calendar",
                };
                self.error(Problem::Schedule, node, message, help);
                None
            }
        }
    }

    pub(super) fn zone(&mut self, entry: Option<&At<String>>) -> Option<Tz> {
        let Some(entry) = entry else {
            return Some(Tz::UTC);
        };
        if let Ok(zone) = parse_zone(&entry.value) {
            return Some(zone);
        }
        let message = format!("`{}` is not a time zone", self.written(entry.node));
        let help = "write a name of the IANA database, such as `Europe/Berlin`";
        self.error(Problem::Schedule, entry.node, message, help);
        None
    }

    /// The days that count: `Some(None)` for all of them.
    #[expect(clippy::option_option, reason = "what is wrong is not what is absent")]
    fn days(
        &mut self,
        calendar: Option<&At<String>>,
        day: Option<DayRule>,
    ) -> Option<Option<Days>> {
        let calendar = match calendar {
            Some(entry) => Some(self.calendar(entry)?),
            None => None,
        };
        Some(match (calendar, day) {
            (None, None) => None,
            (calendar, rule) => Some(Days {
                rule: rule.unwrap_or_default(),
                calendar: calendar.unwrap_or_else(|| Arc::new(Calendar::weekdays())),
            }),
        })
    }

    fn calendar(&mut self, entry: &At<String>) -> Option<Arc<Calendar>> {
        if let Some(calendar) = self.calendars.get(&entry.value) {
            return Some(Arc::clone(calendar));
        }
        let written = self.written(entry.node);
        let names: Vec<&str> = self.calendars.keys().map(String::as_str).collect();
        let help = suggestion(&written, &names, "declared under `calendars:`");
        let message = format!("calendar `{written}` is not declared");
        self.error(Problem::UnknownCalendar, entry.node, message, &help);
        None
    }

    pub(super) fn declare_calendars(
        &mut self,
        entries: Option<&BTreeMap<String, At<CalendarEntry>>>,
    ) -> Calendars {
        let entries = entries.into_iter().flatten();
        let calendars = entries.map(|(name, At { value, .. })| {
            let working_days = match &value.working_days {
                None => vec!["mon", "tue", "wed", "thu", "fri"]
                    .into_iter()
                    .filter_map(parse_weekday)
                    .collect(),
                Some(days) => self.weekdays(days),
            };
            let holidays = value.holidays.iter().flatten();
            let holidays: Vec<NaiveDate> = holidays.filter_map(|entry| self.date(entry)).collect();
            let calendar = Calendar::new(name, working_days, holidays);
            (name.clone(), Arc::new(calendar))
        });
        calendars.collect()
    }

    fn weekdays(&mut self, entries: &[At<String>]) -> Vec<chrono::Weekday> {
        let mut days = Vec::new();
        for entry in entries {
            if let Some(day) = parse_weekday(&entry.value) {
                days.push(day);
                continue;
            }
            let message = format!("`{}` is not a weekday", self.written(entry.node));
            let help = "write `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`";
            self.error(Problem::Schedule, entry.node, message, help);
        }
        days
    }

    fn date(&mut self, entry: &At<String>) -> Option<NaiveDate> {
        if let Ok(date) = entry.value.parse() {
            return Some(date);
        }
        let message = format!("`{}` is not a date", self.written(entry.node));
        let help = "write year, month and day: `2026-12-25`";
        self.error(Problem::Schedule, entry.node, message, help);
        None
    }

    pub(super) fn hours(&mut self, entry: Option<&At<HoursEntry>>) -> Option<Hours> {
        let At { node, value } = entry?;
        let zone = self.zone(value.timezone.as_ref());
        let days = self.days(value.calendar.as_ref(), value.day);
        let from = self.required(value.from.as_ref(), *node, "from");
        let to = self.required(value.to.as_ref(), *node, "to");
        let (from, to) = (from?, to?);
        match Hours::new(&from.value, &to.value, zone?, days?) {
            Ok(hours) => Some(hours),
            Err(error) => {
                let message = format!("these are no hours of a day: {error}");
                let help = match error {
                    HoursError::Form => "write hours and minutes in quotes: `\"22:00\"`",
                    HoursError::Empty => "leave the window out where every hour is meant",
                };
                self.error(Problem::Schedule, *node, message, help);
                None
            }
        }
    }

    pub(super) fn freezes(&mut self, entries: Option<&Vec<At<FreezeEntry>>>) -> Vec<Freeze> {
        let entries = entries.into_iter().flatten();
        entries.filter_map(|entry| self.freeze(entry)).collect()
    }

    fn freeze(&mut self, At { node, value }: &At<FreezeEntry>) -> Option<Freeze> {
        let zone = self.zone(value.timezone.as_ref());
        let from = self.required(value.from.as_ref(), *node, "from");
        let to = self.required(value.to.as_ref(), *node, "to");
        let reason = self.required(value.reason.as_ref(), *node, "reason");
        let reason = reason.and_then(|reason| self.not_empty(reason));
        let zone = zone?;
        let from = self.instant(from?, zone);
        let to_node = to?.node;
        let to = self.instant(to?, zone);
        let (from, to) = (from?, to?);
        if to <= from {
            let message = "it ends before it begins".to_owned();
            self.error(
                Problem::Value,
                to_node,
                message,
                "make `to` later than `from`",
            );
            return None;
        }
        Some(Freeze {
            from,
            to,
            reason: reason?,
            select: value.select.as_ref().map(|select| select.value.clone()),
            place: self.report.place(&self.tree.spot(*node)),
        })
    }

    /// Reads a date, or a date and a time of day, of a local clock.
    fn instant(&mut self, entry: &At<String>, zone: Tz) -> Option<DateTime<Utc>> {
        let text = entry.value.as_str();
        let local = text
            .parse::<NaiveDate>()
            .map(|date| date.and_time(NaiveTime::MIN))
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"));
        if let Some(instant) = local.ok().and_then(|local| at_local(zone, local)) {
            return Some(instant);
        }
        let message = format!(
            "`{}` is neither a date nor a date with a time",
            self.written(entry.node)
        );
        let help = "write `2026-12-24` or `2026-12-24T18:00`, by the clock of `timezone`";
        self.error(Problem::Schedule, entry.node, message, help);
        None
    }
}
