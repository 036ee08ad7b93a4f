//! One node for serde: what each kind of value may be read as.
//!
//! Text, numbers and truth values are told apart by the core schema of YAML 1.2, and not turned
//! into each other: the schemas for editors say the same. Only what came from a variable is taken
//! as whatever is asked for.

use serde::de::{Deserializer, Visitor};

use super::at::{AT, RAW};
use super::node_parts::{AtReader, ListReader, MapReader, VariantReader};
use super::read_error::{Location, ReadError, ReadErrorKind};
use super::substitute::Substituted;
use super::tree::{Content, NodeId, Scalar, Tree};

/// Reads one node for serde.
#[derive(Clone, Copy)]
pub(super) struct NodeReader<'t> {
    pub(super) tree: &'t Tree,
    pub(super) id: NodeId,
}

/// What a scalar means, by the core schema of YAML 1.2.
enum Meaning<'t> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'t str),
}

impl<'t> NodeReader<'t> {
    pub(super) fn fail(self, kind: ReadErrorKind) -> ReadError {
        ReadError {
            kind,
            location: Some(Location::Value(self.id)),
        }
    }

    pub(super) fn wrong_type<'de, V: Visitor<'de>>(self, visitor: &V) -> ReadError {
        let expected: &dyn serde::de::Expected = visitor;
        let expected = expected.to_string();
        self.fail(ReadErrorKind::WrongType { expected })
    }

    /// Returns the text that counts, with variables put in.
    fn text(self, scalar: &'t Scalar) -> Result<&'t str, ReadError> {
        match &scalar.substituted {
            None => Ok(&scalar.written),
            Some(Substituted::Value(value)) => Ok(value),
            Some(Substituted::Missing(name)) => {
                Err(self.fail(ReadErrorKind::MissingVariable(name.clone())))
            }
            Some(Substituted::Malformed) => Err(self.fail(ReadErrorKind::MalformedVariable)),
        }
    }

    fn meaning(self, scalar: &'t Scalar) -> Result<Meaning<'t>, ReadError> {
        let text = self.text(scalar)?;
        // What a variable holds is text unless a number or truth value is asked for.
        if !scalar.plain || scalar.substituted.is_some() {
            return Ok(Meaning::Text(text));
        }
        Ok(plain_meaning(text))
    }

    fn scalar(self) -> Option<&'t Scalar> {
        match self.tree.content(self.id) {
            Content::Scalar(scalar) => Some(scalar),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    pub(super) fn located<T>(self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| error.or_at(Location::Value(self.id)))
    }
}

fn plain_meaning(text: &str) -> Meaning<'_> {
    match text {
        "true" | "True" | "TRUE" => return Meaning::Bool(true),
        "false" | "False" | "FALSE" => return Meaning::Bool(false),
        _ => {}
    }
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if !text.chars().all(numeric) || !text.contains(|c: char| c.is_ascii_digit()) {
        return Meaning::Text(text);
    }
    if let Ok(number) = text.parse() {
        return Meaning::Integer(number);
    }
    match text.parse() {
        Ok(number) => Meaning::Float(number),
        Err(_) => Meaning::Text(text),
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let Some(scalar) = self.scalar() else {
                return Err(self.wrong_type(&visitor));
            };
            let number = if scalar.plain || scalar.substituted.is_some() {
                self.text(scalar)?.trim().parse::<i64>().ok()
            } else {
                None
            };
            match number {
                Some(number) => self.located(visitor.visit_i64(number)),
                None => Err(self.wrong_type(&visitor)),
            }
        }
    )*};
}

impl<'t> Deserializer<'t> for NodeReader<'t> {
    type Error = ReadError;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match self.tree.content(self.id) {
            Content::Null => visitor.visit_unit(),
            Content::Scalar(scalar) => match self.meaning(scalar)? {
                Meaning::Bool(value) => visitor.visit_bool(value),
                Meaning::Integer(value) => visitor.visit_i64(value),
                Meaning::Float(value) => visitor.visit_f64(value),
                Meaning::Text(text) => visitor.visit_borrowed_str(text),
            },
            Content::List(items) => visitor.visit_seq(ListReader::new(self.tree, items)),
            Content::Map(entries) => visitor.visit_map(MapReader::new(self.tree, entries)),
        };
        self.located(result)
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(scalar) = self.scalar() else {
            return Err(self.wrong_type(&visitor));
        };
        let asked = scalar.plain || scalar.substituted.is_some();
        match plain_meaning(self.text(scalar)?) {
            Meaning::Bool(value) if asked => self.located(visitor.visit_bool(value)),
            Meaning::Bool(_) | Meaning::Integer(_) | Meaning::Float(_) | Meaning::Text(_) => {
                Err(self.wrong_type(&visitor))
            }
        }
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(scalar) = self.scalar() else {
            return Err(self.wrong_type(&visitor));
        };
        match self.meaning(scalar)? {
            Meaning::Text(text) => self.located(visitor.visit_borrowed_str(text)),
            Meaning::Bool(_) | Meaning::Integer(_) | Meaning::Float(_) => {
                Err(self.wrong_type(&visitor))
            }
        }
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree.content(self.id) {
            Content::Null => visitor.visit_none(),
            Content::Scalar(_) | Content::List(_) | Content::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let result = match name {
            AT => visitor.visit_seq(AtReader::new(self)),
            RAW => match self.scalar() {
                Some(scalar) => visitor.visit_borrowed_str(self.text(scalar)?),
                None => Err(self.wrong_type(&visitor)),
            },
            _ => visitor.visit_newtype_struct(self),
        };
        self.located(result)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree.content(self.id) {
            Content::List(_) => self.deserialize_any(visitor),
            Content::Null | Content::Scalar(_) | Content::Map(_) => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree.content(self.id) {
            Content::Map(_) => self.deserialize_any(visitor),
            Content::Null | Content::Scalar(_) | Content::List(_) => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let no_variant = || self.fail(ReadErrorKind::NoVariant { variants });
        let reader = match self.tree.content(self.id) {
            Content::Scalar(scalar) => match self.meaning(scalar)? {
                Meaning::Text(word) => VariantReader {
                    word,
                    key: None,
                    node: self,
                },
                Meaning::Bool(_) | Meaning::Integer(_) | Meaning::Float(_) => {
                    return Err(no_variant());
                }
            },
            Content::Map(entries) => {
                let mut live = entries.iter().filter(|e| !self.tree.is_pruned(e.value));
                match (live.next(), live.next()) {
                    (Some(entry), None) => VariantReader {
                        word: &entry.key,
                        key: Some(entry),
                        node: self,
                    },
                    _ => return Err(no_variant()),
                }
            }
            Content::Null | Content::List(_) => return Err(no_variant()),
        };
        self.located(visitor.visit_enum(reader))
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'t>>
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
