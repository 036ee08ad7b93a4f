//! Checkpoints: the whole state of a table at one version, kept in columns.
//!
//! The way through it: `fetched` gets the footer and the columns of a Parquet file from a store;
//! `footer`, `pages`, `levels` and `encoded` look (by `thrift`) at whatever would be believed too readily;
//! `pages` and `column` read one column, batch by batch; `shape` finds the columns that matter in whatever schema
//! a writer chose; `rows` makes actions of them; `text` spells values of typed columns as a log does.
//! What a v2 checkpoint leaves to sidecars, or says in JSON, is followed here.
//! Source: Delta protocol, "Checkpoints".

mod column;
mod encoded;
mod fetched;
mod footer;
mod levels;
mod pages;
mod rows;
mod shape;
mod text;
mod thrift;

use assets::delta::Unreadable;
use assets::delta::action::{
    FileAction, MetadataAction, ProtocolAction, SidecarAction, TransactionAction, read_actions,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;

use super::listing::Checkpoint;
use super::store::LogStore;
use crate::panics;

/// One row of a checkpoint. Rows of other kinds are passed over, tombstones among them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CheckpointRow<'a> {
    /// A file of the table.
    Add(FileAction<'a>),
    /// What the table is.
    Metadata(MetadataAction),
    /// What it asks of readers and writers.
    Protocol(ProtocolAction),
    /// How far an application is.
    Transaction(TransactionAction),
}

/// What of a checkpoint is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// What the table is, and no files: no sidecar and no column of files is read.
    Table,
    /// Everything.
    Files {
        /// Physical paths of columns whose statistics are wanted beside the rows.
        columns: &'a [Vec<String>],
    },
}

/// Reads a checkpoint and shows its rows, in no order, to `visit`.
///
/// # Errors
///
/// [`Unreadable::BrokenCheckpoint`] where a file of it is damaged, missing or of another shape, and what
/// the store says where it fails.
pub(super) fn read(
    store: &dyn LogStore,
    checkpoint: &Checkpoint,
    wanted: Wanted<'_>,
    visit: &mut dyn FnMut(CheckpointRow<'_>),
) -> Result<(), Unreadable> {
    let mut sidecars = Vec::new();
    for name in &checkpoint.files {
        let mut take = |row: Row<'_>| match row {
            Row::Sidecar(sidecar) => sidecars.push(sidecar),
            Row::Action(action) => visit(action),
        };
        let read = if is_json(name) {
            read_json(store, name, wanted, &mut take)
        } else {
            read_columns(store, name, wanted, &mut take)
        };
        read.map_err(|problem| problem.in_file(checkpoint.version, name))?;
    }
    if wanted == Wanted::Table {
        return Ok(());
    }
    for sidecar in sidecars {
        let name = sidecar_name(&sidecar.path);
        let mut take = |row: Row<'_>| match row {
            Row::Sidecar(_) => {}
            Row::Action(action) => visit(action),
        };
        let read = read_columns(store, &name, wanted, &mut take);
        read.map_err(|problem| problem.in_file(checkpoint.version, &name))?;
    }
    Ok(())
}

/// Whether a file holds lines and not columns. Names of a log are spelled in one way.
fn is_json(name: &str) -> bool {
    name.rsplit('.').next() == Some("json")
}

/// A row, before sidecars are followed.
enum Row<'a> {
    Action(CheckpointRow<'a>),
    Sidecar(SidecarAction),
}

/// Why a file of a checkpoint cannot be read.
#[derive(Debug)]
enum Problem {
    /// It is damaged.
    Broken(String),
    /// Nobody gets to it.
    Store(Unreadable),
}

impl Problem {
    fn in_file(self, version: u64, name: &str) -> Unreadable {
        match self {
            Self::Store(reason) => reason,
            Self::Broken(detail) => Unreadable::BrokenCheckpoint {
                version,
                detail: format!("`{name}`: {detail}"),
            },
        }
    }
}

impl From<Unreadable> for Problem {
    fn from(reason: Unreadable) -> Self {
        Self::Store(reason)
    }
}

impl From<ParquetError> for Problem {
    fn from(error: ParquetError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<thrift::NoThrift> for Problem {
    fn from(_: thrift::NoThrift) -> Self {
        broken("a header is damaged")
    }
}

fn broken(detail: &str) -> Problem {
    Problem::Broken(detail.to_owned())
}

fn rows_of(group: &RowGroupMetaData) -> Result<usize, Problem> {
    usize::try_from(group.num_rows()).map_err(|_| broken("it has less than no rows"))
}

fn read_columns(
    store: &dyn LogStore,
    name: &str,
    wanted: Wanted<'_>,
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), Problem> {
    // The parser of the format panics on some damaged files. Nothing of it is used afterwards.
    panics::held(|| rows::read(store, name, wanted, take))
        .unwrap_or_else(|| Err(broken("its columns contradict each other")))
}

fn read_json(
    store: &dyn LogStore,
    name: &str,
    wanted: Wanted<'_>,
    take: &mut dyn FnMut(Row<'_>),
) -> Result<(), Problem> {
    let file = store.read(name)?.ok_or_else(|| broken("it is not there"))?;
    let actions = read_actions(&file.bytes, &mut |line| {
        if let Some(sidecar) = line.sidecar {
            take(Row::Sidecar(sidecar));
        }
        if let Some(add) = line.add.filter(|_| wanted != Wanted::Table) {
            take(Row::Action(CheckpointRow::Add(add)));
        }
        if let Some(metadata) = line.meta_data {
            take(Row::Action(CheckpointRow::Metadata(metadata)));
        }
        if let Some(protocol) = line.protocol {
            take(Row::Action(CheckpointRow::Protocol(protocol)));
        }
        if let Some(txn) = line.txn {
            take(Row::Action(CheckpointRow::Transaction(txn)));
        }
    });
    actions.map_err(|error| Problem::Broken(error.to_string()))
}

/// Returns where a sidecar lies: always in one folder, whatever path its writer gave
/// (Delta protocol, "Sidecar File Information").
fn sidecar_name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    let name = percent_decoded(last).unwrap_or_else(|| last.to_owned());
    format!("_sidecars/{name}")
}

/// Undoes the encoding of a path; nothing where it is none.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut pieces = path.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let code = piece.get(..2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    let decoded = String::from_utf8(bytes).ok()?;
    // It stays inside its folder.
    (!decoded.contains('/') && !decoded.contains('\0')).then_some(decoded)
}

#[cfg(test)]
pub(super) mod tests;
