//! How far streaming queries are that write tables here, by their checkpoints.
//!
//! A table that a streaming query writes names the query and its micro-batch in its log, and the checkpoint of
//! the query says how far that micro-batch read each source: so what the table incorporates is known, not
//! assumed. A checkpoint is asked where one is declared, and its table or something that the table reads has
//! news. What it cannot tell is found out by the next rule, as if none were declared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use assets::delta::KnownHead;
use assets::delta::reading::{Progress, fingerprint};
use assets::policy::OutsideWrites;
use assets::streaming::{
    CheckpointError, Offsets, QUERY_FILE, StreamProgress, commit_file, next_watermark,
    offsets_file, query_id,
};
use assets::{Asset, AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use lineage::{AssetGraph, AssetIndex};

use super::feeds::quiet;
use super::history::History;
use super::{Eyes, Seen};
use crate::ports::{Sighting, TableLocation};
use crate::state::{Basis, Build, Consumed, DataCommit, Memory};

/// Checkpoints that are asked at once, two or three files each.
const AT_ONCE: usize = 10;

/// The operation that takes back what micro-batches wrote, but not their `txn` actions.
const RESTORE: &str = "RESTORE";

/// What the checkpoint of one query says.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    /// What is remembered of it with the table.
    pub(super) progress: StreamProgress,
    /// What the table incorporates of its inputs, of those that are sources of the query; absent where it is
    /// nothing yet.
    pub(super) positions: BTreeMap<AssetKey, Option<TableVersion>>,
}

/// Asks the checkpoints of tables that have news, or whose inputs have.
pub(super) async fn read(
    eyes: Eyes<'_>,
    (graph, memory): (&AssetGraph, &Memory),
    seen: &[Seen],
) -> BTreeMap<AssetKey, Stream> {
    let declares = |index: &AssetIndex| graph.asset(*index).checkpoint().is_some();
    let mut declaring = graph.indices().filter(declares).peekable();
    if declaring.peek().is_none() {
        return BTreeMap::new();
    }
    let known = Known {
        graph,
        memory,
        seen: seen.iter().map(|of| (&of.sighting.asset, of)).collect(),
    };
    let asked = declaring.filter_map(|index| {
        let checkpoint = graph.asset(index).checkpoint()?;
        let head = known.head(&graph.asset(index).key)?;
        let is_due = known.has_news(index, head, fingerprint(checkpoint.as_bytes()));
        is_due.then_some((index, checkpoint, head))
    });
    let known = &known;
    let reads = asked.map(|(index, checkpoint, head)| async move {
        let asset = graph.asset(index);
        let folder = TableLocation {
            path: checkpoint.to_owned(),
            located: None,
        };
        let mut stream = Stream::default();
        stream.progress.place = fingerprint(checkpoint.as_bytes());
        if let Err(problem) = known.ask(eyes, (index, &folder, head), &mut stream).await {
            tracing::warn!(asset = %asset.key, error = problem, "streaming checkpoint not read");
            stream.progress.problem = Some(problem);
            // What was known of a table that has not moved holds still.
            let before =
                head.details.stream.as_ref().filter(|before| {
                    before.place == stream.progress.place && before.batch.is_some()
                });
            if let Some(before) = before.filter(|_| !known.is_moved(&asset.key, head)) {
                stream = Stream {
                    progress: before.clone(),
                    positions: BTreeMap::new(),
                };
            }
        }
        (asset.key.clone(), stream)
    });
    let reads: Vec<_> = reads.collect();
    futures::stream::iter(reads)
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// What is known before checkpoints are asked.
struct Known<'a> {
    graph: &'a AssetGraph,
    memory: &'a Memory,
    seen: BTreeMap<&'a AssetKey, &'a Seen>,
}

impl<'a> Known<'a> {
    fn head(&self, key: &AssetKey) -> Option<&'a KnownHead> {
        let seen = self.seen.get(key).map(|seen| &seen.sighting.observation);
        let observation = seen.or_else(|| self.memory.observations.get(key))?;
        observation.head.as_deref()
    }

    /// Whether the checkpoint can tell something that is not known yet.
    fn has_news(&self, index: AssetIndex, head: &KnownHead, place: u64) -> bool {
        let key = &self.graph.asset(index).key;
        let stream = head.details.stream.as_ref();
        let mut inputs = self.graph.inputs(index).iter();
        let has_commits = |input: &AssetIndex| {
            let seen = self.seen.get(&self.graph.asset(*input).key);
            seen.is_some_and(|seen| !seen.sighting.commits.is_empty())
        };
        self.is_moved(key, head)
            || stream.is_none_or(|stream| stream.place != place)
            || inputs.any(has_commits)
    }

    /// Whether a table has commits that were not seen before, or its writers were not counted before.
    fn is_moved(&self, key: &AssetKey, head: &KnownHead) -> bool {
        let before = self.memory.observations.get(key);
        let before = before.and_then(|before| before.head.as_deref());
        before.is_none_or(|before| {
            (before.version, &before.marker, &before.table_id)
                != (head.version, &head.marker, &head.table_id)
                || before.details.applications != head.details.applications
        })
    }

    /// Reads what there is to know, or says what is wrong.
    async fn ask(
        &self,
        eyes: Eyes<'_>,
        (index, folder, head): (AssetIndex, &TableLocation, &KnownHead),
        stream: &mut Stream,
    ) -> Result<(), String> {
        let query = required(eyes, folder, QUERY_FILE).await?;
        let query = query_id(&query).map_err(|error| silent(QUERY_FILE, &error))?;
        let asset = self.graph.asset(index);
        let progress = self.progress(&asset.key, head, &query).ok_or_else(|| {
            format!("no commit of the table names the query `{query}` of its checkpoint")
        })?;
        let batch = u64::try_from(progress.version).map_err(|_| {
            let number = progress.version;
            format!("the table names micro-batch {number} of the query `{query}`, which is none")
        })?;
        if self.was_restored(&asset.key, head, &progress) {
            return Err(format!(
                "the table was restored after micro-batch {batch}: what is left of it is not known"
            ));
        }
        let name = offsets_file(batch);
        let offsets = required(eyes, folder, &name).await?;
        let offsets = Offsets::parse(&offsets).map_err(|error| silent(&name, &error))?;
        stream.progress.batch = Some(batch);
        let positions = self.place(index, &offsets, stream);
        stream.progress.is_exact &= is_newest(head, &progress);
        if asset.watermark_column().is_none() {
            stream.progress.event_at = event_at(eyes, folder, batch, &offsets).await?;
        }
        positions.map_err(|error| silent(&name, &error))
    }

    /// Says what is incorporated of the inputs that are sources. One that is not understood is left out.
    fn place(
        &self,
        index: AssetIndex,
        offsets: &Offsets,
        stream: &mut Stream,
    ) -> Result<(), CheckpointError> {
        let mut problem = Ok(());
        let mut is_exact = true;
        for &input in self.graph.inputs(index) {
            let key = &self.graph.asset(input).key;
            let Some(head) = self.head(key) else {
                continue;
            };
            let position = match offsets.position_of(&head.table_id) {
                Ok(Some(position)) => position,
                Ok(None) => continue,
                Err(error) => {
                    problem = problem.and(Err(error));
                    continue;
                }
            };
            is_exact &= position.is_whole && position.through.is_none_or(|at| at <= head.version);
            let version = position.through.map(|through| TableVersion {
                table_id: head.table_id.clone(),
                version: self.data_version(key, head, through),
            });
            stream.positions.insert(key.clone(), version);
        }
        stream.progress.is_exact = is_exact;
        problem
    }

    /// Returns the version up to another one that changed data last, as far as that is known. It is never more
    /// than what was seen: what comes later is news, and asks again.
    fn data_version(&self, key: &AssetKey, head: &KnownHead, through: u64) -> u64 {
        let newest = head.data.as_ref().map_or(head.version, |data| data.version);
        let through = through.min(newest);
        let of_table = |commit: &&DataCommit| commit.version.table_id == head.table_id;
        let versions = self.commits(key).filter(of_table);
        let mut versions = versions.map(|commit| commit.version.version);
        versions
            .find(|version| *version <= through)
            .unwrap_or(through)
    }

    /// Commits that changed data, remembered and just seen, newest first.
    fn commits(&self, key: &AssetKey) -> impl Iterator<Item = &'a DataCommit> {
        let seen = self.seen.get(key).map(|seen| &seen.sighting);
        let is_forgotten = seen.is_some_and(|seen| seen.forget_commits);
        let known = self.memory.commits.get(key).filter(|_| !is_forgotten);
        let fresh = seen.map(|seen| &seen.commits);
        known.into_iter().chain(fresh).flatten().rev()
    }

    /// How far a query is, as the table says: in all that was counted, else in what was just seen.
    fn progress(&self, key: &AssetKey, head: &KnownHead, query: &str) -> Option<Progress> {
        let counted = head.details.applications.get(query).cloned();
        counted.or_else(|| {
            let mut commits = self.seen.get(key)?.commits.iter().rev();
            commits.find_map(|commit| {
                Some(Progress {
                    version: *commit.transactions.get(query)?,
                    commit: Some(commit.version),
                    at: Some(commit.committed_at),
                })
            })
        })
    }

    /// Whether somebody took back what the micro-batch wrote.
    fn was_restored(&self, key: &AssetKey, head: &KnownHead, progress: &Progress) -> bool {
        let is_later = |version: u64| progress.commit.is_none_or(|commit| version > commit);
        self.commits(key).any(|commit| {
            commit.version.table_id == head.table_id
                && is_later(commit.version.version)
                && commit.operation.as_deref() == Some(RESTORE)
        })
    }
}

/// Whether nobody changed data after a micro-batch.
fn is_newest(head: &KnownHead, progress: &Progress) -> bool {
    let newest = head.data.as_ref().map(|data| data.version);
    newest.is_none() || newest <= progress.commit
}

/// Returns the event-time watermark after a micro-batch. Its table is written before it ends: until then the
/// one that it began with is sure.
async fn event_at(
    eyes: Eyes<'_>,
    folder: &TableLocation,
    batch: u64,
    offsets: &Offsets,
) -> Result<Option<DateTime<Utc>>, String> {
    let name = commit_file(batch);
    match eyes.tables.checkpoint_file(folder, &name).await {
        Ok(Some(commit)) => next_watermark(&commit).map_err(|error| silent(&name, &error)),
        Ok(None) => Ok(offsets.event_at),
        Err(error) => Err(silent(&name, &error)),
    }
}

async fn required(eyes: Eyes<'_>, folder: &TableLocation, name: &str) -> Result<Vec<u8>, String> {
    let file = eyes.tables.checkpoint_file(folder, name).await;
    let file = file.map_err(|error| silent(name, &error))?;
    let missing = if name == QUERY_FILE {
        "it is not there; `checkpoint` has to be the `checkpointLocation` of the query"
    } else {
        "it is not there any more"
    };
    file.ok_or_else(|| silent(name, &missing))
}

/// Says why a file tells nothing. Its folder is not named: a place may hold a secret.
fn silent(name: &str, why: &dyn Display) -> String {
    format!("`{name}` of its streaming checkpoint tells nothing: {why}")
}

/// Notes what checkpoints said with the tables, and what the tables incorporate for it.
///
/// A write that was just taken over was taken over so already, but for its partitions: a micro-batch is about
/// all of them. A micro-batch that changed no data is no write, and goes on all the same.
pub(super) async fn note(
    history: &History<'_>,
    ours: &BTreeSet<AssetKey>,
    sightings: &mut Vec<Sighting>,
) {
    let positions = sightings.iter().enumerate();
    let at: BTreeMap<AssetKey, usize> = positions
        .map(|(at, seen)| (seen.asset.clone(), at))
        .collect();
    for (key, stream) in &history.streams {
        let seen = at.get(key).and_then(|at| sightings.get(*at));
        let observation = seen.map(|seen| &seen.observation);
        let observation = observation.or_else(|| history.memory.observations.get(key));
        let Some(mut observation) = observation.cloned() else {
            continue;
        };
        let Some(head) = &mut observation.head else {
            continue;
        };
        let is_noted = head.details.stream.as_ref() == Some(&stream.progress);
        if !is_noted {
            Arc::make_mut(head).details.stream = Some(stream.progress.clone());
        }
        let consumption = if ours.contains(key) {
            None
        } else {
            incorporated(history, (key, stream), seen).await
        };
        if is_noted && consumption.is_none() {
            continue;
        }
        match at.get(key).and_then(|at| sightings.get_mut(*at)) {
            Some(seen) => {
                seen.observation = observation;
                seen.consumption = consumption.or(seen.consumption.take());
            }
            None => sightings.push(Sighting {
                consumption,
                ..quiet(key.clone(), observation)
            }),
        }
    }
}

/// Returns what a table incorporates, where that is news.
async fn incorporated(
    history: &History<'_>,
    (key, stream): (&AssetKey, &Stream),
    seen: Option<&Sighting>,
) -> Option<BTreeMap<AssetKey, Consumed>> {
    let index = history.graph.index_of(key.as_str())?;
    let asset = history.graph.asset(index);
    let is_taken_over = seen.is_some_and(|seen| {
        let build = seen.build.as_ref();
        seen.consumption.is_some() && build.is_some_and(Build::was_built)
    });
    if !is_taken_over && !goes_on_alone(history.memory, asset, seen) {
        return None;
    }
    let fresh = seen.and_then(|seen| seen.consumption.as_ref());
    let before = fresh.or_else(|| history.memory.consumption.get(key));
    let mut after = before.cloned().unwrap_or_default();
    for (input, version) in &stream.positions {
        let is_stamped = |consumed: &Consumed| consumed.basis == Basis::Stamp;
        // What the newest write said of itself comes first.
        if fresh
            .and_then(|fresh| fresh.get(input))
            .is_some_and(is_stamped)
        {
            continue;
        }
        let consumed = Consumed::whole(version.clone(), Basis::Checkpoint);
        if before.and_then(|before| before.get(input)) != Some(&consumed) {
            history
                .learn_since(input, version.as_ref(), history.now)
                .await;
            after.insert(input.clone(), consumed);
        }
    }
    (Some(&after) != before).then_some(after)
}

/// Whether an asset is written by its query alone, and what it incorporates may go on without a write.
fn goes_on_alone(memory: &Memory, asset: &Asset, seen: Option<&Sighting>) -> bool {
    let is_forgotten = seen.is_some_and(|seen| seen.forget_commits);
    let is_known = memory.builds.get(&asset.key).is_some_and(Build::was_built);
    is_known
        && !is_forgotten
        && !asset.is_built_here()
        && asset.outside_writes != OutsideWrites::Ignore
}
