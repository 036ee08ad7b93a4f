//! Definitions: which partitions an asset has, and how they are named.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use crate::delta::PartitionValue;

use super::key::{self, KeyError};
use super::known::{DynamicPart, KnownValues};
use super::part::Part;
use super::set::{Partition, PartitionSet, Shape, Span};
use super::values::Values;
use super::windows::{Grid, Window};

/// How an asset divides into partitions: checked, and ready to be computed with.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    parts: Arc<[Part]>,
}

/// Neighbouring partitions by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The first one.
    pub from: String,
    /// The last one, inclusive.
    pub to: String,
    /// How many there are.
    pub count: u64,
}

impl Partitions {
    /// Makes a definition of parts that were checked, at least one.
    pub(super) fn of_parts(parts: Vec<Part>) -> Self {
        Self {
            parts: parts.into(),
        }
    }

    /// Returns the parts: several for a product, in its order, else one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns whether it is a product.
    pub fn is_product(&self) -> bool {
        self.parts.len() > 1
    }

    /// Returns the definition with values that its table has in a `dynamic` part, in the order of their
    /// ordinals. Values that come twice count once; beyond [`MAX_VALUES`](super::MAX_VALUES) they are left out.
    #[must_use]
    pub fn with_values(
        &self,
        column: &str,
        known: impl IntoIterator<Item = PartitionValue>,
    ) -> Self {
        let known = KnownValues::new(known.into_iter().map(|value| (value, true)));
        let part = DynamicPart {
            is_followed: true,
            ..DynamicPart::of_table(known)
        };
        self.with_known(column, &part)
    }

    /// Returns the definition with what is known of a `dynamic` part.
    #[must_use]
    pub fn with_known(&self, column: &str, known: &DynamicPart) -> Self {
        let mut parts = self.parts.to_vec();
        let dynamic = parts.iter_mut().find_map(|part| match part {
            Part::Dynamic(values) if values.column.eq_ignore_ascii_case(column) => Some(values),
            Part::Dynamic(_) | Part::Keys(_) | Part::Windows(_) => None,
        });
        if let Some(values) = dynamic {
            values.list = Arc::clone(&known.values.list);
            values.there = Some(known.there.clone());
            values.is_told = known.is_told;
            values.is_followed = known.is_followed;
        }
        Self::of_parts(parts)
    }

    /// Returns the `dynamic` parts, in order.
    pub fn dynamic_parts(&self) -> impl Iterator<Item = &Values> {
        self.parts.iter().filter_map(|part| match part {
            Part::Dynamic(values) => Some(values),
            Part::Keys(_) | Part::Windows(_) => None,
        })
    }

    /// Returns the partitions that exist: windows from the first to the last one that has ended, or
    /// to the running one where it counts; and all values that are known.
    pub fn existing(&self, now: DateTime<Utc>) -> PartitionSet {
        self.product_of(|part| part.existing(now))
    }

    /// Returns the partitions whose windows ended by an instant; none where none of the parts is of time.
    pub fn ended_by(&self, instant: DateTime<Utc>) -> PartitionSet {
        if !self.has_windows() {
            return PartitionSet::NOTHING;
        }
        self.product_of(|part| part.ended_by(instant))
    }

    /// Returns whether one of the parts is of time.
    pub fn has_windows(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Windows(_)))
    }

    /// Returns all partitions of the definition, also those of the future.
    pub fn defined(&self) -> PartitionSet {
        self.product_of(Part::defined)
    }

    fn product_of(&self, set: impl Fn(&Part) -> PartitionSet) -> PartitionSet {
        combine(self.parts.iter().map(set))
    }

    /// Returns the set of one partition.
    pub fn set_of(&self, partition: Partition) -> PartitionSet {
        let ordinals = partition.ordinals();
        if ordinals.len() != self.parts.len() {
            return PartitionSet::NOTHING;
        }
        let parts = self.parts.iter().zip(ordinals);
        combine(parts.map(|(part, ordinal)| {
            let span = ordinal
                .checked_add(1)
                .and_then(|end| Span::new(*ordinal, end));
            span.map_or(PartitionSet::NOTHING, |span| part.set_of(span))
        }))
    }

    /// Returns whether a set is one of this definition: of its shape, and with none but its
    /// partitions. A stored set of another one is not, mostly.
    pub fn holds(&self, set: &PartitionSet) -> bool {
        holds(&self.parts, set)
    }

    /// Returns a text that is the same as long as the ordinals mean the same partitions, to be stored
    /// beside sets. Neither `start` and `end` nor columns belong to it; of a `dynamic` part, its column
    /// does, whose list of values only ever grows.
    pub fn ordinals_id(&self) -> String {
        let mut hash = Sha256::new();
        for part in self.parts.iter() {
            match part {
                Part::Windows(windows) => {
                    let schedule = match windows.grid() {
                        Grid::Cron(schedule) => schedule,
                        Grid::Hourly | Grid::Daily | Grid::Weekly | Grid::Monthly => "",
                    };
                    let zone = windows.zone().name();
                    hash.update(format!("{}\n{schedule}\n{zone}\n", part.kind()));
                }
                Part::Keys(values) => {
                    let texts: Vec<_> =
                        values.values().iter().map(PartitionValue::as_str).collect();
                    hash.update(format!("keys\n{texts:?}\n"));
                }
                Part::Dynamic(values) => {
                    let column = values.column.to_lowercase();
                    hash.update(format!("dynamic\n{column:?}\n"));
                }
            }
        }
        let digest = hash.finalize();
        digest.iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a text does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Returns the window of a partition: of its part with windows of time, the first if there are
    /// several; `None` where there is none.
    pub fn window(&self, partition: Partition) -> Option<Window> {
        let mut parts = self.parts.iter().zip(partition.ordinals());
        parts.find_map(|(part, ordinal)| match part {
            Part::Windows(windows) => windows.window(*ordinal),
            Part::Keys(_) | Part::Dynamic(_) => None,
        })
    }

    /// Returns the key of a partition; `None` for an ordinal that is none of this definition.
    pub fn key(&self, partition: Partition) -> Option<String> {
        let ordinals = partition.ordinals();
        if ordinals.len() != self.parts.len() {
            return None;
        }
        let parts = self.parts.iter().zip(ordinals);
        let keys: Option<Vec<_>> = parts.map(|(part, ordinal)| part.key(*ordinal)).collect();
        let keys = keys?;
        match keys.as_slice() {
            [key] => Some(key.to_string()),
            _ => Some(key::join(keys)),
        }
    }

    /// Reads the key of a partition.
    ///
    /// # Errors
    ///
    /// Says what to write instead.
    pub fn parse_key(&self, text: &str) -> Result<Partition, KeyError> {
        let texts = if self.is_product() {
            key::split(text)
        } else {
            vec![text.to_owned()]
        };
        let wrong_count = || KeyError::Parts {
            written: text.to_owned(),
            expected: self.parts.len(),
            found: texts.len(),
        };
        if texts.len() != self.parts.len() {
            return Err(wrong_count());
        }
        let parts = self.parts.iter().zip(&texts);
        let ordinals: Result<Vec<i32>, _> =
            parts.map(|(part, text)| part.parse_key(text)).collect();
        Partition::of_parts(&ordinals?).ok_or_else(wrong_count)
    }

    /// Returns the ranges of a set by their keys, in order.
    pub fn key_ranges(&self, set: &PartitionSet) -> Vec<KeyRange> {
        let ranges = set.ranges().filter_map(|range| {
            Some(KeyRange {
                from: self.key(range.first)?,
                to: self.key(range.last)?,
                count: range.count,
            })
        });
        ranges.collect()
    }
}

/// Returns the combinations of the sets of parts, one for each.
pub(super) fn combine(sets: impl DoubleEndedIterator<Item = PartitionSet>) -> PartitionSet {
    let combined = sets.rev().reduce(|inner, outer| outer.times(&inner));
    combined.unwrap_or_default()
}

fn holds(parts: &[Part], set: &PartitionSet) -> bool {
    let Some((part, others)) = parts.split_first() else {
        return false;
    };
    match (&set.0, part) {
        (Shape::Nothing | Shape::Everything, _) => true,
        (Shape::Windows(_), Part::Windows(_))
        | (Shape::Values(_), Part::Keys(_) | Part::Dynamic(_)) => {
            others.is_empty() && set.is_subset(&part.defined())
        }
        (Shape::Product(runs), _) => runs.iter().all(|(span, inner)| {
            let is_known = span == Span::ALL || part.holds_span(span);
            is_known && !others.is_empty() && holds(others, inner)
        }),
        (Shape::Windows(_) | Shape::Values(_), _) => false,
    }
}
