//! Policies: bounds with their warnings.

use crate::declaration::at::{At, Short};
use crate::declaration::file::{
    BoundEntry, ConsistencyEntry, DeadlineEntry, DurationText, FreshnessEntry, OutsideWritesEntry,
    RetryEntry,
};
use crate::declaration::problem::Problem;
use crate::policy::{Bound, Consistency, Deadline, Freshness, OutsideWrites, Retry};

use super::Checks;

/// The most attempts that may be asked for: with doubling waits more would outlast any deadline.
const MAX_ATTEMPTS: u32 = 20;

impl Checks<'_, '_> {
    pub(super) fn freshness(&mut self, entry: Option<&At<FreshnessEntry>>) -> Option<Freshness> {
        let entry = &entry?.value;
        let mut max_lag = self.bound(entry.max_lag.as_ref());
        let mut max_age = self.bound(entry.max_age.as_ref());
        let mut max_event_lag = self.bound(entry.max_event_lag.as_ref());
        if let Some(warn) = &entry.warn {
            let bound = match (&entry.max_lag, &entry.max_age, &entry.max_event_lag) {
                (Some(_), _, _) => max_lag.as_mut(),
                (None, Some(_), _) => max_age.as_mut(),
                (None, None, Some(_)) => max_event_lag.as_mut(),
                (None, None, None) => {
                    let message = "`warn` has no bound to warn of".to_owned();
                    let help = "add `max_lag`, `max_age` or `max_event_lag`";
                    self.error(Problem::Value, warn.node, message, help);
                    None
                }
            };
            self.warn_of(warn, bound);
        }
        let deadlines = entry.deadlines.iter().flatten();
        let deadlines = deadlines
            .filter_map(|deadline| self.deadline(deadline, max_lag))
            .collect();
        Some(Freshness {
            max_lag,
            max_age,
            max_event_lag,
            deadlines,
        })
    }

    fn deadline(
        &mut self,
        At { node, value }: &At<DeadlineEntry>,
        of_asset: Option<Bound>,
    ) -> Option<Deadline> {
        let cron = self.required(value.cron.as_ref(), *node, "cron");
        let max_lag = match &value.max_lag {
            Some(entry) => self.duration(Some(entry)),
            None if of_asset.is_some() => of_asset.map(|bound| bound.limit),
            None => {
                let message = "the deadline says not up to when changes have to be in".to_owned();
                let help = "add `max_lag`: changes that are older at the deadline have to be in";
                self.error(Problem::MissingKey, *node, message, help);
                None
            }
        };
        let cron = cron?;
        let place = (value.timezone.as_ref(), value.calendar.as_ref(), value.day);
        let schedule = self.schedule(&cron.value, cron.node, place);
        Some(Deadline {
            schedule: schedule?,
            max_lag: max_lag?,
        })
    }

    fn bound(&mut self, entry: Option<&At<Short<DurationText, BoundEntry>>>) -> Option<Bound> {
        let entry = entry?;
        let (limit, warn) = match &entry.value {
            Short::Short(text) => (self.positive_of(text, entry.node), None),
            Short::Long(long) => {
                let limit = self.required(long.limit.as_ref(), entry.node, "limit");
                (self.positive(limit), long.warn.as_ref())
            }
        };
        let mut bound = limit.map(|limit| Bound { limit, warn: None });
        if let Some(warn) = warn {
            self.warn_of(warn, bound.as_mut());
        }
        bound
    }

    fn warn_of(&mut self, entry: &At<DurationText>, bound: Option<&mut Bound>) {
        let warn = self.positive(Some(entry));
        let (Some(warn), Some(bound)) = (warn, bound) else {
            return;
        };
        if bound.warn.is_some() {
            let message = "`warn` is given twice for one bound".to_owned();
            self.error(Problem::Value, entry.node, message, "keep one of them");
        } else if warn > bound.limit {
            let message = "`warn` comes later than the limit it warns of".to_owned();
            let help = "a warning is at most as long as its limit";
            self.error(Problem::Value, entry.node, message, help);
        } else {
            bound.warn = Some(warn);
        }
    }

    pub(super) fn consistency(
        &mut self,
        entry: Option<&At<ConsistencyEntry>>,
    ) -> Option<Consistency> {
        match &entry?.value {
            ConsistencyEntry::Latest => Some(Consistency::Latest),
            ConsistencyEntry::Settled(settings) => {
                let after = settings
                    .as_ref()
                    .and_then(|entry| entry.proceed_after.as_ref());
                Some(Consistency::Settled {
                    proceed_after: self.duration(after),
                })
            }
            ConsistencyEntry::Snapshot => Some(Consistency::Snapshot),
        }
    }

    pub(super) fn retry(&mut self, entry: Option<&At<RetryEntry>>) -> Option<Retry> {
        let entry = &entry?.value;
        let default = Retry::default();
        if let Some(attempts) = &entry.attempts
            && !(1..=MAX_ATTEMPTS).contains(&attempts.value)
        {
            let message = format!("`attempts` has to be from 1 to {MAX_ATTEMPTS}");
            let help = "the first attempt counts: 1 means no retry";
            self.error(Problem::Value, attempts.node, message, help);
        }
        let backoff = self.duration(entry.backoff.as_ref());
        let max_backoff = self.duration(entry.max_backoff.as_ref());
        if let (Some(backoff), Some(max), Some(at)) = (backoff, max_backoff, &entry.max_backoff)
            && backoff > max
        {
            let message = "`max_backoff` is shorter than `backoff`".to_owned();
            self.error(Problem::Value, at.node, message, "make it at least as long");
        }
        let backoff = backoff.unwrap_or(default.backoff);
        let attempts = entry
            .attempts
            .as_ref()
            .map_or(default.attempts, |at| at.value);
        Some(Retry {
            attempts: attempts.clamp(1, MAX_ATTEMPTS),
            backoff,
            // A long first wait alone must not be cut by a default that nobody wrote.
            max_backoff: max_backoff.unwrap_or(default.max_backoff).max(backoff),
        })
    }

    pub(super) fn outside_writes(
        &mut self,
        entry: Option<&At<OutsideWritesEntry>>,
    ) -> Option<OutsideWrites> {
        match &entry?.value {
            OutsideWritesEntry::Ignore => Some(OutsideWrites::Ignore),
            OutsideWritesEntry::Assume(settings) => {
                let margin = settings.as_ref().and_then(|entry| entry.margin.as_ref());
                Some(match self.duration(margin) {
                    Some(margin) => OutsideWrites::Assume { margin },
                    None => OutsideWrites::default(),
                })
            }
        }
    }
}
