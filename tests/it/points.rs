//! The program, made to die or to stand still at a place that a test names.
//!
//! The program has no switch for that. It tells its log, at the finest level, before a transaction,
//! before that is made durable, and after it, and likewise around each call of the service; here the
//! test executable runs the program's own entry with a subscriber of that log that sends a signal
//! to its process. A signal that cannot be caught takes effect before the line returns: the program
//! gets no further.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Resource, Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::lakehouse::{Lakehouse, Process};

/// The variable with the order, which makes [`the_program`] more than an empty test.
const ORDER: &str = "PROGRAM_UNDER_TEST";

/// What happens to the program where it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Deed {
    /// It is dead at once: SIGKILL.
    Die,
    /// It stands still until somebody lets it go on: SIGSTOP.
    Stand,
}

/// What the program is to do.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    args: Vec<String>,
    /// The point, and which time that it is reached.
    at: Option<(String, usize)>,
    deed: Deed,
    /// Gets a line for each point that is reached.
    list: PathBuf,
    /// Is made to let it go on.
    go_on: PathBuf,
}

/// The program, standing still at a point.
pub(crate) struct Standing<'a> {
    lake: &'a Lakehouse,
    process: Process,
}

/// Starts the program and waits until it stands still where it reaches a point first.
pub(crate) fn stands_at<'a>(lake: &'a Lakehouse, args: &str, point: &str) -> Standing<'a> {
    drop(fs::remove_file(go_on(lake)));
    let at = Some((point.to_owned(), 1));
    let child = program(lake, args, at, Deed::Stand).spawn().unwrap();
    let process = Process::of(child);
    process.is_standing();
    Standing { lake, process }
}

impl Standing<'_> {
    /// Lets every write of it fail from now on.
    pub(crate) fn without_room(&self) {
        self.process.limit(Resource::Fsize, 0);
    }

    /// Sends it a signal, of which it hears once it goes on.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Lets it go on.
    pub(crate) fn go_on(self) -> Process {
        fs::write(go_on(self.lake), "").unwrap();
        self.process.signal(Signal::CONT);
        self.process
    }
}

/// Runs the program until it dies at a point; returns whether it got there.
pub(crate) fn dies_at(lake: &Lakehouse, args: &str, at: (&str, usize)) -> bool {
    let at = Some((at.0.to_owned(), at.1));
    let status = program(lake, args, at, Deed::Die).status().unwrap();
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(Signal::KILL.as_raw())
}

/// Runs the program to its end; returns how often it reached which points.
pub(crate) fn reached(lake: &Lakehouse, args: &str) -> BTreeMap<String, usize> {
    drop(fs::remove_file(list(lake)));
    let status = program(lake, args, None, Deed::Die).status().unwrap();
    assert!(status.code().is_some(), "{args}: {status}");
    let mut points = BTreeMap::new();
    for point in fs::read_to_string(list(lake)).unwrap().lines() {
        *points.entry(point.to_owned()).or_default() += 1;
    }
    points
}

fn list(lake: &Lakehouse) -> PathBuf {
    lake.path().join("points.txt")
}

fn go_on(lake: &Lakehouse) -> PathBuf {
    lake.path().join("go-on")
}

/// This executable, with an order.
fn program(lake: &Lakehouse, args: &str, at: Option<(String, usize)>, deed: Deed) -> Command {
    let order = Order {
        args: args.split_whitespace().map(str::to_owned).collect(),
        at,
        deed,
        list: list(lake),
        go_on: go_on(lake),
    };
    // The signal of a file that is too long kills; ignored, it is the error that a full disk gives.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "points::the_program",
            "--nocapture",
            "--test-threads=1",
        ])
        .current_dir(lake.path())
        .env_clear()
        .env(ORDER, serde_json::to_string(&order).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    lake.equip(&mut command);
    command
}

/// Not a test: the process in which the program runs until it reaches its point.
#[test]
#[expect(clippy::exit, reason = "it ends as the program ends")]
fn the_program() {
    let Some((_, order)) = std::env::vars().find(|(name, _)| name == ORDER) else {
        return;
    };
    let order: Order = serde_json::from_str(&order).unwrap();
    let args: Vec<String> = std::iter::once("headwater".to_owned())
        .chain(order.args.clone())
        .collect();
    let list = fs::File::options()
        .create(true)
        .append(true)
        .open(&order.list)
        .unwrap();
    let stop = Stop {
        at: order.at,
        deed: order.deed,
        go_on: order.go_on,
        seen: Mutex::new((list, 0)),
    };
    let is_ours = filter_fn(|line| line.target().starts_with("headwater"));
    let subscriber = tracing_subscriber::registry().with(stop.with_filter(is_ours));
    let exit = tracing::subscriber::with_default(subscriber, || headwater::cli::run(args));
    std::process::exit(exit.into());
}

/// Listens to the log until the point comes.
struct Stop {
    at: Option<(String, usize)>,
    deed: Deed,
    /// Is there once whoever stands still may go on.
    go_on: PathBuf,
    /// The list, and how often the point was reached.
    seen: Mutex<(fs::File, usize)>,
}

impl<S: Subscriber> Layer<S> for Stop {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let Some(point) = line.point() else { return };
        let mut seen = self.seen.lock().unwrap();
        // A test may let every write fail.
        drop(writeln!(seen.0, "{point}"));
        let Some((at, count)) = &self.at else { return };
        if *at != point {
            return;
        }
        seen.1 += 1;
        if seen.1 == *count {
            match self.deed {
                Deed::Die => kill_process(getpid(), Signal::KILL).unwrap(),
                Deed::Stand => {
                    kill_process(getpid(), Signal::STOP).unwrap();
                    // Another thread may take the signal, and this one get a little further.
                    while !self.go_on.exists() {
                        sleep(Duration::from_millis(5));
                    }
                }
            }
        }
    }
}

/// What a line of the log says.
#[derive(Default)]
struct Line(BTreeMap<&'static str, String>);

impl Line {
    /// The name of a point, if the line is one: its message, and the step or the call.
    fn point(&self) -> Option<String> {
        let message = match self.0.get("message")?.as_str() {
            message @ ("writing" | "committing" | "written" | "asking" | "answered") => message,
            "no good answer" => "unanswered",
            _ => return None,
        };
        if let Some(step) = self.0.get("step") {
            return Some(format!("{message} {step}"));
        }
        let call = (self.0.get("method")?, self.0.get("path")?);
        Some(format!("{message} {} {}", call.0, call.1))
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// The names of all steps that the store writes in, as its source has them.
pub(crate) fn steps_of_the_source() -> Vec<String> {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut steps = Vec::new();
    for entry in fs::read_dir(store).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for before in [".write(\"", "let step = \""] {
            let named = text.split(before).skip(1);
            steps.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(steps.len() > 15, "{steps:?}");
    steps
}
