//! Automation: when an asset is built without anybody asking, and what tempers that.
//!
//! The short forms are what most assets need; each stands for a [`Condition`], by which alone is
//! decided. [`Pacing`] then says how soon and at what hours a due asset is built.

use std::borrow::Cow;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::schedule::{Hours, Schedule};

/// When an asset is built without anybody asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Automation {
    /// When an upstream has data that the asset has not incorporated.
    OnChange(OnChange),
    /// At the instants of a schedule, if there is something to build.
    OnSchedule {
        /// When.
        schedule: Schedule,
        /// How soon and at what hours.
        pacing: Pacing,
    },
    /// As late as its deadlines allow.
    BeforeDeadline {
        /// Begin this much earlier than is forecast to be needed.
        slack: TimeDelta,
        /// How soon and at what hours.
        pacing: Pacing,
    },
    /// By a condition.
    When {
        /// When.
        condition: Condition,
        /// How soon and at what hours.
        pacing: Pacing,
    },
    /// Only when a person asks.
    Manual,
}

/// Nothing that tempers.
static UNTEMPERED: Pacing = Pacing {
    settle: None,
    settle_at_most: None,
    every: None,
    tolerance: None,
    window: None,
    max_partitions_per_run: None,
};

impl Automation {
    /// Returns the condition that it stands for.
    pub fn condition(&self) -> Cow<'_, Condition> {
        match self {
            Self::OnChange(on_change) => Cow::Owned(Condition::Any(vec![
                Condition::Missing,
                Condition::CodeChanged,
                match on_change.updates_on {
                    UpdatesOn::Any => Condition::Changed(None),
                    UpdatesOn::All => Condition::AllChanged,
                },
            ])),
            Self::OnSchedule { schedule, .. } => Cow::Owned(Condition::Cron(schedule.clone())),
            Self::BeforeDeadline { slack, .. } => Cow::Owned(Condition::Deadline { slack: *slack }),
            Self::When { condition, .. } => Cow::Borrowed(condition),
            Self::Manual => Cow::Owned(Condition::Manual),
        }
    }

    /// Returns what tempers it.
    pub fn pacing(&self) -> &Pacing {
        match self {
            Self::OnChange(on_change) => &on_change.pacing,
            Self::OnSchedule { pacing, .. }
            | Self::BeforeDeadline { pacing, .. }
            | Self::When { pacing, .. } => pacing,
            Self::Manual => &UNTEMPERED,
        }
    }

    /// Returns whether it ever builds without a person.
    pub fn is_automatic(&self) -> bool {
        match self {
            Self::OnChange(_) | Self::OnSchedule { .. } | Self::BeforeDeadline { .. } => true,
            Self::When { condition, .. } => condition.can_hold(),
            Self::Manual => false,
        }
    }

    /// Returns whether it asks how long builds take.
    pub fn needs_forecast(&self) -> bool {
        match self {
            Self::OnChange(_) | Self::OnSchedule { .. } | Self::Manual => false,
            Self::BeforeDeadline { .. } => true,
            Self::When { condition, .. } => {
                let leaves = condition.leaves();
                leaves
                    .iter()
                    .any(|leaf| matches!(leaf, Condition::Deadline { .. }))
            }
        }
    }

    /// Returns the form in which it was declared.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OnChange(_) => "on_change",
            Self::OnSchedule { .. } => "on_schedule",
            Self::BeforeDeadline { .. } => "before_deadline",
            Self::When { .. } => "when",
            Self::Manual => "manual",
        }
    }
}

impl Default for Automation {
    fn default() -> Self {
        Self::OnChange(OnChange::default())
    }
}

/// The settings of `on_change`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnChange {
    /// Whether one changed upstream is enough or all direct ones must have changed.
    pub updates_on: UpdatesOn,
    /// How soon and at what hours.
    pub pacing: Pacing,
}

/// Which direct upstreams must have changed.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UpdatesOn {
    /// One is enough.
    #[default]
    Any,
    /// Every direct upstream.
    All,
}

/// How soon and at what hours a due asset is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pacing {
    /// Wait until the direct upstreams have been quiet this long.
    pub settle: Option<TimeDelta>,
    /// Never let `settle` wait longer than this; ten times `settle` where absent, and never beyond
    /// half of `max_lag`.
    pub settle_at_most: Option<TimeDelta>,
    /// At most one run per interval since the last success.
    pub every: Option<TimeDelta>,
    /// Do not build while the lag is below this.
    pub tolerance: Option<TimeDelta>,
    /// Build at these hours only.
    pub window: Option<Hours>,
    /// Most partitions in one run.
    pub max_partitions_per_run: Option<u32>,
}
