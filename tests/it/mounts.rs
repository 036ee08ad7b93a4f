//! Disks that are full, out of inodes or read-only, which modes and limits cannot show to root.
//!
//! Each of these tests runs again in a mount namespace of its own, in which it may mount what it
//! wants and nobody else sees it. Where the system forbids that, the test notes so. `limits` shows
//! much of the same by other means everywhere.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::lakehouse::{Lakehouse, unproven};
use crate::points::{dies_at, stands_at};

const SOURCE: &str = "landing.salesforce_opportunities";
const WAIT: &str = "reconcile --wait --timeout 60s";

/// Says that this process is the one in the namespace.
const INSIDE: &str = "IN_A_MOUNT_NAMESPACE";

fn variable(name: &str) -> Option<String> {
    std::env::vars()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

/// Returns whether this process may mount; if not, the named test is run in one that may.
fn may_mount(test: &str) -> bool {
    if variable(INSIDE).is_some() {
        return true;
    }
    let mut namespace = Command::new("unshare");
    namespace.args(["--user", "--map-root-user", "--mount", "--"]);
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "--", "true"]);
    if !probe.status().is_ok_and(|status| status.success()) {
        unproven(&format!("{test}: this user may not make a mount namespace"));
        return false;
    }
    let ran = namespace
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

/// A disk of its own for the state.
struct Disk(PathBuf);

impl Disk {
    /// Puts the state onto a disk with these options.
    fn under(lake: &Lakehouse, options: &str) -> Self {
        let folder = lake.state_file().parent().unwrap().to_owned();
        let aside = lake.path().join("aside");
        fs::rename(&folder, &aside).unwrap();
        fs::create_dir(&folder).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "state", &text(&folder)]);
        for entry in fs::read_dir(aside).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        Self(folder)
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}"), &text(&self.0)]);
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves that many bytes free, or fewer.
    fn leave(&self, bytes: usize) {
        let mut ballast = fs::File::create(self.ballast()).unwrap();
        let block = vec![1; 4096];
        while ballast.write_all(&block).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast
            .set_len(length - u64::try_from(bytes).unwrap())
            .unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

fn mount(args: &[&str]) {
    let ran = Command::new("mount").args(args).output().unwrap();
    assert!(ran.status.success(), "{args:?}: {ran:?}");
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn check(lake: &Lakehouse, what: &str) {
    let ran = lake.run(WAIT);
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
    lake.assert_sound();
    let ran = lake.run("state check");
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
}

/// Every attempt that the state knows.
fn attempts(lake: &Lakehouse) -> Vec<String> {
    let file = Connection::open(lake.state_file()).unwrap();
    let sql = "SELECT intent || '.' || attempt FROM run ORDER BY intent, attempt";
    let mut query = file.prepare(sql).unwrap();
    let rows = query.query_map((), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// How many attempts are in this state.
fn count(lake: &Lakehouse, state: &str) -> i64 {
    let file = Connection::open(lake.state_file()).unwrap();
    let sql = "SELECT count(*) FROM run WHERE state = ?1";
    file.query_row(sql, [state], |row| row.get(0)).unwrap()
}

#[test]
fn fault_51_on_a_nearly_full_disk_results_are_recorded_and_nothing_new_begins() {
    if !may_mount(
        "mounts::fault_51_on_a_nearly_full_disk_results_are_recorded_and_nothing_new_begins",
    ) {
        return;
    }
    let lake = Lakehouse::built();
    let disk = Disk::under(&lake, "size=80m");
    lake.arrive_in(SOURCE);
    assert!(dies_at(
        &lake,
        WAIT,
        ("answered POST /api/2.2/jobs/run-now", 1)
    ));
    let (open, runs) = (count(&lake, "sending"), lake.runs());
    assert!(open > 0 && runs > 0);
    disk.leave(20 * 1024 * 1024);
    let ran = lake.run("reconcile --wait --timeout 5s");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(
        ran.stdout.contains("low_disk") || ran.stderr.contains("MiB"),
        "{ran:?}"
    );
    // What was begun went on to its end; what follows from it was not begun.
    assert_eq!((count(&lake, "sending"), count(&lake, "running")), (0, 0));
    assert!(!lake.not("fresh").is_empty());
    let checked = lake.run("state check");
    assert!(
        checked.exit == 1 && checked.stdout.contains("make room"),
        "{checked:?}"
    );
    disk.make_room();
    check(&lake, "room again");
}

#[test]
fn fault_51_a_full_disk_loses_nothing_that_was_acknowledged_and_says_so() {
    if !may_mount("mounts::fault_51_a_full_disk_loses_nothing_that_was_acknowledged_and_says_so") {
        return;
    }
    let lake = Lakehouse::built();
    let disk = Disk::under(&lake, "size=80m");
    // Full in the middle of a pass, at the worst moment: the run is made, and not yet recorded.
    let mut refused = 0;
    for point in [
        "answered POST /api/2.2/jobs/run-now",
        "committing settle",
        "committing stamp",
    ] {
        lake.arrive_in(SOURCE);
        let pass = stands_at(&lake, WAIT, point);
        disk.leave(0);
        assert_eq!(pass.go_on().exit_within(30), Some(1), "{point}");
        let known = attempts(&lake);
        for bytes in [0, 4096, 16 * 4096] {
            disk.leave(bytes);
            for args in ["reconcile", "observe"] {
                let ran = lake.run(args);
                // What there is of a log may have room enough for a little.
                let is_told = ran.stderr.contains("error[S0") || ran.stderr.contains("MiB");
                let is_low = is_told || ran.stdout.contains("MiB");
                assert!(
                    ran.exit == 0 || (ran.exit == 1 && is_low),
                    "{point}, {args}: {ran:?}"
                );
                refused += ran.exit;
            }
            let backup = lake.run("state backup");
            assert!(
                backup.exit != 0 && backup.stderr.contains("error["),
                "{backup:?}"
            );
        }
        // What had been decided may have found room in the log that there was.
        assert_eq!(attempts(&lake), known, "{point}: none is lost or begun");
        assert_eq!(lake.duplicates(), Vec::<String>::new(), "{point}");
        disk.make_room();
        check(&lake, point);
    }
    assert!(refused > 3, "{refused}");
    let copies = fs::read_dir(disk.0.join("backups")).map_or(0, Iterator::count);
    assert_eq!(copies, 0, "no half of a backup is left");
}

#[test]
fn fault_51_without_an_inode_for_its_log_the_state_is_left_as_it_is() {
    if !may_mount("mounts::fault_51_without_an_inode_for_its_log_the_state_is_left_as_it_is") {
        return;
    }
    let lake = Lakehouse::built();
    let disk = Disk::under(&lake, "size=80m,nr_inodes=64");
    lake.arrive_in(SOURCE);
    let (runs, recorded) = (lake.runs(), lake.recorded());
    let empty = |number: usize| disk.0.join(format!("empty-{number}"));
    let made = (0..100)
        .take_while(|number| fs::write(empty(*number), "").is_ok())
        .count();
    for args in ["reconcile", "observe", "state backup"] {
        let ran = lake.run(args);
        assert!(matches!(ran.exit, 1 | 2), "{args}: {ran:?}");
        assert!(
            ran.stderr.contains("no room for another file") || ran.stderr.contains("o space left"),
            "{args}: {ran:?}"
        );
    }
    fs::remove_file(empty(made - 1)).unwrap();
    // One is enough for the log, and not for its index.
    let ran = lake.run("reconcile");
    assert!(matches!(ran.exit, 1 | 2), "{ran:?}");
    for number in 0..made - 1 {
        fs::remove_file(empty(number)).unwrap();
    }
    assert_eq!((lake.runs(), lake.recorded()), (runs, recorded));
    check(&lake, "inodes again");
}

#[test]
fn fault_51_a_read_only_disk_is_read_and_said_so() {
    if !may_mount("mounts::fault_51_a_read_only_disk_is_read_and_said_so") {
        return;
    }
    let lake = Lakehouse::built();
    let disk = Disk::under(&lake, "size=80m");
    for point in [None, Some("written record_run")] {
        lake.arrive_in(SOURCE);
        if let Some(point) = point {
            assert!(dies_at(&lake, WAIT, (point, 1)));
        }
        let runs = lake.runs();
        disk.remount("ro");
        for args in ["reconcile", "reconcile --wait", "observe"] {
            let ran = lake.run(args);
            assert_eq!(ran.exit, 2, "{args}: {ran:?}");
            assert!(ran.stderr.contains("error[S008]"), "{args}: {ran:?}");
        }
        for args in ["plan", "status", "runs list", "explain finance.receivable"] {
            let ran = lake.run(args);
            assert_eq!(ran.exit, 0, "{point:?} {args}: {ran:?}");
        }
        assert_eq!(lake.runs(), runs);
        disk.remount("rw");
        check(&lake, "written again");
    }
}

#[test]
fn fault_51_a_state_file_that_may_only_be_read_is_not_written_around() {
    if !may_mount("mounts::fault_51_a_state_file_that_may_only_be_read_is_not_written_around") {
        return;
    }
    let lake = Lakehouse::built();
    let disk = Disk::under(&lake, "size=80m");
    lake.arrive_in(SOURCE);
    let (runs, file) = (lake.runs(), text(&lake.state_file()));
    let before = fs::read(&file).unwrap();
    mount(&["--bind", &file, &file]);
    mount(&["-o", "remount,bind,ro", &file]);
    for args in ["reconcile", "observe"] {
        let ran = lake.run(args);
        assert_eq!(ran.exit, 2, "{args}: {ran:?}");
        assert!(ran.stderr.contains("error[S008]"), "{args}: {ran:?}");
    }
    for args in ["plan", "status", "state check"] {
        assert_eq!(lake.run(args).exit, 0, "{args}");
    }
    assert!(fs::read(&file).unwrap() == before && lake.runs() == runs);
    let ran = Command::new("umount").arg(&file).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    drop(disk);
    check(&lake, "written again");
}
