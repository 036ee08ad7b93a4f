//! Whose commits are these, and what did their writers consume?
//!
//! A commit of one of our runs carries the origin of what that run incorporated; its consumption is
//! recorded when the run is settled. In doubt a commit is ours: then the run says what was consumed,
//! and at worst runs once more. Any other write of an asset that reads something is taken to
//! have consumed, in this order: what its `userMetadata` says; what the checkpoint of the streaming
//! query says that writes it; the heads at the start of the run that wrote it, where its run id is
//! known; the heads at its commit time less a margin. The last two are assumptions and labelled so. First contact with a table follows the same rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use assets::delta::{Commit, KnownHead};
use assets::partition::{Extent, PartitionSet};
use assets::policy::{Adoption, OutsideWrites};
use assets::version::{PassNumber, TableVersion};
use assets::{Asset, AssetKey, Consume};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use lineage::AssetGraph;

use super::history::History;
use super::{Eyes, Inputs, Seen, awaited, first_contact, placed, streams};
use crate::ports::{Sighting, StateError, TableLocation};
use crate::state::{
    Basis, Build, Consumed, DataCommit, Failure, Intent, IntentId, Memory, ObservedState, RunId,
};

/// Adoptions at once, each of which may ask for one run and read a log back per input.
const ADOPTED_AT_ONCE: usize = 10;

/// Clocks may differ by this much between the stamp of a request and a commit of its run.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What is known before a look.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) graph: &'a AssetGraph,
    pub(super) memory: &'a Memory,
    pub(super) locations: &'a BTreeMap<AssetKey, TableLocation>,
    /// Intents of runs that were found and are not written down yet.
    pub(super) found: &'a [&'a Intent],
}

/// Completes sightings with who wrote what, and says what runs that were found read.
pub(super) async fn attribute(
    eyes: Eyes<'_>,
    known: Known<'_>,
    (pass, now): (PassNumber, DateTime<Utc>),
    mut seen: Vec<Seen>,
) -> Result<(Vec<Sighting>, BTreeMap<IntentId, Inputs>), StateError> {
    let Known {
        graph,
        memory,
        locations,
        found,
    } = known;
    let mut ours = BTreeSet::new();
    for looked in &mut seen {
        if attribute_commits(eyes, memory, found, looked)? {
            ours.insert(looked.sighting.asset.clone());
        }
    }
    // Heads include what this pass saw, so that an adopted table is compared with all of it.
    let history = History {
        eyes,
        graph,
        memory,
        locations,
        now,
        fresh: fresh_commits(&seen),
        heads: heads(&seen),
        starts: Mutex::default(),
        blind: blind(memory, &seen),
        streams: streams::read(eyes, (graph, memory), &seen).await,
        learned: Mutex::default(),
    };
    let mut outside = Vec::new();
    for found in &seen {
        let Some(index) = graph.index_of(found.sighting.asset.as_str()) else {
            continue;
        };
        let is_ours = ours.contains(&found.sighting.asset);
        if let Some(write) = outside_write(graph.asset(index), found, is_ours) {
            outside.push((index, write.clone(), found.is_first_contact));
        }
    }
    // Many at once: at first contact every table asks for a run and for older commits.
    let history = &history;
    let adopted = futures::stream::iter(outside)
        .map(|(index, commit, is_first_contact)| async move {
            let asset = graph.asset(index);
            let mut consumption = history.consumption(index, &commit, is_first_contact).await;
            keep_positions(asset, memory.consumption.get(&asset.key), &mut consumption);
            let origin = history.origin(index, &consumption, &commit, pass);
            let build = adopted_build(asset, memory, &commit, &consumption);
            if is_first_contact {
                consumption =
                    first_contact::by_partition(history, index, &commit, consumption).await;
            }
            (asset.key.clone(), (build, consumption, origin))
        })
        .buffered(ADOPTED_AT_ONCE);
    let mut adopted: BTreeMap<_, _> = adopted.collect().await;
    let inputs = futures::stream::iter(found)
        .map(|intent| async move { (intent.id.clone(), history.inputs_at_start(intent).await) })
        .buffered(ADOPTED_AT_ONCE);
    let inputs = inputs.collect().await;
    let mut sightings: Vec<Sighting> = seen
        .into_iter()
        .map(|found| {
            let mut sighting = found.sighting;
            if let Some((build, consumption, origin)) = adopted.remove(&sighting.asset) {
                if let Some(newest) = sighting.commits.last_mut() {
                    newest.origin = origin;
                }
                let is_by_partitions = graph
                    .index_of(sighting.asset.as_str())
                    .is_some_and(|index| graph.asset(index).planned_partitions().is_some());
                let consumption = if is_by_partitions && !found.is_first_contact {
                    let written = written_by_others(&sighting);
                    let taken_over = sighting.consumption.as_ref();
                    let before = taken_over.or(memory.consumption.get(&sighting.asset));
                    // Of several writes nobody could tell later which one wrote what: they are taken to
                    // have read nothing of it.
                    let (before, consumption) = (before.map(given_up), given_up(&consumption));
                    placed::outside(before.as_ref(), &written, consumption)
                } else {
                    consumption
                };
                sighting.build = Some(build);
                sighting.consumption = Some(consumption);
            } else if sighting.forget_commits && !ours.contains(&sighting.asset) {
                // What we knew of the content went with the table that had it.
                sighting.build = memory.builds.get(&sighting.asset).map(unbuilt);
                sighting.consumption = Some(BTreeMap::new());
            }
            sighting
        })
        .collect();
    streams::note(history, &ours, &mut sightings).await;
    awaited::find_out(history, &mut sightings).await;
    history.add_learned(pass, &mut sightings);
    Ok((sightings, inputs))
}

/// A position in a change feed is known exactly, and moves only by what is known: what a write of somebody
/// else may have read of the feed is no reason to skip it.
fn keep_positions(
    asset: &Asset,
    before: Option<&BTreeMap<AssetKey, Consumed>>,
    consumption: &mut BTreeMap<AssetKey, Consumed>,
) {
    let feeds = asset
        .upstreams
        .iter()
        .filter(|edge| edge.consume == Consume::Changes);
    for upstream in feeds.map(|edge| &edge.asset) {
        let known = before.and_then(|before| before.get(upstream));
        if let (Some(known), Some(assumed)) = (known, consumption.get_mut(upstream))
            && (assumed.basis.is_assumed() || assumed.is_unknown())
        {
            assumed.clone_from(known);
        }
    }
}

/// The assets that cannot be read now.
fn blind(memory: &Memory, seen: &[Seen]) -> BTreeSet<AssetKey> {
    let is_blind = |state: &ObservedState| matches!(state, ObservedState::Unknown { .. });
    let before = memory.observations.iter();
    let before = before.filter(|(_, observation)| is_blind(&observation.state));
    let mut blind: BTreeSet<AssetKey> = before.map(|(key, _)| key.clone()).collect();
    for Seen { sighting, .. } in seen {
        if is_blind(&sighting.observation.state) {
            blind.insert(sighting.asset.clone());
        } else {
            blind.remove(&sighting.asset);
        }
    }
    blind
}

/// What was consumed, with nothing in the place of what nobody knows.
fn given_up(consumption: &BTreeMap<AssetKey, Consumed>) -> BTreeMap<AssetKey, Consumed> {
    let mut known = consumption.clone();
    for consumed in known.values_mut() {
        consumed.find_out(None, Basis::CommitTime);
    }
    known
}

/// The partitions in which others changed data.
fn written_by_others(sighting: &Sighting) -> PartitionSet {
    let theirs = sighting
        .commits
        .iter()
        .filter(|commit| commit.intent.is_none());
    PartitionSet::union_of(theirs.map(|commit| match &commit.partitions {
        Some(extent) => extent.partitions.clone(),
        None => PartitionSet::EVERYTHING,
    }))
}

/// Marks the commits that our runs wrote; returns whether the newest one is ours.
fn attribute_commits(
    eyes: Eyes<'_>,
    memory: &Memory,
    adopted: &[&Intent],
    found: &mut Seen,
) -> Result<bool, StateError> {
    let mut is_newest_ours = false;
    let asset = found.sighting.asset.clone();
    for commit in &found.commits {
        let touched = touched(&found.sighting, commit);
        let author = author(eyes, memory, adopted, (&asset, commit, touched))?;
        is_newest_ours = !matches!(author, Author::Other);
        let Author::Run(intent) = author else {
            continue;
        };
        let recorded = found
            .sighting
            .commits
            .iter_mut()
            .find(|c| c.version.version == commit.version);
        if let Some(recorded) = recorded {
            recorded.intent = Some(intent.id.clone());
            if let Some(origin) = intent.origin {
                recorded.origin = recorded.origin.oldest(origin);
            }
        }
    }
    Ok(is_newest_ours)
}

/// The partitions in which a commit changed data, where it is known of some.
fn touched<'a>(sighting: &'a Sighting, commit: &Commit) -> Option<&'a Extent> {
    let mut commits = sighting.commits.iter();
    let recorded = commits.find(|recorded| recorded.version.version == commit.version)?;
    recorded.partitions.as_ref()
}

/// Who wrote a commit.
enum Author {
    /// The run of this intent.
    Run(Box<Intent>),
    /// A run of ours that was settled before the commit could be read.
    SettledRun,
    /// Somebody else.
    Other,
}

fn author(
    eyes: Eyes<'_>,
    memory: &Memory,
    found: &[&Intent],
    (asset, commit, touched): (&AssetKey, &Commit, Option<&Extent>),
) -> Result<Author, StateError> {
    let runs = [commit.writer.job_run_id, commit.writer.task_run_id];
    let mut names_a_run = false;
    for run in runs.into_iter().flatten().map(RunId) {
        names_a_run = true;
        let adopted = found.iter().find(|intent| intent.run_id == Some(run));
        let recorded = match adopted {
            Some(intent) => Some((*intent).clone()),
            None => eyes.state.intent_of_run(run)?,
        };
        if let Some(intent) = recorded {
            return Ok(if intent.assets.contains(asset) {
                Author::Run(Box::new(intent))
            } else {
                Author::Other
            });
        }
    }
    let open = memory.open_intents.values().chain(found.iter().copied());
    let open = open.filter(|intent| intent.assets.contains(asset));
    // A lost answer leaves a run whose id we do not know yet: its commits are ours all the same.
    let may_be_unrecorded = |intent: &&Intent| intent.run_id.is_none() || !names_a_run;
    let mut open = open
        .filter(may_be_unrecorded)
        .filter(|intent| has_begun(intent, commit));
    // Of several runs for parts of an asset it is the one that builds what was written.
    let first = open.next();
    let meets = |intent: &&Intent| match (intent.partitions.as_ref(), touched) {
        (Some(own), Some(touched)) if own.ordinals == touched.ordinals => {
            own.partitions.meets(&touched.partitions)
        }
        (Some(_) | None, _) => true,
    };
    let open = first.filter(meets).or_else(|| open.find(meets)).or(first);
    Ok(match open {
        Some(intent) => Author::Run(Box::new(intent.clone())),
        None if !names_a_run && is_within_settled_run(memory, asset, commit) => Author::SettledRun,
        None => Author::Other,
    })
}

/// Whether a commit may have come of what was sent for an intent, earlier attempts included.
fn has_begun(intent: &Intent, commit: &Commit) -> bool {
    if intent.is_found {
        // Nobody here knows what came before the run. One that may be for several assets claims
        // only what names it.
        let is_sole = intent.assets.len() == 1;
        let began_at = intent.first_sent_at.filter(|_| is_sole);
        return began_at.is_some_and(|began| commit.committed_at >= began);
    }
    let began = if intent.attempt > 1 {
        Some(intent.created_at)
    } else {
        intent.first_sent_at
    };
    began.is_some_and(|began| commit.committed_at >= began - SKEW)
}

/// Whether a commit came before the end of our last run, at which its table could not be read, or
/// did not show the commit yet.
fn is_within_settled_run(memory: &Memory, asset: &AssetKey, commit: &Commit) -> bool {
    let Some(build) = memory.builds.get(asset) else {
        return false;
    };
    let observation = memory.observations.get(asset);
    let was_blind = observation
        .is_some_and(|observation| matches!(observation.state, ObservedState::Unknown { .. }));
    // A failure may be a refusal, with no run at all: then only blindness speaks for a commit of ours.
    let failed_at = build.failure.as_ref().map(|failure| failure.at);
    let ends = [build.last_success_at, failed_at.filter(|_| was_blind)];
    ends.into_iter()
        .flatten()
        .any(|end| commit.committed_at <= end)
}

fn fresh_commits(seen: &[Seen]) -> BTreeMap<AssetKey, (bool, Vec<DataCommit>)> {
    seen.iter()
        .map(|found| {
            let sighting = &found.sighting;
            (
                sighting.asset.clone(),
                (sighting.forget_commits, sighting.commits.clone()),
            )
        })
        .collect()
}

fn heads(seen: &[Seen]) -> BTreeMap<AssetKey, Arc<KnownHead>> {
    let looked = seen.iter().map(|found| &found.sighting);
    let heads = looked.filter_map(|sighting| {
        let head = sighting.observation.head.clone()?;
        Some((sighting.asset.clone(), head))
    });
    heads.collect()
}

/// The newest commit that nobody here made and that says something about how its asset was built.
fn outside_write<'a>(asset: &Asset, found: &'a Seen, is_ours: bool) -> Option<&'a Commit> {
    let is_derived = !asset.upstreams.is_empty() || asset.is_built_here();
    if !is_derived || !asset.kind.has_table() || is_ours {
        return None;
    }
    let is_wanted = if found.is_first_contact {
        !(asset.is_built_here() && asset.adopt == Adoption::Rebuild)
    } else {
        asset.outside_writes != OutsideWrites::Ignore
    };
    // Of an asset with partitions each of them was written by some of the commits: none of their
    // writers read less than the first one did.
    let write = match asset.planned_partitions() {
        Some(_) if !found.is_first_contact => found.commits.first(),
        Some(_) | None => found.commits.last(),
    };
    write.filter(|_| is_wanted)
}

fn adopted_build(
    asset: &Asset,
    memory: &Memory,
    commit: &Commit,
    consumption: &BTreeMap<AssetKey, Consumed>,
) -> Build {
    let previous = memory.builds.get(&asset.key);
    let failure = previous.and_then(|build| build.failure.as_ref());
    Build {
        begun_at: None,
        code_version: asset.code_version.clone(),
        built_at: Some(commit.committed_at),
        last_success_at: previous.and_then(|build| build.last_success_at),
        produced: None,
        is_adopted: true,
        degraded_by: Vec::new(),
        cut: previous.and_then(|build| build.cut),
        failure: failure
            .filter(|failure| !is_repaired(failure, consumption))
            .cloned(),
        partitions: previous.and_then(|build| build.partitions.clone()),
        read_by: None,
        pinned: Vec::new(),
    }
}

/// Whether a write incorporates all that a failed run would have.
fn is_repaired(failure: &Failure, consumption: &BTreeMap<AssetKey, Consumed>) -> bool {
    let covers = |(input, wanted): (&AssetKey, &Option<TableVersion>)| {
        let consumed = consumption.get(input).and_then(|c| c.version.as_ref());
        match (wanted, consumed) {
            (None, _) => true,
            (Some(wanted), Some(consumed)) => {
                wanted.table_id == consumed.table_id && wanted.version <= consumed.version
            }
            (Some(_), None) => false,
        }
    };
    failure.inputs.iter().all(covers)
}

/// What stays known of an asset whose content is not what was built: why it waits, or failed.
fn unbuilt(build: &Build) -> Build {
    Build {
        last_success_at: build.last_success_at,
        cut: build.cut,
        failure: build.failure.clone(),
        ..Build::default()
    }
}
