//! Too little of something: room in files, open files, memory. Each command ends with a reason, and
//! nothing that was acknowledged is lost.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;

use crate::lakehouse::Lakehouse;
use crate::points::stands_at;

/// Runs the program under limits of the shell; `trap` turns the signal of a file that is too long
/// into the error that a full disk gives.
fn limited(lake: &Lakehouse, limits: &str, args: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &format!("trap '' XFSZ; {limits}; exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_headwater"))
        .args(args.split_whitespace())
        .current_dir(lake.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    lake.equip(&mut command);
    command.output().unwrap()
}

/// The runs that the state knows.
fn known(lake: &Lakehouse) -> BTreeSet<i64> {
    let state = Connection::open(lake.state_file()).unwrap();
    let mut query = state
        .prepare("SELECT run_id FROM run WHERE run_id IS NOT NULL")
        .unwrap();
    let runs = query.query_map((), |row| row.get(0)).unwrap();
    runs.map(Result::unwrap).collect()
}

/// Fails unless a command that met its limit said so in words, and every run that was made belongs
/// to an intent of the state.
fn check(lake: &Lakehouse, what: &str, ran: &Output, before: &BTreeSet<i64>) {
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    assert!(
        known(lake).is_superset(before),
        "{what}: a run was forgotten"
    );
    let state = Connection::open(lake.state_file()).unwrap();
    for run in lake.ledger() {
        let (intent, attempt) = run.parameters["headwater_intent"].rsplit_once('.').unwrap();
        let sql = "SELECT count(*) FROM run WHERE intent = ?1 AND attempt = ?2
                   AND state <> 'pending'";
        let found: i64 = state
            .query_row(sql, [intent, attempt], |row| row.get(0))
            .unwrap();
        assert_eq!(found, 1, "{what}: nobody knows of {intent}");
    }
    drop(state);
    let checked = lake.run("state check");
    assert_eq!(checked.exit, 0, "{what}: {checked:?}");
}

/// Fails unless a command ended by itself, with a code where it failed.
fn ended_in_words(what: &str, ran: &Output) {
    let stderr = String::from_utf8_lossy(&ran.stderr);
    let exit = ran.status.code();
    assert!(
        matches!(exit, Some(0..=5)),
        "{what}: {:?} {stderr}",
        ran.status
    );
    let is_told = !stderr.is_empty() || !ran.stdout.is_empty();
    assert!(exit == Some(0) || is_told, "{what}: {exit:?}");
}

#[test]
fn fault_51_a_write_that_finds_no_room_loses_nothing_that_was_acknowledged() {
    let lake = Lakehouse::built();
    let mut failed = 0;
    // In blocks of 512 bytes: none, less than the shared memory of the log, and on through the log.
    for blocks in [0, 1, 64, 80, 144, 208, 400, 1200] {
        lake.arrive(2);
        let before = known(&lake);
        let what = format!("{blocks} blocks");
        let ran = limited(&lake, &format!("ulimit -f {blocks}"), "reconcile");
        ended_in_words(&what, &ran);
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        if stderr.contains("error[S0") {
            failed += 1;
        }
        check(&lake, &what, &ran, &before);
    }
    assert!(failed >= 4, "{failed} writes failed");
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_51_a_disk_that_fails_in_the_middle_of_a_pass_ends_it_and_loses_nothing() {
    let lake = Lakehouse::built();
    for point in [
        "committing intend",
        "answered POST /api/2.2/jobs/run-now",
        "committing record_run",
        "committing settle",
        "writing finish_pass",
    ] {
        lake.arrive_in("landing.salesforce_opportunities");
        let pass = stands_at(&lake, "reconcile --wait", point);
        let before = known(&lake);
        pass.without_room();
        assert_eq!(pass.go_on().exit_within(20), Some(1), "{point}");
        assert!(known(&lake).is_superset(&before), "{point}");
        lake.settle();
        lake.assert_sound();
    }
}

#[test]
fn fault_51_a_backup_that_finds_no_room_leaves_nothing_behind() {
    let lake = Lakehouse::built();
    let ran = limited(&lake, "ulimit -f 100", "state backup");
    ended_in_words("backup", &ran);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let folder = lake.path().join(".headwater/backups");
    let left: Vec<_> = std::fs::read_dir(folder).map_or(Vec::new(), |entries| {
        entries.map(|entry| entry.unwrap().file_name()).collect()
    });
    assert!(left.is_empty(), "{left:?}");
    lake.json("state backup");
}

#[test]
fn fault_56_few_open_files_are_enough_or_the_command_says_so() {
    let lake = Lakehouse::built();
    for files in [4, 8, 12, 14, 16, 18, 64] {
        lake.arrive(2);
        let before = known(&lake);
        let what = format!("{files} open files");
        let ran = limited(
            &lake,
            &format!("ulimit -n {files}"),
            "reconcile --wait --timeout 60s",
        );
        ended_in_words(&what, &ran);
        check(&lake, &what, &ran, &before);
        // One that could not make out its own name again would be kept out by itself.
        assert_ne!(ran.status.code(), Some(3), "{what}: {ran:?}");
        if files == 64 {
            assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        }
    }
    lake.settle();
    lake.assert_sound();
}

#[test]
fn fault_56_a_living_holder_is_not_taken_for_dead_for_want_of_open_files() {
    let lake = Lakehouse::built();
    lake.arrive(2);
    let holder = stands_at(&lake, "reconcile --wait", "writing finish_pass");
    let lease = || -> String {
        let state = Connection::open(lake.state_file()).unwrap();
        let sql = "SELECT holder || ' ' || epoch FROM lease";
        state.query_row(sql, (), |row| row.get(0)).unwrap()
    };
    let held = lease();
    for files in 10..24 {
        let ran = limited(&lake, &format!("ulimit -n {files}"), "reconcile");
        assert!(matches!(ran.status.code(), Some(1..=3)), "{files}: {ran:?}");
        assert_eq!(lease(), held, "{files} open files");
    }
    assert_eq!(holder.go_on().exit_within(60), Some(0));
    lake.assert_sound();
}

#[test]
fn fault_56_little_memory_is_enough_or_nothing_is_lost() {
    let lake = Lakehouse::built();
    for mib in [48, 50, 52, 54, 56, 58, 60, 64, 96, 256] {
        lake.arrive(2);
        let before = known(&lake);
        let what = format!("{mib} MiB of address space");
        let ran = limited(
            &lake,
            &format!("ulimit -v {}", mib * 1024),
            "reconcile --wait --timeout 60s",
        );
        // Where the system cannot even load the program, that is the loader's affair.
        check(&lake, &what, &ran, &before);
        if mib == 256 {
            assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        }
    }
    lake.settle();
    lake.assert_sound();
}
