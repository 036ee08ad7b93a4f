//! Taking the place of a state file: nobody works with it, it is kept, another one gets its name.
//!
//! Nobody may go on with the file that is replaced: it is taken over only while no other process
//! has it open, and marked, so that whoever opens it in that moment is refused.
//!
//! Invariant: at every moment the name of the state file leads to the old file or the new one, each
//! of them whole, and never with a log of the other beside it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempPath;

use super::fault::{Fault, database};
use super::query::first;
use super::{OpenMode, Store, copy, intent, lease, load, meta, migrate, place};
use crate::ports::StateError;
use crate::state::Intent;

/// How long others may keep the file open: commands that only read take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How every SQLite database begins. Source: SQLite, "Database File Format", section 1.3.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Whose place is taken, and by whom.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The state file.
    pub path: &'a Path,
    /// Who asks for it, for the audit trail.
    pub actor: &'a str,
    /// The time, UTC.
    pub now: DateTime<Utc>,
    /// Whether a holder of the lease surely lives no more.
    pub is_dead: &'a dyn Fn(&str) -> bool,
}

/// The file that is there.
pub(super) enum Present {
    None,
    Usable(Box<Store>),
    /// It cannot be read as a state; it is put aside as it is.
    Unusable,
}

/// What of the file that is there counts for the new one.
#[derive(Default)]
pub(super) struct Past {
    pub(super) epoch: u64,
    pub(super) generation: u64,
    pub(super) open: Vec<Intent>,
    pub(super) workspace: Option<String>,
    pub(super) audit_rows: Option<u64>,
}

/// Makes sure that nobody works with the file that is there, and reads what counts of it.
pub(super) fn take(order: Place<'_>) -> Result<(Present, Past), StateError> {
    let present = present(order)?;
    let past = match &present {
        Present::Usable(store) => past(store, order)?,
        Present::None => Past::default(),
        Present::Unusable => salvage(order)?,
    };
    Ok((present, past))
}

fn present(order: Place<'_>) -> Result<Present, StateError> {
    if !order.path.exists() {
        return Ok(Present::None);
    }
    if !looks_like_sqlite(order.path)? {
        // SQLite would throw away the log beside it, which may be all that is left.
        return Ok(Present::Unusable);
    }
    match Store::open(order.path, OpenMode::ReadWrite) {
        Ok(store) => Ok(Present::Usable(Box::new(store))),
        Err(
            StateError::Damaged { .. }
            | StateError::NewerSchema { .. }
            | StateError::Unreadable { .. },
        ) => Ok(Present::Unusable),
        Err(error) => Err(error),
    }
}

/// Returns whether a file begins as SQLite's do, or is empty. Nothing of this process has it open.
fn looks_like_sqlite(path: &Path) -> Result<bool, StateError> {
    let mut start = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16).read_to_end(&mut start))
        .map_err(|error| place::unfit(path, format!("it cannot be read ({error})")))?;
    Ok(start.is_empty() || start == SQLITE)
}

/// Makes sure that nobody works with the file or can begin to, and reads what counts of it.
fn past(store: &Store, order: Place<'_>) -> Result<Past, StateError> {
    let refuse_living = || match store.lease_info()? {
        Some(info) => lease::refuse_living(&info, order.now, order.is_dead)
            .map_err(|fault| fault.at(order.path, "read")),
        None => Ok(()),
    };
    refuse_living()?;
    shut_others_out(store)?;
    // Somebody may have taken it in between.
    refuse_living()?;
    store.read(read_past)
}

fn read_past(connection: &Connection) -> Result<Past, Fault> {
    Ok(Past {
        epoch: lease::highest_epoch(connection)?,
        generation: load::generation(connection)?,
        open: intent::open(connection)?,
        workspace: meta::workspace(connection)?,
        audit_rows: Some(audit_rows(connection)?),
    })
}

fn audit_rows(connection: &Connection) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM audit";
    let rows = first(connection, "audit", sql, (), |cells| cells.number())?;
    Ok(rows.unwrap_or_default())
}

/// Takes the whole file for this connection, which works only while no other process has it open;
/// what stood in the log is in the file then.
fn shut_others_out(store: &Store) -> Result<(), StateError> {
    let inner = store.lock();
    let connection = &inner.connection;
    let began = Instant::now();
    loop {
        let taken = connection
            .pragma_update(None, "locking_mode", "EXCLUSIVE")
            .and_then(|()| leave_log(connection, "DELETE"));
        match taken {
            Ok(()) => break,
            Err(error) if is_busy(&error) && began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) if is_busy(&error) => {
                return Err(place::unfit(
                    store.path(),
                    "another process has it open and might go on with it: end that process first"
                        .to_owned(),
                ));
            }
            Err(error) => return Err(database(error, store.path(), "taken over")),
        }
    }
    // No journal with the name of the file is left behind that the new one would take for its own.
    leave_log(connection, "MEMORY").map_err(|error| database(error, store.path(), "taken over"))
}

/// Goes over to another kind of log, which leaves none of the former kind behind.
pub(super) fn leave_log(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    let sql = format!("PRAGMA journal_mode = {mode}");
    let now: String = connection.query_row(&sql, (), |row| row.get(0))?;
    if now.eq_ignore_ascii_case(mode) {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        None,
    ))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Reads what can be read of a file that is no use as a state. What cannot be read counts as
/// nothing; a living holder is kept to.
fn salvage(order: Place<'_>) -> Result<Past, StateError> {
    if !looks_like_sqlite(order.path)? {
        return Ok(Past::default());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(order.path, flags) else {
        return Ok(Past::default());
    };
    if let Ok(Some(info)) = lease::info(&connection) {
        lease::refuse_living(&info, order.now, order.is_dead)
            .map_err(|fault| fault.at(order.path, "read"))?;
    }
    Ok(Past {
        epoch: lease::highest_epoch(&connection).unwrap_or_default(),
        generation: load::generation(&connection).unwrap_or_default(),
        open: intent::open(&connection).unwrap_or_default(),
        workspace: meta::workspace(&connection).unwrap_or_default(),
        audit_rows: audit_rows(&connection).ok(),
    })
}

/// Keeps the file that is there under another name and gives its name to the new one.
pub(super) fn replace(
    new: TempPath,
    present: Present,
    order: Place<'_>,
) -> Result<Option<PathBuf>, StateError> {
    let path = order.path;
    let replaced = match &present {
        Present::None => {
            // What a file that is gone left behind would be taken for the new one's.
            drop_beside(path)?;
            None
        }
        Present::Usable(store) => {
            let aside = aside(path, order.now);
            keep(store, &aside)?;
            mark_replaced(store)?;
            Some(aside)
        }
        Present::Unusable => {
            let aside = aside(path, order.now);
            keep_as_it_is(path, &aside)?;
            Some(aside)
        }
    };
    new.persist(path).map_err(|failed| {
        place::unfit(path, format!("it cannot be replaced ({})", failed.error))
    })?;
    copy::sync(&place::folder_of(path))?;
    // Kept open until now, so that nobody else could begin to work with the old file.
    drop(present);
    Ok(replaced)
}

/// Makes one file without a log of a state, to be renamed.
pub(super) fn finish_file(store: Store, path: &Path) -> Result<(), StateError> {
    leave_log(&store.lock().connection, "DELETE")
        .map_err(|error| database(error, path, "written"))?;
    let file = store.path().to_owned();
    drop(store);
    copy::sync(&file)
}

fn aside(path: &Path, now: DateTime<Utc>) -> PathBuf {
    let stamp = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    with_suffix(
        path,
        &format!(".replaced-{}", stamp.replace([':', '-'], "")),
    )
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Copies the file page by page, as it is.
fn keep(store: &Store, aside: &Path) -> Result<(), StateError> {
    let kept = copy::passing_name(aside)?;
    let copied = || {
        let mut target = Connection::open(&kept)?;
        Backup::new(&store.lock().connection, &mut target)?.step(-1)?;
        Ok(())
    };
    copied().map_err(|error| database(error, aside, "copied"))?;
    copy::sync(&kept)?;
    copy::persist_new(kept, aside)
}

/// Lets whoever opens the old file from now on be refused.
fn mark_replaced(store: &Store) -> Result<(), StateError> {
    let inner = store.lock();
    inner
        .connection
        .pragma_update(None, "application_id", migrate::REPLACED_ID)
        .map_err(|error| database(error, store.path(), "written"))
}

/// Keeps a file that is no use, with its log, unopened: it may still be looked into.
fn keep_as_it_is(path: &Path, aside: &Path) -> Result<(), StateError> {
    let failed = |error| place::unfit(aside, format!("nothing can be kept there ({error})"));
    std::fs::hard_link(path, aside).map_err(failed)?;
    for beside in ["-wal", "-shm", "-journal"] {
        let from = with_suffix(path, beside);
        if from.exists() {
            std::fs::rename(from, with_suffix(aside, beside)).map_err(failed)?;
        }
    }
    copy::sync(&place::folder_of(path))
}

fn drop_beside(path: &Path) -> Result<(), StateError> {
    for beside in ["-wal", "-shm", "-journal"] {
        match std::fs::remove_file(with_suffix(path, beside)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let problem = format!("a left-over `{beside}` cannot be removed ({error})");
                return Err(place::unfit(path, problem));
            }
        }
    }
    Ok(())
}
