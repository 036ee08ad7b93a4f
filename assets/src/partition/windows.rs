//! Windows of time as a definition has them: of one kind, from a beginning on.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::civil::{Civil, Unit};
use super::format::Format;
use super::set::{PartitionSet, Span, Spans};
use super::timeline::{Ordinal, Timeline, offset_of};

/// What the windows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grid {
    /// Hours of the clock. Where it is put forward over a full hour, one begins at that instant, and
    /// an hour that it shows twice is two.
    Hourly,
    /// Calendar days: 23 or 25 hours where the clock changes. A day begins with the first instant
    /// that the clock shows it; one that the clock skipped is none.
    Daily,
    /// Weeks from Monday.
    Weekly,
    /// Calendar months.
    Monthly,
    /// From each instant of a cron schedule of five fields to the next one.
    Cron(Arc<str>),
}

impl Grid {
    /// Returns the word of declarations.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Cron(_) => "cron",
        }
    }
}

/// Which columns of a table tell the window of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeColumns {
    /// One, with a date or time.
    One(String),
    /// Several, each with its format; in the order of their names.
    Several(Vec<(String, Format)>),
}

/// A window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub start: DateTime<Utc>,
    /// Its end, exclusive.
    pub end: DateTime<Utc>,
}

/// Partitions by windows of time.
#[derive(Debug, Clone)]
pub struct Windows {
    pub(super) grid: Grid,
    pub(super) zone: Tz,
    pub(super) columns: TimeColumns,
    pub(super) timeline: Arc<Timeline>,
    /// The first window, and the one after the last.
    pub(super) span: Span,
    pub(super) has_end: bool,
    pub(super) include_running: bool,
}

impl PartialEq for Windows {
    /// Compares the definitions; the time line follows from them.
    fn eq(&self, other: &Self) -> bool {
        self.grid == other.grid
            && self.zone == other.zone
            && self.columns == other.columns
            && self.span == other.span
            && self.has_end == other.has_end
            && self.include_running == other.include_running
    }
}

impl Eq for Windows {}

impl Windows {
    /// Returns what the windows are.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Returns the time zone by whose clock they begin.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Returns the columns that tell the window of a row.
    pub fn columns(&self) -> &TimeColumns {
        &self.columns
    }

    /// Returns whether the window that has not ended yet is a partition.
    pub fn includes_running(&self) -> bool {
        self.include_running
    }

    /// Returns the ordinal of the first window.
    pub fn first(&self) -> i32 {
        self.span.start
    }

    /// Returns the ordinal after the last window; `None` where there is no end.
    pub fn end(&self) -> Option<i32> {
        self.has_end.then_some(self.span.end)
    }

    /// Returns when a window begins and ends; `None` for an ordinal outside the years 1900 to 2100.
    pub fn window(&self, ordinal: i32) -> Option<Window> {
        Some(Window {
            start: DateTime::from_timestamp(self.timeline.start(ordinal)?, 0)?,
            end: DateTime::from_timestamp(self.timeline.end(ordinal), 0)?,
        })
    }

    /// Returns the ordinal of the window that an instant lies in, whether or not it is within the
    /// definition.
    pub fn ordinal_at(&self, instant: DateTime<Utc>) -> i32 {
        self.timeline.at(instant.timestamp())
    }

    /// Returns all windows of the definition, also of the future.
    pub(super) fn defined(&self) -> Spans {
        Spans::range(self.span.start, self.span.end)
    }

    /// Returns the windows that exist: those that have ended, and the running one where it counts.
    pub(super) fn existing(&self, now: DateTime<Utc>) -> PartitionSet {
        let running = self.timeline.at(now.timestamp());
        let end = running.saturating_add(i32::from(self.include_running));
        let spans = Spans::range(self.span.start, end.min(self.span.end));
        PartitionSet::windows(spans)
    }

    /// Returns the windows of the definition that ended by an instant.
    pub(super) fn ended_by(&self, instant: DateTime<Utc>) -> PartitionSet {
        let running = self.timeline.at(instant.timestamp());
        let spans = Spans::range(self.span.start, running.min(self.span.end));
        PartitionSet::windows(spans)
    }

    /// Returns the windows that have an instant in common with a stretch of time, end exclusive.
    pub(super) fn covering(&self, start: i64, end: i64) -> Option<Span> {
        let (first, last) = self.timeline.bounds();
        Span::new(
            self.timeline.at(start).max(first),
            self.timeline.first_from(end).min(last),
        )
    }

    /// Returns the windows that have an instant in common with what somebody wrote, by the clock of
    /// this zone unless it says its own.
    ///
    /// A clock time that comes twice may be either one, so that both are covered. `None` for a day that
    /// the clock never shows.
    pub(super) fn covering_civil(&self, civil: &Civil) -> Option<Span> {
        if let Some(offset) = civil.offset {
            return self.covering(civil.local - offset, civil.end()? - offset);
        }
        let clock = self.timeline.clock();
        let until = civil.end()?;
        if civil.unit < Unit::Hour {
            // A day is the one that a daily partition would be.
            let (start, end) = (
                clock.first_instant_at(civil.local),
                clock.first_instant_at(until),
            );
            return (start < end).then(|| self.covering(start, end))?;
        }
        let first = clock.instants_at(civil.local).next();
        let last = clock.instants_at(until - 1).last();
        if let (Some(first), Some(last)) = (first, last)
            && first <= last
        {
            return self.covering(first, last + 1);
        }
        // The clock is put forward over some of it. Whoever wrote it meant the instant of the change,
        // or went on by the clock as it was before, as Java and Spark do.
        let change = clock.first_instant_at(civil.local);
        let as_before = until - offset_of(self.zone, change - 1);
        self.covering(change, as_before.max(change + 1))
    }

    pub(super) fn contains(&self, ordinal: Ordinal) -> bool {
        (self.span.start..self.span.end).contains(&ordinal)
    }
}
