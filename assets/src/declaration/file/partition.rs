//! Partitions and their mappings, and watermarks, as they are spelled.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::declaration::at::{At, ScalarText};
use crate::declaration::file::TemplateText;
use crate::declaration::schema::allow_bare_words;

/// How an asset divides into partitions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::declaration) enum PartitionsEntry {
    /// One partition per hour.
    Hourly(WindowEntry),
    /// One partition per calendar day.
    Daily(WindowEntry),
    /// One partition per week, from Monday.
    Weekly(WindowEntry),
    /// One partition per calendar month.
    Monthly(WindowEntry),
    /// One partition from each instant of a schedule to the next.
    Cron(CronEntry),
    /// A fixed list of values.
    Keys(KeysEntry),
    /// Whatever values the table has.
    Dynamic(DynamicEntry),
    /// Combinations of two or three of the others.
    Product(Vec<Self>),
}

/// Windows of time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `start` and a column")]
pub(in crate::declaration) struct WindowEntry {
    /// The column that tells the partition.
    pub(in crate::declaration) column: Option<String>,
    /// Several columns that tell it together, each with its format: `{ year: "%Y" }`.
    pub(in crate::declaration) columns: Option<BTreeMap<String, String>>,
    /// The beginning of the first window.
    pub(in crate::declaration) start: String,
    /// The end of the last one, exclusive.
    pub(in crate::declaration) end: Option<String>,
    /// The IANA time zone of the windows; UTC where absent.
    pub(in crate::declaration) timezone: Option<String>,
    /// Whether the window that has not ended yet counts.
    pub(in crate::declaration) include_running: Option<bool>,
}

/// Windows of time between the instants of a schedule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `schedule`, `start` and a column"
)]
pub(in crate::declaration) struct CronEntry {
    /// The schedule, with five fields.
    pub(in crate::declaration) schedule: String,
    /// The column that tells the partition.
    pub(in crate::declaration) column: Option<String>,
    /// Several columns that tell it together, each with its format.
    pub(in crate::declaration) columns: Option<BTreeMap<String, String>>,
    /// The beginning of the first window.
    pub(in crate::declaration) start: String,
    /// The end of the last one, exclusive.
    pub(in crate::declaration) end: Option<String>,
    /// The IANA time zone of the schedule; UTC where absent.
    pub(in crate::declaration) timezone: Option<String>,
    /// Whether the window that has not ended yet counts.
    pub(in crate::declaration) include_running: Option<bool>,
}

/// A fixed list of values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `column` and `values`"
)]
pub(in crate::declaration) struct KeysEntry {
    /// The column that tells the partition.
    pub(in crate::declaration) column: String,
    /// All its values.
    pub(in crate::declaration) values: Vec<ScalarText>,
}

/// Whatever values a column has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping with `column`")]
pub(in crate::declaration) struct DynamicEntry {
    /// The column that tells the partition.
    pub(in crate::declaration) column: String,
}

/// Which partitions of an upstream one partition needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_bare_words)]
pub(in crate::declaration) enum MappingEntry {
    /// The one with the same key.
    Same,
    /// All of them.
    All,
    /// The last one.
    Latest,
    /// Those whose time window overlaps.
    Overlap(Option<OverlapEntry>),
    /// Those that a table names: this asset's key to the upstream's keys.
    Keys(BTreeMap<String, Vec<ScalarText>>),
    /// Those that agree in one part of a product.
    Dimension(String),
}

/// Shifts of the window, in this asset's own steps.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `start_offset` and `end_offset`"
)]
pub(in crate::declaration) struct OverlapEntry {
    /// How many steps earlier (negative) or later it begins.
    pub(in crate::declaration) start_offset: Option<i64>,
    /// How many steps earlier (negative) or later it ends.
    pub(in crate::declaration) end_offset: Option<i64>,
}

/// What tells how far an asset is complete in event time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with `column`, `query` or `checkpoint`"
)]
pub(in crate::declaration) struct WatermarkEntry {
    /// The column with the event time; with dots between the names of nested ones.
    pub(in crate::declaration) column: Option<At<String>>,
    /// A query that returns it.
    pub(in crate::declaration) query: Option<At<String>>,
    /// The checkpoint of the streaming query that writes the table: a folder relative to the project, an
    /// absolute path, or a URL.
    pub(in crate::declaration) checkpoint: Option<At<TemplateText>>,
}
