//! Laws of the store, each tried on real files.

mod checks;
mod copies;
mod deadlines;
mod durability;
mod intents;
mod leases;
mod memory;
mod opening;
mod random;
mod tables;
mod trail;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use assets::delta::contents::PartitionNews;
use assets::delta::partition_tuple::PartitionColumns;
use assets::delta::reading::Details;
use assets::delta::{CommitMarker, KnownHead, Metadata, Protocol, TableState};
use assets::task::{JobReference, TaskName};
use assets::{AssetKey, CodeVersion, Origin, PassNumber, TableId, TableVersion};
use chrono::{DateTime, TimeDelta, Utc};

use super::{OpenMode, Store};
use crate::ports::{Sighting, State};
use crate::state::{
    DataCommit, Intent, IntentId, IntentState, Lease, Memory, Observation, ObservedState, Outcome,
    RetryRule, Settlement,
};

/// A folder of its own for one state file.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.path(), OpenMode::ReadWrite).unwrap()
    }

    /// Returns a connection beside the store, for looks and deeds that no method allows.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    fn count(&self, sql: &str) -> i64 {
        self.raw().query_row(sql, (), |row| row.get(0)).unwrap()
    }
}

/// So many seconds into the test.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn key(name: &str) -> AssetKey {
    AssetKey::new(name).unwrap()
}

fn version(number: u64) -> TableVersion {
    TableVersion {
        table_id: TableId::new("t1"),
        version: number,
    }
}

fn head(number: u64) -> KnownHead {
    KnownHead {
        table_id: TableId::new("t1"),
        version: number,
        marker: CommitMarker {
            size: 10,
            modified_nanos: 5,
            content: u64::MAX,
            etag: None,
        },
        data: None,
        read_from: 0,
        last_committed_at: at(0),
        operation: Some("WRITE".to_owned()),
        state: table_state(),
        has_hole_above: false,
        details: Details::default(),
    }
}

fn commit(number: u64) -> DataCommit {
    DataCommit {
        version: version(number),
        committed_at: at(0),
        origin: Origin {
            at: at(-5),
            seen: PassNumber(1),
        },
        operation: Some("MERGE".to_owned()),
        intent: None,
        partitions: None,
        event_at: None,
        names_run: false,
        provenance: None,
    }
}

/// A look at a table that found these new commits.
fn sighting(asset: &str, commits: impl IntoIterator<Item = u64>) -> Sighting {
    let commits: Vec<DataCommit> = commits.into_iter().map(commit).collect();
    let newest = commits.last().map_or(0, |commit| commit.version.version);
    Sighting {
        asset: key(asset),
        observation: Observation {
            state: ObservedState::Ok,
            head: Some(head(newest).into()),
            since: at(0),
        },
        commits,
        consumption: None,
        build: None,
        forget_commits: false,
        partitions: PartitionNews::Nothing,
        values: Vec::new(),
        schema: None,
        built: None,
        code_version: None,
        is_chosen_from: false,
    }
}

/// An intent that builds assets out of version 7 of `up`.
fn intent(id: &str, assets: &[&str]) -> Intent {
    let assets: Vec<AssetKey> = assets.iter().map(|name| key(name)).collect();
    let inputs = BTreeMap::from([(key("up"), Some(version(7))), (key("empty"), None)]);
    Intent {
        id: IntentId(id.to_owned()),
        task: TaskName::new("build"),
        job: JobReference::Name("nightly".to_owned()),
        task_key: None,
        pool: Some("small".to_owned()),
        parameters: BTreeMap::from([("day".to_owned(), "1".to_owned())]),
        inputs: assets
            .iter()
            .map(|asset| (asset.clone(), inputs.clone()))
            .collect(),
        code_versions: assets
            .iter()
            .map(|asset| (asset.clone(), CodeVersion::new("c1")))
            .collect(),
        assets,
        origin: Some(Origin {
            at: at(-60),
            seen: PassNumber(1),
        }),
        degraded_by: vec![key("late")],
        reason: "`up` changed".to_owned(),
        retry: RetryRule {
            attempts: 3,
            backoff_seconds: 60,
            max_backoff_seconds: 600,
        },
        timeout_seconds: Some(3600),
        created_at: at(1),
        decided_at: at(2),
        pass: PassNumber(4),
        attempt: 1,
        state: IntentState::Pending,
        token: format!("{id}-1"),
        not_before: None,
        first_sent_at: None,
        last_sent_at: None,
        run_id: None,
        url: None,
        cancel_requested_at: None,
        is_found: false,
        pinned: Vec::new(),
        backfill: None,
        partitions: None,
        full_refresh: false,
        feeds: BTreeSet::new(),
    }
}

fn id(text: &str) -> IntentId {
    IntentId(text.to_owned())
}

fn lease(store: &Store) -> Lease {
    store
        .acquire_lease("me", at(0), TimeDelta::hours(1))
        .unwrap()
}

fn settled(outcome: Outcome) -> Settlement {
    Settlement {
        outcome,
        finished_at: at(100),
    }
}

fn success() -> Settlement {
    settled(Outcome::Succeeded {
        produced: BTreeMap::from([(key("a"), Some(version(1)))]),
    })
}

fn retry(token: &str) -> Settlement {
    settled(Outcome::Retry {
        code: "TIMEOUT".to_owned(),
        message: "it took too long".to_owned(),
        next_token: token.to_owned(),
        not_before: at(160),
    })
}

fn failure(is_exhausted: bool) -> Settlement {
    settled(Outcome::Failed {
        code: "TASK_FAILED".to_owned(),
        message: "a task failed".to_owned(),
        is_exhausted,
    })
}

/// Shows all that is remembered, to compare it.
fn shown(memory: &Memory) -> String {
    format!("{memory:#?}")
}

fn table_state() -> TableState {
    TableState {
        metadata: Metadata {
            id: TableId::new("t1"),
            partition_columns: vec!["day".to_owned()],
            partitioning: PartitionColumns::default(),
            schema_hash: None,
            configuration: BTreeMap::from([("delta.appendOnly".to_owned(), "true".to_owned())]),
        },
        protocol: Protocol {
            min_reader_version: 1,
            min_writer_version: 2,
            reader_features: BTreeSet::new(),
            writer_features: BTreeSet::new(),
        },
    }
}
