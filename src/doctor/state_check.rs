//! Checks of everything in the state file, for `state check`; `doctor` makes the quick ones of these.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::check::Check;
use super::state_file::{audit_trail, disk, lease, log, or_error};
use crate::error::CommandError;
use crate::ports::StateError;
use crate::store::{Integrity, OpenMode, Store, schema_version};

const RESTORE: &str = "restore a backup with `headwater state restore FILE`; without one, `headwater state rebuild` \
                       makes a new state of what the tables and the workspace tell";

const REPORT: &str = "this is a fault of Headwater, or somebody wrote the file by other means: please report \
                      it, and restore a backup with `headwater state restore FILE`";

/// Checks all of a state file; a file that is missing is an error.
pub fn check_state(path: &Path, now: DateTime<Utc>) -> Result<Vec<Check>, StateError> {
    let store = match Store::open(path, OpenMode::ReadOnly) {
        Ok(store) => store,
        Err(error @ StateError::Missing { .. }) => return Err(error),
        Err(error) => return Ok(vec![unusable(error)]),
    };
    let opened = format!("{}, schema version {}", path.display(), schema_version());
    let mut checks = vec![Check::ok("state_file", opened)];
    match store.integrity() {
        Ok(found) => checks.extend(integrity(&found)),
        Err(error) => checks.push(Check::of_error("state_integrity", &error.into())),
    }
    checks.push(audit_trail(&store));
    checks.push(or_error(
        "state_lease",
        store.lease_info().map(|info| lease(info, now)),
    ));
    checks.push(disk(store.free_mib()));
    checks.push(log(store.log_mib()));
    Ok(checks)
}

fn unusable(error: StateError) -> Check {
    let is_damaged = matches!(error, StateError::Damaged { .. });
    let error = CommandError::from(error);
    Check::of_error(
        "state_file",
        &if is_damaged {
            error.hint(RESTORE)
        } else {
            error
        },
    )
}

fn integrity(found: &Integrity) -> Vec<Check> {
    vec![
        told(
            "state_integrity",
            "every page and index is sound",
            &found.damage,
            RESTORE,
        ),
        told(
            "state_references",
            "every row refers to rows that exist",
            &found.dangling,
            RESTORE,
        ),
        told(
            "state_intents",
            "at most one intent is open per asset",
            &found.intents,
            REPORT,
        ),
        consumption(found),
    ]
}

fn told(name: &'static str, sound: &str, found: &[String], help: &str) -> Check {
    if found.is_empty() {
        Check::ok(name, sound)
    } else {
        Check::error(name, found.join("; "), help)
    }
}

fn consumption(found: &Integrity) -> Check {
    let name = "state_consumption";
    if found.ahead.is_empty() && !found.claimed_ahead.is_empty() {
        let help = "nothing to do if a writer named an input that the next pass looks at; else correct \
                    what it writes into `userMetadata`";
        return Check::warning(name, found.claimed_ahead.join("; "), help);
    }
    told(
        name,
        "nothing is incorporated that was not seen",
        &found.ahead,
        REPORT,
    )
}
