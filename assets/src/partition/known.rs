//! What is known of the values that a `dynamic` part has.
//!
//! The place of a value is its ordinal in every set that is stored: a list only ever grows at its end. That a
//! value is gone from the table is told beside it.

use std::sync::Arc;

use crate::delta::PartitionValue;

use super::set::{Bits, PartitionSet};
use super::values::ValueList;

/// The values of a `dynamic` part, in the order in which they were first seen. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownValues {
    pub(super) list: Arc<ValueList>,
    pub(super) present: Bits,
}

/// Whether the files of an asset's own table tell the values of a `dynamic` part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    /// Nobody knows yet: the table was not read so far.
    #[default]
    NotYet,
    /// They do: it is physically partitioned by the column.
    ByFiles,
    /// They do not.
    ByNothing,
}

/// What is known of a `dynamic` part of an asset from its own table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnValues {
    /// Its values: those that the table had at any time, and those that it was to get.
    pub values: KnownValues,
    /// Whether the table's files tell them.
    pub told: Told,
}

/// What becomes of a `dynamic` part when everything is known that bears on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicPart {
    /// Its values, by ordinal.
    pub values: KnownValues,
    /// Those that exist: the table has them, or is to get them.
    pub there: PartitionSet,
    /// Whether that is known: by the files of the table, or by those of what it follows.
    pub is_told: bool,
    /// Whether all of its values come from inputs, which tell theirs: then it is known what to build.
    pub is_followed: bool,
}

impl OwnValues {
    /// Returns whether nothing has changed, by a glance: lists that were read anew count as changed.
    pub fn is_unchanged(&self, other: &Self) -> bool {
        let (own, others) = (&self.values, &other.values);
        self.told == other.told
            && Arc::ptr_eq(&own.list, &others.list)
            && own.present == others.present
    }
}

impl DynamicPart {
    /// Returns the part of an asset that nobody builds, whose table has all of these values.
    pub fn of_table(values: KnownValues) -> Self {
        Self {
            there: values.present(),
            values,
            is_told: true,
            is_followed: false,
        }
    }
}

impl KnownValues {
    /// Takes values in the order of their ordinals, each with whether the table has it.
    pub fn new(values: impl IntoIterator<Item = (PartitionValue, bool)>) -> Self {
        let mut list = ValueList::default();
        let mut present = Vec::new();
        for (value, is_present) in values {
            list.add(value.clone());
            present.extend(list.place(&value).filter(|_| is_present));
        }
        Self {
            list: Arc::new(list),
            present: Bits::of_places(present),
        }
    }

    /// Returns the values in the order of their ordinals.
    pub fn values(&self) -> &[PartitionValue] {
        self.list.values()
    }

    /// Returns the ordinal of a value.
    pub fn ordinal(&self, value: &PartitionValue) -> Option<i32> {
        self.list.place(value)
    }

    /// Returns whether the table has a value.
    pub fn is_present(&self, value: &PartitionValue) -> bool {
        let place = self.list.place(value);
        place.is_some_and(|place| self.present.contains(place))
    }

    /// Adds values that are new at the end, as values that are still to come; returns those that were new.
    pub fn add(&mut self, values: impl IntoIterator<Item = PartitionValue>) -> Vec<PartitionValue> {
        let is_new = |value: &PartitionValue| self.list.place(value).is_none();
        let new: Vec<PartitionValue> = values.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return new;
        }
        let list = Arc::make_mut(&mut self.list);
        let added = new.into_iter().filter(|value| list.add(value.clone()));
        added.collect()
    }

    /// Says that the table has a value.
    pub fn mark_present(&mut self, value: &PartitionValue) {
        if let Some(place) = self.list.place(value) {
            self.present = self.present.union(&Bits::of_places([place]));
        }
    }

    /// Returns the set of all of them, also of those that the table does not have.
    pub fn all(&self) -> PartitionSet {
        self.list.all()
    }

    /// Returns whether another value can still be added.
    pub fn has_room(&self) -> bool {
        self.list.has_room()
    }

    /// Returns the set of those that the table has.
    pub fn present(&self) -> PartitionSet {
        PartitionSet::values(self.present.clone())
    }
}
