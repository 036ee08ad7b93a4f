//! A store that remembers what it was asked, for people who want to know how a reading came about.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use assets::delta::Unreadable;
use assets::delta::history::LogCall;
use bytes::Bytes;

use super::store::{Cost, FileStat, LogStore, StoredFile};

/// A store whose requests are written down.
pub struct Traced {
    store: Arc<dyn LogStore>,
    calls: Mutex<Vec<LogCall>>,
}

impl Traced {
    /// Watches a store.
    pub fn new(store: Arc<dyn LogStore>) -> Self {
        Self {
            store,
            calls: Mutex::default(),
        }
    }

    /// Returns every request so far, in order.
    pub fn calls(&self) -> Vec<LogCall> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }

    fn note<T>(
        &self,
        (verb, name): (&'static str, &str),
        took: Duration,
        result: &Result<T, Unreadable>,
        tell: impl FnOnce(&T) -> (String, u64),
    ) {
        let (answer, bytes) = match result {
            Ok(value) => tell(value),
            Err(reason) => (reason.to_string(), 0),
        };
        let call = LogCall {
            verb,
            name: name.to_owned(),
            answer,
            bytes,
            took,
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
    }
}

fn size(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn told(file: Option<&StoredFile>) -> (String, u64) {
    match file {
        Some(file) => ("there".to_owned(), size(&file.bytes)),
        None => ("not there".to_owned(), 0),
    }
}

impl LogStore for Traced {
    fn place(&self) -> &str {
        self.store.place()
    }

    fn cost(&self) -> Cost {
        self.store.cost()
    }

    fn stat(&self, name: &str) -> Result<Option<FileStat>, Unreadable> {
        let since = Instant::now();
        let result = self.store.stat(name);
        self.note(
            ("look", name),
            since.elapsed(),
            &result,
            |found| match found {
                Some(stat) => (format!("there, {} bytes", stat.size), 0),
                None => ("not there".to_owned(), 0),
            },
        );
        result
    }

    fn read(&self, name: &str) -> Result<Option<StoredFile>, Unreadable> {
        let since = Instant::now();
        let result = self.store.read(name);
        self.note(("read", name), since.elapsed(), &result, |file| {
            told(file.as_ref())
        });
        result
    }

    fn read_all(&self, names: &[String]) -> Vec<Result<Option<StoredFile>, Unreadable>> {
        let since = Instant::now();
        let results = self.store.read_all(names);
        // Each took its share of what all of them took side by side.
        let count = u32::try_from(names.len().max(1)).unwrap_or(u32::MAX);
        let share = since.elapsed() / count;
        for (name, result) in names.iter().zip(&results) {
            self.note(("read", name), share, result, |file| told(file.as_ref()));
        }
        results
    }

    fn read_ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Unreadable> {
        let since = Instant::now();
        let result = self.store.read_ranges(name, ranges);
        self.note(("read_parts", name), since.elapsed(), &result, |parts| {
            (
                format!("{} parts", parts.len()),
                parts.iter().map(size).sum(),
            )
        });
        result
    }

    fn list(&self, after: Option<&str>) -> Result<Option<Vec<String>>, Unreadable> {
        let since = Instant::now();
        let result = self.store.list(after);
        let name = after.unwrap_or_default();
        self.note(
            ("list", name),
            since.elapsed(),
            &result,
            |names| match names {
                Some(names) => (format!("{} names", names.len()), 0),
                None => ("no such log".to_owned(), 0),
            },
        );
        result
    }
}
