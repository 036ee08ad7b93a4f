//! Networks that lose everything, names that nobody knows, and what is held back meanwhile.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::server::{Server, Step, json, with_headers};
use super::{connect, local_time, pat, run};
use crate::databricks::{
    ApiError, Host, JobId, Limits, Pacing, ResolvedConnection, RunRequest, Settings, Unreached,
    Workspace,
};

const GET: &str = "/api/2.2/jobs/runs/get";
const RUN_NOW: &str = "/api/2.2/jobs/run-now";

fn request() -> RunRequest {
    RunRequest {
        job_id: JobId::new(101).unwrap(),
        token: "N1-abc".into(),
        job_parameters: BTreeMap::new(),
        only: None,
        queue: false,
    }
}

fn why(error: &ApiError) -> (Unreached, bool) {
    let ApiError::Unreachable {
        why,
        may_have_arrived,
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    (*why, *may_have_arrived)
}

/// A client of any host that does not wait between attempts; its clock stands still.
fn client(host: &str, connect: Duration) -> Workspace {
    let settings = Settings {
        limits: Limits {
            connect,
            ..Limits::default()
        },
        pacing: Pacing {
            sleep: Arc::new(|_| Box::pin(std::future::ready(()))),
            ..Pacing::default()
        },
    };
    let connection = ResolvedConnection {
        host: Host::parse(host).unwrap(),
        auth: pat(),
        sources: BTreeMap::new(),
    };
    Workspace::new(connection, settings, Arc::new(local_time)).unwrap()
}

/// An address where connection requests vanish: a listener that accepts nobody, its queue full.
struct BlackHole {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        let patience = Duration::from_millis(300);
        while let Ok(stream) = TcpStream::connect_timeout(&address, patience) {
            queue.push(stream);
            assert!(queue.len() < 5_000, "the queue has no end");
        }
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

#[tokio::test]
async fn fault_14_where_packets_vanish_a_call_ends_and_the_next_ones_are_not_sent() {
    let hole = BlackHole::new();
    let soon = Duration::from_millis(200);
    let workspace = client(&format!("http://{}", hole.address), soon);
    let error = workspace.get_run(run(7)).await.unwrap_err();
    assert_eq!(why(&error), (Unreached::Timeout, false), "{error:?}");
    for _ in 0..100 {
        let held = workspace.get_run(run(7)).await.unwrap_err();
        assert!(matches!(held, ApiError::HeldBack { .. }), "{held:?}");
    }
    let error = workspace.run_now(&request()).await.unwrap_err();
    assert!(!error.is_definite() && !error.may_have_taken_effect());
}

#[tokio::test]
async fn fault_14_a_service_that_takes_requests_and_never_answers_gets_few_of_them() {
    let limits = Limits {
        total: Duration::from_millis(50),
        ..Limits::default()
    };
    let stalls = [const { Step::Stall(Vec::new()) }; 50];
    let server = Server::start(&[(RUN_NOW, &stalls)]).await;
    let (workspace, _) = connect(&server, pat(), limits);
    let mut held = 0;
    for _ in 0..50 {
        let error = workspace.run_now(&request()).await.unwrap_err();
        if matches!(error, ApiError::HeldBack { .. }) {
            held += 1;
        } else {
            assert!(error.may_have_taken_effect(), "{error:?}");
        }
    }
    assert_eq!((server.lines().len(), held), (4, 46));
}

#[tokio::test]
async fn fault_16_nothing_is_sent_before_the_time_that_the_service_asked_for() {
    let asked = with_headers(429, "retry-after: 40\r\n", "");
    let steps = [asked, json(200, r#"{"run_id": 1}"#)];
    let reads = [json(
        200,
        r#"{"run_id": 7, "status": {"state": "RUNNING"}}"#,
    )];
    let server = Server::start(&[(RUN_NOW, &steps), (GET, &reads)]).await;
    let (workspace, waits) = connect(&server, pat(), Limits::default());
    workspace.run_now(&request()).await.unwrap_err();
    for passed in [0, 30, 9] {
        waits.lock().unwrap().push(Duration::from_secs(passed));
        let held = workspace.run_now(&request()).await.unwrap_err();
        assert!(matches!(held, ApiError::HeldBack { .. }), "{held:?}");
        assert!(!held.may_have_taken_effect());
        assert_eq!(held.code(), "W003");
    }
    // Other calls are not concerned.
    workspace.get_run(run(7)).await.unwrap();
    waits.lock().unwrap().push(Duration::from_secs(1));
    assert_eq!(workspace.run_now(&request()).await.unwrap(), run(1));
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn fault_18_a_read_sits_out_a_plea_made_to_another_one_but_no_storm() {
    let asked = with_headers(429, "retry-after: 31\r\n", "");
    let good = json(200, r#"{"run_id": 7, "status": {"state": "RUNNING"}}"#);
    let steps = [asked.clone(), good];
    let server = Server::start(&[(GET, &steps)]).await;
    let (workspace, waits) = connect(&server, pat(), Limits::default());
    workspace.get_run(run(7)).await.unwrap_err();
    // Too long for a read: it fails at once.
    let held = workspace.get_run(run(7)).await.unwrap_err();
    assert!(matches!(held, ApiError::HeldBack { .. }), "{held:?}");
    // Short enough: it waits, tries, and gets its answer.
    waits.lock().unwrap().push(Duration::from_secs(28));
    workspace.get_run(run(7)).await.unwrap();
    assert_eq!(server.lines().len(), 2);
    // A storm: trial after trial is turned away, and nobody waits for the next.
    for _ in 0..3 {
        server.add(GET, asked.clone());
        waits.lock().unwrap().push(Duration::from_hours(1));
        workspace.get_run(run(7)).await.unwrap_err();
    }
    waits.lock().unwrap().push(Duration::from_secs(30));
    let before = waits.lock().unwrap().len();
    workspace.get_run(run(7)).await.unwrap_err();
    assert_eq!(waits.lock().unwrap().len(), before, "it waited");
}

#[tokio::test]
async fn fault_24_a_name_without_an_address_is_named_as_such() {
    // No name below `invalid` has one, by RFC 6761; the other is longer than a label may be.
    let long = format!("https://{}.example", "a".repeat(64));
    for host in ["https://headwater.invalid", &long] {
        // Longer than a resolver tries that reaches no name server.
        let workspace = client(host, Duration::from_mins(2));
        let error = workspace.run_now(&request()).await.unwrap_err();
        assert_eq!(why(&error), (Unreached::Dns, false), "{error:?}");
        assert!(error.hint().contains("spelling"), "{error:?}");
    }
}
