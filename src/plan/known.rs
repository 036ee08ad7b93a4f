//! What is remembered, beside the assets of the graph: by position instead of by key.
//!
//! Both are sorted by key, so that one walk over each map pairs them up. Looking every asset and
//! every input up by key was most of the cost of a plan.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use assets::AssetKey;
use lineage::{AssetGraph, AssetIndex};

use super::input::PlanInput;
use crate::state::{Build, Consumed, DataCommit, Intent, Observation};

/// What is remembered of each asset of the graph.
pub(super) struct Known<'a> {
    observations: Vec<Option<&'a Observation>>,
    commits: Vec<Option<&'a Vec<DataCommit>>>,
    consumption: Vec<Option<&'a BTreeMap<AssetKey, Consumed>>>,
    builds: Vec<Option<&'a Build>>,
    intents: Vec<Option<&'a Intent>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(input: &PlanInput<'a>) -> Self {
        let (graph, memory) = (input.graph, input.memory);
        Self {
            observations: beside(graph, &memory.observations),
            commits: beside(graph, &memory.commits),
            consumption: beside(graph, &memory.consumption),
            builds: beside(graph, &memory.builds),
            intents: intents(input),
        }
    }

    /// Knows what is remembered of some assets, and what was seen of what they read, and of the others
    /// nothing: less than walking along everything while they are few.
    pub(super) fn among(input: &PlanInput<'a>, attended: &[AssetIndex]) -> Self {
        if attended.len() > input.graph.len() / 4 {
            return Self::of(input);
        }
        let (graph, memory) = (input.graph, input.memory);
        let mut known = Self {
            observations: vec![None; graph.len()],
            commits: vec![None; graph.len()],
            consumption: vec![None; graph.len()],
            builds: vec![None; graph.len()],
            intents: intents(input),
        };
        for &index in attended {
            let key = &graph.asset(index).key;
            set(&mut known.consumption, index, memory.consumption.get(key));
            set(&mut known.builds, index, memory.builds.get(key));
            for &of in std::iter::once(&index).chain(graph.inputs(index)) {
                if known.observation(of).is_none() {
                    let key = &graph.asset(of).key;
                    set(&mut known.observations, of, memory.observations.get(key));
                    set(&mut known.commits, of, memory.commits.get(key));
                }
            }
        }
        known
    }

    pub(super) fn observation(&self, index: AssetIndex) -> Option<&'a Observation> {
        self.observations.get(index.position()).copied().flatten()
    }

    /// Returns the commits that changed data, oldest first.
    pub(super) fn commits(&self, index: AssetIndex) -> &'a [DataCommit] {
        let commits = self.commits.get(index.position()).copied().flatten();
        commits.map_or(&[], Vec::as_slice)
    }

    pub(super) fn consumption(
        &self,
        index: AssetIndex,
    ) -> Option<&'a BTreeMap<AssetKey, Consumed>> {
        self.consumption.get(index.position()).copied().flatten()
    }

    pub(super) fn build(&self, index: AssetIndex) -> Option<&'a Build> {
        self.builds.get(index.position()).copied().flatten()
    }

    pub(super) fn intent(&self, index: AssetIndex) -> Option<&'a Intent> {
        self.intents.get(index.position()).copied().flatten()
    }
}

/// The intent that is open for each asset. The store allows at most one, but for those of backfills, which
/// each build a part of it that nothing live is asked to build.
fn intents<'a>(input: &PlanInput<'a>) -> Vec<Option<&'a Intent>> {
    let mut intents = vec![None; input.graph.len()];
    let live = input.memory.open_intents.values();
    for intent in live.filter(|intent| intent.backfill.is_none() || intent.partitions.is_none()) {
        for asset in &intent.assets {
            if let Some(index) = input.graph.index_of(asset.as_str()) {
                set(&mut intents, index, Some(intent));
            }
        }
    }
    intents
}

fn set<'a, T>(of: &mut [Option<&'a T>], index: AssetIndex, value: Option<&'a T>) {
    if let Some(slot) = of.get_mut(index.position()) {
        *slot = value;
    }
}

/// Pairs the assets of a graph with what a map holds of them.
fn beside<'a, T>(graph: &AssetGraph, of: &'a BTreeMap<AssetKey, T>) -> Vec<Option<&'a T>> {
    let mut known = Ascending::over(of);
    let keys = graph.indices().map(|index| &graph.asset(index).key);
    keys.map(|key| known.seek(key)).collect()
}

/// Looks keys up in a map by walking along it; they have to be asked for in ascending order.
pub(super) struct Ascending<'a, T> {
    entries: std::collections::btree_map::Iter<'a, AssetKey, T>,
    next: Option<(&'a AssetKey, &'a T)>,
}

impl<'a, T> Ascending<'a, T> {
    pub(super) fn over(map: &'a BTreeMap<AssetKey, T>) -> Self {
        let mut entries = map.iter();
        let next = entries.next();
        Self { entries, next }
    }

    pub(super) fn seek(&mut self, key: &AssetKey) -> Option<&'a T> {
        while let Some((known, value)) = self.next {
            match known.cmp(key) {
                Ordering::Less => self.next = self.entries.next(),
                Ordering::Equal => {
                    self.next = self.entries.next();
                    return Some(value);
                }
                Ordering::Greater => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn walking_finds_what_looking_up_finds(
            held in prop::collection::btree_map("[a-d]{1,3}", any::<u8>(), 0..20),
            asked in prop::collection::btree_set("[a-d]{1,3}", 0..20),
        ) {
            let key = |text: &String| AssetKey::new(text).unwrap();
            let held: BTreeMap<AssetKey, u8> =
                held.iter().map(|(text, value)| (key(text), *value)).collect();
            let mut walk = Ascending::over(&held);
            for key in asked.iter().map(key) {
                prop_assert_eq!(walk.seek(&key), held.get(&key));
            }
        }
    }
}
