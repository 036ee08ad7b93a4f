//! The columns of a table: a `schemaString` → names, types and nullability.
//!
//! Reading is lenient, because observing a table must not depend on knowing every type: a type that
//! is not known is kept as text, and a field without a name is passed over. Comments, defaults and
//! the history of types in a field's metadata are not kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod compare;
mod data_type;
mod fingerprint;
mod lookup;

pub use compare::{Compatibility, SchemaChange, SchemaChangeKind, classify, compare};
pub use data_type::DataType;
pub use fingerprint::fingerprint;
pub use lookup::Column;

/// The columns of a table, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
}

/// A column, or a field of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as queries spell it.
    pub name: String,
    /// Its name in data files, partition values and statistics; the same as `name` without column
    /// mapping. It outlives renames.
    pub physical_name: String,
    /// Its number under column mapping.
    pub id: Option<i64>,
    /// Whether it may be null. A schema that does not say so leaves it open.
    pub nullable: bool,
    /// What it holds.
    pub data_type: DataType,
}

impl Schema {
    /// Reads the `schemaString` of a `metaData` action; `None` where it is no struct.
    ///
    /// The nesting is bounded by the JSON parser.
    pub fn parse(text: &str) -> Option<Self> {
        let DataType::Struct(fields) = DataType::from(&serde_json::from_str(text).ok()?) else {
            return None;
        };
        Some(Self { fields })
    }
}

/// Reads a field of a struct; `None` where it has no name.
fn field(value: &Value) -> Option<Field> {
    let object = value.as_object()?;
    let name = object.get("name")?.as_str()?;
    let metadata = object.get("metadata").and_then(Value::as_object);
    let mapping = |key: &str| metadata.and_then(|metadata: &Map<_, _>| metadata.get(key));
    let physical = mapping("delta.columnMapping.physicalName").and_then(Value::as_str);
    Some(Field {
        name: name.to_owned(),
        physical_name: physical.unwrap_or(name).to_owned(),
        id: mapping("delta.columnMapping.id").and_then(Value::as_i64),
        nullable: flag(object, "nullable"),
        data_type: DataType::from(object.get("type").unwrap_or(&Value::Null)),
    })
}

/// Reads a flag that allows nulls: whatever does not forbid them allows them.
fn flag(object: &Map<String, Value>, key: &str) -> bool {
    object.get(key) != Some(&Value::Bool(false))
}

#[cfg(test)]
mod tests;
