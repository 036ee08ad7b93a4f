//! What a column holds.

use serde::{Deserialize, Serialize};
use std::fmt;

use serde_json::Value;

use super::{Field, field, flag};

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataType {
    /// True or false.
    Boolean,
    /// An integer of 8 bits.
    Byte,
    /// An integer of 16 bits.
    Short,
    /// An integer of 32 bits.
    Integer,
    /// An integer of 64 bits.
    Long,
    /// A floating point number of 32 bits.
    Float,
    /// A floating point number of 64 bits.
    Double,
    /// A decimal number.
    Decimal {
        /// Its digits in all.
        precision: u8,
        /// Those after the point.
        scale: u8,
    },
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A calendar day.
    Date,
    /// An instant, to the microsecond.
    Timestamp,
    /// A date and a time of day in no zone, to the microsecond.
    TimestampNtz,
    /// Named fields.
    Struct(Vec<Field>),
    /// A list.
    Array {
        /// What it lists.
        element: Box<Self>,
        /// Whether an element may be null.
        contains_null: bool,
    },
    /// Keys, each with a value.
    Map {
        /// The keys; they are never null.
        key: Box<Self>,
        /// The values.
        value: Box<Self>,
        /// Whether a value may be null.
        value_contains_null: bool,
    },
    /// A type that is not known here, as the schema spells it.
    Other(String),
}

impl From<&Value> for DataType {
    /// Reads a type as a schema spells it: a name, or an object that nests others.
    fn from(value: &Value) -> Self {
        let Some(object) = value.as_object() else {
            return value.as_str().map_or_else(
                || Self::Other(value.to_string()),
                |name| primitive(name).unwrap_or_else(|| Self::Other(name.to_owned())),
            );
        };
        let part = |key: &str| Box::new(Self::from(object.get(key).unwrap_or(&Value::Null)));
        match object.get("type").and_then(Value::as_str) {
            Some("struct") => {
                let fields = object.get("fields").and_then(Value::as_array);
                Self::Struct(fields.into_iter().flatten().filter_map(field).collect())
            }
            Some("array") => Self::Array {
                element: part("elementType"),
                contains_null: flag(object, "containsNull"),
            },
            Some("map") => Self::Map {
                key: part("keyType"),
                value: part("valueType"),
                value_contains_null: flag(object, "valueContainsNull"),
            },
            Some(_) | None => Self::Other(value.to_string()),
        }
    }
}

fn primitive(name: &str) -> Option<DataType> {
    Some(match name {
        "boolean" => DataType::Boolean,
        "byte" => DataType::Byte,
        "short" => DataType::Short,
        "integer" => DataType::Integer,
        "long" => DataType::Long,
        "float" => DataType::Float,
        "double" => DataType::Double,
        "string" => DataType::String,
        "binary" => DataType::Binary,
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp,
        "timestamp_ntz" => DataType::TimestampNtz,
        // Spark's default, where only the name is given.
        "decimal" => DataType::Decimal {
            precision: 10,
            scale: 0,
        },
        _ => return decimal(name),
    })
}

fn decimal(name: &str) -> Option<DataType> {
    let inside = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inside.split_once(',')?;
    Some(DataType::Decimal {
        precision: precision.trim().parse().ok()?,
        scale: scale.trim().parse().ok()?,
    })
}

impl DataType {
    /// Returns whether every value of this type is one of `to`, by the type changes that a reader
    /// of Delta has to bear (Delta protocol, "Type Widening").
    pub fn widens_to(&self, to: &Self) -> bool {
        use DataType::{Byte, Date, Decimal, Double, Float, Integer, Long, Short, TimestampNtz};
        match (self, to) {
            (Byte, Short | Integer | Long | Double)
            | (Short, Integer | Long | Double)
            | (Integer, Long | Double)
            | (Float, Double)
            | (Date, TimestampNtz) => true,
            (Byte | Short | Integer, Decimal { precision, scale }) => {
                has_room(*precision, *scale, 10, 0)
            }
            (Long, Decimal { precision, scale }) => has_room(*precision, *scale, 20, 0),
            (
                Decimal {
                    precision: old_precision,
                    scale: old_scale,
                },
                Decimal { precision, scale },
            ) => self != to && has_room(*precision, *scale, *old_precision, *old_scale),
            _ => false,
        }
    }

    /// Returns whether it nests other types.
    pub fn is_nested(&self) -> bool {
        matches!(
            self,
            Self::Struct(_) | Self::Array { .. } | Self::Map { .. }
        )
    }
}

/// Whether a decimal has at least so many digits before and after the point.
fn has_room(precision: u8, scale: u8, least_precision: u8, least_scale: u8) -> bool {
    let more_digits = precision.checked_sub(least_precision);
    let more_scale = scale.checked_sub(least_scale);
    more_digits
        .zip(more_scale)
        .is_some_and(|(digits, scale)| digits >= scale)
}

impl fmt::Display for DataType {
    /// Writes it as SQL does, without nullability.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Byte => "tinyint",
            Self::Short => "smallint",
            Self::Integer => "int",
            Self::Long => "bigint",
            Self::Float => "float",
            Self::Double => "double",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::String => "string",
            Self::Binary => "binary",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampNtz => "timestamp_ntz",
            Self::Struct(fields) => return write_struct(f, fields),
            Self::Array { element, .. } => return write!(f, "array<{element}>"),
            Self::Map { key, value, .. } => return write!(f, "map<{key},{value}>"),
            Self::Other(text) => text,
        })
    }
}

fn write_struct(f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    f.write_str("struct<")?;
    for (index, field) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(f, "{comma}{}:{}", field.name, field.data_type)?;
    }
    f.write_str(">")
}
