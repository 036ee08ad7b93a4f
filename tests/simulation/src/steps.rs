//! Where a process stands: the transactions and calls of the real code, each a step of its own.

/// One transaction or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Between two passes.
    Idle,
    /// [`State::acquire_lease`](headwater::ports::State::acquire_lease), and so on.
    AcquireLease,
    ReleaseLease,
    BeginPass,
    Generation,
    Load,
    PinWorkspace,
    StartedSince,
    IntentOfRun,
    AdoptRun,
    RecordSearch,
    RecordSightings,
    RecordCuts,
    RecordDecisions,
    Intend,
    Stamp,
    RecordRun,
    RecordLaterRun,
    RecordUncertain,
    RecordCancelRequest,
    Settle,
    SettleRefused,
    FinishPass,
    /// Reading the logs of all tables.
    ReadTables,
    /// Reading a log back to an instant.
    ReadBack,
    /// The calls of the service.
    Job,
    RunNow,
    Run,
    ActiveRuns,
    RunsSince,
    AllRunsSince,
    Cancel,
}

impl Step {
    /// Every step, in the order of the table that is printed.
    pub const ALL: [Self; 32] = [
        Self::Idle,
        Self::AcquireLease,
        Self::BeginPass,
        Self::Generation,
        Self::Load,
        Self::Run,
        Self::ActiveRuns,
        Self::RunsSince,
        Self::AllRunsSince,
        Self::Cancel,
        Self::RecordCancelRequest,
        Self::RecordUncertain,
        Self::RecordLaterRun,
        Self::PinWorkspace,
        Self::ReadTables,
        Self::StartedSince,
        Self::IntentOfRun,
        Self::ReadBack,
        Self::RecordSightings,
        Self::AdoptRun,
        Self::RecordSearch,
        Self::Settle,
        Self::RecordCuts,
        Self::RecordDecisions,
        Self::Intend,
        Self::Job,
        Self::Stamp,
        Self::RunNow,
        Self::RecordRun,
        Self::SettleRefused,
        Self::FinishPass,
        Self::ReleaseLease,
    ];

    /// Returns its name, in the words of the ports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "between passes",
            Self::AcquireLease => "acquire_lease",
            Self::ReleaseLease => "release_lease",
            Self::BeginPass => "begin_pass",
            Self::Generation => "generation",
            Self::Load => "load",
            Self::PinWorkspace => "pin_workspace",
            Self::StartedSince => "started_since",
            Self::IntentOfRun => "intent_of_run",
            Self::AdoptRun => "adopt_run",
            Self::RecordSearch => "record_search",
            Self::RecordSightings => "record_sightings",
            Self::RecordCuts => "record_cuts",
            Self::RecordDecisions => "record_decisions",
            Self::Intend => "intend",
            Self::Stamp => "stamp",
            Self::RecordRun => "record_run",
            Self::RecordLaterRun => "record_later_run",
            Self::RecordUncertain => "record_uncertain",
            Self::RecordCancelRequest => "record_cancel_request",
            Self::Settle => "settle",
            Self::SettleRefused => "settle_refused",
            Self::FinishPass => "finish_pass",
            Self::ReadTables => "read tables",
            Self::ReadBack => "read back",
            Self::Job => "job",
            Self::RunNow => "run_now",
            Self::Run => "run",
            Self::ActiveRuns => "active_runs",
            Self::RunsSince => "runs_since",
            Self::AllRunsSince => "all_runs_since",
            Self::Cancel => "cancel",
        }
    }

    /// Returns whether it is a call of the service.
    pub fn is_call(self) -> bool {
        matches!(
            self,
            Self::Job
                | Self::RunNow
                | Self::Run
                | Self::ActiveRuns
                | Self::RunsSince
                | Self::AllRunsSince
                | Self::Cancel
        )
    }

    /// Returns whether it is a transaction that writes.
    pub fn is_transaction(self) -> bool {
        !self.is_call()
            && !matches!(
                self,
                Self::Idle
                    | Self::ReadTables
                    | Self::ReadBack
                    | Self::Load
                    | Self::Generation
                    | Self::StartedSince
                    | Self::IntentOfRun
            )
    }

    /// Returns its row in the table that is printed.
    pub(crate) fn row(self) -> usize {
        Self::ALL.iter().position(|step| *step == self).unwrap_or(0)
    }
}

/// On which side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// Where a process stands while others have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) step: Step,
    pub(crate) side: Side,
}
