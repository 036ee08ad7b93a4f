//! Mappings: which partitions of an upstream a partition needs, and which ones an upstream
//! partition feeds.
//!
//! A mapping is one relation between the partitions of both sides, and both directions are computed
//! from it: an upstream partition feeds just those that need it. They go by ranges: what a range of
//! hours means in days costs two look-ups, however long it is.
//!
//! A relation holds part by part. A part of the upstream that is linked to a part of the downstream
//! is restricted by it; one that is not linked is needed whole, and one of the downstream that is not
//! linked is fed whole. An asset without partitions is one whole: it needs everything, and whatever
//! changes feeds it.

mod infer;
mod link;
mod refused;
mod spec;
mod through;

pub use refused::{Choice, MappingError};
pub use spec::MappingSpec;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::delta::PartitionValue;

use super::definition::{Partitions, combine};
use super::part::Part;
use super::set::{PartitionSet, Shape};
use super::values::Values;
use link::Link;

/// The relation between the partitions of an asset and those of one of its upstreams.
///
/// It holds both definitions, with the values that were known when it was made; it is made anew, which
/// is cheap, where others become known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    downstream: Option<Partitions>,
    upstream: Option<Partitions>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// Each partition needs everything.
    All,
    /// Parts of both sides are linked.
    Links(Vec<LinkedParts>),
    /// Partitions of the downstream, each with those that it needs.
    Table(Vec<Row>),
    /// What the partitions of something in between need that a partition needs.
    Through(Arc<(Mapping, Mapping)>),
}

/// A row of a table of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// The partition of the downstream; none yet, for a value that it is still to get.
    own: PartitionSet,
    /// What it needs.
    needed: PartitionSet,
    /// The value that the partition is of, where the downstream is `dynamic`.
    value: Option<PartitionValue>,
}

/// What a `dynamic` part of the downstream takes over from the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed<'a> {
    /// The column of the part.
    pub column: &'a str,
    /// The values that exist because of the upstream, of those that the downstream knows.
    pub there: PartitionSet,
    /// Those that it does not know yet: partitions that are still to come.
    pub new: Vec<PartitionValue>,
    /// Whether the upstream tells which values it has.
    pub is_told: bool,
}

/// A part of each side by their places, and how they are linked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LinkedParts {
    downstream: Option<usize>,
    upstream: usize,
    link: Link,
}

/// What partitions need of an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The partitions that the upstream's definition has, now or in the future.
    pub partitions: PartitionSet,
    /// Those that would be needed and that its definition never has, because they lie before its
    /// beginning or after its end. Of a product, the combinations with such a part.
    pub nonexistent: PartitionSet,
    /// Values that would be needed and that the upstream does not have.
    pub missing_values: Vec<PartitionValue>,
}

impl Mapping {
    /// Returns what partitions of the downstream need. Of an asset without partitions, any set that
    /// is not empty means the whole; what it needs of an upstream without partitions is
    /// [everything](PartitionSet::EVERYTHING).
    ///
    /// `now` is for `latest` alone: which partition of the upstream is the last one that exists.
    pub fn needs(&self, partitions: &PartitionSet, now: DateTime<Utc>) -> Needs {
        if partitions.is_empty() {
            return Needs::default();
        }
        let partitions = narrow(self.downstream.as_ref(), partitions);
        let (upstream, links) = match (&self.upstream, &self.rule) {
            _ if partitions.is_empty() => return Needs::default(),
            (_, Rule::Through(steps)) => return through::needs(steps, &partitions, now),
            (None, _) | (_, Rule::All) => {
                return Needs {
                    partitions: PartitionSet::EVERYTHING,
                    ..Needs::default()
                };
            }
            (Some(_), Rule::Table(table)) => {
                let rows = table.iter().filter(|row| row.own.meets(&partitions));
                return Needs {
                    partitions: PartitionSet::union_of(rows.map(|row| row.needed.clone())),
                    ..Needs::default()
                };
            }
            (Some(upstream), Rule::Links(links)) => (upstream, links),
        };
        let wanted = boxes(&partitions, self.downstream_parts())
            .into_iter()
            .map(|sides| {
                let parts = upstream.parts().iter().enumerate();
                combine(parts.map(|(at, part)| {
                    let linked = links.iter().find(|linked| linked.upstream == at);
                    let Some(linked) = linked else {
                        return part.everything();
                    };
                    let side = linked.downstream.and_then(|at| sides.get(at));
                    linked.link.needs(side, part, now)
                }))
            });
        let wanted = PartitionSet::union_of(wanted);
        let all = all_of(upstream.parts());
        Needs {
            partitions: wanted.intersection(&all),
            nonexistent: wanted.difference(&all),
            missing_values: self.missing_values(&partitions),
        }
    }

    /// Returns the values in a set of the downstream that the upstream would need to list.
    fn missing_values(&self, partitions: &PartitionSet) -> Vec<PartitionValue> {
        let (Some(upstream), Rule::Links(links)) = (&self.upstream, &self.rule) else {
            return Vec::new();
        };
        let boxes = boxes(partitions, self.downstream_parts());
        let mut missing = BTreeSet::new();
        for linked in links {
            let side = |sides: &Vec<PartitionSet>| sides.get(linked.downstream?).cloned();
            let set = PartitionSet::union_of(boxes.iter().filter_map(side));
            if let Some(part) = upstream.parts().get(linked.upstream) {
                missing.extend(linked.link.missing_values(&set, part));
            }
        }
        missing.into_iter().collect()
    }

    /// Returns the partitions of the downstream that partitions of the upstream feed. Of an upstream
    /// without partitions, any set that is not empty means the whole; an asset without partitions is
    /// fed as [everything](PartitionSet::EVERYTHING).
    ///
    /// `now` is for `latest` alone, as for [`needs`](Self::needs).
    pub fn feeds(&self, partitions: &PartitionSet, now: DateTime<Utc>) -> PartitionSet {
        if partitions.is_empty() {
            return PartitionSet::NOTHING;
        }
        let partitions = narrow(self.upstream.as_ref(), partitions);
        let (downstream, upstream, links) = match (&self.downstream, &self.upstream, &self.rule) {
            _ if partitions.is_empty() => return PartitionSet::NOTHING,
            (_, _, Rule::Through(steps)) => return through::feeds(steps, &partitions, now),
            (_, _, Rule::Table(table)) => {
                let rows = table.iter().filter(|row| row.needed.meets(&partitions));
                return PartitionSet::union_of(rows.map(|row| row.own.clone()));
            }
            (_, _, Rule::All) | (_, None, _) => return PartitionSet::EVERYTHING,
            (downstream, Some(upstream), Rule::Links(links)) => (downstream, upstream, links),
        };
        let parts = parts_of(downstream.as_ref());
        let fed = boxes(&partitions, upstream.parts())
            .into_iter()
            .map(|sides| {
                // Every link that restricts nothing of the downstream has to hold all the same.
                let holds = links.iter().all(|linked| {
                    let side = sides.get(linked.upstream);
                    let part = upstream.parts().get(linked.upstream);
                    side.zip(part)
                        .is_some_and(|(side, part)| linked.link.holds(side, part, now))
                });
                if !holds {
                    return PartitionSet::NOTHING;
                }
                if parts.is_empty() {
                    return PartitionSet::EVERYTHING;
                }
                combine(parts.iter().enumerate().map(|(at, part)| {
                    let linked = links.iter().filter(|linked| linked.downstream == Some(at));
                    linked.fold(part.everything(), |set, linked| {
                        let fed = sides
                            .get(linked.upstream)
                            .map(|side| linked.link.feeds(side, part));
                        set.intersection(&fed.unwrap_or_default())
                    })
                }))
            });
        let fed = PartitionSet::union_of(fed);
        narrow(self.downstream.as_ref(), &fed)
    }

    /// Returns what the `dynamic` parts of the downstream take over from the upstream: those that are linked to
    /// values of it, and that of a table of keys.
    pub fn followed(&self) -> Vec<Followed<'_>> {
        let (Some(downstream), Some(upstream)) = (&self.downstream, &self.upstream) else {
            return Vec::new();
        };
        match &self.rule {
            // What is in between has no values of its own to be told by.
            Rule::All | Rule::Through(_) => Vec::new(),
            Rule::Table(table) => followed_by_table(table, downstream, upstream)
                .into_iter()
                .collect(),
            Rule::Links(links) => {
                let followed = links.iter().filter_map(|linked| {
                    let own = downstream.parts().get(linked.downstream?)?;
                    let other = upstream.parts().get(linked.upstream)?;
                    match (own, other) {
                        (Part::Dynamic(own), Part::Keys(other) | Part::Dynamic(other)) => {
                            Some(followed(own, other))
                        }
                        (Part::Dynamic(_) | Part::Keys(_) | Part::Windows(_), _) => None,
                    }
                });
                followed.collect()
            }
        }
    }

    fn downstream_parts(&self) -> &[Part] {
        parts_of(self.downstream.as_ref())
    }
}

fn followed<'a>(own: &'a Values, other: &Values) -> Followed<'a> {
    let there = link::translate(&other.existing(), other, own);
    let is_all = there.count() == other.existing().count();
    let new = other
        .existing_values()
        .filter(|value| !is_all && own.ordinal(value).is_none());
    Followed {
        column: own.column(),
        new: new.cloned().collect(),
        there,
        is_told: other.is_told(),
    }
}

fn followed_by_table<'a>(
    table: &[Row],
    downstream: &'a Partitions,
    upstream: &Partitions,
) -> Option<Followed<'a>> {
    let [Part::Dynamic(own)] = downstream.parts() else {
        return None;
    };
    let existing = combine(upstream.parts().iter().map(|part| match part {
        // Whether a window has come decides when something is built, not whether it is.
        Part::Windows(_) => part.everything(),
        Part::Keys(values) | Part::Dynamic(values) => values.existing(),
    }));
    let rows = || table.iter().filter(|row| row.needed.meets(&existing));
    let is_new = |row: &&Row| row.own.is_empty();
    Some(Followed {
        column: own.column(),
        there: PartitionSet::union_of(rows().map(|row| row.own.clone())),
        new: rows()
            .filter(is_new)
            .filter_map(|row| row.value.clone())
            .collect(),
        is_told: upstream.dynamic_parts().all(Values::is_told),
    })
}

fn parts_of(partitions: Option<&Partitions>) -> &[Part] {
    partitions.map_or(&[], Partitions::parts)
}

/// Returns all partitions of parts, at least one, also those that are not known yet.
fn all_of(parts: &[Part]) -> PartitionSet {
    combine(parts.iter().map(Part::everything))
}

/// Leaves out what is none of a definition, and says what everything is where that is known.
fn narrow(partitions: Option<&Partitions>, set: &PartitionSet) -> PartitionSet {
    match partitions {
        Some(partitions) => set.intersection(&all_of(partitions.parts())),
        None => set.clone(),
    }
}

/// Cuts a set into combinations of sets of the parts.
fn boxes(set: &PartitionSet, parts: &[Part]) -> Vec<Vec<PartitionSet>> {
    let Some((part, others)) = parts.split_first() else {
        return vec![Vec::new()];
    };
    match &set.0 {
        Shape::Nothing => Vec::new(),
        Shape::Everything => vec![parts.iter().map(Part::everything).collect()],
        Shape::Windows(_) | Shape::Values(_) => vec![vec![set.clone()]],
        Shape::Product(runs) => {
            let boxes = runs.iter().flat_map(|(span, inner)| {
                let first = part.set_of(span);
                boxes(inner, others).into_iter().map(move |mut rest| {
                    rest.insert(0, first.clone());
                    rest
                })
            });
            boxes.collect()
        }
    }
}

impl Part {
    /// Returns all of it, also what is not known yet.
    fn everything(&self) -> PartitionSet {
        match self {
            Self::Windows(_) | Self::Keys(_) => self.defined(),
            // As long as no value is known there may still be some.
            Self::Dynamic(_) => PartitionSet::EVERYTHING,
        }
    }
}
