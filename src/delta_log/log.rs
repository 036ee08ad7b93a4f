//! One `_delta_log`, as the protocol names what is in it: commits, checksums, a listing.

use std::collections::VecDeque;

use assets::delta::action::FileAction;
use assets::delta::commit::parse_commit_with;
use assets::delta::contents::Gauge;
use assets::delta::name;
use assets::delta::reading::fingerprint;
use assets::delta::{CommitError, CommitMarker, ParsedCommit, Unreadable, parse_commit};

use super::listing::Listing;
use super::store::{Cost, FileStat, LogStore, StoredFile};

/// How many commits are fetched side by side.
const AT_ONCE: usize = 64;

/// The log of one table.
#[derive(Clone, Copy)]
pub(super) struct Log<'a> {
    pub(super) store: &'a dyn LogStore,
}

/// A commit that was read.
pub(super) struct ReadCommit {
    /// What it says.
    pub(super) parsed: ParsedCommit,
    /// Its file.
    pub(super) marker: CommitMarker,
}

impl<'a> Log<'a> {
    /// Names the log that a store keeps; looks at nothing.
    pub(super) fn of(store: &'a dyn LogStore) -> Self {
        Self { store }
    }

    /// Looks whether the commit file of a version is there.
    pub(super) fn stat(self, version: u64) -> Result<Option<FileStat>, Unreadable> {
        self.store.stat(&name::commit_file(version))
    }

    /// Reads and parses the commit of a version; nothing where it is not there.
    pub(super) fn commit(self, version: u64) -> Result<Option<ReadCommit>, Unreadable> {
        let file = self.store.read(&name::commit_file(version))?;
        file.map(|file| parse(version, &file)).transpose()
    }

    /// Fetches commits from a version on, as many as there are without a hole, but at most 64.
    pub(super) fn files_from(self, version: u64) -> Result<VecDeque<StoredFile>, Unreadable> {
        let before = version.checked_sub(1).map(name::commit_file);
        let found = self.store.list(before.as_deref())?.unwrap_or_default();
        let listing = Listing::of(found);
        let wanted = (version..)
            .take(AT_ONCE)
            .take_while(|v| listing.has_commit(*v));
        let names: Vec<String> = wanted.map(name::commit_file).collect();
        let mut files = VecDeque::with_capacity(names.len());
        for file in self.store.read_all(&names) {
            match file? {
                Some(file) => files.push_back(file),
                None => break,
            }
        }
        Ok(files)
    }

    /// Returns how many commits before another one are worth asking for their times.
    pub(super) fn times_before(self, wanted: u64) -> u64 {
        match self.store.cost() {
            Cost::Local => wanted,
            // A request each.
            Cost::Remote => wanted.min(3),
        }
    }

    /// Compares the commit file of a marked version with what it was.
    pub(super) fn compare(self, version: u64, marker: &CommitMarker) -> Result<Same, Unreadable> {
        let Some(file) = self.store.read(&name::commit_file(version))? else {
            return Ok(Same::Gone);
        };
        let content = fingerprint(&file.bytes);
        if content == marker.content && file.stat.size == marker.size {
            return Ok(Same::Content(file.stat.marker(content)));
        }
        let known_size = usize::try_from(marker.size).unwrap_or(usize::MAX);
        let begins_alike = file
            .bytes
            .get(..known_size)
            .is_some_and(|start| fingerprint(start) == marker.content);
        Ok(if begins_alike {
            Same::Grown
        } else {
            Same::Other
        })
    }

    /// Reads the version checksum; nothing where it is absent or cannot be read, for it is optional.
    pub(super) fn checksum(self, version: u64) -> Option<StoredFile> {
        self.store.read(&name::checksum_file(version)).ok()?
    }

    /// Lists the log; nothing where there is no such place or it holds no file of a log.
    pub(super) fn list(self) -> Result<Option<Listing>, Unreadable> {
        let Some(names) = self.store.list(None)? else {
            return Ok(None);
        };
        let listing = Listing::of(names);
        Ok((!listing.is_empty()).then_some(listing))
    }
}

/// Parses a commit that was fetched, and gauges the files that it adds.
pub(super) fn gauged(
    version: u64,
    file: &StoredFile,
    gauge: &mut Gauge,
) -> Result<ReadCommit, Unreadable> {
    let see = &mut |verb, action: &FileAction<'_>| gauge.see(verb, action);
    let parsed = parse_commit_with(version, &file.bytes, file.stat.modified_at(), see);
    settle_parsed(version, file, parsed)
}

fn parse(version: u64, file: &StoredFile) -> Result<ReadCommit, Unreadable> {
    let parsed = parse_commit(version, &file.bytes, file.stat.modified_at());
    settle_parsed(version, file, parsed)
}

fn settle_parsed(
    version: u64,
    file: &StoredFile,
    parsed: Result<ParsedCommit, CommitError>,
) -> Result<ReadCommit, Unreadable> {
    let parsed = parsed.map_err(|error| Unreadable::TornCommit {
        version,
        detail: error.to_string(),
    })?;
    let marker = file.stat.marker(parsed.content);
    Ok(ReadCommit { parsed, marker })
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
