//! What can be typed: options, commands and their help texts.
//!
//! Nothing is decided here. Values that several commands take alike have one type here.

use std::path::PathBuf;

use assets::duration::parse_duration;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::backfill::BackfillArgs;
use super::completions::CompletionsArgs;
use super::demo::DemoArgs;
use super::doctor::DoctorArgs;
use super::explain::ExplainArgs;
use super::history::HistoryArgs;
use super::init::InitArgs;
use super::ls::LsArgs;
use super::observe::ObserveArgs;
use super::output::{Colour, Format};
use super::partitions::PartitionsArgs;
use super::plan::PlanArgs;
use super::reconcile::ReconcileArgs;
use super::runs::RunsArgs;
use super::schema::SchemaArgs;
use super::simulate::SimulateArgs;
use super::state::StateArgs;
use super::status::StatusArgs;
use super::watermark::WatermarkArgs;
use crate::telemetry::LogFormat;

const EXIT_CODES: &str = "\
Exit codes, the same for every command:
  0    done, also where there was nothing to do
  1    the command ran and something failed
  2    a usage, configuration or declaration error
  3    another reconciler holds the lease: a cron overlap, harmless
  4    not authenticated or not authorized
  5    a remote stayed unavailable after retries; some assets are unknown
  6    a condition that was asked for holds
  130  interrupted
  143  terminated

Results go to stdout, logs and progress to stderr. Every error has a code; docs/errors.md explains
each.";

/// Keeps Delta tables fresh: observes them, decides what is stale and why, and has just that rebuilt.
#[derive(Debug, Parser)]
#[command(
    name = "headwater",
    version,
    after_help = EXIT_CODES,
    max_term_width = 100,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Folder with headwater.yml [default: the nearest one at or above the current folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub project: Option<PathBuf>,

    /// Environment to work in [default: `HEADWATER_ENV`, else the project's default]
    #[arg(long, value_name = "NAME", global = true)]
    pub env: Option<String>,

    /// Form of the result: table, json, yaml or ndjson
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        global = true
    )]
    pub output: Format,

    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Log more: -v what changes, -vv for a bug report, -vvv everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// When to use colour: auto, always or never. `NO_COLOR` and `CLICOLOR_FORCE` count, too
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        global = true
    )]
    pub color: Colour,

    /// Form of log lines on stderr: text or json
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        global = true
    )]
    pub log_format: LogFormat,
}

impl Globals {
    /// Returns how many steps above warnings are logged.
    pub fn verbosity(&self) -> i8 {
        if self.quiet {
            return -1;
        }
        i8::try_from(self.verbose).unwrap_or(i8::MAX)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show everything on a sample lakehouse, on this machine alone
    ///
    /// Lays out a sample lakehouse of real Delta tables, starts a Databricks workspace emulator on
    /// loopback, lets data arrive, reconciles with the commands of this program while answers get
    /// lost and the reconciler is killed, and proves at the end that every mart equals what its
    /// sources say. Needs no network and no account.
    Demo(DemoArgs),
    /// Begin a project: write a commented headwater.yml from what is found
    ///
    /// Looks for a dbt project and its manifest and for a Databricks bundle, and writes
    /// headwater.yml, a first asset file and the schemas for editors. Never overwrites a file.
    Init(InitArgs),
    /// Check all declarations and print every problem
    ///
    /// Loads the project, every asset file and every dbt manifest, and prints every problem with
    /// its place, an excerpt and a way out. Touches no network and no state.
    #[command(
        after_help = "Examples:\n  headwater validate\n  headwater validate --env prod -o json"
    )]
    Validate,
    /// List assets
    ///
    /// Lists assets with what is declared about them: kind, task, freshness, owner. Touches no
    /// network and no state; how assets are is what `headwater status` says.
    Ls(LsArgs),
    /// Look at every table now and record what is there; start nothing
    ///
    /// Reads the Delta log of every table, records what is new, and prints what is known of each.
    /// Starts no run. Every table is looked at; a selection only narrows what is printed.
    Observe(ObserveArgs),
    /// List the commits of one table
    ///
    /// Reads the Delta log of an asset's table and shows each commit: when, by which operation and
    /// writer, whether it changed data, in which partitions, how many rows went in and out. Both
    /// bounds are included. Records nothing.
    History(HistoryArgs),
    /// Show the partitions of an asset, what they need and what they feed
    ///
    /// Shows which partitions an asset declares that exist now, as ranges, and how they are by what the
    /// last pass saw; or which partitions of its upstreams one of them needs, or which ones of its
    /// downstreams it feeds. Touches no network.
    Partitions(PartitionsArgs),
    /// Say what reconcile would do now, and why
    ///
    /// Looks at every table and says what `headwater reconcile` would do now, and why. Works on a
    /// copy of the state: nothing is recorded, nothing is started.
    Plan(PlanArgs),
    /// Make one pass: observe, collect, decide, start what is stale
    ///
    /// Makes one pass: looks at every table, collects runs that ended, decides, and starts what is
    /// stale and may run. Does not wait for runs: the next pass collects them. Safe to run from
    /// cron every minute, and to kill at any moment.
    Reconcile(ReconcileArgs),
    /// Try the policies out in virtual time: runs, lags, missed deadlines, cost
    ///
    /// Lets the planner decide, pass after pass in virtual time, over arrivals that were recorded or
    /// are declared, and tells what would come of it: runs, how far tables would be behind, which
    /// deadlines would be missed, and what it would cost; alone, or beside the project in another
    /// folder. Starts nothing and records nothing. Nobody is asked: a pass that would begin more runs
    /// than `confirm_above` goes on as with --allow-mass-change, and is counted.
    Simulate(SimulateArgs),
    /// Say how fresh assets are
    ///
    /// Says how fresh assets are, by what the last pass saw: health, age of the data, lag behind
    /// the sources, and why. Reads the state only: fast, and without rights on the workspace.
    Status(StatusArgs),
    /// Tell why an asset is fresh, stale, waiting or failed
    ///
    /// Tells the causal chain behind one asset: what it incorporates of each input, what the inputs
    /// hold now, what it waits for, what was decided before, and which version of every root it
    /// shows.
    Explain(ExplainArgs),
    /// List, show, cancel or retry runs
    ///
    /// What was started, for which assets and versions, how it ended, and the two ways to
    /// interfere: cancel a run, and let an asset be tried again that failed.
    Runs(RunsArgs),
    /// Build ranges of partitions, beside what is live
    ///
    /// A backfill is a request for partitions that stays until each of them was built, could not be, or
    /// somebody cancels it. The passes of `headwater reconcile` work it off, in chunks and with a limit of its
    /// own; what is live goes first.
    Backfill(BackfillArgs),
    /// Say how far an asset is that has no log to read
    ///
    /// For sources that no Delta log tells of: another system, a file drop, a warehouse. What is pushed is an
    /// observation like any other: a greater position is a change that the next pass sees.
    Watermark(WatermarkArgs),
    /// Check project, state, credentials, jobs and tables
    ///
    /// Checks everything that a pass rests on, and says of each what was found and what to do: the
    /// project, its state file, the credentials and where they come from, the workspace and its
    /// clock, the job of every task, the catalog and the tables. Changes nothing, starts nothing,
    /// and goes on after a problem.
    Doctor(DoctorArgs),
    /// Check, back up or restore the state file
    ///
    /// What is remembered between passes lies in one file. These commands look through it, copy it
    /// while it is in use, and put a copy back so that nothing is started twice.
    State(StateArgs),
    /// Print the JSON Schema of declarations, for editors
    ///
    /// Prints the JSON Schema (draft-07) of asset files or of headwater.yml. `headwater init`
    /// writes both to .headwater/schema, where the first lines of its files point.
    Schema(SchemaArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
}

/// Which assets a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectArgs {
    /// Assets in dbt's syntax: name, +upstream, downstream+, @closure, tag:, kind:, owner:, path:.
    /// Blanks unite, commas intersect; without any, every asset
    #[arg(value_name = "SELECT")]
    pub select: Vec<String>,

    /// Assets to leave out, in the same syntax
    #[arg(long, value_name = "SELECT")]
    pub exclude: Vec<String>,
}

/// Another `now`, for commands that read.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct AtArg {
    /// Answer as of this instant: RFC 3339, or a date for its midnight in UTC
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    pub at: Option<DateTime<Utc>>,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Asset files
    Asset,
    /// The project file, headwater.yml
    Project,
}

/// Reads an instant of the command line: RFC 3339 with its offset, or a date in UTC.
///
/// # Errors
///
/// Says how an instant is written.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    date.and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|midnight| midnight.and_utc())
        .ok_or_else(|| "write `2026-11-20T13:00:00Z` or `2026-11-20`".to_owned())
}

/// Reads a duration of the command line, which is written as in files.
///
/// # Errors
///
/// Says what is wrong and how a duration is written.
pub fn duration(text: &str) -> Result<TimeDelta, String> {
    parse_duration(text)
        .map_err(|error| format!("{error}; write it such as `90s`, `5m`, `2h` or `1d`"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn instants_have_an_offset_or_are_dates() {
        let noon = parse_instant("2026-11-20T14:00:00+02:00").unwrap();
        assert_eq!(noon.to_rfc3339(), "2026-11-20T12:00:00+00:00");
        let midnight = parse_instant("2026-11-20").unwrap();
        assert_eq!(midnight.to_rfc3339(), "2026-11-20T00:00:00+00:00");
        assert!(parse_instant("2026-11-20T12:00:00").is_err());
        assert!(parse_instant("yesterday").is_err());
    }
}
