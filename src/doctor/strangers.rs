//! Looks for runs of the project's jobs that carry an intent of a state that is not ours.
//!
//! Two state files for the same jobs do not know of each other, and each would start runs for what
//! it finds stale. What the one has started is seen by the other here.

use std::collections::BTreeSet;
use std::path::Path;

use super::check::Check;
use super::workspace::of_api_error;
use crate::app::Link;
use crate::databricks::{JobId, RunFilter, RunStatus};
use crate::error::CommandError;
use crate::execute::CORRELATION;
use crate::ports::StateError;
use crate::state::IntentId;
use crate::store::{OpenMode, Store};

const NAME: &str = "job_runs";

/// How many runs are named.
const TOLD: usize = 5;

/// Compares the runs of these jobs that are under way with the intents of the state.
pub(super) async fn check(link: &Link, jobs: &BTreeSet<JobId>, state: &Path) -> Check {
    if jobs.is_empty() {
        return Check::skipped(NAME, "no job was found");
    }
    let filter = RunFilter {
        active_only: true,
        ..RunFilter::default()
    };
    let runs = match link.client.list_runs(&filter).await {
        Ok(runs) => runs,
        Err(error) => return of_api_error(NAME, &error),
    };
    let is_ours = |run: &&RunStatus| run.job_id.is_some_and(|job| jobs.contains(&job));
    let runs: Vec<&RunStatus> = runs.iter().filter(is_ours).collect();
    match strangers(&runs, state) {
        Ok(strangers) => told(runs.len(), &strangers),
        Err(error) => Check::of_error(NAME, &CommandError::from(error)),
    }
}

/// The runs whose intent the state does not have; all that have one, where there is no state.
fn strangers(runs: &[&RunStatus], state: &Path) -> Result<Vec<String>, StateError> {
    let store = match Store::open(state, OpenMode::ReadOnly) {
        Ok(store) => Some(store),
        Err(StateError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut strangers = Vec::new();
    for run in runs {
        let Some(correlation) = run.job_parameters.get(CORRELATION) else {
            continue;
        };
        // One without an attempt is not one of Headwater's.
        let Some((intent, _)) = correlation.rsplit_once('.') else {
            continue;
        };
        let known = match &store {
            Some(store) => store.intent(&IntentId(intent.to_owned()))?,
            None => None,
        };
        if known.is_none() {
            strangers.push(format!("run {} of intent `{intent}`", run.run_id));
        }
    }
    Ok(strangers)
}

fn told(under_way: usize, strangers: &[String]) -> Check {
    if strangers.is_empty() {
        let found = format!("{under_way} are under way, none of another state's intents");
        return Check::ok(NAME, found);
    }
    let shown: Vec<&str> = strangers.iter().take(TOLD).map(String::as_str).collect();
    let more = match strangers.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Check::warning(
        NAME,
        format!(
            "{} of {under_way} under way are of intents that this state does not know: {}{more}",
            strangers.len(),
            shown.join(", ")
        ),
        "another state file works with these jobs, or this one is new or older than they are: let \
         one state alone start them, and let these runs end before the next pass",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_strangers_are_counted_and_few_named() {
        let names: Vec<String> = (1..=7)
            .map(|n| format!("run {n} of intent `i{n}`"))
            .collect();
        let check = told(9, &names);
        assert!(
            check.found.starts_with("7 of 9 under way"),
            "{}",
            check.found
        );
        assert!(check.found.ends_with("`i5` and 2 more"), "{}", check.found);
        assert_eq!(told(3, &[]).status, super::super::check::Status::Ok);
    }
}
