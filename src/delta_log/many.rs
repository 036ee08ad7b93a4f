//! Reading many tables at once.
//!
//! A quiet table costs microseconds, so tables are not worth a task each: a few threads share one
//! queue. A store that hangs keeps its thread, not the others': its table is given up after a
//! timeout and another thread takes over the queue. The threads belong to nobody, because one that
//! hangs must delay neither the next reading nor the end of the program.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use assets::AssetKey;
use assets::delta::{KnownHead, Reading, Unreadable};
use tokio::sync::Notify;

use super::ask::Ask;
use super::store::LogStore;

/// One table to read.
#[derive(Clone)]
pub struct Request {
    /// Whose table it is.
    pub asset: AssetKey,
    /// What keeps its log.
    pub store: Arc<dyn LogStore>,
    /// What is known of it.
    pub known: Option<Arc<KnownHead>>,
    /// What is wanted of it.
    pub ask: Ask,
    /// Whether files that were never counted are counted although the time for that is over.
    pub is_counted_now: bool,
}

impl Request {
    /// Returns what is still wanted once there is no time left for a first count.
    fn without_first_count(&self) -> Ask {
        let known = self.known.as_ref();
        let is_counted = known.is_some_and(|known| known.details.contents.is_some());
        Ask {
            contents: self.ask.contents && (is_counted || self.is_counted_now),
            ..self.ask.clone()
        }
    }
}

/// How tables are read. Keep one value for the life of the program: it remembers what hangs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many tables are read at the same time; at least 1.
    pub concurrency: usize,
    /// How long one table may take.
    pub timeout: Duration,
    /// How long files are counted that never were; always, if absent.
    pub count_within: Option<Duration>,
    /// Tables whose reading still hangs.
    pub stuck: Stuck,
}

impl Default for Options {
    /// Eight at a time, ten seconds each: enough to hide a slow network drive, and few enough not
    /// to starve the rest of the program.
    fn default() -> Self {
        Self {
            concurrency: 8,
            timeout: Duration::from_secs(10),
            count_within: None,
            stuck: Stuck::default(),
        }
    }
}

/// Locations whose reading was given up and has not come back yet. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Stuck(Arc<Mutex<BTreeSet<String>>>);

impl Stuck {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads tables side by side and returns what was found, in the order of the requests.
///
/// A table that does not answer in time is [`Unreadable::TimedOut`]; it is not asked again before
/// its first reading has come back.
pub async fn read_many(requests: Vec<Request>, options: &Options) -> Vec<(AssetKey, Reading)> {
    read_many_with(requests, options, super::read).await
}

/// As [`read_many`], with the function that reads one table.
pub(super) async fn read_many_with<R>(
    requests: Vec<Request>,
    options: &Options,
    read: R,
) -> Vec<(AssetKey, Reading)>
where
    R: Fn(&dyn LogStore, Option<&KnownHead>, &Ask) -> Reading + Send + Sync + 'static,
{
    let shared = Arc::new(Shared {
        board: Mutex::new(Board::new(&requests, options)),
        requests,
        stuck: options.stuck.clone(),
        count_until: options.count_within.map(|within| Instant::now() + within),
        done: Notify::new(),
        read,
    });
    let workers = options.concurrency.clamp(1, shared.requests.len().max(1));
    for _ in 0..workers {
        shared.board().spawn_worker(&shared);
    }
    // A table is given up at most a quarter of the timeout late.
    let pause = (options.timeout / 4).max(Duration::from_millis(1));
    while !shared.board().is_done() {
        if tokio::time::timeout(pause, shared.done.notified())
            .await
            .is_err()
        {
            shared
                .board()
                .give_up_on_late_tables(&shared, options.timeout);
        }
    }
    let readings = std::mem::take(&mut shared.board().readings);
    let assets = shared.requests.iter().map(|request| request.asset.clone());
    let stopped = || {
        Reading::Unknown(Unreadable::Unreachable {
            path: "_delta_log".to_owned(),
            detail: "its reader stopped".to_owned(),
        })
    };
    assets
        .zip(readings)
        .map(|(asset, reading)| (asset, reading.unwrap_or_else(stopped)))
        .collect()
}

/// What the threads of one call have in common.
struct Shared<R> {
    requests: Vec<Request>,
    board: Mutex<Board>,
    stuck: Stuck,
    count_until: Option<Instant>,
    done: Notify,
    read: R,
}

/// Who reads what, and what was found.
struct Board {
    next: usize,
    missing: usize,
    readings: Vec<Option<Reading>>,
    /// What each worker reads at the moment, and since when.
    current: Vec<Option<(usize, Instant)>>,
    alive: usize,
}

impl<R> Shared<R> {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// Starts with the tables that still hang answered.
    fn new(requests: &[Request], options: &Options) -> Self {
        let stuck = options.stuck.lock();
        let given_up = |request: &Request| {
            stuck
                .contains(request.store.place())
                .then(|| Reading::Unknown(timed_out(options.timeout)))
        };
        let readings: Vec<_> = requests.iter().map(given_up).collect();
        Self {
            next: 0,
            missing: readings.iter().filter(|reading| reading.is_none()).count(),
            readings,
            current: Vec::new(),
            alive: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.missing == 0 || self.alive == 0
    }

    /// Takes the next table that has no answer yet.
    fn take(&mut self, worker: usize) -> Option<usize> {
        if let Some(slot) = self.current.get_mut(worker) {
            *slot = None;
        }
        while let Some(reading) = self.readings.get(self.next) {
            let index = self.next;
            self.next += 1;
            if reading.is_none() {
                if let Some(slot) = self.current.get_mut(worker) {
                    *slot = Some((index, Instant::now()));
                }
                return Some(index);
            }
        }
        None
    }

    /// Puts down what was found; returns whether it was still waited for.
    fn put(&mut self, index: usize, reading: Reading) -> bool {
        match self.readings.get_mut(index) {
            Some(slot @ None) => {
                *slot = Some(reading);
                self.missing -= 1;
                true
            }
            Some(Some(_)) | None => false,
        }
    }

    fn spawn_worker<R>(&mut self, shared: &Arc<Shared<R>>)
    where
        R: Fn(&dyn LogStore, Option<&KnownHead>, &Ask) -> Reading + Send + Sync + 'static,
    {
        let worker = self.current.len();
        let shared = Arc::clone(shared);
        let thread = thread::Builder::new().name("delta-log".to_owned());
        if thread.spawn(move || work(&shared, worker)).is_ok() {
            self.current.push(None);
            self.alive += 1;
        }
    }

    fn give_up_on_late_tables<R>(&mut self, shared: &Arc<Shared<R>>, timeout: Duration)
    where
        R: Fn(&dyn LogStore, Option<&KnownHead>, &Ask) -> Reading + Send + Sync + 'static,
    {
        let is_late = |slot: &Option<(usize, Instant)>| {
            slot.is_some_and(|(_, since)| since.elapsed() >= timeout)
        };
        for worker in 0..self.current.len() {
            let slot = self.current.get_mut(worker);
            let late = slot.filter(|slot| is_late(slot)).and_then(Option::take);
            let Some((index, _)) = late else {
                continue;
            };
            if let Some(request) = shared.requests.get(index) {
                shared.stuck.lock().insert(request.store.place().to_owned());
            }
            self.put(index, Reading::Unknown(timed_out(timeout)));
            self.alive -= 1;
            if self.next < shared.requests.len() {
                self.spawn_worker(shared);
            }
        }
    }
}

/// The life of one thread.
fn work<R>(shared: &Shared<R>, worker: usize)
where
    R: Fn(&dyn LogStore, Option<&KnownHead>, &Ask) -> Reading,
{
    let mut task = shared.board().take(worker);
    while let Some((index, request)) =
        task.and_then(|index| Some((index, shared.requests.get(index)?)))
    {
        let is_late = shared
            .count_until
            .is_some_and(|until| Instant::now() > until);
        let less = is_late.then(|| request.without_first_count());
        let ask = less.as_ref().unwrap_or(&request.ask);
        let reading = (shared.read)(request.store.as_ref(), request.known.as_deref(), ask);
        let mut board = shared.board();
        if !board.put(index, reading) {
            // Given up meanwhile: somebody else goes on, and the table may be asked again.
            shared.stuck.lock().remove(request.store.place());
            return;
        }
        task = board.take(worker);
    }
    let mut board = shared.board();
    board.alive -= 1;
    if board.is_done() {
        shared.done.notify_one();
    }
}

fn timed_out(timeout: Duration) -> Unreadable {
    Unreadable::TimedOut {
        after_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
    }
}
