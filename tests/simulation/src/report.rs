//! What is told of schedules that were played.

use std::fmt::Write as _;

use simulation::{Coverage, Fault, Faults, Planted, Step, Tally};

use crate::Pace;
use crate::args::Args;

/// Schedules, and how fast they went.
pub(crate) fn pace(tally: &Tally, pace: Pace) -> String {
    let schedules = count(tally.schedules);
    format!(
        "{schedules} schedules, {} turns, {} runs in {:.1} s ({:.1} s of processors): \
         {:.0} schedules a second of one processor\n",
        count(tally.turns),
        count(tally.runs),
        pace.wall,
        pace.processor,
        as_float(tally.schedules) / pace.processor.max(1e-9),
    )
}

fn as_float(number: u64) -> f64 {
    // Nobody plays four billion schedules at once.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Groups digits by thousands.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Of how many pairs that never met each is named.
const TOLD: usize = 60;

/// Which faults struck at which steps.
pub(crate) fn coverage(coverage: &Coverage, allowed: Faults) -> String {
    let mut text =
        String::from("\nfaults by step; a digit is the number of digits of how often\n\n");
    let width = Step::ALL.iter().map(|step| step.name().len()).max();
    let width = width.unwrap_or(0);
    let faults = Fault::ALL
        .iter()
        .zip('A'..='Z')
        .map(|(fault, letter)| (*fault, letter));
    let faults: Vec<(Fault, char)> = faults
        .chain(Fault::ALL.iter().copied().skip(26).zip('a'..='z'))
        .collect();
    let letters: Vec<String> = faults
        .iter()
        .map(|(_, letter)| letter.to_string())
        .collect();
    let _ = writeln!(
        text,
        "{:width$}  {:>11}  {}",
        "step",
        "reached",
        letters.join(" ")
    );
    let mut holes = Vec::new();
    for step in Step::ALL {
        let cells = faults.iter().map(|(fault, _)| {
            if !can_strike(*fault, step) || !allowed.has(*fault) {
                return ' '.to_string();
            }
            match coverage.count(step, *fault) {
                0 => {
                    holes.push(format!("{} at {}", fault.name(), step.name()));
                    '·'.to_string()
                }
                some => some.to_string().len().to_string(),
            }
        });
        let cells: Vec<String> = cells.collect();
        let reached = count(coverage.reaches(step));
        let line = format!("{:width$}  {reached:>11}  {}", step.name(), cells.join(" "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    for (fault, letter) in &faults {
        let total = count(coverage.total(*fault));
        let _ = writeln!(text, "  {letter}  {:18} {total:>11}", fault.name());
    }
    let _ = match holes.len() {
        0 => writeln!(text, "\nevery fault struck at every step at which it can"),
        some if some <= TOLD => writeln!(text, "\n{some} never met: {}", holes.join("; ")),
        some => writeln!(
            text,
            "\n{some} never met, each a `·` above: more schedules meet more"
        ),
    };
    text
}

/// Whether a fault can strike at a step: troubles of the network at calls, those of the disk at
/// transactions, and everything else anywhere.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new fault can strike anywhere"
)]
fn can_strike(fault: Fault, step: Step) -> bool {
    match fault {
        Fault::LostRequest | Fault::LateRequest | Fault::DuplicateRequest | Fault::Refused => {
            step == Step::RunNow
        }
        Fault::LostAnswer | Fault::Throttled | Fault::ServerError | Fault::Denied => step.is_call(),
        Fault::SlowList => matches!(
            step,
            Step::Run | Step::ActiveRuns | Step::RunsSince | Step::AllRunsSince
        ),
        Fault::TransactionFails => step.is_transaction(),
        // Between two passes there is nothing to be torn apart.
        Fault::Kill | Fault::Stop => step != Step::Idle,
        _ => true,
    }
}

/// What was found, with how to see it again.
pub(crate) fn found(tally: &Tally, args: &Args) -> String {
    if tally.found.is_empty() {
        return "\n0 violations\n".to_owned();
    }
    let mut text = format!("\n{} violations\n", tally.found.len());
    for found in &tally.found {
        let _ = writeln!(
            text,
            "  seed {}: {}: {}",
            found.seed, found.violation.rule, found.violation.what
        );
    }
    if let Some(first) = tally.found.first() {
        let names = |flag: &str, names: Vec<&str>| match names.len() {
            0 => String::new(),
            _ => format!(" --{flag} {}", names.join(",")),
        };
        let only = names("only", args.only.iter().map(|fault| fault.name()).collect());
        let bugs = names("bug", args.bug.iter().map(|bug| bug.name()).collect());
        let _ = writeln!(
            text,
            "see it happen: make simulate ARGS='--seed {}{only}{bugs}'",
            first.seed
        );
    }
    text
}

/// What became of a schedule without a safeguard.
pub(crate) fn planted(planted: &Planted, tally: &Tally, is_as_expected: bool) -> String {
    let names: Vec<&str> = planted.bugs.iter().map(|bug| bug.name()).collect();
    let names = names.join(" and ");
    let outcome = match tally.found.first() {
        Some(found) => format!(
            "{} at seed {}, after {} schedules",
            found.violation.rule,
            found.seed,
            count(tally.schedules)
        ),
        None => format!("nothing in {} schedules", count(tally.schedules)),
    };
    let judgement = match (is_as_expected, planted.backed_up_by) {
        (true, None) => String::new(),
        (true, Some(by)) => format!("  (what `{}` takes away makes up for it)", by.name()),
        (false, None) => "  NOT FOUND".to_owned(),
        (false, Some(_)) => "  FOUND, and was taken to be backed up".to_owned(),
    };
    format!("{names:45} {outcome}{judgement}\n")
}
