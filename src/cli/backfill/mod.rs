//! `backfill`: ranges of partitions that are built beside what is live.
//!
//! Nothing here takes the lease, but for `--wait`: what is written down is worked off by the passes of
//! whoever reconciles.

mod change;
mod create;
mod show;
mod wait;
mod wanted;

use super::{Context, block_on};
use crate::error::{CommandError, Exit};
use crate::state::{BackfillName, BackfillState};

use create::CreateArgs;

/// Arguments of `backfill`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater backfill create silver.orders --from 2026-01-01 --to 2026-01-31\n  \
                  headwater backfill create silver.orders --all --downstream --dry-run\n  \
                  headwater backfill\n  headwater backfill show orders-2026-11-28\n  \
                  headwater backfill resume orders-2026-11-28 --failed"
)]
pub struct BackfillArgs {
    /// What about them; `list` where nothing is said.
    #[command(subcommand)]
    command: Option<BackfillCommand>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum BackfillCommand {
    /// Ask for partitions to be built, whether they are there or not
    ///
    /// Writes the request down; the passes of `headwater reconcile` work it off: upstream before downstream, in
    /// chunks, and never with the last place of a limit that live work may need. Live work leaves these
    /// partitions alone meanwhile.
    Create(CreateArgs),
    /// List backfills, the newest first
    #[command(
        after_help = "Examples:\n  headwater backfill list\n  headwater backfill list -o json"
    )]
    List,
    /// Show how far a backfill is
    ///
    /// Shows what was built, what could not be, what is under way and why nothing more is begun, and how long
    /// the rest takes by what was built so far. Reads the state only.
    #[command(after_help = "Examples:\n  headwater backfill show orders-2026-11-28")]
    Show(NameArg),
    /// Begin nothing more for a backfill until it is resumed
    ///
    /// What is under way goes on. Live work still leaves the partitions of the backfill alone.
    #[command(after_help = "Examples:\n  headwater backfill pause orders-2026-11-28")]
    Pause(NameArg),
    /// Go on with a backfill
    #[command(
        after_help = "Examples:\n  headwater backfill resume orders-2026-11-28\n  \
                            headwater backfill resume orders-2026-11-28 --failed"
    )]
    Resume(ResumeArgs),
    /// End a backfill and cancel its runs
    ///
    /// What was built stays. Of its runs, those under way are cancelled as `headwater runs cancel` does.
    #[command(after_help = "Examples:\n  headwater backfill cancel orders-2026-11-28")]
    Cancel(NameArg),
}

/// One backfill.
#[derive(Debug, Clone, clap::Args)]
struct NameArg {
    /// The name of the backfill, as `headwater backfill` lists it
    #[arg(value_name = "NAME")]
    name: String,
}

/// Arguments of `backfill resume`.
#[derive(Debug, Clone, clap::Args)]
struct ResumeArgs {
    /// Which one.
    #[command(flatten)]
    name: NameArg,
    /// Try again what could not be built, also where the backfill ended so
    #[arg(long)]
    failed: bool,
}

pub(super) fn run(context: &Context, args: &BackfillArgs) -> Result<Exit, CommandError> {
    let named = |arg: &NameArg| BackfillName(arg.name.clone());
    match &args.command {
        Some(BackfillCommand::Create(args)) => block_on(create::run(context, args)),
        None | Some(BackfillCommand::List) => show::list(context),
        Some(BackfillCommand::Show(arg)) => show::run(context, &named(arg)),
        Some(BackfillCommand::Pause(arg)) => {
            change::run(context, &named(arg), (BackfillState::Paused, false))
        }
        Some(BackfillCommand::Resume(args)) => {
            let to = (BackfillState::Active, args.failed);
            change::run(context, &named(&args.name), to)
        }
        Some(BackfillCommand::Cancel(arg)) => block_on(change::cancel(context, &named(arg))),
    }
}
