//! Automation as it is spelled: short forms, condition trees, and what tempers both.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::automation::UpdatesOn;
use crate::declaration::at::{At, Short};
use crate::declaration::schema::allow_bare_words;
use crate::schedule::DayRule;

use super::schedule::{HoursEntry, ScheduleText};
use super::text::{CronText, DurationText, KeyText};

/// When an asset is built without anybody asking.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum AutomationEntry {
    /// Only when a person asks.
    Manual,
    /// When an upstream has data that the asset has not incorporated.
    OnChange(Option<OnChangeEntry>),
    /// At the instants of a schedule, if there is something to build.
    OnSchedule(At<Short<CronText, OnScheduleEntry>>),
    /// As late as its deadlines allow.
    BeforeDeadline(Option<BeforeDeadlineEntry>),
    /// By a tree of conditions.
    When(At<WhenEntry>),
}

/// What tempers any automation, wherever it was written.
pub(in crate::declaration) struct PacingEntry<'a> {
    pub(in crate::declaration) settle: Option<&'a At<DurationText>>,
    pub(in crate::declaration) settle_at_most: Option<&'a At<DurationText>>,
    pub(in crate::declaration) every: Option<&'a At<DurationText>>,
    pub(in crate::declaration) tolerance: Option<&'a At<DurationText>>,
    pub(in crate::declaration) window: Option<&'a At<HoursEntry>>,
    pub(in crate::declaration) max_partitions_per_run: Option<&'a At<u32>>,
}

/// A mapping of its own keys and of those that temper: serde's `flatten` would cost the messages
/// their places.
macro_rules! tempered {
    ($(#[$doc:meta])* $name:ident, $expecting:literal, { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, expecting = $expecting)]
        pub(in crate::declaration) struct $name {
            $($(#[$field_doc])* pub(in crate::declaration) $field: $type,)*
            /// Wait until the upstreams have been quiet this long.
            settle: Option<At<DurationText>>,
            /// Never let `settle` wait longer than this.
            settle_at_most: Option<At<DurationText>>,
            /// At most one run in this time since the last success.
            every: Option<At<DurationText>>,
            /// Do not build while the lag is below this.
            tolerance: Option<At<DurationText>>,
            /// Hours in which it may be built.
            window: Option<At<HoursEntry>>,
            /// Most partitions in one run.
            max_partitions_per_run: Option<At<u32>>,
        }

        impl $name {
            /// What tempers it.
            pub(in crate::declaration) fn pacing(&self) -> PacingEntry<'_> {
                PacingEntry {
                    settle: self.settle.as_ref(),
                    settle_at_most: self.settle_at_most.as_ref(),
                    every: self.every.as_ref(),
                    tolerance: self.tolerance.as_ref(),
                    window: self.window.as_ref(),
                    max_partitions_per_run: self.max_partitions_per_run.as_ref(),
                }
            }
        }
    };
}

tempered!(
    /// What tempers building on change.
    OnChangeEntry, "a mapping with `settle`, `every` or the like", {
        /// Whether one changed upstream is enough, or all have to change.
        updates_on: Option<UpdatesOn>,
    }
);

tempered!(
    /// A schedule at which an asset is built.
    OnScheduleEntry, "a mapping with `cron`", {
        /// The cron expression, with five fields.
        #[schemars(required)]
        cron: Option<At<CronText>>,
        /// The IANA time zone of the schedule; UTC where absent.
        timezone: Option<At<String>>,
        /// The calendar whose days count.
        calendar: Option<At<String>>,
        /// Which of its days count; `working_day` where only a calendar is named.
        day: Option<DayRule>,
    }
);

tempered!(
    /// What tempers building before a deadline.
    BeforeDeadlineEntry, "a mapping with `slack` or the like", {
        /// Begin this much earlier than is forecast to be needed.
        slack: Option<At<DurationText>>,
    }
);

tempered!(
    /// A tree of conditions, with what tempers it.
    WhenEntry, "a mapping with `any`, `all`, `not` or one condition", {
        /// One of these has to hold.
        any: Option<Vec<At<ConditionEntry>>>,
        /// Each of these has to hold.
        all: Option<Vec<At<ConditionEntry>>>,
        /// This must not hold.
        not: Option<Box<At<ConditionEntry>>>,
        /// This upstream has changed.
        changed: Option<At<KeyText>>,
        /// An instant of this schedule has come since the last build began.
        cron: Option<At<ScheduleText>>,
        /// A deadline would be missed otherwise.
        deadline: Option<At<DeadlineLeafEntry>>,
        /// The oldest change that the asset does not show is older than this.
        lag_over: Option<At<DurationText>>,
    }
);

/// One condition of a tree.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum ConditionEntry {
    /// One of these has to hold.
    Any(Vec<At<Self>>),
    /// Each of these has to hold.
    All(Vec<At<Self>>),
    /// This must not hold.
    Not(Box<At<Self>>),
    /// An upstream, or the named one, has data that the asset has not incorporated.
    Changed(Option<At<KeyText>>),
    /// Every direct upstream has.
    AllChanged,
    /// The asset should exist and does not.
    Missing,
    /// Its code differs from the code it was built with.
    CodeChanged,
    /// An instant of this schedule has come since the last build began.
    Cron(At<ScheduleText>),
    /// A deadline would be missed otherwise.
    Deadline(Option<DeadlineLeafEntry>),
    /// The oldest change that the asset does not show is older than this.
    LagOver(At<DurationText>),
    /// Never by itself.
    Manual,
}

/// How early a deadline makes an asset due.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `slack`")]
pub(in crate::declaration) struct DeadlineLeafEntry {
    /// Begin this much earlier than is forecast to be needed.
    pub(in crate::declaration) slack: Option<At<DurationText>>,
}
