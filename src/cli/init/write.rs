//! How `init` writes: new files only, and lists that grow by a line.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::error::{CommandError, Exit};

/// Writes a new file and the folders above it; one that is there already is an error.
pub(super) fn create(folder: &Path, file: &str, text: &str) -> Result<(), CommandError> {
    let path = folder.join(file);
    let written = make_folder(&path).and_then(|()| {
        let mut new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        new.write_all(text.as_bytes())
    });
    written.map_err(|error| unwritable(file, &error))
}

/// Writes a file of our own folder, whatever was there.
pub(super) fn refresh(folder: &Path, file: &str, text: &str) -> Result<(), CommandError> {
    let path = folder.join(file);
    let written = make_folder(&path).and_then(|()| fs::write(&path, text));
    written.map_err(|error| unwritable(file, &error))
}

/// Adds a line to a list, or begins the list; returns whether the line was not there yet.
pub(super) fn add_line(folder: &Path, file: &str, line: &str) -> Result<bool, CommandError> {
    let path = folder.join(file);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unwritable(file, &error)),
    };
    if text.lines().any(|known| known.trim() == line) {
        return Ok(false);
    }
    let gap = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let appended = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut list| list.write_all(format!("{gap}{line}\n").as_bytes()));
    appended.map_err(|error| unwritable(file, &error))?;
    Ok(true)
}

fn make_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn unwritable(file: &str, error: &io::Error) -> CommandError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("`{file}` is there already, and `init` never overwrites");
        return CommandError::new("C007", Exit::Usage, message)
            .hint("move it away, or check it with `headwater validate`");
    }
    CommandError::new("C008", Exit::Usage, format!("`{file}` cannot be written"))
        .because_of(Some(error))
        .hint("look whether this user may write there, and whether the disk is full")
}
