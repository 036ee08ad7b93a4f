//! The search for runs that the state does not know: a step of adoption while a state is new, was
//! rebuilt or was restored.
//!
//! A state that was lost leaves runs behind, and perhaps requests on their way to becoming runs.
//! Until the longest request has passed since the search began, and the runs were listed once more
//! after that, nothing new is intended or sent. Every pass lists the runs that carry our
//! correlation, those under way and those that began lately, and takes over those of this project
//! that the state does not know. What is open goes on as ever, but for assets that such a run may
//! work on and that cannot be taken over yet.
//!
//! A state that never saw a pass is most likely the first one of its project, and nobody should
//! wait for nothing: one look decides. If no run of the project is under way or began within the
//! last hour, the search is over at once; else an earlier state was lost.

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use assets::task::{JobReference, TaskAction};
use assets::version::PassNumber;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};

use super::found::{Correlated, Grounds, Sorted, Ways, newest_attempts, sort};
use super::{Hands, SKEW, Windows, service_then};
use crate::ports::{JobsError, Run, RunState, StateError};
use crate::state::{Intent, IntentId, Memory, RunId, Search, SearchCause};

/// How far back a run that ended tells that the state was lost.
const LATELY: TimeDelta = TimeDelta::hours(1);

/// Jobs asked for their names at once.
const ASKED_AT_ONCE: usize = 8;

/// What one look for unknown runs found.
#[derive(Debug, Default)]
pub struct Searched {
    /// Runs to be taken over, with their intents, whose inputs are not filled in yet.
    pub adopted: Vec<(Intent, Run)>,
    /// Open intents that are surely settled, as a later one of their assets has a run.
    pub superseded: BTreeSet<IntentId>,
    /// Assets for which nothing is sent, as a run may work on them that cannot be taken over yet.
    pub blocked: BTreeSet<AssetKey>,
    /// The runs of this project that the state did not know before the look.
    pub unknown: Vec<RunId>,
    /// Why the service could not be asked, if so.
    pub problem: Option<JobsError>,
    /// How the search stands after the look; absent where there was none or it is over.
    pub search: Option<Search>,
}

impl Searched {
    /// Returns whether an attempt may be sent as far as the search goes.
    ///
    /// Nobody here asked for an attempt after that of a run that was found: the state that is lost
    /// may have given the intent up, and made another one, whose request is still under way.
    pub fn may_send(&self, intent: &Intent) -> bool {
        let is_held = intent.is_found && self.search.as_ref().is_some_and(Search::holds);
        let mut assets = intent.assets.iter();
        !is_held && !assets.any(|asset| self.blocked.contains(asset))
    }
}

/// Looks for runs that the state does not know, while that has to be done.
pub async fn search(
    hands: Hands<'_>,
    windows: Windows,
    grounds: Grounds<'_>,
    memory: &Memory,
    pass: PassNumber,
) -> Result<Searched, StateError> {
    let Some(search) = &memory.search else {
        return Ok(Searched::default());
    };
    let asked_at = hands.clock.monotonic();
    let looked = match look(hands, windows, grounds, search, memory).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(problem)) => {
            return Ok(Searched {
                search: Some(Search {
                    problem: Some(problem.to_string()),
                    ..search.clone()
                }),
                problem: Some(problem),
                ..Searched::default()
            });
        }
        Err(error) => return Err(error),
    };
    // The answers told the service's time: before the first one, ours may have been far off.
    let asked_at = service_then(hands, asked_at);
    let now = hands.service_now();
    let unknown = looked.runs.iter().map(|found| found.run.id).collect();
    let is_empty = looked.runs.is_empty();
    let lately = |run: &Run| {
        let from = search.since.unwrap_or(asked_at) - windows.longest_request - SKEW;
        run.state == RunState::Active || run.started_at >= from
    };
    let found = looked.runs.iter().filter(|found| lately(&found.run));
    let found = found.filter_map(|found| {
        let purpose = looked.ways.purpose(&found.run)?;
        let intent = looked.ways.intent(found, &purpose, (pass, now))?;
        Some((intent, found.run.clone(), purpose.is_sure))
    });
    let Sorted {
        adopted,
        superseded,
        blocked,
    } = sort(found.collect(), memory.open_intents.values());
    let search = next(search, windows, asked_at, (is_empty, blocked.is_empty()));
    Ok(Searched {
        adopted,
        superseded,
        blocked,
        unknown,
        problem: None,
        search,
    })
}

/// How a search stands after a look that began at an instant of the service's clock and found
/// everything there was.
fn next(
    search: &Search,
    windows: Windows,
    asked_at: DateTime<Utc>,
    (is_empty, all_adopted): (bool, bool),
) -> Option<Search> {
    let cause = match search.cause {
        SearchCause::New if is_empty => return None,
        SearchCause::New => SearchCause::Lost,
        known @ (SearchCause::Lost | SearchCause::Rebuilt | SearchCause::Restored) => known,
    };
    let since = search.since.unwrap_or(asked_at);
    let until = search.until.unwrap_or(since + windows.longest_request);
    if asked_at >= until && all_adopted {
        return None;
    }
    Some(Search {
        cause,
        since: Some(since),
        until: Some(until),
        problem: None,
    })
}

/// The runs of this project that the state does not know.
struct Looked<'a> {
    ways: Ways<'a>,
    runs: Vec<Correlated>,
}

async fn look<'a>(
    hands: Hands<'_>,
    windows: Windows,
    grounds: Grounds<'a>,
    search: &Search,
    memory: &Memory,
) -> Result<Result<Looked<'a>, JobsError>, StateError> {
    let listed = match list(hands, windows, search).await {
        Ok(listed) => listed,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut runs = Vec::new();
    for found in newest_attempts(listed) {
        let is_known = memory.open_intents.contains_key(&found.intent)
            || hands.state.intent_of_run(found.run.id)?.is_some();
        if !is_known {
            runs.push(found);
        }
    }
    let ids = runs.iter().map(|found| found.run.job_id).collect();
    let ways = match names(hands, grounds, ids).await {
        Ok(jobs) => Ways::of(grounds, &jobs),
        Err(problem) => return Ok(Err(problem)),
    };
    runs.retain(|found| ways.purpose(&found.run).is_some());
    Ok(Ok(Looked { ways, runs }))
}

/// Lists the runs under way, and those that began lately, each once.
async fn list(hands: Hands<'_>, windows: Windows, search: &Search) -> Result<Vec<Run>, JobsError> {
    // What begins between the two lists stands in the second one.
    let active = hands.jobs.active_runs().await?;
    let from = match search.since {
        Some(since) => since - windows.longest_request - SKEW,
        None => hands.service_now() - LATELY,
    };
    let lately = hands.jobs.all_runs_since(from).await?;
    let mut runs: BTreeMap<RunId, Run> = active.into_iter().map(|run| (run.id, run)).collect();
    // The later look is the newer one.
    runs.extend(lately.into_iter().map(|run| (run.id, run)));
    Ok(runs.into_values().collect())
}

/// Returns the names of jobs, where tasks name theirs by name. A job that is gone has none.
async fn names(
    hands: Hands<'_>,
    grounds: Grounds<'_>,
    jobs: BTreeSet<i64>,
) -> Result<BTreeMap<i64, Option<String>>, JobsError> {
    let by_id: BTreeSet<i64> = grounds
        .tasks
        .values()
        .filter_map(|task| {
            let TaskAction::DatabricksJob(job) = &task.action;
            match job.job {
                JobReference::Id(id) => Some(id),
                JobReference::Name(_) => None,
            }
        })
        .collect();
    let asked = futures::stream::iter(jobs).map(|id| {
        let is_named_by_id = by_id.contains(&id);
        async move {
            if is_named_by_id {
                return Ok((id, None));
            }
            match hands.jobs.job(&JobReference::Id(id)).await {
                Ok(job) => Ok((id, Some(job.name))),
                // One that is gone, or not ours to see, is none that our tasks can start.
                Err(JobsError::NotFound(_) | JobsError::Forbidden { .. }) => Ok((id, None)),
                Err(error) => Err(error),
            }
        }
    });
    asked.buffered(ASKED_AT_ONCE).try_collect().await
}
