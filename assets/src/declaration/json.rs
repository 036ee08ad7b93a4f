//! A JSON value → tree: the `headwater` block of a dbt node, whose lines in the manifest say
//! nothing to people, so that every place is the beginning of the file.

use serde_json::Value;

use super::problem::Problem;
use super::report::Report;
use super::tree::{Content, Entry, NodeId, Spot, Tree};
use super::yaml::scalar;

/// As in files.
const MAX_DEPTH: usize = 64;

/// Makes a tree of a value; `None` where it is nested too deeply.
pub(super) fn tree_of_json(value: &Value, report: &mut Report<'_>) -> Option<Tree> {
    let mut tree = Tree::default();
    let root = add(&mut tree, value, 0, report);
    tree.root = root;
    root.map(|_| tree)
}

/// Adds a value with all it holds. Recursive, and bounded by [`MAX_DEPTH`].
fn add(tree: &mut Tree, value: &Value, depth: usize, report: &mut Report<'_>) -> Option<NodeId> {
    let spot = Spot::file_start();
    if depth >= MAX_DEPTH {
        let message = format!("this is nested more than {MAX_DEPTH} levels deep");
        report.error(Problem::TooLarge, &spot, message);
        return None;
    }
    let content = match value {
        Value::Null => Content::Null,
        Value::Bool(value) => scalar(value.to_string(), true, report),
        Value::Number(value) => scalar(value.to_string(), true, report),
        Value::String(value) => scalar(value.clone(), false, report),
        Value::Array(values) => {
            let id = tree.push(spot, Content::Null);
            let mut items = Vec::with_capacity(values.len());
            for value in values {
                items.push(add(tree, value, depth + 1, report)?);
            }
            return fill(tree, id, Content::List(items));
        }
        Value::Object(values) => {
            let id = tree.push(spot, Content::Null);
            let mut entries = Vec::with_capacity(values.len());
            for (key, value) in values {
                entries.push(Entry {
                    key: key.clone(),
                    key_spot: Spot::file_start(),
                    value: add(tree, value, depth + 1, report)?,
                });
            }
            return fill(tree, id, Content::Map(entries));
        }
    };
    Some(tree.push(spot, content))
}

fn fill(tree: &mut Tree, id: NodeId, content: Content) -> Option<NodeId> {
    tree.node_mut(id)?.content = content;
    Some(id)
}
