//! The error codes of the state file: `S001` and on, each with what to do about it.
//!
//! A code is never used for anything else later. `docs/errors.md` describes them.

use rusqlite::ErrorCode;

use crate::ports::StateError;
use crate::state::BackfillError;

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCode {
    /// The stable code.
    pub code: &'static str,
    /// What it means, in a few words.
    pub title: &'static str,
    /// What to do about it, one sentence.
    pub hint: &'static str,
}

/// Every code of the state file, in order.
pub const CODES: [StateCode; 15] = [
    LEASE_HELD,
    LEASE_LOST,
    INTENT_EXISTS,
    OTHER_WORKSPACE,
    NEWER_SCHEMA,
    MISSING,
    DAMAGED,
    PLACE,
    LOW_DISK,
    BUSY,
    DATABASE,
    UNREADABLE,
    NO_BACKFILL,
    BACKFILL_EXISTS,
    BACKFILL_ENDED,
];

const LEASE_HELD: StateCode = StateCode {
    code: "S001",
    title: "another reconciler holds the lease",
    hint: "wait for it, or stop it; its lease runs out by itself if it died",
};
const LEASE_LOST: StateCode = StateCode {
    code: "S002",
    title: "the lease was lost",
    hint: "nothing to do: another reconciler took over, and this one did nothing more",
};
const INTENT_EXISTS: StateCode = StateCode {
    code: "S003",
    title: "the asset has an open intent",
    hint: "wait until its run ends: `headwater runs` shows it",
};
const OTHER_WORKSPACE: StateCode = StateCode {
    code: "S004",
    title: "the state belongs to another workspace",
    hint: "give each workspace a state file of its own with `state:`, or check host and profile",
};
const NEWER_SCHEMA: StateCode = StateCode {
    code: "S005",
    title: "a newer Headwater wrote the state",
    hint: "use that version or a newer one; an older one would lose what it does not know",
};
const MISSING: StateCode = StateCode {
    code: "S006",
    title: "there is no state file",
    hint: "run `headwater reconcile` once, or check `state:` and `--env`",
};
const DAMAGED: StateCode = StateCode {
    code: "S007",
    title: "the state file is damaged or not one of ours",
    hint: "restore a backup with `headwater state restore FILE`; without one, `headwater state \
           rebuild` makes a new state of what the tables and the workspace tell",
};
const PLACE: StateCode = StateCode {
    code: "S008",
    title: "no place for a state file",
    hint: "put `state:` on a local disk, in a folder that this user may write",
};
const LOW_DISK: StateCode = StateCode {
    code: "S009",
    title: "the disk is nearly full",
    hint: "make room beside the state file; runs under way are still recorded",
};
/// Another process keeps the state file locked.
pub const BUSY: StateCode = StateCode {
    code: "S010",
    title: "the state file is locked",
    hint: "another process held it for over five seconds: end it, or try again",
};
const DATABASE: StateCode = StateCode {
    code: "S011",
    title: "the database refused",
    hint: "the cause says why; the last change was not made, and the next pass tries again",
};
const UNREADABLE: StateCode = StateCode {
    code: "S012",
    title: "something stored could not be understood",
    hint: "restore a backup, and report it: this version wrote what it cannot read",
};

const NO_BACKFILL: StateCode = StateCode {
    code: "S013",
    title: "no backfill has the name",
    hint: "`headwater backfill list` shows those there are",
};
const BACKFILL_EXISTS: StateCode = StateCode {
    code: "S014",
    title: "a backfill has the name already",
    hint: "choose another one with `--name`",
};
const BACKFILL_ENDED: StateCode = StateCode {
    code: "S015",
    title: "the backfill is at its end",
    hint: "create another one; `headwater backfill resume NAME --failed` tries again what could not be built",
};

/// Returns the code of an error.
pub fn code_of(error: &StateError) -> StateCode {
    match error {
        StateError::LeaseHeld { .. } => LEASE_HELD,
        StateError::LeaseLost { .. } => LEASE_LOST,
        StateError::IntentExists { .. } => INTENT_EXISTS,
        StateError::Backfill(BackfillError::Unknown { .. }) => NO_BACKFILL,
        StateError::Backfill(BackfillError::NameTaken { .. }) => BACKFILL_EXISTS,
        StateError::Backfill(BackfillError::AtItsEnd { .. }) => BACKFILL_ENDED,
        StateError::OtherWorkspace { .. } => OTHER_WORKSPACE,
        StateError::NewerSchema { .. } => NEWER_SCHEMA,
        StateError::Missing { .. } => MISSING,
        StateError::Damaged { .. } => DAMAGED,
        StateError::Place { .. } => PLACE,
        StateError::LowDisk { .. } => LOW_DISK,
        StateError::Database { source, .. } => match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => BUSY,
            Some(ErrorCode::DiskFull) => LOW_DISK,
            _ => DATABASE,
        },
        StateError::Unreadable { .. } => UNREADABLE,
    }
}
