//! What a write that was taken over consumed of inputs that could not be read then.
//!
//! As soon as such an input can be read, the commit of the write is looked up again, and what it consumed is
//! found out by the same rule. Until then nobody knows: the asset is neither behind nor fresh. Where the
//! commit is not told of any more, it is taken to have read nothing of that input, which costs a run.

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use assets::delta::Commit;
use lineage::AssetIndex;

use super::history::History;
use super::{first_contact, sighting};
use crate::ports::{Back, Sighting};
use crate::state::{Basis, Build, Consumed};

/// Completes what is recorded as unknown, as far as it can be found out now.
pub(super) async fn find_out(history: &History<'_>, sightings: &mut Vec<Sighting>) {
    let mut found = Vec::new();
    for (key, consumption) in &history.memory.consumption {
        if !consumption.values().any(Consumed::is_unknown) {
            continue;
        }
        let Some(index) = history.graph.index_of(key.as_str()) else {
            continue;
        };
        // A write that was just taken over says it all.
        let seen = sightings.iter().find(|seen| seen.asset == *key);
        if seen.is_some_and(|seen| seen.build.is_some() || seen.forget_commits) {
            continue;
        }
        let taken_over = seen.and_then(|seen| seen.consumption.as_ref());
        let mut known = taken_over.unwrap_or(consumption).clone();
        if complete(history, index, &mut known).await {
            found.push((key.clone(), known));
        }
    }
    for (key, consumption) in found {
        if let Some(seen) = sightings.iter_mut().find(|seen| seen.asset == key) {
            seen.consumption = Some(consumption);
        } else if let Some(observation) = history.memory.observations.get(&key) {
            let mut seen = sighting::seen(&key, observation.clone(), Vec::new()).sighting;
            seen.consumption = Some(consumption);
            sightings.push(seen);
        }
    }
}

/// Finds out what an asset incorporates of inputs that can be read again; returns whether it did.
async fn complete(
    history: &History<'_>,
    index: AssetIndex,
    known: &mut BTreeMap<AssetKey, Consumed>,
) -> bool {
    let asset = &history.graph.asset(index).key;
    let readers = history.graph.inputs(index).iter();
    let inputs: BTreeSet<&AssetKey> = readers.map(|of| &history.graph.asset(*of).key).collect();
    let is_awaited = |(upstream, consumed): &(&AssetKey, &Consumed)| {
        // What is no input any more is waited for by nobody.
        consumed.is_unknown() && inputs.contains(upstream) && !history.blind.contains(*upstream)
    };
    let awaited = known.iter().filter(is_awaited);
    let awaited: Vec<AssetKey> = awaited.map(|(upstream, _)| upstream.clone()).collect();
    if awaited.is_empty() {
        return false;
    }
    let commit = match write_of(history, asset).await {
        Write::Found(commit) => Some(commit),
        Write::Lost => None,
        Write::Unreadable => return false,
    };
    let consumed = match &commit {
        Some(commit) => {
            let whole = history.consumption(index, commit, true).await;
            first_contact::by_partition(history, index, commit, whole).await
        }
        None => BTreeMap::new(),
    };
    let mut is_news = false;
    for upstream in awaited {
        let Some(unknown) = known.get_mut(&upstream) else {
            continue;
        };
        match consumed.get(&upstream) {
            Some(found) if found.is_unknown() => {}
            Some(found) => {
                put(unknown, found);
                is_news = true;
            }
            None => {
                unknown.find_out(None, Basis::CommitTime);
                is_news = true;
            }
        }
    }
    is_news
}

/// Puts what was found in the place of what nobody knew; what else is known of partitions stays.
fn put(unknown: &mut Consumed, found: &Consumed) {
    if unknown.basis != Basis::Unknown {
        unknown.find_out(found.least(), found.basis);
        return;
    }
    let known = std::mem::replace(unknown, found.clone());
    for part in known.partitions {
        if part.basis != Basis::Unknown {
            unknown.incorporate(&part.set, part.version, part.basis);
        }
    }
}

/// The commit of the write that was taken over.
enum Write {
    Found(Box<Commit>),
    /// There is none any more, or nobody can say which one it was.
    Lost,
    Unreadable,
}

async fn write_of(history: &History<'_>, asset: &AssetKey) -> Write {
    let build = history.memory.builds.get(asset);
    let taken_over = build.filter(|build: &&Build| build.is_adopted);
    let Some(at) = taken_over.and_then(|build| build.built_at) else {
        return Write::Lost;
    };
    let Some(location) = history.locations.get(asset) else {
        return Write::Lost;
    };
    let back = Back::to(at);
    let Ok(back) = history.eyes.tables.commits_back_to(location, back).await else {
        return Write::Unreadable;
    };
    let commit = back.into_iter().find(|commit| commit.committed_at == at);
    commit.map_or(Write::Lost, |commit| Write::Found(Box::new(commit)))
}
