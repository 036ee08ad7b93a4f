//! One look at one table → what is remembered of it from now on.
//!
//! Pure. Who wrote the new commits, and what that means for consumption, is decided afterwards in
//! `outside`; until then every commit counts as its own origin.

use std::sync::Arc;

use assets::delta::contents::PartitionNews;
use assets::delta::{Commit, Continuity, KnownHead, Reading, Unreadable, Update};
use assets::version::{Origin, PassNumber, TableVersion};
use assets::{AssetKey, TableId};
use chrono::{DateTime, Utc};
use lineage::AssetGraph;

use super::Seen;
use crate::ports::Sighting;
use crate::state::{Build, DataCommit, Memory, Observation, ObservedState, Pushed};

/// The code of the state between "it was there" and "it is gone".
pub(super) const VANISHED: &str = "vanished";

/// What that state says to people.
pub(super) const VANISHED_REASON: &str =
    "its log is not there any more; it counts as gone when that is seen twice";

/// What a look found.
pub(super) enum Look {
    /// Its log was read, or there was none.
    Read(Reading),
    /// It exists and has no log of its own.
    Exists,
    /// It has no log, and somebody says how far it is.
    Pushed,
    /// There was nothing to look at.
    Blind { code: &'static str, reason: String },
}

/// Returns what changed, or nothing.
pub(super) fn sight(
    graph: &AssetGraph,
    memory: &Memory,
    (pass, now): (PassNumber, DateTime<Utc>),
    key: &AssetKey,
    look: Look,
) -> Option<Seen> {
    let previous = memory.observations.get(key);
    match look {
        Look::Blind { code, reason } => {
            let state = ObservedState::Unknown {
                code: code.to_owned(),
                reason,
            };
            changed_state(previous, key, state, now)
        }
        Look::Exists => {
            let mut seen = changed_state(previous, key, ObservedState::Ok, now);
            let is_new = !memory.builds.get(key).is_some_and(Build::was_built);
            if let Some(seen) = seen.as_mut().filter(|_| is_new) {
                seen.sighting.build = Some(adopted_view(graph, key));
            }
            seen
        }
        Look::Pushed => changed_state(previous, key, ObservedState::Ok, now),
        Look::Read(Reading::Unchanged) => changed_state(previous, key, ObservedState::Ok, now),
        Look::Read(Reading::Unknown(problem)) => {
            changed_state(previous, key, unknown(&problem), now)
        }
        // The head of what is gone is kept: should the same log stand there again, as after a disk
        // that was not mounted, everything is as before; another log is told by it.
        Look::Read(Reading::Absent) => changed_state(previous, key, absent(previous), now),
        Look::Read(Reading::Read(update)) => {
            let mut seen = read(previous, key, *update, (pass, now));
            // What was pushed has no order with what a log tells.
            seen.sighting.forget_commits |= is_pushed(memory, key);
            Some(seen)
        }
    }
}

/// Whether what is known of an asset was pushed.
pub(super) fn is_pushed(memory: &Memory, key: &AssetKey) -> bool {
    let newest = memory.commits.get(key).and_then(|commits| commits.last());
    newest.is_some_and(|newest| Pushed::of(newest).is_some())
}

/// A view that was there before us: its code is taken to be today's.
fn adopted_view(graph: &AssetGraph, key: &AssetKey) -> Build {
    let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
    let code_version = asset.and_then(|asset| asset.code_version.clone());
    Build {
        code_version,
        is_adopted: true,
        ..Build::default()
    }
}

/// A log that was there has to be missed twice before its table counts as gone: a listing may lie
/// once, and what follows from "gone" is a rebuild.
fn absent(previous: Option<&Observation>) -> ObservedState {
    let Some(previous) = previous else {
        return ObservedState::Absent;
    };
    match &previous.state {
        ObservedState::Gone => ObservedState::Gone,
        ObservedState::Unknown { code, .. } if code == VANISHED => ObservedState::Gone,
        ObservedState::Ok | ObservedState::Absent | ObservedState::Unknown { .. }
            if previous.head.is_none() =>
        {
            ObservedState::Absent
        }
        ObservedState::Ok | ObservedState::Absent | ObservedState::Unknown { .. } => {
            ObservedState::Unknown {
                code: VANISHED.to_owned(),
                reason: VANISHED_REASON.to_owned(),
            }
        }
    }
}

fn unknown(problem: &Unreadable) -> ObservedState {
    ObservedState::Unknown {
        code: problem.code().to_owned(),
        reason: problem.to_string(),
    }
}

fn changed_state(
    previous: Option<&Observation>,
    key: &AssetKey,
    state: ObservedState,
    now: DateTime<Utc>,
) -> Option<Seen> {
    if previous.is_some_and(|previous| previous.state == state) {
        return None;
    }
    let head = previous.and_then(|previous| previous.head.clone());
    let observation = Observation {
        state,
        head,
        since: now,
    };
    Some(seen(key, observation, Vec::new()))
}

pub(super) fn seen(key: &AssetKey, observation: Observation, commits: Vec<Commit>) -> Seen {
    let sighting = Sighting {
        asset: key.clone(),
        observation,
        commits: Vec::new(),
        consumption: None,
        build: None,
        forget_commits: false,
        partitions: PartitionNews::Nothing,
        values: Vec::new(),
        built: None,
        code_version: None,
        schema: None,
        is_chosen_from: false,
    };
    Seen {
        sighting,
        commits,
        is_first_contact: false,
    }
}

fn read(
    previous: Option<&Observation>,
    key: &AssetKey,
    update: Update,
    (pass, now): (PassNumber, DateTime<Utc>),
) -> Seen {
    let Update {
        head,
        commits,
        continuity,
        trailing,
        partitions,
        schema,
    } = update;
    let state = trailing.as_ref().map_or(ObservedState::Ok, unknown);
    let since = match previous {
        Some(previous) if previous.state == state => previous.since,
        Some(_) | None => now,
    };
    let last_seen = previous.and_then(|previous| previous.head.as_deref());
    let mut data_commits = lost_commit(&head, &commits, (&continuity, last_seen), pass)
        .into_iter()
        .collect::<Vec<DataCommit>>();
    data_commits.extend(
        commits
            .iter()
            .map(|commit| data_commit(&head.table_id, commit, pass)),
    );
    let is_first_contact = previous.is_none_or(|previous| previous.head.is_none());
    let forget_commits = matches!(continuity, Continuity::Recreated);
    let mut seen = seen(
        key,
        Observation {
            state,
            head: Some(Arc::new(head)),
            since,
        },
        commits,
    );
    seen.sighting.commits = data_commits;
    seen.sighting.partitions = partitions;
    seen.sighting.schema = schema;
    seen.sighting.forget_commits = forget_commits;
    seen.is_first_contact = is_first_contact;
    seen
}

pub(super) fn data_commit(table_id: &TableId, commit: &Commit, pass: PassNumber) -> DataCommit {
    DataCommit {
        version: TableVersion {
            table_id: table_id.clone(),
            version: commit.version,
        },
        committed_at: commit.committed_at,
        origin: Origin {
            at: commit.committed_at,
            seen: pass,
        },
        operation: commit.operation.clone(),
        intent: None,
        partitions: None,
        event_at: None,
        names_run: commit
            .writer
            .job_run_id
            .or(commit.writer.task_run_id)
            .is_some(),
        provenance: None,
    }
}

/// Stands for commits that nobody can read any more, or for the end of a table that was made anew.
/// What they touched is everything: a gap never means that nothing happened.
fn lost_commit(
    head: &KnownHead,
    commits: &[Commit],
    (continuity, last_seen): (&Continuity, Option<&KnownHead>),
    pass: PassNumber,
) -> Option<DataCommit> {
    let (version, operation) = match continuity {
        Continuity::Gap { lost_to, .. } => (*lost_to, "commits lost to log retention"),
        Continuity::Cold | Continuity::Recreated
            if head.data.is_none() && !head.never_had_data() =>
        {
            (head.read_from.saturating_sub(1), "before the readable log")
        }
        // What was there is gone, and its consumers still show it.
        Continuity::Recreated if head.data.is_none() => (head.version, "recreated without data"),
        Continuity::Cold | Continuity::Continues | Continuity::Replaced | Continuity::Recreated => {
            return None;
        }
    };
    // It happened at the latest when the first commit after it did, and may have happened as early as
    // the last one that was seen: a lag is never told to be less than it is.
    let at = commits
        .first()
        .map_or(head.last_committed_at, |commit| commit.committed_at);
    Some(DataCommit {
        version: TableVersion {
            table_id: head.table_id.clone(),
            version,
        },
        committed_at: at,
        origin: Origin {
            at: last_seen.map_or(at, |last| last.last_committed_at.min(at)),
            seen: pass,
        },
        operation: Some(operation.to_owned()),
        intent: None,
        partitions: None,
        event_at: None,
        names_run: false,
        provenance: None,
    })
}
