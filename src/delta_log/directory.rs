//! One `_delta_log` directory: the only place here that touches files.
//!
//! It answers three questions: is this file there, what is in it, what is there at all. What an
//! answer means is decided elsewhere.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use assets::delta::name::{self, LogFile};
use assets::delta::reading::fingerprint;
use assets::delta::{CommitMarker, ParsedCommit, Unreadable, parse_commit};
use chrono::{DateTime, Utc};

/// The largest file that is read into memory. Commits of a million files stay well below it.
const LARGEST_FILE: u64 = 512 * 1024 * 1024;

/// The log of one table.
pub(super) struct LogDirectory {
    path: PathBuf,
}

/// What the store says about a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStat {
    size: u64,
    modified_nanos: i64,
}

impl FileStat {
    /// Returns whether a commit file still looks as it did when it was marked.
    pub(super) fn matches(self, marker: &CommitMarker) -> bool {
        (self.size, self.modified_nanos) == (marker.size, marker.modified_nanos)
    }

    /// Returns the modification time, UTC, to the millisecond.
    pub(super) fn modified_at(self) -> DateTime<Utc> {
        let millis = self.modified_nanos.div_euclid(1_000_000);
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    fn marker(self, content: u64) -> CommitMarker {
        CommitMarker {
            size: self.size,
            modified_nanos: self.modified_nanos,
            content,
        }
    }
}

/// A commit that was read.
pub(super) struct ReadCommit {
    /// What it says.
    pub(super) parsed: ParsedCommit,
    /// Its file.
    pub(super) marker: CommitMarker,
}

impl LogDirectory {
    /// Names the log of the table at `location`; looks at nothing.
    pub(super) fn of(location: &Path) -> Self {
        Self {
            path: location.join("_delta_log"),
        }
    }

    /// Looks whether the commit file of a version is there. Only regular files count.
    pub(super) fn stat(&self, version: u64) -> Result<Option<FileStat>, Unreadable> {
        let path = self.commit_path(version);
        let Some(metadata) = present(&path, fs::metadata(&path))? else {
            return Ok(None);
        };
        Ok(metadata.is_file().then(|| file_stat(&metadata)))
    }

    /// Reads and parses the commit of a version; nothing where it is not there.
    pub(super) fn commit(&self, version: u64) -> Result<Option<ReadCommit>, Unreadable> {
        let Some((stat, bytes)) = self.bytes(version)? else {
            return Ok(None);
        };
        let parsed = parse_commit(version, &bytes, stat.modified_at()).map_err(|error| {
            Unreadable::TornCommit {
                version,
                detail: error.to_string(),
            }
        })?;
        let marker = stat.marker(parsed.content);
        Ok(Some(ReadCommit { parsed, marker }))
    }

    /// Compares the commit file of a marked version with what it was.
    pub(super) fn compare(&self, version: u64, marker: &CommitMarker) -> Result<Same, Unreadable> {
        let Some((stat, bytes)) = self.bytes(version)? else {
            return Ok(Same::Gone);
        };
        let content = fingerprint(&bytes);
        if content == marker.content && stat.size == marker.size {
            return Ok(Same::Content(stat.marker(content)));
        }
        let known_size = usize::try_from(marker.size).unwrap_or(usize::MAX);
        let begins_alike = bytes
            .get(..known_size)
            .is_some_and(|start| fingerprint(start) == marker.content);
        Ok(if begins_alike {
            Same::Grown
        } else {
            Same::Other
        })
    }

    /// Reads the version checksum; nothing where it is absent or cannot be read, for it is optional.
    pub(super) fn checksum(&self, version: u64) -> Option<Vec<u8>> {
        let path = self.path.join(name::checksum_file(version));
        let (_, bytes) = read_file(&path, version).ok()??;
        Some(bytes)
    }

    /// Lists the log; nothing where there is no such directory or it holds no file of a log.
    pub(super) fn list(&self) -> Result<Option<Listing>, Unreadable> {
        let Some(entries) = present(&self.path, fs::read_dir(&self.path))? else {
            return Ok(None);
        };
        let mut listing = Listing::default();
        let mut parts = BTreeMap::<(u64, u64), u64>::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreachable(&self.path, &error))?;
            // A name that is not UTF-8 is none of the protocol's.
            let file_name = entry.file_name();
            let Some(file) = file_name.to_str().and_then(name::classify) else {
                continue;
            };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            match file {
                LogFile::Commit(version) => listing.commits.push(version),
                LogFile::Checksum(version) => listing.checksums.push(version),
                LogFile::Checkpoint { version, parts: of } => {
                    *parts.entry((version, of)).or_default() += 1;
                }
            }
        }
        let complete = parts.into_iter().filter(|((_, of), found)| found >= of);
        listing.checkpoints = complete.map(|((version, _), _)| version).collect();
        listing.commits.sort_unstable();
        listing.checksums.sort_unstable();
        let is_empty = listing.commits.is_empty() && listing.checkpoints.is_empty();
        Ok((!is_empty).then_some(listing))
    }

    fn bytes(&self, version: u64) -> Result<Option<(FileStat, Vec<u8>)>, Unreadable> {
        read_file(&self.commit_path(version), version)
    }

    fn commit_path(&self, version: u64) -> PathBuf {
        self.path.join(name::commit_file(version))
    }
}

/// How a commit file compares with what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Same {
    /// The same bytes, in a file with this marker.
    Content(CommitMarker),
    /// It begins as it did and goes on: it was read while it was being written.
    Grown,
    /// Other bytes.
    Other,
    /// It is not there.
    Gone,
}

/// What a log directory holds, each list in ascending order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    commits: Vec<u64>,
    checksums: Vec<u64>,
    checkpoints: Vec<u64>,
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
    /// Returns the newest commits up to the first hole.
    ///
    /// # Errors
    ///
    /// When only checkpoints are left, the newest checkpoint is newer than the newest commit, or the
    /// store fails.
    pub(super) fn run(&self, log: &LogDirectory) -> Result<Run, Unreadable> {
        let newest_checkpoint = self.checkpoints.last().copied();
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
        let mut start = newest;
        while let Some(below) = start.checked_sub(1) {
            // Asked for by name as well: a listing may leave out a file that was made meanwhile.
            if !self.has_commit(below) && log.stat(below)?.is_none() {
                break;
            }
            start = below;
        }
        let is_covered = start == 0 || newest_checkpoint.is_some_and(|base| base + 1 >= start);
        Ok(Run {
            start,
            newest,
            is_covered,
        })
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
}

fn read_file(path: &Path, version: u64) -> Result<Option<(FileStat, Vec<u8>)>, Unreadable> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let Some(metadata) = present(path, fs::metadata(path))? else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let Some(file) = present(path, File::open(path))? else {
        return Ok(None);
    };
    let metadata = file.metadata().map_err(|error| unreachable(path, &error))?;
    let too_large = |bytes: u64| Unreadable::TooLarge {
        version,
        bytes,
        limit: LARGEST_FILE,
    };
    if metadata.len() > LARGEST_FILE {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreachable(path, &error))?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > LARGEST_FILE {
        return Err(too_large(size));
    }
    // The size is that of the bytes that were judged, should the file have grown meanwhile.
    let stat = FileStat {
        size,
        ..file_stat(&metadata)
    };
    Ok(Some((stat, bytes)))
}

fn file_stat(metadata: &Metadata) -> FileStat {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let nanos = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::wrapping_neg)
        }
    };
    FileStat {
        size: metadata.len(),
        modified_nanos: nanos,
    }
}

/// Turns "not there" into nothing, and every other failure into a reason.
fn present<T>(path: &Path, result: io::Result<T>) -> Result<Option<T>, Unreadable> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(unreachable(path, &error)),
    }
}

fn unreachable(path: &Path, error: &io::Error) -> Unreadable {
    Unreadable::Unreachable {
        path: path.display().to_string(),
        detail: error.to_string(),
    }
}
