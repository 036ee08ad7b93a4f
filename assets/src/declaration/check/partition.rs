//! Partitions and mappings: from what is spelled to what can be computed with.

use crate::declaration::at::{At, ScalarText};
use crate::declaration::file::{
    CronEntry, DynamicEntry, KeysEntry, MappingEntry, PartitionsEntry, WindowEntry,
};
use crate::declaration::problem::Problem;
use crate::declaration::tree::{Content, NodeId};
use crate::partition::{MappingSpec, Partitions, PartitionsSpec, SpecError, WindowsSpec};

use super::Checks;

impl Checks<'_, '_> {
    pub(super) fn partitions(&mut self, entry: Option<&At<PartitionsEntry>>) -> Option<Partitions> {
        let At { node, value } = entry?;
        let errors = match Partitions::check(&spec(value)) {
            Ok(partitions) => return Some(partitions),
            Err(errors) => errors,
        };
        for error in errors {
            let at = self.place_of(*node, &error);
            // The text may have come from a variable, whose value is not shown.
            let message = if self.tree.is_substituted(at) {
                format!("{} does not give partitions", self.label(at))
            } else {
                error.to_string()
            };
            self.error(Problem::Partitions, at, message, &error.help());
        }
        None
    }

    /// Finds where an error stands: as deep as the keys that lead to it are there.
    fn place_of(&self, partitions: NodeId, error: &SpecError) -> NodeId {
        let mut at = self.only_child(partitions).unwrap_or(partitions);
        if let (Some(part), Content::List(parts)) = (error.part, self.tree.content(at)) {
            at = parts.get(part).copied().unwrap_or(at);
            at = self.only_child(at).unwrap_or(at);
        }
        match self.tree.content(at) {
            Content::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == error.key)
                .map_or(at, |entry| entry.value),
            Content::Null | Content::Scalar(_) | Content::List(_) => at,
        }
    }

    fn only_child(&self, node: NodeId) -> Option<NodeId> {
        match self.tree.content(node) {
            Content::Map(entries) => entries.first().map(|entry| entry.value),
            Content::Null | Content::Scalar(_) | Content::List(_) => None,
        }
    }
}

fn spec(entry: &PartitionsEntry) -> PartitionsSpec {
    match entry {
        PartitionsEntry::Hourly(entry) => PartitionsSpec::Hourly(windows(entry)),
        PartitionsEntry::Daily(entry) => PartitionsSpec::Daily(windows(entry)),
        PartitionsEntry::Weekly(entry) => PartitionsSpec::Weekly(windows(entry)),
        PartitionsEntry::Monthly(entry) => PartitionsSpec::Monthly(windows(entry)),
        PartitionsEntry::Cron(entry) => cron(entry),
        PartitionsEntry::Keys(KeysEntry { column, values }) => PartitionsSpec::Keys {
            column: column.clone(),
            values: texts(values),
        },
        PartitionsEntry::Dynamic(DynamicEntry { column }) => PartitionsSpec::Dynamic {
            column: column.clone(),
        },
        PartitionsEntry::Product(parts) => {
            PartitionsSpec::Product(parts.iter().map(spec).collect())
        }
    }
}

fn windows(entry: &WindowEntry) -> WindowsSpec {
    WindowsSpec {
        column: entry.column.clone(),
        columns: entry.columns.clone(),
        start: entry.start.clone(),
        end: entry.end.clone(),
        timezone: entry.timezone.clone(),
        include_running: entry.include_running,
    }
}

fn cron(entry: &CronEntry) -> PartitionsSpec {
    PartitionsSpec::Cron {
        schedule: entry.schedule.clone(),
        windows: WindowsSpec {
            column: entry.column.clone(),
            columns: entry.columns.clone(),
            start: entry.start.clone(),
            end: entry.end.clone(),
            timezone: entry.timezone.clone(),
            include_running: entry.include_running,
        },
    }
}

/// Returns a mapping as it is declared; whether it fits both sides is known with the graph.
pub(super) fn mapping(entry: &MappingEntry) -> MappingSpec {
    match entry {
        MappingEntry::Same => MappingSpec::Same,
        MappingEntry::All => MappingSpec::All,
        MappingEntry::Latest => MappingSpec::Latest,
        MappingEntry::Overlap(offsets) => {
            let offsets = offsets.as_ref();
            MappingSpec::Overlap {
                start_offset: offsets.and_then(|entry| entry.start_offset).unwrap_or(0),
                end_offset: offsets.and_then(|entry| entry.end_offset).unwrap_or(0),
            }
        }
        MappingEntry::Keys(table) => {
            let rows = table.iter();
            MappingSpec::Keys(
                rows.map(|(own, needed)| (own.clone(), texts(needed)))
                    .collect(),
            )
        }
        MappingEntry::Dimension(name) => MappingSpec::Dimension(name.clone()),
    }
}

fn texts(values: &[ScalarText]) -> Vec<String> {
    values.iter().map(|value| value.0.clone()).collect()
}
