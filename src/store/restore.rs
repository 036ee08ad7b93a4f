//! Putting a backup in the place of a state file.
//!
//! A backup knows nothing of what was done after it was made: an intent that it has as `pending`
//! may have been sent, tried again under a later attempt, and settled. So every open intent becomes
//! `uncertain`: nothing is sent for it before its runs, those of later attempts included, were
//! looked for by the correlation (`execute::adopt`). What it remembers to be consumed is older than
//! the tables, which costs runs and loses nothing.
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
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use serde_json::json;
use tempfile::TempPath;

use super::cells::micros;
use super::fault::{Fault, database};
use super::query::{Write, first};
use super::{OpenMode, Store, attempt, audit, copy, intent, lease, load, migrate, place, search};
use crate::ports::StateError;
use crate::state::{Intent, IntentState, Search, SearchCause};

/// How long others may keep the file open: commands that only read take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How every SQLite database begins. Source: SQLite, "Database File Format", section 1.3.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// What is restored.
pub struct Restore<'a> {
    /// The backup.
    pub backup: &'a Path,
    /// The state file.
    pub path: &'a Path,
    /// Who asks for it, for the audit trail.
    pub actor: &'a str,
    /// The time, UTC.
    pub now: DateTime<Utc>,
    /// Whether a holder of the lease surely lives no more.
    pub is_dead: &'a dyn Fn(&str) -> bool,
}

/// What restoring did.
#[derive(Debug)]
pub struct Restored {
    /// Where the file that was there is now.
    pub replaced: Option<PathBuf>,
    /// The epoch that everybody is behind who was here before.
    pub epoch: u64,
    /// The newest row of the audit trail of the backup.
    pub audit_rows: u64,
    /// The open intents, as the backup has them: each is looked up before anything is sent.
    pub looked_up: Vec<Intent>,
    /// What is open in the file that was replaced and unknown to the backup.
    pub not_in_backup: Vec<Intent>,
}

/// The file that is there.
enum Present {
    None,
    Usable(Store),
    /// It cannot be read as a state; it is put aside as it is.
    Unusable,
}

/// What of the file that is there counts for the new one.
#[derive(Default)]
struct Past {
    epoch: u64,
    generation: u64,
    open: Vec<Intent>,
}

/// Puts a backup in the place of the state file.
pub fn restore(order: &Restore<'_>) -> Result<Restored, StateError> {
    let audit_rows = copy::verify(order.backup)?;
    let present = present(order)?;
    let past = match &present {
        Present::Usable(store) => past(store, order)?,
        Present::None => Past::default(),
        Present::Unusable => salvage(order)?,
    };
    let copied = copy::copy_beside(order.backup, order.path)?;
    let (epoch, looked_up) = prepare(&copied, order, &past)?;
    let replaced = replace(copied, present, order)?;
    let known = Store::open(order.path, OpenMode::ReadOnly)?;
    let mut not_in_backup = Vec::new();
    for intent in past.open {
        if known.intent(&intent.id)?.is_none() {
            not_in_backup.push(intent);
        }
    }
    Ok(Restored {
        replaced,
        epoch,
        audit_rows,
        looked_up,
        not_in_backup,
    })
}

fn present(order: &Restore<'_>) -> Result<Present, StateError> {
    if !order.path.exists() {
        return Ok(Present::None);
    }
    if !looks_like_sqlite(order.path)? {
        // SQLite would throw away the log beside it, which may be all that is left.
        return Ok(Present::Unusable);
    }
    match Store::open(order.path, OpenMode::ReadWrite) {
        Ok(store) => Ok(Present::Usable(store)),
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
fn past(store: &Store, order: &Restore<'_>) -> Result<Past, StateError> {
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
    })
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

fn leave_log(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
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
fn salvage(order: &Restore<'_>) -> Result<Past, StateError> {
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
    })
}

/// Makes the copy of the backup ready to be gone on with; returns its epoch and what is open in it.
fn prepare(
    copy: &Path,
    order: &Restore<'_>,
    past: &Past,
) -> Result<(u64, Vec<Intent>), StateError> {
    let store = Store::open(copy, OpenMode::ReadWrite)?;
    store.act_as(order.actor);
    let above = (past.epoch, past.generation);
    let made = store.write(|write| go_on(write, above, Some(order.backup), order.now))?;
    // One file without a log, to be renamed.
    leave_log(&store.lock().connection, "DELETE")
        .map_err(|error| database(error, order.path, "written"))?;
    drop(store);
    copy::sync(copy)?;
    Ok(made)
}

impl Store {
    /// Makes a state that was copied earlier ready to be gone on with: every open intent is in
    /// doubt, the epoch is above `above_epoch`, and runs that the copy does not know are looked for.
    ///
    /// Returns the epoch and the intents that were open. This is what [`restore`] does to the copy
    /// of a backup; for a state in memory it is all there is to do.
    pub fn go_on_from_backup(
        &self,
        above_epoch: u64,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<Intent>), StateError> {
        self.act_as(actor);
        self.write(|write| go_on(write, (above_epoch, 0), None, now))
    }
}

fn go_on(
    write: &Write<'_>,
    (epoch, generation): (u64, u64),
    backup: Option<&Path>,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<Intent>), Fault> {
    let open = intent::open(&write.tx)?;
    for intent in &open {
        doubt(write, intent, now)?;
    }
    let epoch = lease::raise(write, epoch, now)?;
    raise_generation(write, generation)?;
    let ids: Vec<&str> = open.iter().map(|intent| intent.id.0.as_str()).collect();
    let detail = json!({
        "backup": backup.map(|backup| backup.display().to_string()),
        "epoch": epoch,
        "looked_up": ids,
    });
    search::record(write, Some(&Search::new(SearchCause::Restored)), now)?;
    audit::append(write, now, "state.restored", "state", &detail)?;
    Ok((epoch, open))
}

/// Raises the generation above all that were ever seen of a file.
pub(super) fn raise_generation(write: &Write<'_>, above: u64) -> Result<(), Fault> {
    let generation = above.max(load::generation(&write.tx)?);
    write.execute(
        "UPDATE meta SET value = ?1 WHERE key = 'generation'",
        params![super::cells::signed(generation.saturating_add(1))?],
    )?;
    Ok(())
}

/// Marks that nobody can tell whether an attempt has a run, or a later attempt one. It may have
/// been sent from the moment it was written down until now.
fn doubt(write: &Write<'_>, intent: &Intent, now: DateTime<Utc>) -> Result<(), Fault> {
    let current = (&intent.id, intent.attempt);
    let sql =
        "SELECT coalesce(first_sent_at, created_at) FROM run WHERE intent = ?1 AND attempt = ?2";
    let from = first(
        &write.tx,
        "run",
        sql,
        params![intent.id.0, intent.attempt],
        |cells| cells.take::<i64>(),
    )?;
    write.change(
        "UPDATE run SET first_sent_at = ?3, last_sent_at = ?4, not_before = NULL
         WHERE intent = ?1 AND attempt = ?2",
        params![intent.id.0, intent.attempt, from, micros(now)],
    )?;
    let reason = "the state was restored from a backup: it may have gone on since";
    let states = (intent.state, IntentState::Uncertain);
    attempt::advance(write, current, states, now, json!({ "reason": reason }))
}

/// Keeps the file that is there under another name and gives its name to the new one.
fn replace(
    new: TempPath,
    present: Present,
    order: &Restore<'_>,
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
