//! The partitions in which data changed: these, or all of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::partition_tuple::PartitionTuple;

/// The partitions in which a commit changed data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touched {
    /// These, and no others. A table without partitions is one partition, whose tuple is empty.
    These(BTreeSet<PartitionTuple>),
    /// Any may have changed.
    All(AllBecause),
}

/// Why every partition counts as touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllBecause {
    /// A removed file does not say which partition it belonged to, and no earlier action does.
    Unplaced,
    /// The table was given other partition columns.
    Repartitioned,
    /// The table was replaced by one with another id.
    Replaced,
    /// The commits are gone.
    Lost,
}

impl AllBecause {
    /// Returns the word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unplaced => "unplaced",
            Self::Repartitioned => "repartitioned",
            Self::Replaced => "replaced",
            Self::Lost => "lost",
        }
    }
}

impl Default for Touched {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Touched {
    /// Adds what another commit touched.
    pub fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::All(_), _) => {}
            (Self::These(_), Self::All(because)) => *self = Self::All(*because),
            (Self::These(tuples), Self::These(others)) => tuples.extend(others.iter().cloned()),
        }
    }
}
