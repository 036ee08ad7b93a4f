//! Logs in object stores, by the library `object_store`.
//!
//! Its clients are asynchronous and the seam is not: the threads that read tables wait here. All
//! requests are carried out by a runtime of its own, which nobody ever stops, so that a question
//! that is under way when the program ends has something to wait on until it does.

mod answer;
mod heard;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use assets::delta::Unreadable;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetResult, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use super::location::BucketLocation;
use super::store::{Cost, FileStat, LARGEST_FILE, LogStore, StoredFile};
use answer::{Asked, of_error};
use heard::listen;
pub use heard::{Heard, hear};

/// How many files of one log are read at once.
const SIDE_BY_SIDE: usize = 16;

/// The log of a table in a bucket. Must not be asked by asynchronous code.
#[derive(Debug)]
pub struct BucketStore {
    bucket: Arc<dyn ObjectStore>,
    log: Path,
    place: String,
}

impl BucketStore {
    /// Names the log of the table at `location`, as a client of its bucket sees it; asks nothing.
    ///
    /// # Errors
    ///
    /// [`Unreadable::BadLocation`] where no key can be made of the location.
    pub fn of(location: &BucketLocation, bucket: Arc<dyn ObjectStore>) -> Result<Self, Unreadable> {
        Self::below(location, &location.log(), bucket)
    }

    /// Names a folder at `location` that is no log; asks nothing.
    ///
    /// # Errors
    ///
    /// [`Unreadable::BadLocation`] where no key can be made of the location.
    pub fn of_folder(
        location: &BucketLocation,
        bucket: Arc<dyn ObjectStore>,
    ) -> Result<Self, Unreadable> {
        Self::below(location, &location.prefix, bucket)
    }

    fn below(
        location: &BucketLocation,
        folder: &str,
        bucket: Arc<dyn ObjectStore>,
    ) -> Result<Self, Unreadable> {
        let place = format!("{}/{folder}", location.bucket);
        let bad = |error: object_store::path::Error| Unreadable::BadLocation {
            location: place.clone(),
            detail: error.to_string(),
        };
        let log = Path::parse(folder).map_err(bad)?;
        Ok(Self { bucket, log, place })
    }

    /// Returns the key of a file, and how it is called in messages.
    fn file(&self, name: &str) -> Result<(Path, Asked), Unreadable> {
        let asked = Asked::file(&self.place, name);
        let key = if self.log.as_ref().is_empty() {
            Path::parse(name)
        } else {
            Path::parse(format!("{}/{name}", self.log))
        };
        Ok((key.map_err(|error| asked.failed(error.to_string()))?, asked))
    }

    async fn read_one(&self, name: &str) -> Result<Option<StoredFile>, Unreadable> {
        let (key, asked) = self.file(name)?;
        let get = async {
            let answer = self.bucket.get(&key).await?;
            let size = answer.meta.size;
            if size > LARGEST_FILE {
                return Ok(Err(size));
            }
            collect(answer, size).await
        };
        let (answer, heard) = listen(get).await;
        match answer {
            Ok(Ok(file)) => Ok(Some(file)),
            Ok(Err(bytes)) => Err(Unreadable::TooLarge {
                name: name.to_owned(),
                bytes,
                limit: LARGEST_FILE,
            }),
            Err(error) => of_error(&asked, &error, heard).map(|()| None),
        }
    }
}

impl LogStore for BucketStore {
    fn place(&self) -> &str {
        &self.place
    }

    fn cost(&self) -> Cost {
        Cost::Remote
    }

    fn stat(&self, name: &str) -> Result<Option<FileStat>, Unreadable> {
        let (key, asked) = self.file(name)?;
        let (answer, heard) = wait(listen(self.bucket.head(&key)))?;
        match answer {
            Ok(meta) => Ok(Some(stat_of(&meta))),
            Err(error) => of_error(&asked, &error, heard).map(|()| None),
        }
    }

    fn read(&self, name: &str) -> Result<Option<StoredFile>, Unreadable> {
        wait(self.read_one(name))?
    }

    fn read_all(&self, names: &[String]) -> Vec<Result<Option<StoredFile>, Unreadable>> {
        let read = |name: &String| {
            let name = name.clone();
            async move { self.read_one(&name).await }
        };
        let reads: Vec<_> = names.iter().map(read).collect();
        let all = futures::stream::iter(reads)
            .buffered(SIDE_BY_SIDE)
            .collect();
        wait(all).unwrap_or_else(|error| names.iter().map(|_| Err(error.clone())).collect())
    }

    fn read_ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Unreadable> {
        let (key, asked) = self.file(name)?;
        let (answer, heard) = wait(listen(self.bucket.get_ranges(&key, ranges)))?;
        answer.map_err(|error| match of_error(&asked, &error, heard) {
            Ok(()) => asked.failed("it is not there".to_owned()),
            Err(reason) => reason,
        })
    }

    fn list(&self, after: Option<&str>) -> Result<Option<Vec<String>>, Unreadable> {
        let asked = Asked::listing(&self.place);
        let list = async {
            match after {
                // What lies in folders below is left out by the store itself.
                None => Ok(self
                    .bucket
                    .list_with_delimiter(Some(&self.log))
                    .await?
                    .objects),
                Some(after) => {
                    let offset = Path::parse(format!("{}/{after}", self.log))?;
                    let all = self.bucket.list_with_offset(Some(&self.log), &offset);
                    all.try_collect::<Vec<ObjectMeta>>().await
                }
            }
        };
        let (answer, heard) = wait(listen(list))?;
        let files = match answer {
            Ok(files) => files,
            Err(error) => return of_error(&asked, &error, heard).map(|()| None),
        };
        let folder = format!("{}/", self.log);
        let names = files.iter().filter_map(|file| {
            let name = file.location.as_ref().strip_prefix(&folder)?;
            let is_after = after.is_none_or(|after| name > after);
            (is_after && !name.contains('/')).then(|| name.to_owned())
        });
        let names: Vec<String> = names.collect();
        // A bucket has no folders: nothing below a name, and nothing of that name, are the same.
        Ok((after.is_some() || !names.is_empty()).then_some(names))
    }
}

/// Reads an answer to its end; a file that grew beyond what is read gives its size so far.
async fn collect(
    answer: GetResult,
    size: u64,
) -> Result<Result<StoredFile, u64>, object_store::Error> {
    let mut stat = stat_of(&answer.meta);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut chunks = answer.into_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
        stat.size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if stat.size > LARGEST_FILE {
            return Ok(Err(stat.size));
        }
    }
    stat.size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let bytes = Bytes::from(bytes);
    Ok(Ok(StoredFile { stat, bytes }))
}

fn stat_of(meta: &ObjectMeta) -> FileStat {
    FileStat {
        size: meta.size,
        modified_nanos: meta.last_modified.timestamp_nanos_opt().unwrap_or(0),
        etag: meta.e_tag.as_deref().map(Arc::from),
    }
}

/// Waits for a question to the stores.
fn wait<T>(question: impl Future<Output = T>) -> Result<T, Unreadable> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let start = || {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).thread_name("buckets");
        runtime.enable_all().build().ok()
    };
    let runtime = RUNTIME.get_or_init(start).as_ref();
    let runtime = runtime.ok_or_else(|| Unreadable::Unreachable {
        path: "object store".to_owned(),
        detail: "no thread can be started to ask it".to_owned(),
    })?;
    Ok(runtime.block_on(question))
}
