//! The command line: one small file per command, and what they share.
//!
//! - `arguments`: what can be typed, with the help texts
//! - `output`, `table`, `human`: the only place that prints, and how things look
//! - `diagnostics`: loading a project and showing what is wrong with it
//! - `select`: the assets a command was asked about
//!
//! Commands decide nothing about freshness: they call the library and show what it says.

pub mod arguments;
mod backfill;
mod completions;
mod demo;
pub mod diagnostics;
mod doctor;
mod explain;
mod full_refresh;
mod history;
pub mod human;
mod init;
mod ls;
mod mass_change;
mod observe;
mod observe_one;
mod open;
pub mod output;
mod partitions;
mod plan;
mod progress;
mod reconcile;
mod runs;
mod schema;
pub mod select;
mod simulate;
mod state;
mod status;
pub mod table;
mod validate;
mod watching;
mod watermark;

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Parser;

use self::arguments::{Arguments, Command, Globals};
use self::output::{Colour, Format, Output};
use crate::config::Variables;
use crate::error::{CommandError, Exit};
use crate::telemetry;

/// What every command is given beside its own arguments.
#[derive(Debug)]
pub struct Context {
    /// Where results and talk go.
    pub output: Output,
    /// The variables of the process.
    pub variables: Variables,
    /// The current folder.
    pub directory: PathBuf,
    /// The folder of the project, where one was named.
    pub project: Option<PathBuf>,
    /// The environment that was asked for by option or variable.
    pub environment: Option<String>,
}

/// Runs the program with the arguments of its process and returns the exit code.
pub fn run<T: Into<OsString> + Clone>(args: impl IntoIterator<Item = T>) -> u8 {
    let variables = Variables::of_process();
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(answer) => return show_usage(&answer, &variables).code(),
    };
    let globals = &arguments.globals;
    let output = Output::new(globals.output, globals.color, globals.quiet, &variables);
    let done = context(output, globals, variables)
        .and_then(|context| dispatch(&context, &arguments.command));
    match done {
        Ok(exit) => exit.code(),
        Err(error) => {
            output.error(&error);
            error.exit.code()
        }
    }
}

/// Prints what clap has to say: help and version as a result, everything else as an error.
fn show_usage(answer: &clap::Error, variables: &Variables) -> Exit {
    let output = Output::new(Format::Table, Colour::Auto, false, variables);
    let text = answer.render().ansi().to_string();
    if answer.use_stderr() {
        output.to_stderr(&text);
        return Exit::Usage;
    }
    match output.text(&text) {
        Ok(()) => Exit::Done,
        Err(error) => error.exit,
    }
}

fn context(
    output: Output,
    globals: &Globals,
    variables: Variables,
) -> Result<Context, CommandError> {
    telemetry::start(&telemetry::Settings {
        format: globals.log_format,
        verbosity: globals.verbosity(),
        filter: variables.log_filter(),
        colour: output.talks_in_colour(),
    })?;
    let directory = std::env::current_dir().map_err(|error| {
        CommandError::new("C012", Exit::Usage, "the current folder cannot be used")
            .because_of(Some(&error))
            .hint("change to a folder that exists")
    })?;
    let named = globals.env.as_deref().or_else(|| variables.environment());
    Ok(Context {
        output,
        directory,
        project: globals.project.clone(),
        environment: named.map(str::to_owned),
        variables,
    })
}

fn dispatch(context: &Context, command: &Command) -> Result<Exit, CommandError> {
    match command {
        Command::Init(args) => init::run(context, args),
        Command::Validate => validate::run(context),
        Command::Ls(args) => ls::run(context, args),
        Command::Demo(args) => block_on(demo::run(context, args)),
        Command::Partitions(args) => partitions::run(context, args),
        Command::History(args) => block_on(history::run(context, args)),
        Command::Observe(args) => block_on(observe::run(context, args)),
        Command::Plan(args) => block_on(plan::run(context, args)),
        Command::Reconcile(args) => block_on(reconcile::run(context, args)),
        Command::Simulate(args) => block_on(simulate::run(context, args)),
        Command::Status(args) => status::run(context, args),
        Command::Explain(args) => explain::run(context, args),
        Command::Runs(args) => runs::run(context, args),
        Command::Backfill(args) => backfill::run(context, args),
        Command::Watermark(args) => watermark::run(context, args),
        Command::Doctor(args) => block_on(doctor::run(context, *args)),
        Command::State(args) => block_on(state::run(context, args)),
        Command::Schema(args) => schema::run(context, *args),
        Command::Completions(args) => completions::run(context, *args),
    }
}

/// Runs a command that waits for something. Only such commands pay for the threads.
///
/// # Errors
///
/// What the command fails with, or that no threads can be had.
pub fn block_on(
    command: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    let spare = spare_files().and_then(|()| spare_threads());
    let runtime = spare.and_then(|()| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
    });
    let runtime = runtime.map_err(|error| {
        CommandError::new(
            "C013",
            Exit::Failed,
            "the threads of the command cannot be started",
        )
        .because_of(Some(&error))
        .hint("look at the limits of this user for processes and open files")
    })?;
    runtime.block_on(command)
}

/// Fails unless a few more files can be opened: for want of them the runtime's signals would panic.
fn spare_files() -> std::io::Result<()> {
    // Poll, wake-up, both ends of the signals' pipe, and a copy of each.
    let spare: Result<Vec<OwnedFd>, _> = (0..8)
        .map(|_| std::io::stdin().as_fd().try_clone_to_owned())
        .collect();
    spare.map(drop)
}

/// Fails unless a few threads can be had: for want of them the runtime would panic.
fn spare_threads() -> std::io::Result<()> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    // The runtime's workers and one for files, all at once: each waits until the channel is closed.
    let mut spare = Vec::new();
    for _ in 0..3 {
        let held = Arc::clone(&held);
        let waits = move || drop(held.lock().map(|held| held.recv()));
        match std::thread::Builder::new().spawn(waits) {
            Ok(thread) => spare.push(thread),
            Err(error) => return Err(error),
        }
    }
    drop(hold);
    for thread in spare {
        drop(thread.join());
    }
    Ok(())
}
