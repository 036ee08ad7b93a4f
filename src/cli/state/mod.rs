//! `state`: look through the state file, copy it, put a copy back, and make a new one.
//!
//! All but the last need only to know which file it is: a project with errors does not keep anybody
//! from saving its state.

mod backup;
mod check;
mod open_intent;
mod rebuild;
mod restore;

use super::Context;
use crate::error::{CommandError, Exit};

/// Arguments of `state`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater state check\n  headwater state backup --keep 14\n  \
                  headwater state restore .headwater/backups/dev-20261120T060000.000Z.db\n  \
                  headwater state rebuild"
)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum StateCommand {
    /// Look through the state file for damage
    ///
    /// Looks at all of it: pages and indexes, references, the chain of the audit trail, intents,
    /// consumption, the lease, and the room on its disk. Only reads; a reconciler may be awake.
    #[command(
        after_help = "Examples:\n  headwater state check\n  headwater state check --env prod -o json\n\n\
                      Exits with 1 where something is damaged, and says what to do."
    )]
    Check,
    /// Copy the state file while it is in use
    ///
    /// Makes one consistent copy, whoever writes meanwhile, reads it back, and only then gives it its
    /// name. Never overwrites anything. The copy is readable by its owner only.
    Backup(backup::BackupArgs),
    /// Put a backup in the place of the state file
    ///
    /// Checks the backup, keeps the present file beside it, and takes over only while no other
    /// process works with it. Whatever the backup has as open may have gone on since: nothing is
    /// sent for it before the next passes have looked for its runs.
    Restore(restore::RestoreArgs),
    /// Make a new state where the old one is damaged, lost or not trusted
    ///
    /// Keeps the present file beside the new one, and takes over only while no other process works
    /// with it. Reads all tables as at first contact, looks for runs that are under way in the
    /// workspace and takes them over, and triggers nothing. The next passes go on from there.
    Rebuild(rebuild::RebuildArgs),
}

pub(super) async fn run(context: &Context, args: &StateArgs) -> Result<Exit, CommandError> {
    match &args.command {
        StateCommand::Check => check::run(context),
        StateCommand::Backup(args) => backup::run(context, args),
        StateCommand::Restore(args) => restore::run(context, args),
        StateCommand::Rebuild(args) => rebuild::run(context, args).await,
    }
}
