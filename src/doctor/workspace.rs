//! Checks of the workspace: credentials, reach, identity, clock, and whether it is the right one.

use std::time::Duration;

use assets::{Asset, Relation};
use chrono::TimeDelta;

use super::check::Check;
use crate::app::{Link, connect};
use crate::config::Variables;
use crate::databricks::{ApiError, Limits, Pacing, Settings};
use crate::error::{CommandError, Exit};
use crate::ports::StateError;
use crate::project::Loaded;

/// Clocks that differ by more than this make lags and idempotency windows wrong.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// A person waits for the answers: one that does not come soon is told, not waited for.
fn settings() -> Settings {
    Settings {
        limits: Limits {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(20),
            ..Limits::default()
        },
        pacing: Pacing {
            attempts: 2,
            total_wait: Duration::from_secs(5),
            ..Pacing::default()
        },
    }
}

/// Checks the workspace; returns it where it can be asked more.
pub(super) async fn check(
    loaded: &Loaded,
    variables: &Variables,
    pinned: Option<&str>,
) -> (Vec<Check>, Option<Link>) {
    let Some(declared) = &loaded.environment.databricks else {
        let why = format!(
            "environment `{}` declares no workspace",
            loaded.environment_name
        );
        return (vec![Check::skipped("workspace", why)], None);
    };
    let link = match connect(declared, variables, settings()) {
        Ok(link) => link,
        Err(error) => return (vec![Check::of_error("credentials", &error)], None),
    };
    let mut checks = vec![credentials(&link)];
    let who = link.client.whoami().await;
    checks.push(clock(link.client.server_offset()));
    match who {
        Ok(who) => {
            let shown = who.display_name.filter(|name| *name != who.user_name);
            let shown = shown.map_or_else(String::new, |name| format!(" ({name})"));
            let found = format!(
                "{} answers; we are {}{shown}",
                link.client.host(),
                who.user_name
            );
            checks.push(Check::ok("workspace", found));
            checks.push(identity(pinned, link.client.workspace_id().as_deref()));
            (checks, Some(link))
        }
        Err(error) => {
            checks.push(of_api_error("workspace", &error));
            (checks, None)
        }
    }
}

fn credentials(link: &Link) -> Check {
    let sources = link.sources.iter();
    let sources: Vec<String> = sources
        .map(|(attribute, source)| format!("`{attribute}` from {source}"))
        .collect();
    let found = format!(
        "method `{}`: {}",
        link.client.auth_method(),
        sources.join(", ")
    );
    Check::ok("credentials", found)
}

fn clock(offset: Option<TimeDelta>) -> Check {
    let name = "clock";
    let Some(offset) = offset else {
        return Check::skipped(name, "no answer told the workspace's time");
    };
    let seconds = offset.num_seconds();
    let found = match seconds {
        0 => "it goes with the workspace's".to_owned(),
        1.. => format!("it is {seconds} s behind the workspace's"),
        _ => format!(
            "it is {} s ahead of the workspace's",
            seconds.unsigned_abs()
        ),
    };
    if offset.abs() > SKEW {
        let help = "set this machine's clock by NTP: ages, lags and backoffs are counted by it";
        Check::warning(name, found, help)
    } else {
        Check::ok(name, found)
    }
}

/// Compares the workspace with the one that the state belongs to.
fn identity(pinned: Option<&str>, found: Option<&str>) -> Check {
    let name = "workspace_id";
    match (pinned, found) {
        (_, None) => Check::skipped(name, "the answers do not tell it"),
        (None, Some(found)) => {
            let found = format!("it is {found}; the first pass binds the state to it");
            Check::ok(name, found)
        }
        (Some(pinned), Some(found)) if pinned == found => {
            Check::ok(name, format!("it is {found}, to which the state belongs"))
        }
        (Some(pinned), Some(found)) => {
            let error = StateError::OtherWorkspace {
                pinned: pinned.to_owned(),
                found: found.to_owned(),
            };
            Check::of_error(name, &CommandError::from(error))
        }
    }
}

/// Makes a check of a call that failed.
pub(super) fn of_api_error(name: &'static str, error: &ApiError) -> Check {
    let exit = match error {
        ApiError::Auth { .. } | ApiError::Forbidden { .. } => Exit::Unauthorized,
        ApiError::Unreachable { .. }
        | ApiError::Transient { .. }
        | ApiError::RateLimited { .. }
        | ApiError::HeldBack { .. } => Exit::Unavailable,
        ApiError::NotFound { .. } | ApiError::Invalid { .. } | ApiError::Unsent { .. } => {
            Exit::Failed
        }
    };
    let error = CommandError::from_chain(error.code(), exit, error).hint(error.hint());
    Check::of_error(name, &error)
}

/// Looks one relation up, which tells whether the catalog may be asked.
pub(super) async fn catalog(link: &Link, loaded: &Loaded) -> Check {
    let name = "catalog";
    if link.catalog().is_none() {
        return Check::skipped(name, "`catalog_lookup: false` is declared");
    }
    let Some((asset, relation)) = example(loaded) else {
        return Check::skipped(name, "no asset declares a relation to look up");
    };
    match link.client.get_table(relation).await {
        Ok(table) => {
            let kind = table.table_type.as_deref().unwrap_or("something");
            Check::ok(name, format!("it tells of `{relation}`: {kind}"))
        }
        Err(ApiError::NotFound { .. }) if asset.is_built_here() => {
            Check::ok(name, format!("it answers; `{relation}` is not there yet"))
        }
        Err(ApiError::NotFound { .. }) => Check::warning(
            name,
            format!("it does not know `{relation}`, or does not show it to us"),
            "check the relation, and that we have USE CATALOG, USE SCHEMA and SELECT",
        ),
        Err(error) => of_api_error(name, &error),
    }
}

/// The relation that is looked up: one that has no other way to be found, of a table that others
/// make, so that it should be there.
fn example(loaded: &Loaded) -> Option<(&Asset, &Relation)> {
    let graph = loaded.graph.as_ref()?;
    let assets = graph.indices().map(|index| graph.asset(index));
    let related = assets.filter_map(|asset| Some((asset, asset.relation.as_ref()?)));
    related.min_by_key(|(asset, _)| (asset.path.is_some(), asset.is_built_here()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn clocks_may_differ_by_half_a_minute() {
        for (seconds, status, found) in [
            (0, Status::Ok, "it goes with the workspace's"),
            (30, Status::Ok, "it is 30 s behind the workspace's"),
            (31, Status::Warning, "it is 31 s behind the workspace's"),
            (-90, Status::Warning, "it is 90 s ahead of the workspace's"),
        ] {
            let check = clock(Some(TimeDelta::seconds(seconds)));
            assert_eq!((check.status, check.found.as_str()), (status, found));
        }
        assert_eq!(clock(None).status, Status::Skipped);
    }

    #[test]
    fn a_state_of_another_workspace_is_an_error() {
        assert_eq!(identity(Some("1"), Some("1")).status, Status::Ok);
        assert_eq!(identity(None, Some("1")).status, Status::Ok);
        assert_eq!(identity(Some("1"), None).status, Status::Skipped);
        let other = identity(Some("1"), Some("2"));
        assert_eq!((other.status, other.code), (Status::Error, Some("S004")));
        assert_eq!(other.exit, Exit::Failed);
    }
}
