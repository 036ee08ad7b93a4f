//! Reads a file of the project into memory: whole, once, and never without bound.
//!
//! dbt rewrites its manifest in place, and people save files while somebody reads them. What comes
//! from here was the same before and after it was read; what is parsed is that, and no second look
//! at the file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

/// The largest manifest that is read, in bytes: those of the largest projects known have a tenth.
pub(super) const LARGEST_MANIFEST: u64 = 1024 * 1024 * 1024;

/// The largest text of a person that is taken into memory, in bytes; the parser's own bound is far
/// below, and shows the place.
pub(super) const LARGEST_TEXT: u64 = 16 * 1024 * 1024;

/// How often a file is read that changes meanwhile.
const ATTEMPTS: usize = 3;

/// Reads a file of at most `limit` bytes.
pub(super) fn read_bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_at_rest(path, limit, &mut |file, bytes| {
        file.take(limit.saturating_add(1))
            .read_to_end(bytes)
            .map(drop)
    })
}

/// Reads a UTF-8 text of a person.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read_bytes(path, LARGEST_TEXT)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// What differs when a file was written to.
#[derive(PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// Reads until nothing changed meanwhile, within bounds.
fn read_at_rest(
    path: &Path,
    limit: u64,
    read: &mut dyn FnMut(&File, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    for _ in 0..ATTEMPTS {
        // Looked at before it is opened: opening a pipe would wait for its other end.
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = File::open(path)?;
        let before = Stamp::of(&file)?;
        if before.size > limit {
            let message = format!("it has more than {} MiB", limit / (1024 * 1024));
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0));
        read(&file, &mut bytes)?;
        let is_whole = u64::try_from(bytes.len()).is_ok_and(|size| size == before.size);
        if is_whole && Stamp::of(&file)? == before {
            return Ok(bytes);
        }
    }
    Err(io::Error::other("it is still being written"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    const SIZE: usize = 300_000;
    const HALF: u64 = 150_000;

    fn filled_with(byte: u8) -> Vec<u8> {
        vec![byte; SIZE]
    }

    /// Reads the first half, lets somebody write, and reads the rest.
    fn read_with_a_writer(path: &Path, mut write: impl FnMut(u64)) -> (io::Result<Vec<u8>>, u64) {
        let mut attempts = 0;
        let result = read_at_rest(path, LARGEST_MANIFEST, &mut |mut file, bytes| {
            attempts += 1;
            file.take(HALF).read_to_end(bytes)?;
            write(attempts);
            file.read_to_end(bytes).map(drop)
        });
        (result, attempts)
    }

    /// Writes in place, as dbt does, and leaves a time that is not that of before.
    fn rewrite(path: &Path, byte: u8, seconds: u64) {
        let mut file = File::options().write(true).open(path).unwrap();
        file.write_all(&filled_with(byte)).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(at).unwrap();
    }

    #[test]
    fn fault_41_a_file_rewritten_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        fs::write(&path, filled_with(b'a')).unwrap();
        let (read, attempts) = read_with_a_writer(&path, |attempt| {
            if attempt == 1 {
                rewrite(&path, b'b', 1_000);
            }
        });
        assert_eq!(attempts, 2);
        assert!(read.unwrap() == filled_with(b'b'), "a mixture was taken");
    }

    #[test]
    fn fault_41_a_file_cut_while_it_is_read_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        fs::write(&path, filled_with(b'a')).unwrap();
        let (read, attempts) = read_with_a_writer(&path, |attempt| {
            if attempt == 1 {
                fs::write(&path, b"whole").unwrap();
            }
        });
        assert_eq!((read.unwrap(), attempts), (b"whole".to_vec(), 2));
    }

    #[test]
    fn fault_41_a_file_that_never_rests_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        fs::write(&path, filled_with(b'a')).unwrap();
        let (read, attempts) = read_with_a_writer(&path, |attempt| {
            rewrite(&path, b'b', 1_000 + attempt);
        });
        assert_eq!(attempts, 3);
        assert_eq!(read.unwrap_err().to_string(), "it is still being written");
    }

    #[test]
    fn fault_41_a_file_that_is_swapped_is_read_as_one_of_the_two() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        fs::write(&path, filled_with(b'a')).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let other = folder.path().join("new");
                for byte in [b'b', b'a'].into_iter().cycle() {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    fs::write(&other, filled_with(byte)).unwrap();
                    fs::rename(&other, &path).unwrap();
                }
            });
            let mut seen = [false, false];
            for _ in 0..20_000 {
                let bytes = read_bytes(&path, LARGEST_MANIFEST).unwrap();
                assert!(bytes == filled_with(b'a') || bytes == filled_with(b'b'));
                seen[usize::from(bytes[0] == b'b')] = true;
                if seen == [true, true] {
                    break;
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(seen, [true, true], "nobody wrote");
        });
    }

    #[test]
    fn fault_40_44_a_file_that_is_too_large_is_not_taken_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        // Without blocks on disk: only its size is large.
        let file = File::create(&path).unwrap();
        file.set_len(2 * LARGEST_MANIFEST).unwrap();
        let refused = read_bytes(&path, LARGEST_MANIFEST).unwrap_err();
        assert_eq!(refused.to_string(), "it has more than 1024 MiB");
        let refused = read_text(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_or_a_pipe_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [folder.path(), &pipe] {
            let refused = read_bytes(path, LARGEST_MANIFEST).unwrap_err();
            assert_eq!(refused.to_string(), "it is no regular file");
        }
    }
}
