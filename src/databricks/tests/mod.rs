//! The client against a scripted server on loopback: what goes out, and what each answer means.

mod calls;
mod faults;
mod network;
mod secrets;
mod server;
mod tokens;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::secret::Secret;
use server::Server;

/// The local clock of all tests, three seconds behind the server's.
fn local_time() -> LocalTime {
    let monotonic = Duration::from_secs(1000);
    LocalTime {
        wall: local_now(),
        monotonic,
    }
}

fn local_now() -> DateTime<Utc> {
    "2026-11-20T06:00:00Z".parse().unwrap()
}

/// The waits that a client would have made.
type Waits = Arc<Mutex<Vec<Duration>>>;

fn connect(server: &Server, auth: Auth, limits: Limits) -> (Workspace, Waits) {
    let waits = Waits::default();
    let sink = Arc::clone(&waits);
    let slept = Arc::clone(&waits);
    let pacing = Pacing {
        random: Arc::new(|| 1.0),
        sleep: Arc::new(move |wait| {
            sink.lock().unwrap().push(wait);
            Box::pin(std::future::ready(()))
        }),
        ..Pacing::default()
    };
    let connection = ResolvedConnection {
        host: Host::parse(&server.origin()).unwrap(),
        auth,
        sources: std::collections::BTreeMap::new(),
    };
    let settings = Settings { limits, pacing };
    // No time goes by but in waits.
    let clock = move || {
        let LocalTime { wall, monotonic } = local_time();
        let waited: Duration = slept.lock().unwrap().iter().sum();
        LocalTime {
            wall,
            monotonic: monotonic + waited,
        }
    };
    let workspace = Workspace::new(connection, settings, Arc::new(clock)).unwrap();
    (workspace, waits)
}

fn pat() -> Auth {
    Auth::Pat(Secret::new("pat-canary-1"))
}

fn principal() -> Auth {
    Auth::OAuthM2m {
        client_id: "app".into(),
        client_secret: Secret::new("client-canary-2"),
    }
}

/// Connects with a personal token and the usual limits.
fn plain(server: &Server) -> Workspace {
    connect(server, pat(), Limits::default()).0
}

fn run(id: i64) -> RunId {
    RunId::new(id).unwrap()
}

#[test]
fn every_code_is_documented_in_order() {
    let page = include_str!("../../../docs/errors.md");
    let documented: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("### W"))
        .filter_map(|line| line.strip_prefix("### ")?.split_once(": "))
        .collect();
    assert_eq!(documented, CODES);
}
