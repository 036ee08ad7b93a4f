//! The fingerprint of a schema: the same for as long as readers of rows see the same columns.
//!
//! It stands in stored state, so its values must not change from one version of Headwater to the
//! next: it is made from the JSON itself, not from [`Schema`](super::Schema), which may learn more.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Fingerprints a `schemaString` by physical names, types and nullability. One that cannot be read
/// is fingerprinted as text.
pub fn fingerprint(schema: &str) -> String {
    let canonical = match serde_json::from_str::<Value>(schema) {
        Ok(value) => canonical_type(&value).to_string(),
        Err(_) => schema.to_owned(),
    };
    let digest = Sha256::digest(canonical.as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut hex, byte| {
            // Writing to a text cannot fail.
            _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Reduces a type to what a reader of rows depends on. The nesting is bounded by the JSON parser.
fn canonical_type(value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let part = |key: &str| object.get(key).map_or(Value::Null, canonical_type);
    let flag = |key: &str| object.get(key).cloned().unwrap_or(Value::Null);
    match object.get("type").and_then(Value::as_str) {
        Some("struct") => {
            let fields = object.get("fields").and_then(Value::as_array);
            json!({ "struct": fields.into_iter().flatten().map(canonical_field).collect::<Vec<_>>() })
        }
        Some("array") => json!({ "array": [part("elementType"), flag("containsNull")] }),
        Some("map") => {
            json!({ "map": [part("keyType"), part("valueType"), flag("valueContainsNull")] })
        }
        Some(_) | None => value.clone(),
    }
}

fn canonical_field(field: &Value) -> Value {
    let physical = field.pointer("/metadata/delta.columnMapping.physicalName");
    let name = physical.or_else(|| field.get("name")).cloned();
    json!([
        name.unwrap_or(Value::Null),
        field.get("type").map_or(Value::Null, canonical_type),
        field.get("nullable").cloned().unwrap_or(Value::Null),
    ])
}
