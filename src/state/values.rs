//! The values of `dynamic` partitions, as tables told them.

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use assets::delta::PartitionValue;
use assets::partition::{KnownValues, OwnValues, Told};

use super::{Memory, Observation, ObservedState};

/// The values of `dynamic` parts of assets, by asset and by column in lower case.
pub type Values = BTreeMap<AssetKey, BTreeMap<String, KnownValues>>;

/// What a look found of the values of a `dynamic` part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueNews {
    /// The column of the part, in lower case.
    pub column: String,
    /// Its place among the physical partition columns of the table, where it is one: then what the look says
    /// of partitions tells which values have files.
    pub at: Option<usize>,
    /// Values that are new, in the order in which they join the list.
    pub added: Vec<PartitionValue>,
    /// Values that commits named, where nobody counts the files: they are there.
    pub brought: BTreeSet<PartitionValue>,
}

impl Memory {
    /// Returns what an asset's own table told of a `dynamic` part.
    pub fn own_values(&self, asset: &AssetKey, column: &str) -> OwnValues {
        let column = column.to_lowercase();
        let known = self.values.get(asset).and_then(|of| of.get(&column));
        OwnValues {
            values: known.cloned().unwrap_or_default(),
            told: told(self.observations.get(asset), &column),
        }
    }
}

/// Returns whether the files of a table tell the values of a column.
pub fn told(seen: Option<&Observation>, column: &str) -> Told {
    let Some(seen) = seen else {
        return Told::NotYet;
    };
    match (&seen.head, &seen.state) {
        (Some(head), _) => {
            let mut columns = head.state.metadata.partitioning.columns().iter();
            if columns.any(|found| found.name.eq_ignore_ascii_case(column)) {
                Told::ByFiles
            } else {
                Told::ByNothing
            }
        }
        // It is there, and has no log.
        (None, ObservedState::Ok) => Told::ByNothing,
        (None, ObservedState::Absent | ObservedState::Gone | ObservedState::Unknown { .. }) => {
            Told::NotYet
        }
    }
}
