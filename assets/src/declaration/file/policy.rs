//! Freshness, consistency, retries and outside writes as they are spelled.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declaration::at::{At, Short};
use crate::declaration::schema::allow_bare_words;
use crate::schedule::DayRule;

use super::text::{CronText, DurationText};

/// What is promised about freshness; a bound that is absent promises nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `max_lag`, `max_age` or `deadlines`"
)]
pub(in crate::declaration) struct FreshnessEntry {
    /// How old the oldest change may be that the asset does not show yet.
    pub(in crate::declaration) max_lag: Option<At<Short<DurationText, BoundEntry>>>,
    /// How long ago its data may have changed last. Right for sources.
    pub(in crate::declaration) max_age: Option<At<Short<DurationText, BoundEntry>>>,
    /// How far event time may be behind.
    pub(in crate::declaration) max_event_lag: Option<At<Short<DurationText, BoundEntry>>>,
    /// When to warn: of `max_lag` where that is given, else of `max_age`, else of `max_event_lag`.
    pub(in crate::declaration) warn: Option<At<DurationText>>,
    /// Instants at which older changes have to be in.
    pub(in crate::declaration) deadlines: Option<Vec<At<DeadlineEntry>>>,
}

/// Instants at which older changes have to be in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `cron` and `max_lag`")]
pub(in crate::declaration) struct DeadlineEntry {
    /// The cron expression of the instants, with five fields.
    #[schemars(required)]
    pub(in crate::declaration) cron: Option<At<CronText>>,
    /// The IANA time zone of the schedule; UTC where absent.
    pub(in crate::declaration) timezone: Option<At<String>>,
    /// The calendar whose days count.
    pub(in crate::declaration) calendar: Option<At<String>>,
    /// Which of its days count; `working_day` where only a calendar is named.
    pub(in crate::declaration) day: Option<DayRule>,
    /// How old a change may be that need not be in yet; that of the asset where absent.
    pub(in crate::declaration) max_lag: Option<At<DurationText>>,
}

/// A bound with its warning.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `limit` and `warn`")]
pub(in crate::declaration) struct BoundEntry {
    /// Beyond this the asset is overdue.
    #[schemars(required)]
    pub(in crate::declaration) limit: Option<At<DurationText>>,
    /// Beyond this there is a warning.
    pub(in crate::declaration) warn: Option<At<DurationText>>,
}

/// What an asset may be built from when an upstream is behind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum ConsistencyEntry {
    /// Whatever there is.
    Latest,
    /// Upstreams that have caught up with what had been seen.
    Settled(Option<SettledEntry>),
    /// Versions of upstreams that agree on every root that two of them share.
    Snapshot,
}

/// How long to wait for upstreams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `proceed_after`")]
pub(in crate::declaration) struct SettledEntry {
    /// After waiting this long, go on as `latest`.
    pub(in crate::declaration) proceed_after: Option<At<DurationText>>,
}

/// How failed runs are tried again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `attempts`")]
pub(in crate::declaration) struct RetryEntry {
    /// Attempts in all, the first one included; 3 where absent.
    #[schemars(range(min = 1, max = 20))]
    pub(in crate::declaration) attempts: Option<At<u32>>,
    /// The wait before the second attempt; it doubles each time. 30s where absent.
    pub(in crate::declaration) backoff: Option<At<DurationText>>,
    /// The longest wait between attempts; 10m where absent.
    pub(in crate::declaration) max_backoff: Option<At<DurationText>>,
}

/// What writes mean that Headwater did not trigger.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum OutsideWritesEntry {
    /// They consumed nothing that counts.
    Ignore,
    /// What they consumed is taken from the commit, or assumed by its time.
    Assume(Option<AssumeEntry>),
}

/// How outside writes are judged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `margin`")]
pub(in crate::declaration) struct AssumeEntry {
    /// How long a run usually takes; 30m where absent.
    pub(in crate::declaration) margin: Option<At<DurationText>>,
}
