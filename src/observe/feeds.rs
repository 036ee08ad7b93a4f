//! Change feeds whose readers are behind: can what they read next still be read?
//!
//! Asked only where it matters, which is seldom: of the inputs that somebody reads by changes, has not read
//! to the end, and is not reading now. What cannot be found out stays as it was known.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::delta::KeptChanges;
use assets::delta::contents::PartitionNews;
use assets::{Asset, AssetKey, Consume};
use futures::StreamExt;
use lineage::AssetGraph;

use super::Eyes;
use crate::ports::{Sighting, TableLocation};
use crate::state::{Build, Consumed, DataCommit, Memory, Observation, ObservedState};

/// Logs that are looked through at once.
const AT_ONCE: usize = 10;

/// Adds to sightings from which version on feeds can be read.
pub(super) async fn look(
    eyes: Eyes<'_>,
    (graph, memory): (&AssetGraph, &Memory),
    locations: &BTreeMap<AssetKey, TableLocation>,
    sightings: &mut Vec<Sighting>,
) {
    let asked = asked(graph, memory, sightings);
    let looks = asked.into_iter().filter_map(|(feed, version)| {
        let location = locations.get(&feed)?;
        let observation = observation(memory, sightings, &feed)?.clone();
        let head = observation.head.clone()?;
        let is_read = observation.state == ObservedState::Ok;
        is_read.then_some((feed, location, observation, head, version))
    });
    let looks = looks.map(|(feed, location, observation, head, version)| async move {
        let kept = eyes.tables.kept_changes(location, &head, version).await;
        (feed, observation, head, kept)
    });
    let looks: Vec<_> = looks.collect();
    let mut found = futures::stream::iter(looks).buffered(AT_ONCE);
    let mut news = Vec::new();
    while let Some((feed, observation, head, kept)) = found.next().await {
        match kept {
            Ok(kept) if head.details.kept_changes.as_ref() != Some(&kept) => {
                let mut head = head;
                note(&mut Arc::make_mut(&mut head).details, kept);
                let head = Some(head);
                news.push((
                    feed,
                    Observation {
                        head,
                        ..observation
                    },
                ));
            }
            Ok(_) => {}
            Err(reason) => {
                tracing::warn!(asset = %feed, error = %reason, "change feed not looked through");
            }
        }
    }
    for (feed, observation) in news {
        match sightings.iter_mut().find(|seen| seen.asset == feed) {
            Some(seen) => seen.observation = observation,
            None => sightings.push(quiet(feed, observation)),
        }
    }
}

fn note(details: &mut assets::delta::reading::Details, kept: KeptChanges) {
    // That the feed was on longer than was known is not asked again.
    let since = details.change_feed_since.unwrap_or(u64::MAX);
    details.change_feed_since = kept.from.map(|from| since.min(from));
    details.kept_changes = Some(kept);
}

/// A look that found nothing new but what is remembered of the table.
pub(super) fn quiet(asset: AssetKey, observation: Observation) -> Sighting {
    Sighting {
        asset,
        observation,
        commits: Vec::new(),
        consumption: None,
        build: None,
        forget_commits: false,
        partitions: PartitionNews::Nothing,
        values: Vec::new(),
        built: None,
        code_version: None,
        schema: None,
        is_chosen_from: false,
    }
}

/// The feeds that are to be read on, each with the first version that somebody reads next.
fn asked(graph: &AssetGraph, memory: &Memory, sightings: &[Sighting]) -> BTreeMap<AssetKey, u64> {
    let mut asked = BTreeMap::new();
    let mut seen: Option<BTreeMap<&AssetKey, &Sighting>> = None;
    for index in graph.indices() {
        let asset = graph.asset(index);
        if !asset.is_built_here() || !asset.reads_changes() {
            continue;
        }
        let seen = seen.get_or_insert_with(|| {
            let sightings = sightings.iter();
            sightings.map(|seen| (&seen.asset, seen)).collect()
        });
        let of = Known { memory, seen };
        if !of.is_built(asset) || of.is_running(asset) {
            continue;
        }
        let feeds = asset.upstreams.iter();
        for feed in feeds.filter(|edge| edge.consume == Consume::Changes) {
            if let Some(next) = of.next(asset, &feed.asset) {
                let least = asked.entry(feed.asset.clone()).or_insert(next);
                *least = next.min(*least);
            }
        }
    }
    asked
}

/// What is remembered, and what was just seen.
struct Known<'a> {
    memory: &'a Memory,
    seen: &'a BTreeMap<&'a AssetKey, &'a Sighting>,
}

impl Known<'_> {
    fn is_built(&self, asset: &Asset) -> bool {
        let seen = self
            .seen
            .get(&asset.key)
            .and_then(|seen| seen.build.as_ref());
        seen.or(self.memory.builds.get(&asset.key))
            .is_some_and(Build::was_built)
    }

    fn is_running(&self, asset: &Asset) -> bool {
        let mut open = self.memory.open_intents.values();
        open.any(|intent| intent.assets.contains(&asset.key))
    }

    /// The version that is read next of a feed; none where it was read to its end, or is of a table that
    /// was made anew.
    fn next(&self, asset: &Asset, feed: &AssetKey) -> Option<u64> {
        let newest = self.newest(feed)?;
        let seen = self.seen.get(&asset.key);
        let consumption = seen.and_then(|seen| seen.consumption.as_ref());
        let consumption = consumption.or(self.memory.consumption.get(&asset.key));
        let consumed: Option<&Consumed> = consumption.and_then(|of| of.get(feed));
        let least = consumed.map_or(Some(None), |consumed| {
            let parts = consumed.partitions.iter().map(|part| &part.version);
            let versions = std::iter::once(&consumed.version).chain(parts);
            // Of another incarnation, nothing can be read on.
            let is_here = |version: &&Option<assets::TableVersion>| {
                version
                    .as_ref()
                    .is_none_or(|version| version.table_id == newest.version.table_id)
            };
            let here = versions.filter(is_here);
            here.map(|version| version.as_ref().map(|version| version.version))
                .min()
        })?;
        let next = least.map_or(0, |version| version.saturating_add(1));
        (next <= newest.version.version).then_some(next)
    }

    fn newest(&self, feed: &AssetKey) -> Option<&DataCommit> {
        let seen = self.seen.get(feed).and_then(|seen| seen.commits.last());
        seen.or_else(|| self.memory.commits.get(feed)?.last())
    }
}

fn observation<'a>(
    memory: &'a Memory,
    sightings: &'a [Sighting],
    feed: &AssetKey,
) -> Option<&'a Observation> {
    let seen = sightings.iter().find(|seen| seen.asset == *feed);
    seen.map(|seen| &seen.observation)
        .or_else(|| memory.observations.get(feed))
}
