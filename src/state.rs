//! What is remembered between passes, as values: observations, consumption, builds, intents, runs.
//!
//! These are the words that the planner, the trigger protocol and the store share. They hold no
//! handle to any database; how they are kept is the `store` module's business.

mod backfill;
mod checked;
mod extents;
mod positions;
mod provenance;
mod started;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use assets::delta::KnownHead;
use assets::delta::schema::SchemaChange;
use assets::partition::Extent;
use assets::run_times::RunTimes;
use assets::task::{JobReference, TaskName};
use assets::version::{CodeVersion, Origin, PassNumber, TableVersion};
use assets::{AssetKey, Relation};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use backfill::{
    Backfill, BackfillError, BackfillName, BackfillNews, BackfillOrder, BackfillState,
    BackfillTarget,
};
pub use checked::{CheckResult, CheckResults, CheckStatus};
pub use extents::{BuiltPartitions, Compaction, ConsumedPartitions};
pub use positions::{FullRefreshRequest, PushRefused, Pushed, PushedWord, Pusher};
pub use provenance::{Lost, Provenance, RootVersion};
pub use started::StartedRun;
pub use values::{ValueNews, Values, told};

/// Everything the planner and the protocol need to know of the past.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The newest pass that was begun; 0 before the first.
    pub pass: PassNumber,
    /// When the newest finished pass ended, UTC.
    pub last_pass_at: Option<DateTime<Utc>>,
    /// What was last seen of each table.
    pub observations: BTreeMap<AssetKey, Observation>,
    /// Commits that changed data, by asset, oldest first; those that every consumer has
    /// incorporated may be missing, but for the newest.
    pub commits: BTreeMap<AssetKey, Vec<DataCommit>>,
    /// What the current content of an asset incorporates: asset → upstream → version.
    pub consumption: BTreeMap<AssetKey, BTreeMap<AssetKey, Consumed>>,
    /// What is known of how each asset was built.
    pub builds: BTreeMap<AssetKey, Build>,
    /// Intents that are not settled, by id.
    pub open_intents: BTreeMap<IntentId, Intent>,
    /// Where the catalog said that tables lie.
    pub locations: BTreeMap<Relation, CatalogLocation>,
    /// That runs are looked for which this state may not know, while they are.
    pub search: Option<Search>,
    /// What came of the newest deadline of each asset.
    pub deadlines: BTreeMap<AssetKey, DeadlineVerdict>,
    /// How long the newest runs of each asset took.
    pub run_times: BTreeMap<AssetKey, RunTimes>,
    /// What came of checks.
    pub checks: CheckResults,
    /// The assets that a person wants built anew in full, until a run did.
    pub full_refreshes: BTreeMap<AssetKey, FullRefreshRequest>,
    /// The values of `dynamic` partitions.
    pub values: Values,
    /// Backfills that are not at their end, the oldest first.
    pub backfills: Vec<Backfill>,
    /// The attempts of the last 24 hours at least, the oldest first. [`crate::ports::State::load`] leaves this
    /// empty: they are many, and only budgets per day need them.
    pub started: Vec<StartedRun>,
}

/// What came of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlineVerdict {
    /// The instant at which older changes had to be in, UTC.
    pub at: DateTime<Utc>,
    /// Whether they were.
    pub is_met: bool,
    /// When that was found, UTC.
    pub judged_at: DateTime<Utc>,
}

/// Runs may be under way that a state knows nothing of: it is new, or an earlier one was lost.
/// Until they are surely found, nothing new is triggered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Why the state may not know of all runs.
    pub cause: SearchCause,
    /// When it began, by the service's clock, UTC; absent before the service was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// When no request of an earlier state can be under way any more, by the service's clock, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Why the runs could not be listed at the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Why a state may not know of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchCause {
    /// It never saw a pass: the first one, or one in the place of a state that was lost.
    New,
    /// It was new, and runs of an earlier state were found.
    Lost,
    /// It was rebuilt.
    Rebuilt,
    /// It was restored from a backup.
    Restored,
}

impl SearchCause {
    /// Returns the word used in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Lost => "lost",
            Self::Rebuilt => "rebuilt",
            Self::Restored => "restored",
        }
    }
}

impl Search {
    /// Begins a search.
    pub fn new(cause: SearchCause) -> Self {
        Self {
            cause,
            since: None,
            until: None,
            problem: None,
        }
    }

    /// Returns whether nothing new may be triggered. The first pass of a new state decides by one
    /// look at the service, before it plans: unless that look failed, nothing stands in the way.
    pub fn holds(&self) -> bool {
        self.cause != SearchCause::New || self.problem.is_some()
    }
}

/// What was last seen of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Whether the last look succeeded.
    pub state: ObservedState,
    /// The last good reading, kept while the table cannot be read. Shared, because every look at
    /// the table takes it along.
    pub head: Option<Arc<KnownHead>>,
    /// When the state last changed, UTC.
    pub since: DateTime<Utc>,
}

/// Whether a table could be read at the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ObservedState {
    /// Read; `head` is current as of the last pass.
    Ok,
    /// Never seen: there is no table at its place yet.
    Absent,
    /// It was there and is gone, confirmed by two looks.
    Gone,
    /// It could not be observed: neither fresh nor stale.
    Unknown {
        /// Stable word for the kind of problem, such as `torn_commit`.
        code: String,
        /// One sentence for people.
        reason: String,
    },
}

/// What is known of a table beyond what the planner reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableNotes {
    /// How many of its partitions have data.
    pub partitions: u64,
    /// The last change of its columns that was seen.
    pub schema_change: Option<SchemaNews>,
}

/// A change of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaNews {
    /// The version at which the new columns were first seen.
    pub version: u64,
    /// When that was, UTC.
    pub seen_at: DateTime<Utc>,
    /// Whether readers of the table may break.
    pub is_breaking: bool,
    /// The single changes.
    pub changes: Vec<SchemaChange>,
}

/// A commit that changed data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCommit {
    /// Incarnation and version.
    pub version: TableVersion,
    /// Commit time, UTC.
    pub committed_at: DateTime<Utc>,
    /// The oldest source change that it carries.
    pub origin: Origin,
    /// The operation's name, for display only.
    pub operation: Option<String>,
    /// The intent whose run wrote it, where that is known.
    pub intent: Option<IntentId>,
    /// The partitions in which it changed data, of an asset that is built by partitions; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Extent>,
    /// The event time through which the table is complete with this commit, UTC, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_at: Option<DateTime<Utc>>,
    /// Whether it says itself which run wrote it.
    #[serde(default)]
    pub names_run: bool,
    /// What its content incorporates of the roots, where that was worked out. It is, for what an asset
    /// under `snapshot` depends on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Arc<Provenance>>,
}

/// What the content of an asset incorporates of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumed {
    /// The upstream's data version; absent when it had no data then, or where nobody knows yet.
    pub version: Option<TableVersion>,
    /// How we know.
    pub basis: Basis,
    /// Partitions of which something else is known: those sets have nothing in common, and of what is in
    /// none of them the version above is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<ConsumedPartitions>,
}

/// How it is known what a write consumed, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Fixed before the run was triggered here.
    Run,
    /// The commit's `userMetadata` says so.
    Stamp,
    /// The checkpoint of the streaming query that wrote it says so.
    Checkpoint,
    /// Assumed: the heads at the start of the run that wrote it.
    RunStart,
    /// Assumed: the heads at the commit's time less a margin.
    CommitTime,
    /// Nobody knows yet: the upstream could not be read when the write was taken over. It is found out as
    /// soon as it can be.
    Unknown,
}

impl Basis {
    /// Every basis, best first.
    pub const ALL: [Self; 6] = [
        Self::Run,
        Self::Stamp,
        Self::Checkpoint,
        Self::RunStart,
        Self::CommitTime,
        Self::Unknown,
    ];

    /// Returns whether the version is an assumption, to be labelled wherever it is shown.
    pub fn is_assumed(self) -> bool {
        matches!(self, Self::RunStart | Self::CommitTime)
    }

    /// Returns the word used in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Stamp => "stamp",
            Self::Checkpoint => "checkpoint",
            Self::RunStart => "run_start",
            Self::CommitTime => "commit_time",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of how an asset's current content came to be, and of what went wrong since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The code it was built with; what was current when it was adopted, for outside writes.
    pub code_version: Option<CodeVersion>,
    /// When the run was decided on that built it, UTC; absent for outside writes.
    #[serde(default)]
    pub begun_at: Option<DateTime<Utc>>,
    /// When it was built: end of our run, or commit time of the adopted write. UTC.
    pub built_at: Option<DateTime<Utc>>,
    /// End of the last run of ours that succeeded, UTC.
    pub last_success_at: Option<DateTime<Utc>>,
    /// The data version after that; absent for views and for runs that wrote nothing.
    pub produced: Option<TableVersion>,
    /// Whether the current content was written by somebody else.
    pub is_adopted: bool,
    /// Inputs that were behind when it was last built under `latest`, in key order.
    pub degraded_by: Vec<AssetKey>,
    /// The cut that it waits for, since it became due.
    pub cut: Option<Cut>,
    /// The last failure since the last success: its attempts are exhausted, or not retried.
    pub failure: Option<Failure>,
    /// Which of its partitions were built or observed; absent for an asset that is built as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<BuiltPartitions>,
    /// When the run that built it had read its inputs at the latest, UTC: its own commit, or its end where
    /// it wrote nothing. Absent for outside writes.
    #[serde(default)]
    pub read_by: Option<DateTime<Utc>>,
    /// Inputs whose version that run was told, in key order: of those it read no newer one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<AssetKey>,
}

impl Build {
    /// Returns whether there is a build at all. A cut or a failure may be known of an asset that
    /// never was built.
    pub fn was_built(&self) -> bool {
        self.is_adopted || self.built_at.is_some()
    }
}

/// All changes observed up to and including a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The pass in which the asset became due.
    pub pass: PassNumber,
    /// When that was, UTC.
    pub fixed_at: DateTime<Utc>,
}

/// Why an asset is quarantined: not tried again until its code or its inputs change, or a person
/// says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The intent that failed.
    pub intent: IntentId,
    /// How often it was tried.
    pub attempts: u32,
    /// When the last attempt ended, UTC.
    pub at: DateTime<Utc>,
    /// A stable word: the service's termination code, or one of ours.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// What it would have consumed: upstream → version.
    pub inputs: BTreeMap<AssetKey, Option<TableVersion>>,
    /// The code it was tried with.
    pub code_version: Option<CodeVersion>,
    /// The partitions that failed; absent for the whole of the asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Extent>,
}

/// Where the catalog says a relation lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogLocation {
    /// Its storage location; absent for views, and where the catalog has no such table.
    pub storage_location: Option<String>,
    /// Whether the catalog has it at all.
    pub exists: bool,
    /// When the catalog was asked, UTC.
    pub looked_up_at: DateTime<Utc>,
}

/// The identity of an intent: a ULID, so that ids sort by time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub String);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a job run, as the service gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The will to run one task for some assets, with everything fixed that the run will record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its identity.
    pub id: IntentId,
    /// What is run.
    pub task: TaskName,
    /// The job behind the task.
    pub job: JobReference,
    /// Run only this task of the job.
    pub task_key: Option<String>,
    /// The pool that it counts against.
    pub pool: Option<String>,
    /// What it builds, in key order.
    pub assets: Vec<AssetKey>,
    /// Rendered job parameters, without the correlation.
    pub parameters: BTreeMap<String, String>,
    /// What each asset will have consumed: asset → upstream → data version.
    pub inputs: BTreeMap<AssetKey, BTreeMap<AssetKey, Option<TableVersion>>>,
    /// The code each asset is built with.
    pub code_versions: BTreeMap<AssetKey, CodeVersion>,
    /// The oldest source change that it will incorporate; absent if only the code changed.
    pub origin: Option<Origin>,
    /// Inputs that are behind and that `latest` goes on without, in key order.
    pub degraded_by: Vec<AssetKey>,
    /// Why it was made, one sentence.
    pub reason: String,
    /// The retry rule at the time it was made.
    pub retry: RetryRule,
    /// Cancel an attempt that runs longer than this.
    pub timeout_seconds: Option<i64>,
    /// When it was made, by the service's clock, UTC.
    pub created_at: DateTime<Utc>,
    /// When it was decided on, by the clock that schedules are read by, UTC.
    pub decided_at: DateTime<Utc>,
    /// The pass that made it.
    pub pass: PassNumber,
    /// Which attempt is current, from 1.
    pub attempt: u32,
    /// Where the current attempt stands.
    pub state: IntentState,
    /// The idempotency token of the current attempt.
    pub token: String,
    /// Do not send before this, UTC.
    pub not_before: Option<DateTime<Utc>>,
    /// When the current attempt was first stamped, by the service's clock, UTC.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// When it was last stamped, by the service's clock, UTC.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// The run of the current attempt, once known.
    pub run_id: Option<RunId>,
    /// The run's page, once known.
    pub url: Option<String>,
    /// When cancelling was asked for, UTC.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Whether it was made of a run that was found at the service, and not by this state: then its
    /// inputs are assumed, the heads at the start of the run, and only what its run surely wrote
    /// counts as built.
    pub is_found: bool,
    /// The partitions that it builds; absent for the whole of its assets.
    pub partitions: Option<Extent>,
    /// Whether it builds them anew in full, whatever the positions in change feeds are.
    pub full_refresh: bool,
    /// The inputs that it reads by changes: their positions are where this run leaves them, whoever writes
    /// its assets meanwhile.
    pub feeds: BTreeSet<AssetKey>,
    /// Inputs whose version its parameters tell, in key order.
    pub pinned: Vec<AssetKey>,
    /// The backfill that it is made for.
    pub backfill: Option<BackfillName>,
}

/// What was found out about contents that are there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// What data versions incorporate of their roots: asset, version, and that.
    pub provenance: Vec<(AssetKey, TableVersion, Arc<Provenance>)>,
    /// Assets that were built while inputs were behind which are not any more, with those that still are.
    pub recovered: Vec<(AssetKey, Vec<AssetKey>)>,
}

/// The retry rule of an asset, as an intent keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRule {
    /// Attempts in all, at least 1; 0 for a run that was found and of which nobody can tell for
    /// sure which asset it is for: nothing follows from its failure.
    pub attempts: u32,
    /// Seconds before the second attempt.
    pub backoff_seconds: i64,
    /// Most seconds between two attempts.
    pub max_backoff_seconds: i64,
}

impl From<assets::policy::Retry> for RetryRule {
    fn from(retry: assets::policy::Retry) -> Self {
        Self {
            attempts: retry.attempts,
            backoff_seconds: retry.backoff.num_seconds(),
            max_backoff_seconds: retry.max_backoff.num_seconds(),
        }
    }
}

impl RetryRule {
    /// Returns the wait after a failed attempt, without jitter: doubling, up to the bound.
    pub fn backoff_after(self, attempt: u32) -> TimeDelta {
        let doublings = attempt.saturating_sub(1).min(30);
        let seconds = self
            .backoff_seconds
            .saturating_mul(1_i64 << doublings)
            .clamp(0, self.max_backoff_seconds.max(0));
        TimeDelta::seconds(seconds)
    }
}

/// Where the current attempt of an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// Written down, nothing sent.
    Pending,
    /// Stamped: a request may be under way, or its answer lost.
    Sending,
    /// Beyond the time in which the service surely remembers the token; never sent again.
    Uncertain,
    /// The run is known.
    Running,
    /// Settled: the assets incorporate the inputs.
    Succeeded,
    /// Settled: it failed and is not tried again.
    Failed,
    /// Settled: somebody cancelled it.
    Cancelled,
    /// Settled: all attempts failed; its assets are quarantined.
    Quarantined,
}

impl IntentState {
    /// Every state, open ones first.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Sending,
        Self::Uncertain,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Quarantined,
    ];

    /// Returns whether the intent is not settled.
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Sending | Self::Uncertain | Self::Running
        )
    }

    /// Returns the word used in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Uncertain => "uncertain",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Who may write: the holder of the lease, at its epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it: host, process and a random part.
    pub holder: String,
    /// Grows whenever the holder changes; checked inside every writing transaction.
    pub epoch: u64,
    /// When it runs out unless renewed, UTC.
    pub expires_at: DateTime<Utc>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// What came out.
    pub outcome: Outcome,
    /// When the run ended, by the service, UTC; when we learned of it where it does not say.
    pub finished_at: DateTime<Utc>,
}

/// What came out of an attempt, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The assets incorporate the intent's inputs. With the data version of each asset after it.
    Succeeded {
        /// Asset → its data version after the run; absent where nothing was written.
        produced: BTreeMap<AssetKey, Option<TableVersion>>,
    },
    /// The attempt failed and another one follows.
    Retry {
        /// Termination code or a word of ours.
        code: String,
        /// One sentence for people.
        message: String,
        /// The token of the next attempt.
        next_token: String,
        /// When it may be sent, UTC.
        not_before: DateTime<Utc>,
    },
    /// It failed and nothing follows: the assets are quarantined.
    Failed {
        /// Termination code or a word of ours.
        code: String,
        /// One sentence for people.
        message: String,
        /// Whether attempts were exhausted, rather than a retry being pointless.
        is_exhausted: bool,
    },
    /// Somebody cancelled it; its assets are quarantined as after a failure.
    Cancelled {
        /// One sentence for people.
        message: String,
    },
}
