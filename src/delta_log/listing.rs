//! What is in a log, judged by names alone.

use std::collections::BTreeMap;

use assets::delta::Unreadable;
use assets::delta::name::{self, CheckpointPart, LogFile};

use super::log::Log;

/// What a log holds, each list in ascending order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    commits: Vec<u64>,
    checksums: Vec<u64>,
    checkpoints: Vec<Checkpoint>,
}

/// A checkpoint all of whose files are there. Whether they can be read is another question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Checkpoint {
    /// The version whose state it holds.
    pub(crate) version: u64,
    /// Its files, in order: one, or all parts. One that ends in `.json`, and any whose name holds a
    /// UUID, may refer to sidecars.
    pub(crate) files: Vec<String>,
}

/// The commits that end with the newest one and have no hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u64,
    pub(super) newest: u64,
    /// Whether nothing is missing below it: it begins with version 0, or a checkpoint holds what
    /// came before it, as is usual once old commits were cleaned away.
    pub(super) is_covered: bool,
}

impl Listing {
    /// Sorts out the names of a log.
    pub(super) fn of(names: Vec<String>) -> Self {
        let mut listing = Self::default();
        let mut parts = BTreeMap::<(u64, u64), BTreeMap<u64, String>>::new();
        for file_name in names {
            match name::classify(&file_name) {
                Some(LogFile::Commit(version)) => listing.commits.push(version),
                Some(LogFile::Checksum(version)) => listing.checksums.push(version),
                Some(LogFile::Checkpoint { version, part }) => match part {
                    CheckpointPart::Whole => listing.checkpoints.push(Checkpoint {
                        version,
                        files: vec![file_name],
                    }),
                    CheckpointPart::Part { number, of } => {
                        let set = parts.entry((version, of)).or_default();
                        set.insert(number, file_name);
                    }
                },
                None => {}
            }
        }
        for ((version, of), set) in parts {
            // A set that is not whole says nothing.
            if u64::try_from(set.len()) == Ok(of) {
                let files = set.into_values().collect();
                listing.checkpoints.push(Checkpoint { version, files });
            }
        }
        listing.checkpoints.sort_unstable();
        listing.commits.sort_unstable();
        listing.checksums.sort_unstable();
        listing
    }

    /// Returns whether it holds neither a commit nor a checkpoint.
    pub(super) fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.checkpoints.is_empty()
    }

    /// Returns the oldest version whose commit is there.
    pub(super) fn oldest_commit(&self) -> Option<u64> {
        self.commits.first().copied()
    }

    /// Returns whether only checkpoints are left.
    pub(super) fn has_no_commit(&self) -> bool {
        self.commits.is_empty()
    }

    /// Returns the newest commits up to the first hole below them.
    ///
    /// # Errors
    ///
    /// When there is no commit, the newest checkpoint is newer than the newest commit, or the store
    /// fails.
    pub(super) fn run(&self, log: Log<'_>) -> Result<Run, Unreadable> {
        let newest_checkpoint = self.newest_checkpoint();
        let Some(newest) = self.commits.last().copied() else {
            return Err(Unreadable::OnlyInCheckpoint {
                fact: "every commit".to_owned(),
            });
        };
        if newest_checkpoint.is_some_and(|checkpoint| checkpoint > newest) {
            return Err(Unreadable::MissingCommit {
                version: newest + 1,
            });
        }
        self.run_up_to(log, newest)
    }

    /// Returns the newest commits below which nothing is missing, and why commits above them, if there
    /// are such, do not count.
    ///
    /// # Errors
    ///
    /// When something is missing below all commits, or the store fails.
    pub(super) fn whole_run(&self, log: Log<'_>) -> Result<(Run, Option<Unreadable>), Unreadable> {
        let (mut hole, mut top) = match self.run(log) {
            Ok(run) if run.is_covered => return Ok((run, None)),
            Ok(run) => {
                let version = run.start.saturating_sub(1);
                (Unreadable::MissingCommit { version }, version)
            }
            Err(hole @ Unreadable::MissingCommit { version }) => (hole, version),
            Err(reason) => return Err(reason),
        };
        loop {
            let below = self.commits.iter().rev().find(|&&version| version < top);
            let Some(&newest) = below else {
                return Err(hole);
            };
            let run = self.run_up_to(log, newest)?;
            hole = Unreadable::MissingCommit {
                version: newest + 1,
            };
            if run.is_covered {
                return Ok((run, Some(hole)));
            }
            top = run.start;
        }
    }

    pub(super) fn run_up_to(&self, log: Log<'_>, newest: u64) -> Result<Run, Unreadable> {
        let mut start = newest;
        while let Some(below) = start.checked_sub(1) {
            // Asked for by name as well: a listing may leave out a file that was made meanwhile.
            if !self.has_commit(below) && log.stat(below)?.is_none() {
                break;
            }
            start = below;
        }
        let base = self.checkpoints_up_to(newest).next();
        Ok(Run {
            start,
            newest,
            is_covered: start == 0 || base.is_some_and(|base| base.version + 1 >= start),
        })
    }

    /// Returns the checkpoints of versions up to `version`, newest first.
    pub(super) fn checkpoints_up_to(&self, version: u64) -> impl Iterator<Item = &Checkpoint> {
        let newest_first = self.checkpoints.iter().rev();
        newest_first.skip_while(move |checkpoint| checkpoint.version > version)
    }

    /// Returns whether a version has a checksum.
    pub(super) fn has_checksum(&self, version: u64) -> bool {
        self.checksums.binary_search(&version).is_ok()
    }

    /// Returns whether a version has a commit file.
    pub(super) fn has_commit(&self, version: u64) -> bool {
        self.commits.binary_search(&version).is_ok()
    }

    /// Returns whether a commit newer than `version` is there.
    pub(super) fn goes_beyond(&self, version: u64) -> bool {
        self.commits.last().is_some_and(|&newest| newest > version)
    }

    fn newest_checkpoint(&self) -> Option<u64> {
        self.checkpoints.last().map(|checkpoint| checkpoint.version)
    }
}
