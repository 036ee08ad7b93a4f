//! Logs in a bucket of memory, which can be made to fail.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use assets::delta::name::commit_file;
use assets::delta::{KnownHead, Reading};
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, Error, GetOptions, ListResult, MultipartUpload, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

use super::*;
use crate::delta_log::{Ask, Location, Look, read, read_small};

const FIRST: &str = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"one","schemaString":"{\"type\":\"struct\",\"fields\":[]}","partitionColumns":[],"format":{"provider":"parquet"},"configuration":{}}}
{"add":{"path":"a","dataChange":true}}"#;
const ADD: &str = r#"{"add":{"path":"a","dataChange":true}}"#;

/// How a bucket answers instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Forbidden,
    Unauthenticated,
    /// What the part that speaks HTTP heard, and an error without a kind.
    Heard(u16, &'static str),
    /// A file that is not there, with the server's word.
    Missing(&'static str),
    Unreached,
}

/// A bucket of memory that counts what it is asked, and may fail.
#[derive(Debug, Default)]
struct Faulty {
    inner: InMemory,
    fault: Mutex<Option<Fault>>,
    asked: AtomicU32,
}

impl Faulty {
    fn fails_by(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::Relaxed)
    }

    fn check(&self) -> Result<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let source = || "canary: StringToSign".into();
        let path = String::new();
        let store = "memory";
        let said = |status: Option<u16>, word: &str, failure: Option<&str>| {
            hear(Heard {
                status,
                word: (!word.is_empty()).then(|| word.to_owned()),
                failure: failure.map(str::to_owned),
            });
        };
        let fault = *self.fault.lock().unwrap();
        Err(match fault {
            None => return Ok(()),
            Some(Fault::Forbidden) => Error::PermissionDenied {
                path,
                source: source(),
            },
            Some(Fault::Unauthenticated) => Error::Unauthenticated {
                path,
                source: source(),
            },
            Some(Fault::Heard(status, word)) => {
                said(Some(status), word, None);
                Error::Generic {
                    store,
                    source: source(),
                }
            }
            Some(Fault::Missing(word)) => {
                said(Some(404), word, None);
                Error::NotFound {
                    path,
                    source: source(),
                }
            }
            Some(Fault::Unreached) => {
                said(None, "", Some("no answer in time from `lake.example`"));
                Error::Generic {
                    store,
                    source: source(),
                }
            }
        })
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        all: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(all)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A table in a bucket.
struct Table {
    bucket: Arc<Faulty>,
    store: BucketStore,
}

impl Table {
    fn at(location: &str) -> Self {
        let Ok(Location::Bucket(place)) = Location::parse(location, FilePath::new("/")) else {
            panic!("{location}");
        };
        let bucket = Arc::new(Faulty::default());
        let client: Arc<dyn ObjectStore> = Arc::<Faulty>::clone(&bucket);
        Self {
            store: BucketStore::of(&place, client).unwrap(),
            bucket,
        }
    }

    fn put(&self, key: &str, text: &str) {
        let bytes = PutPayload::from(text.to_owned());
        wait(self.bucket.put(&Path::parse(key).unwrap(), bytes))
            .unwrap()
            .unwrap();
    }

    fn commit(&self, version: u64, text: &str) {
        self.put(&format!("orders/_delta_log/{}", commit_file(version)), text);
    }

    fn read(&self, known: Option<&KnownHead>, look_at: Look) -> Reading {
        look(&self.store, known, look_at)
    }
}

fn look(store: &dyn LogStore, known: Option<&KnownHead>, look: Look) -> Reading {
    let ask = Ask {
        look,
        ..Ask::default()
    };
    read(store, known, &ask)
}

fn head(reading: Reading) -> KnownHead {
    match reading {
        Reading::Read(update) => update.head,
        Reading::Unchanged | Reading::Unknown(_) | Reading::Absent => panic!("{reading:?}"),
    }
}

#[test]
fn the_four_questions_are_answered() {
    let table = Table::at("s3://lake/orders");
    let store = &table.store;
    assert_eq!(store.place(), "s3://lake/orders/_delta_log");
    assert_eq!(store.cost(), Cost::Remote);
    assert_eq!(store.list(None), Ok(None));
    assert_eq!(store.stat("x"), Ok(None));
    assert!(store.read("x").unwrap().is_none());
    for name in ["b", "a", "c", "_sidecars/s", ".tmp/t", "_last_checkpoint"] {
        table.put(&format!("orders/_delta_log/{name}"), "0123456789");
    }
    table.put("orders/_delta_log2/z", "");
    let sorted = |after: Option<&str>| {
        let mut names = store.list(after).unwrap().unwrap();
        names.sort();
        names
    };
    assert_eq!(sorted(None), ["_last_checkpoint", "a", "b", "c"]);
    assert_eq!(sorted(Some("a")), ["b", "c"]);
    assert_eq!(sorted(Some("c")), [""; 0]);
    let stat = store.stat("a").unwrap().unwrap();
    assert_eq!(stat.size, 10);
    assert!(stat.etag.is_some() && stat.modified_nanos > 0);
    let file = store.read("a").unwrap().unwrap();
    assert_eq!((&file.stat, &file.bytes[..]), (&stat, &b"0123456789"[..]));
    let parts = store.read_ranges("a", &[7..10, 0..2, 1..3]).unwrap();
    assert_eq!(parts, ["789", "01", "12"]);
    assert_eq!(
        store.read_ranges("x", &[0..1, 2..3]).unwrap_err().code(),
        "unreachable"
    );
    let names: Vec<String> = ["c", "x", "_sidecars/s"].map(str::to_owned).into();
    let there = store
        .read_all(&names)
        .into_iter()
        .map(|file| file.unwrap().is_some());
    assert_eq!(there.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_table_may_be_a_whole_bucket() {
    let table = Table::at("gs://lake");
    table.put("_delta_log/a", "");
    assert_eq!(table.store.list(None), Ok(Some(vec!["a".into()])));
}

#[test]
fn a_quiet_log_costs_one_request() {
    let table = Table::at("s3://lake/orders");
    table.commit(0, FIRST);
    let known = head(table.read(None, Look::Quick));
    assert_eq!(known.version, 0);
    table.bucket.asked();
    for (closely, requests) in [(Look::Quick, 1), (Look::Close, 2)] {
        assert_eq!(table.read(Some(&known), closely), Reading::Unchanged);
        assert_eq!(table.bucket.asked(), requests, "{closely:?}");
    }
    assert_eq!(table.read(Some(&known), Look::Listed), Reading::Unchanged);
    table.bucket.asked();
    table.commit(1, ADD);
    let known = head(table.read(Some(&known), Look::Quick));
    assert_eq!(
        (known.version, known.data.map(|data| data.version)),
        (1, Some(1))
    );
    // The new one, the known one, and that there is none after it.
    assert_eq!(table.bucket.asked(), 3);
}

#[test]
fn another_log_in_the_place_of_a_known_one_is_seen() {
    let table = Table::at("s3://lake/orders");
    table.commit(0, FIRST);
    let known = head(table.read(None, Look::Quick));
    table.commit(0, &FIRST.replace("one", "two"));
    // Not by a quick look, unless there is news.
    assert_eq!(table.read(Some(&known), Look::Quick), Reading::Unchanged);
    assert_eq!(
        head(table.read(Some(&known), Look::Close))
            .table_id
            .as_str(),
        "two"
    );
    table.commit(1, ADD);
    assert_eq!(
        head(table.read(Some(&known), Look::Quick))
            .table_id
            .as_str(),
        "two"
    );
}

#[test]
fn a_refusal_is_neither_absence_nor_quiet() {
    let table = Table::at("s3://lake/orders");
    table.commit(0, FIRST);
    let known = head(table.read(None, Look::Quick));
    for (fault, code, told) in [
        (Fault::Forbidden, "forbidden", "403"),
        (Fault::Unauthenticated, "forbidden", "401"),
        (
            Fault::Heard(403, "InvalidAccessKeyId"),
            "forbidden",
            "check the key",
        ),
        (Fault::Heard(403, "AccessDenied"), "forbidden", "grant"),
        (
            Fault::Heard(400, "ExpiredToken"),
            "forbidden",
            "400 ExpiredToken",
        ),
        (
            Fault::Heard(400, "AuthorizationHeaderMalformed"),
            "unreachable",
            "region",
        ),
        (Fault::Heard(404, ""), "unreachable", "404"),
        (Fault::Heard(503, "SlowDown"), "unreachable", "503 SlowDown"),
        (Fault::Heard(301, ""), "unreachable", "AWS_REGION"),
        (
            Fault::Missing("NoSuchBucket"),
            "unreachable",
            "no such bucket",
        ),
        (
            Fault::Missing("ContainerNotFound"),
            "unreachable",
            "no such bucket",
        ),
        (Fault::Unreached, "unreachable", "no answer in time"),
    ] {
        table.bucket.fails_by(Some(fault));
        for (known, closely) in [
            (None, Look::Quick),
            (Some(&known), Look::Quick),
            (Some(&known), Look::Close),
            (Some(&known), Look::Listed),
        ] {
            let Reading::Unknown(reason) = table.read(known, closely) else {
                panic!("{fault:?}");
            };
            let text = reason.to_string();
            assert_eq!(reason.code(), code, "{fault:?}");
            assert!(text.contains(told) && !text.contains("canary"), "{text}");
            assert!(text.contains("s3://lake/orders/_delta_log"), "{text}");
        }
    }
    // A file that is not there is no failure.
    table.bucket.fails_by(Some(Fault::Missing("NoSuchKey")));
    assert_eq!(table.read(Some(&known), Look::Quick), Reading::Unchanged);
}

#[test]
fn names_that_are_no_keys_are_refused() {
    let table = Table::at("s3://lake/orders");
    for name in ["../x", "a//b", "a\nb"] {
        assert_eq!(
            table.store.stat(name).unwrap_err().code(),
            "unreachable",
            "{name:?}"
        );
    }
}

#[test]
fn files_of_a_checkpoint_are_read_at_its_own_folder() {
    for (location, key) in [
        (
            "s3://lake/checkpoints/orders/",
            "checkpoints/orders/offsets/7",
        ),
        ("gs://lake", "offsets/7"),
    ] {
        let table = Table::at(location);
        table.put(key, "v1");
        let Ok(Location::Bucket(place)) = Location::parse(location, FilePath::new("/")) else {
            panic!("{location}");
        };
        let client: Arc<dyn ObjectStore> = Arc::<Faulty>::clone(&table.bucket);
        let folder = BucketStore::of_folder(&place, client).unwrap();
        let read = |name: &str, largest| read_small(&folder, name, largest);
        assert_eq!(read("offsets/7", 2).unwrap().as_deref(), Some(&b"v1"[..]));
        assert_eq!(read("offsets/8", 2), Ok(None));
        assert_eq!(read("offsets/7", 1).unwrap_err().code(), "too_large");
        table.bucket.fails_by(Some(Fault::Forbidden));
        assert_eq!(read("offsets/8", 2).unwrap_err().code(), "forbidden");
    }
}
