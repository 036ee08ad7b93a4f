//! The mapping of an edge that declares none, where both sides leave one choice.
//!
//! | asset | upstream | mapping |
//! | --- | --- | --- |
//! | without partitions, either side | | `all` |
//! | windows | the same windows | `same` |
//! | windows | other windows | `overlap` |
//! | values | values of a column of the same name, or a list that has all of its own | `same` |
//! | windows | values | `all` |
//! | product | product, or single | each part of the upstream with the only one it can be linked to |
//!
//! Anything else is refused with its choices: values of an upstream with windows may need all of
//! them or the latest, and two lists of values with other columns may have nothing in common.

use crate::partition::definition::Partitions;
use crate::partition::part::Part;

use super::link::{Link, values_of};
use super::refused::{Choice, MappingError};
use super::{LinkedParts, Rule};

/// Returns the only choice.
pub(super) fn infer(downstream: &Partitions, upstream: &Partitions) -> Result<Rule, MappingError> {
    let (own, others) = (downstream.parts(), upstream.parts());
    let links = pairs(own, others);
    let is_clear = if downstream.is_product() == upstream.is_product() {
        // Nothing of the upstream is left to be needed whole without anybody saying so.
        links.len() == others.len()
    } else {
        // The one that stands alone is linked.
        links.len() == 1
    };
    if is_clear {
        return Ok(Rule::Links(links));
    }
    match (own, others) {
        ([Part::Windows(_)], [Part::Keys(_) | Part::Dynamic(_)]) => Ok(Rule::All),
        _ => Err(MappingError::Ambiguous {
            choices: choices(own, others),
        }),
    }
}

/// Links each part of the upstream to the only part of the downstream that it can be linked to, if
/// that one can be linked to no other.
pub(super) fn pairs(downstream: &[Part], upstream: &[Part]) -> Vec<LinkedParts> {
    let candidates: Vec<(usize, usize, Link)> = upstream
        .iter()
        .enumerate()
        .flat_map(|(other, part)| {
            let own = downstream.iter().enumerate();
            own.filter_map(move |(own, own_part)| Some((own, other, link_of(own_part, part)?)))
        })
        .collect();
    let is_only = |own: usize, other: usize| {
        let rivals = candidates
            .iter()
            .filter(|(a, b, _)| *a == own || *b == other);
        rivals.count() == 1
    };
    let only = candidates
        .iter()
        .filter(|(own, other, _)| is_only(*own, *other));
    only.map(|(own, other, link)| LinkedParts {
        downstream: Some(*own),
        upstream: *other,
        link: link.clone(),
    })
    .collect()
}

/// Returns how two parts are linked without anybody saying it.
pub(super) fn link_of(downstream: &Part, upstream: &Part) -> Option<Link> {
    match (downstream, upstream) {
        (Part::Windows(own), Part::Windows(other)) => {
            Some(if own.timeline.is_same(&other.timeline) {
                Link::SameWindow
            } else {
                Link::overlap(own, other, 0, 0)
            })
        }
        (Part::Keys(_) | Part::Dynamic(_), Part::Keys(_) | Part::Dynamic(_)) => {
            let (own, other) = (values_of(downstream)?, values_of(upstream)?);
            let is_part = || match (downstream, upstream) {
                (Part::Keys(own), Part::Keys(other)) => own
                    .values()
                    .iter()
                    .all(|value| other.ordinal(value).is_some()),
                _ => false,
            };
            let is_same_column = own.column().eq_ignore_ascii_case(other.column());
            (is_same_column || is_part()).then(|| Link::same_value(own, other))
        }
        (Part::Windows(_), _) | (_, Part::Windows(_)) => None,
    }
}

/// Returns what can be declared of two definitions.
fn choices(downstream: &[Part], upstream: &[Part]) -> Vec<Choice> {
    let mut choices = Vec::new();
    let is_time = |part: &&Part| matches!(part, Part::Windows(_));
    let times = |parts: &[Part]| parts.iter().filter(is_time).count();
    if let ([own], [other]) = (downstream, upstream) {
        if values_of(own).is_some() && values_of(other).is_some() {
            choices.extend([Choice::Same, Choice::Keys]);
        }
    } else {
        for part in downstream.iter().chain(upstream) {
            let parts = |parts: &[Part]| match parts {
                [single] => Some(single.clone()),
                _ => parts
                    .iter()
                    .find(|other| other.is_called(part.name()))
                    .cloned(),
            };
            let pair = parts(downstream).zip(parts(upstream));
            let choice = Choice::Dimension(part.name().to_owned());
            let can_be = pair.is_some_and(|(own, other)| link_of(&own, &other).is_some());
            if can_be && !choices.contains(&choice) {
                choices.push(choice);
            }
        }
        if times(downstream) == 1 && times(upstream) == 1 {
            choices.push(Choice::Overlap);
        }
    }
    if times(upstream) == 1 {
        choices.push(Choice::Latest);
    }
    choices.push(Choice::All);
    choices
}

/// Describes a part in a message.
pub(super) fn described(part: &Part) -> String {
    match part {
        Part::Windows(windows) => format!("`{}` in {}", part.kind(), windows.zone()),
        Part::Keys(values) | Part::Dynamic(values) => {
            format!("`{}` of `{}`", part.kind(), values.column())
        }
    }
}
