//! Checkpoints: the whole state of a table at one version, kept in columns.

use assets::delta::Unreadable;
use assets::delta::action::{FileAction, MetadataAction, ProtocolAction, TransactionAction};

use super::listing::Checkpoint;
use super::store::LogStore;

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
pub(super) enum Wanted {
    /// What the table is, and no files: no sidecar and no column of files is read.
    Table,
    /// Everything.
    Files,
}

/// Reads a checkpoint and shows its rows, in no order, to `visit`.
pub(super) fn read(
    store: &dyn LogStore,
    checkpoint: &Checkpoint,
    wanted: Wanted,
    visit: &mut dyn FnMut(CheckpointRow<'_>),
) -> Result<(), Unreadable> {
    _ = (store, wanted, visit);
    Err(Unreadable::BrokenCheckpoint {
        version: checkpoint.version,
        detail: "checkpoints are not read".to_owned(),
    })
}
