//! Logs and checkpoints in folders of this machine: the only place here that touches files.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use assets::delta::Unreadable;
use bytes::Bytes;

use super::store::{Cost, FileStat, LARGEST_FILE, LogStore, StoredFile};

/// The log of a table on a local or mounted path.
#[derive(Debug)]
pub struct LocalStore {
    log: PathBuf,
    place: String,
}

impl LocalStore {
    /// Names the log of the table at `location`; looks at nothing.
    pub fn of(location: &Path) -> Self {
        Self::of_folder(location.join("_delta_log"))
    }

    /// Names a folder that is no log; looks at nothing.
    pub fn of_folder(log: PathBuf) -> Self {
        let place = log.display().to_string();
        Self { log, place }
    }
}

impl LogStore for LocalStore {
    fn place(&self) -> &str {
        &self.place
    }

    fn cost(&self) -> Cost {
        Cost::Local
    }

    fn stat(&self, name: &str) -> Result<Option<FileStat>, Unreadable> {
        let path = self.log.join(name);
        let Some(metadata) = present(&path, fs::metadata(&path))? else {
            return Ok(None);
        };
        Ok(metadata.is_file().then(|| file_stat(&metadata)))
    }

    fn read(&self, name: &str) -> Result<Option<StoredFile>, Unreadable> {
        let path = self.log.join(name);
        let Some((file, metadata)) = open(&path)? else {
            return Ok(None);
        };
        let too_large = |bytes: u64| Unreadable::TooLarge {
            name: name.to_owned(),
            bytes,
            limit: LARGEST_FILE,
        };
        if metadata.len() > LARGEST_FILE {
            return Err(too_large(metadata.len()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreachable(&path, &error))?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > LARGEST_FILE {
            return Err(too_large(size));
        }
        // The size is that of the bytes that were judged, should the file have grown meanwhile.
        let stat = FileStat {
            size,
            ..file_stat(&metadata)
        };
        let bytes = Bytes::from(bytes);
        Ok(Some(StoredFile { stat, bytes }))
    }

    fn read_ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Unreadable> {
        let path = self.log.join(name);
        let Some((file, _)) = open(&path)? else {
            return Err(unreachable(&path, &io::Error::from(ErrorKind::NotFound)));
        };
        let part = |range: &Range<u64>| {
            let length = range.end.saturating_sub(range.start).min(LARGEST_FILE);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact_at(&mut bytes, range.start)
                .map_err(|error| unreachable(&path, &error))?;
            Ok(Bytes::from(bytes))
        };
        ranges.iter().map(part).collect()
    }

    fn list(&self, after: Option<&str>) -> Result<Option<Vec<String>>, Unreadable> {
        let Some(entries) = present(&self.log, fs::read_dir(&self.log))? else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreachable(&self.log, &error))?;
            // A name that is not UTF-8 is none of the protocol's.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder && after.is_none_or(|after| name.as_str() > after) {
                names.push(name);
            }
        }
        Ok(Some(names))
    }
}

/// Opens a regular file; nothing where there is none.
fn open(path: &Path) -> Result<Option<(File, Metadata)>, Unreadable> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let Some(metadata) = present(path, fs::metadata(path))? else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let Some(file) = present(path, File::open(path))? else {
        return Ok(None);
    };
    let metadata = file.metadata().map_err(|error| unreachable(path, &error))?;
    Ok(Some((file, metadata)))
}

fn file_stat(metadata: &Metadata) -> FileStat {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let nanos = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::wrapping_neg)
        }
    };
    FileStat {
        size: metadata.len(),
        modified_nanos: nanos,
        etag: None,
    }
}

/// Turns "not there" into nothing, and every other failure into a reason.
fn present<T>(path: &Path, result: io::Result<T>) -> Result<Option<T>, Unreadable> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(unreachable(path, &error)),
    }
}

fn unreachable(path: &Path, error: &io::Error) -> Unreadable {
    Unreadable::Unreachable {
        path: path.display().to_string(),
        detail: error.to_string(),
    }
}
