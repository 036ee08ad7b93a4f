//! What may go wrong. A schedule draws which of these happen in it, so that some are about one fault
//! alone and others about many.

use crate::choice::Dice;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A process dies.
    Kill,
    /// A process is stopped for longer than its lease lasts, and goes on later.
    Stop,
    /// A transaction fails, with nothing of it done.
    TransactionFails,
    /// A request never arrives.
    LostRequest,
    /// A request arrives minutes after its sender gave up.
    LateRequest,
    /// A request takes effect twice.
    DuplicateRequest,
    /// A request takes effect, and its answer is lost.
    LostAnswer,
    /// The service asks for patience.
    Throttled,
    /// The service fails without doing anything.
    ServerError,
    /// Credentials or rights are refused for a moment.
    Denied,
    /// The service refuses a request for good.
    Refused,
    /// New runs show up late in lists and look-ups.
    SlowList,
    /// The wall clock jumps ahead.
    ClockForward,
    /// The wall clock jumps back.
    ClockBack,
    /// Hours or days go by, so that tokens may be forgotten.
    LongTime,
    /// A run fails.
    RunFails,
    /// A run ends well and had nothing to write.
    QuietSuccess,
    /// A run is skipped by the service.
    RunSkipped,
    /// A person cancels a run.
    RunCancelled,
    /// A person deletes a run.
    RunDeleted,
    /// The service forgets a run that ended.
    RunForgotten,
    /// A run hangs until it is cancelled for taking too long.
    RunHangs,
    /// Somebody else writes a table of ours.
    OutsideWrite,
    /// A commit that changes no data.
    Maintenance,
    /// A commit of which a part is missing.
    TornCommit,
    /// A table that cannot be read.
    Unreadable,
    /// A table that is gone for a while.
    Vanished,
    /// A table that is dropped and made again, with another identity.
    Recreated,
    /// A table whose log is rolled back under the same identity.
    RolledBack,
    /// A table that is replaced within its log.
    Replaced,
    /// A log that is cut by its retention.
    LogCut,
    /// A backup of the state is put back.
    Restored,
    /// The state is lost and rebuilt.
    Rebuilt,
}

impl Fault {
    /// Every fault, in the order of the table that is printed.
    pub const ALL: [Self; 33] = [
        Self::Kill,
        Self::Stop,
        Self::TransactionFails,
        Self::LostRequest,
        Self::LateRequest,
        Self::DuplicateRequest,
        Self::LostAnswer,
        Self::Throttled,
        Self::ServerError,
        Self::Denied,
        Self::Refused,
        Self::SlowList,
        Self::ClockForward,
        Self::ClockBack,
        Self::LongTime,
        Self::RunFails,
        Self::QuietSuccess,
        Self::RunSkipped,
        Self::RunCancelled,
        Self::RunDeleted,
        Self::RunForgotten,
        Self::RunHangs,
        Self::OutsideWrite,
        Self::Maintenance,
        Self::TornCommit,
        Self::Unreadable,
        Self::Vanished,
        Self::Recreated,
        Self::RolledBack,
        Self::Replaced,
        Self::LogCut,
        Self::Restored,
        Self::Rebuilt,
    ];

    /// Returns its name, as `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::TransactionFails => "transaction-fails",
            Self::LostRequest => "lost-request",
            Self::LateRequest => "late-request",
            Self::DuplicateRequest => "duplicate-request",
            Self::LostAnswer => "lost-answer",
            Self::Throttled => "throttled",
            Self::ServerError => "server-error",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::SlowList => "slow-list",
            Self::ClockForward => "clock-forward",
            Self::ClockBack => "clock-back",
            Self::LongTime => "long-time",
            Self::RunFails => "run-fails",
            Self::QuietSuccess => "quiet-success",
            Self::RunSkipped => "run-skipped",
            Self::RunCancelled => "run-cancelled",
            Self::RunDeleted => "run-deleted",
            Self::RunForgotten => "run-forgotten",
            Self::RunHangs => "run-hangs",
            Self::OutsideWrite => "outside-write",
            Self::Maintenance => "maintenance",
            Self::TornCommit => "torn-commit",
            Self::Unreadable => "unreadable",
            Self::Vanished => "vanished",
            Self::Recreated => "recreated",
            Self::RolledBack => "rolled-back",
            Self::Replaced => "replaced",
            Self::LogCut => "log-cut",
            Self::Restored => "restored",
            Self::Rebuilt => "rebuilt",
        }
    }

    /// Returns its column in the table that is printed.
    pub(crate) fn column(self) -> usize {
        Self::ALL
            .iter()
            .position(|fault| *fault == self)
            .unwrap_or(0)
    }
}

/// A set of faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults(u64);

impl Faults {
    /// Makes a set of these.
    pub fn of(faults: &[Fault]) -> Self {
        Self(
            faults
                .iter()
                .fold(0, |set, fault| set | 1 << fault.column()),
        )
    }

    /// Returns whether a fault is in it.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault.column()) != 0
    }

    /// Draws the faults of a schedule: each of all there are, half of the time; where only some are
    /// allowed, all of those.
    pub(crate) fn draw(dice: &mut Dice, allowed: Self) -> Self {
        if allowed != Self::of(&Fault::ALL) {
            return allowed;
        }
        let drawn = Fault::ALL.into_iter().filter(|_| dice.one_in(2));
        Self::of(&drawn.collect::<Vec<_>>())
    }
}
