//! Planted secrets show up nowhere: not in errors, their causes, `Debug`, or logs.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use super::server::{Server, Step, json, with_headers};
use super::{connect, pat, principal, run};
use crate::databricks::{ApiError, Limits, Workspace};

const CANARIES: [&str; 3] = ["pat-canary-1", "client-canary-2", "access-canary-3"];

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn shown(error: &ApiError) -> String {
    let mut text = format!("{error} {error:?} {}", error.hint());
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        write!(text, " {below} {below:?}").unwrap();
        cause = below.source();
    }
    text
}

/// Answers that repeat what they refuse, in every place where we would read it.
fn echoes() -> Vec<Step> {
    let all = CANARIES.join(" and ");
    vec![
        json(
            400,
            &format!(r#"{{"error_code": "BAD", "message": "refused {all}"}}"#),
        ),
        json(
            403,
            &format!(
                r#"{{"error_code": "{}", "message": "x"}}"#,
                CANARIES.join("_")
            ),
        ),
        with_headers(
            400,
            "content-type: text/html\r\n",
            &format!("<html><pre>{all}</pre>"),
        ),
        json(200, &format!(r#"{{"run_id": "{all}"}}"#)),
        with_headers(
            302,
            &format!("location: http://127.0.0.1:1/?t={}\r\n", CANARIES.join("&")),
            "",
        ),
        json(422, &all),
    ]
}

async fn errors_of(server: &Server, workspace: &Workspace) -> Vec<ApiError> {
    let mut errors = Vec::new();
    while server
        .lines()
        .iter()
        .filter(|line| line.contains("runs/get"))
        .count()
        < echoes().len()
    {
        if let Err(error) = workspace.get_run(run(7)).await {
            errors.push(error);
        }
    }
    errors
}

#[tokio::test]
async fn no_secret_is_shown_or_logged() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    // With one subscriber alone, a call site that another test's thread reaches first is asked
    // about there, found unwanted, and switched off for all threads: so there are two.
    let second = tracing::Dispatch::new(
        tracing_subscriber::fmt()
            .with_writer(std::io::sink)
            .finish(),
    );
    let guard = tracing::subscriber::set_default(subscriber);
    let granted = r#"{"access_token": "access-canary-3", "expires_in": 3600}"#;
    for (auth, foreign) in [
        (pat(), vec![CANARIES[1], CANARIES[2]]),
        (principal(), vec![CANARIES[0]]),
    ] {
        let server = Server::start(&[
            ("/oidc/v1/token", &[json(200, granted)]),
            ("/api/2.2/jobs/runs/get", &echoes()),
        ])
        .await;
        let (workspace, _) = connect(&server, auth, Limits::default());
        let mut texts: Vec<_> = errors_of(&server, &workspace)
            .await
            .iter()
            .map(shown)
            .collect();
        assert!(texts.len() >= 3, "{texts:?}");
        texts.push(format!("{workspace:?}"));
        // A secret that this client does not hold is an ordinary word to it.
        for canary in CANARIES.iter().filter(|canary| !foreign.contains(canary)) {
            for text in &texts {
                assert!(!text.contains(canary), "{text}");
            }
        }
    }
    drop((guard, second));
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("http_status=400"), "{logged}");
    assert!(
        logged.contains("path=\"/api/2.2/jobs/runs/get\""),
        "{logged}"
    );
    for canary in CANARIES {
        assert!(!logged.contains(canary), "{logged}");
    }
}

#[tokio::test]
async fn the_token_endpoint_may_repeat_the_secret() {
    let refused =
        r#"{"error": "invalid_client", "error_description": "bad secret client-canary-2"}"#;
    let server = Server::start(&[("/oidc/v1/token", &[json(401, refused)])]).await;
    let (workspace, _) = connect(&server, principal(), Limits::default());
    let error = workspace.get_run(run(7)).await.unwrap_err();
    assert!(error.to_string().contains("bad secret ***"), "{error}");
    assert!(!shown(&error).contains("client-canary-2"));
}
