//! Rows of columns → actions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use assets::delta::action::{
    DeletionVector, FileAction, MetadataAction, PartitionValues, ProtocolAction, SidecarAction,
    TransactionAction,
};
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Value};

use super::column::Cell;
use super::fetched::Footer;
use super::shape::{Columns, Repeated, Role, Shape, Single, Typed};
use super::text::{json, partition_text};
use super::{CheckpointRow, Problem, Row, Wanted, broken, rows_of};
use crate::delta_log::store::LogStore;

/// How many rows are read at once: enough that each column is read in long strides, and few enough to
/// stay in the processor's cache.
const BATCH: usize = 4096;

/// Reads a file of columns and shows its rows.
pub(super) fn read(
    store: &dyn LogStore,
    name: &str,
    wanted: Wanted<'_>,
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), Problem> {
    let footer = Footer::of(store, name)?;
    let shape = Shape::of(footer.metadata.file_metadata().schema_descr(), wanted);
    let paths = match wanted {
        Wanted::Table => &[],
        Wanted::Files { columns } => columns,
    };
    for group in footer.metadata.row_groups() {
        let mut columns = shape.open((store, name), &footer, group)?;
        if columns.0.is_empty() {
            continue;
        }
        let mut left = rows_of(group)?;
        while left > 0 {
            let rows = columns.read(left.min(BATCH))?;
            if rows == 0 {
                return Err(broken("it has fewer rows than it says"));
            }
            left -= rows;
            if !columns.have_values() {
                continue;
            }
            for _ in 0..rows {
                one_row(&mut columns, paths, take)?;
            }
            columns.check_used_up()?;
        }
        if columns.read(1)? > 0 {
            return Err(broken("it has more rows than it says"));
        }
    }
    Ok(())
}

/// What the columns say of one row.
#[derive(Default)]
struct Found<'a> {
    add: FileAction<'a>,
    has_add: bool,
    partition: Pairs,
    typed_partition: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
    vector: Option<DeletionVector<'a>>,
    statistics: Statistics,
    metadata: MetadataAction,
    has_metadata: bool,
    configuration: Pairs,
    protocol: ProtocolAction,
    has_protocol: bool,
    txn: TransactionAction,
    has_txn: bool,
    sidecar: Option<SidecarAction>,
}

/// The entries of a map; one without a key where it has none.
#[derive(Default)]
struct Pairs {
    keys: Vec<Option<String>>,
    values: Vec<Option<String>>,
}

impl Pairs {
    fn entries(self) -> Result<impl Iterator<Item = (String, Option<String>)>, Problem> {
        let mut pairs = self.keys.iter().zip(&self.values);
        let is_whole = self.keys.len() == self.values.len();
        if !is_whole || pairs.any(|(key, value)| key.is_none() && value.is_some()) {
            return Err(broken("a map has values without keys"));
        }
        let pairs = self.keys.into_iter().zip(self.values);
        Ok(pairs.filter_map(|(key, value)| Some((key?, value))))
    }
}

/// Statistics that are told in typed columns.
#[derive(Default)]
struct Statistics {
    rows: Option<i64>,
    is_tight: Option<bool>,
    min: Vec<(usize, Value)>,
    max: Vec<(usize, Value)>,
    nulls: Vec<(usize, Value)>,
}

fn one_row(
    columns: &mut Columns,
    paths: &[Vec<String>],
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), Problem> {
    let mut found = Found::default();
    for (role, column) in &mut columns.0 {
        match role {
            Role::Repeated(repeated) => {
                let mut entry = column.entry(true);
                while let Some(value) = entry {
                    let text = |cell: Cell<'_>| cell.text().map(str::to_owned);
                    let text = value.cell().map(|cell| text(cell).ok_or_else(no_text));
                    found.entry(*repeated, text.transpose()?);
                    entry = column.entry(false);
                }
            }
            Role::Single(single) => {
                if let Some(cell) = column.next() {
                    found.cell(*single, cell)?;
                }
            }
            Role::Typed(typed) => {
                let descriptor = Arc::clone(&column.descriptor);
                found.typed(typed, column.next(), &descriptor);
            }
        }
    }
    found.show(paths, take)
}

fn no_text() -> Problem {
    broken("a text is no text")
}

impl<'a> Found<'a> {
    /// Takes the value of a column with one value.
    fn cell(&mut self, single: Single, cell: Cell<'a>) -> Result<(), Problem> {
        let text = || cell.text().ok_or_else(no_text);
        let number = || cell.number().ok_or_else(|| broken("a number is no number"));
        let count = || number().map(|number| u64::try_from(number).ok());
        let small = || number().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        match single {
            Single::AddPath => {
                self.add.path = Cow::Borrowed(text()?);
                self.has_add = true;
            }
            Single::AddSize => self.add.size = count()?,
            Single::AddDataChange => self.add.data_change = cell.flag(),
            Single::AddStats => self.add.stats = Some(Cow::Borrowed(text()?)),
            Single::VectorStorage => self.vector().storage_type = Cow::Borrowed(text()?),
            Single::VectorPlace => self.vector().path_or_inline_dv = Cow::Borrowed(text()?),
            Single::VectorOffset => self.vector().offset = Some(number()?),
            Single::VectorCardinality => self.vector().cardinality = count()?,
            Single::MetadataId => {
                text()?.clone_into(&mut self.metadata.id);
                self.has_metadata = true;
            }
            Single::MetadataSchema => self.metadata.schema_string = Some(text()?.to_owned()),
            Single::ProtocolReader => {
                self.protocol.min_reader_version = small()?;
                self.has_protocol = true;
            }
            Single::ProtocolWriter => self.protocol.min_writer_version = small()?,
            Single::TxnApp => {
                text()?.clone_into(&mut self.txn.app_id);
                self.has_txn = true;
            }
            Single::TxnVersion => self.txn.version = number()?,
            Single::TxnUpdated => self.txn.last_updated = Some(number()?),
            Single::SidecarPath => {
                let path = text()?.to_owned();
                self.sidecar = Some(SidecarAction { path });
            }
        }
        Ok(())
    }

    /// Takes the value of a typed column; absent where it has none.
    fn typed(&mut self, typed: &Typed, cell: Option<Cell<'_>>, column: &ColumnDescriptor) {
        let spelled = || cell.and_then(|cell| json(cell, column));
        let statistics = &mut self.statistics;
        match typed {
            Typed::Partition(name) => {
                let value = cell.map(|cell| partition_text(cell, column));
                // What has no spelling is not said, which is not null.
                if value != Some(None) {
                    let pair = (Cow::Owned(name.clone()), value.flatten().map(Cow::Owned));
                    self.typed_partition.push(pair);
                }
            }
            Typed::Rows => statistics.rows = cell.and_then(Cell::number),
            Typed::Tight => statistics.is_tight = cell.and_then(Cell::flag),
            Typed::Min(at) => statistics.min.extend(spelled().map(|value| (*at, value))),
            Typed::Max(at) => statistics.max.extend(spelled().map(|value| (*at, value))),
            Typed::Nulls(at) => statistics.nulls.extend(spelled().map(|value| (*at, value))),
        }
    }

    /// Takes one entry of a list or a map; absent where there is nothing in it.
    fn entry(&mut self, repeated: Repeated, text: Option<String>) {
        let protocol = &mut self.protocol;
        match repeated {
            Repeated::PartitionKey => self.partition.keys.push(text),
            Repeated::PartitionValue => self.partition.values.push(text),
            Repeated::MetadataKey => self.configuration.keys.push(text),
            Repeated::MetadataValue => self.configuration.values.push(text),
            Repeated::MetadataPartitionColumns => {
                let columns = self.metadata.partition_columns.get_or_insert_default();
                columns.extend(text);
            }
            Repeated::ReaderFeatures => {
                protocol
                    .reader_features
                    .get_or_insert_default()
                    .extend(text);
            }
            Repeated::WriterFeatures => {
                protocol
                    .writer_features
                    .get_or_insert_default()
                    .extend(text);
            }
        }
    }

    fn vector(&mut self) -> &mut DeletionVector<'a> {
        self.vector.get_or_insert_default()
    }

    fn show(mut self, paths: &[Vec<String>], take: &mut dyn FnMut(Row<'_>)) -> Result<(), Problem> {
        if self.has_add {
            let mut pairs = self.typed_partition;
            if pairs.is_empty() {
                let told = self.partition.entries()?;
                let told = told.map(|(key, value)| (Cow::Owned(key), value.map(Cow::Owned)));
                pairs = told.collect();
            }
            self.add.partition_values = Some(PartitionValues(pairs));
            self.add.deletion_vector = self.vector;
            if self.add.stats.is_none() {
                self.add.stats = self.statistics.text(paths).map(Cow::Owned);
            }
            take(Row::Action(CheckpointRow::Add(self.add)));
        }
        if self.has_metadata {
            let pairs = self.configuration.entries()?;
            let configuration: BTreeMap<String, Value> = pairs
                .map(|(key, value)| (key, value.map_or(Value::Null, Value::String)))
                .collect();
            self.metadata.configuration = Some(configuration);
            self.metadata.partition_columns.get_or_insert_default();
            take(Row::Action(CheckpointRow::Metadata(self.metadata)));
        }
        if self.has_protocol {
            take(Row::Action(CheckpointRow::Protocol(self.protocol)));
        }
        if self.has_txn {
            take(Row::Action(CheckpointRow::Transaction(self.txn)));
        }
        if let Some(sidecar) = self.sidecar {
            take(Row::Sidecar(sidecar));
        }
        Ok(())
    }
}

impl Statistics {
    /// Writes them as the text that the log has for them.
    fn text(self, paths: &[Vec<String>]) -> Option<String> {
        let rows = self.rows?;
        let nest = |values: Vec<(usize, Value)>| {
            let mut whole = Map::new();
            for (at, value) in values {
                if let Some(path) = paths.get(at) {
                    put(&mut whole, path, value);
                }
            }
            Value::Object(whole)
        };
        let mut text = Map::new();
        text.insert("numRecords".to_owned(), rows.into());
        text.insert("minValues".to_owned(), nest(self.min));
        text.insert("maxValues".to_owned(), nest(self.max));
        text.insert("nullCount".to_owned(), nest(self.nulls));
        if let Some(is_tight) = self.is_tight {
            text.insert("tightBounds".to_owned(), is_tight.into());
        }
        Some(Value::Object(text).to_string())
    }
}

fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            object.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = object
                .entry(first.clone())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
