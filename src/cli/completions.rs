//! `completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Context;
use super::arguments::Arguments;
use crate::error::{CommandError, Exit};

/// Arguments of `completions`.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater completions bash > ~/.local/share/bash-completion/completions/headwater\n  \
                  headwater completions zsh > \"${fpath[1]}/_headwater\""
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

pub(super) fn run(context: &Context, args: CompletionsArgs) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Arguments::command(),
        "headwater",
        &mut script,
    );
    context.output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
