//! Finding a column by the name that people write.

use super::{DataType, Field, Schema};

/// A column of a schema, perhaps inside another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its names from the outermost in, as data files and statistics spell them.
    pub physical_path: Vec<String>,
    /// What it holds.
    pub data_type: DataType,
}

/// How names are compared.
#[derive(Clone, Copy)]
enum Letters {
    Exact,
    AnyCase,
}

impl Schema {
    /// Finds a column by its name, with dots between the names of nested ones: `address.city`,
    /// `items.element.price`, `labels.value`. A name may itself hold dots.
    ///
    /// Upper and lower case are the same, as for Spark; a name spelt exactly so wins.
    pub fn column(&self, dotted: &str) -> Option<Column> {
        let exact = in_struct(&self.fields, dotted, Letters::Exact);
        let found =
            exact.or_else(|| in_struct(&self.fields, &dotted.to_lowercase(), Letters::AnyCase))?;
        let (mut physical_path, data_type) = found;
        physical_path.reverse();
        Some(Column {
            physical_path: physical_path.into_iter().map(str::to_owned).collect(),
            data_type: data_type.clone(),
        })
    }

    /// Finds a column of the table itself, by the same rules.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let exact = self.fields.iter().find(|field| field.name == name);
        exact.or_else(|| {
            let name = name.to_lowercase();
            let mut fields = self.fields.iter();
            fields.find(|field| field.name.to_lowercase() == name)
        })
    }
}

/// The names from the innermost out, and the type they lead to.
type Found<'a> = (Vec<&'a str>, &'a DataType);

fn in_struct<'a>(fields: &'a [Field], path: &str, letters: Letters) -> Option<Found<'a>> {
    let step = |field: &'a Field| {
        let rest = match letters {
            Letters::Exact => path.strip_prefix(field.name.as_str())?,
            Letters::AnyCase => path.strip_prefix(field.name.to_lowercase().as_str())?,
        };
        below(&field.physical_name, &field.data_type, rest, letters)
    };
    fields.iter().find_map(step)
}

fn in_type<'a>(data_type: &'a DataType, path: &str, letters: Letters) -> Option<Found<'a>> {
    let part = |name: &'static str, inner: &'a DataType| {
        below(name, inner, path.strip_prefix(name)?, letters)
    };
    if let DataType::Struct(fields) = data_type {
        in_struct(fields, path, letters)
    } else if let DataType::Array { element, .. } = data_type {
        part("element", element)
    } else if let DataType::Map { key, value, .. } = data_type {
        part("key", key).or_else(|| part("value", value))
    } else {
        None
    }
}

/// What the rest of a path leads to, after the name of this one.
fn below<'a>(
    name: &'a str,
    data_type: &'a DataType,
    rest: &str,
    letters: Letters,
) -> Option<Found<'a>> {
    if rest.is_empty() {
        return Some((vec![name], data_type));
    }
    let (mut path, found) = in_type(data_type, rest.strip_prefix('.')?, letters)?;
    path.push(name);
    Some((path, found))
}
