//! JSON Schemas of the files that people write, for editors: draft-07, from the types that read
//! them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::file::{AssetFile, ProjectFile};

/// Returns the JSON Schema of asset files.
pub fn schema_asset() -> Value {
    schema_of::<AssetFile>("Headwater asset file")
}

/// Returns the JSON Schema of `headwater.yml`.
pub fn schema_project() -> Value {
    schema_of::<ProjectFile>("Headwater project")
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    schema.to_value()
}

/// Lets variants whose settings are optional stand as bare words, which serde's own description of
/// an enum does not know: `settled` beside `{ settled: … }`.
pub(super) fn allow_bare_words(schema: &mut Schema) {
    let Some(Value::Array(branches)) = schema.get_mut("oneOf") else {
        return;
    };
    let mut words = Vec::new();
    for branch in branches.iter() {
        let Some(Value::Object(properties)) = branch.get("properties") else {
            continue;
        };
        for (word, settings) in properties {
            if accepts_null(settings) {
                words.push((word.clone(), branch.get("description").cloned()));
            }
        }
    }
    for (word, description) in words {
        let mut branch = json!({ "type": "string", "const": word });
        if let (Some(description), Some(branch)) = (description, branch.as_object_mut()) {
            branch.insert("description".into(), description);
        }
        branches.push(branch);
    }
}

/// Returns whether a schema was made of an `Option`.
fn accepts_null(schema: &Value) -> bool {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    match (schema.get("anyOf"), schema.get("type")) {
        (Some(Value::Array(branches)), _) => branches.iter().any(is_null),
        (_, Some(Value::Array(kinds))) => kinds.iter().any(|kind| kind == "null"),
        _ => false,
    }
}
