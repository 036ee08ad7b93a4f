//! Arrivals files: what a simulation is to assume.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declaration::at::{At, ScalarText};
use crate::schedule::DayRule;

use super::text::{CronText, DurationText};

/// What arrives, how long runs take and what they cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `sources`, `runs`, `tasks` or `cost`"
)]
pub(in crate::declaration) struct WorkloadFile {
    /// What arrives: a source, or a selection of sources, to when and what.
    pub(in crate::declaration) sources: Option<BTreeMap<String, At<ArrivalsEntry>>>,
    /// How runs of all tasks go.
    pub(in crate::declaration) runs: Option<At<RunsEntry>>,
    /// How runs of single tasks go, by the task's name.
    pub(in crate::declaration) tasks: Option<BTreeMap<String, At<RunsEntry>>>,
    /// What runs cost.
    pub(in crate::declaration) cost: Option<At<CostEntry>>,
}

/// What arrives at a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `every` or `cron`")]
pub(in crate::declaration) struct ArrivalsEntry {
    /// At this interval.
    pub(in crate::declaration) every: Option<At<DurationText>>,
    /// At the instants of a schedule.
    pub(in crate::declaration) cron: Option<At<CronText>>,
    /// The IANA time zone of the schedule; UTC where absent.
    pub(in crate::declaration) timezone: Option<At<String>>,
    /// The calendar whose days count.
    pub(in crate::declaration) calendar: Option<At<String>>,
    /// Which of its days count.
    pub(in crate::declaration) day: Option<DayRule>,
    /// Up to this much later.
    pub(in crate::declaration) jitter: Option<At<DurationText>>,
    /// Which partitions a commit changes.
    pub(in crate::declaration) partitions: Option<ChangedWord>,
    /// The share of commits that change an older partition instead: `2%`.
    pub(in crate::declaration) late: Option<At<ScalarText>>,
}

/// Which partitions a commit changes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::declaration) enum ChangedWord {
    /// That of the time of the commit.
    Latest,
    /// All that there are.
    All,
}

/// How runs go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `duration`, `spread`, `failure_rate` or `cost_per_hour`"
)]
pub(in crate::declaration) struct RunsEntry {
    /// How long a run takes.
    pub(in crate::declaration) duration: Option<At<DurationText>>,
    /// How far it may be from that in either direction: `30%`.
    pub(in crate::declaration) spread: Option<At<ScalarText>>,
    /// The share of attempts that fail: `1%`.
    pub(in crate::declaration) failure_rate: Option<At<ScalarText>>,
    /// What an hour of a run costs.
    pub(in crate::declaration) cost_per_hour: Option<At<ScalarText>>,
}

/// What runs cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `per_hour` and `currency`"
)]
pub(in crate::declaration) struct CostEntry {
    /// What an hour of a run costs where its task says nothing else.
    pub(in crate::declaration) per_hour: Option<At<ScalarText>>,
    /// What costs are counted in: `USD`.
    pub(in crate::declaration) currency: Option<At<String>>,
}
