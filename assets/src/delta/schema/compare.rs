//! What changed between two schemas, and whether readers of the table suffer from it.
//!
//! | change | breaks readers | why |
//! | --- | --- | --- |
//! | a column is added, required or not | no | a query that names its columns does not see it; writers may suffer |
//! | a column is dropped or renamed | yes | the name leads nowhere |
//! | a type is widened | no | every value of the old type is one of the new, and Delta's readers bear it |
//! | a type is changed otherwise | yes | values may not be what a query expects |
//! | nulls are allowed | yes | a promise is taken back, as dbt holds it of contracts |
//! | nulls are forbidden | no | a promise is added |
//!
//! The order of columns is not compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DataType, Field, Schema};

/// One difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// The column, with dots between nested names, as the new schema names it; `element`, `key` and
    /// `value` stand for the parts of lists and maps.
    pub column: String,
    /// What happened to it.
    pub kind: SchemaChangeKind,
}

/// What happened to a column. Types are written as in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChangeKind {
    /// It is new, and may be null.
    Added,
    /// It is new, and may not be null.
    AddedRequired,
    /// It is gone.
    Dropped,
    /// It is the same column under another name, if only in upper and lower case.
    Renamed {
        /// Its name before, without those around it.
        from: String,
    },
    /// It has a type that holds every value of the one before.
    TypeWidened {
        /// The type before.
        from: String,
        /// The type now.
        to: String,
    },
    /// It has another type.
    TypeChanged {
        /// The type before.
        from: String,
        /// The type now.
        to: String,
    },
    /// It may be null now.
    MadeNullable,
    /// It may not be null any more.
    MadeRequired,
}

impl SchemaChangeKind {
    /// Returns whether a query that read the column before may fail or go wrong now.
    pub fn is_breaking(&self) -> bool {
        match self {
            Self::Dropped
            | Self::Renamed { .. }
            | Self::TypeChanged { .. }
            | Self::MadeNullable => true,
            Self::Added | Self::AddedRequired | Self::TypeWidened { .. } | Self::MadeRequired => {
                false
            }
        }
    }
}

/// What a change of schema means to readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// Nothing changed that they can see.
    Identical,
    /// What they read before they read still.
    Compatible,
    /// Some may fail or go wrong.
    Breaking,
}

/// Returns what changes mean to readers, taken together.
pub fn classify(changes: &[SchemaChange]) -> Compatibility {
    if changes.is_empty() {
        Compatibility::Identical
    } else if changes.iter().any(|change| change.kind.is_breaking()) {
        Compatibility::Breaking
    } else {
        Compatibility::Compatible
    }
}

/// Finds what changed from one schema to the next: first what happened to the columns of the old
/// one, in its order, then what is new.
///
/// A column is the same where its physical name is. Those left over are matched by name, since a
/// table that is made anew gets new physical names, and last by their number.
pub fn compare(old: &Schema, new: &Schema) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    compare_fields("", &old.fields, &new.fields, &mut changes);
    changes
}

fn compare_fields(prefix: &str, old: &[Field], new: &[Field], changes: &mut Vec<SchemaChange>) {
    let matched = match_fields(old, new);
    for (field, successor) in old.iter().zip(&matched) {
        match successor.and_then(|index| new.get(index)) {
            Some(successor) => compare_field(prefix, field, successor, changes),
            None => changes.push(SchemaChange {
                column: path(prefix, &field.name),
                kind: SchemaChangeKind::Dropped,
            }),
        }
    }
    let known: BTreeSet<usize> = matched.into_iter().flatten().collect();
    let added = new.iter().enumerate();
    let added = added.filter(|(index, _)| !known.contains(index));
    changes.extend(added.map(|(_, field)| SchemaChange {
        column: path(prefix, &field.name),
        kind: if field.nullable {
            SchemaChangeKind::Added
        } else {
            SchemaChangeKind::AddedRequired
        },
    }));
}

/// Finds for each old field the index of the new field that it became.
fn match_fields(old: &[Field], new: &[Field]) -> Vec<Option<usize>> {
    let mut matched = vec![None; old.len()];
    let mut taken = vec![false; new.len()];
    match_by(old, new, &mut matched, &mut taken, |field| {
        Some(field.physical_name.clone())
    });
    match_by(old, new, &mut matched, &mut taken, |field| {
        Some(field.name.clone())
    });
    match_by(old, new, &mut matched, &mut taken, |field| {
        Some(field.name.to_lowercase())
    });
    match_by(old, new, &mut matched, &mut taken, |field| field.id);
    matched
}

/// Matches those that are left by one mark of theirs, each once.
fn match_by<K: Ord>(
    old: &[Field],
    new: &[Field],
    matched: &mut [Option<usize>],
    taken: &mut [bool],
    mark: impl Fn(&Field) -> Option<K>,
) {
    // From the last to the first, so that the first is taken first where several share a mark.
    let mut left: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (index, (field, is_taken)) in new.iter().zip(taken.iter()).enumerate().rev() {
        if let (false, Some(mark)) = (*is_taken, mark(field)) {
            left.entry(mark).or_default().push(index);
        }
    }
    for (field, slot) in old.iter().zip(matched) {
        if slot.is_some() {
            continue;
        }
        *slot = mark(field).and_then(|mark| left.get_mut(&mark)?.pop());
        if let Some(is_taken) = slot.and_then(|index| taken.get_mut(index)) {
            *is_taken = true;
        }
    }
}

fn compare_field(prefix: &str, old: &Field, new: &Field, changes: &mut Vec<SchemaChange>) {
    let column = path(prefix, &new.name);
    if old.name != new.name {
        changes.push(SchemaChange {
            column: column.clone(),
            kind: SchemaChangeKind::Renamed {
                from: old.name.clone(),
            },
        });
    }
    compare_types(&column, &old.data_type, &new.data_type, changes);
    compare_nulls(column, old.nullable, new.nullable, changes);
}

fn compare_types(column: &str, old: &DataType, new: &DataType, changes: &mut Vec<SchemaChange>) {
    match (old, new) {
        (DataType::Struct(old), DataType::Struct(new)) => {
            compare_fields(column, old, new, changes);
        }
        (
            DataType::Array {
                element: old,
                contains_null: old_null,
            },
            DataType::Array {
                element: new,
                contains_null,
            },
        ) => {
            let column = path(column, "element");
            compare_types(&column, old, new, changes);
            compare_nulls(column, *old_null, *contains_null, changes);
        }
        (
            DataType::Map {
                key: old_key,
                value: old,
                value_contains_null: old_null,
            },
            DataType::Map {
                key,
                value: new,
                value_contains_null,
            },
        ) => {
            compare_types(&path(column, "key"), old_key, key, changes);
            let column = path(column, "value");
            compare_types(&column, old, new, changes);
            compare_nulls(column, *old_null, *value_contains_null, changes);
        }
        (old, new) if old == new => {}
        (old, new) => {
            let (from, to) = (old.to_string(), new.to_string());
            changes.push(SchemaChange {
                column: column.to_owned(),
                kind: if old.widens_to(new) {
                    SchemaChangeKind::TypeWidened { from, to }
                } else {
                    SchemaChangeKind::TypeChanged { from, to }
                },
            });
        }
    }
}

fn compare_nulls(column: String, old: bool, new: bool, changes: &mut Vec<SchemaChange>) {
    let kind = match (old, new) {
        (false, true) => SchemaChangeKind::MadeNullable,
        (true, false) => SchemaChangeKind::MadeRequired,
        (true, true) | (false, false) => return,
    };
    changes.push(SchemaChange { column, kind });
}

fn path(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}
