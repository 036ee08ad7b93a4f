//! Broken, slow, lost and hostile answers.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::server::{Server, Step, json, with_headers};
use super::{connect, pat, plain, run};
use crate::databricks::{
    ApiError, Auth, Host, JobId, Limits, ResolvedConnection, RunRequest, Settings, Unreached,
    Workspace,
};

const GET: &str = "/api/2.2/jobs/runs/get";
const RUN_NOW: &str = "/api/2.2/jobs/run-now";

fn good() -> Step {
    json(200, r#"{"run_id": 7, "status": {"state": "RUNNING"}}"#)
}

fn html(status: u16) -> Step {
    with_headers(
        status,
        "content-type: text/html\r\n",
        "<html><title>Oops</title></html>",
    )
}

fn request() -> RunRequest {
    RunRequest {
        job_id: JobId::new(101).unwrap(),
        token: "N1-abc".into(),
        job_parameters: std::collections::BTreeMap::new(),
        only: None,
        queue: false,
    }
}

#[tokio::test]
async fn fault_19_reads_are_repeated_until_a_good_answer() {
    let truncated = json(200, r#"{"run_id": 7, "status": {"sta"#);
    for fault in [
        html(500),
        html(502),
        html(200),
        json(503, ""),
        truncated,
        with_headers(200, "content-type: image/png\r\n", "\u{89}PNG"),
        Step::LoseAnswer,
        Step::CloseAtOnce,
    ] {
        let server = Server::start(&[(GET, &[fault.clone(), fault.clone(), good()])]).await;
        let (workspace, waits) = connect(&server, pat(), Limits::default());
        let status = workspace.get_run(run(7)).await;
        assert!(status.is_ok(), "{fault:?} {status:?}");
        let waits: Vec<_> = waits
            .lock()
            .unwrap()
            .iter()
            .map(Duration::as_millis)
            .collect();
        assert_eq!(waits, [500, 1_000], "{fault:?}");
    }
}

#[tokio::test]
async fn reads_end_after_four_attempts() {
    let steps = [html(500), html(500), html(500), html(500), good()];
    let server = Server::start(&[(GET, &steps)]).await;
    let error = plain(&server).get_run(run(7)).await.unwrap_err();
    assert_eq!(error.code(), "W002");
    assert!(
        error
            .to_string()
            .ends_with("/api/2.2/jobs/runs/get: 500: an HTML page: Oops"),
        "{error}"
    );
    assert_eq!(server.lines().len(), 4);
}

#[tokio::test]
async fn fault_16_17_a_rate_limit_is_waited_for_as_asked_or_by_our_own_floor() {
    let asked = with_headers(429, "retry-after: 7\r\n", "");
    let dated = with_headers(429, "retry-after: Fri, 20 Nov 2026 06:00:14 GMT\r\n", "");
    let server = Server::start(&[(GET, &[asked, dated, json(429, ""), good()])]).await;
    let (workspace, waits) = connect(&server, pat(), Limits::default());
    workspace.get_run(run(7)).await.unwrap();
    let waits: Vec<_> = waits
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(waits, [7_000, 11_000, 2_000]);
}

#[tokio::test]
async fn a_long_rate_limit_is_handed_up_at_once() {
    let server = Server::start(&[(GET, &[with_headers(429, "retry-after: 3600\r\n", "")])]).await;
    let error = plain(&server).get_run(run(7)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    assert_eq!(error.code(), "W003");
}

#[tokio::test]
async fn fault_04_19_starting_a_run_is_never_repeated_and_its_lost_answers_stay_open() {
    let truncated = json(200, r#"{"run_id""#);
    let empty = json(200, "");
    let without_id = json(200, "{}");
    for fault in [
        html(500),
        html(200),
        truncated,
        empty,
        without_id,
        Step::LoseAnswer,
        json(408, ""),
    ] {
        let server =
            Server::start(&[(RUN_NOW, &[fault.clone(), json(200, r#"{"run_id": 1}"#)])]).await;
        let error = plain(&server).run_now(&request()).await.unwrap_err();
        assert!(
            !error.is_definite() && error.may_have_taken_effect(),
            "{fault:?} {error:?}"
        );
        assert_eq!(server.lines().len(), 1, "{fault:?}");
    }
    for (refusal, is_definite) in [(429, false), (401, false), (403, true), (400, true)] {
        let server = Server::start(&[(
            RUN_NOW,
            &[json(refusal, "{}"), json(200, r#"{"run_id": 1}"#)],
        )])
        .await;
        let error = plain(&server).run_now(&request()).await.unwrap_err();
        assert_eq!(
            (error.is_definite(), error.may_have_taken_effect()),
            (is_definite, false)
        );
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn fault_19_an_answer_that_is_too_large_is_given_up() {
    let limits = Limits {
        body_bytes: 100,
        ..Limits::default()
    };
    let large = "x".repeat(101);
    let announced = json(200, &large);
    let chunked = Step::Bytes(
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{large}\r\n0\r\n\r\n")
            .into_bytes(),
    );
    for step in [announced, chunked] {
        let server = Server::start(&[(RUN_NOW, &[step])]).await;
        let error = connect(&server, pat(), limits)
            .0
            .run_now(&request())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("more than 100 bytes"), "{error}");
    }
}

/// 200,000 blanks, compressed.
const BOMB: &str = concat!(
    "H4sIAAAAAAACA+3BMQEAAADCoCrrn9IM/kABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAK8BMWFiEEANAwA="
);

#[tokio::test]
async fn fault_19_a_small_answer_that_unpacks_to_a_large_one_is_given_up() {
    let limits = Limits {
        body_bytes: 100_000,
        ..Limits::default()
    };
    let packed = BASE64_STANDARD.decode(BOMB).unwrap();
    assert!(packed.len() < 1_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    let bomb = Step::Bytes([head.into_bytes(), packed].concat());
    let server = Server::start(&[(RUN_NOW, &[bomb])]).await;
    let (workspace, _) = connect(&server, pat(), limits);
    let error = workspace.run_now(&request()).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 100000 bytes"),
        "{error}"
    );
    assert!(error.may_have_taken_effect(), "the run may exist");
}

#[tokio::test]
async fn fault_19_a_body_without_an_end_is_given_up_at_32_mebibytes() {
    let server = Server::start(&[(RUN_NOW, &[Step::Endless])]).await;
    let error = plain(&server).run_now(&request()).await.unwrap_err();
    assert!(
        error.to_string().contains("more than 33554432 bytes"),
        "{error}"
    );
    assert!(error.may_have_taken_effect());
}

#[tokio::test]
async fn fault_20_a_connection_that_is_reset_in_the_middle_of_an_answer_leaves_open_what_happened()
{
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"run_id\"".to_vec();
    for bytes in [Vec::new(), b"HTTP/1.1 2".to_vec(), begun] {
        let server = Server::start(&[(RUN_NOW, &[Step::Reset(bytes)])]).await;
        let error = plain(&server).run_now(&request()).await.unwrap_err();
        assert!(
            error.may_have_taken_effect() && !error.is_definite(),
            "{error:?}"
        );
        assert_eq!(server.lines().len(), 1);
    }
}

#[tokio::test]
async fn fault_20_a_server_that_dribbles_meets_the_total_deadline() {
    let limits = Limits {
        total: Duration::from_millis(100),
        ..Limits::default()
    };
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec();
    for begun in [Vec::new(), b"HTT".to_vec(), head] {
        let server = Server::start(&[(RUN_NOW, &[Step::Stall(begun)])]).await;
        let error = connect(&server, pat(), limits)
            .0
            .run_now(&request())
            .await
            .unwrap_err();
        let ApiError::Unreachable {
            why,
            may_have_arrived,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!((*why, *may_have_arrived), (Unreached::Timeout, true));
    }
}

#[tokio::test]
async fn queries_stand_in_no_error() {
    let lost = [const { Step::LoseAnswer }; 4];
    let server = Server::start(&[(GET, &lost)]).await;
    let error = plain(&server).get_run(run(7)).await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable { .. }), "{error:?}");
    assert!(
        !format!("{error} {error:?}").contains("run_id"),
        "{error:?}"
    );
}

#[tokio::test]
async fn fault_20_a_body_that_ends_early_is_no_definite_answer() {
    let cut = Step::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"run_id\": 7}".to_vec());
    let server = Server::start(&[(RUN_NOW, &[cut])]).await;
    let error = plain(&server).run_now(&request()).await.unwrap_err();
    assert!(
        matches!(
            error,
            ApiError::Unreachable {
                why: Unreached::Broken,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn redirects_are_not_followed_and_do_not_get_the_token() {
    let other = Server::start(&[]).await;
    let location = format!("location: {}/login?next=secret\r\n", other.origin());
    for status in [301, 307] {
        let server = Server::start(&[(RUN_NOW, &[with_headers(status, &location, "")])]).await;
        let error = plain(&server).run_now(&request()).await.unwrap_err();
        assert!(!error.is_definite(), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&other.origin()) && !text.contains("next="),
            "{text}"
        );
        assert!(error.hint().contains("host"));
    }
    assert!(other.lines().is_empty());
}

fn unreachable_host(host: &str) -> Workspace {
    let connection = ResolvedConnection {
        host: Host::parse(host).unwrap(),
        auth: Auth::Pat(crate::secret::Secret::new("pat-canary-1")),
        sources: std::collections::BTreeMap::new(),
    };
    Workspace::new(
        connection,
        Settings::default(),
        std::sync::Arc::new(super::local_time),
    )
    .unwrap()
}

#[tokio::test]
async fn fault_14_a_refused_connection_means_that_nothing_arrived() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let workspace = unreachable_host(&format!("http://127.0.0.1:{port}"));
    let error = workspace.run_now(&request()).await.unwrap_err();
    let ApiError::Unreachable {
        why,
        may_have_arrived,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*why, *may_have_arrived), (Unreached::Connect, false));
    assert!(!error.is_definite());
}

#[tokio::test]
async fn fault_23_a_server_that_speaks_no_tls_is_named_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plain_text = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    let workspace = unreachable_host(&format!("https://{address}"));
    let request = request();
    let (result, _stream) = tokio::join!(workspace.run_now(&request), plain_text);
    let error = result.unwrap_err();
    let ApiError::Unreachable {
        why,
        may_have_arrived,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*why, *may_have_arrived), (Unreached::Tls, false));
    assert!(error.hint().contains("SSL_CERT_FILE"));
}
