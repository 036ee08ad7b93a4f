//! Partitions as they are stored: with what their ordinals mean.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::definition::Partitions;
use super::set::PartitionSet;

/// Partitions of an asset, by the ordinals of one definition of it.
///
/// A declaration may change: then nobody knows what the ordinals meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// What the ordinals mean, see [`Partitions::ordinals_id`].
    pub ordinals: Arc<str>,
    /// The partitions.
    pub partitions: PartitionSet,
}

impl Extent {
    /// Returns the partitions of an asset that is defined so now; everything where its ordinals meant
    /// something else.
    pub fn under(&self, definition: &Partitions) -> PartitionSet {
        if *self.ordinals == *definition.ordinals_id() {
            self.partitions.clone()
        } else {
            PartitionSet::EVERYTHING
        }
    }
}

/// As base64 of [`PartitionSet::to_bytes`].
impl Serialize for PartitionSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for PartitionSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SetVisitor)
    }
}

struct SetVisitor;

impl Visitor<'_> for SetVisitor {
    type Value = PartitionSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of partitions")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PartitionSet, E> {
        let bytes = STANDARD_NO_PAD.decode(text).map_err(E::custom)?;
        PartitionSet::from_bytes(&bytes).map_err(E::custom)
    }
}
