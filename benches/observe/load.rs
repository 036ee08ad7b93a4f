//! A steady load: commits at a fixed rate all over many tables, and pass after pass that looks for them.
//!
//! A process of its own writes, and notes when each commit was there by the machine's monotonic clock,
//! which is the same for all processes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use assets::AssetKey;
use assets::delta::{KnownHead, Reading};
use headwater::delta_log::{LocalStore, Options, Request, read_many};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::logs;
use crate::measure::{cpu_time, median, peak_mib};
use crate::reading::{everything, head, say};

/// How many tables there are.
pub(crate) const TABLES: usize = 3_600;

/// How many commits are written in a second.
const RATE: u32 = 60;

/// One measurement.
pub(crate) struct Load<'a> {
    pub(crate) lake: &'a Path,
    pub(crate) tables: usize,
    pub(crate) seconds: usize,
    /// How long after the beginning of a pass the next one begins, unless the pass took longer.
    pub(crate) pause_ms: usize,
}

/// Writes commits, one table after another, and notes each: table, version, when it was there.
pub(crate) fn write(lake: &Path, tables: usize, seconds: usize, notes: &Path) {
    let mut next: Vec<u64> = (0..tables).map(|table| newest(lake, table) + 1).collect();
    let commits = u32::try_from(seconds).expect("not that long") * RATE;
    let begun = Instant::now();
    let mut noted = String::new();
    for (number, turn) in (0..commits).zip((0..tables).cycle()) {
        let due = Duration::from_secs(1) / RATE * number;
        thread::sleep(due.saturating_sub(begun.elapsed()));
        // Neighbours in time lie apart on the disk.
        let table = turn * 7 % tables;
        let version = next.get_mut(table).expect("it is one of them");
        logs::append(&logs::place(lake, table), *version);
        let line = format!("{table}\t{version}\t{}\n", now_nanos());
        noted.push_str(&line);
        *version += 1;
    }
    fs::write(notes, noted).expect("notes can be written");
}

fn newest(lake: &Path, table: usize) -> u64 {
    let log = logs::place(lake, table).join("_delta_log");
    let entries = fs::read_dir(log).expect("the table is there");
    let versions = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(".json")?.parse().ok()
    });
    versions.max().expect("it has a commit")
}

impl Load<'_> {
    pub(crate) fn measure(&self) {
        let runtime = Runtime::new().expect("threads can be started");
        let options = Options::default();
        let mut requests: Vec<Request> = (0..self.tables).map(|n| self.request(n)).collect();
        let readings = runtime.block_on(read_many(requests.clone(), &options));
        for (request, (_, reading)) in requests.iter_mut().zip(readings) {
            request.known = Some(head(reading));
        }
        let notes = self.lake.join("notes.tsv");
        let mut writer = Command::new(std::env::current_exe().expect("a program knows its path"))
            .args(["write".as_ref(), self.lake.as_os_str()])
            .args([self.tables.to_string(), self.seconds.to_string()])
            .arg(&notes)
            .spawn()
            .expect("the writer starts");

        let pause = Duration::from_millis(u64::try_from(self.pause_ms).expect("not that long"));
        let (begun, spent_before) = (Instant::now(), cpu_time());
        let mut seen = HashMap::new();
        let mut passes = 0_u32;
        loop {
            let since = Instant::now();
            let is_last = writer
                .try_wait()
                .expect("the writer can be asked")
                .is_some();
            let readings = runtime.block_on(read_many(requests.clone(), &options));
            let news = carry(&mut requests, readings);
            let ended = now_nanos();
            seen.extend(news.into_iter().map(|commit| (commit, ended)));
            passes += 1;
            if is_last {
                break;
            }
            thread::sleep(pause.saturating_sub(since.elapsed()));
        }
        let spent = cpu_time().saturating_sub(spent_before);
        let share = spent.as_secs_f64() / begun.elapsed().as_secs_f64();
        let waited = waited(&notes, &seen);
        fs::remove_file(&notes).expect("notes can go");
        let third = waited.len() / 3;
        let at = |share: usize| {
            let mut sorted = waited.clone();
            sorted.sort_by(f64::total_cmp);
            sorted
                .get(((sorted.len() - 1) * share).div_ceil(100))
                .copied()
        };
        let found = json!({"passes": passes, "median_ms": at(50), "p99_ms": at(99), "longest_ms": at(100),
            "first_third_ms": median(waited.iter().take(third).copied().collect()),
            "last_third_ms": median(waited.iter().rev().take(third).copied().collect()),
            "cpu_percent": share * 100.0, "peak_mib": peak_mib()});
        say(&found);
    }

    fn request(&self, table: usize) -> Request {
        let name = format!("bronze.table_{table:05}");
        Request {
            asset: AssetKey::new(&name).expect("the name of a table is a key"),
            store: Arc::new(LocalStore::of(&logs::place(self.lake, table))),
            known: None,
            ask: everything(),
            is_counted_now: true,
        }
    }
}

/// Takes heads over into the next pass; returns the commits that are new, by table and version.
fn carry(requests: &mut [Request], readings: Vec<(AssetKey, Reading)>) -> Vec<(usize, u64)> {
    let mut news = Vec::new();
    for (table, (request, (_, reading))) in requests.iter_mut().zip(readings).enumerate() {
        if reading == Reading::Unchanged {
            continue;
        }
        let new = head(reading);
        let known = request
            .known
            .as_ref()
            .map(|known: &Arc<KnownHead>| known.version);
        let known = known.expect("it was read before");
        news.extend((known + 1..=new.version).map(|version| (table, version)));
        request.known = Some(new);
    }
    news
}

/// How long each commit waited for the end of the pass that saw it, in milliseconds, in the order of
/// the commits.
fn waited(notes: &Path, seen: &HashMap<(usize, u64), u64>) -> Vec<f64> {
    let notes = fs::read_to_string(notes).expect("the writer took notes");
    let wait = |line: &str| {
        let mut parts = line.split('\t');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (table, version, at) = (number()?, number()?, number()?);
        let table = usize::try_from(table).ok()?;
        let seen = *seen.get(&(table, version)).expect("every commit is seen");
        Some(Duration::from_nanos(seen.saturating_sub(at)).as_secs_f64() * 1e3)
    };
    notes
        .lines()
        .map(|line| wait(line).expect("a note is three numbers"))
        .collect()
}

fn now_nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
