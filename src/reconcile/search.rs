//! Runs that the state did not know are taken over, once the tables were looked at.
//!
//! What has to be looked for, and what is taken over, is decided in `execute`; here it is done, in
//! the order that a crash in between does no harm to: a run that was not written down is found
//! again by the next pass.

use assets::Asset;
use assets::version::PassNumber;

use super::Scope;
use super::report::{Found, PassReport};
use crate::execute::{Adopted, Grounds, Hands, Searched, adopt_found, search};
use crate::observe::Observed;
use crate::plan::{Reason, sentence};
use crate::ports::{RunState, StateError};
use crate::state::{Intent, Lease, Memory, Search, SearchCause};

/// How many runs a warning names.
const NAMED: usize = 5;

/// Looks for runs that the state does not know, while that has to be done.
pub(super) async fn look_for_runs(
    hands: Hands<'_>,
    scope: Scope<'_>,
    memory: &Memory,
    pass: PassNumber,
) -> Result<Searched, StateError> {
    if memory.search.is_none() {
        return Ok(Searched::default());
    }
    let assets: Vec<&Asset> = scope
        .graph
        .indices()
        .map(|index| scope.graph.asset(index))
        .collect();
    let grounds = Grounds {
        project: scope.project,
        environment: scope.environment,
        catalog: scope.catalog,
        assets: &assets,
        tasks: scope.tasks,
    };
    search(hands, scope.windows, grounds, memory, pass).await
}

/// Writes down the runs that were found, with what they are taken to have read.
pub(super) async fn take_over(
    hands: Hands<'_>,
    lease: &Lease,
    searched: &Searched,
    observed: &Observed,
    adopted: &mut Adopted,
) -> Result<Vec<Found>, StateError> {
    let mut found = Vec::new();
    for (intent, run) in &searched.adopted {
        let inputs = observed.inputs_at_start.get(&intent.id);
        let intent = Intent {
            inputs: inputs.cloned().unwrap_or_default(),
            ..intent.clone()
        };
        if !hands.state.adopt_run(lease, &intent, hands.clock.now())? {
            continue;
        }
        tracing::warn!(request_id = %intent.id, attempt = intent.attempt, run_id = run.id.0,
            job_id = run.job_id, "run found that the state did not know");
        adopt_found(hands, &intent, run, adopted).await?;
        found.push(Found {
            intent: intent.id,
            attempt: intent.attempt,
            assets: intent.assets,
            run_id: run.id,
            is_active: run.state == RunState::Active,
        });
    }
    Ok(found)
}

/// Records how the search stands.
pub(super) fn end_search(
    hands: Hands<'_>,
    lease: &Lease,
    memory: &Memory,
    searched: &Searched,
) -> Result<(), StateError> {
    if memory.search == searched.search {
        return Ok(());
    }
    let now = hands.clock.now();
    let search = searched.search.as_ref();
    hands.state.record_search(lease, search, now)?;
    if search.is_none() && memory.search.as_ref().is_some_and(Search::holds) {
        tracing::info!("all runs are known; triggering again");
    }
    Ok(())
}

/// Says loudly that nothing is triggered, and why.
pub(super) fn warn_of_search(report: &mut PassReport, searched: &Searched) {
    let Some(search) = &report.search else {
        return;
    };
    let mut warning = sentence(&Reason::from(search));
    if search.cause == SearchCause::Lost && !searched.unknown.is_empty() {
        let mut runs: Vec<String> = searched.unknown.iter().map(ToString::to_string).collect();
        let more = runs.len().saturating_sub(NAMED);
        runs.truncate(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        warning = format!(
            "this state knew nothing of runs of this project that are under way or began lately \
             (run {}{more}); {warning}",
            runs.join(", ")
        );
    }
    report.problems.push(warning);
}
