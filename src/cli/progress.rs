//! What people see while passes go by: one line per thing that happened, and on a terminal one
//! line that moves.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, human};
use crate::execute::Sent;
use crate::reconcile::{Found, PassReport, Settled, Triggered};

/// Tells what passes do.
pub(super) struct Progress<'a> {
    context: &'a Context,
    bar: Option<ProgressBar>,
}

impl<'a> Progress<'a> {
    /// Starts, with a moving line where there is a terminal.
    pub(super) fn start(context: &'a Context) -> Self {
        let bar = context.output.shows_progress().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { context, bar }
    }

    /// Tells what one pass did.
    pub(super) fn pass(&mut self, report: &PassReport) {
        let lines: Vec<String> = report
            .found
            .iter()
            .map(found_line)
            .chain(report.settled.iter().map(settled_line))
            .chain(report.triggered.iter().map(triggered_line))
            .collect();
        let say = || {
            for line in &lines {
                self.context.output.talk(line);
            }
        };
        match &self.bar {
            Some(bar) => {
                bar.suspend(say);
                bar.set_message(standing(report));
            }
            None => say(),
        }
    }

    /// Ends the moving line.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// How far a simulation is, on a terminal.
pub(super) struct Course {
    bar: Option<ProgressBar>,
    from: DateTime<Utc>,
    hours: u64,
    done: u64,
}

impl Course {
    /// Starts a bar over so much time, once for each policy.
    pub(super) fn start(
        context: &Context,
        (from, span): (DateTime<Utc>, TimeDelta),
        policies: u32,
    ) -> Self {
        let hours = u64::try_from(span.num_hours()).unwrap_or(0);
        let bar = context.output.shows_progress().then(|| {
            let bar = ProgressBar::new(hours * u64::from(policies));
            if let Ok(style) = ProgressStyle::with_template("{elapsed} {bar:40} {pos} of {len} h") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            from,
            hours,
            done: 0,
        }
    }

    /// Tells up to where it is.
    pub(super) fn at(&mut self, now: DateTime<Utc>) {
        if let Some(bar) = &self.bar {
            let hours = u64::try_from((now - self.from).num_hours()).unwrap_or(0);
            bar.set_position(self.done + hours);
        }
    }

    /// Goes on to the next policy.
    pub(super) fn next(&mut self) {
        self.done += self.hours;
    }

    /// Ends the bar.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn standing(report: &PassReport) -> String {
    format!(
        "{} running, {} waiting, {} held, {} unknown",
        report.in_flight, report.waiting, report.held, report.unknown
    )
}

fn names(assets: &[assets::AssetKey]) -> String {
    assets
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn found_line(found: &Found) -> String {
    format!(
        "found      {} (run {})\n",
        names(&found.assets),
        found.run_id
    )
}

fn settled_line(settled: &Settled) -> String {
    let run = settled
        .run_id
        .map_or_else(String::new, |run| format!(" (run {run})"));
    let why = settled
        .message
        .as_ref()
        .map_or_else(String::new, |why| format!(": {why}"));
    format!(
        "{:<10} {}{run}{why}\n",
        settled.outcome,
        names(&settled.assets)
    )
}

fn triggered_line(triggered: &Triggered) -> String {
    let names = names(&triggered.assets);
    match &triggered.sent {
        Sent::Started(run) => format!("started    {names} (run {run}): {}\n", triggered.reason),
        Sent::Unanswered(why) => format!("unanswered {names}: {why}\n"),
        Sent::RateLimited { message, .. } => format!("postponed  {names}: {message}\n"),
        Sent::Unauthenticated { message, .. } => format!("denied     {names}: {message}\n"),
        Sent::Refused { message, .. } => format!("refused    {names}: {message}\n"),
        Sent::Overtaken => format!("overtaken  {names}\n"),
    }
}

/// A pass, or several together, as the result of a command.
pub(super) fn pass_text(report: &PassReport) -> String {
    let text: String = report
        .found
        .iter()
        .map(found_line)
        .chain(report.settled.iter().map(settled_line))
        .chain(report.triggered.iter().map(triggered_line))
        .collect();
    text + &format!(
        "{} observed, {} settled, {} started; {}; {} ms\n",
        human::counted(report.observed, "table"),
        report.settled.len(),
        report.started().count(),
        standing(report),
        report.elapsed.as_millis()
    )
}
