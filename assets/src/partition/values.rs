//! Lists of values: those that a declaration lists, or those that a table has.
//!
//! The place of a value in its list is its ordinal.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::delta::PartitionValue;

use super::set::{Bits, PartitionSet};

/// The most values one list may have: beyond this, sets of them are no longer small.
pub const MAX_VALUES: usize = 1_000_000;

/// Values in an order that is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueList {
    values: Vec<PartitionValue>,
    places: BTreeMap<PartitionValue, i32>,
}

/// The places follow from the values.
impl PartialEq for ValueList {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for ValueList {}

impl ValueList {
    /// Adds a value at the end, unless it is there; returns whether it was added.
    pub(super) fn add(&mut self, value: PartitionValue) -> bool {
        let Some(place) = i32::try_from(self.values.len())
            .ok()
            .filter(|_| self.has_room())
        else {
            return false;
        };
        if self.places.contains_key(&value) {
            return false;
        }
        self.places.insert(value.clone(), place);
        self.values.push(value);
        true
    }

    /// Returns whether another value may be added.
    pub(super) fn has_room(&self) -> bool {
        self.values.len() < MAX_VALUES
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn values(&self) -> &[PartitionValue] {
        &self.values
    }

    pub(super) fn place(&self, value: &PartitionValue) -> Option<i32> {
        self.places.get(value).copied()
    }

    pub(super) fn get(&self, place: i32) -> Option<&PartitionValue> {
        self.values.get(usize::try_from(place).ok()?)
    }

    pub(super) fn all(&self) -> PartitionSet {
        PartitionSet::values(Bits::first(self.len()))
    }
}

/// Partitions by the values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    pub(super) column: String,
    pub(super) list: Arc<ValueList>,
    /// Those that exist, of a `dynamic` part; all of a list that is declared.
    pub(super) there: Option<PartitionSet>,
    /// Whether it is known which values there are.
    pub(super) is_told: bool,
    /// Whether all values come from inputs, of a `dynamic` part.
    pub(super) is_followed: bool,
}

impl Values {
    /// Returns the column that has the values.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// Returns the values that are known, in the order of their ordinals.
    pub fn values(&self) -> &[PartitionValue] {
        self.list.values()
    }

    /// Returns those that exist.
    pub(super) fn existing(&self) -> PartitionSet {
        self.there.clone().unwrap_or_else(|| self.list.all())
    }

    /// Returns whether it is known which values there are: of a `dynamic` part, not before somebody says so.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// Returns whether all values come from inputs: of a `dynamic` part, not before somebody says so.
    pub fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Returns the values that exist, in the order of their ordinals.
    pub fn existing_values(&self) -> impl Iterator<Item = &PartitionValue> {
        let existing = self.existing();
        let values = (0..).zip(self.list.values());
        let there = values.filter(move |(place, _)| existing.holds(&[*place]));
        there.map(|(_, value)| value)
    }

    /// Returns the ordinal of a value; `None` where it is not in the list.
    pub fn ordinal(&self, value: &PartitionValue) -> Option<i32> {
        self.list.place(value)
    }
}
