//! One column of a row group, read batch by batch: values where they are, and where they are not.

use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;

use super::fetched::Fetched;
use super::pages::{self, CheckedPages};
use super::{Problem, broken};

/// A column under way.
pub(super) struct Column {
    reader: ColumnReader,
    pub(super) descriptor: ColumnDescPtr,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Values,
    /// The next level and the next value to be taken.
    level: usize,
    value: usize,
}

/// The values of a batch.
enum Values {
    Bool(Vec<bool>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<parquet::data_type::FixedLenByteArray>),
}

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Bool(bool),
    Int(i32),
    Long(i64),
    Int96(Int96),
    Float(f32),
    Double(f64),
    Bytes(&'a [u8]),
}

/// An entry of a list or a map, which may have no value.
pub(super) struct Entry<'a>(Option<Cell<'a>>);

impl<'a> Entry<'a> {
    /// Returns its value.
    pub(super) fn cell(&self) -> Option<Cell<'a>> {
        self.0
    }
}

impl Column {
    pub(super) fn open(
        file: &Arc<Fetched>,
        group: &RowGroupMetaData,
        index: usize,
    ) -> Result<Self, Problem> {
        let meta = group
            .columns()
            .get(index)
            .ok_or_else(|| broken("a column is missing"))?;
        let descriptor = meta.column_descr_ptr();
        let rows = super::rows_of(group)?;
        pages::check(
            file.chunk(meta)?,
            &descriptor,
            u64::try_from(rows).unwrap_or(u64::MAX),
        )?;
        let pages = CheckedPages {
            source: SerializedPageReader::new(Arc::clone(file), meta, rows, None)?,
            column: Arc::clone(&descriptor),
        };
        let values = match descriptor.physical_type() {
            Type::BOOLEAN => Values::Bool(Vec::new()),
            Type::INT32 => Values::Int(Vec::new()),
            Type::INT64 => Values::Long(Vec::new()),
            Type::INT96 => Values::Int96(Vec::new()),
            Type::FLOAT => Values::Float(Vec::new()),
            Type::DOUBLE => Values::Double(Vec::new()),
            Type::BYTE_ARRAY => Values::Bytes(Vec::new()),
            Type::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new()),
        };
        Ok(Self {
            reader: get_column_reader(Arc::clone(&descriptor), Box::new(pages)),
            descriptor,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            values,
            level: 0,
            value: 0,
        })
    }

    /// Reads the next rows; returns how many there were.
    pub(super) fn read(&mut self, rows: usize) -> Result<usize, Problem> {
        (self.level, self.value) = (0, 0);
        let levels = (&mut self.definitions, &mut self.repetitions);
        match (&mut self.reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(r), Values::Bool(v)) => batch(r, rows, levels, v),
            (ColumnReader::Int32ColumnReader(r), Values::Int(v)) => batch(r, rows, levels, v),
            (ColumnReader::Int64ColumnReader(r), Values::Long(v)) => batch(r, rows, levels, v),
            (ColumnReader::Int96ColumnReader(r), Values::Int96(v)) => batch(r, rows, levels, v),
            (ColumnReader::FloatColumnReader(r), Values::Float(v)) => batch(r, rows, levels, v),
            (ColumnReader::DoubleColumnReader(r), Values::Double(v)) => batch(r, rows, levels, v),
            (ColumnReader::ByteArrayColumnReader(r), Values::Bytes(v)) => batch(r, rows, levels, v),
            (ColumnReader::FixedLenByteArrayColumnReader(r), Values::Fixed(v)) => {
                batch(r, rows, levels, v)
            }
            _ => Err(broken("a column changes its type")),
        }
    }

    /// Returns whether anything that was read is a value.
    pub(super) fn has_values(&self) -> bool {
        self.values.len() > 0
    }

    /// Returns whether everything that was read was taken: where something is left, the levels of the
    /// column contradict its rows.
    pub(super) fn is_used_up(&self) -> bool {
        let has_levels = self.descriptor.max_def_level() > 0;
        let levels = self.definitions.len();
        (!has_levels || self.level == levels) && self.value == self.values.len()
    }

    /// Takes the value of the next row of a column without repetition.
    pub(super) fn next(&mut self) -> Option<Cell<'_>> {
        let max = self.descriptor.max_def_level();
        let is_there = max == 0 || self.definitions.get(self.level) == Some(&max);
        self.level += 1;
        if !is_there {
            return None;
        }
        self.value += 1;
        self.values.get(self.value - 1)
    }

    /// Takes the next entry of a row of a column with repetition; `None` where the row has no more.
    /// `begins` says whether the row begins here.
    pub(super) fn entry(&mut self, begins: bool) -> Option<Entry<'_>> {
        let definition = *self.definitions.get(self.level)?;
        let repetition = self.repetitions.get(self.level);
        if begins == repetition.is_some_and(|level| *level > 0) {
            return None;
        }
        self.level += 1;
        if definition < self.descriptor.max_def_level() {
            return Some(Entry(None));
        }
        self.value += 1;
        Some(Entry(self.values.get(self.value - 1)))
    }
}

fn batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    (definitions, repetitions): (&mut Vec<i16>, &mut Vec<i16>),
    values: &mut Vec<T::T>,
) -> Result<usize, Problem> {
    definitions.clear();
    repetitions.clear();
    values.clear();
    let mut total = 0;
    while total < rows {
        let wanted = rows - total;
        let (records, _, levels) =
            reader.read_records(wanted, Some(definitions), Some(repetitions), values)?;
        if records == 0 && levels == 0 {
            break;
        }
        total += records;
    }
    Ok(total)
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Long(values) => values.len(),
            Self::Int96(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Fixed(values) => values.len(),
        }
    }

    fn get(&self, at: usize) -> Option<Cell<'_>> {
        Some(match self {
            Self::Bool(values) => Cell::Bool(*values.get(at)?),
            Self::Int(values) => Cell::Int(*values.get(at)?),
            Self::Long(values) => Cell::Long(*values.get(at)?),
            Self::Int96(values) => Cell::Int96(*values.get(at)?),
            Self::Float(values) => Cell::Float(*values.get(at)?),
            Self::Double(values) => Cell::Double(*values.get(at)?),
            Self::Bytes(values) => Cell::Bytes(values.get(at)?.data()),
            Self::Fixed(values) => Cell::Bytes(values.get(at)?.data()),
        })
    }
}

impl<'a> Cell<'a> {
    /// Returns a text; nothing for other values.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Long(_)
            | Self::Int96(_)
            | Self::Float(_)
            | Self::Double(_) => None,
        }
    }

    /// Returns a truth value; nothing for other values.
    pub(super) fn flag(self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(flag),
            Self::Int(_)
            | Self::Long(_)
            | Self::Int96(_)
            | Self::Float(_)
            | Self::Double(_)
            | Self::Bytes(_) => None,
        }
    }

    /// Returns a whole number; nothing for other values.
    pub(super) fn number(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number.into()),
            Self::Long(number) => Some(number),
            Self::Bool(_) | Self::Bytes(_) | Self::Int96(_) | Self::Float(_) | Self::Double(_) => {
                None
            }
        }
    }
}
