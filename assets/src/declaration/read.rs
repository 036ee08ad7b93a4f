//! Tree → types, with every problem of a file at once.
//!
//! serde stops at the first error. So the node that an error names is reported and taken out, and
//! the value is read again without it, until it reads. The types that people's keys are declared
//! in stay plain serde types: there is no second list of keys. An error that only follows from a
//! node taken out before is not reported.

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::at::{AT, RAW};
use super::read_error::{Location, ReadError, ReadErrorKind};
use super::report::Report;
use super::substitute::Substituted;
use super::tree::{Content, Entry, NodeId, Scalar, Tree};

/// Whether a variable without a value is a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingVariables {
    /// It is reported.
    Report,
    /// What names it is left out: an environment that is not used now need not be complete.
    Forgive,
}

/// Reads a node, reporting all that is wrong in it; `None` where nothing of it is usable.
pub(super) fn read<'t, T: Deserialize<'t>>(
    tree: &'t Tree,
    id: NodeId,
    missing: MissingVariables,
    report: &mut Report<'_>,
) -> Option<T> {
    while !report.is_full() {
        let error = match T::deserialize(NodeReader { tree, id }) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let location = error.location.unwrap_or(Location::Value(id));
        let (Location::Value(culprit) | Location::Key { value: culprit, .. }) = location;
        let follows = matches!(location, Location::Value(_)) && tree.has_pruned_child(culprit);
        let forgiven = missing == MissingVariables::Forgive
            && matches!(error.kind, ReadErrorKind::MissingVariable(_));
        if !follows && !forgiven {
            error.report(tree, location, report);
        }
        tree.prune(culprit);
        if culprit == id {
            return None;
        }
    }
    None
}

/// Reads one node for serde.
#[derive(Clone, Copy)]
struct NodeReader<'t> {
    tree: &'t Tree,
    id: NodeId,
}

/// What a scalar means, by the core schema of YAML 1.2.
enum Meaning<'t> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'t str),
}

impl<'t> NodeReader<'t> {
    fn fail(self, kind: ReadErrorKind) -> ReadError {
        ReadError {
            kind,
            location: Some(Location::Value(self.id)),
        }
    }

    fn wrong_type<'de, V: Visitor<'de>>(self, visitor: &V) -> ReadError {
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

    fn map(self, entries: &'t [Entry]) -> MapReader<'t> {
        MapReader {
            tree: self.tree,
            entries: entries.iter(),
            current: None,
        }
    }

    fn located<T>(self, result: Result<T, ReadError>) -> Result<T, ReadError> {
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
            Content::List(items) => visitor.visit_seq(ListReader {
                tree: self.tree,
                items: items.iter(),
            }),
            Content::Map(entries) => visitor.visit_map(self.map(entries)),
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
            AT => visitor.visit_seq(AtReader {
                node: self,
                step: 0,
            }),
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

struct ListReader<'t> {
    tree: &'t Tree,
    items: std::slice::Iter<'t, NodeId>,
}

impl<'t> SeqAccess<'t> for ListReader<'t> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        let tree = self.tree;
        let Some(&id) = self.items.find(|id| !tree.is_pruned(**id)) else {
            return Ok(None);
        };
        let node = NodeReader { tree, id };
        node.located(seed.deserialize(node)).map(Some)
    }
}

struct MapReader<'t> {
    tree: &'t Tree,
    entries: std::slice::Iter<'t, Entry>,
    current: Option<&'t Entry>,
}

impl<'t> MapAccess<'t> for MapReader<'t> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        let tree = self.tree;
        self.current = self.entries.find(|entry| !tree.is_pruned(entry.value));
        let Some(entry) = self.current else {
            return Ok(None);
        };
        read_key(entry, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some(entry) = self.current.take() else {
            return Err(serde::de::Error::custom(
                "a value was asked for before its key",
            ));
        };
        let node = NodeReader {
            tree: self.tree,
            id: entry.value,
        };
        node.located(seed.deserialize(node))
    }
}

fn read_key<'t, S: DeserializeSeed<'t>>(entry: &'t Entry, seed: S) -> Result<S::Value, ReadError> {
    let key = serde::de::value::BorrowedStrDeserializer::new(&entry.key);
    seed.deserialize(key).map_err(|error: ReadError| {
        error.or_at(Location::Key {
            value: entry.value,
            line: entry.key_spot.line,
            column: entry.key_spot.column,
            start: entry.key_spot.span.start,
            end: entry.key_spot.span.end,
        })
    })
}

/// Gives an [`At`](super::at::At) the node's name, and then its value.
struct AtReader<'t> {
    node: NodeReader<'t>,
    step: u8,
}

impl<'t> SeqAccess<'t> for AtReader<'t> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ReadError> {
        self.step += 1;
        match self.step {
            1 => seed
                .deserialize(self.node.id.0.into_deserializer())
                .map(Some),
            2 => self.node.located(seed.deserialize(self.node)).map(Some),
            _ => Ok(None),
        }
    }
}

/// One word, or a mapping with one key that is the word.
struct VariantReader<'t> {
    word: &'t str,
    key: Option<&'t Entry>,
    node: NodeReader<'t>,
}

impl<'t> EnumAccess<'t> for VariantReader<'t> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        let variant = if let Some(entry) = self.key {
            read_key(entry, seed)?
        } else {
            let word = serde::de::value::BorrowedStrDeserializer::new(self.word);
            self.node.located(seed.deserialize(word))?
        };
        Ok((variant, self))
    }
}

impl<'t> VariantAccess<'t> for VariantReader<'t> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.key.map(|entry| self.node.tree.content(entry.value)) {
            None | Some(Content::Null) => Ok(()),
            Some(Content::Scalar(_) | Content::List(_) | Content::Map(_)) => Err(self
                .node
                .fail(ReadErrorKind::WordOnly(self.word.to_owned()))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<S::Value, ReadError> {
        match self.key {
            Some(entry) => {
                let node = NodeReader {
                    tree: self.node.tree,
                    id: entry.value,
                };
                node.located(seed.deserialize(node))
            }
            // A bare word is its variant with nothing more said, where that is allowed.
            None => seed.deserialize(Nothing).map_err(|_| {
                self.node
                    .fail(ReadErrorKind::NeedsMore(self.word.to_owned()))
            }),
        }
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        Err(self.node.wrong_type(&visitor))
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        Err(self.node.wrong_type(&visitor))
    }
}

/// The value of a variant that was written as a bare word.
struct Nothing;

impl<'t> Deserializer<'t> for Nothing {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'t>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
