//! What each call sends, and what it makes of good answers.

use std::collections::BTreeMap;

use assets::Relation;
use assets::task::JobReference;
use chrono::TimeDelta;
use serde_json::Value;

use super::server::{Server, json, with_headers};
use super::{local_now, plain, run};
use crate::databricks::{ApiError, FindJobError, JobId, RunFilter, RunRequest, RunState};

const LARGE: i64 = 9_007_199_254_740_993;

fn request() -> RunRequest {
    RunRequest {
        job_id: JobId::new(LARGE).unwrap(),
        token: "N1-abc".into(),
        job_parameters: BTreeMap::from([("asset".into(), "a.b".into())]),
        only: Some("load".into()),
        queue: true,
    }
}

#[tokio::test]
async fn run_now_sends_token_parameters_and_task_and_keeps_large_ids() {
    let answer = format!(r#"{{"run_id": {LARGE}, "number_in_job": 1}}"#);
    let server = Server::start(&[("/api/2.2/jobs/run-now", &[json(200, &answer)])]).await;
    assert_eq!(
        plain(&server).run_now(&request()).await.unwrap(),
        run(LARGE)
    );

    let sent = &server.received()[0];
    assert_eq!(sent.line, "POST /api/2.2/jobs/run-now");
    assert!(
        sent.head.contains("authorization: Bearer pat-canary-1\n"),
        "{}",
        sent.head
    );
    let agent = format!("user-agent: headwater/{}\n", env!("CARGO_PKG_VERSION"));
    assert!(sent.head.contains(&agent), "{}", sent.head);
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let expected = format!(
        r#"{{"job_id": {LARGE}, "idempotency_token": "N1-abc", "only": ["load"],
            "job_parameters": {{"asset": "a.b"}}, "queue": {{"enabled": true}}}}"#
    );
    assert_eq!(body, serde_json::from_str::<Value>(&expected).unwrap());
}

#[tokio::test]
async fn what_the_service_would_refuse_is_not_sent() {
    let server = Server::start(&[]).await;
    let workspace = plain(&server);
    let broken = [
        RunRequest {
            token: String::new(),
            ..request()
        },
        RunRequest {
            token: "x".repeat(65),
            ..request()
        },
        RunRequest {
            token: "a b".into(),
            ..request()
        },
        RunRequest {
            only: Some("load+".into()),
            ..request()
        },
        RunRequest {
            only: Some(String::new()),
            ..request()
        },
        RunRequest {
            job_parameters: BTreeMap::from([(" ".into(), "x".into())]),
            ..request()
        },
    ];
    for request in &broken {
        let error = workspace.run_now(request).await.unwrap_err();
        assert!(matches!(error, ApiError::Unsent { .. }), "{error:?}");
        assert!(error.is_definite() && !error.may_have_taken_effect());
    }
    let error = workspace
        .get_table(&Relation::parse("schema.t").unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "W008");
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_run_is_read_with_all_pages_of_its_tasks_and_their_newest_attempts() {
    let first = r#"{"job_id": 101, "run_id": 7, "run_name": "orders", "run_page_url": "https://h/7",
        "start_time": 1795150000000, "end_time": 0, "creator_user_name": "ctl",
        "job_parameters": [{"name": "a", "default": "d", "value": "v"}, {"name": "b", "default": "d"}],
        "status": {"state": "RUNNING"}, "state": {"life_cycle_state": "RUNNING"},
        "tasks": [
          {"task_key": "load", "run_id": 10, "attempt_number": 1, "start_time": 1795150009000,
           "state": {"life_cycle_state": "RUNNING"}},
          {"task_key": "load", "run_id": 9, "attempt_number": 0, "start_time": 1795150001000,
           "end_time": 1795150002000, "state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}},
          {"task_key": "later"}],
        "next_page_token": "p2", "a_new_field": {"x": [1]}}"#;
    let second = r#"{"run_id": 7, "tasks": [{"task_key": "test", "run_id": 11, "status": {"state": "BLOCKED"}}]}"#;
    let server = Server::start(&[(
        "/api/2.2/jobs/runs/get",
        &[json(200, first), json(200, second)],
    )])
    .await;
    let status = plain(&server).get_run(run(7)).await.unwrap();

    assert_eq!(status.job_id.unwrap().get(), 101);
    assert_eq!(
        status.started_at.unwrap().timestamp_millis(),
        1_795_150_000_000
    );
    assert_eq!(status.ended_at, None);
    assert!(!status.state.is_over());
    assert_eq!(status.job_parameters["a"], "v");
    assert_eq!(status.job_parameters["b"], "d");
    assert_eq!(status.tasks.keys().collect::<Vec<_>>(), ["load", "test"]);
    assert_eq!(
        (status.tasks["load"].run_id, status.tasks["load"].attempt),
        (run(10), 1)
    );
    assert_eq!(
        server.lines()[1],
        "GET /api/2.2/jobs/runs/get?run_id=7&page_token=p2"
    );
}

#[tokio::test]
async fn another_run_than_the_one_asked_for_is_no_answer() {
    let server =
        Server::start(&[("/api/2.2/jobs/runs/get", &[json(200, r#"{"run_id": 8}"#)])]).await;
    let error = plain(&server).get_run(run(7)).await.unwrap_err();
    assert!(!error.is_definite(), "{error:?}");
}

#[tokio::test]
async fn a_list_that_has_more_and_does_not_say_how_to_ask_for_it_is_no_list() {
    let body = r#"{"runs": [{"run_id": 1}], "has_more": true}"#;
    let server = Server::start(&[("/api/2.2/jobs/runs/list", &[json(200, body)])]).await;
    let error = plain(&server)
        .list_runs(&RunFilter::default())
        .await
        .unwrap_err();
    assert!(!error.is_definite(), "{error:?}");
    assert!(
        error.to_string().contains("goes on, and not where"),
        "{error}"
    );
}

fn page(runs: &[(i64, &str)], next: Option<&str>) -> super::server::Step {
    let runs: Vec<_> = runs
        .iter()
        .map(|(id, word)| serde_json::json!({"run_id": id, "start_time": id, "status": {"state": word}}))
        .collect();
    let mut body = serde_json::json!({"has_more": next.is_some(), "next_page_token": next});
    if !runs.is_empty() {
        body["runs"] = runs.into();
    }
    json(200, &body.to_string())
}

#[tokio::test]
async fn fault_25_lists_go_on_over_empty_pages_and_show_each_run_once() {
    let steps = [
        page(&[(5, "RUNNING"), (4, "RUNNING")], Some("p2")),
        page(&[], Some("p3")),
        page(&[(4, "TERMINATING"), (3, "QUEUED")], None),
    ];
    let server = Server::start(&[("/api/2.2/jobs/runs/list", &steps)]).await;
    let filter = RunFilter {
        job_id: JobId::new(101),
        active_only: true,
        started_from: Some(local_now()),
    };
    let runs = plain(&server).list_runs(&filter).await.unwrap();
    assert_eq!(
        runs.iter().map(|run| run.run_id.get()).collect::<Vec<_>>(),
        [5, 4, 3]
    );
    assert_eq!(
        runs[1].state,
        RunState::Active {
            word: "TERMINATING".into(),
            is_known: true
        }
    );
    let from = local_now().timestamp_millis();
    let query = format!("limit=24&job_id=101&active_only=true&start_time_from={from}");
    assert_eq!(
        server.lines()[0],
        format!("GET /api/2.2/jobs/runs/list?{query}")
    );
    assert_eq!(
        server.lines()[2],
        format!("GET /api/2.2/jobs/runs/list?{query}&page_token=p3")
    );
}

#[tokio::test]
async fn fault_25_a_list_that_loops_is_an_error_and_not_a_short_list() {
    let steps = [
        page(&[(5, "RUNNING")], Some("p2")),
        page(&[], Some("p3")),
        page(&[], Some("p2")),
    ];
    let server = Server::start(&[("/api/2.2/jobs/runs/list", &steps)]).await;
    let error = plain(&server)
        .list_runs(&RunFilter::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("repeats a page"), "{error}");
    assert!(!error.is_definite());
}

#[tokio::test]
async fn fault_25_a_list_that_goes_on_and_does_not_say_where_is_not_complete() {
    let cut = json(200, r#"{"runs": [{"run_id": 5}], "has_more": true}"#);
    let server = Server::start(&[("/api/2.2/jobs/runs/list", &[cut])]).await;
    let listed = plain(&server).list_runs(&RunFilter::default()).await;
    let error = listed.unwrap_err();
    assert!(error.to_string().contains("goes on"), "{error}");
    assert!(!error.is_definite());

    let cut = r#"{"jobs": [{"job_id": 2, "settings": {"name": "dbt build"}}], "has_more": true,
        "next_page_token": ""}"#;
    assert_eq!(find(cut).await.unwrap_err().code(), "W002");
}

#[tokio::test]
async fn cancelling_takes_an_empty_answer_but_no_web_page() {
    let html = with_headers(200, "content-type: text/html\r\n", "<html>login</html>");
    let steps = [json(200, "{}"), json(200, ""), html];
    let server = Server::start(&[("/api/2.2/jobs/runs/cancel", &steps)]).await;
    let workspace = plain(&server);
    workspace.cancel_run(run(LARGE)).await.unwrap();
    workspace.cancel_run(run(7)).await.unwrap();
    workspace.cancel_run(run(7)).await.unwrap_err();
    assert_eq!(
        server.received()[0].body,
        format!(r#"{{"run_id":{LARGE}}}"#)
    );
}

#[tokio::test]
async fn a_job_tells_its_parameters_tasks_and_what_else_starts_it() {
    let first = r#"{"job_id": 101, "run_as_user_name": "etl", "settings": {"name": "Orders",
        "max_concurrent_runs": 1, "parameters": [{"name": "asset", "default": ""}],
        "tasks": [{"task_key": "a"}], "schedule": {"quartz_cron_expression": "x"},
        "trigger": {"pause_status": "PAUSED", "table_update": {}}}, "next_page_token": "p2"}"#;
    let second = r#"{"job_id": 101, "settings": {"name": "Orders", "tasks": [{"task_key": "b"}]}}"#;
    let steps = [json(200, first), json(200, second)];
    let server = Server::start(&[("/api/2.2/jobs/get", &steps)]).await;
    let job = plain(&server)
        .find_job(&JobReference::Id(101))
        .await
        .unwrap();
    assert_eq!(job.task_keys.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(job.parameters["asset"], "");
    assert_eq!(job.run_as.as_deref(), Some("etl"));
    let triggers: Vec<_> = job
        .own_triggers
        .iter()
        .map(|t| (t.setting, t.is_paused))
        .collect();
    assert_eq!(triggers, [("schedule", false), ("trigger", true)]);
    assert!(job.is_under_double_control());
}

async fn find(list: &str) -> Result<i64, FindJobError> {
    let get = r#"{"job_id": 2, "settings": {"name": "Dbt build"}}"#;
    let server = Server::start(&[
        ("/api/2.2/jobs/list", &[json(200, list)]),
        ("/api/2.2/jobs/get", &[json(200, get)]),
    ])
    .await;
    let found = plain(&server)
        .find_job(&JobReference::Name("dbt build".into()))
        .await;
    assert_eq!(
        server.lines()[0],
        "GET /api/2.2/jobs/list?name=dbt+build&limit=100"
    );
    found.map(|job| job.job_id.get())
}

#[tokio::test]
async fn a_name_must_be_one_jobs() {
    let one = r#"{"jobs": [{"job_id": 1, "settings": {"name": "other"}}, {"job_id": 2, "settings": {"name": "Dbt Build"}}]}"#;
    assert_eq!(find(one).await.unwrap(), 2);
    assert_eq!(find("{}").await.unwrap_err().code(), "W009");
    let two = r#"{"jobs": [{"job_id": 3, "settings": {"name": "dbt build"}}, {"job_id": 2, "settings": {"name": "dbt build"}}]}"#;
    let error = find(two).await.unwrap_err();
    assert_eq!(error.code(), "W010");
    assert_eq!(error.to_string(), "2 jobs are named `dbt build`: 2, 3");
}

#[tokio::test]
async fn a_table_is_asked_for_by_its_encoded_name() {
    let body = r#"{"full_name": "main.s.größe 1%", "table_id": "5c1f", "table_type": "MANAGED",
        "data_source_format": "DELTA", "storage_location": "s3://b/t", "columns": [{"name": "id"}]}"#;
    let path = "/api/2.1/unity-catalog/tables/main.s.gr%C3%B6%C3%9Fe%201%25%3Fx";
    let server = Server::start(&[(path, &[json(200, body)])]).await;
    let relation = Relation::parse("main.s.größe 1%?x").unwrap();
    let table = plain(&server).get_table(&relation).await.unwrap();
    assert_eq!(table.table_id.as_deref(), Some("5c1f"));
    assert!(table.is_readable_by_path());
}

#[tokio::test]
async fn credentials_are_lent_by_the_id_of_a_table() {
    let path = "/api/2.0/unity-catalog/temporary-table-credentials";
    let aws = r#"{"expiration_time": 1795153600000, "url": "s3://b/t", "aws_temp_credentials":
        {"access_key_id": "ASIA1", "secret_access_key": "lent-canary", "session_token": "lent-canary"}}"#;
    let azure =
        r#"{"expiration_time": 1, "azure_user_delegation_sas": {"sas_token": "sig=lent-canary"}}"#;
    let google =
        r#"{"gcp_oauth_token": {"oauth_token": "lent-canary"}, "r2_temp_credentials": {}}"#;
    let server = Server::start(&[(
        path,
        &[
            json(200, aws),
            json(200, azure),
            json(200, google),
            json(200, r#"{"aws_temp_credentials": "lent-canary"}"#),
        ],
    )])
    .await;
    let workspace = plain(&server);
    let lent = workspace.table_credentials("5c1f").await.unwrap();
    assert_eq!(lent.expires_at.to_rfc3339(), "2026-11-20T05:46:40+00:00");
    assert_eq!(lent.aws.as_ref().unwrap().access_key_id, "ASIA1");
    let azure = workspace.table_credentials("5c1f").await.unwrap();
    assert_eq!(
        azure.azure_signature.as_ref().unwrap().reveal(),
        "sig=lent-canary"
    );
    let google = workspace.table_credentials("5c1f").await.unwrap();
    assert!(google.google.is_some() && google.expires_at == chrono::DateTime::UNIX_EPOCH);
    let error = workspace.table_credentials("5c1f").await.unwrap_err();
    let shown = format!("{lent:?} {azure:?} {google:?} {error} {error:?}");
    assert!(!shown.contains("lent-canary"), "{shown}");
}

#[tokio::test]
async fn headers_tell_the_workspace_and_the_clocks_difference() {
    let answer = with_headers(
        200,
        "content-type: application/scim+json\r\nx-databricks-org-id: 42\r\n",
        r#"{"id": "9", "userName": "ctl@example.com", "displayName": "Controller"}"#,
    );
    let server = Server::start(&[("/api/2.0/preview/scim/v2/Me", &[answer])]).await;
    let workspace = plain(&server);
    assert_eq!(
        (workspace.server_offset(), workspace.workspace_id()),
        (None, None)
    );
    assert_eq!(
        workspace.whoami().await.unwrap().user_name,
        "ctl@example.com"
    );
    assert_eq!(workspace.server_offset(), Some(TimeDelta::seconds(3)));
    assert_eq!(workspace.clone().workspace_id().as_deref(), Some("42"));
}

#[tokio::test]
async fn nulls_and_absent_fields_are_empty_ones() {
    let run_page = r#"{"runs": null, "next_page_token": null}"#;
    let one = r#"{"run_id": 7, "job_id": null, "job_parameters": null, "tasks": null, "start_time": null}"#;
    let job = r#"{"job_id": 1, "settings": {"name": null, "parameters": null, "tasks": null, "schedule": null}}"#;
    let server = Server::start(&[
        ("/api/2.2/jobs/runs/list", &[json(200, run_page)]),
        ("/api/2.2/jobs/runs/get", &[json(200, one)]),
        (
            "/api/2.2/jobs/get",
            &[json(200, job), json(200, r#"{"job_id": 1}"#)],
        ),
    ])
    .await;
    let workspace = plain(&server);
    assert_eq!(
        workspace.list_runs(&RunFilter::default()).await.unwrap(),
        []
    );
    assert!(!workspace.get_run(run(7)).await.unwrap().state.is_over());
    let job_id = JobId::new(1).unwrap();
    let job = workspace.get_job(job_id).await.unwrap();
    assert!(!job.is_under_double_control());
    assert_eq!(workspace.get_job(job_id).await.unwrap(), job);
}
