//! `doctor`: checks of everything that a pass rests on.

use serde::Serialize;

use super::Context;
use super::human::{counted, printable};
use super::output::Document;
use super::table::{Cell, Table, Tone};
use crate::doctor::{Check, Request, Status, examine, exit};
use crate::error::{CommandError, Exit};

/// Arguments of `doctor`.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater doctor\n  headwater doctor --env prod\n  \
                  headwater doctor -o json | jq '.checks[] | select(.status != \"ok\")'\n\n\
                  Exits with 4 when credentials or rights are missing, with 5 when the workspace \
                  cannot be\nreached, with 1 on any other error. Warnings change nothing."
)]
pub struct DoctorArgs {}

#[derive(Debug, Serialize)]
struct Doctor {
    checks: Vec<Check>,
}

impl Document for Doctor {
    const KIND: &'static str = "Doctor";
    type Item = Check;

    fn items(&self) -> Option<&[Check]> {
        Some(&self.checks)
    }
}

pub(super) async fn run(context: &Context, _args: DoctorArgs) -> Result<Exit, CommandError> {
    let request = Request {
        directory: &context.directory,
        project: context.project.as_deref(),
        environment: context.environment.as_deref(),
        variables: &context.variables,
    };
    let doctor = Doctor {
        checks: examine(request).await,
    };
    context.output.emit(&doctor, || text(&doctor.checks))?;
    Ok(exit(&doctor.checks))
}

/// One line for each check, with what to do below it.
pub(super) fn text(checks: &[Check]) -> String {
    let mut table = Table::new(&["STATUS", "CHECK", "FOUND"]);
    for check in checks {
        let name = match &check.subject {
            Some(subject) => format!("{} {subject}", check.name),
            None => check.name.to_owned(),
        };
        let found = match check.code {
            Some(code) => format!("[{code}] {}", check.found),
            None => check.found.clone(),
        };
        table.row(vec![
            Cell::new(check.status.as_str(), tone(check.status)),
            Cell::plain(name),
            Cell::plain(found),
        ]);
    }
    let rendered = table.render();
    let mut lines = rendered.lines();
    let mut text: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, check) in lines.zip(checks) {
        text.push(line.to_owned());
        let help = check.help.as_deref().map(printable);
        text.extend(help.map(|help| format!("         -> {help}")));
    }
    text.push(summary(checks));
    text.join("\n") + "\n"
}

fn summary(checks: &[Check]) -> String {
    let count = |status| checks.iter().filter(|c| c.status == status).count();
    let words = [Status::Ok, Status::Warning, Status::Error, Status::Skipped];
    let parts = words.map(|status| match status {
        Status::Warning | Status::Error => counted(count(status), status.as_str()),
        Status::Ok | Status::Skipped => format!("{} {}", count(status), status.as_str()),
    });
    format!("\n{}", parts.join(", "))
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Ok => Tone::Good,
        Status::Warning => Tone::Notice,
        Status::Error => Tone::Bad,
        Status::Skipped => Tone::Faint,
    }
}
