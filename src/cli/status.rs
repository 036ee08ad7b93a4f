//! `status`: how fresh tables are, for the people who read them.

use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::arguments::{AtArg, SelectArgs};
use super::open::load_app;
use super::reconcile::{load_for_plan, plan_input};
use super::table::{Cell, Table, Tone};
use super::{Context, human, select};
use crate::app::App;
use crate::error::{CommandError, Exit};
use crate::plan::{Activity, AssetHealth, Health};
use crate::report::{self, Situation};
use crate::state::Memory;

/// Arguments of `status`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater status\n  headwater status finance --fail-on overdue\n  \
                  headwater status +finance.revenue -o json\n\n\
                  With --fail-on the exit code is 6 when an asset has that health or a worse one. From\n\
                  the worst on: failing, overdue, unknown, at_risk, degraded, stale, updating, fresh."
)]
pub struct StatusArgs {
    /// Which assets.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Judge as of another instant.
    #[command(flatten)]
    pub at: AtArg,
    /// Exit with 6 when an asset has this health or a worse one
    #[arg(long, value_name = "HEALTH", value_parser = health)]
    pub fail_on: Option<Health>,
}

fn health(word: &str) -> Result<Health, String> {
    let found = Health::ALL
        .into_iter()
        .find(|health| health.as_str() == word);
    found.ok_or_else(select::known_healths)
}

pub(super) fn run(context: &Context, args: &StatusArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    let app = load_app(context, args.at.at)?;
    let store = app.read_state()?;
    let memory = load_for_plan(&app, &store)?;
    let input = plan_input(&app, &memory);
    let situation = Situation::of(&input);
    let word = |index: AssetIndex| -> &str {
        let health = situation.healths.get(index.position());
        health.map_or("unknown", |health| health.health.as_str())
    };
    let found = select::find(context, &app.graph, &selection, &word)?;
    let shown: Vec<&AssetHealth> = found
        .iter()
        .filter_map(|index| situation.healths.get(index.position()))
        .collect();
    let document = report::status_document(&app.graph, &input, &app.environment, &shown);
    context
        .output
        .emit_value(&document, Some("assets"), || table(&app, &memory, &shown))?;
    if memory.observations.is_empty() {
        context.output.warn(
            "nobody has looked at any table yet",
            Some("run `headwater observe`"),
        );
    }
    let worst = shown.iter().map(|health| health.health).min();
    let is_met = args
        .fail_on
        .zip(worst)
        .is_some_and(|(limit, worst)| worst <= limit);
    Ok(if is_met { Exit::Condition } else { Exit::Done })
}

fn table(app: &App, memory: &Memory, shown: &[&AssetHealth]) -> String {
    let now = app.clock().now();
    // Few projects watch event time, and columns are dear.
    let has_event_time = shown.iter().any(|health| health.event_watermark.is_ok());
    let mut columns = vec!["ASSET", "HEALTH", "ACTIVITY", "DATA AS OF", "LAG"];
    columns.extend(has_event_time.then_some("EVENT LAG"));
    columns.extend(["OWNER", "WHY"]);
    let mut table = Table::new(&columns);
    for health in shown {
        let asset = app.graph.asset(health.asset);
        let activity = match health.activity {
            Activity::Idle => "",
            Activity::Queued | Activity::Running | Activity::Retrying => health.activity.as_str(),
        };
        let mut cells = vec![
            Cell::new(&asset.key, Tone::Strong),
            Cell::new(health.health.as_str(), tone(health.health)),
            Cell::plain(activity),
            Cell::optional(health.data_changed_at.map(|at| human::distance(at, now))),
            Cell::optional(health.lag.filter(|lag| !lag.is_zero()).map(human::duration)),
        ];
        cells.extend(has_event_time.then(|| Cell::optional(health.event_lag.map(human::duration))));
        cells.extend([
            Cell::optional(asset.owner.as_ref()),
            Cell::plain(why(health)),
        ]);
        table.row(cells);
    }
    let mut text = table.render();
    text.push_str(&incidents(app, shown));
    text.push_str(&as_of(memory.last_pass_at, now));
    text
}

/// The deciding reason, and because of whom it is so.
fn why(health: &AssetHealth) -> String {
    let told = if health.root_cause.is_some() { 2 } else { 1 };
    let reasons = health.reasons.iter().take(told);
    let reasons: Vec<&str> = reasons.map(|reason| reason.message.as_str()).collect();
    reasons.join(", ")
}

/// One line for each asset that makes others late.
fn incidents(app: &App, shown: &[&AssetHealth]) -> String {
    let mut lines = Vec::new();
    for cause in shown.iter().filter(|health| !health.makes_late.is_empty()) {
        let late = cause.makes_late.iter();
        let late: Vec<String> = late
            .map(|late| format!("`{}`", app.graph.asset(*late).key))
            .collect();
        let key = &app.graph.asset(cause.asset).key;
        lines.push(format!("Late because of `{key}`: {}\n", late.join(", ")));
    }
    lines.concat()
}

fn as_of(last_pass: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    last_pass.map_or_else(String::new, |at| {
        format!(
            "As of the last pass, {} ({}).\n",
            human::distance(at, now),
            human::instant(at)
        )
    })
}

/// The colour of a health.
pub(super) fn tone(health: Health) -> Tone {
    match health {
        Health::Failing | Health::Overdue => Tone::Bad,
        Health::Unknown | Health::AtRisk | Health::Degraded | Health::Stale => Tone::Notice,
        Health::Updating => Tone::Plain,
        Health::Fresh => Tone::Good,
    }
}
