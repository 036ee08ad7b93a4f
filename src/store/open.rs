//! Opening a state file: for writing, for reading, or as a private copy in memory.
//!
//! SQLite is held to what survives a power loss: write-ahead log with `synchronous=FULL`. Releases
//! before 3.51.3 are refused, as they can corrupt a write-ahead log.
//! Source: SQLite, release history of 3.51.3 (read 2026-11-20).

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::database;
use super::migrate::{self, Found};
use super::{LARGE_LOG_MIB, place};
use crate::ports::StateError;

/// What a state file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// To read and write; a file that is missing is made.
    ReadWrite,
    /// To read only; a file that is missing is an error.
    ReadOnly,
}

/// The oldest SQLite that is trusted, as its version number.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a statement waits for another process: ours hold the lock for milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// A file up to this size is checked at every opening: a few milliseconds.
const ALWAYS_CHECKED: u64 = 1024 * 1024;

/// A file beyond this size is not checked even after an unclean end: it would take seconds.
const NEVER_CHECKED: u64 = 256 * 1024 * 1024;

/// Opens a file on disk.
pub(super) fn on_disk(path: &Path, mode: OpenMode) -> Result<Connection, StateError> {
    refuse_old_sqlite(path)?;
    match mode {
        OpenMode::ReadWrite => for_writing(path),
        OpenMode::ReadOnly => for_reading(path),
    }
}

/// Returns a new state in memory.
pub(super) fn in_memory(path: &Path) -> Result<Connection, StateError> {
    refuse_old_sqlite(path)?;
    let mut connection = memory().map_err(|error| database(error, path, "opened"))?;
    configure(&connection, path)?;
    migrate::migrate(&mut connection, path)?;
    Ok(connection)
}

/// Returns a copy in memory of what a connection sees now, with nobody holding the lease.
pub(super) fn copy(source: &Connection, path: &Path) -> Result<Connection, StateError> {
    let copied = || {
        let mut copy = memory()?;
        // All pages in one step: a single consistent view, whatever others write meanwhile.
        Backup::new(source, &mut copy)?.step(-1)?;
        copy.execute("UPDATE lease SET holder = NULL", ())?;
        Ok(copy)
    };
    let mut copy = copied().map_err(|error| database(error, path, "copied"))?;
    configure(&copy, path)?;
    migrate::migrate(&mut copy, path)?;
    Ok(copy)
}

/// A database of this connection alone, which the store's own lock guards.
fn memory() -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_in_memory_with_flags(flags)
}

fn refuse_old_sqlite(path: &Path) -> Result<(), StateError> {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StateError::Place {
        path: path.display().to_string(),
        problem: format!(
            "SQLite {} can corrupt it, 3.51.3 or newer is needed",
            rusqlite::version()
        ),
    })
}

fn for_writing(path: &Path) -> Result<Connection, StateError> {
    place::prepare(path)?;
    let doubt = doubt(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)
        .map_err(|error| database(error, path, "opened"))?;
    // Before anything is written: what is damaged or another program's is left as it is, and so is
    // its log, which closing would work into it.
    put_log_away_at_the_end(&connection, path, false)?;
    configure(&connection, path)?;
    migrate::inspect(&connection, path)?;
    check(&connection, path, doubt)?;
    put_log_away_at_the_end(&connection, path, true)?;
    use_write_ahead_log(&connection, path)?;
    migrate::migrate(&mut connection, path)?;
    Ok(connection)
}

fn for_reading(path: &Path) -> Result<Connection, StateError> {
    let (connection, version) = any_version(path)?;
    if version < migrate::newest() {
        return Err(StateError::Place {
            path: path.display().to_string(),
            problem: format!(
                "its schema version {version} is older than {}; any writing command brings it up",
                migrate::newest()
            ),
        });
    }
    Ok(connection)
}

/// Opens a file to read it, also one with an older schema, whose version is returned.
pub(super) fn any_version(path: &Path) -> Result<(Connection, i64), StateError> {
    let missing = || StateError::Missing {
        path: path.display().to_string(),
    };
    if !path.exists() {
        return Err(missing());
    }
    let doubt = doubt(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)
        .map_err(|error| database(error, path, "opened"))?;
    let connection = match opened.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(())) {
        Err(error) if is_shut_out(&error) && !has_log(path) => immutable(path)?,
        _ => opened,
    };
    configure(&connection, path)?;
    let found = migrate::inspect(&connection, path)?;
    check(&connection, path, doubt)?;
    match found {
        Found::Empty => Err(missing()),
        Found::Ours(version) => Ok((connection, version)),
    }
}

/// Tells whether reading failed because no shared memory can be made beside the file.
fn is_shut_out(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

/// Opens a file in a folder that may not be written, which nobody else can be writing either.
fn immutable(path: &Path) -> Result<Connection, StateError> {
    let text = path.display().to_string();
    let escaped = text
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(|error| database(error, path, "opened"))
}

fn configure(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let set = || {
        connection.busy_timeout(BUSY)?;
        // Plans that depend on bound values are made anew for each value; none of ours gains by that.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        connection.pragma_update(None, "cell_size_check", "ON")?;
        // What a long reader made the log grow to is given back at the next checkpoint.
        let limit = i64::try_from(LARGE_LOG_MIB * 1024 * 1024).unwrap_or(i64::MAX);
        connection.pragma_update(None, "journal_size_limit", limit)?;
        connection.set_prepared_statement_cache_capacity(96);
        Ok(())
    };
    set().map_err(|error| database(error, path, "opened"))
}

fn put_log_away_at_the_end(
    connection: &Connection,
    path: &Path,
    is_wanted: bool,
) -> Result<(), StateError> {
    let never = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection
        .set_db_config(never, !is_wanted)
        .map_err(|error| database(error, path, "opened"))?;
    Ok(())
}

/// How often, and how far apart, the switch of a new file is tried: SQLite does not wait for other
/// processes there, whatever its busy timeout, and those are done within milliseconds.
const SWITCHES: (usize, Duration) = (100, Duration::from_millis(20));

/// Switches a new file to the write-ahead log; never touches one that uses it already.
fn use_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let mode = |sql: &str| connection.query_row(sql, (), |row| row.get::<_, String>(0));
    let switched = || {
        let now = mode("PRAGMA journal_mode")?;
        if now == "wal" {
            Ok(now)
        } else {
            mode("PRAGMA journal_mode = WAL")
        }
    };
    let (tries, pause) = SWITCHES;
    let mut last = switched();
    for _ in 1..tries {
        match &last {
            Err(error) if is_busy(error) => std::thread::sleep(pause),
            Ok(_) | Err(_) => break,
        }
        last = switched();
    }
    if last.map_err(|error| database(error, path, "opened"))? == "wal" {
        return Ok(());
    }
    Err(StateError::Place {
        path: path.display().to_string(),
        problem: "its file system does not allow SQLite's write-ahead log".to_owned(),
    })
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// How far a file is trusted, judged before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Large, and closed in good order.
    None,
    /// Small, or not closed in good order: worth a look.
    Some,
    /// It ends within a page, which SQLite would fill up with zeros.
    CutOff,
}

fn doubt(path: &Path) -> Result<Doubt, StateError> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    let has_log = has_log(path);
    if size == 0 && has_log {
        // SQLite would throw the log away, which may be all that is left. A new file has its first
        // page before it has a log.
        return Err(StateError::Damaged {
            path: path.display().to_string(),
            problem: "it is empty, and the log beside it is not".to_owned(),
        });
    }
    // Pages are powers of two from 512 bytes. One that a crash left half-written has a log beside it.
    Ok(if !size.is_multiple_of(512) && !has_log {
        Doubt::CutOff
    } else if size <= ALWAYS_CHECKED || (size <= NEVER_CHECKED && has_log) {
        Doubt::Some
    } else {
        Doubt::None
    })
}

/// Tells whether a write-ahead log is left over, or in use by another process.
fn has_log(path: &Path) -> bool {
    log_bytes(path) > 0
}

/// Returns the size of the write-ahead log; 0 where there is none.
pub(super) fn log_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |file| file.len())
}

fn check(connection: &Connection, path: &Path, doubt: Doubt) -> Result<(), StateError> {
    let answer = match doubt {
        Doubt::None => return Ok(()),
        Doubt::CutOff => "it ends within a page".to_owned(),
        Doubt::Some => connection
            .query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0))
            .map_err(|error| database(error, path, "checked"))?,
    };
    if answer == "ok" {
        return Ok(());
    }
    Err(StateError::Damaged {
        path: path.display().to_string(),
        problem: format!("its content is damaged ({})", answer.replace('\n', " ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_change_is_read_without_shared_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd?name#100%.db");
        drop(for_writing(&path).unwrap());
        let connection = immutable(&path).unwrap();
        let found = migrate::inspect(&connection, &path).unwrap();
        assert_eq!(found, Found::Ours(migrate::newest()));
        let beside = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(beside, 1, "neither log nor shared memory is made");
    }
}
