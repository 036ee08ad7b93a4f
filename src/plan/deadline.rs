//! Deadlines: at each instant of a schedule, older changes have to be in.
//!
//! The verdict on an instant is found once, by the first pass after it that can see, and stays on
//! record until the next one. What an asset lacked then it may have caught up with since: the
//! record says that it was late, and its health speaks of now.

use assets::AssetKey;
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::due::is_repeated;
use super::input::PlanInput;
use super::standing::{Standing, TableState};
use crate::state::DeadlineVerdict;

/// How an asset stands against its deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlineState {
    /// What came of the newest one; absent where none has passed, or nobody can tell.
    pub last: Option<DeadlineVerdict>,
    /// Whether it was missed, and what it asked for is still not in.
    pub is_lacking: bool,
    /// The next one.
    pub next: Option<Due>,
}

/// A deadline to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When, UTC.
    pub at: DateTime<Utc>,
    /// How old a change may be then that need not be in.
    pub max_lag: TimeDelta,
}

impl Due {
    /// Changes before this have to be in.
    pub fn asked_before(self) -> DateTime<Utc> {
        self.at
            .checked_sub_signed(self.max_lag)
            .unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// Returns how an asset stands against its deadlines; nothing where it has none.
pub(super) fn deadline_state(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
) -> Option<DeadlineState> {
    let asset = input.graph.asset(index);
    let deadlines = &asset.freshness.deadlines;
    if deadlines.is_empty() {
        return None;
    }
    let due = |at, max_lag| Due { at, max_lag };
    let passed = deadlines.iter().filter_map(|deadline| {
        Some(due(
            deadline.schedule.previous(input.now)?,
            deadline.max_lag,
        ))
    });
    // Of two at one instant, the stricter one speaks for both.
    let passed = passed.max_by_key(|due| (due.at, std::cmp::Reverse(due.max_lag)));
    let coming = deadlines
        .iter()
        .filter_map(|deadline| Some(due(deadline.schedule.next(input.now)?, deadline.max_lag)));
    let next = coming.min_by_key(|due| (due.at, due.max_lag));
    let last = passed.and_then(|due| verdict(input, index, standing, due));
    let is_missed = last.is_some_and(|verdict| !verdict.is_met);
    let is_lacking = passed.is_some_and(|due| lacks(input, index, standing, due) == Some(true));
    Some(DeadlineState {
        last,
        is_lacking: is_missed && is_lacking,
        next,
    })
}

/// Returns the verdicts that are not on record yet, in key order.
pub(super) fn new_verdicts(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    of: impl Iterator<Item = AssetIndex>,
) -> Vec<(AssetKey, DeadlineVerdict)> {
    let mut found = Vec::new();
    for index in of {
        let Some(standing) = standings.get(index.position()) else {
            continue;
        };
        let key = &input.graph.asset(index).key;
        let state = deadline_state(input, index, standing);
        let Some(verdict) = state.and_then(|state| state.last) else {
            continue;
        };
        let known = input.memory.deadlines.get(key);
        if known.is_none_or(|known| known.at != verdict.at) {
            found.push((key.clone(), verdict));
        }
    }
    found
}

fn verdict(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
    due: Due,
) -> Option<DeadlineVerdict> {
    let key = &input.graph.asset(index).key;
    let known = input.memory.deadlines.get(key);
    if let Some(known) = known.filter(|known| known.at == due.at) {
        return Some(*known);
    }
    let is_lacking = lacks(input, index, standing, due)?;
    Some(DeadlineVerdict {
        at: due.at,
        is_met: !is_lacking && !came_late(input, key, due),
        judged_at: input.now,
    })
}

/// Whether something is not in that a deadline asks for; unknown where nobody can see.
fn lacks(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
    due: Due,
) -> Option<bool> {
    let asked_before = due.asked_before();
    let is_pending = standing
        .pending
        .is_some_and(|origin| origin.at < asked_before);
    if standing.is_missing || is_pending {
        return Some(true);
    }
    let gone_upstream = standing.vacancy.filter(|gone| *gone != index);
    if standing.blind_spot.is_some() || gone_upstream.is_some() {
        return None;
    }
    let asset = input.graph.asset(index);
    let has_inputs = !input.graph.inputs(index).is_empty();
    // What is built here without a schedule and reads nothing, as a seed, has nothing to show anew.
    if has_inputs || asset.is_built_here() && !is_repeated(input, index) {
        return Some(false);
    }
    // What reads nothing has to have changed itself: a file has to land every day. A run of ours
    // that found nothing new is as good.
    let begun = standing.build.and_then(|build| build.begun_at);
    match standing.table {
        TableState::Known(data) => {
            let shown = data.map(|(_, at)| at).max(begun);
            Some(shown.is_none_or(|at| at < asked_before))
        }
        TableState::Absent => Some(true),
        TableState::None | TableState::NotObserved | TableState::Unknown(_) => None,
    }
}

/// Whether a run brought a change after the deadline that it had asked for.
fn came_late(input: &PlanInput<'_>, key: &AssetKey, due: Due) -> bool {
    let commits = input.memory.commits.get(key).into_iter().flatten();
    commits
        .filter(|commit| commit.committed_at > due.at)
        .any(|commit| commit.origin.at < due.asked_before())
}
