//! What is inside of a node for serde: entries of lists and mappings, words with settings, and the
//! node's own name.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::node_reader::NodeReader;
use super::read_error::{Location, ReadError, ReadErrorKind};
use super::tree::{Content, Entry, NodeId, Tree};

/// The entries of a list that are still seen.
pub(super) struct ListReader<'t> {
    tree: &'t Tree,
    items: std::slice::Iter<'t, NodeId>,
}

impl<'t> ListReader<'t> {
    pub(super) fn new(tree: &'t Tree, items: &'t [NodeId]) -> Self {
        let items = items.iter();
        Self { tree, items }
    }
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

/// The entries of a mapping that are still seen.
pub(super) struct MapReader<'t> {
    tree: &'t Tree,
    entries: std::slice::Iter<'t, Entry>,
    current: Option<&'t Entry>,
}

impl<'t> MapReader<'t> {
    pub(super) fn new(tree: &'t Tree, entries: &'t [Entry]) -> Self {
        let (entries, current) = (entries.iter(), None);
        Self {
            tree,
            entries,
            current,
        }
    }
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
pub(super) struct AtReader<'t> {
    node: NodeReader<'t>,
    step: u8,
}

impl<'t> AtReader<'t> {
    pub(super) fn new(node: NodeReader<'t>) -> Self {
        Self { node, step: 0 }
    }
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
pub(super) struct VariantReader<'t> {
    pub(super) word: &'t str,
    pub(super) key: Option<&'t Entry>,
    pub(super) node: NodeReader<'t>,
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
