//! `state backup`: a copy of the state file, and no more of them than wanted.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;

use super::super::Context;
use super::super::diagnostics::load_project;
use super::super::human::counted;
use super::super::output::Document;
use crate::app::back_up_state;
use crate::clock::SystemClock;
use crate::error::{CommandError, Exit};
use crate::ports::Clock;

/// How the time stands in the name of a backup, UTC.
const STAMP: &str = "%Y%m%dT%H%M%S%.3fZ";

/// Arguments of `state backup`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater state backup\n  headwater state backup --keep 14\n  \
                  headwater state backup /mnt/safe/lakehouse.db"
)]
pub(super) struct BackupArgs {
    /// Where to; without it, `.headwater/backups/ENV-TIME.db` in the project
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Remove the oldest backups of this environment in the same folder beyond so many; only those
    /// that are named ENV-TIME.db
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
}

#[derive(Debug, Serialize)]
struct StateBackup {
    file: String,
    state_file: String,
    size_bytes: u64,
    audit_rows: u64,
    removed: Vec<String>,
}

impl Document for StateBackup {
    const KIND: &'static str = "StateBackup";
    type Item = ();

    fn items(&self) -> Option<&[()]> {
        None
    }
}

pub(super) fn run(context: &Context, args: &BackupArgs) -> Result<Exit, CommandError> {
    let loaded = load_project(context)?;
    let environment = &loaded.environment_name;
    let file = match &args.file {
        Some(file) => context.directory.join(file),
        None => loaded
            .root
            .join(".headwater/backups")
            .join(name(environment, SystemClock.now())),
    };
    if file.exists() {
        let message = format!("{} is there already", file.display());
        return Err(CommandError::new("C007", Exit::Usage, message)
            .hint("name another file: a backup never overwrites anything"));
    }
    let audit_rows = back_up_state(&loaded.state_path, &file)?;
    // Only once the new one is safe.
    let removed = match args.keep {
        Some(keep) => remove_beyond(keep, environment, &file)?,
        None => Vec::new(),
    };
    let made = StateBackup {
        size_bytes: std::fs::metadata(&file).map_or(0, |file| file.len()),
        file: file.display().to_string(),
        state_file: loaded.state_path.display().to_string(),
        audit_rows,
        removed,
    };
    context.output.emit(&made, || text(&made))?;
    Ok(Exit::Done)
}

fn text(made: &StateBackup) -> String {
    let kib = made.size_bytes.div_ceil(1024);
    let removed = match made.removed.len() {
        0 => String::new(),
        count => format!("; {} removed", counted(count, "older backup")),
    };
    format!(
        "{}: {kib} KiB, read back and whole, audit trail of {} rows{removed}\n",
        made.file, made.audit_rows
    )
}

fn name(environment: &str, now: DateTime<Utc>) -> String {
    format!("{environment}-{}.db", now.format(STAMP))
}

/// Returns when a backup was made whose name is one that this command gives.
fn made_at(environment: &str, name: &str) -> Option<NaiveDateTime> {
    let stamp = name.strip_prefix(environment)?.strip_prefix('-')?;
    NaiveDateTime::parse_from_str(stamp.strip_suffix(".db")?, STAMP).ok()
}

fn remove_beyond(
    keep: NonZeroUsize,
    environment: &str,
    made: &Path,
) -> Result<Vec<String>, CommandError> {
    let failed = |path: &Path, error: &std::io::Error| {
        let message = format!("old backups in {} cannot be removed", path.display());
        CommandError::new("C008", Exit::Failed, message)
            .because_of(Some(error))
            .hint(format!("{} was made all the same", made.display()))
    };
    let folder = made.parent().unwrap_or(made);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let entry = entry.map_err(|error| failed(folder, &error))?;
        let at = made_at(environment, &entry.file_name().to_string_lossy());
        found.extend(at.map(|at| (at, entry.path())));
    }
    found.sort();
    // A copy under another name is none of those that are counted.
    let beyond = found.len().saturating_sub(keep.get());
    let mut removed = Vec::new();
    for (_, path) in found.into_iter().take(beyond) {
        std::fs::remove_file(&path).map_err(|error| failed(folder, &error))?;
        removed.push(path.display().to_string());
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_command_and_environment_are_its_backups() {
        let now = DateTime::UNIX_EPOCH;
        let name = name("dev", now);
        assert_eq!(name, "dev-19700101T000000.000Z.db");
        assert_eq!(made_at("dev", &name), Some(now.naive_utc()));
        for other in [
            "prod-19700101T000000.000Z.db",
            "dev-mine.db",
            "dev.db",
            "dev-eu-19700101T000000.000Z.db",
        ] {
            assert_eq!(made_at("dev", other), None, "{other}");
        }
    }
}
