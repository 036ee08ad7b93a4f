//! The workspace at its worst, against the program and real tables: what it cannot do is start
//! anything twice or lose an update.

use serde_json::{Value, json};
use workspace::FaultPlan;
use workspace::faults::{Break, Effect, Moment, RequestRule, RunEffect};

use crate::lakehouse::{Lakehouse, RUN_NOW, until};

const LOGS: &str = "landing.app_logs_eu";
const EVENTS: &str = "bronze.app_event";
const EVENTS_JOB: &str = "bronze app event";

/// What is asked about runs.
const RUNS: &str = "/api/2.*/jobs/runs/*";

fn too_many(retry_after_secs: Option<u64>) -> Effect {
    Effect::Answer {
        status: 429,
        retry_after_secs,
        content_type: None,
        body: None,
        at: Moment::Before,
    }
}

/// A run of the job for new events is under way or over.
fn run_of_events(lake: &Lakehouse) -> usize {
    lake.arrive_in(LOGS);
    let before = lake.runs_of(EVENTS_JOB).len();
    let ran = lake.run(&format!("reconcile {EVENTS}"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 1);
    before + 1
}

#[test]
fn fault_16_18_whatever_wakes_a_watcher_nothing_is_sent_before_the_time_that_was_asked_for() {
    let lake = Lakehouse::built();
    let runs = lake.runs();
    lake.run_now_faults(too_many(Some(3600)));
    let mut watcher = lake.start("reconcile --watch --interval 1s");
    lake.arrive(4);
    until("it is turned away", 30, || lake.requests_met() > 0);
    let looks_again = || {
        // Several files of one arrival may wake it once; the second arrival comes after a look began.
        for _ in 0..2 {
            let before = lake.passes();
            lake.arrive(1);
            until("it looks again", 30, || lake.passes() > before);
        }
    };
    // What was under way together was turned away together.
    looks_again();
    let met = lake.requests_met();
    assert!(met <= 8, "{met}");
    for _ in 0..4 {
        looks_again();
    }
    assert_eq!(lake.requests_met(), met);
    assert_eq!(lake.runs(), runs);
    watcher.signal(rustix::process::Signal::TERM);
    assert_eq!(watcher.exit_within(10), Some(143));
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_18_when_a_storm_is_over_everything_is_built_once() {
    let lake = Lakehouse::built();
    lake.arrive(30);
    lake.request_faults(RequestRule::on("POST", RUN_NOW, too_many(None)).times(2));
    let ran = lake.run("reconcile --wait --timeout 60s");
    assert_eq!(ran.exit, 0, "{ran:?}");
    lake.assert_sound();
}

#[test]
fn fault_18_a_request_that_is_always_turned_away_starves_no_other() {
    let lake = Lakehouse::built();
    let job = lake.job_id(EVENTS_JOB);
    lake.request_faults(RequestRule {
        contains: Some(format!("\"job_id\":{job}")),
        ..RequestRule::on("POST", RUN_NOW, too_many(None))
    });
    let before = lake.runs_of(EVENTS_JOB).len();
    let downstream = lake.json(&format!("ls {EVENTS}+"))["assets"].to_string();
    let mut watcher = lake.start("reconcile --watch --interval 1s");
    lake.arrive_in(LOGS);
    until("it is tried again", 30, || lake.requests_met() >= 2);
    // The others come later, while the one that is turned away is the oldest.
    let runs = lake.runs();
    lake.arrive(30);
    until("everything else is built", 120, || {
        let behind = lake.not("fresh");
        let is_below = |asset: &str| downstream.contains(&format!("\"{asset}\""));
        lake.runs() > runs && behind.iter().all(|(asset, _)| is_below(asset))
    });
    watcher.signal(rustix::process::Signal::TERM);
    assert_eq!(watcher.exit_within(10), Some(143));
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), before);
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_09_a_run_that_somebody_deleted_is_reported_and_not_made_again() {
    let lake = Lakehouse::built();
    lake.arrive_in(LOGS);
    let before = lake.runs_of(EVENTS_JOB).len();
    lake.run_now_faults(Effect::Drop {
        how: Break::Reset,
        at: Moment::After,
    });
    let ran = lake.run(&format!("reconcile {EVENTS}"));
    assert_eq!(ran.exit, 5, "{ran:?}");
    lake.no_faults();
    let run = || lake.runs_of(EVENTS_JOB).pop().unwrap();
    until("the run is over", 30, || run().ended_at.is_some());
    let body = json!({"run_id": run().run_id}).to_string();
    lake.ask("POST", "/api/2.2/jobs/runs/delete", &body);

    let mut sent = Value::Null;
    until("its token is sent again", 30, || {
        let ran = lake.run(&format!("reconcile {EVENTS} -o json"));
        sent = ran.json()["triggered"][0].clone();
        ran.exit == 1
    });
    let message = sent["message"].as_str().unwrap();
    assert!(message.contains("deleted"), "{sent}");
    for _ in 0..3 {
        lake.run(&format!("reconcile {EVENTS}"));
    }
    assert_eq!(
        lake.runs_of(EVENTS_JOB).len(),
        before + 1,
        "it was tried again"
    );
    assert_eq!(lake.run(&format!("runs retry {EVENTS}")).exit, 0);
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_10_a_run_of_another_intent_is_refused() {
    let lake = Lakehouse::built();
    let runs = run_of_events(&lake);
    let theirs = json!([{"name": "headwater_intent", "value": "01SOMEBODYELSESINTENT.1"}]);
    let patch = json!({"job_parameters": theirs});
    lake.request_faults(RequestRule::on("GET", RUNS, Effect::Merge { patch }));
    let ran = lake.run(&format!("reconcile {EVENTS} -o json"));
    assert_eq!(ran.exit, 1, "{ran:?}");
    let settled = &ran.json()["settled"][0];
    let message = settled["message"].as_str().unwrap();
    assert!(message.contains("somebody else's run"), "{settled}");
    lake.run(&format!("reconcile {EVENTS}"));
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), runs);
}

#[test]
fn fault_15_without_the_catalog_tables_are_unknown_and_what_is_known_is_kept() {
    let lake = Lakehouse::built();
    let state = rusqlite::Connection::open(lake.state_file()).unwrap();
    state.execute("DELETE FROM location", ()).unwrap();
    drop(state);
    let (runs, edges) = (lake.runs(), lake.json("ls")["assets"].clone());
    let down = Effect::Answer {
        status: 503,
        retry_after_secs: None,
        content_type: None,
        body: None,
        at: Moment::Before,
    };
    lake.request_faults(RequestRule::on("GET", "/api/2.1/unity-catalog/*", down));
    let ran = lake.run("reconcile");
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert!(
        ran.stderr.contains("the catalog could not be asked"),
        "{ran:?}"
    );
    assert_eq!(lake.runs(), runs, "something was started on a guess");
    let unknown = lake.not("fresh");
    assert!(
        unknown.iter().any(|(_, health)| health == "unknown"),
        "{unknown:?}"
    );
    assert!(
        !unknown.iter().any(|(_, health)| health == "stale"),
        "{unknown:?}"
    );
    assert_eq!(lake.json("ls")["assets"], edges);
    lake.no_faults();
    lake.arrive(2);
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_19_an_answer_of_100_megabytes_is_given_up_and_the_run_found_later() {
    let lake = Lakehouse::built();
    run_of_events(&lake);
    let bytes = 100_000_000;
    lake.request_faults(RequestRule::on("GET", RUNS, Effect::HugeBody { bytes }));
    let ran = lake.run("reconcile");
    assert_eq!(ran.exit, 5, "{ran:?}");
    assert!(ran.stderr.contains("more than 33554432 bytes"), "{ran:?}");
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_04_19_20_whatever_becomes_of_the_answer_the_run_is_started_once() {
    let lake = Lakehouse::built();
    let effects = [
        Effect::CutBody,
        Effect::TruncateBody,
        Effect::ContentType {
            value: "text/html".to_owned(),
        },
        Effect::Merge {
            patch: json!({"run_id": null}),
        },
        Effect::Merge {
            patch: json!({"run_id": "soon"}),
        },
        Effect::Drip {
            bytes: 1,
            pause_ms: 1,
        },
        Effect::Drop {
            how: Break::Close,
            at: Moment::After,
        },
        Effect::Answer {
            status: 502,
            retry_after_secs: None,
            content_type: Some("text/html".to_owned()),
            body: Some("<html>bad gateway</html>".to_owned()),
            at: Moment::After,
        },
    ];
    for effect in effects {
        lake.arrive_in(LOGS);
        let before = lake.runs_of(EVENTS_JOB).len();
        lake.run_now_faults(effect.clone());
        let ran = lake.run(&format!("reconcile {EVENTS}"));
        let is_read = matches!(effect, Effect::Drip { .. });
        assert_eq!(ran.exit, if is_read { 0 } else { 5 }, "{effect:?} {ran:?}");
        lake.no_faults();
        lake.json(&format!("reconcile {EVENTS} --wait --timeout 60s"));
        assert_eq!(lake.runs_of(EVENTS_JOB).len(), before + 1, "{effect:?}");
    }
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_27_a_run_in_a_state_that_nobody_knows_is_still_under_way() {
    let lake = Lakehouse::built();
    let runs = run_of_events(&lake);
    let patch = json!({
        "status": {"state": "HIBERNATING", "termination_details": null},
        "state": {"life_cycle_state": "HIBERNATING", "result_state": null},
        "end_time": 0,
    });
    lake.request_faults(RequestRule::on("GET", RUNS, Effect::Merge { patch }));
    lake.arrive_in(LOGS);
    for _ in 0..3 {
        let ran = lake.run(&format!("reconcile {EVENTS} -o json"));
        assert_eq!(ran.exit, 0, "{ran:?}");
        assert!(ran.stderr.contains("not known; taken as active"), "{ran:?}");
        assert_eq!(ran.json()["settled"], json!([]));
    }
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), runs);
    lake.no_faults();
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_28_a_run_that_stays_pending_is_cancelled_and_has_no_other_beside_it() {
    let lake = Lakehouse::built();
    let file = lake.path().join("headwater.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("defaults:\n", "defaults:\n  timeout: 1s\n"),
    )
    .unwrap();
    lake.run_fault(EVENTS_JOB, RunEffect::StayPending { ms: 600_000 });
    let runs = run_of_events(&lake);
    let mut settled = Value::Null;
    until("it is given up", 60, || {
        let ran = lake.run(&format!("reconcile {EVENTS} -o json"));
        assert_eq!(lake.runs_of(EVENTS_JOB).len(), runs, "another was started");
        settled = ran.json()["settled"][0].clone();
        settled != Value::Null
    });
    assert_eq!(settled["outcome"], "retry", "{settled}");
    let message = settled["message"].as_str().unwrap();
    assert!(message.contains("timeout of 1 s"), "{settled}");
    let run = lake.runs_of(EVENTS_JOB).pop().unwrap();
    assert!(run.ended_at.is_some(), "it still runs: {run:?}");
}

#[test]
fn fault_30_a_run_that_succeeds_and_writes_nothing_is_not_repeated() {
    let lake = Lakehouse::built();
    lake.run_fault(EVENTS_JOB, RunEffect::SucceedWithoutWork);
    let runs = run_of_events(&lake);
    lake.settle();
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), runs);
    assert_eq!(lake.run("plan --detailed-exitcode").exit, 0);
    lake.settle();
    assert_eq!(lake.runs_of(EVENTS_JOB).len(), runs);
    assert_eq!(lake.duplicates(), Vec::<String>::new());
}

#[test]
fn fault_60_the_state_of_another_workspace_is_refused_before_anything_is_sent() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let pin = |id: &str| {
        let state = rusqlite::Connection::open(lake.state_file()).unwrap();
        let sql = "SELECT value FROM meta WHERE key = 'workspace_id'";
        let before: String = state.query_row(sql, (), |row| row.get(0)).unwrap();
        let sql = "UPDATE meta SET value = ?1 WHERE key = 'workspace_id'";
        state.execute(sql, [id]).unwrap();
        before
    };
    let ours = pin("99");
    lake.request_faults(RequestRule::on("POST", "/api/*", too_many(None)));
    let ran = lake.run("reconcile");
    assert_eq!(ran.exit, 2, "{ran:?}");
    let told = format!("the state belongs to workspace 99, and this is workspace {ours}");
    assert!(ran.stderr.contains(&told), "{ran:?}");
    assert_eq!(lake.requests_met(), 0, "something was sent");
    pin(&ours);
    lake.faults(FaultPlan::default());
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_60_what_another_state_has_started_is_named_by_doctor() {
    let lake = Lakehouse::built();
    let ours = lake.state_file();
    let aside = ours.with_extension("theirs");
    std::fs::copy(&ours, &aside).unwrap();
    lake.run_fault(EVENTS_JOB, RunEffect::Hang { ms: None });
    run_of_events(&lake);
    let found = || {
        let document = lake.json("doctor");
        let checks = document["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "job_runs");
        check.unwrap().clone()
    };
    assert_eq!(found()["status"], "ok", "{}", found());
    // Another state for the same jobs: that of before, and none at all.
    std::fs::rename(&aside, &ours).unwrap();
    let run = lake.runs_of(EVENTS_JOB).pop().unwrap();
    let intent = &run.parameters["headwater_intent"];
    let named = format!(
        "run {} of intent `{}`",
        run.run_id,
        intent.trim_end_matches(".1")
    );
    for _ in 0..2 {
        let found = found();
        assert_eq!(found["status"], "warning", "{found}");
        assert!(found["found"].as_str().unwrap().contains(&named), "{found}");
        drop(std::fs::remove_file(&ours));
    }
}
