//! Tables on local paths and in buckets, as the loop wants them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use assets::AssetKey;
use assets::delta::reading::fingerprint;
use assets::delta::{Commit, KeptChanges, KnownHead, Reading, Unreadable};
use assets::streaming::LARGEST_FILE;
use async_trait::async_trait;

use crate::buckets::Buckets;
use crate::delta_log::{
    Ask, BucketStore, Cost, LocalStore, Location, LogStore, Look, Options, Request,
    data_commits_back_to, kept_changes, read_many, read_small,
};
use crate::ports::{Back, Counting, TableLocation, TableRequest, Tables};

/// Every so many readings a log is listed, not only probed: a probe cannot see what lies beyond a
/// commit that is missing for it, because a cache denies it, say.
const LIST_EVERY: u32 = 50;

/// Every so many readings of a log in a bucket it is looked whether its known commit is still the
/// one that it was.
const CLOSE_EVERY: u32 = 10;

/// How long files are counted of tables at first contact, in a pass that has other things to do.
const COUNT_WITHIN: Duration = Duration::from_secs(2);

/// Tables whose logs are read by path.
#[derive(Debug)]
pub struct LogTables {
    base: PathBuf,
    buckets: Arc<Buckets>,
    local: Options,
    remote: Options,
    readings: AtomicU32,
}

impl LogTables {
    /// Reads tables relative to a folder, and those in buckets by these clients. `first` spreads
    /// full listings over many short-lived processes: any random number.
    pub fn new(base: PathBuf, buckets: Arc<Buckets>, first: u32) -> Self {
        Self {
            base,
            buckets,
            local: Options {
                count_within: Some(COUNT_WITHIN),
                ..Options::default()
            },
            // Each request is bounded by its client; a long history takes many.
            remote: Options {
                concurrency: 64,
                timeout: Duration::from_secs(30),
                count_within: Some(COUNT_WITHIN),
                ..Options::default()
            },
            readings: AtomicU32::new(first % LIST_EVERY),
        }
    }

    /// Returns what keeps the files of a streaming checkpoint.
    fn folder(&self, place: &TableLocation) -> Result<Arc<dyn LogStore>, Unreadable> {
        Ok(match Location::parse(&place.path, &self.base)? {
            Location::Local(path) => Arc::new(LocalStore::of_folder(path)),
            Location::Bucket(bucket) => {
                let client = self.buckets.client(&bucket, place.located.as_ref())?;
                Arc::new(BucketStore::of_folder(&bucket, client)?)
            }
        })
    }

    /// Returns what keeps the log of a table.
    ///
    /// # Errors
    ///
    /// When the place is none that is read, or nobody has credentials for it.
    pub fn store(&self, location: &TableLocation) -> Result<Arc<dyn LogStore>, Unreadable> {
        Ok(match Location::parse(&location.path, &self.base)? {
            Location::Local(path) => Arc::new(LocalStore::of(&path)),
            Location::Bucket(place) => {
                let client = self.buckets.client(&place, location.located.as_ref())?;
                Arc::new(BucketStore::of(&place, client)?)
            }
        })
    }
}

#[async_trait]
impl Tables for LogTables {
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading> {
        let turn = self.readings.fetch_add(1, Ordering::Relaxed);
        let before = self.buckets.requests();
        let mut readings: Vec<Option<Reading>> = Vec::with_capacity(requests.len());
        // With the place of each answer.
        let (mut local, mut remote) = (Group::default(), Group::default());
        for (index, request) in requests.into_iter().enumerate() {
            match self.store(&request.location) {
                Ok(store) => {
                    readings.push(None);
                    let group = match store.cost() {
                        Cost::Local => &mut local,
                        Cost::Remote => &mut remote,
                    };
                    group.indices.push(index);
                    let is_counted_now = request.counting == Counting::Now;
                    group.requests.push(Request {
                        ask: Ask::counting(
                            request.columns,
                            // Who asks to see everything gets to see what a probe cannot.
                            if is_counted_now && store.cost() == Cost::Local {
                                Look::Listed
                            } else {
                                look(store.cost(), turn, &request.asset)
                            },
                        ),
                        is_counted_now,
                        asset: request.asset,
                        store,
                        known: request.known,
                    });
                }
                Err(problem) => readings.push(Some(Reading::Unknown(problem))),
            }
        }
        let answers = futures::join!(
            read_many(local.requests, &self.local),
            read_many(remote.requests, &self.remote)
        );
        let requests = self.buckets.requests().saturating_sub(before);
        if requests > 0 {
            tracing::debug!(tables = remote.indices.len(), requests, "read buckets");
        }
        let indices = local.indices.into_iter().chain(remote.indices);
        for (index, (_, answer)) in indices.zip(answers.0.into_iter().chain(answers.1)) {
            if let Some(reading) = readings.get_mut(index) {
                *reading = Some(answer);
            }
        }
        // `read_many` answers every request, in order.
        let answered = readings.into_iter();
        answered
            .map(|reading| reading.unwrap_or(Reading::Absent))
            .collect()
    }

    async fn commits_back_to(
        &self,
        location: &TableLocation,
        back: Back,
    ) -> Result<Vec<Commit>, Unreadable> {
        let store = self.store(location)?;
        let place = store.place().to_owned();
        let read = move || {
            let asked = (back.to, back.at_most);
            data_commits_back_to(store.as_ref(), asked, &back.spread)
        };
        aside(place, read).await
    }

    async fn kept_changes(
        &self,
        location: &TableLocation,
        head: &KnownHead,
        asked: u64,
    ) -> Result<KeptChanges, Unreadable> {
        let store = self.store(location)?;
        let (place, head) = (store.place().to_owned(), head.clone());
        aside(place, move || kept_changes(store.as_ref(), &head, asked)).await
    }

    async fn checkpoint_file(
        &self,
        folder: &TableLocation,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let store = self.folder(folder)?;
        let (place, name) = (store.place().to_owned(), name.to_owned());
        let read = move || read_small(store.as_ref(), &name, LARGEST_FILE);
        let read = tokio::time::timeout(self.remote.timeout, aside(place, read));
        read.await.unwrap_or_else(|_| {
            let after_ms = self.remote.timeout.as_millis();
            Err(Unreadable::TimedOut {
                after_ms: u64::try_from(after_ms).unwrap_or(u64::MAX),
            })
        })
    }
}

/// Reads on a thread that may block.
async fn aside<T: Send + 'static>(
    place: String,
    read: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
) -> Result<T, Unreadable> {
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| {
            Err(Unreadable::Unreachable {
                path: place,
                detail: error.to_string(),
            })
        })
}

/// Tables that are read together.
#[derive(Default)]
struct Group {
    indices: Vec<usize>,
    requests: Vec<Request>,
}

/// Returns how closely a log is looked at this time. Local ones are all listed at once, which takes
/// milliseconds; those in buckets take turns.
fn look(cost: Cost, turn: u32, asset: &AssetKey) -> Look {
    match cost {
        Cost::Local if turn % LIST_EVERY == LIST_EVERY - 1 => Look::Listed,
        Cost::Local => Look::Close,
        Cost::Remote => {
            let own = fingerprint(asset.as_str().as_bytes()) % u64::from(LIST_EVERY);
            let turn = u64::from(turn) + own;
            if turn.is_multiple_of(u64::from(LIST_EVERY)) {
                Look::Listed
            } else if turn.is_multiple_of(u64::from(CLOSE_EVERY)) {
                Look::Close
            } else {
                Look::Quick
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_in_buckets_take_turns() {
        let assets: Vec<AssetKey> = (0..1000)
            .map(|number| AssetKey::new(&format!("lake.t{number}")).unwrap())
            .collect();
        let mut listed = [0_usize; 50];
        for (turn, listed) in (1000..).zip(listed.iter_mut()) {
            let looks = assets.iter().map(|asset| look(Cost::Remote, turn, asset));
            let looks: Vec<Look> = looks.collect();
            *listed = looks.iter().filter(|look| **look == Look::Listed).count();
            let close = looks.iter().filter(|look| **look == Look::Close).count();
            assert!((30..150).contains(&close), "{close}");
        }
        assert_eq!(listed.iter().sum::<usize>(), 1000);
        assert!(listed.iter().all(|listed| *listed < 60), "{listed:?}");
    }

    #[test]
    fn local_logs_are_looked_at_closely() {
        let asset = AssetKey::new("lake.t").unwrap();
        let looks = (0..50).map(|turn| look(Cost::Local, turn, &asset));
        let looks: Vec<Look> = looks.collect();
        assert!(looks[..49].iter().all(|look| *look == Look::Close));
        assert_eq!(looks[49], Look::Listed);
    }
}
