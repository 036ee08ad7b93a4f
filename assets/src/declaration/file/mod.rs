//! The types of files that people write: every key, with the sentence an editor shows for it.
//!
//! Reading and the JSON Schemas both come from these types, so that there is one list of keys. They
//! say what may be written where; what the texts mean is checked afterwards.

mod asset;
mod automation;
mod check;
mod partition;
mod policy;
mod project;
mod schedule;
mod task;
mod text;
mod workload;

pub(super) use asset::{AssetEntry, AssetFile, UpstreamEntry};
pub(super) use automation::{
    AutomationEntry, ConditionEntry, DeadlineLeafEntry, OnScheduleEntry, PacingEntry, WhenEntry,
};
pub(super) use check::{AnyCheckEntry, CheckEntry, RowCountEntry, SchemaEntry, SqlEntry};
pub(super) use partition::{
    CronEntry, DynamicEntry, KeysEntry, MappingEntry, PartitionsEntry, WatermarkEntry, WindowEntry,
};
pub(super) use policy::{
    BoundEntry, ConsistencyEntry, DeadlineEntry, FreshnessEntry, OutsideWritesEntry, RetryEntry,
};
pub(super) use project::{
    ConnectionEntry, DayLimitsEntry, DefaultsEntry, EnvironmentEntries, EnvironmentEntry,
    ProjectFile,
};
pub(super) use schedule::{CalendarEntry, FreezeEntry, HoursEntry, ScheduleText};
pub(super) use task::{AssetTaskEntry, DatabricksJobEntry, ProjectTaskEntry, TaskLimitsEntry};
pub(super) use text::{CronText, DurationText, KeyText, TaskNameText, TemplateText};
pub(super) use workload::{ArrivalsEntry, ChangedWord, RunsEntry, WorkloadFile};
