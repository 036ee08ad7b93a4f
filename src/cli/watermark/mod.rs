//! `watermark`: say how far an asset is that has no log to read.

mod push;

use super::Context;
use crate::error::{CommandError, Exit};

use push::PushArgs;

/// Arguments of `watermark`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater watermark push erp.orders --watermark 2026-11-20T13:00:00Z\n  \
                  headwater watermark push crm.export --version 4711",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct WatermarkArgs {
    /// What about it.
    #[command(subcommand)]
    command: WatermarkCommand,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum WatermarkCommand {
    /// Say how far an asset is
    ///
    /// Records a position of an asset whose table nobody reads, and an audit entry. A greater position than
    /// the last one is a change that the next pass sees, an equal one changes nothing, a lesser one is
    /// refused. Takes no lease: works beside a reconciler that is awake.
    #[command(
        after_help = "Examples:\n  headwater watermark push erp.orders --watermark 2026-11-20T13:00:00Z\n  \
                      headwater watermark push crm.export --version 4711 --at 2026-11-20T13:05:00Z"
    )]
    Push(PushArgs),
}

pub(super) fn run(context: &Context, args: &WatermarkArgs) -> Result<Exit, CommandError> {
    match &args.command {
        WatermarkCommand::Push(args) => push::run(context, args),
    }
}
