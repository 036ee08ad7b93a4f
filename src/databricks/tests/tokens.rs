//! Tokens of a service principal: asked for, kept, renewed, never asked for twice at once.

use super::server::{Server, Step, json};
use super::{connect, plain, principal, run};
use crate::databricks::{
    ApiError, Host, JobId, Limits, LocalTime, ResolvedConnection, RunRequest, Settings, Workspace,
};

const TOKEN: &str = "/oidc/v1/token";
const GET: &str = "/api/2.2/jobs/runs/get";
const CONFIG: &str = "/.well-known/databricks-config";

fn granted(token: &str) -> Step {
    json(
        200,
        &format!(r#"{{"access_token": "{token}", "token_type": "Bearer", "expires_in": 3600}}"#),
    )
}

fn good() -> Step {
    json(200, r#"{"run_id": 7, "status": {"state": "RUNNING"}}"#)
}

fn expired() -> Step {
    json(
        403,
        r#"{"error_code": 403, "message": "Invalid access token. [ReqId: 1]"}"#,
    )
}

fn as_principal(server: &Server) -> Workspace {
    connect(server, principal(), Limits::default()).0
}

/// Returns the tokens that arrived with reads of runs.
fn tokens_of_reads(server: &Server) -> Vec<String> {
    let reads = server
        .received()
        .into_iter()
        .filter(|request| request.line.contains(GET));
    reads
        .map(|request| {
            let line = request
                .head
                .lines()
                .find(|line| line.starts_with("authorization: "));
            line.unwrap().replace("authorization: Bearer ", "")
        })
        .collect()
}

fn count(server: &Server, path: &str) -> usize {
    server
        .lines()
        .iter()
        .filter(|line| line.contains(path))
        .count()
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_kept() {
    let server = Server::start(&[(TOKEN, &[granted("t1")]), (GET, &[good(), good()])]).await;
    let workspace = as_principal(&server);
    workspace.get_run(run(7)).await.unwrap();
    workspace.get_run(run(7)).await.unwrap();
    assert_eq!(tokens_of_reads(&server), ["t1", "t1"]);
    let asked = server
        .received()
        .into_iter()
        .find(|request| request.line.contains(TOKEN))
        .unwrap();
    assert_eq!(asked.body, "grant_type=client_credentials&scope=all-apis");
    // `app:client-canary-2` in base64.
    assert!(
        asked
            .head
            .contains("authorization: Basic YXBwOmNsaWVudC1jYW5hcnktMg==\n")
    );
}

#[tokio::test]
async fn fault_21_an_expired_token_is_renewed_once_and_the_request_repeated() {
    for refusal in [expired(), json(401, "{}")] {
        let server = Server::start(&[
            (TOKEN, &[granted("t1"), granted("t2")]),
            (GET, &[refusal, good()]),
        ])
        .await;
        as_principal(&server).get_run(run(7)).await.unwrap();
        assert_eq!(tokens_of_reads(&server), ["t1", "t2"]);
    }
}

#[tokio::test]
async fn a_refused_start_is_repeated_with_the_same_idempotency_token() {
    let server = Server::start(&[
        (TOKEN, &[granted("t1"), granted("t2")]),
        (
            "/api/2.2/jobs/run-now",
            &[expired(), json(200, r#"{"run_id": 1}"#)],
        ),
    ])
    .await;
    let request = RunRequest {
        job_id: JobId::new(1).unwrap(),
        token: "N1-abc".into(),
        job_parameters: std::collections::BTreeMap::new(),
        only: None,
        queue: false,
    };
    assert_eq!(
        as_principal(&server).run_now(&request).await.unwrap(),
        run(1)
    );
    let bodies: Vec<_> = server
        .received()
        .into_iter()
        .filter(|request| request.line.contains("run-now"))
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn fault_21_a_wall_clock_that_is_years_off_makes_no_token_old_or_young() {
    for now in ["1996-11-20T06:00:00Z", "2096-11-20T06:00:00Z"] {
        let server = Server::start(&[(TOKEN, &[granted("t1")]), (GET, &[good(), good()])]).await;
        let connection = ResolvedConnection {
            host: Host::parse(&server.origin()).unwrap(),
            auth: principal(),
            sources: std::collections::BTreeMap::new(),
        };
        let clock = std::sync::Arc::new(move || LocalTime {
            wall: now.parse().unwrap(),
            monotonic: std::time::Duration::from_secs(1000),
        });
        let workspace = Workspace::new(connection, Settings::default(), clock).unwrap();
        workspace.get_run(run(7)).await.unwrap();
        workspace.get_run(run(7)).await.unwrap();
        assert_eq!(tokens_of_reads(&server), ["t1", "t1"]);
    }
}

#[tokio::test]
async fn a_second_refusal_is_final() {
    let server = Server::start(&[
        (TOKEN, &[granted("t1"), granted("t2"), granted("t3")]),
        (GET, &[expired(), expired(), good()]),
    ])
    .await;
    let error = as_principal(&server).get_run(run(7)).await.unwrap_err();
    assert!(matches!(error, ApiError::Auth { .. }), "{error:?}");
    assert_eq!(tokens_of_reads(&server), ["t1", "t2"]);
}

#[tokio::test]
async fn a_personal_token_cannot_be_renewed() {
    let server = Server::start(&[(GET, &[json(401, r#"{"message": "no"}"#), good()])]).await;
    let error = plain(&server).get_run(run(7)).await.unwrap_err();
    assert_eq!(error.code(), "W004");
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn fault_22_a_missing_right_is_not_taken_for_an_expired_token() {
    let denied = json(
        403,
        r#"{"error_code": "PERMISSION_DENIED", "message": "User x does not have View"}"#,
    );
    let server = Server::start(&[(TOKEN, &[granted("t1")]), (GET, &[denied, good()])]).await;
    let error = as_principal(&server).get_run(run(7)).await.unwrap_err();
    assert!(matches!(error, ApiError::Forbidden { .. }), "{error:?}");
    assert_eq!(count(&server, TOKEN), 1);
}

#[tokio::test]
async fn fault_21_many_requests_wait_for_one_renewal() {
    let server = Server::start(&[
        (TOKEN, &[granted("t1"), granted("t2"), granted("t3")]),
        (GET, &[good(), expired(), expired(), good(), good()]),
    ])
    .await;
    let workspace = as_principal(&server);
    workspace.get_run(run(7)).await.unwrap();
    let (one, two) = tokio::join!(workspace.get_run(run(7)), workspace.get_run(run(7)));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(count(&server, TOKEN), 2);
    assert_eq!(tokens_of_reads(&server), ["t1", "t1", "t1", "t2", "t2"]);
}

#[tokio::test]
async fn fault_21_a_failed_renewal_fails_for_all_who_waited() {
    let refused = json(
        401,
        r#"{"error": "invalid_client", "error_description": "unknown secret"}"#,
    );
    let server = Server::start(&[(TOKEN, &[refused, granted("t1")])]).await;
    let workspace = as_principal(&server);
    let (one, two) = tokio::join!(workspace.get_run(run(7)), workspace.get_run(run(7)));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert!(matches!(error, ApiError::Auth { .. }), "{error:?}");
        assert!(
            error.to_string().contains("invalid_client: unknown secret"),
            "{error}"
        );
    }
    assert_eq!(count(&server, TOKEN), 1);
}

#[tokio::test]
async fn the_token_endpoint_is_discovered_on_the_same_host_only() {
    let elsewhere = Server::start(&[(TOKEN, &[granted("stolen")])]).await;
    let config = format!(r#"{{"oidc_endpoint": "{}/oidc"}}"#, elsewhere.origin());
    let server = Server::start(&[
        (CONFIG, &[json(200, &config)]),
        (TOKEN, &[granted("t1")]),
        (GET, &[good()]),
    ])
    .await;
    as_principal(&server).get_run(run(7)).await.unwrap();
    assert_eq!(tokens_of_reads(&server), ["t1"]);
    assert!(elsewhere.lines().is_empty());
}

#[tokio::test]
async fn a_discovered_endpoint_of_the_same_host_is_used() {
    let server = Server::start(&[("/other/token", &[granted("t1")]), (GET, &[good()])]).await;
    let origin = server.origin();
    let config =
        format!(r#"{{"oidc_endpoint": "{origin}/oidc/{{account_id}}/", "account_id": "a1"}}"#);
    server.add(CONFIG, json(200, &config));
    let endpoints = format!(r#"{{"token_endpoint": "{origin}/other/token"}}"#);
    server.add(
        "/oidc/a1/.well-known/oauth-authorization-server",
        json(200, &endpoints),
    );
    as_principal(&server).get_run(run(7)).await.unwrap();
    assert_eq!(tokens_of_reads(&server), ["t1"]);
    assert_eq!(count(&server, TOKEN), 0);
}

#[tokio::test]
async fn a_token_endpoint_elsewhere_does_not_get_the_secret() {
    let elsewhere = Server::start(&[(TOKEN, &[granted("stolen")])]).await;
    let server = Server::start(&[(TOKEN, &[granted("t1")]), (GET, &[good()])]).await;
    let config = format!(r#"{{"oidc_endpoint": "{}/oidc"}}"#, server.origin());
    server.add(CONFIG, json(200, &config));
    let endpoints = format!(r#"{{"token_endpoint": "{}{TOKEN}"}}"#, elsewhere.origin());
    server.add(
        "/oidc/.well-known/oauth-authorization-server",
        json(200, &endpoints),
    );
    as_principal(&server).get_run(run(7)).await.unwrap();
    assert_eq!(tokens_of_reads(&server), ["t1"]);
    assert!(elsewhere.lines().is_empty());
}

#[tokio::test]
async fn discovery_that_breaks_does_not_stop_us() {
    for broken in [
        json(500, ""),
        json(200, "not json"),
        Step::LoseAnswer,
        json(404, "{}"),
    ] {
        let server = Server::start(&[
            (CONFIG, &[broken]),
            (TOKEN, &[granted("t1")]),
            (GET, &[good()]),
        ])
        .await;
        as_principal(&server).get_run(run(7)).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_no_answer() {
    let grants = [
        granted("a\\nb"),
        granted(""),
        json(200, "{}"),
        granted("a b"),
    ];
    let server = Server::start(&[(TOKEN, &grants)]).await;
    let error = as_principal(&server).get_run(run(7)).await.unwrap_err();
    assert!(matches!(error, ApiError::Transient { .. }), "{error:?}");
    assert_eq!(count(&server, GET), 0);
}
