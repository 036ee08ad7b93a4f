//! Checks of the tables: how many can be read, and why others cannot.
//!
//! They are looked at as a pass would, and nothing is recorded.

use std::collections::BTreeMap;

use assets::{AssetKey, Relation};
use async_trait::async_trait;

use super::check::Check;
use crate::app::App;
use crate::error::CommandError;
use crate::observe::{Eyes, observe};
use crate::ports::{Catalog, Counting, JobsError, State, StateError};
use crate::state::{CatalogLocation, Memory, ObservedState};

/// How many tables of one kind of problem are named.
const NAMED: usize = 5;

/// A catalog that is not asked, because the workspace cannot be.
struct Unasked;

#[async_trait]
impl Catalog for Unasked {
    async fn locate(&self, _relation: &Relation) -> Result<CatalogLocation, JobsError> {
        let why = "the workspace could not be asked where it lies".to_owned();
        Err(JobsError::Unanswered(why))
    }
}

/// Looks at every table; `can_ask` tells whether the catalog can be asked.
pub(super) async fn check(app: &App, can_ask: bool) -> Vec<Check> {
    match look(app, can_ask).await {
        Ok(states) => of_states(&states),
        Err(error) => vec![Check::of_error("tables", &CommandError::from(error))],
    }
}

type States = BTreeMap<AssetKey, ObservedState>;

async fn look(app: &App, can_ask: bool) -> Result<States, StateError> {
    let store = app.read_state()?;
    let memory = store.load()?;
    let world = app.world(&store);
    let eyes = Eyes {
        tables: world.tables,
        catalog: if can_ask {
            world.catalog
        } else {
            Some(&Unasked)
        },
        // Whose run wrote a commit makes no difference here.
        jobs: None,
        state: &store,
        counting: Counting::InTime,
    };
    let at = (memory.pass, app.clock().now());
    let seen = observe(eyes, &app.graph, &memory, at, &[], &[]).await?;
    let mut states = remembered(app, memory);
    let news = seen.sightings.into_iter();
    states.extend(news.map(|sighting| (sighting.asset, sighting.observation.state)));
    Ok(states)
}

/// What was known of the tables of this project; a look only tells what is new.
fn remembered(app: &App, memory: Memory) -> States {
    let known = memory.observations.into_iter();
    known
        .filter(|(key, _)| app.graph.index_of(key.as_str()).is_some())
        .map(|(key, observation)| (key, observation.state))
        .collect()
}

fn of_states(states: &States) -> Vec<Check> {
    let name = "tables";
    if states.is_empty() {
        return vec![Check::skipped(name, "the project has no table to look at")];
    }
    let (mut readable, mut absent) = (0_usize, 0_usize);
    let mut problems: BTreeMap<&str, Vec<(&AssetKey, &str)>> = BTreeMap::new();
    for (key, state) in states {
        match state {
            ObservedState::Ok => readable += 1,
            ObservedState::Absent => absent += 1,
            ObservedState::Gone => {
                let reason = "the table was there and is gone";
                problems.entry("gone").or_default().push((key, reason));
            }
            ObservedState::Unknown { code, reason } => {
                problems.entry(code).or_default().push((key, reason));
            }
        }
    }
    let unknown: usize = problems.values().map(Vec::len).sum();
    let found = format!(
        "of {} tables and views {readable} can be read, {absent} are not there yet, {unknown} are \
         unknown",
        states.len()
    );
    let summary = if unknown == 0 {
        Check::ok(name, found)
    } else if readable + absent == 0 {
        Check::error(name, found, "none can be read: mend what the reasons say")
    } else {
        Check::warning(
            name,
            found,
            "`headwater observe` shows each with its reason",
        )
    };
    let groups = problems.iter().map(|(code, tables)| group(code, tables));
    std::iter::once(summary).chain(groups).collect()
}

fn group(code: &str, tables: &[(&AssetKey, &str)]) -> Check {
    let named = tables.iter().take(NAMED).map(|(key, _)| key.as_str());
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match tables.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let reason = tables.first().map_or("", |(_, reason)| reason);
    let found = format!("{named}{more}: {reason}");
    Check::warning("tables_unknown", found, help(code)).about(code)
}

/// What to do about a kind of problem; the words are those of `Unreadable::code` and of observation.
fn help(code: &str) -> &'static str {
    match code {
        "catalog_unavailable" => "mend what the checks of workspace and catalog say",
        "no_location" => "declare `path:`, or let the catalog be asked where the table lies",
        "not_local" | "bad_location" => {
            "write it as the reason says, or mount the storage on this machine and declare `path:`"
        }
        "forbidden" => {
            "docs/operations.md says which variables hold credentials of stores, and which rights they need"
        }
        "unreachable" | "timed_out" => {
            "check that the storage is mounted, or that bucket, region and endpoint are right, and \
             that we may read it"
        }
        "torn_commit" | "missing_commit" | "truncated_commit" | "broken_checkpoint" => {
            "it is read again at every pass; if it stays, look at the table's `_delta_log`"
        }
        "gone" => "make the table again, or take its asset out of the project",
        _ => "docs/limitations.md says which tables cannot be read by path",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn unknown(code: &str) -> ObservedState {
        ObservedState::Unknown {
            code: code.to_owned(),
            reason: format!("reason of {code}"),
        }
    }

    fn checks(states: &[ObservedState]) -> Vec<Check> {
        let key = |number: usize| AssetKey::new(&format!("t{number}")).unwrap();
        let states = states.iter().cloned().enumerate();
        of_states(&states.map(|(number, state)| (key(number), state)).collect())
    }

    #[test]
    fn unknown_tables_are_grouped_by_reason() {
        let torn = unknown("torn_commit");
        let found = checks(&[
            ObservedState::Ok,
            torn.clone(),
            ObservedState::Gone,
            torn,
            ObservedState::Absent,
        ]);
        let told: Vec<(Status, Option<&str>, &str)> = found
            .iter()
            .map(|c| (c.status, c.subject.as_deref(), c.found.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Status::Warning,
                    None,
                    "of 5 tables and views 1 can be read, 1 are not there yet, 3 are unknown"
                ),
                (
                    Status::Warning,
                    Some("gone"),
                    "t2: the table was there and is gone"
                ),
                (
                    Status::Warning,
                    Some("torn_commit"),
                    "t1, t3: reason of torn_commit"
                ),
            ]
        );
    }

    #[test]
    fn none_that_can_be_read_is_an_error() {
        assert_eq!(checks(&[unknown("x")])[0].status, Status::Error);
        assert_eq!(checks(&[ObservedState::Absent])[0].status, Status::Ok);
        assert_eq!(checks(&[])[0].status, Status::Skipped);
        let many = checks(&vec![unknown("x"); 7]);
        assert!(many[1].found.contains("t4 and 2 more"), "{many:?}");
    }
}
