//! Checks: whatever is written in a simulation passes them at once.
//!
//! Nobody knows what a run would write. What was judged before, of a version that is still the newest,
//! counts as it was judged.

use assets::Asset;
use chrono::{DateTime, Utc};

use crate::plan::{CheckStanding, check_standing};
use crate::state::{CheckResult, CheckStatus, Memory};

/// Lets the checks of an asset that would be judged pass for its newest version.
pub(super) fn pass(memory: &mut Memory, asset: &Asset, at: DateTime<Utc>) {
    let newest = memory
        .commits
        .get(&asset.key)
        .and_then(|commits| commits.last());
    let Some(version) = newest.map(|commit| commit.version.clone()) else {
        return;
    };
    for check in &asset.checks {
        let standing = check_standing(memory, &asset.key, check, Some(&version));
        if standing != CheckStanding::Pending {
            continue;
        }
        let passed = CheckResult {
            version: version.clone(),
            status: CheckStatus::Pass,
            severity: check.severity,
            expected: check.rule.expected(),
            measured: None,
            message: None,
            rows: None,
            at,
        };
        let results = memory.checks.entry(asset.key.clone()).or_default();
        results.insert(check.name.clone(), passed);
    }
}
