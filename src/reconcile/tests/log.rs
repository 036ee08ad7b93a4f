//! A Delta log in memory, which is read as the log reader reads one.

use std::collections::{BTreeMap, BTreeSet};

use assets::TableId;
use assets::delta::{
    Commit, CommitMarker, Continuity, DataHead, KnownHead, Metadata, Protocol, Reading, TableState,
    TimeSource, Unreadable, Update, Writer,
};
use chrono::{DateTime, Utc};

/// The log of one table.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) table_id: String,
    pub(super) exists: bool,
    pub(super) commits: Vec<Commit>,
    /// Commits below this were cleaned away.
    pub(super) first_kept: u64,
    /// This commit and those above it cannot be read.
    pub(super) torn: Option<u64>,
    /// Nothing can be read at all.
    pub(super) problem: Option<Unreadable>,
    /// Tells two logs of the same id and versions apart.
    pub(super) era: u64,
    /// What the content was made of, by the run that wrote it last: table → version.
    pub(super) content: BTreeMap<String, u64>,
}

impl Log {
    pub(super) fn new(table_id: &str) -> Self {
        Self {
            table_id: table_id.to_owned(),
            exists: true,
            commits: Vec::new(),
            first_kept: 0,
            torn: None,
            problem: None,
            era: 0,
            content: BTreeMap::new(),
        }
    }

    pub(super) fn next_version(&self) -> u64 {
        self.commits.last().map_or(0, |commit| commit.version + 1)
    }

    /// Appends a commit and returns it, to be changed.
    pub(super) fn commit(&mut self, at: DateTime<Utc>, changed_data: bool) -> &mut Commit {
        let version = self.next_version();
        self.exists = true;
        self.commits.push(Commit {
            version,
            committed_at: at,
            time_source: TimeSource::InCommit,
            writer_clock: None,
            clocks_disagree: false,
            operation: Some(if changed_data { "WRITE" } else { "OPTIMIZE" }.to_owned()),
            changed_data,
            writer: Writer::default(),
            inputs: None,
            rows_added: None,
            rows_removed: None,
            read_version: None,
            transactions: BTreeMap::new(),
        });
        self.commits.last_mut().unwrap()
    }

    pub(super) fn newest_data(&self) -> Option<u64> {
        let mut data = self.commits.iter().rev();
        data.find(|commit| commit.changed_data)
            .map(|commit| commit.version)
    }

    fn readable(&self) -> Vec<&Commit> {
        let below = |commit: &&Commit| self.torn.is_none_or(|torn| commit.version < torn);
        let kept = |commit: &&Commit| commit.version >= self.first_kept;
        self.commits.iter().filter(below).filter(kept).collect()
    }

    fn trailing(&self) -> Option<Unreadable> {
        self.torn.map(|version| Unreadable::TornCommit {
            version,
            detail: "line 1 is cut off".to_owned(),
        })
    }

    pub(super) fn read(&self, known: Option<&KnownHead>) -> Reading {
        if let Some(problem) = &self.problem {
            return Reading::Unknown(problem.clone());
        }
        if !self.exists || self.commits.is_empty() {
            return Reading::Absent;
        }
        let readable = self.readable();
        let Some(newest) = readable.last() else {
            return Reading::Unknown(self.trailing().unwrap());
        };
        let Some(known) = known else {
            return self.read_cold(&readable, Continuity::Cold);
        };
        let is_known = |commit: &&&Commit| commit.version == known.version;
        let marker = self.marker(known.version);
        let is_cleaned = known.version < self.first_kept;
        if !is_cleaned && (readable.iter().find(is_known).is_none() || known.marker != marker) {
            return self.read_cold(&readable, Continuity::Recreated);
        }
        if newest.version == known.version {
            return self.trailing().map_or(Reading::Unchanged, Reading::Unknown);
        }
        let first_new = known.version + 1;
        let continuity = if self.first_kept > first_new {
            let lost_to = self.first_kept - 1;
            Continuity::Gap {
                lost_from: first_new,
                lost_to,
            }
        } else if known.table_id.as_str() != self.table_id {
            Continuity::Replaced
        } else {
            Continuity::Continues
        };
        let new = readable
            .iter()
            .filter(|commit| commit.version > known.version);
        let commits = new.filter(|commit| commit.changed_data);
        let commits: Vec<Commit> = commits.copied().cloned().collect();
        self.update(newest, commits, continuity, known.read_from)
    }

    /// Back to the newest commit that changed data.
    fn read_cold(&self, readable: &[&Commit], continuity: Continuity) -> Reading {
        let data = readable.iter().rposition(|commit| commit.changed_data);
        let read_from = data.map_or(self.first_kept, |at| readable[at].version);
        let commits = data.map(|at| readable[at].clone()).into_iter().collect();
        self.update(readable.last().unwrap(), commits, continuity, read_from)
    }

    fn update(
        &self,
        newest: &Commit,
        commits: Vec<Commit>,
        continuity: Continuity,
        read_from: u64,
    ) -> Reading {
        let data = self.readable().into_iter().rev().find(|c| c.changed_data);
        let head = KnownHead {
            table_id: TableId::new(&self.table_id),
            version: newest.version,
            marker: self.marker(newest.version),
            data: data.map(|commit| DataHead {
                version: commit.version,
                at: commit.committed_at,
            }),
            read_from,
            last_committed_at: newest.committed_at,
            operation: newest.operation.clone(),
            has_hole_above: false,
            state: state(&self.table_id),
        };
        Reading::Read(Box::new(Update {
            head,
            commits,
            continuity,
            trailing: self.trailing(),
        }))
    }

    fn marker(&self, version: u64) -> CommitMarker {
        CommitMarker {
            size: 1,
            modified_nanos: 0,
            content: self.era * 1_000_000 + version,
        }
    }

    pub(super) fn back_to(&self, at: DateTime<Utc>) -> Vec<Commit> {
        let mut back = Vec::new();
        for commit in self.readable().into_iter().rev().filter(|c| c.changed_data) {
            back.push(commit.clone());
            if commit.committed_at <= at {
                break;
            }
        }
        back
    }
}

fn state(table_id: &str) -> TableState {
    TableState {
        metadata: Metadata {
            id: TableId::new(table_id),
            partition_columns: Vec::new(),
            schema_hash: None,
            configuration: BTreeMap::new(),
        },
        protocol: Protocol {
            min_reader_version: 1,
            min_writer_version: 2,
            reader_features: BTreeSet::new(),
            writer_features: BTreeSet::new(),
        },
    }
}
