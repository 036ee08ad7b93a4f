//! An asset file, and the asset in it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::asset::{AssetKind, Consume};
use crate::declaration::at::{At, ScalarText, Short};
use crate::policy::{Adoption, CodeChanges, FullRefresh};

use super::automation::AutomationEntry;
use super::check::CheckEntry;
use super::partition::{MappingEntry, PartitionsEntry, WatermarkEntry};
use super::policy::{ConsistencyEntry, FreshnessEntry, OutsideWritesEntry, RetryEntry};
use super::task::AssetTaskEntry;
use super::text::{DurationText, KeyText, TaskNameText, TemplateText};

/// A file that declares assets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with the key `assets`")]
pub(in crate::declaration) struct AssetFile {
    /// The assets, in any order.
    // Each is read by itself, so that one unusable asset leaves the others.
    #[schemars(with = "Option<Vec<AssetEntry>>")]
    pub(in crate::declaration) assets: Option<Vec<At<IgnoredAny>>>,
}

/// One asset: a table, view or other thing that people read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with the keys of an asset")]
pub(in crate::declaration) struct AssetEntry {
    /// Its name, the same in every environment. In a dbt block, dbt's name decides where it is absent.
    #[schemars(required)]
    pub(in crate::declaration) key: Option<At<KeyText>>,
    /// What it is; found out where absent.
    pub(in crate::declaration) kind: Option<AssetKind>,
    /// Where a catalog knows it: `"{{ catalog }}.silver.orders"`.
    pub(in crate::declaration) relation: Option<At<TemplateText>>,
    /// Where its Delta table lies: relative to the project folder, or a URL.
    pub(in crate::declaration) path: Option<At<TemplateText>>,
    /// The assets it reads.
    pub(in crate::declaration) depends_on: Option<Vec<At<Short<KeyText, UpstreamEntry>>>>,
    /// How it divides into partitions.
    pub(in crate::declaration) partitions: Option<At<PartitionsEntry>>,
    /// How far back automation goes by itself.
    pub(in crate::declaration) lookback: Option<At<DurationText>>,
    /// What tells how far it is complete in event time.
    pub(in crate::declaration) watermark: Option<At<WatermarkEntry>>,
    /// Checks that have to pass before its downstream is built.
    pub(in crate::declaration) checks: Option<At<Vec<At<CheckEntry>>>>,
    /// Whether a failed check of what it reads holds it; true where absent.
    pub(in crate::declaration) gates: Option<bool>,
    /// What builds it: a task of the project, or one of its own.
    pub(in crate::declaration) task: Option<At<Short<TaskNameText, AssetTaskEntry>>>,
    /// What is promised about its freshness.
    pub(in crate::declaration) freshness: Option<At<FreshnessEntry>>,
    /// When it is built without anybody asking.
    pub(in crate::declaration) automation: Option<At<AutomationEntry>>,
    /// What it may be built from when an upstream is behind.
    pub(in crate::declaration) consistency: Option<At<ConsistencyEntry>>,
    /// How failed runs are tried again.
    pub(in crate::declaration) retry: Option<At<RetryEntry>>,
    /// What a change of its code means.
    pub(in crate::declaration) code_changes: Option<CodeChanges>,
    /// A version of its code that you change when a rebuild is due.
    pub(in crate::declaration) code_version: Option<At<ScalarText>>,
    /// Whether a table that was there before Headwater counts as built.
    pub(in crate::declaration) adopt: Option<Adoption>,
    /// What writes mean that Headwater did not trigger.
    pub(in crate::declaration) outside_writes: Option<At<OutsideWritesEntry>>,
    /// Whether it is built anew in full by itself where its position in a change feed is broken.
    pub(in crate::declaration) full_refresh: Option<FullRefresh>,
    /// Who answers for it.
    pub(in crate::declaration) owner: Option<String>,
    /// The group it belongs to.
    pub(in crate::declaration) group: Option<String>,
    /// How much it matters, 1 most.
    #[schemars(range(min = 1))]
    pub(in crate::declaration) tier: Option<At<u8>>,
    /// Labels, for selection.
    pub(in crate::declaration) tags: Option<Vec<String>>,
    /// One or more sentences for people.
    pub(in crate::declaration) description: Option<String>,
}

/// An asset that is read, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with the key `asset`")]
pub(in crate::declaration) struct UpstreamEntry {
    /// The key of the asset that is read.
    pub(in crate::declaration) asset: At<KeyText>,
    /// Whether the table itself is read, or its change feed.
    pub(in crate::declaration) consume: Option<Consume>,
    /// Which partitions of the upstream one partition needs.
    pub(in crate::declaration) mapping: Option<At<MappingEntry>>,
}
