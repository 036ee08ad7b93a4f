//! What tables held at an instant, and what a write or a run is therefore taken to have read.
//!
//! What is remembered and was just seen comes first; where it does not go back far enough, the log is
//! read back. What is found there beyond what was consumed is learned: the consumer is behind since
//! the oldest of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use assets::delta::contents::{PartitionNews, Watch};
use assets::delta::{Commit, KnownHead, Unreadable};
use assets::policy::OutsideWrites;
use assets::version::{Origin, PassNumber, TableVersion};
use assets::{Asset, AssetKey};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::{AssetGraph, AssetIndex};

use super::placed::Places;
use super::sighting::data_commit;
use super::streams::Stream;
use super::{Eyes, Inputs, spread_columns};
use crate::ports::{Back, Sighting, TableLocation};
use crate::state::{Basis, Consumed, DataCommit, Intent, Memory, RunId};

/// The margin where the policy ignores outside writes but a table has to be adopted all the same.
const DEFAULT_MARGIN: TimeDelta = TimeDelta::minutes(30);

/// The last instant before another one: what was committed at the very instant at which a run
/// started may have come too late for it.
fn before(at: DateTime<Utc>) -> DateTime<Utc> {
    at.checked_sub_signed(TimeDelta::microseconds(1))
        .unwrap_or(at)
}

/// The commits of all tables, as far back as somebody asks.
pub(super) struct History<'a> {
    pub(super) eyes: Eyes<'a>,
    pub(super) graph: &'a AssetGraph,
    pub(super) memory: &'a Memory,
    pub(super) locations: &'a BTreeMap<AssetKey, TableLocation>,
    pub(super) now: DateTime<Utc>,
    /// What was just seen of each table, and whether what was known before means nothing any more.
    pub(super) fresh: BTreeMap<AssetKey, (bool, Vec<DataCommit>)>,
    /// The assets that cannot be read now.
    pub(super) blind: BTreeSet<AssetKey>,
    /// What streaming checkpoints say, by the asset whose writer it is.
    pub(super) streams: BTreeMap<AssetKey, Stream>,
    /// What was just seen of tables whose log was read.
    pub(super) heads: BTreeMap<AssetKey, Arc<KnownHead>>,
    /// What the service said of runs that wrote something.
    pub(super) starts: Mutex<BTreeMap<RunId, Option<DateTime<Utc>>>>,
    /// What was found by reading logs back, and nobody here knew.
    pub(super) learned: Mutex<BTreeMap<AssetKey, Learned>>,
}

impl History<'_> {
    /// What a write of an asset is taken to have consumed, input by input.
    pub(super) async fn consumption(
        &self,
        index: AssetIndex,
        commit: &Commit,
        is_first_contact: bool,
    ) -> BTreeMap<AssetKey, Consumed> {
        let asset = self.graph.asset(index);
        let start = self.run_start(commit).await;
        let assumed = || self.assumed_start(asset, commit, is_first_contact);
        let (at, basis) = match start {
            Some(started_at) => (started_at, Basis::RunStart),
            None => (assumed(), Basis::CommitTime),
        };
        let stream = self.streams.get(&asset.key);
        let mut consumption = BTreeMap::new();
        for &input in self.graph.inputs(index) {
            let key = &self.graph.asset(input).key;
            let position = stream.and_then(|stream| stream.positions.get(key));
            let stamped = commit
                .inputs
                .as_ref()
                .and_then(|inputs| inputs.get(key.as_str()));
            let consumed = match stamped.and_then(|version| self.stamped(key, *version)) {
                Some(version) => {
                    self.learn_since(key, Some(&version), at).await;
                    Consumed::whole(Some(version), Basis::Stamp)
                }
                None => match position {
                    Some(version) => {
                        self.learn_since(key, version.as_ref(), at).await;
                        Consumed::whole(version.clone(), Basis::Checkpoint)
                    }
                    None => self.consumed_at(key, at, basis).await,
                },
            };
            consumption.insert(key.clone(), consumed);
        }
        consumption
    }

    /// What a write is taken to have consumed of an input that is known by a time alone.
    async fn consumed_at(&self, key: &AssetKey, at: DateTime<Utc>, basis: Basis) -> Consumed {
        match self.head_at(key, at).await {
            Head::Known(version) => Consumed::whole(version, basis),
            Head::Unreadable => Consumed::whole(None, Basis::Unknown),
        }
    }

    /// The time of a write less a margin. No write is later than the look that found it: one that
    /// says so was dated by a clock that is ahead, and would hide what its writer never saw.
    fn less(&self, margin: TimeDelta, commit: &Commit) -> DateTime<Utc> {
        let at = commit.committed_at.min(self.now);
        at.checked_sub_signed(margin)
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// What a run that was found is taken to have read: the heads at its start. It may have read
    /// more, which costs a run and loses nothing.
    pub(super) async fn inputs_at_start(&self, intent: &Intent) -> Inputs {
        let Some(at) = intent.first_sent_at.map(before) else {
            return Inputs::new();
        };
        let mut inputs = Inputs::new();
        for asset in &intent.assets {
            let Some(index) = self.graph.index_of(asset.as_str()) else {
                continue;
            };
            let of_asset = inputs.entry(asset.clone()).or_default();
            for &input in self.graph.inputs(index) {
                let key = &self.graph.asset(input).key;
                // What cannot be read is taken for nothing: it costs a run.
                let version = match self.head_at(key, at).await {
                    Head::Known(version) => version,
                    Head::Unreadable => None,
                };
                of_asset.insert(key.clone(), version);
            }
        }
        inputs
    }

    /// When the run that wrote a commit had read nothing yet, where the service tells that of it.
    pub(super) async fn run_start(&self, commit: &Commit) -> Option<DateTime<Utc>> {
        let run = RunId(commit.writer.job_run_id.or(commit.writer.task_run_id)?);
        let known = self.starts().get(&run).copied();
        if let Some(known) = known {
            return known;
        }
        let found = self.eyes.jobs?.run(run).await.ok();
        let start = found.map(|run| before(run.started_at));
        // Many tables and partitions are written by one run.
        self.starts().insert(run, start);
        start
    }

    fn starts(&self) -> MutexGuard<'_, BTreeMap<RunId, Option<DateTime<Utc>>>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time until which a write has surely read nothing, where nobody knows its run.
    pub(super) fn assumed_start(
        &self,
        asset: &Asset,
        commit: &Commit,
        is_first_contact: bool,
    ) -> DateTime<Utc> {
        let margin = match asset.outside_writes {
            OutsideWrites::Assume { margin } => margin,
            OutsideWrites::Ignore if is_first_contact => DEFAULT_MARGIN,
            OutsideWrites::Ignore => TimeDelta::zero(),
        };
        self.less(margin, commit)
    }

    /// Reads the log of a table back.
    pub(super) async fn back(
        &self,
        key: &AssetKey,
        location: &TableLocation,
        (to, at_most): (DateTime<Utc>, usize),
    ) -> Result<Vec<Commit>, Unreadable> {
        let asset = self.graph.index_of(key.as_str());
        let asset = asset.map(|index| self.graph.asset(index));
        let head = self.head(key);
        let watched = asset.map(|asset| spread_columns(asset, head.map(AsRef::as_ref)));
        let spread = watched.into_iter().flatten();
        let spread = spread.filter_map(|watched| match watched {
            Watch::Spread(column) => Some(column),
            Watch::Range(_) | Watch::Nulls(_) => None,
        });
        let back = Back {
            to,
            at_most,
            spread: spread.collect(),
        };
        self.eyes.tables.commits_back_to(location, back).await
    }

    /// What was last seen of a table.
    pub(super) fn head(&self, key: &AssetKey) -> Option<&Arc<KnownHead>> {
        let remembered = || self.memory.observations.get(key)?.head.as_ref();
        self.heads.get(key).or_else(remembered)
    }

    /// A stamped version means the incarnation that is there now, and never more than what was
    /// seen of it: else a stamp that is wrong, or older than the incarnation, would hide changes.
    pub(super) fn stamped(&self, key: &AssetKey, version: u64) -> Option<TableVersion> {
        let newest = self.commits(key).last().map(|commit| &commit.version)?;
        Some(TableVersion {
            table_id: newest.table_id.clone(),
            version: version.min(newest.version),
        })
    }

    /// The data version of a table at an instant: what is remembered, else what the log says.
    async fn head_at(&self, key: &AssetKey, at: DateTime<Utc>) -> Head {
        let known: Vec<&DataCommit> = self.commits(key).collect();
        // Commits may be dated by clocks that disagree: what follows a later one came later.
        let before = known.iter().take_while(|commit| commit.committed_at <= at);
        if let Some(commit) = before.last() {
            return Head::Known(Some(commit.version.clone()));
        }
        let Some(oldest) = known.first() else {
            return if self.blind.contains(key) {
                Head::Unreadable
            } else {
                Head::Known(None)
            };
        };
        let Some(location) = self.locations.get(key) else {
            return Head::Known(None);
        };
        let Ok(mut back) = self.back(key, location, (at, usize::MAX)).await else {
            return Head::Unreadable;
        };
        let Some(last) = back.last() else {
            return Head::Known(None);
        };
        // Where the log goes no further, nobody knows what had been consumed: then nothing is.
        let version = (last.committed_at <= at).then_some(last.version);
        let unread = last.version.checked_sub(1).filter(|_| version.is_none());
        let lost = unread.map(|version| (version, at));
        let first_known = oldest.version.version;
        let is_news = |commit: &Commit| version.is_none_or(|version| commit.version > version);
        back.retain(|commit| commit.version < first_known && is_news(commit));
        self.learn(key, Learned { back, lost });
        Head::Known(version.map(|version| TableVersion {
            table_id: oldest.version.table_id.clone(),
            version,
        }))
    }

    /// Learns what came after a version that a writer says it read, or after nothing, where what is known
    /// does not go back so far.
    pub(super) async fn learn_since(
        &self,
        key: &AssetKey,
        read: Option<&TableVersion>,
        at: DateTime<Utc>,
    ) {
        let first_known = self.commits(key).next().map(|known| known.version.version);
        let next = read.map_or(0, |read| read.version.saturating_add(1));
        let is_next = |first: u64| first <= next;
        let Some(first_known) = first_known.filter(|first| !is_next(*first)) else {
            return;
        };
        let Some(location) = self.locations.get(key) else {
            return;
        };
        // Mostly it was the newest one then; how much older it may be, nobody says.
        for from in [at, DateTime::<Utc>::MIN_UTC] {
            let Ok(mut back) = self.back(key, location, (from, usize::MAX)).await else {
                return;
            };
            let Some(last) = back.last() else { return };
            let is_reached = last.version < next;
            if !is_reached && from == at {
                continue;
            }
            let is_gap = !is_reached && !is_next(last.version);
            let lost = is_gap.then(|| (last.version.saturating_sub(1), at.min(last.committed_at)));
            back.retain(|commit| (next..first_known).contains(&commit.version));
            self.learn(key, Learned { back, lost });
            return;
        }
    }

    /// Keeps the longest history of a table that anybody asked for.
    pub(super) fn learn(&self, key: &AssetKey, found: Learned) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let known = learned.entry(key.clone()).or_default();
        let lost = [known.lost, found.lost];
        if found.back.len() > known.back.len() {
            known.back = found.back;
        }
        let since = lost.iter().flatten().map(|(_, since)| *since).min();
        // It is what came before all that is told of, whoever lacks it.
        let version = match known.back.last() {
            Some(oldest) => oldest.version.checked_sub(1),
            None => lost.iter().flatten().map(|(version, _)| *version).min(),
        };
        known.lost = version.zip(since);
    }

    /// Adds what was learned to what was seen, so that it is remembered.
    pub(super) fn add_learned(&self, pass: PassNumber, sightings: &mut Vec<Sighting>) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, learned) in std::mem::take(&mut *learned) {
            let Some(known) = self.commits(&key).next() else {
                continue;
            };
            let mut commits = learned.commits(known, pass);
            self.place(&key, &learned, &mut commits);
            let seen = sightings.iter_mut().find(|sighting| sighting.asset == key);
            if let Some(sighting) = seen {
                sighting.commits.splice(0..0, commits);
            } else if let Some(observation) = self.memory.observations.get(&key)
                && !commits.is_empty()
            {
                sightings.push(Sighting {
                    asset: key,
                    observation: observation.clone(),
                    commits,
                    consumption: None,
                    build: None,
                    forget_commits: false,
                    partitions: PartitionNews::Nothing,
                    values: Vec::new(),
                    built: None,
                    code_version: None,
                    schema: None,
                    is_chosen_from: false,
                });
            }
        }
    }

    /// Says which partitions commits touched that were learned of.
    fn place(&self, key: &AssetKey, learned: &Learned, commits: &mut [DataCommit]) {
        let index = self.graph.index_of(key.as_str());
        let asset = index.map(|index| self.graph.asset(index));
        let definition = asset.and_then(|asset| asset.partitions.as_ref());
        let (Some(definition), Some(head)) = (definition, self.head(key)) else {
            return;
        };
        let places = Places::new(definition, head);
        let read: BTreeMap<u64, &Commit> = learned.back.iter().map(|c| (c.version, c)).collect();
        for known in commits {
            let read = read.get(&known.version.version);
            known.partitions = read.map(|read| places.extent(read));
        }
    }

    /// Commits that changed data, remembered and just seen, oldest first.
    pub(super) fn commits(&self, key: &AssetKey) -> impl Iterator<Item = &DataCommit> {
        let fresh = self.fresh.get(key);
        let is_forgotten = fresh.is_some_and(|(forget, _)| *forget);
        let known = self.memory.commits.get(key).filter(|_| !is_forgotten);
        let fresh = fresh.map(|(_, commits)| commits);
        known.into_iter().chain(fresh).flatten()
    }

    /// The oldest source change among what an outside write incorporated.
    pub(super) fn origin(
        &self,
        index: AssetIndex,
        consumption: &BTreeMap<AssetKey, Consumed>,
        commit: &Commit,
        pass: PassNumber,
    ) -> Origin {
        let own = Origin {
            at: commit.committed_at,
            seen: pass,
        };
        let asset = self.graph.asset(index);
        let before = self.memory.consumption.get(&asset.key);
        let mut origin = own;
        for (key, consumed) in consumption {
            let was = before.and_then(|before| before.get(key)?.version.as_ref());
            let (Some(was), Some(is)) = (was, consumed.version.as_ref()) else {
                continue;
            };
            let incorporated = self.commits(key).filter(|commit| {
                let version = &commit.version;
                version.table_id == is.table_id
                    && version.version <= is.version
                    && (version.table_id != was.table_id || version.version > was.version)
            });
            origin = incorporated
                .map(|commit| commit.origin)
                .fold(origin, Origin::oldest);
        }
        origin
    }
}

/// What a table held at an instant.
pub(super) enum Head {
    /// This data version; none where it had no data, or nobody can tell any more.
    Known(Option<TableVersion>),
    /// It cannot be read now.
    Unreadable,
}

/// What reading a log back brought to light.
#[derive(Default)]
pub(super) struct Learned {
    /// Commits that changed data, newest first.
    pub(super) back: Vec<Commit>,
    /// The newest version that the log no longer tells of, and since when a consumer may lack it.
    pub(super) lost: Option<(u64, DateTime<Utc>)>,
}

impl Learned {
    /// What it comes to, oldest first, before the oldest commit that was known.
    fn commits(&self, known: &DataCommit, pass: PassNumber) -> Vec<DataCommit> {
        let table_id = &known.version.table_id;
        let back = self.back.iter().rev();
        let mut commits: Vec<DataCommit> = back
            .map(|commit| data_commit(table_id, commit, pass))
            .collect();
        if let Some((version, since)) = self.lost {
            let first = commits.first().unwrap_or(known);
            let lost = DataCommit {
                version: TableVersion {
                    table_id: table_id.clone(),
                    version,
                },
                committed_at: first.committed_at,
                origin: Origin {
                    at: since,
                    seen: pass,
                },
                operation: Some("before the readable log".to_owned()),
                intent: None,
                partitions: None,
                event_at: None,
                names_run: false,
                provenance: None,
            };
            commits.insert(0, lost);
        }
        commits
    }
}
