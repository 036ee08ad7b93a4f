//! What came of a simulation, for people.

use assets::AssetKey;
use chrono::TimeDelta;

use super::super::human;
use super::super::table::{Cell, Table, Tone};
use super::ended;
use crate::report::{Simulation, Totals, hours, totals};
use crate::simulate::{AssetOutcome, Outcome};

/// Writes the table and what all of it comes to.
pub(super) fn text(simulation: &Simulation<'_>) -> String {
    let mut table = Table::new(&[
        "ASSET",
        "RUNS",
        "FAILED",
        "LAG MEAN",
        "P50",
        "P95",
        "P99",
        "MAX",
        "MISSED",
        "OVERDUE",
        "RUN HOURS",
        "COST",
    ]);
    for key in &simulation.shown {
        let both = simulation.of(key);
        let is_told = |outcome: &&AssetOutcome| outcome.arrivals == 0 || !outcome.overdue.is_zero();
        if both.iter().flatten().any(is_told) {
            table.row(row(key, both, simulation.against.is_some()));
        }
    }
    let mut text = table.render();
    text.push_str(&headline(simulation));
    let own = totals(&simulation.policy, &simulation.shown);
    text.push_str(&sums(&own, simulation, &simulation.policy.outcome));
    if let Some(against) = &simulation.against {
        let other = totals(against, &simulation.shown);
        text.push_str("With ");
        text.push_str(&against.project);
        text.push_str(":\n");
        text.push_str(&sums(&other, simulation, &against.outcome));
    }
    text
}

fn headline(simulation: &Simulation<'_>) -> String {
    let outcome = &simulation.policy.outcome;
    let compared = if simulation.against.is_some() {
        ": this project → the other one"
    } else {
        ""
    };
    let ended = ended(outcome.from, outcome.until);
    let every = human::duration(simulation.every);
    format!("Simulated {ended}, a pass every {every}{compared}.\n")
}

fn row(key: &AssetKey, both: [Option<&AssetOutcome>; 2], is_compared: bool) -> Vec<Cell> {
    let percentile = |share: f64| move |of: &AssetOutcome| seconds(of.lags.percentiles([share])[0]);
    let pair = |of: &dyn Fn(&AssetOutcome) -> String| {
        let [own, other] = both.map(|outcome| outcome.map_or("none".to_owned(), of));
        if is_compared && own != other {
            let shown = |figure: String| {
                if figure.is_empty() {
                    "0".to_owned()
                } else {
                    figure
                }
            };
            Cell::new(format!("{} → {}", shown(own), shown(other)), Tone::Notice)
        } else {
            Cell::plain(own)
        }
    };
    let is_missed = both.iter().flatten().any(|of| !of.missed.is_empty());
    let mut cells = vec![
        Cell::new(key, Tone::Strong),
        pair(&|of| of.runs.to_string()),
        pair(&|of| number(of.failed)),
        pair(&|of| seconds(of.lags.mean())),
        pair(&percentile(0.50)),
        pair(&percentile(0.95)),
        pair(&percentile(0.99)),
        pair(&|of| seconds(f64::from(of.lags.max()))),
    ];
    let missed = pair(&|of| match (of.deadlines, of.missed.len()) {
        (0, _) => String::new(),
        (all, missed) => format!("{missed} of {all}"),
    });
    cells.push(if is_missed {
        missed.with(Tone::Bad)
    } else {
        missed
    });
    cells.push(pair(&|of| span(of.overdue)));
    cells.push(pair(&|of| figure(hours(of.run_time))));
    cells.push(pair(&|of| of.cost.map_or_else(String::new, figure)));
    cells
}

/// What all of it comes to, in a few sentences.
fn sums(
    totals: &Totals,
    simulation: &Simulation<'_>,
    Outcome { limited, asked, .. }: &Outcome,
) -> String {
    let currency = simulation.durations.currency();
    let cost = totals.cost.map(|cost| match currency {
        Some(currency) => format!(", {cost:.2} {currency}"),
        None => format!(", {cost:.2} in all"),
    });
    let mut text = format!(
        "  {} runs, {:.0} a day, {} at once at most; {:.1} run hours{}; {} missed, {} overdue.\n",
        totals.runs,
        totals.runs_per_day,
        totals.peak,
        hours(totals.run_time),
        cost.unwrap_or_default(),
        human::counted(totals.missed, "deadline"),
        human::duration(totals.overdue)
    );
    let limits = limited.iter();
    let waited: Vec<String> = limits
        .map(|(limit, times)| {
            let times = human::counted(usize::try_from(*times).unwrap_or(usize::MAX), "time");
            format!("  The limit `{limit}` made a run wait {times}.\n")
        })
        .collect();
    text.push_str(&waited.concat());
    if let Some(first) = asked.first {
        let passes = match asked.passes {
            1 => "1 pass".to_owned(),
            many => format!("{many} passes"),
        };
        let sentence = format!(
            "  {passes} would have asked first (`confirm_above`), from {} on, for up to {} runs; \
             taken to be confirmed at once.\n",
            human::instant(first),
            asked.most
        );
        text.push_str(&sentence);
    }
    text
}

fn seconds(seconds: f64) -> String {
    let span = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    human::duration(TimeDelta::from_std(span).unwrap_or_default())
}

fn span(span: TimeDelta) -> String {
    if span.is_zero() {
        return String::new();
    }
    human::duration(span)
}

fn number(number: u64) -> String {
    if number == 0 {
        return String::new();
    }
    number.to_string()
}

fn figure(figure: f64) -> String {
    if figure > 0.0 {
        return format!("{figure:.2}");
    }
    String::new()
}
