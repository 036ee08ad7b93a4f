//! Tables on local paths, as the loop wants them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use assets::AssetKey;
use assets::delta::{Commit, Reading, Unreadable};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::delta_log::{LocalStore, Options, Request, data_commits_back_to, local_path, read_many};
use crate::ports::{TableLocation, TableRequest, Tables};

/// Every so many readings all logs are listed, not only probed: a probe cannot see what lies
/// beyond a commit that is missing for it, because a cache denies it, say.
const LIST_EVERY: u32 = 50;

/// Tables whose logs lie on local paths.
#[derive(Debug)]
pub struct LocalTables {
    base: PathBuf,
    options: Options,
    readings: AtomicU32,
}

impl LocalTables {
    /// Reads tables relative to a folder. `first` spreads full listings over many short-lived
    /// processes: any random number.
    pub fn new(base: PathBuf, first: u32) -> Self {
        Self {
            base,
            options: Options::default(),
            readings: AtomicU32::new(first % LIST_EVERY),
        }
    }
}

#[async_trait]
impl Tables for LocalTables {
    async fn read(&self, requests: Vec<TableRequest>) -> Vec<Reading> {
        let reading = self.readings.fetch_add(1, Ordering::Relaxed);
        let options = Options {
            list_all: reading % LIST_EVERY == LIST_EVERY - 1,
            ..self.options.clone()
        };
        let mut readings: Vec<Option<Reading>> = Vec::with_capacity(requests.len());
        let mut local: Vec<Request> = Vec::with_capacity(requests.len());
        for TableRequest {
            asset,
            location,
            known,
        } in requests
        {
            match local_path(&location.0, &self.base) {
                Ok(location) => {
                    readings.push(None);
                    local.push(Request {
                        asset,
                        store: Arc::new(LocalStore::of(&location)),
                        known,
                    });
                }
                Err(problem) => readings.push(Some(Reading::Unknown(problem))),
            }
        }
        let mut answers = read_many(local, &options).await.into_iter();
        readings
            .into_iter()
            .map(|reading| {
                let answer = |(_, answer): (AssetKey, Reading)| answer;
                // `read_many` answers every request, in order.
                reading
                    .or_else(|| answers.next().map(answer))
                    .unwrap_or(Reading::Absent)
            })
            .collect()
    }

    async fn commits_back_to(
        &self,
        location: &TableLocation,
        at: DateTime<Utc>,
    ) -> Result<Vec<Commit>, Unreadable> {
        let path = local_path(&location.0, &self.base)?;
        let path_text = path.display().to_string();
        tokio::task::spawn_blocking(move || data_commits_back_to(&LocalStore::of(&path), at))
            .await
            .unwrap_or_else(|error| {
                Err(Unreadable::Unreachable {
                    path: path_text,
                    detail: error.to_string(),
                })
            })
    }
}
