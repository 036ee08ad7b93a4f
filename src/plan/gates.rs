//! Gates: a failed check on the newest data version of an asset holds what reads it.
//!
//! | the check, by the newest data version | what reads the asset |
//! |---|---|
//! | passed, or failed as a warning | is built |
//! | failed, or could not be judged although it was tried | is held, whatever its consistency |
//! | not judged yet | waits under `settled`, goes on under `latest` |
//! | cannot be judged: no warehouse, or dbt has not run it | is built |
//!
//! Views are seen through: what counts are the tables that they show. `gates: false` lets an asset read
//! whatever there is.

use assets::check::{Check, Severity};
use assets::version::TableVersion;
use assets::{Asset, AssetKey};
use lineage::AssetIndex;

use super::input::PlanInput;
use super::reason::{FailedCheck, Reason};
use super::standing::Standing;
use crate::state::{CheckResult, CheckStatus, Memory};

/// How one check stands by the newest data version of its asset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CheckStanding<'a> {
    /// It was judged.
    Judged(&'a CheckResult),
    /// It will be.
    Pending,
    /// Nobody will judge it here; with why.
    Unjudged(&'static str),
}

/// What keeps an asset from being read.
pub(super) enum Gate {
    /// A check failed.
    Failed(Reason),
    /// A check is not judged yet.
    Pending(Reason),
}

/// Says how a check stands by a data version.
pub fn check_standing<'a>(
    memory: &'a Memory,
    asset: &AssetKey,
    check: &Check,
    version: Option<&TableVersion>,
) -> CheckStanding<'a> {
    let Some(version) = version else {
        return CheckStanding::Unjudged("its table has no data version");
    };
    let known = memory.checks.get(asset);
    let known = known.and_then(|results| results.get(&check.name));
    match known.filter(|known| known.answers(check, version)) {
        Some(known) => CheckStanding::Judged(known),
        None if check.is_of_dbt() => CheckStanding::Unjudged("dbt has not run it on this version"),
        None if check.needs_sql() && check.warehouse.is_none() => {
            CheckStanding::Unjudged("no SQL warehouse may be asked")
        }
        None => CheckStanding::Pending,
    }
}

/// Returns what keeps others from reading an asset, the worst first.
pub(super) fn gate(
    input: &PlanInput<'_>,
    upstream: AssetIndex,
    standing: &Standing<'_>,
) -> Option<Gate> {
    let asset = input.graph.asset(upstream);
    if asset.checks.is_empty() {
        return None;
    }
    let version = standing.data_version()?;
    let blocking = asset.checks.iter();
    let blocking = blocking.filter(|check| check.severity == Severity::Error);
    let mut pending = None;
    for check in blocking {
        match check_standing(input.memory, &asset.key, check, Some(version)) {
            CheckStanding::Judged(result) if result.status.is_bad() => {
                return Some(Gate::Failed(failed(asset, check, result)));
            }
            CheckStanding::Pending => {
                pending.get_or_insert_with(|| Reason::CheckPending {
                    upstream: asset.key.clone(),
                    check: check.name.to_string(),
                    version: version.clone(),
                });
            }
            CheckStanding::Judged(_) | CheckStanding::Unjudged(_) => {}
        }
    }
    pending.map(Gate::Pending)
}

fn failed(asset: &Asset, check: &Check, result: &CheckResult) -> Reason {
    Reason::CheckFailed(Box::new(FailedCheck {
        upstream: asset.key.clone(),
        check: check.name.to_string(),
        version: result.version.clone(),
        status: result.status.as_str(),
        expected: result.expected.clone(),
        measured: result.measured.clone().or_else(|| result.message.clone()),
    }))
}

/// Returns the checks of an asset that speak against its newest data version, those that hold others
/// first; with whether they do.
pub(super) fn speaking_against<'a>(
    input: &'a PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
) -> Vec<(bool, &'a Check, &'a CheckResult)> {
    let asset = input.graph.asset(index);
    let mut found: Vec<(bool, &Check, &CheckResult)> = Vec::new();
    for check in &asset.checks {
        let version = standing.data_version();
        let standing = check_standing(input.memory, &asset.key, check, version);
        if let CheckStanding::Judged(result) = standing
            && (result.status.is_bad() || result.status == CheckStatus::Warn)
        {
            let holds = result.status.is_bad() && check.severity == Severity::Error;
            found.push((holds, check, result));
        }
    }
    found.sort_by_key(|(holds, _, _)| !holds);
    found
}
