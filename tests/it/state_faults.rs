//! A state file that was torn, rolled back or locked: refused with what to do, or gone on with, and
//! nothing is started twice for one attempt.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::lakehouse::{Lakehouse, until};
use crate::points::{dies_at, stands_at};
use crate::program::Ran;

const SOURCE: &str = "landing.salesforce_opportunities";
const WAIT: &str = "reconcile --wait";

/// A file beside the state file.
fn beside(lake: &Lakehouse, suffix: &str) -> PathBuf {
    let mut name = lake.state_file().into_os_string();
    name.push(suffix);
    name.into()
}

fn size(lake: &Lakehouse, suffix: &str) -> u64 {
    fs::metadata(beside(lake, suffix)).map_or(0, |file| file.len())
}

fn change(lake: &Lakehouse, sql: &str) {
    let state = Connection::open(lake.state_file()).unwrap();
    state.execute_batch(sql).unwrap();
}

/// The epoch of the lease, and the greatest one of any intent.
fn epochs(lake: &Lakehouse) -> (i64, i64) {
    let state = Connection::open(lake.state_file()).unwrap();
    let sql = "SELECT (SELECT epoch FROM lease), (SELECT max(epoch) FROM intent)";
    state
        .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

fn check(lake: &Lakehouse, what: &str) {
    let ran = lake.run("reconcile --wait --timeout 60s");
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
    lake.assert_sound();
    let ran = lake.run("state check");
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
}

#[test]
fn fault_13_a_lease_that_is_lost_or_makes_no_sense_gives_way_to_a_greater_epoch() {
    let lake = Lakehouse::built();
    for damage in [
        "DELETE FROM lease",
        "UPDATE lease SET epoch = 0",
        "UPDATE lease SET epoch = -7",
        "UPDATE lease SET holder = 'somebody', expires_at = renewed_at - 1",
        "UPDATE lease SET holder = '///', expires_at = 9223372036854775807",
        "UPDATE lease SET holder = x'FF' || 'x', expires_at = 9223372036854775807,
                          lifetime = 9223372036854775807",
        "UPDATE lease SET holder = 'somebody', since = -9223372036854775808,
                          renewed_at = 9223372036854775807, expires_at = -9223372036854775808",
        "UPDATE lease SET epoch = 0, holder = 'somebody', lifetime = -1",
    ] {
        lake.arrive(1);
        let (_, of_intents) = epochs(&lake);
        change(&lake, damage);
        check(&lake, damage);
        let (epoch, _) = epochs(&lake);
        assert!(epoch > of_intents, "{damage}: {epoch} after {of_intents}");
    }
}

#[test]
fn fault_13_a_holder_whose_lease_row_is_gone_does_nothing_more() {
    let lake = Lakehouse::built();
    for damage in ["DELETE FROM lease", "UPDATE lease SET epoch = 0"] {
        lake.arrive_in(SOURCE);
        let holder = stands_at(&lake, WAIT, "written stamp");
        change(&lake, damage);
        let rival = lake.run("reconcile --wait --timeout 60s");
        // With its epoch gone the row still names a holder that lives.
        if damage.starts_with("UPDATE") {
            assert_eq!(rival.exit, 3, "{rival:?}");
            assert_eq!(holder.go_on().exit_within(20), Some(3));
            check(&lake, damage);
            continue;
        }
        assert_eq!(rival.exit, 0, "{rival:?}");
        let runs = lake.runs();
        assert_eq!(holder.go_on().exit_within(20), Some(3));
        assert_eq!(lake.runs(), runs);
        lake.assert_sound();
    }
}

/// A lakehouse whose reconciler died after a run was recorded, so that a log is left over.
fn with_log() -> Lakehouse {
    let lake = Lakehouse::built();
    lake.arrive_in(SOURCE);
    assert!(dies_at(&lake, WAIT, ("written record_run", 1)));
    assert!(size(&lake, "-wal") > 4096 * 4);
    lake
}

fn refused(ran: &Ran, what: &str) {
    assert_eq!(ran.exit, 1, "{what}: {ran:?}");
    assert!(ran.stderr.contains("error[S007]"), "{what}: {ran:?}");
    assert!(ran.stderr.contains("state restore"), "{what}: {ran:?}");
}

#[test]
fn fault_53_a_torn_state_file_is_refused_by_every_command_and_not_touched() {
    type Damage = (&'static str, fn(&mut Vec<u8>));
    let lake = with_log();
    let whole = fs::read(lake.state_file()).unwrap();
    let log = fs::read(beside(&lake, "-wal")).unwrap();
    let mut runs = lake.runs();
    let damages: [Damage; 6] = [
        ("cut to half", |bytes| {
            bytes.truncate(bytes.len() / 2 / 4096 * 4096);
        }),
        ("cut within a page", |bytes| {
            bytes.truncate(bytes.len() / 2 + 77);
        }),
        ("empty", Vec::clear),
        ("page 1 zeroed", |bytes| bytes[..4096].fill(0)),
        ("garbage header", |bytes| bytes[..100].fill(0xA5)),
        ("all zero", |bytes| bytes.fill(0)),
    ];
    let mut healed = 0;
    for with_log in [true, false] {
        for (what, damage) in &damages {
            let what = format!("{what}, log: {with_log}");
            // Nothing can be told of a file that is empty and has nothing beside it.
            if what == "empty, log: false" {
                continue;
            }
            let mut bytes = whole.clone();
            damage(&mut bytes);
            drop(fs::remove_file(beside(&lake, "-shm")));
            drop(fs::remove_file(beside(&lake, "-wal")));
            if with_log {
                fs::write(beside(&lake, "-wal"), &log).unwrap();
            }
            fs::write(lake.state_file(), &bytes).unwrap();
            // The log may hold what the file lost, and then it is whole.
            if with_log && lake.run("status").exit == 0 {
                check(&lake, &what);
                (runs, healed) = (lake.runs(), healed + 1);
                continue;
            }
            for args in ["reconcile", "plan", "status", "observe", "runs list"] {
                refused(&lake.run(args), &format!("{what}: {args}"));
            }
            let is_untouched = fs::read(lake.state_file()).unwrap() == bytes
                && (!with_log || fs::read(beside(&lake, "-wal")).unwrap() == log);
            assert!(is_untouched, "{what}");
            assert_eq!(lake.runs(), runs, "{what}");
        }
    }
    assert!(healed <= 2, "{healed}");
    // What was whole still is.
    fs::write(lake.state_file(), &whole).unwrap();
    fs::write(beside(&lake, "-wal"), &log).unwrap();
    drop(fs::remove_file(beside(&lake, "-shm")));
    check(&lake, "put back");
}

#[test]
fn fault_53_pages_that_are_zeroed_or_scrambled_are_found_before_anything_is_sent() {
    let lake = Lakehouse::built();
    lake.arrive_in(SOURCE);
    let whole = fs::read(lake.state_file()).unwrap();
    let runs = lake.runs();
    let pages = whole.len() / 4096;
    let mut found = 0;
    for page in 1..pages {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(lake.state_file(), &bytes).unwrap();
        let ran = lake.run("reconcile");
        if ran.exit == 1 {
            refused(&ran, &format!("page {page}"));
            found += 1;
        } else {
            // A page that is free may hold anything.
            let state = Connection::open(lake.state_file()).unwrap();
            let check = "PRAGMA integrity_check";
            let sound: String = state.query_row(check, (), |row| row.get(0)).unwrap();
            assert_eq!((ran.exit, &*sound), (0, "ok"), "page {page}: {ran:?}");
            panic!("page {page} of a state that was never pruned is free: {ran:?}");
        }
        assert_eq!(lake.runs(), runs, "page {page}");
    }
    assert!(found > 20, "{found} of {pages}");
    fs::write(lake.state_file(), &whole).unwrap();
    check(&lake, "put back");
}

#[test]
fn fault_53_a_log_that_is_gone_or_torn_is_an_older_state_that_starts_no_attempt_twice() {
    type Damage = (&'static str, fn(&Lakehouse));
    let damages: [Damage; 6] = [
        ("gone", |lake| {
            fs::remove_file(beside(lake, "-wal")).unwrap();
        }),
        ("cut in the middle", |lake| {
            let log = fs::File::options()
                .write(true)
                .open(beside(lake, "-wal"))
                .unwrap();
            log.set_len(log.metadata().unwrap().len() / 2 + 13).unwrap();
        }),
        ("one byte flipped in the middle", |lake| {
            let mut log = fs::read(beside(lake, "-wal")).unwrap();
            let middle = log.len() / 2;
            log[middle] ^= 0x10;
            fs::write(beside(lake, "-wal"), log).unwrap();
        }),
        ("zeroed from the middle on", |lake| {
            let mut log = fs::read(beside(lake, "-wal")).unwrap();
            let middle = log.len() / 2;
            log[middle..].fill(0);
            fs::write(beside(lake, "-wal"), log).unwrap();
        }),
        ("its header scrambled", |lake| {
            let mut log = fs::read(beside(lake, "-wal")).unwrap();
            log[..32].fill(0x5A);
            fs::write(beside(lake, "-wal"), log).unwrap();
        }),
        ("its index scrambled", |lake| {
            let length = size(lake, "-shm");
            fs::write(
                beside(lake, "-shm"),
                vec![0x5A; usize::try_from(length).unwrap()],
            )
            .unwrap();
        }),
    ];
    for (what, damage) in &damages {
        let lake = with_log();
        damage(&lake);
        check(&lake, what);
    }
}

#[test]
fn fault_53_an_old_state_put_back_by_hand_starts_no_attempt_twice() {
    let lake = Lakehouse::built();
    let kept = lake.path().join("old.db");
    for point in ["written stamp", "written record_run", "written settle"] {
        lake.arrive_in(SOURCE);
        assert!(dies_at(&lake, WAIT, (point, 1)), "{point}");
        // Whoever reads puts the log away.
        drop(
            Connection::open(lake.state_file())
                .unwrap()
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"),
        );
        fs::copy(lake.state_file(), &kept).unwrap();
        lake.settle();
        lake.arrive(3);
        lake.settle();
        for suffix in ["-wal", "-shm"] {
            drop(fs::remove_file(beside(&lake, suffix)));
        }
        fs::copy(&kept, lake.state_file()).unwrap();
        check(&lake, point);
    }
}

#[test]
fn fault_54_a_long_reader_keeps_nobody_out_and_what_its_log_grew_to_is_given_back() {
    let lake = Lakehouse::built();
    let watcher = lake.start("reconcile --watch --interval 1s");
    let reader = Connection::open(lake.state_file()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let passes = |reader: &Connection| -> i64 {
        reader
            .query_row("SELECT max(number) FROM pass", (), |row| row.get(0))
            .unwrap()
    };
    let seen = passes(&reader);
    let now = || {
        let state = Connection::open(lake.state_file()).unwrap();
        passes(&state)
    };
    let work = |sizes: &mut Vec<u64>, rounds: usize| {
        for _ in 0..rounds {
            let before = now();
            lake.arrive(4);
            until("a pass was made", 20, || now() > before);
            until("all is fresh", 30, || lake.not("fresh").is_empty());
            sizes.push(size(&lake, "-wal"));
        }
    };
    let mut sizes = Vec::new();
    work(&mut sizes, 5);
    assert_eq!(passes(&reader), seen, "it sees what it saw first");
    assert!(
        sizes.is_sorted(),
        "nothing is given back under a reader: {sizes:?}"
    );
    let grown = *sizes.last().unwrap();
    assert!(grown > 200_000, "{sizes:?}");
    reader.execute_batch("COMMIT").unwrap();
    // The log is written from its start again once it was put away, which happens at 1000 pages.
    let bound = grown + 1200 * 4120;
    let mut sizes = Vec::new();
    work(&mut sizes, 3);
    assert!(
        sizes.iter().all(|size| *size <= bound),
        "{sizes:?}, {grown}"
    );
    drop(reader);
    watcher.kill();
    lake.settle();
    assert_eq!(size(&lake, "-wal"), 0, "the last one puts it away");
    lake.assert_sound();
}

#[test]
fn fault_54_a_long_writer_is_named_and_nothing_is_lost() {
    let lake = Lakehouse::built();
    lake.arrive_in(SOURCE);
    assert!(dies_at(&lake, "reconcile", ("written intend", 1)));
    let runs = lake.runs();
    let writer = Connection::open(lake.state_file()).unwrap();
    change(&lake, "UPDATE lease SET holder = NULL");
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ran = lake.run("reconcile");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stderr.contains("error[S010]"), "{ran:?}");
    for args in ["plan", "status", "runs list"] {
        assert_eq!(lake.run(args).exit, 0, "{args}");
    }
    assert_eq!(lake.runs(), runs);
    drop(writer);
    check(&lake, "unlocked");
}
