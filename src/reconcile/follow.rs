//! The loop around passes: until there is nothing left to do, or for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::report::{PassReport, Triggered};
use crate::plan::{Action, Decision, Reason};

/// What to do after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// Nothing is running, and nothing is stale but for what is not due yet.
    Settled,
    /// Something is stale, nothing is running, and no time will change that; or the service does
    /// not accept our credentials.
    Stuck,
    /// Look again after this long.
    Again(Duration),
}

/// The shortest and the longest wait between two looks at runs under way.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How many passes in a row a remote may be unavailable before nobody waits for it any longer:
/// about a minute, with the waits between them.
const PATIENCE: u32 = 16;

/// Says what to do after a pass when somebody waits for the end.
///
/// `quiet` counts the passes in a row in which nothing happened: looks at runs under way become
/// rarer with it.
pub fn follow(
    report: &PassReport,
    selected: Option<&BTreeSet<AssetIndex>>,
    now: DateTime<Utc>,
    quiet: u32,
) -> Followed {
    let (shortest, longest) = LOOKS;
    let mine = |decision: &&Decision| selected.is_none_or(|of| of.contains(&decision.asset));
    let decisions: Vec<&Decision> = report.plan.decisions.iter().filter(mine).collect();
    // What is not due yet by its owner's will is as it should be: nobody waits days for it.
    let is_chosen = |decision: &Decision| decision.reasons.first().is_some_and(Reason::is_chosen);
    let is_open = |decision: &Decision| {
        matches!(decision.action, Action::Run | Action::Wait | Action::Hold) && !is_chosen(decision)
    };
    let decisions: Vec<&Decision> = decisions.into_iter().filter(|d| is_open(d)).collect();
    let is_stale = !decisions.is_empty();
    let is_given_up = report.is_remote_unavailable && quiet >= PATIENCE;
    if report.denied.is_some() || is_given_up {
        return Followed::Stuck;
    }
    if report.in_flight > report.hopeless || !report.is_quiet() || report.is_remote_unavailable {
        let look = shortest.saturating_mul(1 << quiet.min(6)).min(longest);
        return Followed::Again(look.max(report.asked_to_wait.unwrap_or_default()));
    }
    if !is_stale {
        return Followed::Settled;
    }
    // Waiting that ends by itself: settle, every, tolerance, `proceed_after`.
    let next = decisions.iter().filter_map(|decision| decision.until).min();
    match next {
        Some(until) => {
            let wait = (until - now).to_std().unwrap_or(Duration::ZERO);
            Followed::Again(wait.clamp(shortest, longest))
        }
        None if may_still_start(report, &decisions) => Followed::Again(shortest),
        None => Followed::Stuck,
    }
}

/// Whether something should run that was not turned down already: a request that cannot even be
/// written down will not be better in the next pass.
fn may_still_start(report: &PassReport, decisions: &[&Decision]) -> bool {
    let runs = decisions
        .iter()
        .filter(|decision| decision.action == Action::Run)
        .count();
    let is_unwritten = |triggered: &&Triggered| triggered.attempt == 0;
    runs > report.triggered.iter().filter(is_unwritten).count()
}
