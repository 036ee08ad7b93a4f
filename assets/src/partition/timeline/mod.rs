//! The time line of one schedule in one time zone: which window an instant lies in, and back.
//!
//! A window begins at a *tick* and ends at the next one, so that windows follow each other without
//! gap or overlap by construction, whatever the clock does. Ticks are numbered; the number is the
//! *ordinal* of the window that begins there. No list of ticks is kept: where the clock keeps its
//! offset, ticks are counted by arithmetic, and there are about two such stretches a year. Both
//! directions cost a binary search over them.
//!
//! Instants are seconds since 1970-01-01T00:00Z. Ordinal 0 is the first window that begins at or
//! after local midnight of 1970-01-01, and ordinals of earlier ones are negative. They do not depend
//! on where a definition begins or ends, so that what was stored stays right when that is changed.

mod clock;
mod days;
mod schedule;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono_tz::Tz;

pub(super) use clock::{Clock, offset_of};
pub(super) use days::day_of;
pub(super) use schedule::{Schedule, date_at};

pub use schedule::CronError;

use clock::clock_of;
use days::{FIRST_DAY, LAST_DAY};

/// The number of a window of time.
pub(super) type Ordinal = i32;

/// Clock times, in seconds since 1970, that lie in the years 1900 to 2100: between them, definitions
/// lie. Windows are counted a little further on both sides.
pub(super) const YEARS: std::ops::Range<i64> = -2_208_988_800..4_133_980_800;

/// Seconds of a day of the calendar; how long it lasts is another question.
pub(super) const DAY: i64 = 86_400;

/// The ticks of a schedule by the clock of a zone.
#[derive(Debug)]
pub(super) struct Timeline {
    schedule: Schedule,
    clock: Arc<Clock>,
    segments: Vec<Segment>,
    /// How many ticks there are in all.
    total: i64,
    /// How many of them come before ordinal 0.
    before_zero: i64,
}

/// The ticks of a stretch of time in which the clock keeps its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    /// When the stretch begins.
    begin: i64,
    /// Seconds by which the clock is ahead of UTC.
    offset: i64,
    /// How many ticks come before the stretch.
    first: i64,
    /// Whether a tick that the clock skipped is made up for at the very beginning.
    is_caught_up: bool,
    /// How many times of the schedule come before those that count here, in the plain calendar.
    rank: i64,
    /// The clock times before this one were shown already when the stretch began.
    shown_until: i64,
}

/// Where time lines are found again, so that the thousands of assets of one grid share one.
static KNOWN: Mutex<BTreeMap<(Schedule, &'static str), Weak<Timeline>>> =
    Mutex::new(BTreeMap::new());

impl Timeline {
    /// Returns the time line of a schedule in a zone, computed once for all who hold it.
    pub(super) fn of(schedule: &Schedule, zone: Tz) -> Arc<Self> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (schedule.clone(), zone.name());
        if let Some(timeline) = known.get(&key).and_then(Weak::upgrade) {
            return timeline;
        }
        known.retain(|_, timeline| timeline.strong_count() > 0);
        let timeline = Arc::new(Self::new(schedule.clone(), clock_of(zone)));
        known.insert(key, Arc::downgrade(&timeline));
        timeline
    }

    fn new(schedule: Schedule, clock: Arc<Clock>) -> Self {
        let mut segments = Vec::with_capacity(clock.stretches.len());
        let mut first = 0;
        // The clock times that were shown so far, and the one at which the last stretch ended.
        let (mut shown_until, mut stopped_at) = (i64::MIN, None);
        for (at, stretch) in clock.stretches.iter().enumerate() {
            let opens = stretch.begin + stretch.offset;
            let next = clock.stretches.get(at + 1);
            let closes = next.map_or((LAST_DAY + 1) * DAY, |next| next.begin + stretch.offset);
            let from = if schedule.repeats() {
                opens
            } else {
                opens.max(shown_until).min(closes)
            };
            let is_caught_up = stopped_at.is_some_and(|stopped_at: i64| {
                let skipped_from = if schedule.repeats() {
                    stopped_at
                } else {
                    stopped_at.max(shown_until)
                };
                schedule.catches_up(skipped_from, opens)
            });
            let rank = schedule.rank(from);
            segments.push(Segment {
                begin: stretch.begin,
                offset: stretch.offset,
                first,
                is_caught_up,
                rank,
                shown_until,
            });
            first += i64::from(is_caught_up) + (schedule.rank(closes) - rank).max(0);
            shown_until = shown_until.max(closes);
            stopped_at = Some(closes);
        }
        let mut timeline = Self {
            schedule,
            clock,
            segments,
            total: first,
            before_zero: 0,
        };
        timeline.before_zero = timeline.ticks_before(timeline.clock.first_instant_at(0));
        timeline
    }

    /// Returns how many ticks come before an instant.
    fn ticks_before(&self, instant: i64) -> i64 {
        let at = self
            .segments
            .partition_point(|segment| segment.begin < instant);
        let Some(segment) = at.checked_sub(1).and_then(|at| self.segments.get(at)) else {
            return 0;
        };
        let counted = self.schedule.rank(instant + segment.offset) - segment.rank;
        segment.first + i64::from(segment.is_caught_up) + counted.max(0)
    }

    fn ordinal(&self, ticks: i64) -> Ordinal {
        // Every minute of two centuries are 10^8 ticks, so that nothing is ever cut here.
        Ordinal::try_from(ticks - self.before_zero).unwrap_or(Ordinal::MAX)
    }

    /// Returns the first window that begins at or after an instant.
    pub(super) fn first_from(&self, instant: i64) -> Ordinal {
        self.ordinal(self.ticks_before(instant))
    }

    /// Returns the window that an instant lies in; before the first window, the one before it,
    /// which does not exist.
    pub(super) fn at(&self, instant: i64) -> Ordinal {
        self.ordinal(self.ticks_before(instant + 1) - 1)
    }

    /// Returns when a window begins; `None` beyond the ends of the time line.
    pub(super) fn start(&self, ordinal: Ordinal) -> Option<i64> {
        self.locate(ordinal).map(|(instant, _)| instant)
    }

    /// Returns when a window begins, and the end of all time for an ordinal that lies beyond it.
    pub(super) fn begin(&self, ordinal: Ordinal) -> i64 {
        let (first, _) = self.bounds();
        let beyond = if ordinal < first {
            FIRST_DAY
        } else {
            LAST_DAY + 2
        };
        self.start(ordinal).unwrap_or(beyond * DAY)
    }

    /// Returns when a window ends; for the last one, when the time line does.
    pub(super) fn end(&self, ordinal: Ordinal) -> i64 {
        let next = ordinal.checked_add(1).and_then(|next| self.start(next));
        next.unwrap_or((LAST_DAY + 1) * DAY)
    }

    /// Returns when a window begins: the instant, the clock time and whether the clock shows this
    /// time again, after an earlier instant.
    pub(super) fn shown(&self, ordinal: Ordinal) -> Option<Shown> {
        let (instant, segment) = self.locate(ordinal)?;
        let local = instant + segment.offset;
        Some(Shown {
            local,
            offset: segment.offset,
            is_repeated: local < segment.shown_until,
        })
    }

    fn locate(&self, ordinal: Ordinal) -> Option<(i64, &Segment)> {
        let tick = i64::from(ordinal) + self.before_zero;
        if !(0..self.total).contains(&tick) {
            return None;
        }
        let at = self
            .segments
            .partition_point(|segment| segment.first <= tick);
        let segment = self.segments.get(at.checked_sub(1)?)?;
        let mut index = tick - segment.first;
        if segment.is_caught_up {
            if index == 0 {
                return Some((segment.begin, segment));
            }
            index -= 1;
        }
        let local = self.schedule.select(segment.rank + index)?;
        Some((local - segment.offset, segment))
    }

    /// Returns the ordinals there are, the last one exclusive.
    pub(super) fn bounds(&self) -> (Ordinal, Ordinal) {
        (self.ordinal(0), self.ordinal(self.total))
    }

    /// Returns the clock by which it goes.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns whether the windows are the same ones, also where the zones only have other names.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || (self.schedule == other.schedule
                && self.segments == other.segments
                && self.before_zero == other.before_zero)
    }
}

/// What the clock shows when a window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// The clock time, in seconds since 1970-01-01T00:00 by the clock.
    pub(super) local: i64,
    /// Seconds by which it is ahead of UTC.
    pub(super) offset: i64,
    /// Whether it showed that time before.
    pub(super) is_repeated: bool,
}

#[cfg(test)]
mod tests;
