//! From what a declaration says of an edge to its mapping.

use std::collections::BTreeMap;

use crate::partition::definition::Partitions;
use crate::partition::key::{KeyError, declared_value};
use crate::partition::part::Part;
use crate::partition::set::PartitionSet;

use super::infer::{self, link_of};
use super::link::Link;
use super::refused::MappingError;
use super::{LinkedParts, Mapping, Row, Rule};

/// Which partitions of an upstream one partition needs, as a declaration spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappingSpec {
    /// `same`: the one with the same key.
    Same,
    /// `all`: all of them.
    All,
    /// `latest`: the last one that exists.
    Latest,
    /// `overlap`: those whose windows overlap.
    Overlap {
        /// How many of its own windows earlier (negative) or later the window begins.
        start_offset: i64,
        /// How many of its own windows earlier (negative) or later it ends; not before it begins.
        end_offset: i64,
    },
    /// `keys`: those that a table names, by the key of the downstream. What it does not name needs
    /// nothing.
    Keys(BTreeMap<String, Vec<String>>),
    /// `dimension`: those that agree in one part of a product, by the name of its column.
    Dimension(String),
}

/// The furthest that windows are moved: further, nobody means it.
const FURTHEST: i64 = 1_000_000;

impl Mapping {
    /// Makes the mapping of an edge, as declared or else as both sides leave one choice. `None` for
    /// a side without partitions.
    ///
    /// # Errors
    ///
    /// Says why the declared mapping does not fit both sides; where none is declared, which choices
    /// there are.
    pub fn new(
        spec: Option<&MappingSpec>,
        downstream: Option<&Partitions>,
        upstream: Option<&Partitions>,
    ) -> Result<Self, MappingError> {
        let rule = match (spec, downstream, upstream) {
            (Some(spec), _, None) => without_upstream(spec)?,
            (None, None, _) | (None, _, None) => Rule::All,
            (Some(spec), None, Some(upstream)) => without_downstream(spec, upstream)?,
            (None, Some(downstream), Some(upstream)) => infer::infer(downstream, upstream)?,
            (Some(spec), Some(downstream), Some(upstream)) => declared(spec, downstream, upstream)?,
        };
        Ok(Self {
            downstream: downstream.cloned(),
            upstream: upstream.cloned(),
            rule,
        })
    }
}

fn without_upstream(spec: &MappingSpec) -> Result<Rule, MappingError> {
    match spec {
        MappingSpec::All => Ok(Rule::All),
        MappingSpec::Same
        | MappingSpec::Latest
        | MappingSpec::Overlap { .. }
        | MappingSpec::Keys(_)
        | MappingSpec::Dimension(_) => Err(MappingError::Unpartitioned {
            mapping: spec.as_str(),
            side: "the upstream",
        }),
    }
}

fn without_downstream(spec: &MappingSpec, upstream: &Partitions) -> Result<Rule, MappingError> {
    match spec {
        MappingSpec::All => Ok(Rule::All),
        MappingSpec::Latest => latest(&[], upstream),
        MappingSpec::Same
        | MappingSpec::Overlap { .. }
        | MappingSpec::Keys(_)
        | MappingSpec::Dimension(_) => Err(MappingError::Unpartitioned {
            mapping: spec.as_str(),
            side: "the asset",
        }),
    }
}

fn declared(
    spec: &MappingSpec,
    downstream: &Partitions,
    upstream: &Partitions,
) -> Result<Rule, MappingError> {
    match spec {
        MappingSpec::All => Ok(Rule::All),
        MappingSpec::Same => same(downstream, upstream),
        MappingSpec::Latest => latest(downstream.parts(), upstream),
        MappingSpec::Overlap {
            start_offset,
            end_offset,
        } => overlap(downstream, upstream, *start_offset, *end_offset),
        MappingSpec::Keys(table) => keys(table, downstream, upstream),
        MappingSpec::Dimension(name) => dimension(name, downstream, upstream),
    }
}

fn same(downstream: &Partitions, upstream: &Partitions) -> Result<Rule, MappingError> {
    let differ = |detail: String| MappingError::NotSame { detail };
    let (own, others) = (downstream.parts(), upstream.parts());
    if own.len() != others.len() {
        return Err(differ("one of both is a product".into()));
    }
    let mut links = Vec::with_capacity(own.len());
    for (at, (part, other)) in own.iter().zip(others).enumerate() {
        let link = match (part, other) {
            (Part::Windows(a), Part::Windows(b)) if a.timeline.is_same(&b.timeline) => {
                Link::SameWindow
            }
            (Part::Keys(a) | Part::Dynamic(a), Part::Keys(b) | Part::Dynamic(b)) => {
                Link::same_value(a, b)
            }
            _ => {
                return Err(differ(format!(
                    "{} is not {}",
                    infer::described(part),
                    infer::described(other)
                )));
            }
        };
        links.push(LinkedParts {
            downstream: Some(at),
            upstream: at,
            link,
        });
    }
    Ok(Rule::Links(links))
}

/// Returns the only part with windows of time, by its place.
fn time_part<'a>(
    parts: &'a [Part],
    mapping: &'static str,
    side: &'static str,
) -> Result<(usize, &'a Part), MappingError> {
    let mut found = parts.iter().enumerate();
    let mut found = found
        .by_ref()
        .filter(|(_, part)| matches!(part, Part::Windows(_)));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(MappingError::NoTime { mapping, side }),
    }
}

fn latest(downstream: &[Part], upstream: &Partitions) -> Result<Rule, MappingError> {
    let (time, _) = time_part(upstream.parts(), "latest", "the upstream")?;
    let mut links = infer::pairs(downstream, upstream.parts());
    links.retain(|linked| linked.upstream != time);
    links.push(LinkedParts {
        downstream: None,
        upstream: time,
        link: Link::Latest,
    });
    Ok(Rule::Links(links))
}

fn overlap(
    downstream: &Partitions,
    upstream: &Partitions,
    start: i64,
    end: i64,
) -> Result<Rule, MappingError> {
    let (own, own_part) = time_part(downstream.parts(), "overlap", "the asset")?;
    let (other, other_part) = time_part(upstream.parts(), "overlap", "the upstream")?;
    if start > end {
        return Err(MappingError::Offsets { start, end });
    }
    let offset = |steps: i64| {
        let in_bounds = (-FURTHEST..=FURTHEST).contains(&steps);
        let steps = in_bounds.then(|| i32::try_from(steps).ok()).flatten();
        steps.ok_or(MappingError::Offsets { start, end })
    };
    let (start, end) = (offset(start)?, offset(end)?);
    let mut links = infer::pairs(downstream.parts(), upstream.parts());
    links.retain(|linked| linked.upstream != other && linked.downstream != Some(own));
    if let (Part::Windows(a), Part::Windows(b)) = (own_part, other_part) {
        links.push(LinkedParts {
            downstream: Some(own),
            upstream: other,
            link: Link::overlap(a, b, start, end),
        });
    }
    Ok(Rule::Links(links))
}

fn keys(
    table: &BTreeMap<String, Vec<String>>,
    downstream: &Partitions,
    upstream: &Partitions,
) -> Result<Rule, MappingError> {
    let set = |partitions: &Partitions, text: &str, side| {
        match partitions.parse_key(text) {
            Ok(partition) => Ok(partitions.set_of(partition)),
            // What values a table has is not known when its declaration is read.
            Err(KeyError::NoValue { column, .. }) if is_dynamic(partitions, &column) => {
                Ok(PartitionSet::NOTHING)
            }
            Err(error) => Err(MappingError::Key { side, error }),
        }
    };
    let mut rows = Vec::with_capacity(table.len());
    for (key, needed) in table {
        let value = match downstream.parts() {
            [Part::Dynamic(_)] => Some(declared_value(key)),
            _ => None,
        };
        let own = set(downstream, key, "the asset")?;
        let needed: Result<Vec<PartitionSet>, _> = needed
            .iter()
            .map(|text| set(upstream, text, "the upstream"))
            .collect();
        rows.push(Row {
            own,
            needed: PartitionSet::union_of(needed?),
            value,
        });
    }
    Ok(Rule::Table(rows))
}

fn is_dynamic(partitions: &Partitions, column: &str) -> bool {
    let mut parts = partitions.parts().iter();
    parts.any(|part| matches!(part, Part::Dynamic(values) if values.column() == column))
}

fn dimension(
    name: &str,
    downstream: &Partitions,
    upstream: &Partitions,
) -> Result<Rule, MappingError> {
    let find = |partitions: &Partitions, side| {
        if !partitions.is_product() {
            return Ok(0);
        }
        let parts = partitions.parts();
        let found = parts.iter().position(|part| part.is_called(name));
        found.ok_or_else(|| MappingError::NoDimension {
            name: name.to_owned(),
            side,
            names: parts.iter().map(|part| part.name().to_owned()).collect(),
        })
    };
    if !downstream.is_product() && !upstream.is_product() {
        return Err(MappingError::NoProduct);
    }
    let own = find(downstream, "the asset")?;
    let other = find(upstream, "the upstream")?;
    let pair = downstream.parts().get(own).zip(upstream.parts().get(other));
    let link = pair.and_then(|(own, other)| link_of(own, other));
    let Some(link) = link else {
        return Err(MappingError::NoLink {
            name: name.to_owned(),
        });
    };
    Ok(Rule::Links(vec![LinkedParts {
        downstream: Some(own),
        upstream: other,
        link,
    }]))
}

impl MappingSpec {
    /// Returns the word of declarations.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::All => "all",
            Self::Latest => "latest",
            Self::Overlap { .. } => "overlap",
            Self::Keys(_) => "keys",
            Self::Dimension(_) => "dimension",
        }
    }
}
