//! Copies of a state file that can be relied on: whole, checked, and never over something else.
//!
//! A copy is one consistent view, whoever writes meanwhile, and one file: without a log beside it.
//! It gets its name only once it is on the disk and was read back.

use std::fs::File;
use std::path::Path;

use rusqlite::params;
use tempfile::TempPath;

use super::fault::database;
use super::{Store, audit, open, place};
use crate::ports::StateError;

/// Copies a state file that may be in use; returns how many rows the audit trail of the copy has.
///
/// The copy is readable by its owner only. What is there already is never overwritten.
pub fn back_up(source: &Path, target: &Path) -> Result<u64, StateError> {
    if target.exists() {
        return Err(taken(target));
    }
    let copy = copy_beside(source, target)?;
    let rows = verify(&copy)?;
    persist_new(copy, target)?;
    Ok(rows)
}

/// Makes a copy under a passing name in the folder of `target`; it vanishes unless it is renamed.
pub(super) fn copy_beside(source: &Path, target: &Path) -> Result<TempPath, StateError> {
    let (connection, _) = open::any_version(source)?;
    let copy = passing_name(target)?;
    let name = copy.to_str().ok_or_else(|| {
        place::unfit(
            target,
            "its name is not UTF-8, as SQLite needs it".to_owned(),
        )
    })?;
    // Reads one consistent view, takes no lock that keeps writers out, and leaves gaps behind.
    connection
        .execute("VACUUM INTO ?1", params![name])
        .map_err(|error| database(error, source, "copied"))?;
    drop(connection);
    sync(&copy)?;
    Ok(copy)
}

/// Makes an empty file beside another one that only its owner may read. Its handle is closed, as
/// SQLite needs it.
pub(super) fn passing_name(target: &Path) -> Result<TempPath, StateError> {
    let folder = place::make_folder(target)?;
    let made = tempfile::Builder::new()
        .prefix(".state-")
        .suffix(".part")
        .tempfile_in(folder);
    made.map(tempfile::NamedTempFile::into_temp_path)
        .map_err(|error| place::unfit(target, format!("nothing can be made there ({error})")))
}

/// Reads a copy back: every page, and the whole audit trail.
pub(super) fn verify(copy: &Path) -> Result<u64, StateError> {
    let (connection, _) = open::any_version(copy)?;
    let answer: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|error| database(error, copy, "checked"))?;
    if answer != "ok" {
        return Err(StateError::Damaged {
            path: copy.display().to_string(),
            problem: format!("its content is damaged ({})", answer.replace('\n', " ")),
        });
    }
    audit::require_whole(&Store::around(connection, copy, false))
}

/// Gives a copy its name, unless something has it.
pub(super) fn persist_new(copy: TempPath, target: &Path) -> Result<(), StateError> {
    copy.persist_noclobber(target).map_err(|failed| {
        if failed.error.kind() == std::io::ErrorKind::AlreadyExists {
            taken(target)
        } else {
            place::unfit(target, format!("it cannot be made ({})", failed.error))
        }
    })?;
    sync(&place::folder_of(target))
}

/// Waits until a file, or the names in a folder, are on the disk.
pub(super) fn sync(path: &Path) -> Result<(), StateError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| place::unfit(path, format!("it cannot be brought to the disk ({error})")))
}

fn taken(target: &Path) -> StateError {
    place::unfit(
        target,
        "there is something already, and it is never overwritten".to_owned(),
    )
}
