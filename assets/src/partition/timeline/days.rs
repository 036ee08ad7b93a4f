//! The days of a schedule, counted: how many come before a day, and which is the n-th.
//!
//! Days are numbered from 1970-01-01. The years 1900 to 2100 are covered, with a few days around
//! them for clocks that are ahead or behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::{Datelike as _, NaiveDate};

/// The first day that is covered: 1899-12-25, a Monday.
pub(super) const FIRST_DAY: i64 = -25_574;
/// The last day that is covered: 2101-01-07.
pub(super) const LAST_DAY: i64 = 47_853;

/// Returns the day of a number.
pub(super) fn date_of(day: i64) -> Option<NaiveDate> {
    // 719,163 days lie between the beginning of year 1 and 1970-01-01.
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day + 719_163).ok()?)
}

/// Returns the number of a day.
pub(in super::super) fn day_of(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

/// Some days of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Days {
    /// All of them.
    Every,
    /// Those that are listed.
    Listed(Arc<Listed>),
}

/// Lists by what they are called: looking at two centuries of days takes milliseconds.
static KNOWN: Mutex<BTreeMap<String, Weak<Listed>>> = Mutex::new(BTreeMap::new());

/// Days as bits from [`FIRST_DAY`] on, with how many there are before each word of 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    words: Vec<u64>,
    before: Vec<u32>,
}

impl Days {
    /// Lists the days for which `holds` is true; once for all who hold a list of the same name, by
    /// which only this one goes.
    pub(super) fn listed(name: &str, holds: impl Fn(NaiveDate) -> bool) -> Self {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = known.get(name).and_then(Weak::upgrade) {
            return Self::Listed(listed);
        }
        known.retain(|_, listed| listed.strong_count() > 0);
        let listed = Arc::new(Listed::new(holds));
        known.insert(name.to_owned(), Arc::downgrade(&listed));
        Self::Listed(listed)
    }

    /// Returns whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Every => false,
            Self::Listed(listed) => listed.words.iter().all(|word| *word == 0),
        }
    }

    /// Returns whether a day is one of them.
    pub(super) fn contains(&self, day: i64) -> bool {
        match self {
            Self::Every => (FIRST_DAY..=LAST_DAY).contains(&day),
            Self::Listed(listed) => listed
                .position(day)
                .and_then(|(word, bit)| listed.words.get(word).map(|word| word >> bit & 1 == 1))
                .unwrap_or(false),
        }
    }

    /// Returns how many of them come before a day.
    pub(super) fn rank(&self, day: i64) -> i64 {
        let day = day.clamp(FIRST_DAY, LAST_DAY + 1);
        match self {
            Self::Every => day - FIRST_DAY,
            Self::Listed(listed) => match listed.position(day) {
                None => listed.total(),
                Some((word, bit)) => {
                    let (before, word) = listed.word(word);
                    let below = word & ((1_u64 << bit) - 1);
                    i64::from(before + below.count_ones())
                }
            },
        }
    }

    /// Returns the day before which `rank` of them come; `None` where there are not so many.
    pub(super) fn select(&self, rank: i64) -> Option<i64> {
        let listed = match self {
            Self::Every => {
                let day = FIRST_DAY + rank;
                return (FIRST_DAY..=LAST_DAY).contains(&day).then_some(day);
            }
            Self::Listed(listed) => listed,
        };
        if rank >= listed.total() {
            return None;
        }
        let rank = u32::try_from(rank).ok()?;
        let at = listed.before.partition_point(|before| *before <= rank);
        let at = at.checked_sub(1)?;
        let (before, mut word) = listed.word(at);
        for _ in before..rank {
            word &= word.wrapping_sub(1);
        }
        let bit = i64::from(word.trailing_zeros());
        Some(FIRST_DAY + i64::try_from(at).ok()? * 64 + bit)
    }
}

impl Listed {
    fn new(holds: impl Fn(NaiveDate) -> bool) -> Self {
        let mut words = Vec::new();
        let mut before = Vec::new();
        let (mut word, mut count) = (0_u64, 0_u32);
        for (at, day) in (FIRST_DAY..=LAST_DAY).enumerate() {
            if date_of(day).is_some_and(&holds) {
                word |= 1 << (at % 64);
            }
            if at % 64 == 63 || day == LAST_DAY {
                words.push(word);
                before.push(count);
                count += word.count_ones();
                word = 0;
            }
        }
        Self { words, before }
    }

    fn position(&self, day: i64) -> Option<(usize, usize)> {
        let at = usize::try_from(day - FIRST_DAY).ok()?;
        (at / 64 < self.words.len()).then_some((at / 64, at % 64))
    }

    /// Returns how many days come before a word, and the word.
    fn word(&self, at: usize) -> (u32, u64) {
        let before = self.before.get(at).copied().unwrap_or_default();
        (before, self.words.get(at).copied().unwrap_or_default())
    }

    fn total(&self) -> i64 {
        let (before, word) = self.word(self.words.len().saturating_sub(1));
        i64::from(before + word.count_ones())
    }
}
