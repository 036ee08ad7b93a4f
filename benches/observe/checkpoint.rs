//! A checkpoint in one Parquet file, in the columns that Spark and delta-rs write.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::logs::FileEntry;

const SCHEMA: &str = "message spark_schema {
    optional group txn { optional binary appId (STRING); optional int64 version; optional int64 lastUpdated; }
    optional group add {
        optional binary path (STRING);
        optional group partitionValues (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); } }
        optional int64 size; optional int64 modificationTime; optional boolean dataChange;
        optional binary stats (STRING); }
    optional group remove {
        optional binary path (STRING); optional int64 deletionTimestamp; optional boolean dataChange; }
    optional group metaData {
        optional binary id (STRING); optional binary name (STRING); optional binary description (STRING);
        optional group format {
            optional binary provider (STRING);
            optional group options (MAP) {
                repeated group key_value { required binary key (STRING); optional binary value (STRING); } } }
        optional binary schemaString (STRING);
        optional group partitionColumns (LIST) { repeated group list { optional binary element (STRING); } }
        optional group configuration (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); } }
        optional int64 createdTime; }
    optional group protocol { optional int32 minReaderVersion; optional int32 minWriterVersion; }
}";

/// Writes the state of a table. The first row is its protocol, the second what it is; files follow.
pub(crate) fn write(path: &Path, metadata: &Value, files: &[FileEntry]) {
    let file = File::create_new(path).expect("a checkpoint can be made");
    let schema = Arc::new(parse_message_type(SCHEMA).expect("the schema is one"));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))
        .expect("a checkpoint can be begun");
    let columns = writer.schema_descr().columns();
    let names: Vec<String> = columns.iter().map(|c| c.path().string()).collect();
    let mut group = writer.next_row_group().expect("rows can be begun");
    let rows = Rows { metadata, files };
    for name in names {
        let column = group.next_column().expect("columns are in order");
        let mut column = column.expect("the schema has as many");
        rows.write(&name, &mut column);
        column.close().expect("a column can be written");
    }
    group.close().expect("rows can be written");
    writer.close().expect("a checkpoint can be written");
}

struct Rows<'a> {
    metadata: &'a Value,
    files: &'a [FileEntry],
}

impl Rows<'_> {
    fn write(&self, name: &str, column: &mut SerializedColumnWriter<'_>) {
        let one = |key: &str| {
            let text = self.metadata.get(key).and_then(Value::as_str);
            text.map(ByteArray::from)
        };
        match name {
            "add.path" => self.of_files::<ByteArrayType>(column, 2, |f| f.path.as_str().into()),
            "add.partitionValues.key_value.key" => {
                self.of_files::<ByteArrayType>(column, 3, |_| "day".into());
            }
            "add.partitionValues.key_value.value" => {
                self.of_files::<ByteArrayType>(column, 4, |f| f.day.as_str().into());
            }
            "add.size" => self.of_files::<Int64Type>(column, 2, |f| signed(f.size)),
            "add.modificationTime" => {
                self.of_files::<Int64Type>(column, 2, |f| signed(f.modified));
            }
            "add.dataChange" => self.of_files::<BoolType>(column, 2, |_| false),
            "add.stats" => self.of_files::<ByteArrayType>(column, 2, |f| f.stats.as_str().into()),
            "metaData.id" => self.of_row::<ByteArrayType>(column, 1, 2, one("id")),
            "metaData.format.provider" => {
                self.of_row::<ByteArrayType>(column, 1, 3, Some("parquet".into()));
            }
            "metaData.schemaString" => {
                self.of_row::<ByteArrayType>(column, 1, 2, one("schemaString"));
            }
            "metaData.partitionColumns.list.element" => {
                self.of_row::<ByteArrayType>(column, 1, 4, Some("day".into()));
            }
            // Maps that are there and empty.
            "metaData.format.options.key_value.key" | "metaData.format.options.key_value.value" => {
                self.at::<ByteArrayType>(column, 1, 3, None);
            }
            "metaData.configuration.key_value.key" | "metaData.configuration.key_value.value" => {
                self.at::<ByteArrayType>(column, 1, 2, None);
            }
            "metaData.name" | "metaData.description" => {
                self.at::<ByteArrayType>(column, 1, 1, None);
            }
            "metaData.createdTime" => {
                let created = self.metadata.get("createdTime").and_then(Value::as_i64);
                self.of_row::<Int64Type>(column, 1, 2, created);
            }
            "protocol.minReaderVersion" => self.of_row::<Int32Type>(column, 0, 2, Some(1)),
            "protocol.minWriterVersion" => self.of_row::<Int32Type>(column, 0, 2, Some(2)),
            "txn.appId" | "remove.path" => self.at::<ByteArrayType>(column, 0, 0, None),
            "txn.version" | "txn.lastUpdated" | "remove.deletionTimestamp" => {
                self.at::<Int64Type>(column, 0, 0, None);
            }
            "remove.dataChange" => self.at::<BoolType>(column, 0, 0, None),
            other => unreachable!("{other} is in the schema"),
        }
    }

    /// Writes a column that every file has a value of.
    fn of_files<T: DataType>(
        &self,
        column: &mut SerializedColumnWriter<'_>,
        level: i16,
        value: impl Fn(&FileEntry) -> T::T,
    ) {
        let values: Vec<T::T> = self.files.iter().map(value).collect();
        let mut levels = vec![level; self.files.len() + 2];
        levels.splice(..2, [0, 0]);
        put::<T>(column, &values, &levels);
    }

    /// Writes a column that one row has a value of.
    fn of_row<T: DataType>(
        &self,
        column: &mut SerializedColumnWriter<'_>,
        row: usize,
        level: i16,
        value: Option<T::T>,
    ) {
        let value = value.expect("the action has it");
        self.at::<T>(column, row, level, Some(value));
    }

    /// Writes a column that is there down to a level in one row.
    fn at<T: DataType>(
        &self,
        column: &mut SerializedColumnWriter<'_>,
        row: usize,
        level: i16,
        value: Option<T::T>,
    ) {
        let mut levels = vec![0; self.files.len() + 2];
        levels.splice(row..=row, [level]);
        let values: Vec<T::T> = value.into_iter().collect();
        put::<T>(column, &values, &levels);
    }
}

/// Writes the values of a column, and down to which level each row has one. No row has two.
fn put<T: DataType>(column: &mut SerializedColumnWriter<'_>, values: &[T::T], levels: &[i16]) {
    let repetitions = vec![0; levels.len()];
    let typed = column.typed::<T>();
    let is_flat = typed.get_descriptor().max_rep_level() == 0;
    let repetitions = (!is_flat).then_some(repetitions.as_slice());
    typed
        .write_batch(values, Some(levels), repetitions)
        .expect("a column can be written");
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("sizes and times are small")
}
