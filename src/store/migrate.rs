//! The schema of a state file and its way forward.
//!
//! Migrations only go forward and only add; all that are missing are applied in one transaction, so
//! that a crash leaves either the old schema or the new one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::database;
use crate::ports::StateError;

/// Marks a state file as ours: `HWtr` in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x4857_7472;

/// Marks a file that a backup or a new state has taken the place of: `HWrp` in ASCII.
pub(super) const REPLACED_ID: i64 = 0x4857_7270;

/// Every migration, oldest first; the schema version is how many were applied.
const MIGRATIONS: [&str; 11] = [
    include_str!("migrations/0001_init.sql"),
    include_str!("migrations/0002_search.sql"),
    include_str!("migrations/0003_tables.sql"),
    include_str!("migrations/0004_deadlines.sql"),
    include_str!("migrations/0005_partitions.sql"),
    include_str!("migrations/0006_positions.sql"),
    include_str!("migrations/0007_checks.sql"),
    include_str!("migrations/0008_provenance.sql"),
    include_str!("migrations/0009_backfills.sql"),
    include_str!("migrations/0010_values.sql"),
    include_str!("migrations/0011_unknown_inputs.sql"),
];

/// The newest schema version that this program knows.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What a file says about itself before anything is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing at all: a new file.
    Empty,
    /// A state of ours with this schema version.
    Ours(i64),
}

/// Returns what the file is; refuses other programs' databases and newer schemas.
pub(super) fn inspect(connection: &Connection, path: &Path) -> Result<Found, StateError> {
    inspect_by(connection, path, newest())
}

fn inspect_by(connection: &Connection, path: &Path, known: i64) -> Result<Found, StateError> {
    // One statement is one look: another process may be making the schema at this moment.
    let (application, version, tables): (i64, i64, i64) = connection
        .query_row(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
             FROM pragma_application_id, pragma_user_version",
            (),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .map_err(|error| database(error, path, "read"))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Found::Empty);
    }
    if application == REPLACED_ID {
        return Err(StateError::Damaged {
            path: path.display().to_string(),
            problem: "another file takes its place; if this lasts, `headwater state restore` or \
                      `rebuild` was cut short and has to be run again"
                .to_owned(),
        });
    }
    if application != APPLICATION_ID || version < 1 {
        return Err(StateError::Damaged {
            path: path.display().to_string(),
            problem: "it is an SQLite database of another program".to_owned(),
        });
    }
    if version > known {
        return Err(StateError::NewerSchema {
            path: path.display().to_string(),
            found: version,
            known,
        });
    }
    Ok(Found::Ours(version))
}

/// Brings the schema up to the newest version.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    migrate_by(connection, path, &MIGRATIONS)
}

fn migrate_by(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StateError> {
    let newest = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if inspect_by(connection, path, newest)? == Found::Ours(newest) {
        return Ok(());
    }
    let step = "migrate";
    tracing::trace!(step, "writing");
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| database(error, path, "opened"))?;
    // Looked at again, now that nobody else can be migrating.
    let applied = match inspect_by(&tx, path, newest)? {
        Found::Empty => 0,
        Found::Ours(version) => usize::try_from(version).unwrap_or(usize::MAX),
    };
    let apply = || {
        for migration in migrations.iter().skip(applied) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", newest)
    };
    apply().map_err(|error| database(error, path, "migrated"))?;
    tracing::trace!(step, "committing");
    tx.commit()
        .map_err(|error| database(error, path, "migrated"))?;
    tracing::trace!(step, "written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::State;
    use crate::store::{OpenMode, Store};

    /// A file as the first `version` migrations made it, with something in it.
    fn old(path: &Path, version: usize) {
        let mut connection = Connection::open(path).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        migrate_by(&mut connection, path, &MIGRATIONS[..version]).unwrap();
        let sql = "INSERT INTO meta (key, value) VALUES ('workspace_id', 'w1')";
        connection.execute(sql, ()).unwrap();
    }

    fn number(connection: &Connection, sql: &str) -> i64 {
        connection.query_row(sql, (), |row| row.get(0)).unwrap()
    }

    /// All migrations and one more.
    fn and(next: &'static str) -> Vec<&'static str> {
        MIGRATIONS.into_iter().chain([next]).collect()
    }

    #[test]
    fn fault_55_a_file_of_every_older_version_is_brought_up_and_keeps_what_it_holds() {
        for version in 1..=MIGRATIONS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.db");
            old(&path, version);
            let store = Store::open(&path, OpenMode::ReadWrite).unwrap();
            assert_eq!(store.pinned_workspace().unwrap().as_deref(), Some("w1"));
            let connection = Connection::open(&path).unwrap();
            assert_eq!(number(&connection, "PRAGMA user_version"), newest());
        }
    }

    #[test]
    fn fault_55_a_file_from_before_partitions_were_kept_goes_on_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        old(&path, 2);
        // A head as it was stored then, of a table whose files nobody had counted.
        let head = r#"{"table_id":"t","version":7,"marker":{"size":1,"modified_nanos":2,"content":3},
            "data":{"version":6,"at":"2026-01-01T00:00:00Z"},"read_from":0,
            "last_committed_at":"2026-01-01T00:00:00Z","operation":"WRITE","state":{"metadata":
            {"id":"t","partition_columns":["day"],"schema_hash":null,"configuration":{}},"protocol":
            {"min_reader_version":1,"min_writer_version":2,"reader_features":[],"writer_features":[]}}}"#;
        let connection = Connection::open(&path).unwrap();
        let sql = "INSERT INTO observation (asset, state, head, since) VALUES ('a', 'ok', ?1, 5)";
        connection.execute(sql, [head]).unwrap();
        drop(connection);
        let store = Store::open(&path, OpenMode::ReadWrite).unwrap();
        let memory = store.load().unwrap();
        let seen = memory.observations.values().next().unwrap();
        let head = seen.head.as_ref().unwrap();
        assert_eq!((head.version, head.details.contents.as_ref()), (7, None));
        assert_eq!(head.state.metadata.partition_columns, ["day"]);
        assert_eq!(head.state.metadata.partitioning.len(), 0);
        assert_eq!(store.table_notes().unwrap().len(), 0);
        let connection = Connection::open(&path).unwrap();
        for table in ["table_partition", "table_schema", "schema_change"] {
            let sql = format!("SELECT count(*) FROM {table}");
            assert_eq!(number(&connection, &sql), 0, "{table}");
        }
    }

    #[test]
    fn fault_55_a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        old(&path, MIGRATIONS.len());
        let mut connection = Connection::open(&path).unwrap();
        let broken = and("CREATE TABLE extra (x); INSERT INTO nowhere VALUES (1);");
        let error = migrate_by(&mut connection, &path, &broken).unwrap_err();
        assert!(error.to_string().contains("migrated"), "{error}");
        assert_eq!(number(&connection, "PRAGMA user_version"), newest());
        let made = "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'";
        assert_eq!(number(&connection, made), 0);
        drop(connection);
        Store::open(&path, OpenMode::ReadWrite).unwrap();
    }

    #[test]
    fn fault_55_of_many_that_migrate_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        old(&path, MIGRATIONS.len());
        let all = and("CREATE TABLE extra (x); INSERT INTO extra VALUES (1);");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut connection = Connection::open(&path).unwrap();
                    let patience = std::time::Duration::from_secs(30);
                    connection.busy_timeout(patience).unwrap();
                    migrate_by(&mut connection, &path, &all).unwrap();
                });
            }
        });
        let connection = Connection::open(&path).unwrap();
        assert_eq!(number(&connection, "SELECT count(*) FROM extra"), 1);
        assert_eq!(number(&connection, "PRAGMA user_version"), newest() + 1);
    }
}
