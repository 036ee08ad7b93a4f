//! Mappings through something in between: a view that says itself how its partitions lie.
//!
//! Both directions are those of the two steps, one after the other, so that a composed mapping feeds just
//! what the steps feed. Through very many steps everything is needed, which is never too little.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::partition::set::PartitionSet;

use super::{Mapping, Needs, Rule};

/// Steps that are gone one after the other; no sane project has as many views with partitions in a row.
const STEPS_AT_MOST: usize = 16;

impl Mapping {
    /// Composes it with what its upstream needs of something further up.
    #[must_use]
    pub fn through(&self, further: &Self) -> Self {
        let rule = if self.steps() + further.steps() > STEPS_AT_MOST {
            Rule::All
        } else {
            Rule::Through(Arc::new((self.clone(), further.clone())))
        };
        Self {
            downstream: self.downstream.clone(),
            upstream: further.upstream.clone(),
            rule,
        }
    }

    fn steps(&self) -> usize {
        match &self.rule {
            Rule::Through(steps) => steps.0.steps() + steps.1.steps(),
            Rule::All | Rule::Links(_) | Rule::Table(_) => 1,
        }
    }
}

/// As [`Mapping::needs`]; what is nonexistent or missing is so on the last step.
pub(super) fn needs(
    (near, far): &(Mapping, Mapping),
    partitions: &PartitionSet,
    now: DateTime<Utc>,
) -> Needs {
    let between = near.needs(partitions, now).partitions;
    far.needs(&between, now)
}

/// As [`Mapping::feeds`].
pub(super) fn feeds(
    (near, far): &(Mapping, Mapping),
    partitions: &PartitionSet,
    now: DateTime<Utc>,
) -> PartitionSet {
    let between = far.feeds(partitions, now);
    near.feeds(&between, now)
}
