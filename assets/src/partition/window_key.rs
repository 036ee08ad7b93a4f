//! How windows of time are named: by what the clock shows when they begin.

use chrono::{Datelike as _, Days};

use super::civil::{Civil, Unit, write_offset};
use super::key::KeyError;
use super::timeline::{DAY, Ordinal, YEARS, date_at, offset_of};
use super::windows::{Grid, Windows};

impl Windows {
    /// Writes the key of a window; `None` for an ordinal outside the years 1900 to 2100.
    pub(super) fn key(&self, ordinal: Ordinal) -> Option<String> {
        let shown = self.timeline.shown(ordinal)?;
        let date = date_at(shown.local)?;
        Some(match &self.grid {
            Grid::Daily => date.to_string(),
            Grid::Weekly => {
                let days = date.weekday().num_days_from_monday();
                date.checked_sub_days(Days::new(days.into()))?.to_string()
            }
            Grid::Monthly => date.format("%Y-%m").to_string(),
            Grid::Hourly | Grid::Cron(_) => {
                let of_day = shown.local.rem_euclid(DAY);
                let (hour, minute) = (of_day / 3600, of_day % 3600 / 60);
                let mut key = format!("{date}T{hour:02}:{minute:02}");
                // Where clocks went by local mean time, hours began between two minutes.
                if of_day % 60 != 0 {
                    key = format!("{key}:{:02}", of_day % 60);
                }
                if shown.is_repeated {
                    key.push_str(&write_offset(shown.offset));
                }
                key
            }
        })
    }

    /// Reads the key of a window.
    pub(super) fn parse_key(&self, text: &str) -> Result<Ordinal, KeyError> {
        let is_clock = matches!(self.grid, Grid::Hourly | Grid::Cron(_));
        let civil = Civil::parse(text).filter(|civil| match &self.grid {
            Grid::Daily | Grid::Weekly => civil.unit == Unit::Day,
            Grid::Monthly => civil.unit == Unit::Month,
            Grid::Hourly | Grid::Cron(_) => civil.unit >= Unit::Minute,
        });
        let Some(civil) = civil else {
            return Err(KeyError::Form {
                written: text.to_owned(),
                grid: self.grid.as_str(),
                example: self.key(self.span.start).unwrap_or_default(),
            });
        };
        if !YEARS.contains(&civil.local) {
            return Err(KeyError::Years(text.to_owned()));
        }
        let clock = self.timeline.clock();
        let instant = match civil.offset {
            Some(offset) => civil.local - offset,
            None => clock.first_instant_at(civil.local),
        };
        let ordinal = self.timeline.at(instant);
        let Some(key) = self.key(ordinal) else {
            return Err(KeyError::Years(text.to_owned()));
        };
        if civil
            .offset
            .is_some_and(|offset| offset_of(self.zone, instant) != offset)
        {
            return Err(KeyError::Offset {
                written: text.to_owned(),
                zone: self.zone,
                instead: key,
            });
        }
        let is_shown = civil.offset.is_some() || clock.instants_at(civil.local).next().is_some();
        let begins = if is_clock {
            is_shown && self.timeline.start(ordinal) == Some(instant)
        } else {
            key == text
        };
        if begins {
            return self.within(ordinal, text);
        }
        let (written, instead) = (text.to_owned(), key);
        Err(if is_shown || civil.unit == Unit::Month {
            KeyError::NoStart {
                written,
                grid: self.grid.as_str(),
                instead,
            }
        } else {
            KeyError::Skipped {
                written,
                zone: self.zone,
                instead,
            }
        })
    }

    /// Refuses windows outside the definition.
    fn within(&self, ordinal: Ordinal, text: &str) -> Result<Ordinal, KeyError> {
        let written = text.to_owned();
        if ordinal < self.span.start {
            let first = self.key(self.span.start).unwrap_or_default();
            return Err(KeyError::BeforeStart { written, first });
        }
        if ordinal >= self.span.end {
            let last = self.key(self.span.end - 1).unwrap_or_default();
            return Err(KeyError::AfterEnd { written, last });
        }
        Ok(ordinal)
    }
}
