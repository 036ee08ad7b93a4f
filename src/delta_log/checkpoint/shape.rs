//! Which columns of a checkpoint matter, found by structure: writers name the inner parts of lists and
//! maps in several ways.

use std::sync::Arc;

use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::SchemaDescriptor;

use super::column::Column;
use super::fetched::{Fetched, Footer};
use super::{Problem, Wanted};
use crate::delta_log::store::LogStore;

/// What a column is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It has one value in a row.
    Single(Single),
    /// It has as many values in a row as it likes.
    Repeated(Repeated),
    /// It has one value, whose type says how a log spells it.
    Typed(Typed),
}

/// Columns with one value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    AddPath,
    AddSize,
    AddDataChange,
    AddStats,
    VectorStorage,
    VectorPlace,
    VectorOffset,
    VectorCardinality,
    MetadataId,
    MetadataSchema,
    ProtocolReader,
    ProtocolWriter,
    TxnApp,
    TxnVersion,
    TxnUpdated,
    SidecarPath,
}

/// Columns of lists and maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    PartitionKey,
    PartitionValue,
    MetadataPartitionColumns,
    MetadataKey,
    MetadataValue,
    ReaderFeatures,
    WriterFeatures,
}

/// Columns that tell in their own type what a text tells otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// The partition column of this physical name.
    Partition(String),
    Rows,
    Tight,
    /// The bound or count of this wanted column.
    Min(usize),
    Max(usize),
    Nulls(usize),
}

/// The columns of a file that matter, by what they are.
pub(super) struct Shape(Vec<(Role, usize)>);

impl Shape {
    /// Finds the columns that are wanted.
    pub(super) fn of(schema: &SchemaDescriptor, wanted: Wanted<'_>) -> Self {
        let mut found = Vec::new();
        for (index, column) in schema.columns().iter().enumerate() {
            let parts: Vec<&str> = column.path().parts().iter().map(String::as_str).collect();
            if let Some(role) = role(&parts, wanted) {
                found.push((role, index));
            }
        }
        // Where partitions are told as texts, their typed twins are not read: all files have them.
        let values = Role::Repeated(Repeated::PartitionValue);
        if found.iter().any(|(role, _)| *role == values) {
            found.retain(|(role, _)| !matches!(role, Role::Typed(Typed::Partition(_))));
        }
        Self(found)
    }

    /// Returns whether every file of a row group has its statistics as a text, so that their typed
    /// twins need not be read.
    fn has_texts(&self, group: &RowGroupMetaData) -> bool {
        let nulls = |single: Single| {
            let (_, index) = self
                .0
                .iter()
                .find(|(role, _)| *role == Role::Single(single))?;
            nulls(group, *index)
        };
        let without_text = nulls(Single::AddStats);
        without_text.is_some() && without_text == nulls(Single::AddPath)
    }

    /// Opens the columns in one row group, fetched in one request.
    pub(super) fn open(
        &self,
        (store, name): (&dyn LogStore, &str),
        footer: &Footer,
        group: &RowGroupMetaData,
    ) -> Result<Columns, Problem> {
        let has_texts = self.has_texts(group);
        let is_used = |(role, index): &&(Role, usize)| {
            match role {
                // Null is a partition like others.
                Role::Typed(Typed::Partition(_)) => true,
                Role::Typed(_) => !has_texts && !is_empty(group, *index),
                Role::Single(_) | Role::Repeated(_) => !is_empty(group, *index),
            }
        };
        let used: Vec<&(Role, usize)> = self.0.iter().filter(is_used).collect();
        let indices: Vec<usize> = used.iter().map(|(_, index)| *index).collect();
        if indices.is_empty() {
            return Ok(Columns(Vec::new()));
        }
        let fetched: Arc<Fetched> = Arc::new(footer.columns(store, name, group, &indices)?);
        let open = |(role, index): &&(Role, usize)| {
            Ok((role.clone(), Column::open(&fetched, group, *index)?))
        };
        Ok(Columns(
            used.iter().map(open).collect::<Result<_, Problem>>()?,
        ))
    }
}

/// Whether a column has no value in a row group, by its statistics.
fn is_empty(group: &RowGroupMetaData, index: usize) -> bool {
    let Some(column) = group.columns().get(index) else {
        return true;
    };
    let is_flat = column.column_descr().max_rep_level() == 0;
    is_flat && nulls(group, index).is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
}

/// Returns how many nulls a column has in a row group, where its writer says so.
fn nulls(group: &RowGroupMetaData, index: usize) -> Option<u64> {
    group.columns().get(index)?.statistics()?.null_count_opt()
}

fn role(parts: &[&str], wanted: Wanted<'_>) -> Option<Role> {
    let role = match parts {
        ["metaData", "id"] => Role::Single(Single::MetadataId),
        ["metaData", "schemaString"] => Role::Single(Single::MetadataSchema),
        ["metaData", "partitionColumns", _, ..] => {
            Role::Repeated(Repeated::MetadataPartitionColumns)
        }
        ["metaData", "configuration", .., "key"] => Role::Repeated(Repeated::MetadataKey),
        ["metaData", "configuration", .., "value"] => Role::Repeated(Repeated::MetadataValue),
        ["protocol", "minReaderVersion"] => Role::Single(Single::ProtocolReader),
        ["protocol", "minWriterVersion"] => Role::Single(Single::ProtocolWriter),
        ["protocol", "readerFeatures", _, ..] => Role::Repeated(Repeated::ReaderFeatures),
        ["protocol", "writerFeatures", _, ..] => Role::Repeated(Repeated::WriterFeatures),
        _ => {
            let Wanted::Files { columns } = wanted else {
                return None;
            };
            return file_role(parts, columns);
        }
    };
    Some(role)
}

fn file_role(parts: &[&str], columns: &[Vec<String>]) -> Option<Role> {
    let wanted = |path: &[&str]| {
        let is_it = |column: &Vec<String>| !path.is_empty() && column.iter().eq(path.iter());
        columns.iter().position(is_it)
    };
    Some(match parts {
        ["add", "path"] => Role::Single(Single::AddPath),
        ["add", "size"] => Role::Single(Single::AddSize),
        ["add", "dataChange"] => Role::Single(Single::AddDataChange),
        ["add", "stats"] => Role::Single(Single::AddStats),
        ["add", "partitionValues", .., "key"] => Role::Repeated(Repeated::PartitionKey),
        ["add", "partitionValues", .., "value"] => Role::Repeated(Repeated::PartitionValue),
        ["add", "deletionVector", "storageType"] => Role::Single(Single::VectorStorage),
        ["add", "deletionVector", "pathOrInlineDv"] => Role::Single(Single::VectorPlace),
        ["add", "deletionVector", "offset"] => Role::Single(Single::VectorOffset),
        ["add", "deletionVector", "cardinality"] => Role::Single(Single::VectorCardinality),
        ["add", "partitionValues_parsed", name] => {
            Role::Typed(Typed::Partition((*name).to_owned()))
        }
        ["add", "stats_parsed", "numRecords"] => Role::Typed(Typed::Rows),
        ["add", "stats_parsed", "tightBounds"] => Role::Typed(Typed::Tight),
        ["add", "stats_parsed", "minValues", path @ ..] => Role::Typed(Typed::Min(wanted(path)?)),
        ["add", "stats_parsed", "maxValues", path @ ..] => Role::Typed(Typed::Max(wanted(path)?)),
        ["add", "stats_parsed", "nullCount", path @ ..] => Role::Typed(Typed::Nulls(wanted(path)?)),
        ["txn", "appId"] => Role::Single(Single::TxnApp),
        ["txn", "version"] => Role::Single(Single::TxnVersion),
        ["txn", "lastUpdated"] => Role::Single(Single::TxnUpdated),
        ["sidecar", "path"] => Role::Single(Single::SidecarPath),
        _ => return None,
    })
}

/// The columns of a row group that are open.
pub(super) struct Columns(pub(super) Vec<(Role, Column)>);

impl Columns {
    /// Reads the next rows of every column; returns how many there were.
    pub(super) fn read(&mut self, rows: usize) -> Result<usize, Problem> {
        let mut read = None;
        for (_, column) in &mut self.0 {
            let here = column.read(rows)?;
            if *read.get_or_insert(here) != here {
                return Err(super::broken("its columns have different lengths"));
            }
        }
        Ok(read.unwrap_or(0))
    }

    /// Returns whether the rows that were read have a value in any column: most rows of a checkpoint are
    /// files, of which nothing may be wanted.
    pub(super) fn have_values(&self) -> bool {
        self.0.iter().any(|(_, column)| column.has_values())
    }

    /// Fails where the rows that were read did not take all that was read.
    pub(super) fn check_used_up(&self) -> Result<(), Problem> {
        if self.0.iter().all(|(_, column)| column.is_used_up()) {
            return Ok(());
        }
        Err(super::broken("its rows do not add up"))
    }
}
