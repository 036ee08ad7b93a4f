//! The types of files that people write: every key, with the sentence an editor shows for it.
//!
//! Reading and the JSON Schemas both come from these types, so that there is one list of keys. They
//! say what may be written where; what the texts mean is checked afterwards.

mod asset;
mod partition;
mod policy;
mod project;
mod task;
mod text;

pub(super) use asset::{AssetEntry, AssetFile, UpstreamEntry};
pub(super) use partition::{
    CronEntry, DynamicEntry, KeysEntry, MappingEntry, PartitionsEntry, WatermarkEntry, WindowEntry,
};
pub(super) use policy::{
    AutomationEntry, BoundEntry, ConsistencyEntry, FreshnessEntry, OutsideWritesEntry, RetryEntry,
};
pub(super) use project::{
    ConnectionEntry, DefaultsEntry, EnvironmentEntries, EnvironmentEntry, ProjectFile,
};
pub(super) use task::{AssetTaskEntry, DatabricksJobEntry, ProjectTaskEntry, TaskLimitsEntry};
pub(super) use text::{DurationText, KeyText, TaskNameText, TemplateText};
