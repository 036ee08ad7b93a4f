//! Commits of a Delta log, version checksums, and the texts inside them.

use std::collections::BTreeMap;

use assets::delta::contents::{
    ColumnChanges, Contents, PartitionDelta, PartitionState, Watch, WatchedColumn,
};
use assets::delta::files::Change;
use assets::delta::name::{LogFile, classify, commit_file};
use assets::delta::nulls::RemovedNulls;
use assets::delta::reading::fingerprint;
use assets::delta::replay::Replay;
use assets::delta::table::parse_checksum;
use assets::delta::touched::Touched;
use assets::delta::{
    Commit, CommitError, ParsedCommit, PartitionColumns, PartitionTuple, TableState, parse_commit,
    time,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::columns;
use crate::text::positions;

const VERSION: u64 = 7;

/// Reads bytes as a commit, cuts it, and settles its time in every way.
pub fn delta_commit(bytes: &[u8]) {
    let parsed = parse(bytes);
    assert_eq!(parse(bytes), parsed, "read twice");
    match &parsed {
        Ok(parsed) => {
            assert_eq!(parsed.content, fingerprint(bytes));
            let expected = changes_data(bytes);
            assert!(expected.is_none_or(|expected| parsed.commit.changed_data == expected));
            assert_is_kept(&parsed.commit);
            assert_no_cut_passes_for_the_whole(bytes, parsed);
            assert_settles(parsed);
            assert_counts(bytes, parsed);
        }
        Err(CommitError::Empty) => assert!(bytes.trim_ascii().is_empty()),
        Err(CommitError::CutOff { line } | CommitError::Invalid { line, .. }) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(line), "line {line} of {lines}");
        }
    }
    let checksum = parse_checksum(bytes);
    assert_eq!(parse_checksum(bytes), checksum, "read twice");
    if let Some(protocol) = checksum.protocol {
        assert_eq!(protocol.check_observable(), protocol.check_observable());
    }
    if let Ok(name) = std::str::from_utf8(bytes)
        && let Some(LogFile::Commit(version)) = classify(name)
    {
        assert_eq!(commit_file(version), name);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        columns::hold(text);
    }
}

/// What the commit does is placed and counted, whatever the table is partitioned by: counting it as
/// the only commit, above itself, and carrying an empty table over it.
fn assert_counts(bytes: &[u8], parsed: &ParsedCommit) {
    let found = parsed.metadata.as_deref();
    let schema = found.and_then(|found| found.schema.as_ref());
    let mut names: Vec<String> = ["p", "n", "day"].map(str::to_owned).to_vec();
    names.extend(schema.into_iter().flat_map(|schema| {
        let fields = schema.fields.iter().take(4);
        fields.map(|field| field.name.clone())
    }));
    let told = found.map(|found| found.metadata.partitioning.clone());
    let made = PartitionColumns::new(schema, names.get(..1).unwrap_or_default());
    for columns in [PartitionColumns::default(), made].into_iter().chain(told) {
        let mut placed = parsed.clone();
        let changes = placed.place(&columns, found.map(|found| &found.metadata));
        let total = parsed.files.total();
        if let Some(changes) = &changes {
            let sum = |of: fn(&Change) -> u64| changes.values().map(of).sum::<u64>();
            assert_eq!(sum(|change| change.files_added), total.files_added);
            assert_eq!(sum(|change| change.files_removed), total.files_removed);
        }
        if parsed.commit.changed_data {
            assert_ne!(placed.commit.partitions, Touched::default());
        } else {
            assert_eq!(placed.commit.partitions, Touched::default());
        }
        let ranges = names.iter().cloned().map(Watch::Range);
        let nulls = names.iter().cloned().map(Watch::Nulls);
        let watches: Vec<Watch> = ranges.chain(nulls).collect();
        let watched = WatchedColumn::find(&watches, schema);
        let mut replay = Replay::new(columns.clone(), watched.clone());
        // A commit that is seen again, below itself, is not counted again.
        let versions = [VERSION, VERSION - 1];
        for version in versions {
            let seen = replay.commit(version, bytes, DateTime::UNIX_EPOCH);
            assert_eq!(
                seen.map(|seen| seen.commit.changed_data),
                Ok(parsed.commit.changed_data)
            );
        }
        let base = (VERSION - 2, DateTime::UNIX_EPOCH);
        let replayed = replay.finish(|_| Some(DateTime::UNIX_EPOCH), base);
        assert!(replayed.contents.files <= total.files_added);
        let in_partitions = replayed.partitions.values().map(|state| state.files);
        assert!(in_partitions.sum::<u64>() <= replayed.contents.files);
        for state in replayed.partitions.values() {
            assert!(state.files > 0 || state.rows == Some(0), "{state:?}");
            assert!((base.0..=VERSION).contains(&state.version), "{state:?}");
        }
        assert_carried(parsed, (watched, changes));
    }
}

/// Nothing goes below zero where a commit removes what never was there.
fn assert_carried(
    parsed: &ParsedCommit,
    (watched, changes): (Vec<WatchedColumn>, Option<BTreeMap<PartitionTuple, Change>>),
) {
    let mut contents = Contents {
        files: 1,
        rows: Some(1),
        columns: watched.clone(),
    };
    let before = contents.clone();
    let total = parsed.files.total();
    let columns = ColumnChanges {
        removed: vec![RemovedNulls::default(); watched.len()],
        added: watched,
        spreads: Vec::new(),
    };
    if contents.advance(parsed, &columns) {
        let files = before.files + total.files_added;
        assert_eq!(files.checked_sub(total.files_removed), Some(contents.files));
    } else {
        assert_eq!(contents, before, "half carried");
    }
    let now = (VERSION, DateTime::UNIX_EPOCH);
    for change in changes.into_iter().flatten().map(|(_, change)| change) {
        let changed = change.changed_data.then_some(now);
        let state = PartitionState::advance(None, &PartitionDelta { changed, change }, now);
        let left = change.files_added.saturating_sub(change.files_removed);
        assert_eq!((state.files, state.version), (left, VERSION));
    }
}

fn parse(bytes: &[u8]) -> Result<ParsedCommit, CommitError> {
    parse_commit(VERSION, bytes, DateTime::UNIX_EPOCH)
}

/// Whether any file action says so, found in the slow and obvious way; nothing where a line holds
/// what only the skipping of values passes over, such as a number without end.
fn changes_data(bytes: &[u8]) -> Option<bool> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let actions = lines.map(|line| serde_json::from_str::<Value>(&String::from_utf8_lossy(line)));
    let actions: Vec<Value> = actions.collect::<Result<_, _>>().ok()?;
    let files = actions
        .iter()
        .flat_map(|action| ["add", "remove"].map(|name| action.get(name)));
    let says_so =
        |file: &Value| !file.is_null() && file.get("dataChange") != Some(&Value::Bool(false));
    Some(files.flatten().any(says_so))
}

/// What is stored of a commit is what is read back.
fn assert_is_kept(commit: &Commit) {
    let stored = serde_json::to_string(commit).ok();
    let back = stored.and_then(|text| serde_json::from_str::<Commit>(&text).ok());
    assert_eq!(back.as_ref(), Some(commit));
}

/// A commit that ends inside a line is refused. One that ends between two lines reads as one, and
/// can be told from the whole by its marker.
fn assert_no_cut_passes_for_the_whole(bytes: &[u8], whole: &ParsedCommit) {
    let content = bytes.trim_ascii_end();
    let last = content.len().saturating_sub(1);
    for at in positions(bytes, content.len(), 6).into_iter().chain([last]) {
        let cut = content.get(..at).unwrap_or_default();
        let rest = content.get(at..).unwrap_or_default();
        let line_start = cut
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let begun = cut.get(line_start..).unwrap_or_default().trim_ascii();
        let missing = rest
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let line = cut.split(|byte| *byte == b'\n').count();
        let is_inside = !begun.is_empty() && !missing.is_empty();
        match parse(cut) {
            Ok(part) => {
                assert!(
                    !is_inside,
                    "the first {at} bytes end inside a line and are read"
                );
                assert_ne!(part.content, whole.content);
            }
            Err(CommitError::Empty) => assert!(cut.trim_ascii().is_empty()),
            Err(CommitError::CutOff { line: found } | CommitError::Invalid { line: found, .. }) => {
                assert!(is_inside && found == line, "cut at {at}: line {found}");
            }
        }
    }
}

/// File times only ever go forward, whatever the commit claims.
fn assert_settles(parsed: &ParsedCommit) {
    let state = match (&parsed.metadata, &parsed.protocol) {
        (Some(metadata), Some(protocol)) => Some(TableState {
            metadata: metadata.metadata.clone(),
            protocol: protocol.clone(),
        }),
        _ => None,
    };
    let extremes = [
        DateTime::<Utc>::MIN_UTC,
        DateTime::UNIX_EPOCH,
        DateTime::<Utc>::MAX_UTC,
    ];
    for previous in [None].into_iter().chain(extremes.map(Some)) {
        for state in [None, state.as_ref()] {
            let mut settled = parsed.clone();
            time::settle(&mut settled, previous, state);
            let is_stamped = settled.in_commit_timestamp == Some(settled.commit.committed_at);
            let is_after = previous.is_none_or(|previous| {
                settled.commit.committed_at > previous || previous == DateTime::<Utc>::MAX_UTC
            });
            assert!(is_stamped || is_after, "{settled:?}");
        }
    }
}
