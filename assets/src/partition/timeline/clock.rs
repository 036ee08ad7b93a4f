//! The clock of a time zone: the stretches of time in which it keeps its offset from UTC.
//!
//! `chrono-tz` knows every change of a clock and does not list them. They are found by looking at
//! the offset every few days and halving where it differs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;

use super::DAY;
use super::days::{FIRST_DAY, LAST_DAY};

/// No clock is further from UTC than this, in seconds: those of Manila and Alaska were once.
const FURTHEST: i64 = 16 * 3600;

/// How far apart looks at a clock are, in seconds. Of all zones, from 1900 to 2100, two changes of
/// one clock were never closer than 601,200 s (Boa Vista, October 2000; looked at every half hour,
/// in the database 2025b of chrono-tz 0.10.4), so that no change and its undoing lie between two.
const LOOKS: i64 = 4 * DAY;

/// The clock of a zone.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Clock {
    /// In order, never empty.
    pub(super) stretches: Vec<Stretch>,
}

/// A stretch of time in which a clock keeps its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// When it begins; it ends where the next one begins.
    pub(super) begin: i64,
    /// Seconds by which the clock is ahead of UTC.
    pub(super) offset: i64,
}

/// The clocks that were looked at: there are as many as there are zones.
static KNOWN: Mutex<BTreeMap<&'static str, Arc<Clock>>> = Mutex::new(BTreeMap::new());

/// Returns the clock of a zone, found once.
pub(super) fn clock_of(zone: Tz) -> Arc<Clock> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let clock = known.entry(zone.name());
    Arc::clone(clock.or_insert_with(|| Arc::new(Clock::find(zone, LOOKS))))
}

/// Returns by how many seconds a clock is ahead of UTC at an instant.
pub(in super::super) fn offset_of(zone: Tz, instant: i64) -> i64 {
    let Some(at) = DateTime::from_timestamp(instant, 0) else {
        return 0;
    };
    let offset = zone.offset_from_utc_datetime(&at.naive_utc());
    i64::from(offset.fix().local_minus_utc())
}

impl Clock {
    /// Finds the stretches by looking at the clock every `step` seconds.
    pub(super) fn find(zone: Tz, step: i64) -> Self {
        let (mut at, end) = (FIRST_DAY * DAY, LAST_DAY * DAY);
        let mut offset = offset_of(zone, at);
        let mut stretches = vec![Stretch { begin: at, offset }];
        while at < end {
            let next = at + step;
            let then = offset_of(zone, next);
            if then != offset {
                let (mut before, mut after) = (at, next);
                while after - before > 1 {
                    let middle = before + (after - before) / 2;
                    if offset_of(zone, middle) == offset {
                        before = middle;
                    } else {
                        after = middle;
                    }
                }
                // What comes right after may be another offset than the one at the next look.
                offset = offset_of(zone, after);
                stretches.push(Stretch {
                    begin: after,
                    offset,
                });
                at = after;
            } else {
                at = next;
            }
        }
        Self { stretches }
    }

    /// Returns every instant at which the clock shows a time, in order: one, two, or none where it
    /// is put forward over it.
    pub(in super::super) fn instants_at(&self, local: i64) -> impl Iterator<Item = i64> {
        self.stretches_around(local)
            .filter(move |(from, until, offset)| (*from..*until).contains(&(local - offset)))
            .map(move |(_, _, offset)| local - offset)
    }

    /// Returns the first instant at which the clock shows this time or, where it is put forward
    /// over it, a later one.
    pub(in super::super) fn first_instant_at(&self, local: i64) -> i64 {
        let mut stretches = self.stretches_around(local);
        let found = stretches.find(|(_, until, offset)| local < until.saturating_add(*offset));
        found.map_or(local, |(from, _, offset)| from.max(local - offset))
    }

    /// Returns the stretches, as begin, end and offset, in which the clock may show a time.
    fn stretches_around(&self, local: i64) -> impl Iterator<Item = (i64, i64, i64)> {
        let before = local - FURTHEST;
        let at = self
            .stretches
            .partition_point(|stretch| stretch.begin <= before);
        let from = at.saturating_sub(1);
        let stretches = self.stretches.iter().enumerate().skip(from);
        stretches
            .take_while(move |(at, stretch)| *at == from || stretch.begin <= local + FURTHEST)
            .map(|(at, stretch)| {
                let next = self.stretches.get(at + 1);
                // The first and the last offset hold beyond the years that are looked at.
                let begin = if at == 0 { i64::MIN / 2 } else { stretch.begin };
                (
                    begin,
                    next.map_or(i64::MAX / 2, |next| next.begin),
                    stretch.offset,
                )
            })
    }
}
