//! The seams of the controller: what the loop needs of the world, as traits.
//!
//! The loop, the planner and the trigger protocol name only these. `app` fits the real adapters to
//! them; a simulation fits its own, and drives the same code. Nothing here knows HTTP, SQL or files.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::delta::contents::{PartitionNews, Watch};
use assets::delta::{Commit, KeptChanges, KnownHead, Reading, Unreadable};
use assets::task::JobReference;
use assets::version::{CodeVersion, PassNumber};
use assets::{AssetKey, Relation};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::state::{
    BackfillError, BackfillNews, Build, BuiltPartitions, CatalogLocation, CheckResult, Compaction,
    Consumed, Cut, DataCommit, DeadlineVerdict, Intent, IntentId, IntentState, Learned, Lease,
    Memory, Observation, RunId, Search, Settlement, StartedRun, ValueNews,
};

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the wall clock, UTC. It may jump in either direction.
    fn now(&self) -> DateTime<Utc>;
    /// Returns time since some fixed point. It never goes back, and goes on while the machine
    /// sleeps.
    fn monotonic(&self) -> std::time::Duration;
    /// Returns after this long.
    async fn sleep(&self, duration: std::time::Duration);
}

/// Chance, for ids and jitter.
pub trait Random: Send + Sync {
    /// Returns 128 random bits.
    fn bits(&self) -> u128;
}

/// Tables whose Delta logs are watched.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Reads what is new of each table; one that cannot be read does not stop the others.
    ///
    /// The answers come in the order of the requests.
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading>;
    /// Returns the commits that changed data, newest first, as far back as is asked, or as the log goes.
    async fn commits_back_to(
        &self,
        location: &TableLocation,
        back: Back,
    ) -> Result<Vec<Commit>, Unreadable>;
    /// Looks from which version on the changes of a table can be read up to its head, at `asked` or later.
    async fn kept_changes(
        &self,
        location: &TableLocation,
        head: &KnownHead,
        asked: u64,
    ) -> Result<KeptChanges, Unreadable>;
    /// Reads one file of a streaming checkpoint whole; nothing where it is not there.
    ///
    /// Fails for one of more than [`LARGEST_FILE`](assets::streaming::LARGEST_FILE) bytes.
    async fn checkpoint_file(
        &self,
        folder: &TableLocation,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unreadable>;
}

/// Where a table lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableLocation {
    /// A path relative to the project, an absolute path, or a URL.
    pub path: String,
    /// The catalog's name of the table, where it was the catalog that said so.
    pub located: Option<Relation>,
}

/// One table to be read.
#[derive(Debug, Clone)]
pub struct TableRequest {
    /// Whose table it is, for messages.
    pub asset: AssetKey,
    /// Where it lies.
    pub location: TableLocation,
    /// What was last seen of it; absent at first contact.
    pub known: Option<Arc<KnownHead>>,
    /// What is watched of columns.
    pub columns: Vec<Watch>,
    /// Whether its files are counted.
    pub counting: Counting,
}

/// How far the commits of a log are read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// To and including the first commit that changed data and is not newer than this, UTC.
    pub to: DateTime<Utc>,
    /// How many commits are read at most, with those that changed no data.
    pub at_most: usize,
    /// The columns over whose values the files of commits are seen to spread.
    pub spread: Vec<String>,
}

impl Back {
    /// Asks for all commits since an instant.
    pub fn to(at: DateTime<Utc>) -> Self {
        Self {
            to: at,
            at_most: usize::MAX,
            spread: Vec::new(),
        }
    }
}

/// When the files of a table are counted that never were. Once they are, every change carries the count
/// forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// With the look, however long it takes.
    Now,
    /// With the look as long as looks of this pass have taken little time, else with a later one.
    InTime,
}

/// The catalog of an environment.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Returns where a relation lies, or that the catalog has no such relation.
    async fn locate(&self, relation: &Relation) -> Result<CatalogLocation, JobsError>;
}

/// The service that runs jobs.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Returns the workspace's identity, once any answer has told it.
    fn workspace_id(&self) -> Option<String>;
    /// Returns the service's clock now, UTC: the `Date` of its last answer and the time since, by a
    /// clock that never goes back. Absent before an answer.
    fn service_now(&self) -> Option<DateTime<Utc>>;
    /// Returns the page of a run.
    fn run_url(&self, job_id: i64, run: RunId) -> Option<String>;
    /// Finds a job.
    async fn job(&self, reference: &JobReference) -> Result<Job, JobsError>;
    /// Starts a run, or returns the one that the token already made.
    async fn run_now(&self, request: &RunRequest) -> Result<RunId, JobsError>;
    /// Returns one run.
    async fn run(&self, id: RunId) -> Result<Run, JobsError>;
    /// Returns all runs that have not ended, newest first.
    async fn active_runs(&self) -> Result<Vec<Run>, JobsError>;
    /// Returns the runs of a job that started at or after an instant, newest first.
    async fn runs_since(&self, job_id: i64, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError>;
    /// Returns the runs of all jobs that started at or after an instant, newest first.
    async fn all_runs_since(&self, from: DateTime<Utc>) -> Result<Vec<Run>, JobsError>;
    /// Asks for a run to be cancelled; it ends some time later.
    async fn cancel(&self, id: RunId) -> Result<(), JobsError>;
}

/// SQL warehouses, of which questions are asked that change nothing.
#[async_trait]
pub trait Statements: Send + Sync {
    /// Asks a question, and waits so long for the answer. One that takes longer may be asked again
    /// later, in the same words: whoever answers may have gone on with it meanwhile.
    async fn ask(
        &self,
        question: &Question,
        patience: std::time::Duration,
    ) -> Result<StatementAnswer, JobsError>;
}

/// A question for a SQL warehouse: a statement that only reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The warehouse, by its id.
    pub warehouse: Arc<str>,
    /// The statement; it returns one row with one number.
    pub statement: String,
}

/// What a warehouse said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementAnswer {
    /// The number in the first row.
    Number(u64),
    /// It is still at it.
    Running,
    /// The statement cannot be answered: it is wrong, names what is not there, or is not allowed to us.
    Failed(String),
}

/// A saved job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub job_id: i64,
    /// Its name.
    pub name: String,
    /// The names of the parameters that it declares.
    pub parameters: Vec<String>,
    /// What starts it beside us, such as `a schedule`; empty if nothing does.
    pub other_triggers: Vec<String>,
}

/// What is asked of the service to start a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// Which job.
    pub job_id: i64,
    /// The idempotency token, at most 64 characters.
    pub token: String,
    /// Job parameters, the correlation included.
    pub parameters: BTreeMap<String, String>,
    /// Run only this task of the job.
    pub task_key: Option<String>,
}

/// A run, as the service tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The job it belongs to.
    pub job_id: i64,
    /// Where it stands.
    pub state: RunState,
    /// When it started, UTC.
    pub started_at: DateTime<Utc>,
    /// When it ended, UTC.
    pub ended_at: Option<DateTime<Utc>>,
    /// Its page.
    pub url: Option<String>,
    /// Its job parameters.
    pub parameters: BTreeMap<String, String>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Not ended, or in a state nobody here knows.
    Active,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed {
        /// The service's termination code.
        code: String,
        /// The service's message.
        message: String,
        /// Whether another attempt may do better.
        is_transient: bool,
    },
    /// Somebody cancelled it, or it was never executed.
    Cancelled {
        /// The service's message.
        message: String,
    },
}

/// Why the service did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobsError {
    /// No definite answer: the request may or may not have had its effect.
    #[error("{0}")]
    Unanswered(String),
    /// Too many requests; nothing happened.
    #[error("{message}")]
    RateLimited {
        /// One sentence.
        message: String,
        /// How long the service asks us to wait.
        retry_after: Option<std::time::Duration>,
    },
    /// The credentials are not accepted; nothing happened.
    #[error("{message}")]
    Unauthenticated {
        /// One sentence.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// This is not allowed to us; nothing happened.
    #[error("{message}")]
    Forbidden {
        /// One sentence.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// There is no such job, run or relation.
    #[error("{0}")]
    NotFound(String),
    /// The run that the token made was deleted.
    #[error("{0}")]
    TokenRunDeleted(String),
    /// A definite refusal for another reason; nothing happened.
    #[error("{0}")]
    Refused(String),
}

/// What is remembered, kept durably. Every method is one short transaction.
///
/// Methods that take a [`Lease`] check inside their transaction that its epoch is still the current
/// one and fail with [`StateError::LeaseLost`] otherwise. Methods that take an attempt
/// compare-and-set on it and on the state, and return whether they did anything: a late answer is
/// still true, so they do not look at the lease. Every change of an intent's state writes one audit
/// row in its transaction.
pub trait State: Send + Sync {
    /// Returns everything the planner needs.
    fn load(&self) -> Result<Memory, StateError>;
    /// Returns a number that differs from an earlier one if anything that [`State::load`] returns
    /// has changed in between, whoever changed it.
    fn generation(&self) -> Result<u64, StateError>;
    /// Returns the attempts that were written down at or after an instant, the oldest first. They change with
    /// the generation.
    fn started_since(&self, from: DateTime<Utc>) -> Result<Vec<StartedRun>, StateError>;
    /// Returns the intent, open or settled, whose run this is.
    fn intent_of_run(&self, run: RunId) -> Result<Option<Intent>, StateError>;
    /// Takes the lease if it is free, expired or already this holder's.
    ///
    /// The epoch grows when the holder changes, and is always greater than that of any intent.
    fn acquire_lease(
        &self,
        holder: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<Lease, StateError>;
    /// Gives the lease back; does nothing if it is no longer this holder's.
    fn release_lease(&self, lease: &Lease) -> Result<(), StateError>;
    /// Binds this state to a workspace at first use, and refuses another one later.
    fn pin_workspace(&self, lease: &Lease, workspace_id: &str) -> Result<(), StateError>;
    /// Begins a pass and returns its number.
    fn begin_pass(&self, lease: &Lease, now: DateTime<Utc>) -> Result<PassNumber, StateError>;
    /// Records what was seen: all of it or nothing.
    fn record_sightings(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        sightings: &[Sighting],
    ) -> Result<(), StateError>;
    /// Records where the catalog says that relations lie.
    fn record_locations(
        &self,
        lease: &Lease,
        locations: &[(Relation, CatalogLocation)],
    ) -> Result<(), StateError>;
    /// Fixes or drops the cuts of assets.
    fn record_cuts(
        &self,
        lease: &Lease,
        cuts: &[(AssetKey, Option<Cut>)],
    ) -> Result<(), StateError>;
    /// Writes a new intent, in state `pending`, attempt 1, and drops the cuts of its assets.
    ///
    /// Fails with [`StateError::IntentExists`] if one of its assets has an open intent for a partition that
    /// it builds, too.
    fn intend(&self, lease: &Lease, intent: &Intent) -> Result<(), StateError>;
    /// Writes an intent, in state `running`, of a run that was found at the service and that this
    /// state knows nothing of; drops the cuts of its assets. Returns whether it did.
    ///
    /// An open intent of one of its assets that is `uncertain` was settled before the run was asked
    /// for, by a state that is lost: it is closed. With any other open intent, nothing is done.
    fn adopt_run(
        &self,
        lease: &Lease,
        found: &Intent,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Records how far the search for unknown runs is, or that it is over.
    fn record_search(
        &self,
        lease: &Lease,
        search: Option<&Search>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError>;
    /// Marks the current attempt as being sent: `sending`, with the service's time.
    ///
    /// Allowed in `pending` and `sending`; returns whether it did anything.
    fn stamp(
        &self,
        lease: &Lease,
        intent: &IntentId,
        attempt: u32,
        service_time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Records the run of an attempt: `sending` or `uncertain` → `running`.
    fn record_run(
        &self,
        intent: &IntentId,
        attempt: u32,
        run: RunId,
        url: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Records the run of a later attempt that this state knew nothing of, as it was restored from
    /// a backup: `uncertain` → `running`, at that attempt.
    fn record_later_run(
        &self,
        current: (&IntentId, u32),
        later: &LaterRun,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// `sending` → `uncertain`.
    fn record_uncertain(
        &self,
        intent: &IntentId,
        attempt: u32,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Records that cancelling was asked for.
    fn record_cancel_request(
        &self,
        intent: &IntentId,
        attempt: u32,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Settles an attempt: outcome, builds, consumption, audit and outbox, all at once.
    ///
    /// Allowed in every open state. [`Outcome::Retry`](crate::state::Outcome::Retry) leads back to `pending` with the next
    /// attempt.
    fn settle(
        &self,
        intent: &IntentId,
        attempt: u32,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Settles an attempt because its request was refused; checks the lease as well.
    ///
    /// A refusal tells of one request only: whoever took the lease over since may have sent another
    /// one, which was not refused.
    fn settle_refused(
        &self,
        lease: &Lease,
        intent: &IntentId,
        attempt: u32,
        settlement: &Settlement,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Lets a quarantined asset be tried again; returns whether it was quarantined.
    fn lift_quarantine(
        &self,
        asset: &AssetKey,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, StateError>;
    /// Returns the columns of an asset's table as its log spells them, where they were seen.
    fn table_schema(&self, asset: &AssetKey) -> Result<Option<String>, StateError>;
    /// Records what came of checks, by asset and name of the check, with audit and outbox where one
    /// turned.
    fn record_checks(
        &self,
        lease: &Lease,
        now: DateTime<Utc>,
        results: &[(AssetKey, Arc<str>, CheckResult)],
    ) -> Result<(), StateError>;
    /// Records the decisions that differ from the last recorded one of their asset.
    fn record_decisions(
        &self,
        lease: &Lease,
        decisions: &[DecisionRecord],
    ) -> Result<(), StateError>;
    /// Ends a pass and records what it found: what was recorded otherwise since stays.
    fn finish_pass(
        &self,
        lease: &Lease,
        summary: &PassRecord,
        found: PassFindings<'_>,
    ) -> Result<(), StateError>;
}

/// A run that was found for a later attempt than the one that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterRun {
    /// Which attempt it belongs to.
    pub attempt: u32,
    /// The token of that attempt.
    pub token: String,
    /// The run.
    pub run: RunId,
    /// The run's page.
    pub url: Option<String>,
    /// When it started, UTC, by the service's clock.
    pub started_at: DateTime<Utc>,
}

/// What one look at a table changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// Whose table.
    pub asset: AssetKey,
    /// What is remembered of it from now on.
    pub observation: Observation,
    /// New commits that changed data, oldest first.
    pub commits: Vec<DataCommit>,
    /// What an outside write is taken to have consumed; replaces the asset's consumption as a whole.
    pub consumption: Option<BTreeMap<AssetKey, Consumed>>,
    /// The build that an outside write made; replaces what was known.
    pub build: Option<Build>,
    /// Whether earlier commits of the asset mean nothing any more: another incarnation.
    pub forget_commits: bool,
    /// What is new about the table's partitions.
    pub partitions: PartitionNews,
    /// What is new about the values of `dynamic` partitions.
    pub values: Vec<ValueNews>,
    /// Which partitions of the asset have content, where that is news.
    pub built: Option<BuiltPartitions>,
    /// The code that an asset is taken to have been built with of which none was known.
    pub code_version: Option<CodeVersion>,
    /// The table's columns as its log spells them, where the look came by them.
    pub schema: Option<Arc<str>>,
    /// Whether an asset under `snapshot` chooses among its versions, so that more of them are kept.
    pub is_chosen_from: bool,
}

/// A decision as it is kept for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// The pass that decided.
    pub pass: PassNumber,
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// About which asset.
    pub asset: AssetKey,
    /// `run`, `wait`, `hold` or `none`.
    pub action: &'static str,
    /// The reasons as one JSON list, as `plan -o json` prints them.
    pub reasons: String,
}

/// One pass, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRecord {
    /// Its number.
    pub pass: PassNumber,
    /// When it ended, UTC.
    pub finished_at: DateTime<Utc>,
    /// Tables looked at.
    pub observed: u64,
    /// Intents made.
    pub triggered: u64,
    /// Tables that could not be observed.
    pub unknown: u64,
}

/// What a pass found beside what it decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassFindings<'a> {
    /// What came of deadlines.
    pub deadlines: &'a [(AssetKey, DeadlineVerdict)],
    /// What partitions incorporate, in fewer words than it was recorded.
    pub compactions: &'a [Compaction],
    /// How far backfills are beyond what their runs tell.
    pub backfills: &'a [BackfillNews],
    /// What was found out about contents that are there already, if anything was looked for.
    pub learned: Option<&'a Learned>,
    /// The assets that are declared, in key order; none where nobody looked.
    pub declared: &'a [&'a AssetKey],
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another reconciler holds the lease.
    #[error("another reconciler, `{holder}`, holds the lease since {}", since.format("%Y-%m-%dT%H:%M:%SZ"))]
    LeaseHeld {
        /// Who.
        holder: String,
        /// Since when, UTC.
        since: DateTime<Utc>,
        /// When it runs out unless renewed, UTC.
        expires_at: DateTime<Utc>,
    },
    /// The lease went to somebody else while we worked.
    #[error("the lease was lost to another reconciler (ours was epoch {ours}, now {current})")]
    LeaseLost {
        /// Our epoch.
        ours: u64,
        /// The epoch now.
        current: u64,
    },
    /// An asset of the intent has an open intent already.
    #[error("`{asset}` has an open intent already")]
    IntentExists {
        /// Which asset.
        asset: AssetKey,
    },
    /// A backfill cannot be made or changed.
    #[error(transparent)]
    Backfill(BackfillError),
    /// The state belongs to another workspace.
    #[error("the state belongs to workspace {pinned}, and this is workspace {found}")]
    OtherWorkspace {
        /// The workspace it was first used with.
        pinned: String,
        /// The one in use now.
        found: String,
    },
    /// A newer Headwater wrote the state.
    #[error("the state file {path} has schema version {found}; this headwater knows up to {known}")]
    NewerSchema {
        /// The state file.
        path: String,
        /// Its version.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// There is no state yet.
    #[error("there is no state file {path}")]
    Missing {
        /// Where it would be.
        path: String,
    },
    /// The file is no state of ours, or damaged.
    #[error("the state file {path} cannot be used: {problem}")]
    Damaged {
        /// The state file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The place is not fit for a state file.
    #[error("{path} is no place for a state file: {problem}")]
    Place {
        /// The state file.
        path: String,
        /// Why.
        problem: String,
    },
    /// The disk is nearly full: no new intents, results are still recorded.
    #[error("only {free_mib} MiB are free beside the state file {path}; nothing new is triggered")]
    LowDisk {
        /// The state file.
        path: String,
        /// What is free, in MiB.
        free_mib: u64,
    },
    /// The database refused.
    #[error("the state file could not be {attempted}")]
    Database {
        /// What was tried: `read`, `written`, `opened`…
        attempted: &'static str,
        /// What the database said.
        #[source]
        source: rusqlite::Error,
    },
    /// Something stored could not be understood.
    #[error("the state file holds something unreadable in {place}: {problem}")]
    Unreadable {
        /// Table and column.
        place: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// What of a run is kept, for `headwater runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// The intent it belongs to.
    pub intent: Intent,
    /// Which attempt this is; the intent may have gone on.
    pub attempt: u32,
    /// Where this attempt stands or ended.
    pub state: IntentState,
    /// When it was first sent, UTC.
    pub triggered_at: Option<DateTime<Utc>>,
    /// When it ended, UTC.
    pub finished_at: Option<DateTime<Utc>>,
    /// The service's run.
    pub run_id: Option<RunId>,
    /// The run's page.
    pub url: Option<String>,
    /// How it ended, if badly: code and message.
    pub failure: Option<(String, String)>,
}
