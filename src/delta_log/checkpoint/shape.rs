//! Which columns of a checkpoint matter, found by structure: writers name the inner parts of lists and
//! maps in several ways.

use std::sync::Arc;

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
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
        // Where partitions and statistics are told as texts, their typed twins are not read.
        let has = |role: &Role| found.iter().any(|(other, _)| other == role);
        let has_values = has(&Role::Repeated(Repeated::PartitionValue));
        let has_stats = has(&Role::Single(Single::AddStats));
        found.retain(|(role, _)| match role {
            Role::Typed(Typed::Partition(_)) => !has_values,
            Role::Typed(_) => !has_stats,
            Role::Single(_) | Role::Repeated(_) => true,
        });
        Self(found)
    }

    /// Opens the columns in one row group, fetched in one request.
    pub(super) fn open(
        &self,
        (store, name): (&dyn LogStore, &str),
        footer: &Footer,
        group: &RowGroupMetaData,
    ) -> Result<Columns, Problem> {
        let used: Vec<&(Role, usize)> = self
            .0
            .iter()
            .filter(|(_, i)| !is_empty(group, *i))
            .collect();
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
    let nulls = column.statistics().and_then(Statistics::null_count_opt);
    is_flat && nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(group.num_rows()))
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
}
