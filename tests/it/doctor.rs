//! `doctor`: what it finds on the sample, sound and with one thing wrong at a time.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use workspace::FaultPlan;
use workspace::faults::{Effect, Moment, RequestRule};

use crate::lakehouse::Lakehouse;
use crate::program::{Ran, folder, run, run_with, write};

/// Returns the checks with this name that are about `subject`, if one is named.
fn checks(ran: &Ran, name: &str, subject: Option<&str>) -> Vec<Value> {
    let document = ran.json();
    assert_eq!(document["kind"], "Doctor");
    let checks = document["checks"].as_array().unwrap().iter();
    let is_meant = |check: &&Value| {
        check["name"] == name && subject.is_none_or(|subject| check["subject"] == subject)
    };
    checks.filter(is_meant).cloned().collect()
}

fn status(ran: &Ran, name: &str) -> String {
    let found = checks(ran, name, None);
    let first = found
        .first()
        .unwrap_or_else(|| panic!("no {name}: {ran:?}"));
    first["status"].as_str().unwrap().to_owned()
}

fn text(check: &Value, field: &str) -> String {
    check[field].as_str().unwrap_or_default().to_owned()
}

fn doctor(lake: &Lakehouse) -> Ran {
    lake.run("doctor -o json")
}

/// The answers about one job are changed.
fn changed_job(lake: &Lakehouse, job: &str, patch: Value) {
    let mut rule = RequestRule::on("GET", "/api/2.*/jobs/get", Effect::Merge { patch });
    rule.contains = Some(format!("job_id={}", lake.job_id(job)));
    lake.request_faults(rule);
}

#[test]
fn the_sound_sample_has_no_problem() {
    let lake = Lakehouse::built();
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 0, "{ran:?}");
    let document = ran.json();
    let odd: Vec<&Value> = document["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] != "ok" && check["name"] != "config_file")
        .filter(|check| check["name"] != "state_disk")
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
    for name in [
        "program",
        "project",
        "environment",
        "dbt_manifest",
        "state_file",
        "state_lease",
        "state_last_pass",
        "state_log",
        "state_audit",
        "credentials",
        "clock",
        "workspace",
        "workspace_id",
        "job",
        "job_runs",
        "catalog",
        "tables",
    ] {
        assert_eq!(status(&ran, name), "ok", "{name}");
    }
    let credentials = text(&checks(&ran, "credentials", None)[0], "found");
    assert!(credentials.contains("`token` from environment variable `DATABRICKS_TOKEN`"));
    assert!(
        !ran.stdout.contains(crate::lakehouse::TOKEN),
        "no value is shown"
    );
    let dbt = &checks(&ran, "job", Some("dbt_build"))[0];
    assert!(text(dbt, "found").contains("named `dbt build`"), "{dbt}");

    let told = lake.run("doctor");
    assert_eq!(told.exit, 0);
    assert!(told.stdout.starts_with("STATUS "), "{told:?}");
    assert!(told.stdout.trim_end().ends_with("skipped"), "{told:?}");
}

#[test]
fn nothing_is_changed_or_made() {
    let lake = Lakehouse::new();
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(status(&ran, "state_file"), "skipped");
    assert!(!lake.state_file().exists());
    assert_eq!(lake.runs(), 0);

    let built = Lakehouse::built();
    let before = built.recorded();
    doctor(&built);
    assert_eq!(built.recorded(), before);
}

#[test]
fn a_token_that_is_not_accepted_is_exit_4_and_hides_nothing_else() {
    let lake = Lakehouse::built();
    let ran = lake.run_with("doctor -o json", &[("DATABRICKS_TOKEN", "wrong")]);
    assert_eq!(ran.exit, 4, "{ran:?}");
    let workspace = &checks(&ran, "workspace", None)[0];
    assert_eq!(
        (&workspace["status"], &workspace["code"]),
        (&json!("error"), &json!("W004"))
    );
    assert!(!ran.stdout.contains("wrong"), "{ran:?}");
    for name in ["job", "catalog"] {
        assert_eq!(status(&ran, name), "skipped");
    }
    // Where tables lie is remembered.
    assert_eq!(status(&ran, "tables"), "ok");
    assert_eq!(status(&ran, "clock"), "ok", "refusals tell the time, too");
}

#[test]
fn missing_credentials_are_exit_4_and_unknown_places_say_why() {
    let lake = Lakehouse::new();
    let ran = lake.run_with("doctor -o json", &[("DATABRICKS_TOKEN", "")]);
    assert_eq!(ran.exit, 4, "{ran:?}");
    let credentials = &checks(&ran, "credentials", None)[0];
    assert_eq!(
        (&credentials["status"], &credentials["code"]),
        (&json!("error"), &json!("W022"))
    );
    assert_eq!(status(&ran, "tables"), "warning");
    let unknown = &checks(&ran, "tables_unknown", Some("catalog_unavailable"))[0];
    assert!(text(unknown, "help").contains("workspace"), "{unknown}");
}

#[test]
fn a_workspace_that_does_not_answer_is_exit_5() {
    let lake = Lakehouse::built();
    let ran = lake.run_with(
        "doctor -o json",
        &[("DATABRICKS_HOST", "http://127.0.0.1:1")],
    );
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert_eq!(checks(&ran, "workspace", None)[0]["code"], "W001");
    assert_eq!(status(&ran, "clock"), "skipped");
    assert_eq!(status(&ran, "state_audit"), "ok");
}

#[test]
fn a_job_without_the_correlation_and_with_a_schedule_is_warned_of() {
    let lake = Lakehouse::built();
    let patch = json!({ "settings": {
        "parameters": [{ "name": "models", "default": "" }],
        "schedule": { "quartz_cron_expression": "0 0 * * * ?", "pause_status": "UNPAUSED" },
    }});
    changed_job(&lake, "dbt build", patch);
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 0, "warnings change nothing: {ran:?}");
    let correlation = checks(&ran, "job_correlation", None);
    assert_eq!(correlation.len(), 1);
    assert_eq!(correlation[0]["subject"], "dbt_build");
    let yaml = "parameters: [{ name: headwater_intent, default: \"\" }]";
    assert!(
        text(&correlation[0], "help").contains(yaml),
        "{correlation:?}"
    );
    let control = &checks(&ran, "job_triggers", Some("dbt_build"))[0];
    assert!(text(control, "found").contains("`schedule`"), "{control}");
}

#[test]
fn a_job_that_does_not_take_what_is_sent_is_an_error() {
    let lake = Lakehouse::built();
    let patch = json!({ "settings": { "parameters": [
        { "name": "headwater_intent", "default": "" },
        { "name": "to_version", "default": "" },
    ]}});
    changed_job(&lake, "bronze netsuite invoice", patch);
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 1, "{ran:?}");
    let missing = &checks(&ran, "job_parameters", Some("bronze.netsuite_invoice"))[0];
    assert!(
        text(missing, "found").ends_with("`from_version`"),
        "{missing}"
    );
}

#[test]
fn a_job_that_is_missing_and_one_that_we_may_not_see_are_told_apart() {
    let lake = Lakehouse::built();
    let mut gone = RequestRule::on(
        "GET",
        "/api/2.*/jobs/list",
        Effect::Merge {
            patch: json!({ "jobs": null }),
        },
    );
    gone.contains = Some("name=dbt".to_owned());
    lake.request_faults(gone);
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 1, "{ran:?}");
    let job = &checks(&ran, "job", Some("dbt_build"))[0];
    assert_eq!(
        (&job["status"], &job["code"]),
        (&json!("error"), &json!("W009"))
    );
    let others = checks(&ran, "job", None);
    assert!(others.iter().filter(|job| job["status"] == "ok").count() > 5);

    let forbidden = Effect::Answer {
        status: 403,
        retry_after_secs: None,
        content_type: None,
        body: None,
        at: Moment::Before,
    };
    let mut rule = RequestRule::on("GET", "/api/2.*/jobs/get", forbidden.clone());
    rule.contains = Some(format!("job_id={}", lake.job_id("dbt build")));
    let catalog = RequestRule::on("GET", "/api/2.1/unity-catalog/*", forbidden);
    lake.faults(FaultPlan {
        requests: vec![rule, catalog],
        ..FaultPlan::default()
    });
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 4, "{ran:?}");
    assert_eq!(checks(&ran, "job", Some("dbt_build"))[0]["code"], "W005");
    assert_eq!(status(&ran, "catalog"), "error");
}

#[test]
fn a_state_that_is_damaged_or_belongs_to_another_workspace_is_an_error() {
    let lake = Lakehouse::built();
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    let other = "UPDATE meta SET value = '1' WHERE key = 'workspace_id'";
    assert_eq!(state.execute(other, ()).unwrap(), 1);
    drop(state);
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert_eq!(checks(&ran, "workspace_id", None)[0]["code"], "S004");
    std::fs::write(
        lake.state_file(),
        "no database at all, whatever it is named",
    )
    .unwrap();
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert_eq!(checks(&ran, "state_file", None)[0]["code"], "S007");
    assert_eq!(status(&ran, "workspace"), "ok");
}

#[test]
fn a_configuration_file_that_others_may_read_is_warned_of() {
    let lake = Lakehouse::new();
    write(lake.path(), "cfg", "[DEFAULT]\n");
    let file = lake.path().join("cfg");
    let path = file.display().to_string();
    for (mode, expected) in [(0o644, "warning"), (0o600, "ok")] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let ran = lake.run_with("doctor -o json", &[("DATABRICKS_CONFIG_FILE", &path)]);
        assert_eq!(status(&ran, "config_file"), expected);
    }
}

#[test]
fn without_a_project_or_with_a_broken_one_everything_else_is_still_looked_at() {
    let empty = folder(&[]);
    let ran = run(empty.path(), "doctor -o json");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert_eq!(checks(&ran, "project", None)[0]["code"], "C001");
    assert_eq!(status(&ran, "program"), "ok");

    let lake = Lakehouse::built();
    write(
        lake.path(),
        "assets/odd.yml",
        "assets:\n  - key: odd\n    onwer: x\n",
    );
    let ran = doctor(&lake);
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert_eq!(status(&ran, "project"), "error");
    for name in ["workspace", "state_audit", "job"] {
        assert_eq!(status(&ran, name), "ok", "{name}");
    }
    assert_eq!(status(&ran, "tables"), "skipped");
}

#[test]
fn a_project_without_a_workspace_is_sound() {
    let project = "version: 1\nname: shop\nenvironments: { dev: }\ndefault_environment: dev\n";
    let assets = "assets:\n  - key: a\n    kind: source\n    path: lake/a\n";
    let shop = folder(&[("headwater.yml", project), ("assets/a.yml", assets)]);
    let ran = run_with(shop.path(), "doctor -o json", &[]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    for name in ["workspace", "job", "catalog"] {
        assert_eq!(status(&ran, name), "skipped", "{name}");
    }
}
