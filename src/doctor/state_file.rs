//! Checks of the state file, which is only read.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::check::{Check, ago};
use crate::error::CommandError;
use crate::holder::Holder;
use crate::ports::StateError;
use crate::store::{
    LARGE_LOG_MIB, LEAST_FREE_MIB, LeaseInfo, OpenMode, Store, audit, schema_version,
};

/// Without a pass for this long, nobody reconciles.
const QUIET: TimeDelta = TimeDelta::hours(1);

/// Below this much free space somebody should make room.
const SCARCE_MIB: u64 = 1024;

/// What was found of the state file.
pub(super) struct StateFound {
    pub(super) checks: Vec<Check>,
    /// The workspace that it belongs to.
    pub(super) pinned: Option<String>,
}

pub(super) fn check(path: &Path, now: DateTime<Utc>) -> StateFound {
    let store = match Store::open(path, OpenMode::ReadOnly) {
        Ok(store) => store,
        Err(StateError::Missing { path }) => {
            let why = format!("there is no {path} yet: the first pass makes it");
            return StateFound {
                checks: vec![Check::skipped("state_file", why)],
                pinned: None,
            };
        }
        Err(error) => {
            return StateFound {
                checks: vec![Check::of_error("state_file", &error.into())],
                pinned: None,
            };
        }
    };
    let opened = format!("{}, schema version {}", path.display(), schema_version());
    let checks = vec![
        Check::ok("state_file", opened),
        or_error(
            "state_lease",
            store.lease_info().map(|info| lease(info, now)),
        ),
        or_error("state_last_pass", last_pass(&store, now)),
        disk(store.free_mib()),
        log(store.log_mib()),
        audit_trail(&store),
    ];
    StateFound {
        checks,
        pinned: store.pinned_workspace().ok().flatten(),
    }
}

pub(super) fn or_error(name: &'static str, check: Result<Check, StateError>) -> Check {
    check.unwrap_or_else(|error| Check::of_error(name, &CommandError::from(error)))
}

pub(super) fn lease(info: Option<LeaseInfo>, now: DateTime<Utc>) -> Check {
    let name = "state_lease";
    let held = info.and_then(|info| Some((info.holder.clone()?, info)));
    let Some((holder, info)) = held else {
        return Check::ok(name, "nobody holds it: no reconciler is awake");
    };
    let found = format!("held by {holder}, renewed {}", ago(info.renewed_at, now));
    let is_dead =
        Holder::parse(&holder).is_some_and(|other| Holder::this_process().sees_dead(&other));
    let help = "nothing to do: the next pass takes it over";
    if is_dead {
        Check::warning(name, format!("{found}; that process is dead"), help)
    } else if info.expires_at <= now {
        Check::warning(name, format!("{found}; it has run out since"), help)
    } else {
        Check::ok(name, found)
    }
}

fn last_pass(store: &Store, now: DateTime<Utc>) -> Result<Check, StateError> {
    let name = "state_last_pass";
    let help = "let cron run `headwater reconcile` every minute, or keep \
                `headwater reconcile --watch` awake";
    let Some(pass) = store.passes(1)?.into_iter().next() else {
        return Ok(Check::warning(name, "there was none yet", help));
    };
    let found = format!(
        "pass {} ended {}: {} tables looked at, {} unknown",
        pass.pass.0,
        ago(pass.finished_at, now),
        pass.observed,
        pass.unknown
    );
    Ok(if now - pass.finished_at > QUIET {
        Check::warning(name, found, help)
    } else {
        Check::ok(name, found)
    })
}

pub(super) fn disk(free_mib: Option<u64>) -> Check {
    let name = "state_disk";
    let Some(free) = free_mib else {
        return Check::skipped(name, "the system does not tell how much room is left");
    };
    let found = format!("{free} MiB are free beside the state file");
    if free < LEAST_FREE_MIB {
        let help = format!("make room: below {LEAST_FREE_MIB} MiB nothing new is triggered");
        Check::error(name, found, help)
    } else if free < SCARCE_MIB {
        Check::warning(name, found, "make room before it runs out")
    } else {
        Check::ok(name, found)
    }
}

/// A log that is never put away fills the disk in the end.
pub(super) fn log(mib: u64) -> Check {
    let name = "state_log";
    let found = format!("the write-ahead log has {mib} MiB");
    if mib > LARGE_LOG_MIB {
        let help = "a process keeps an old view of the state file open: find it with `fuser`, and \
                    end it; the log is put away then";
        Check::warning(name, found, help)
    } else {
        Check::ok(name, found)
    }
}

pub(super) fn audit_trail(store: &Store) -> Check {
    let name = "state_audit";
    match audit::verify(store) {
        Ok(rows) => Check::ok(name, format!("the chain of {rows} rows holds together")),
        Err(audit::AuditBreak::Unread(error)) => Check::of_error(name, &error.into()),
        Err(broken @ audit::AuditBreak::Broken { .. }) => Check::error(
            name,
            broken.to_string(),
            "somebody changed the state file by other means: compare it with a backup, and ask \
             who may write it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn held(holder: &str, expires_in: TimeDelta) -> LeaseInfo {
        let now = DateTime::UNIX_EPOCH;
        LeaseInfo {
            holder: Some(holder.to_owned()),
            epoch: 1,
            since: now,
            renewed_at: now,
            expires_at: now + expires_in,
            lifetime: TimeDelta::minutes(1),
        }
    }

    #[test]
    fn a_lease_of_the_dead_and_one_that_ran_out_are_told() {
        let now = DateTime::UNIX_EPOCH;
        let own = Holder::this_process().to_string();
        let (rest, _) = own.rsplit_once('/').unwrap();
        let dead = format!("{rest}/1");
        let minute = TimeDelta::minutes(1);
        for (info, status) in [
            (None, Status::Ok),
            (Some(held(&own, minute)), Status::Ok),
            (Some(held("elsewhere", minute)), Status::Ok),
            (Some(held("elsewhere", TimeDelta::zero())), Status::Warning),
            (Some(held(&dead, minute)), Status::Warning),
        ] {
            assert_eq!(lease(info.clone(), now).status, status, "{info:?}");
        }
    }

    #[test]
    fn a_log_that_nobody_puts_away_is_told() {
        assert_eq!(log(LARGE_LOG_MIB).status, Status::Ok);
        assert_eq!(log(LARGE_LOG_MIB + 1).status, Status::Warning);
    }

    #[test]
    fn room_is_counted_from_scarce_to_too_little() {
        for (free, status) in [
            (Some(LEAST_FREE_MIB - 1), Status::Error),
            (Some(LEAST_FREE_MIB), Status::Warning),
            (Some(SCARCE_MIB), Status::Ok),
            (None, Status::Skipped),
        ] {
            assert_eq!(disk(free).status, status, "{free:?}");
        }
    }
}
