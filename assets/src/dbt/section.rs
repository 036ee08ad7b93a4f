//! One section of a manifest, entry by entry: nodes, sources, macros and the like.
//!
//! The type of an entry is the part of its `unique_id` before the first dot, so that nothing has to
//! be read twice. Entries of other types are skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::code::Macro;
use super::convert::{code, draft, macros};
use super::finish::{Gathered, Passage, Test};
use super::node::NodeType;
use super::wire::{WireGroup, WireMacro, WireNode, WirePassage, WireTest};
use super::{config, fingerprint};
use crate::asset::DbtTest;

/// One section: a map from `unique_id` to something whose type stands before the first dot.
pub(super) struct SectionSeed<'g>(pub(super) &'g mut Gathered);

impl<'de> DeserializeSeed<'de> for SectionSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SectionSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from unique_id to node")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(id) = map.next_key::<Cow<'de, str>>()? {
            entry(self.0, &id, &mut map)?;
        }
        Ok(())
    }
}

/// Reads one entry of a section and keeps what matters of it.
fn entry<'de, A: MapAccess<'de>>(
    gathered: &mut Gathered,
    id: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Some(node_type) = NodeType::of_unique_id(id) {
        if let Some(wire) = map.next_value::<Option<WireNode<'de>>>()? {
            let id = gathered.names.get(id);
            let draft = draft(&mut gathered.names, &id, node_type, &wire);
            gathered.drafts.push(draft);
        }
        return Ok(());
    }
    match id.split('.').next() {
        Some("test") => {
            let wire = map
                .next_value::<Option<WireTest<'de>>>()?
                .unwrap_or_default();
            gathered.add_test(id, &wire);
        }
        Some("metric" | "semantic_model" | "saved_query") => {
            let wire = map
                .next_value::<Option<WirePassage<'de>>>()?
                .unwrap_or_default();
            let reads = gathered.names.sorted(wire.depends_on.nodes.iter());
            let passage = Passage { reads, code: None };
            gathered.passages.insert(id.into(), passage);
        }
        Some("function") => {
            let wire = map
                .next_value::<Option<WireNode<'de>>>()?
                .unwrap_or_default();
            let passage = Passage {
                reads: gathered.names.sorted(wire.depends_on.nodes.iter()),
                code: Some(code(&mut gathered.names, NodeType::Model, &wire)),
            };
            gathered.passages.insert(id.into(), passage);
        }
        Some("group") => {
            let wire = map.next_value::<Option<WireGroup>>()?.unwrap_or_default();
            gathered
                .groups
                .insert(id.into(), config::owner(&wire.owner));
        }
        Some("macro") => {
            let wire = map
                .next_value::<Option<WireMacro<'de>>>()?
                .unwrap_or_default();
            let id = gathered.names.get(id);
            let found = Macro {
                own: fingerprint::of_code(wire.macro_sql.get().unwrap_or_default()),
                calls: macros(&mut gathered.names, &wire.depends_on),
            };
            gathered.macros.insert(id, found);
        }
        _ => {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

impl Gathered {
    fn add_test(&mut self, id: &str, wire: &WireTest<'_>) {
        let name = wire.name.get().unwrap_or(id);
        self.tests.push(Test {
            known: DbtTest {
                name: name.into(),
                unique_id: id.into(),
                severity: config::severity(&wire.config),
                not_null: config::not_null(wire),
            },
            attached_node: wire.attached_node.get().map(|node| self.names.get(node)),
            file_key_name: wire.file_key_name.get().map(str::to_owned),
            reads: self.names.sorted(wire.depends_on.nodes.iter()),
        });
    }
}
