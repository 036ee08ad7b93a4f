//! `state`: damage is named, copies are whole whoever writes, and an old one starts nothing twice.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;
use workspace::faults::{Effect, Moment, RunEffect};

use crate::lakehouse::{Lakehouse, Process, until};

const JOB: &str = "silver opportunity";
const SOURCE: &str = "landing.salesforce_opportunities";
const ASSET: &str = "silver.opportunity";

fn check<'a>(document: &'a Value, name: &str) -> &'a Value {
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {document}"))
}

/// What `state check` finds in a state that is damaged.
fn damaged(lake: &Lakehouse) -> Value {
    let ran = lake.run("state check -o json");
    assert_eq!(ran.exit, 1, "{ran:?}");
    ran.json()
}

/// The files in a folder of the project, sorted.
fn files(lake: &Lakehouse, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(lake.path().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn backup(lake: &Lakehouse) -> String {
    let made = lake.json("state backup");
    assert_eq!(made["kind"], "StateBackup");
    made["file"].as_str().unwrap().to_owned()
}

fn restore(lake: &Lakehouse, file: &str) -> Value {
    let restored = lake.json(&format!("state restore {file} --yes"));
    assert_eq!(restored["kind"], "StateRestore");
    restored
}

/// Lets the minutes pass for which a request may still be under way.
fn let_requests_run_out(lake: &Lakehouse) {
    let state = Connection::open(lake.state_file()).unwrap();
    let earlier = "UPDATE run SET first_sent_at = first_sent_at - 600000000,
                                  last_sent_at = last_sent_at - 600000000
                   WHERE state = 'uncertain'";
    state.execute(earlier, ()).unwrap();
}

/// A reconciler that is stopped in the middle of a pass, after it started a run.
fn amid_a_pass(lake: &Lakehouse) -> Process {
    lake.run_now_faults(Effect::Delay {
        ms: 60_000,
        at: Moment::After,
    });
    lake.arrive_in(SOURCE);
    let before = lake.runs();
    let reconciler = lake.start("reconcile --wait");
    until("a run is made and not yet told", 20, || {
        lake.runs() > before
    });
    reconciler
}

#[test]
fn a_sound_state_is_found_sound_and_a_missing_one_is_not_made() {
    let lake = Lakehouse::built();
    let found = lake.json("state check");
    assert_eq!(found["kind"], "StateCheck");
    for check in found["checks"].as_array().unwrap() {
        assert!(
            check["status"] == "ok" || check["name"] == "state_disk",
            "{check}"
        );
    }
    let told = lake.run("state check").stdout;
    assert!(
        told.contains("state_audit") && told.contains("0 error"),
        "{told}"
    );
    fs::remove_file(lake.state_file()).unwrap();
    let missing = lake.run("state check");
    assert!(
        missing.exit == 2 && missing.stderr.contains("S006"),
        "{missing:?}"
    );
    assert!(!lake.state_file().exists());
}

#[test]
fn damage_is_named_with_what_to_do() {
    let lake = Lakehouse::built();
    let state = Connection::open(lake.state_file()).unwrap();
    state
        .execute_batch(
            "DROP TRIGGER audit_is_never_changed;
             UPDATE audit SET actor = 'nobody' WHERE seq = 3;
             UPDATE consumption SET version = 999, basis = 'run' WHERE version IS NOT NULL;",
        )
        .unwrap();
    drop(state);
    let found = damaged(&lake);
    let audit = check(&found, "state_audit");
    assert!(
        audit["found"].as_str().unwrap().contains("row 3"),
        "{audit}"
    );
    let ahead = check(&found, "state_consumption");
    assert_eq!(ahead["status"], "error");
    assert!(
        ahead["help"].as_str().unwrap().contains("state restore"),
        "{ahead}"
    );

    let path = lake.state_file();
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 * 4096..4 * 4096].fill(0);
    fs::write(&path, bytes).unwrap();
    let found = damaged(&lake);
    let file = check(&found, "state_file");
    assert_eq!(file["code"], "S007");
    assert!(file["found"].as_str().unwrap().contains("dev.db"), "{file}");
    assert!(
        file["help"].as_str().unwrap().contains("state restore"),
        "{file}"
    );
}

#[test]
fn backups_are_whole_while_a_reconciler_writes_and_the_oldest_make_room() {
    let lake = Lakehouse::built();
    let watcher = lake.start("reconcile --watch");
    let before = lake.runs();
    let mut made = 0;
    until("runs were started and copies made", 40, || {
        lake.arrive(2);
        let backup = lake.json("state backup --keep 3");
        let copy = Connection::open(backup["file"].as_str().unwrap()).unwrap();
        let sound: String = copy
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        made += 1;
        made > 5 && lake.runs() > before + 5
    });
    watcher.kill();
    let kept = files(&lake, ".headwater/backups");
    assert_eq!(kept.len(), 3, "{kept:?}");
    for file in &kept {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let newest = kept[2].display().to_string();
    let again = lake.run(&format!("state backup {newest}"));
    assert!(
        again.exit == 2 && again.stderr.contains("C007"),
        "{again:?}"
    );
    lake.settle();
    // What the reconciler did since has to be found again, and nothing of it done again.
    restore(&lake, &newest);
    let_requests_run_out(&lake);
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_53_an_old_backup_starts_nothing_twice() {
    let lake = Lakehouse::built();
    // One request whose answer nobody heard, so that the backup has it as being sent.
    amid_a_pass(&lake).kill();
    let old = backup(&lake);
    // Life goes on: that run is found, others are made, and one is under way at the end.
    lake.no_faults();
    lake.settle();
    for _ in 0..3 {
        lake.arrive(4);
        lake.settle();
    }
    lake.assert_sound();
    lake.arrive(4);
    let restored = restore(&lake, &old);
    let looked_up = restored["looked_up"].as_array().unwrap();
    assert!(!looked_up.is_empty(), "{restored}");
    let first = &looked_up[0];
    let correlation = first["correlation"].as_str().unwrap();
    assert!(correlation.ends_with(".1") && correlation.starts_with(first["id"].as_str().unwrap()));

    // Before a request that may be under way is over, nothing is sent for it.
    let of_old = |lake: &Lakehouse| {
        let runs = lake.ledger().into_iter();
        runs.filter(|run| {
            run.parameters.get("headwater_intent").map(String::as_str) == Some(correlation)
        })
        .count()
    };
    assert_eq!(of_old(&lake), 1);
    lake.run("reconcile");
    assert_eq!(of_old(&lake), 1);
    let_requests_run_out(&lake);
    lake.settle();
    assert_eq!(of_old(&lake), 1);
    lake.assert_sound();
    assert_eq!(lake.json("state check")["kind"], "StateCheck");
}

#[test]
fn a_later_attempt_that_the_backup_does_not_know_is_found_and_not_made_again() {
    let lake = Lakehouse::built();
    lake.run_fault(
        JOB,
        RunEffect::Fail {
            code: "CLUSTER_ERROR".to_owned(),
            error_type: "CLOUD_FAILURE".to_owned(),
            message: "the cluster was lost".to_owned(),
            at: Moment::Before,
        },
    );
    lake.arrive_in(SOURCE);
    let state_of = |lake: &Lakehouse| {
        let listed = lake.json(&format!("runs list {ASSET} --limit 1"));
        let run = &listed["runs"][0];
        (
            run["attempt"].as_u64().unwrap(),
            run["state"].as_str().unwrap().to_owned(),
        )
    };
    let mut old = None;
    until("the second attempt waits", 30, || {
        lake.run("reconcile");
        let now = state_of(&lake);
        if now == (1, "running".to_owned()) && old.is_none() {
            old = Some(backup(&lake));
        }
        now == (2, "pending".to_owned())
    });
    let old = old.unwrap();
    let skip_backoff = |lake: &Lakehouse| {
        let state = Connection::open(lake.state_file()).unwrap();
        state
            .execute("UPDATE run SET not_before = NULL", ())
            .unwrap();
    };
    skip_backoff(&lake);
    lake.settle();
    let attempts = lake.runs_of(JOB).len();

    let restored = restore(&lake, &old);
    let open = restored["looked_up"].as_array().unwrap();
    let open = open.iter().find(|open| open["assets"][0] == ASSET).unwrap();
    assert!(
        open["state"] == "running" && open["run_id"].is_i64(),
        "{open}"
    );
    let_requests_run_out(&lake);
    lake.settle();
    let shown = lake.json(&format!("runs show {}", open["id"].as_str().unwrap()));
    let known = shown["attempts"].as_array().unwrap();
    let last = known.last().unwrap();
    assert!(
        last["attempt"] == 2 && last["state"] == "succeeded",
        "{shown}"
    );
    assert_eq!(lake.runs_of(JOB).len(), attempts);
    lake.assert_sound();
}

#[test]
fn a_state_that_somebody_works_with_is_not_replaced_nor_one_that_nobody_agreed_to() {
    let lake = Lakehouse::built();
    let file = backup(&lake);
    let asked = lake.run(&format!("state restore {file}"));
    assert!(
        asked.exit == 2 && asked.stderr.contains("C019"),
        "{asked:?}"
    );
    let reconciler = amid_a_pass(&lake);
    reconciler.signal(Signal::STOP);
    let before = lake.recorded();
    let held = lake.run(&format!("state restore {file} --yes"));
    assert!(held.exit == 3 && held.stderr.contains("S001"), "{held:?}");
    assert_eq!(lake.recorded(), before);
    reconciler.kill();
    lake.no_faults();
    // Its holder is dead: what it began is not in the backup, and is told.
    let restored = restore(&lake, &file);
    assert!(
        !restored["not_in_backup"].as_array().unwrap().is_empty(),
        "{restored}"
    );
    until("the run that is not in the backup ended", 20, || {
        lake.ledger().iter().all(|run| run.ended_at.is_some())
    });
    lake.settle();
    lake.assert_sound();
}

#[test]
fn a_damaged_state_is_put_aside_and_the_backup_goes_on() {
    let lake = Lakehouse::built();
    let file = backup(&lake);
    fs::write(lake.state_file(), "no state at all").unwrap();
    assert_eq!(lake.run("reconcile").exit, 1);
    let restored = restore(&lake, &file);
    let aside = restored["replaced"].as_str().unwrap();
    assert_eq!(fs::read(aside).unwrap(), b"no state at all");
    lake.arrive(3);
    lake.settle();
    lake.assert_sound();
    let missing = lake.run("state restore nowhere.db --yes");
    assert!(
        missing.exit == 2 && missing.stderr.contains("S006"),
        "{missing:?}"
    );
}
