//! Logs: where they go, in which form, and how much of them.
//!
//! Logs are talk, so they go to stderr; results are the command line's and go to stdout. Which
//! facts are logged under which names is decided where they happen.

use std::fmt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::clock::SystemClock;
use crate::error::{CommandError, Exit};
use crate::ports::Clock;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// How much is logged and how.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The form of lines.
    pub format: LogFormat,
    /// How many steps above `warn`, by `-v`; below zero only errors, by `-q`.
    pub verbosity: i8,
    /// `HEADWATER_LOG`, which wins over the verbosity.
    pub filter: Option<&'a str>,
    /// Whether lines may have colours.
    pub colour: bool,
}

/// Sends the logs of this process to stderr. To be called once; later calls change nothing.
///
/// # Errors
///
/// Where the filter cannot be read.
pub fn start(settings: &Settings<'_>) -> Result<(), CommandError> {
    let filter = match settings.filter {
        Some(text) => EnvFilter::try_new(text).map_err(|error| {
            CommandError::new("C010", Exit::Usage, "HEADWATER_LOG cannot be read")
                .because(error.to_string())
                .hint("write a level, or targets with levels: `info,headwater=debug`")
        })?,
        None => EnvFilter::new(default_filter(settings.verbosity)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcTime(SystemClock))
        .with_target(settings.verbosity >= 2)
        .with_ansi(settings.colour)
        .with_writer(std::io::stderr);
    // A second subscriber is refused; that happens only where tests run commands in one process.
    drop(match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().with_ansi(false).try_init(),
    });
    Ok(())
}

/// Our own lines grow by step; those of libraries stay at warnings until everything is asked for.
fn default_filter(verbosity: i8) -> String {
    let ours = match verbosity {
        i8::MIN..=-1 => return "error".to_owned(),
        0 => return "warn".to_owned(),
        1 => "info",
        2 => "debug",
        3..=i8::MAX => return "trace".to_owned(),
    };
    format!("warn,headwater={ours},assets={ours},lineage={ours}")
}

/// Time stamps in UTC, to the millisecond.
struct UtcTime(SystemClock);

impl FormatTime for UtcTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", self.0.now().format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_verbosity_is_a_filter_that_can_be_read() {
        let filters: Vec<String> = (-1..=4).map(default_filter).collect();
        assert!(
            filters
                .iter()
                .all(|filter| EnvFilter::try_new(filter).is_ok()),
            "{filters:?}"
        );
        assert_eq!(filters.first().map(String::as_str), Some("error"));
        assert_eq!(filters.last().map(String::as_str), Some("trace"));
    }
}
