//! Counting the live files of a table: its newest commits, newest first, then a checkpoint.
//!
//! A file counts when the first action that names it, seen from the newest, adds it. So only the files
//! named by commits are remembered; those of the checkpoint stream by, however many they are.
//! Source: Delta protocol, "Action Reconciliation".

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::action::{FileAction, PartitionValues, TransactionAction};
use super::commit::{CommitError, FileVerb, ParsedCommit, parse_commit_with};
use super::contents::{Contents, Gauge, PartitionState, WatchedColumn};
use super::files::{FileKey, sum};
use super::partition_tuple::{PartitionColumns, PartitionTuple};

/// A count under way.
#[derive(Debug)]
pub struct Replay {
    columns: PartitionColumns,
    gauge: Gauge,
    named: HashSet<FileKey>,
    /// The paths of those that are named.
    paths: HashSet<String>,
    tuples: HashMap<PartitionValues<'static>, Option<PartitionTuple>>,
    files: u64,
    rows: Option<u64>,
    partitions: BTreeMap<PartitionTuple, Counted>,
    progress: BTreeMap<String, (TransactionAction, Option<u64>)>,
    /// Files that a commit of this version removed without saying from which partition: whoever added
    /// them did.
    unplaced: HashMap<FileKey, u64>,
    /// Whether commits that are yet to come were of a table with other partitions.
    is_foreign: bool,
}

#[derive(Debug)]
struct Counted {
    version: Option<u64>,
    files: u64,
    rows: Option<u64>,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            version: None,
            files: 0,
            rows: Some(0),
        }
    }
}

/// A count that is done.
#[derive(Debug)]
pub struct Replayed {
    /// What the files come to.
    pub contents: Contents,
    /// All partitions with files, and those that a commit changed.
    pub partitions: BTreeMap<PartitionTuple, PartitionState>,
    /// How far applications are, by id, each with the version that says so where a commit does.
    pub progress: BTreeMap<String, (TransactionAction, Option<u64>)>,
}

impl Replay {
    /// Begins with a table that is partitioned by `columns`, in the end.
    pub fn new(columns: PartitionColumns, watched: Vec<WatchedColumn>) -> Self {
        Self {
            columns,
            gauge: Gauge::new(watched),
            named: HashSet::new(),
            paths: HashSet::new(),
            tuples: HashMap::new(),
            files: 0,
            rows: Some(0),
            partitions: BTreeMap::new(),
            progress: BTreeMap::new(),
            unplaced: HashMap::new(),
            is_foreign: false,
        }
    }

    /// Takes the next older commit.
    ///
    /// # Errors
    ///
    /// As [`parse_commit`](super::commit::parse_commit).
    pub fn commit(
        &mut self,
        version: u64,
        text: &[u8],
        file_time: DateTime<Utc>,
    ) -> Result<ParsedCommit, CommitError> {
        // A file that the same commit removes and adds is there: an add counts, wherever it stands.
        let mut removed = Vec::new();
        let parsed = parse_commit_with(version, text, file_time, &mut |verb, file| {
            let key = FileKey::of(file);
            if !self.paths.contains(file.path.as_ref()) {
                self.paths.insert(file.path.clone().into_owned());
            }
            match verb {
                FileVerb::Remove => {
                    removed.push(key);
                    file.rows()
                }
                FileVerb::Add => {
                    self.place(&key, file);
                    if self.named.insert(key) {
                        self.live(file)
                    } else {
                        file.rows()
                    }
                }
            }
        })?;
        self.named.extend(removed);
        self.touch(&parsed);
        // The last one counts.
        for txn in parsed.progress.iter().rev() {
            self.application(txn.clone(), Some(version));
        }
        Ok(parsed)
    }

    /// Takes a file of the checkpoint below all commits.
    pub fn file(&mut self, file: &FileAction<'_>) {
        // Most files are named by no commit, which their path alone tells.
        if !self.paths.contains(file.path.as_ref()) {
            self.live(file);
            return;
        }
        let key = FileKey::of(file);
        self.place(&key, file);
        if !self.named.contains(&key) {
            self.live(file);
        }
    }

    /// Takes how far an application is, unless something newer said so.
    pub fn application(&mut self, txn: TransactionAction, version: Option<u64>) {
        let known = self.progress.entry(txn.app_id.clone());
        known.or_insert((txn, version));
    }

    fn live(&mut self, file: &FileAction<'_>) -> Option<u64> {
        let rows = self.gauge.see(FileVerb::Add, file);
        self.files += 1;
        self.rows = sum(self.rows, rows);
        let tuple = match &file.partition_values {
            Some(values) => self.tuple(values),
            None => self.columns.tuple(&[]),
        };
        if let Some(tuple) = tuple {
            let counted = self.partitions.entry(tuple).or_default();
            counted.files += 1;
            counted.rows = sum(counted.rows, rows);
        }
        rows
    }

    /// Understands a spelling once.
    fn tuple(&mut self, values: &PartitionValues<'_>) -> Option<PartitionTuple> {
        if let Some(tuple) = self.tuples.get(values) {
            return tuple.clone();
        }
        let tuple = self.columns.tuple(&values.0);
        self.tuples.insert(values.to_owned_values(), tuple.clone());
        tuple
    }

    /// Learns where a file belonged that a newer commit removed.
    fn place(&mut self, key: &FileKey, file: &FileAction<'_>) {
        let Some(&version) = self.unplaced.get(key) else {
            return;
        };
        if let Some(tuple) = file.partition_values.as_ref().and_then(|v| self.tuple(v)) {
            self.unplaced.remove(key);
            let counted = self.partitions.entry(tuple).or_default();
            counted.version = counted.version.max(Some(version));
        }
    }

    fn touch(&mut self, parsed: &ParsedCommit) {
        if !self.is_foreign {
            let version = parsed.commit.version;
            let (changes, is_whole) = parsed.files.placed(&self.columns);
            for (tuple, _) in changes.into_iter().filter(|(_, c)| c.changed_data) {
                let counted = self.partitions.entry(tuple).or_default();
                counted.version = counted.version.max(Some(version));
            }
            if !is_whole {
                for key in parsed.files.unplaced() {
                    self.unplaced.entry(key.clone()).or_insert(version);
                }
            }
        }
        self.is_foreign |= parsed
            .metadata
            .as_ref()
            .is_some_and(|found| !found.metadata.partitioning.are_same(&self.columns));
    }

    /// Ends the count. `time_of` tells the time of a commit that was taken; `base` is what bounds the
    /// change of everything that no commit touched: the version and time of the checkpoint.
    pub fn finish(
        self,
        time_of: impl Fn(u64) -> Option<DateTime<Utc>>,
        base: (u64, DateTime<Utc>),
    ) -> Replayed {
        let dated = |version: Option<u64>| version.and_then(|v| Some((v, time_of(v)?)));
        // Whatever was removed from nobody knows where may have changed any partition.
        let anywhere = dated(self.unplaced.into_values().max());
        let state = |counted: Counted| {
            let known = dated(counted.version);
            let bound = known.max(anywhere);
            let (version, at) = bound.unwrap_or(base);
            PartitionState {
                version,
                at,
                is_bound: known.is_none() || bound > known,
                rows: counted.rows,
                files: counted.files,
            }
        };
        let partitions = self.partitions.into_iter();
        Replayed {
            contents: Contents {
                files: self.files,
                rows: self.rows,
                columns: self.gauge.into_columns(),
            },
            partitions: partitions.map(|(t, counted)| (t, state(counted))).collect(),
            progress: self.progress,
        }
    }
}
