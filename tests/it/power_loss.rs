//! The power fails: what was written and not synced is gone, in whole or in part, in any order.
//!
//! The program runs under `strace`, which tells every write and sync of the state file and its log.
//! From that the files are made as a disk holds them at any moment: what was synced, and of the rest
//! nothing or some of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use crate::lakehouse::{Lakehouse, unproven};

const SOURCE: &str = "landing.salesforce_opportunities";

/// A file as the system shows it and as the disk has it.
#[derive(Clone, Default)]
struct File {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// What was done since the last sync.
    since: Vec<Change>,
    /// Whether the folder was synced since the file was made.
    is_named: bool,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => {
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(data);
            }
            Self::Cut(length) => bytes.resize(*length, 0),
        }
    }
}

impl File {
    /// What is there if it is there from the start.
    fn of(bytes: Vec<u8>) -> Self {
        Self {
            seen: bytes.clone(),
            synced: bytes,
            since: Vec::new(),
            is_named: true,
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.since.push(change);
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.seen);
        self.since.clear();
    }

    /// What is left of it: all that was synced, and of the rest what `is_kept` says.
    fn after_the_loss(&self, is_kept: &mut impl FnMut() -> bool) -> Option<Vec<u8>> {
        let mut left = self.synced.clone();
        for change in &self.since {
            if is_kept() {
                change.apply(&mut left);
            }
        }
        (self.is_named || is_kept()).then_some(left)
    }
}

/// The state file and its log, by the ends of their names.
#[derive(Clone)]
struct Disk(BTreeMap<String, File>);

impl Disk {
    fn of(lake: &Lakehouse) -> Self {
        let file = File::of(fs::read(lake.state_file()).unwrap());
        Self(BTreeMap::from([(String::new(), file)]))
    }

    fn lose_power(&self, mut is_kept: impl FnMut() -> bool) -> BTreeMap<String, Vec<u8>> {
        let left = |(name, file): (&String, &File)| {
            Some((name.clone(), file.after_the_loss(&mut is_kept)?))
        };
        self.0.iter().filter_map(left).collect()
    }

    /// Takes over a line of the trace that is whole.
    fn follow(&mut self, line: &Line<'_>) {
        let Some(name) = line.path.split_once(".headwater") else {
            return;
        };
        let Some(name) = name.1.strip_prefix("/dev.db") else {
            // Its folder.
            if name.1.is_empty() && line.call.ends_with("sync") {
                self.0.values_mut().for_each(|file| file.is_named = true);
            }
            return;
        };
        if name == "-shm" {
            return;
        }
        let file = self.0.entry(name.to_owned()).or_default();
        match line.call {
            "pwrite64" => file.change(Change::Write(line.numbers[1], line.data.clone())),
            "ftruncate" => file.change(Change::Cut(line.numbers[0])),
            "fsync" | "fdatasync" => file.sync(),
            "unlink" => drop(self.0.remove(name)),
            other => panic!("`{other}` is not followed"),
        }
    }
}

/// A call that ended.
struct Line<'a> {
    call: &'a str,
    path: String,
    data: Vec<u8>,
    /// The arguments that are numbers.
    numbers: Vec<usize>,
}

impl<'a> Line<'a> {
    /// Reads `pwrite64(9</a/b>, "\x00…", 24, 0) = 24`; nothing where the call failed.
    fn read(text: &'a str) -> Option<Self> {
        let (call, rest) = text.split_once('(')?;
        // Results are aligned with blanks.
        let (args, result) = rest.rsplit_once('=')?;
        let args = args.trim_end().strip_suffix(')')?;
        if result.trim_start().starts_with('-') {
            return None;
        }
        // All text is in hex, the path of an open file between angle brackets.
        let quoted: String = args.split('"').skip(1).step_by(2).collect();
        let open = args
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        let path = open.map_or(&*quoted, |(path, _)| path);
        let path = String::from_utf8_lossy(&bytes(path)).into_owned();
        let tail = args.rsplit('"').next().unwrap();
        let tail = tail.split(", ").filter_map(|word| word.parse().ok());
        Some(Self {
            call,
            path,
            data: bytes(&quoted),
            numbers: tail.collect(),
        })
    }
}

/// Reads `\x2f\x74`.
fn bytes(hex: &str) -> Vec<u8> {
    let bytes = hex.split("\\x").skip(1);
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The lines of a trace in the order in which the calls ended, each of them whole.
fn whole_lines(trace: &str) -> Vec<String> {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut whole = Vec::new();
    for line in trace.lines() {
        let Some((thread, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if let Some(start) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
        } else if let Some((_, rest)) = text
            .strip_prefix("<... ")
            .and_then(|rest| rest.split_once(" resumed>"))
        {
            whole.push(format!(
                "{}{rest}",
                begun.remove(thread).unwrap_or_default()
            ));
        } else {
            whole.push(text.to_owned());
        }
    }
    whole
}

/// Puts files where a state file is.
fn put(folder: &Path, left: &BTreeMap<String, Vec<u8>>) -> Connection {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(folder.join(format!("dev.db{suffix}"))));
    }
    for (suffix, bytes) in left {
        fs::write(folder.join(format!("dev.db{suffix}")), bytes).unwrap();
    }
    Connection::open(folder.join("dev.db")).unwrap()
}

/// Whether a token is known as being sent, in a state that is sound.
fn is_stamped(state: &Connection, token: &str) -> bool {
    let sound: String = state
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let sql = "SELECT count(*) FROM run WHERE token = ?1 AND state <> 'pending'";
    state
        .query_row(sql, [token], |row| row.get::<_, i64>(0))
        .unwrap()
        == 1
}

#[test]
fn fault_52_whatever_was_requested_is_on_the_disk_before_when_the_power_fails() {
    if !Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        unproven("fault_52: `strace` is missing or may not trace");
        return;
    }
    let lake = Lakehouse::built();
    lake.arrive_in(SOURCE);
    let mut disk = Disk::of(&lake);
    let trace = lake.path().join("trace.txt");
    let real = lake.command("reconcile --wait --timeout 60s");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-xx", "-y", "-s", "1000000", "-o"])
        .arg(&trace)
        .args([
            "-e",
            "trace=pwrite64,ftruncate,fsync,fdatasync,unlink,write,writev,sendto,sendmsg",
        ])
        .arg(real.get_program())
        .args(real.get_args())
        .current_dir(lake.path());
    lake.equip(&mut traced);
    let ran = traced.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");

    let mut chance = StdRng::seed_from_u64(52);
    let place = tempfile::tempdir().unwrap();
    let (mut requests, mut images, mut kept) = (0, 0, Vec::new());
    let text = fs::read_to_string(&trace).unwrap();
    for line in whole_lines(&text) {
        let Some(line) = Line::read(&line) else {
            continue;
        };
        let sent = String::from_utf8_lossy(&line.data).into_owned();
        if let Some((_, token)) = sent.split_once("\"idempotency_token\":\"") {
            let token = token.split('"').next().unwrap();
            requests += 1;
            let left = disk.lose_power(|| false);
            assert!(
                is_stamped(&put(place.path(), &left), token),
                "{token} was not on the disk"
            );
            // The same question to a disk without the log: it tells them apart.
            let only_file = left.iter().filter(|(name, _)| name.is_empty());
            let only_file = only_file
                .map(|(name, bytes)| (name.clone(), bytes.clone()))
                .collect();
            assert!(!is_stamped(&put(place.path(), &only_file), token));
            let torn = disk.lose_power(|| chance.random_bool(0.5));
            assert!(
                is_stamped(&put(place.path(), &torn), token),
                "{token}, torn"
            );
            images += 2;
            kept.push(left);
        }
        disk.follow(&line);
    }
    assert!(requests > 2, "{requests}");
    assert!(
        disk.0[""].seen == fs::read(lake.state_file()).unwrap(),
        "every write was followed"
    );

    // The workspace went on meanwhile, and knows the runs.
    for left in kept.into_iter().step_by(4) {
        lake.arrive(1);
        drop(put(lake.state_file().parent().unwrap(), &left));
        lake.settle();
        lake.assert_sound();
    }
    assert!(images >= 2 * requests);
}
