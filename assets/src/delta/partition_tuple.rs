//! The values of all partition columns of a file together: which partition it belongs to.
//!
//! An unpartitioned table has one partition, the empty tuple. A file of a partitioned table whose
//! action leaves out a column has no tuple: the log does not say, and that is not null.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::partition_value::PartitionValue;
use super::schema::{DataType, Schema};

/// The partition columns of a table, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionColumns {
    columns: Vec<PartitionColumn>,
    #[serde(skip)]
    zone: Tz,
}

/// One partition column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionColumn {
    /// Its name now.
    pub name: String,
    /// Its name in the log, which outlives renames.
    pub physical_name: String,
    /// What it holds.
    pub data_type: DataType,
}

/// The values of the partition columns, in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionTuple(Arc<[PartitionValue]>);

/// What an action says of a partition: column and value, as the log spells them.
pub type RawPartition<'a> = [(Cow<'a, str>, Option<Cow<'a, str>>)];

impl PartitionColumns {
    /// Finds the columns of `names` (the `partitionColumns` of a table) in its schema. What is not
    /// there is taken for text under its own name.
    ///
    /// Timestamps without an offset are taken for UTC, see [`in_zone`](Self::in_zone).
    pub fn new(schema: Option<&Schema>, names: &[String]) -> Self {
        let column = |name: &String| match schema.and_then(|schema| schema.field(name)) {
            Some(field) => PartitionColumn {
                name: field.name.clone(),
                physical_name: field.physical_name.clone(),
                data_type: field.data_type.clone(),
            },
            None => PartitionColumn {
                name: name.clone(),
                physical_name: name.clone(),
                data_type: DataType::String,
            },
        };
        Self {
            columns: names.iter().map(column).collect(),
            zone: Tz::UTC,
        }
    }

    /// Takes timestamps without an offset for times of day in this zone, the writers'.
    #[must_use]
    pub fn in_zone(self, zone: Tz) -> Self {
        Self { zone, ..self }
    }

    /// Returns the columns, in order.
    pub fn columns(&self) -> &[PartitionColumn] {
        &self.columns
    }

    /// Returns whether these are the same columns in the same order, whatever their names are now: a
    /// rename leaves every file where it is.
    pub fn are_same(&self, others: &Self) -> bool {
        let physical = |columns: &'_ Self| -> Vec<String> {
            let columns = columns.columns.iter();
            columns.map(|column| column.physical_name.clone()).collect()
        };
        physical(self) == physical(others)
    }

    /// Returns how many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Returns whether the table is not partitioned.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Reads the partition of an action; `None` where it does not name every column.
    pub fn tuple(&self, raw: &RawPartition<'_>) -> Option<PartitionTuple> {
        let values = self.columns.iter().map(|column| {
            let value = self.find(column, raw)?.as_deref();
            Some(PartitionValue::new(value, &column.data_type, self.zone))
        });
        Some(PartitionTuple(values.collect::<Option<_>>()?))
    }

    /// Finds the value of a column: under its physical name, or else, for writers that got it wrong,
    /// under its name or in another case, unless that is the physical name of another column. Of
    /// two values under one name the last counts, as for JSON parsers.
    fn find<'a, 'b>(
        &self,
        column: &PartitionColumn,
        raw: &'b RawPartition<'a>,
    ) -> Option<&'b Option<Cow<'a, str>>> {
        let under = |name: &str| raw.iter().rev().find(|(key, _)| key == name);
        let is_free = |key: &str| {
            let mut columns = self.columns.iter();
            !columns.any(|column| column.physical_name == key)
        };
        let alike = || {
            let names = [&column.physical_name, &column.name].map(|name| name.to_lowercase());
            let mut entries = raw.iter().rev();
            entries.find(|(key, _)| names.contains(&key.to_lowercase()) && is_free(key))
        };
        under(&column.physical_name)
            .or_else(|| under(&column.name).filter(|(key, _)| is_free(key)))
            .or_else(alike)
            .map(|(_, value)| value)
    }
}

impl PartitionTuple {
    /// Returns the only partition of a table that is not partitioned.
    pub fn unpartitioned() -> Self {
        Self(Arc::default())
    }

    /// Returns the values, in the order of the columns.
    pub fn values(&self) -> &[PartitionValue] {
        &self.0
    }

    /// Returns the values by column name, with null for null. Values and columns belong together
    /// only as long as the table is partitioned by the same columns.
    pub fn to_json(&self, columns: &PartitionColumns) -> Map<String, Value> {
        let pairs = columns.columns.iter().zip(self.0.iter());
        let entry = |(column, value): (&PartitionColumn, &PartitionValue)| {
            let value = value.as_str().map_or(Value::Null, Value::from);
            (column.name.clone(), value)
        };
        pairs.map(entry).collect()
    }

    /// Writes it as one line, the key under which it is stored: a JSON array of texts and nulls.
    /// Equal tuples have equal lines.
    pub fn encode(&self) -> String {
        let texts = self.0.iter().map(|value| Value::from(value.as_str()));
        Value::Array(texts.collect()).to_string()
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` where it is something else.
    pub fn decode(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

/// As partition keys are written: values with `|` between them, null as `__null__`.
impl fmt::Display for PartitionTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().enumerate() {
            let separator = if at > 0 { "|" } else { "" };
            write!(f, "{separator}{}", value.as_str().unwrap_or("__null__"))?;
        }
        Ok(())
    }
}

impl FromIterator<PartitionValue> for PartitionTuple {
    fn from_iter<I: IntoIterator<Item = PartitionValue>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
