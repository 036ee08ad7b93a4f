//! Tests of checkpoints in every shape: rows as JSON, written by the schema of a test into the columns
//! that a writer would make of them.

mod damage;
mod shapes;
mod statistics;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use assets::delta::Unreadable;
use assets::delta::action::{MetadataAction, ProtocolAction, TransactionAction};
use bytes::Bytes;
use parquet::basic::Repetition;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{SchemaDescriptor, TypePtr};
use serde_json::{Value, json};

use super::{CheckpointRow, Wanted, read};
use crate::delta_log::listing::Checkpoint;
use crate::delta_log::store::{Cost, FileStat, LogStore, StoredFile};

/// Everything that Spark writes, but for what nobody reads.
pub(in crate::delta_log) const SPARK: &str = "message spark_schema {
    optional group txn {
        required binary appId (STRING); required int64 version; optional int64 lastUpdated;
    }
    optional group add {
        required binary path (STRING);
        required group partitionValues (MAP) {
            repeated group key_value {
                required binary key (STRING); optional binary value (STRING);
            }
        }
        required int64 size; required int64 modificationTime; required boolean dataChange;
        optional binary stats (STRING);
        optional group deletionVector {
            required binary storageType (STRING); required binary pathOrInlineDv (STRING);
            optional int32 offset; required int32 sizeInBytes; required int64 cardinality;
        }
    }
    optional group remove { required binary path (STRING); optional int64 deletionTimestamp; }
    optional group metaData {
        required binary id (STRING);
        required group format { required binary provider (STRING);
            optional group options (MAP) {
                repeated group key_value {
                    required binary key (STRING); optional binary value (STRING);
                }
            }
        }
        required binary schemaString (STRING);
        optional group partitionColumns (LIST) {
            repeated group list { required binary element (STRING); }
        }
        optional group configuration (MAP) {
            repeated group key_value {
                required binary key (STRING); optional binary value (STRING);
            }
        }
    }
    optional group protocol {
        required int32 minReaderVersion; required int32 minWriterVersion;
        optional group readerFeatures (LIST) {
            repeated group list { required binary element (STRING); }
        }
        optional group writerFeatures (LIST) {
            repeated group list { required binary element (STRING); }
        }
    }
    optional group sidecar { required binary path (STRING); required int64 sizeInBytes; }
}";

/// Writes rows into the columns of a schema, so many rows to a group.
pub(in crate::delta_log) fn written(
    schema: &str,
    rows: &[Value],
    (group, properties): (usize, WriterPropertiesBuilder),
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let columns = SchemaDescriptor::new(Arc::clone(&schema));
    let mut bytes = Vec::new();
    let properties = Arc::new(properties.build());
    let mut file = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    for rows in rows.chunks(group) {
        let mut group = file.next_row_group().unwrap();
        for index in 0..columns.num_columns() {
            let parts = columns.column(index).path().parts().to_vec();
            let nodes = nodes(&columns.root_schema_ptr(), &parts);
            let mut leaf = Leaf::default();
            for row in rows {
                leaf.shred(&nodes, row, (0, 0, 0));
            }
            let mut column = group.next_column().unwrap().unwrap();
            leaf.write(column.untyped());
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    file.close().unwrap();
    bytes
}

/// The types on the way to a column.
fn nodes(root: &TypePtr, parts: &[String]) -> Vec<TypePtr> {
    let mut nodes = Vec::new();
    let mut at = Arc::clone(root);
    for part in parts {
        let next = at.get_fields().iter().find(|field| field.name() == part);
        at = Arc::clone(next.unwrap());
        nodes.push(Arc::clone(&at));
    }
    nodes
}

/// What goes into one column.
#[derive(Default)]
struct Leaf {
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Vec<Value>,
}

impl Leaf {
    /// Takes a row apart: its levels of definition and repetition, and how many repeated nodes there
    /// were on the way.
    fn shred(&mut self, nodes: &[TypePtr], within: &Value, (def, rep, depth): (i16, i16, i16)) {
        let Some((node, rest)) = nodes.split_first() else {
            self.level(def, rep);
            self.values.push(within.clone());
            return;
        };
        let value = &within[node.name()];
        match node.get_basic_info().repetition() {
            Repetition::REQUIRED => self.shred(rest, value, (def, rep, depth)),
            Repetition::OPTIONAL if value.is_null() => self.level(def, rep),
            Repetition::OPTIONAL => self.shred(rest, value, (def + 1, rep, depth)),
            Repetition::REPEATED => match value.as_array().map(Vec::as_slice) {
                None | Some([]) => self.level(def, rep),
                Some(items) => {
                    for (at, item) in items.iter().enumerate() {
                        let rep = if at == 0 { rep } else { depth + 1 };
                        self.shred(rest, item, (def + 1, rep, depth + 1));
                    }
                }
            },
        }
    }

    fn level(&mut self, def: i16, rep: i16) {
        self.definitions.push(def);
        self.repetitions.push(rep);
    }

    fn write(&self, column: &mut ColumnWriter<'_>) {
        let (def, rep) = (
            Some(self.definitions.as_slice()),
            Some(self.repetitions.as_slice()),
        );
        let values = self.values.iter();
        let number = |value: &Value| value.as_i64().unwrap();
        // What JSON has no number for stands there as a text.
        let float = |value: &Value| {
            let text = value.as_str().map(|text| text.parse::<f64>().unwrap());
            text.or(value.as_f64()).unwrap()
        };
        let bytes = |value: &Value| match value.as_array() {
            Some(bytes) => bytes.iter().map(|b| number(b).to_le_bytes()[0]).collect(),
            None => value.as_str().unwrap().as_bytes().to_vec(),
        };
        let written = match column {
            ColumnWriter::BoolColumnWriter(column) => {
                let values: Vec<bool> = values.map(|value| value.as_bool().unwrap()).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::Int32ColumnWriter(column) => {
                let values: Vec<i32> = values.map(|v| number(v).try_into().unwrap()).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::Int64ColumnWriter(column) => {
                let values: Vec<i64> = values.map(number).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::Int96ColumnWriter(column) => {
                let part = |value: &Value| u32::try_from(number(value)).unwrap();
                let int96 = |v: &Value| Int96::from([0, 1, 2].map(|at| part(&v[at])).to_vec());
                let values: Vec<Int96> = values.map(int96).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::FloatColumnWriter(column) => {
                let narrow = |value: &Value| float(value).to_string().parse::<f32>().unwrap();
                let values: Vec<f32> = values.map(narrow).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::DoubleColumnWriter(column) => {
                let values: Vec<f64> = values.map(float).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::ByteArrayColumnWriter(column) => {
                let values: Vec<ByteArray> = values.map(|v| ByteArray::from(bytes(v))).collect();
                column.write_batch(&values, def, rep)
            }
            ColumnWriter::FixedLenByteArrayColumnWriter(column) => {
                let fixed = |value: &Value| FixedLenByteArray::from(bytes(value));
                let values: Vec<FixedLenByteArray> = values.map(fixed).collect();
                column.write_batch(&values, def, rep)
            }
        };
        written.unwrap();
    }
}

/// A writer without wishes.
pub(in crate::delta_log) fn plainly() -> (usize, WriterPropertiesBuilder) {
    (1_000_000, WriterProperties::builder())
}

/// The entries of a map, as the protocol has it now.
pub(in crate::delta_log) fn map(pairs: &[(&str, Option<&str>)]) -> Value {
    let entry = |(key, value): &(&str, Option<&str>)| json!({ "key": key, "value": value });
    json!({ "key_value": pairs.iter().map(entry).collect::<Vec<Value>>() })
}

/// The elements of a list, as the protocol has it now.
pub(in crate::delta_log) fn list(items: &[&str]) -> Value {
    let element = |item: &&str| json!({ "element": item });
    json!({ "list": items.iter().map(element).collect::<Vec<Value>>() })
}

/// Makes of an action, as a log has it, what a checkpoint of Spark's has.
pub(in crate::delta_log) fn in_columns(action: &Value) -> Value {
    let mut row = action.clone();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let map_of = |object: &Value| {
        let pairs = object.as_object().cloned().unwrap_or_default();
        let entry = |(key, value): (String, Value)| json!({ "key": key, "value": text(&value) });
        json!({ "key_value": pairs.into_iter().map(entry).collect::<Vec<Value>>() })
    };
    let list_of = |items: &Value| {
        let items = items.as_array()?.iter();
        let element = |item: &Value| json!({ "element": item });
        Some(json!({ "list": items.map(element).collect::<Vec<Value>>() }))
    };
    if let Some(add) = row.get_mut("add") {
        add["partitionValues"] = map_of(&add["partitionValues"]);
        add["dataChange"] = json!(false);
        (add["size"], add["modificationTime"]) = (json!(1), json!(1));
        if let Some(vector) = add.get_mut("deletionVector") {
            vector["sizeInBytes"] = json!(1);
        }
    }
    if let Some(metadata) = row.get_mut("metaData") {
        metadata["format"] = json!({ "provider": "parquet" });
        metadata["partitionColumns"] = json!(list_of(&metadata["partitionColumns"]));
        metadata["configuration"] = map_of(&metadata["configuration"]);
        if metadata["schemaString"].is_null() {
            metadata["schemaString"] = json!("");
        }
    }
    if let Some(protocol) = row.get_mut("protocol") {
        for features in ["readerFeatures", "writerFeatures"] {
            protocol[features] = json!(list_of(&protocol[features]));
        }
    }
    row
}

/// A file of so many rows in a partition.
fn file(path: &str, partition: Option<&str>, rows: u64) -> Value {
    json!({ "add": {
        "path": path, "partitionValues": map(&[("p", partition)]), "size": 10,
        "modificationTime": 1, "dataChange": false,
        "stats": format!("{{\"numRecords\":{rows}}}"),
    }})
}

fn table() -> [Value; 2] {
    let metadata = json!({ "metaData": {
        "id": "t", "format": { "provider": "parquet" }, "schemaString": "{}",
        "partitionColumns": list(&["p"]),
        "configuration": map(&[("delta.appendOnly", Some("true")), ("odd", None)]),
    }});
    let protocol = json!({ "protocol": {
        "minReaderVersion": 3, "minWriterVersion": 7,
        "readerFeatures": list(&["v2Checkpoint"]), "writerFeatures": list(&[]),
    }});
    [metadata, protocol]
}

/// A log in memory that counts what is read of each file.
#[derive(Default)]
struct Kept {
    files: BTreeMap<String, Bytes>,
    read: Mutex<BTreeMap<String, u64>>,
}

impl Kept {
    fn with<const N: usize>(files: [(&str, Vec<u8>); N]) -> Self {
        let files = files.into_iter();
        Self {
            files: files
                .map(|(n, bytes)| (n.to_owned(), Bytes::from(bytes)))
                .collect(),
            read: Mutex::default(),
        }
    }

    fn count(&self, name: &str, bytes: usize) {
        let mut read = self.read.lock().unwrap();
        *read.entry(name.to_owned()).or_default() += u64::try_from(bytes).unwrap();
    }

    /// The bytes that were read so far, by file.
    fn take_read(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.read.lock().unwrap())
    }

    fn stat_of(bytes: &Bytes) -> FileStat {
        FileStat {
            size: u64::try_from(bytes.len()).unwrap(),
            modified_nanos: 0,
            etag: None,
        }
    }
}

impl LogStore for Kept {
    fn place(&self) -> &'static str {
        "memory/_delta_log"
    }

    fn cost(&self) -> Cost {
        Cost::Local
    }

    fn stat(&self, name: &str) -> Result<Option<FileStat>, Unreadable> {
        Ok(self.files.get(name).map(Self::stat_of))
    }

    fn read(&self, name: &str) -> Result<Option<StoredFile>, Unreadable> {
        let Some(bytes) = self.files.get(name) else {
            return Ok(None);
        };
        self.count(name, bytes.len());
        Ok(Some(StoredFile {
            stat: Self::stat_of(bytes),
            bytes: bytes.clone(),
        }))
    }

    fn read_ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Unreadable> {
        let whole = &self.files[name];
        let part = |range: &Range<u64>| {
            let range = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
            self.count(name, range[1] - range[0]);
            whole.slice(range[0]..range[1])
        };
        Ok(ranges.iter().map(part).collect())
    }

    fn list(&self, _after: Option<&str>) -> Result<Option<Vec<String>>, Unreadable> {
        Ok(Some(self.files.keys().cloned().collect()))
    }
}

/// What was seen of a file.
#[derive(Debug, Clone, Default, PartialEq)]
struct SeenFile {
    path: String,
    partition: Vec<(String, Option<String>)>,
    rows: Option<u64>,
    stats: Option<Value>,
    vector: Option<(String, Option<i64>, Option<u64>)>,
    size: Option<u64>,
}

/// What was seen of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    files: Vec<SeenFile>,
    metadata: Option<MetadataAction>,
    protocol: Option<ProtocolAction>,
    transactions: Vec<TransactionAction>,
}

impl Seen {
    fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    fn partitions(&self) -> Vec<Vec<(&str, Option<&str>)>> {
        self.files
            .iter()
            .map(|file| {
                let pairs = file.partition.iter();
                pairs.map(|(k, v)| (k.as_str(), v.as_deref())).collect()
            })
            .collect()
    }
}

const FILES: Wanted<'_> = Wanted::Files { columns: &[] };

fn see(store: &Kept, names: &[&str], wanted: Wanted<'_>) -> Result<Seen, Unreadable> {
    let mut seen = Seen::default();
    let checkpoint = Checkpoint {
        version: 7,
        files: names.iter().map(|&name| name.to_owned()).collect(),
    };
    read(store, &checkpoint, wanted, &mut |row| match row {
        CheckpointRow::Add(file) => {
            let pairs = file
                .partition_values
                .clone()
                .unwrap_or_default()
                .0
                .into_iter();
            let vector = file.deletion_vector.as_ref();
            seen.files.push(SeenFile {
                path: file.path.clone().into_owned(),
                partition: pairs
                    .map(|(k, v)| (k.into_owned(), v.map(std::borrow::Cow::into_owned)))
                    .collect(),
                rows: file.rows(),
                stats: file
                    .stats
                    .as_deref()
                    .map(|s| serde_json::from_str(s).unwrap()),
                vector: vector.map(|v| {
                    let id = format!("{}{}", v.storage_type, v.path_or_inline_dv);
                    (id, v.offset, v.cardinality)
                }),
                size: file.size,
            });
        }
        CheckpointRow::Metadata(metadata) => seen.metadata = Some(metadata),
        CheckpointRow::Protocol(protocol) => seen.protocol = Some(protocol),
        CheckpointRow::Transaction(txn) => seen.transactions.push(txn),
    })?;
    Ok(seen)
}

/// Reads one file of columns.
fn see_one(bytes: Vec<u8>, wanted: Wanted<'_>) -> Result<Seen, Unreadable> {
    see(&Kept::with([("c", bytes)]), &["c"], wanted)
}

fn assert_broken(seen: Result<Seen, Unreadable>, saying: &str) {
    let Err(Unreadable::BrokenCheckpoint { version: 7, detail }) = seen else {
        panic!("not broken: {seen:?}");
    };
    assert!(detail.contains(saying), "{detail}");
}
