//! What the partitions of a table incorporate at first contact: each what the write did that touched it last.
//!
//! The log is read back for that, as far as it goes, but at most [`AT_MOST`] commits of it and of each input:
//!
//! | the last write of a partition | the partition incorporates |
//! | --- | --- |
//! | is read | what that write is taken to have consumed, by the rule for any write |
//! | came before the oldest commit that is read | what that oldest one did: it surely is not later than that |
//!
//! | the log of an input | an older write consumed |
//! | --- | --- |
//! | goes back to the write | what the input held then |
//! | begins later | what the log does not tell of any more: just what it does tell is lacking |
//!
//! A feed, and what a streaming query reads, is read by one position for all partitions, which is where the
//! newest write left it.

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use assets::delta::Commit;
use assets::partition::PartitionSet;
use assets::version::TableVersion;
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::history::{History, Learned};
use super::placed::Places;
use crate::state::{Basis, Consumed, ConsumedPartitions};

/// Commits that are read back at most of each log: a write every hour for six weeks.
const AT_MOST: usize = 1000;

/// Runs that are asked for at most for one table; of older writes the time of the commit counts.
const RUNS_AT_MOST: usize = 100;

/// Returns what partitions incorporate, where `whole` is what the newest write did.
pub(super) async fn by_partition(
    history: &History<'_>,
    index: AssetIndex,
    newest: &Commit,
    whole: BTreeMap<AssetKey, Consumed>,
) -> BTreeMap<AssetKey, Consumed> {
    let asset = history.graph.asset(index);
    let (Some(definition), Some(head), Some(location)) = (
        asset.planned_partitions(),
        history.head(&asset.key),
        history.locations.get(&asset.key),
    ) else {
        return whole;
    };
    let everything = (DateTime::<Utc>::MIN_UTC, AT_MOST);
    let Ok(mut commits) = history.back(&asset.key, location, everything).await else {
        // It could be read a moment ago: it is tried again before anybody is called fresh.
        return whole
            .into_keys()
            .map(|key| (key, Consumed::whole(None, Basis::Unknown)))
            .collect();
    };
    commits.retain(|commit| commit.version <= newest.version);
    let touches = last_touches(&Places::new(definition, head), &commits);
    let writes = dated(history, index, newest, touches).await;
    if writes.iter().all(|write| write.read_by.is_none()) {
        return whole;
    }
    let mut feeds: BTreeSet<&AssetKey> = asset.feeds().collect();
    let stream = history.streams.get(&asset.key).into_iter();
    feeds.extend(stream.flat_map(|stream| stream.positions.keys()));
    let mut consumption = BTreeMap::new();
    for (key, newest) in whole {
        let consumed = if newest.is_unknown() || feeds.contains(&key) {
            newest
        } else {
            of_input(history, &key, &writes, newest).await
        };
        consumption.insert(key, consumed);
    }
    consumption
}

/// A commit and the partitions that no later one touched.
struct Touch<'a> {
    set: PartitionSet,
    commit: &'a Commit,
}

/// Finds the last write of each partition, newest first. The sets have nothing in common but with the last
/// one, which is everything: what no other one touched.
fn last_touches<'a>(places: &Places, commits: &'a [Commit]) -> Vec<Touch<'a>> {
    let mut found: Vec<Touch<'a>> = Vec::new();
    let mut claimed = PartitionSet::NOTHING;
    for commit in commits {
        let touched = places.extent(commit).partitions;
        if touched.is_everything() {
            found.push(Touch {
                set: touched,
                commit,
            });
            return found;
        }
        let set = touched.difference(&claimed);
        if !set.is_empty() {
            claimed = claimed.union(&set);
            found.push(Touch { set, commit });
        }
    }
    // What was written before can have read no more than the oldest one.
    found.extend(commits.last().map(|commit| Touch {
        set: PartitionSet::EVERYTHING,
        commit,
    }));
    found
}

/// A write of some partitions.
struct Write<'a> {
    touch: Touch<'a>,
    /// When it had surely read nothing newer, UTC, and how that is known; absent for the newest write.
    read_by: Option<(DateTime<Utc>, Basis)>,
}

async fn dated<'a>(
    history: &History<'_>,
    index: AssetIndex,
    newest: &Commit,
    touches: Vec<Touch<'a>>,
) -> Vec<Write<'a>> {
    let asset = history.graph.asset(index);
    let mut writes = Vec::with_capacity(touches.len());
    let mut named = 0;
    for touch in touches {
        let commit = touch.commit;
        if commit.version == newest.version {
            writes.push(Write {
                touch,
                read_by: None,
            });
            continue;
        }
        let writer = &commit.writer;
        let names_run = writer.job_run_id.or(writer.task_run_id).is_some();
        named += usize::from(names_run);
        let start = if named <= RUNS_AT_MOST {
            history.run_start(commit).await
        } else {
            None
        };
        let assumed = || history.assumed_start(asset, commit, true);
        let read_by = match start {
            Some(start) => (start, Basis::RunStart),
            None => (assumed(), Basis::CommitTime),
        };
        writes.push(Write {
            touch,
            read_by: Some(read_by),
        });
    }
    writes
}

/// Works out what the writes consumed of one input, where `newest` is what the newest one did.
async fn of_input(
    history: &History<'_>,
    key: &AssetKey,
    writes: &[Write<'_>],
    newest: Consumed,
) -> Consumed {
    let read_by = writes.iter().filter_map(|write| write.read_by);
    let Some(oldest) = read_by.map(|(at, _)| at).min() else {
        return newest;
    };
    let stamped = |write: &Write<'_>| {
        let stamps = write.touch.commit.inputs.as_ref()?;
        history.stamped(key, *stamps.get(key.as_str())?)
    };
    let Some(mut told) = Told::back_to(history, key, oldest).await else {
        return Consumed::whole(None, Basis::Unknown);
    };
    let older = writes.iter().filter(|write| write.read_by.is_some());
    let least_stamp = older.filter_map(stamped).map(|stamp| stamp.version).min();
    if least_stamp.is_some_and(|stamp| told.begins_after(stamp)) {
        // Mostly it was the newest one then; how much older it may be, nobody says.
        let all = Told::back_to(history, key, DateTime::<Utc>::MIN_UTC).await;
        told = match all {
            Some(all) => all,
            None => return Consumed::whole(None, Basis::Unknown),
        };
    }
    let claims: Vec<(&PartitionSet, Claim)> = writes
        .iter()
        .map(|write| {
            let claim = match (write.read_by, stamped(write)) {
                (None, _) => (newest.version.clone(), newest.basis),
                (Some(_), Some(version)) => (Some(version), Basis::Stamp),
                (Some((at, basis)), None) => (told.held_at(at, newest.version.as_ref()), basis),
            };
            (&write.touch.set, claim)
        })
        .collect();
    let versions = claims.iter().map(|(_, (version, _))| version.as_ref());
    let least = versions.min_by_key(|version| version.map(|version| version.version));
    history.learn(key, told.since(least.flatten(), oldest));
    joined(&claims)
}

/// What a write consumed of an input, and how that is known.
type Claim = (Option<TableVersion>, Basis);

/// Says it in as few words as can be.
fn joined(claims: &[(&PartitionSet, Claim)]) -> Consumed {
    let Some(((_, (version, basis)), others)) = claims.split_last() else {
        return Consumed::whole(None, Basis::Unknown);
    };
    let mut rest = Consumed::whole(version.clone(), *basis);
    let mut told: Vec<(&Claim, Vec<PartitionSet>)> = Vec::new();
    for (set, claim) in others {
        if (&claim.0, claim.1) == (version, *basis) {
            continue;
        }
        match told.iter_mut().find(|(known, _)| *known == claim) {
            Some((_, sets)) => sets.push((*set).clone()),
            None => told.push((claim, vec![(*set).clone()])),
        }
    }
    let partitions = told
        .into_iter()
        .map(|((version, basis), sets)| ConsumedPartitions {
            set: PartitionSet::union_of(sets),
            version: version.clone(),
            basis: *basis,
        });
    rest.partitions = partitions.collect();
    rest
}

/// What an input held when.
struct Told {
    /// Data versions with their times, UTC, oldest first.
    versions: Vec<(TableVersion, DateTime<Utc>)>,
    /// The commits among them that nobody knew before, newest first.
    back: Vec<Commit>,
}

impl Told {
    /// Reads back as far as it is known what the input held; `None` where it cannot be read.
    async fn back_to(history: &History<'_>, key: &AssetKey, at: DateTime<Utc>) -> Option<Self> {
        let known = history.commits(key);
        let known = known.map(|commit| (commit.version.clone(), commit.committed_at));
        let mut versions: Vec<_> = known.collect();
        let first = versions.first().cloned();
        let Some((first, first_at)) = first.filter(|(_, first_at)| *first_at > at) else {
            let back = Vec::new();
            return Some(Self { versions, back });
        };
        let mut back = Vec::new();
        if let Some(location) = history.locations.get(key) {
            back = history.back(key, location, (at, AT_MOST)).await.ok()?;
        }
        back.retain(|commit| commit.version < first.version);
        let earlier = back.iter().rev().map(|commit| {
            let version = TableVersion {
                table_id: first.table_id.clone(),
                version: commit.version,
            };
            (version, commit.committed_at.min(first_at))
        });
        versions.splice(0..0, earlier);
        Some(Self { versions, back })
    }

    /// What it held at an instant. Where nobody tells, all that nobody tells of any more, but nothing where
    /// the newest write consumed nothing.
    fn held_at(&self, at: DateTime<Utc>, newest: Option<&TableVersion>) -> Option<TableVersion> {
        // Commits may be dated by clocks that disagree: what follows a later one came later.
        let before = self.versions.iter().take_while(|(_, held)| *held <= at);
        if let Some((version, _)) = before.last() {
            return Some(version.clone());
        }
        let (newest, (first, _)) = (newest?, self.versions.first()?);
        let unread = first.version.checked_sub(1)?;
        Some(TableVersion {
            table_id: first.table_id.clone(),
            version: unread.min(newest.version),
        })
    }

    /// Whether something that came after a version is not told.
    fn begins_after(&self, version: u64) -> bool {
        let first = self.versions.first();
        first.is_some_and(|(first, _)| first.version.saturating_sub(1) > version)
    }

    /// What a consumer of a version lacks that nobody knew before; `at` is since when at the latest.
    fn since(self, consumed: Option<&TableVersion>, at: DateTime<Utc>) -> Learned {
        let first = self.versions.first().map(|(first, _)| first.version);
        let unread = first.and_then(|first| first.checked_sub(1));
        let consumed = consumed.map(|consumed| consumed.version);
        let lost = unread.filter(|unread| consumed.is_none_or(|consumed| consumed < *unread));
        let mut back = self.back;
        back.retain(|commit| consumed.is_none_or(|consumed| commit.version > consumed));
        Learned {
            back,
            lost: lost.map(|version| (version, at)),
        }
    }
}
