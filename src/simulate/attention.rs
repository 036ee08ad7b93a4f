//! Which assets a pass has to look at: what was not at rest when it was last looked at, what has news,
//! and everything that news can reach.

use std::collections::BTreeSet;

use lineage::{AssetGraph, AssetIndex};

use crate::plan::Standing;
use crate::state::Memory;

/// What has to be looked at, kept from pass to pass.
pub(super) struct Attention {
    /// These always are: it is not their standing alone that tells whether there is anything to do.
    always: BTreeSet<AssetIndex>,
    restless: BTreeSet<AssetIndex>,
    news: BTreeSet<AssetIndex>,
    /// Everything is looked at.
    is_whole: bool,
}

impl Attention {
    /// Begins with everything being news; `is_thorough` leaves it at that.
    pub(super) fn new(graph: &AssetGraph, memory: &Memory, is_thorough: bool) -> Self {
        let is_timed = |index: &AssetIndex| {
            let asset = graph.asset(*index);
            let is_repeated = asset.is_built_here() && graph.inputs(*index).is_empty();
            // How its checks came out matters to what reads it also while it is at rest, and so does
            // what a person asked for.
            asset.planned_partitions().is_some()
                || is_repeated
                || !asset.checks.is_empty()
                || memory.full_refreshes.contains_key(&asset.key)
        };
        let all: BTreeSet<AssetIndex> = graph.indices().collect();
        Self {
            always: if is_thorough {
                all.clone()
            } else {
                graph.indices().filter(is_timed).collect()
            },
            restless: BTreeSet::new(),
            news: all,
            is_whole: is_thorough,
        }
    }

    /// Notes that something of an asset, or of its table, is not as it was.
    pub(super) fn note(&mut self, index: AssetIndex) {
        self.news.insert(index);
    }

    /// Returns the assets that were not at rest.
    pub(super) fn restless(&self) -> &BTreeSet<AssetIndex> {
        &self.restless
    }

    /// Takes what has to be looked at now, inputs first.
    pub(super) fn take(&mut self, graph: &AssetGraph) -> Vec<AssetIndex> {
        let mut next: Vec<AssetIndex> = std::mem::take(&mut self.news).into_iter().collect();
        if self.is_whole {
            return graph.topological_order().to_vec();
        }
        // By position: the sets are small, what news reach is not.
        let mut is_reached = vec![false; graph.len()];
        while let Some(index) = next.pop() {
            // What reads what was not at rest was not, either, and is looked at all the same.
            if mark(&mut is_reached, index) {
                next.extend(graph.readers(index));
            }
        }
        for index in self.restless.iter().chain(&self.always) {
            mark(&mut is_reached, *index);
        }
        let ordered = graph.topological_order().iter().copied();
        ordered
            .filter(|index| is_reached.get(index.position()) == Some(&true))
            .collect()
    }

    /// Takes how they were found to stand.
    pub(super) fn stood(&mut self, attended: &[AssetIndex], standings: &[Standing<'_>]) {
        for index in attended {
            let standing = standings.get(index.position());
            if standing.is_some_and(Standing::is_at_rest) {
                self.restless.remove(index);
            } else {
                self.restless.insert(*index);
            }
        }
    }
}

/// Marks an asset; returns whether it was not marked before.
fn mark(marks: &mut [bool], index: AssetIndex) -> bool {
    marks
        .get_mut(index.position())
        .is_some_and(|marked| !std::mem::replace(marked, true))
}
