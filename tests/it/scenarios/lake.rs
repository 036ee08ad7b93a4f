//! The tables of a story, each with its log at the place of its key, and what the catalog says.

use std::collections::{BTreeMap, BTreeSet};

use assets::delta::contents::{Contents, PartitionState, WatchedColumn};
use assets::delta::partition_tuple::{PartitionColumns, PartitionTuple};
use assets::delta::touched::{AllBecause, Touched};
use assets::delta::{
    Bound, ColumnRange, Commit, DataType, Edge, KeptChanges, KnownHead, NullCount, PartitionValue,
    Reading, Spread, TimeSource, Unreadable, Writer,
};
use assets::{AssetKey, Relation};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use headwater::ports::{Back, Catalog, JobsError, TableLocation, TableRequest, Tables};
use headwater::state::CatalogLocation;
use workspace::MemoryLog;

use super::story::{Committed, Fate};
use super::world::World;

/// All tables and views.
#[derive(Default)]
pub(super) struct Lake {
    logs: BTreeMap<String, MemoryLog>,
    /// How often each table was made.
    made: BTreeMap<String, usize>,
    /// What the catalog knows of: relation → key, and whether that is a table.
    pub(super) relations: BTreeMap<String, (AssetKey, bool)>,
    /// Views that exist.
    views: BTreeSet<AssetKey>,
    /// Files of streaming checkpoints, by their paths.
    pub(super) checkpoints: BTreeMap<String, String>,
}

impl Lake {
    pub(super) fn log(&mut self, key: &AssetKey) -> &mut MemoryLog {
        let new = || MemoryLog::new(key.as_str());
        self.logs.entry(key.to_string()).or_insert_with(new)
    }

    /// Appends a commit to a table, of all of it or of the values of a column, and whether it empties them.
    pub(super) fn append(
        &mut self,
        key: &AssetKey,
        at: DateTime<Utc>,
        run: i64,
        (partitions, is_emptied): (Option<&(String, Vec<String>)>, bool),
    ) {
        let log = self.log(key);
        let touched = touched(log, partitions);
        let commit = log.commit(at, true);
        commit.writer.job_run_id = Some(run);
        commit.partitions = touched;
        count(log, is_emptied);
    }

    /// A commit by somebody, as the story has it. The first one of a table may have any version: what
    /// was before it was cleaned away.
    pub(super) fn commit(
        &mut self,
        committed: &Committed,
        at: DateTime<Utc>,
    ) -> Result<(), String> {
        let log = self.log(&committed.asset);
        if log.commits.is_empty() {
            log.first_kept = committed.version;
        } else if log.next_version() != committed.version {
            let next = log.next_version();
            return Err(format!(
                "the next commit of `{}` is v{next}",
                committed.asset
            ));
        }
        if log
            .commits
            .last()
            .is_some_and(|last| last.committed_at > at)
        {
            return Err(format!("`{}` has a later commit already", committed.asset));
        }
        log.exists = true;
        if let Some((rows, nulls)) = &committed.rows {
            log.contents = Some(contents(*rows, nulls));
        }
        let partitions = touched(log, committed.partitions.as_ref());
        log.commits.push(Commit {
            partitions,
            spreads: committed.across.iter().map(spread).collect(),
            time_source: TimeSource::InCommit,
            operation: Some(committed.operation.clone()),
            changed_data: committed.changed_data,
            writer: Writer {
                job_run_id: committed.run.map(|(run, _)| run),
                ..Writer::default()
            },
            inputs: committed.read.clone(),
            ..Commit::blank(committed.version, at)
        });
        count(log, committed.is_emptied);
        Ok(())
    }

    /// Something happens to a table.
    pub(super) fn befall(&mut self, key: &AssetKey, fate: &Fate) {
        let made = self.made.entry(key.to_string()).or_insert(1);
        if matches!(fate, Fate::Recreated | Fate::Replaced) {
            *made += 1;
        }
        let name = format!("{key}-{made}");
        let log = self.log(key);
        match fate {
            Fate::Created => {
                self.views.insert(key.clone());
            }
            Fate::Lost => {
                log.exists = false;
                self.views.remove(key);
            }
            Fate::Recreated => {
                let era = log.era + 1;
                *log = MemoryLog {
                    era,
                    ..MemoryLog::new(&name)
                };
            }
            Fate::Replaced => log.table_id = name,
            Fate::Unreadable(reason) => {
                log.problem = Some(Unreadable::Unreachable {
                    path: key.to_string(),
                    detail: reason.clone(),
                });
            }
            Fate::Torn(version) => log.torn = Some(*version),
            Fate::Fed(false) => log.feed_since = None,
            // The commit that switches it on is the next one.
            Fate::Fed(true) => log.feed_since = Some(log.next_version()),
            Fate::CleanedBelow(version) => log.first_kept = *version,
            Fate::Mended => {
                log.problem = None;
                log.torn = None;
                log.exists = !log.commits.is_empty();
            }
        }
    }

    /// The rows of a table go on to some event time, from its next commit on.
    pub(super) fn extend(&mut self, key: &AssetKey, until: DateTime<Utc>) {
        let log = self.log(key);
        let first = log.event_times.map_or(until, |(first, _)| first);
        log.event_times = Some((first, until));
    }

    /// A run made a view.
    pub(super) fn make_view(&mut self, key: &AssetKey) {
        self.views.insert(key.clone());
    }
}

/// One file with these rows; it tells the nulls of these columns and of no others.
fn contents(rows: u64, nulls: &BTreeMap<String, u64>) -> Contents {
    let column = |(name, rows): (&String, &u64)| WatchedColumn {
        name: name.clone(),
        physical: vec![name.clone()],
        data_type: DataType::String,
        range: ColumnRange::EMPTY,
        nulls: Some(NullCount {
            rows: *rows,
            untold_files: 0,
        }),
    };
    Contents {
        files: 1,
        rows: Some(rows),
        columns: nulls.iter().map(column).collect(),
    }
}

/// Says where a commit changed data, of a table that is partitioned by one column from then on.
fn touched(log: &mut MemoryLog, partitions: Option<&(String, Vec<String>)>) -> Touched {
    let Some((column, values)) = partitions else {
        // A table without partitions is one, and of another one it is not told.
        return if log.partitioned_by.columns().is_empty() {
            Touched::These([PartitionTuple::from_iter([])].into())
        } else {
            Touched::All(AllBecause::Unplaced)
        };
    };
    log.partitioned_by = PartitionColumns::new(None, std::slice::from_ref(column));
    let tuple = |value: &String| {
        [PartitionValue::from(Some(value.as_str().into()))]
            .into_iter()
            .collect()
    };
    Touched::These(values.iter().map(tuple).collect())
}

/// Counts the files of partitions after a commit, from the first one on that empties some of them: one in each
/// that was written.
fn count(log: &mut MemoryLog, is_emptied: bool) {
    if log.partitions.is_none() && !is_emptied {
        return;
    }
    let state = |commit: &Commit, files: u64| PartitionState {
        version: commit.version,
        at: commit.committed_at,
        is_bound: false,
        rows: None,
        files,
    };
    let mut states = BTreeMap::new();
    let newest = log.next_version() - 1;
    for commit in &log.commits {
        let files = u64::from(!is_emptied || commit.version < newest);
        if let Touched::These(tuples) = &commit.partitions {
            states.extend(
                tuples
                    .iter()
                    .map(|tuple| (tuple.clone(), state(commit, files))),
            );
        }
    }
    // What earlier commits emptied and nobody filled since stays empty.
    for (tuple, before) in log.partitions.iter().flatten() {
        let is_untouched = |now: &PartitionState| now.version == before.version;
        if states.get(tuple).is_some_and(is_untouched) {
            states.insert(tuple.clone(), before.clone());
        }
    }
    let nothing = Contents {
        files: 0,
        rows: None,
        columns: Vec::new(),
    };
    let contents = log.contents.get_or_insert(nothing);
    contents.files = states.values().map(|state| state.files).sum();
    log.partitions = Some(states);
}

/// Says over which days or instants the files of a commit spread.
fn spread((column, ranges): &(String, Vec<(String, String)>)) -> Spread {
    let bound = |value: &String| {
        Edge::Known(Bound {
            value: value.clone(),
            is_exact: true,
        })
    };
    let ranges = ranges.iter().map(|(from, to)| ColumnRange {
        min: bound(from),
        max: bound(to),
    });
    Spread {
        column: column.clone(),
        data_type: DataType::Timestamp,
        ranges: Some(ranges.collect()),
    }
}

#[async_trait]
impl Tables for World {
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading> {
        let scene = self.get();
        let read = |request: TableRequest| match scene.lake.logs.get(&request.location.path) {
            Some(log) => log.read(request.known.as_deref()),
            None => Reading::Absent,
        };
        requests.into_iter().map(read).collect()
    }

    async fn commits_back_to(
        &self,
        location: &TableLocation,
        back: Back,
    ) -> Result<Vec<Commit>, Unreadable> {
        let scene = self.get();
        let log = scene.lake.logs.get(&location.path);
        if let Some(problem) = log.and_then(|log| log.problem.as_ref()) {
            return Err(problem.clone());
        }
        let commits = log.map(|log| log.back_to(back.to)).unwrap_or_default();
        Ok(commits.into_iter().take(back.at_most).collect())
    }

    async fn kept_changes(
        &self,
        location: &TableLocation,
        head: &KnownHead,
        asked: u64,
    ) -> Result<KeptChanges, Unreadable> {
        let scene = self.get();
        let log = scene.lake.logs.get(&location.path);
        log.map_or_else(
            || Err(MemoryLog::gone(head)),
            |log| log.kept_changes(head, asked),
        )
    }

    async fn checkpoint_file(
        &self,
        folder: &TableLocation,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let path = format!("{}/{name}", folder.path);
        let file = self.get().lake.checkpoints.get(&path).cloned();
        Ok(file.map(String::into_bytes))
    }
}

#[async_trait]
impl Catalog for World {
    async fn locate(&self, relation: &Relation) -> Result<CatalogLocation, JobsError> {
        let scene = self.get();
        let Some((key, is_table)) = scene.lake.relations.get(&relation.to_string()) else {
            let message = format!("nobody declares {relation}");
            return Err(JobsError::NotFound(message));
        };
        let log = scene.lake.logs.get(key.as_str());
        Ok(CatalogLocation {
            storage_location: is_table.then(|| key.to_string()),
            exists: if *is_table {
                log.is_some_and(|log| log.exists)
            } else {
                scene.lake.views.contains(key)
            },
            looked_up_at: scene.now,
        })
    }
}
