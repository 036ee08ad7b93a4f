//! What partitions of an asset incorporate, and with which code they were built.

use std::sync::Arc;

use assets::partition::{PartitionSet, Partitions};
use assets::version::{CodeVersion, TableVersion};
use assets::{AssetKey, TableId};
use serde::{Deserialize, Serialize};

use super::{Basis, Consumed};

/// Partitions whose content incorporates the same version of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumedPartitions {
    /// Which ones, of the definition that [`BuiltPartitions::ordinals`] names.
    pub set: PartitionSet,
    /// The data version of the input; absent when it had no data.
    pub version: Option<TableVersion>,
    /// How that is known.
    pub basis: Basis,
}

/// The partitions of an asset that have content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltPartitions {
    /// What the ordinals of all stored sets of the asset mean.
    pub ordinals: Arc<str>,
    /// Those that were built here or observed. They may have no rows.
    pub built: PartitionSet,
    /// Those that were built with another code than the one that is recorded for the asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_code: Vec<(Option<CodeVersion>, PartitionSet)>,
}

/// What the partitions of an asset incorporate of an input, in fewer words than it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The asset.
    pub asset: AssetKey,
    /// The input.
    pub upstream: AssetKey,
    /// As it was recorded.
    pub before: Consumed,
    /// As it is to be recorded.
    pub after: Consumed,
}

impl Consumed {
    /// Returns what is known of a whole.
    pub fn whole(version: Option<TableVersion>, basis: Basis) -> Self {
        Self {
            version,
            basis,
            partitions: Vec::new(),
        }
    }

    /// Returns whether nobody knows yet what some of the content incorporates.
    pub fn is_unknown(&self) -> bool {
        let mut parts = self.partitions.iter();
        self.basis == Basis::Unknown || parts.any(|part| part.basis == Basis::Unknown)
    }

    /// Puts something in the place of what nobody knew.
    pub fn find_out(&mut self, version: Option<&TableVersion>, basis: Basis) {
        if self.basis == Basis::Unknown {
            (self.version, self.basis) = (version.cloned(), basis);
        }
        for part in &mut self.partitions {
            if part.basis == Basis::Unknown {
                (part.version, part.basis) = (version.cloned(), basis);
            }
        }
    }

    /// Records that the content of partitions incorporates a version now, whatever it did before.
    pub fn incorporate(&mut self, set: &PartitionSet, version: Option<TableVersion>, basis: Basis) {
        if set.is_everything() {
            *self = Self::whole(version, basis);
            return;
        }
        for other in &mut self.partitions {
            other.set = other.set.difference(set);
        }
        let same =
            |other: &&mut ConsumedPartitions| other.version == version && other.basis == basis;
        match self.partitions.iter_mut().find(same) {
            Some(other) => other.set = other.set.union(set),
            None if self.version == version && self.basis == basis => {}
            None => self.partitions.push(ConsumedPartitions {
                set: set.clone(),
                version,
                basis,
            }),
        }
        self.partitions.retain(|other| !other.set.is_empty());
    }

    /// Returns what all of it surely incorporates, of an asset that is built as a whole now, whatever was known
    /// of its partitions before.
    pub fn as_whole(&self) -> Option<&TableVersion> {
        if self.partitions.is_empty() {
            return self.version.as_ref();
        }
        self.least()
    }

    /// Returns the least version that any of some partitions incorporates; `None` where one incorporates
    /// nothing. One of another incarnation than `table_id` is less than all of that.
    pub fn least_of(&self, set: &PartitionSet, table_id: &TableId) -> Option<&TableVersion> {
        let apart = PartitionSet::union_of(self.partitions.iter().map(|part| part.set.clone()));
        let rest = (!set.difference(&apart).is_empty()).then_some(&self.version);
        let parts = self.partitions.iter();
        let parts = parts.filter(|part| !part.set.intersection(set).is_empty());
        let mut least: Option<&TableVersion> = None;
        for version in rest.into_iter().chain(parts.map(|part| &part.version)) {
            let version = version.as_ref()?;
            let is_less = |least: &TableVersion| match (
                least.table_id == *table_id,
                version.table_id == *table_id,
            ) {
                (true, true) => version.version < least.version,
                (is_current, is_too) => is_current && !is_too,
            };
            if least.is_none_or(is_less) {
                least = Some(version);
            }
        }
        least
    }

    /// Returns the least version that any partition incorporates, where all of them are of one
    /// incarnation; `None` where one incorporates nothing, or another incarnation.
    pub fn least(&self) -> Option<&TableVersion> {
        let mut least = self.version.as_ref()?;
        for other in &self.partitions {
            let version = other.version.as_ref()?;
            if version.table_id != least.table_id {
                return None;
            }
            if version.version < least.version {
                least = version;
            }
        }
        Some(least)
    }
}

impl BuiltPartitions {
    /// Returns that nothing of a definition was built yet.
    pub fn none_of(definition: &Partitions) -> Self {
        Self {
            ordinals: definition.ordinals_id().into(),
            built: PartitionSet::NOTHING,
            other_code: Vec::new(),
        }
    }

    /// Returns those that were built, as the asset is defined now: everything that exists where the
    /// ordinals meant something else, since nobody knows which ones they were.
    pub fn under(&self, definition: &Partitions) -> PartitionSet {
        if *self.ordinals == *definition.ordinals_id() {
            self.built.clone()
        } else {
            PartitionSet::EVERYTHING
        }
    }

    /// Records that partitions were built with a code, where `recorded` is the code that is recorded
    /// for the asset; returns what is to be recorded from now on.
    pub fn build(
        &mut self,
        set: &PartitionSet,
        (recorded, with): (Option<CodeVersion>, Option<CodeVersion>),
    ) -> Option<CodeVersion> {
        let before = self.built.difference(set);
        self.built = self.built.union(set);
        for (_, other) in &mut self.other_code {
            *other = other.difference(set);
        }
        if recorded != with {
            // What has the recorded code keeps it, and what has the new one has no other any more.
            let others = self.other_code.iter().map(|(_, set)| set.clone());
            let rest = before.difference(&PartitionSet::union_of(others));
            self.other_code.retain(|(code, _)| *code != with);
            self.other_code.push((recorded, rest));
        }
        self.other_code.retain(|(_, set)| !set.is_empty());
        with
    }
}

#[cfg(test)]
mod tests;
