//! The document of `headwater status`: how fresh assets are, for the people who read them.

use lineage::{AssetGraph, AssetIndex};
use serde_json::{Value, json};

use super::{checks, document, instant, optional_instant, version_number};
use crate::plan::{
    AssetHealth, DeadlineState, Forecast, Plan, PlanInput, Standing, healths, plan, standings,
};

/// How everything stands at one instant, decided and judged once for several questions.
pub struct Situation<'a> {
    /// The decisions, as the next pass would make them.
    pub plan: Plan,
    /// The health of every asset, by its position in the graph.
    pub healths: Vec<AssetHealth>,
    /// How every asset stands, by its position in the graph.
    pub standings: Vec<Standing<'a>>,
}

impl<'a> Situation<'a> {
    /// Judges what is remembered, without looking at any table.
    pub fn of(input: &PlanInput<'a>) -> Self {
        let plan = plan(input);
        let standings = standings(input);
        let healths = healths(input, &standings, &plan.decisions);
        Self {
            plan,
            healths,
            standings,
        }
    }
}

/// Says how fresh these assets are.
pub fn status_document(
    graph: &AssetGraph,
    input: &PlanInput<'_>,
    environment: &str,
    shown: &[&AssetHealth],
) -> Value {
    let fields = json!({
        "now": instant(input.now),
        "environment": environment,
        "observed_at": optional_instant(input.memory.last_pass_at),
        "incidents": incidents(graph, shown),
        "assets": shown.iter().map(|health| health_document(input, health)).collect::<Vec<_>>(),
    });
    document("Status", fields)
}

/// Those shown that make others late, each with whom: one late root is one incident.
fn incidents(graph: &AssetGraph, shown: &[&AssetHealth]) -> Vec<Value> {
    let causes = shown.iter().filter(|health| !health.makes_late.is_empty());
    let incident = |cause: &&AssetHealth| {
        let late = cause.makes_late.iter();
        json!({
            "root_cause": graph.asset(cause.asset).key,
            "reasons": cause.reasons,
            "makes_late": late.map(|late| &graph.asset(*late).key).collect::<Vec<_>>(),
        })
    };
    causes.map(incident).collect()
}

/// The health of one asset.
pub fn health_document(input: &PlanInput<'_>, health: &AssetHealth) -> Value {
    let graph = input.graph;
    let asset = graph.asset(health.asset);
    let key = |index: Option<AssetIndex>| index.map(|index| &graph.asset(index).key);
    json!({
        "asset": asset.key,
        "kind": asset.kind,
        "health": health.health,
        "activity": health.activity,
        "data_version": version_number(health.data_version.as_ref()),
        "data_changed_at": optional_instant(health.data_changed_at),
        "age_seconds": health.age.map(|age| age.num_seconds()),
        "lag_seconds": health.lag.map(|lag| lag.num_seconds()),
        "event_watermark": optional_instant(health.event_watermark.as_ref().ok().copied()),
        "event_watermark_reason": health.event_watermark.as_ref().err(),
        "event_lag_seconds": health.event_lag.map(|lag| lag.num_seconds()),
        "stale_since": optional_instant(health.stale_since),
        "next_expected_at": optional_instant(health.next_expected_at),
        "forecast": forecast(health.forecast),
        "deadline": health.deadline.map(deadline),
        "root_cause": key(health.root_cause),
        "makes_late": health.makes_late.iter().map(|late| &graph.asset(*late).key).collect::<Vec<_>>(),
        "reasons": health.reasons,
        "checks": checks::summary(input.memory, asset, health.data_version.as_ref()),
        "owner": asset.owner,
    })
}

/// When an asset will be clean; `null` where it is, `reason` where nobody can say.
fn forecast(forecast: Forecast) -> Value {
    match forecast {
        Forecast::Clean => Value::Null,
        Forecast::Unknown => json!({ "usual_at": null, "late_at": null, "reason": "no_run_yet" }),
        Forecast::Held => json!({ "usual_at": null, "late_at": null, "reason": "held" }),
        Forecast::At(expected) => json!({
            "usual_at": instant(expected.usual),
            "late_at": instant(expected.late),
            "reason": null,
        }),
    }
}

fn deadline(deadline: DeadlineState) -> Value {
    json!({
        "last": deadline.last.map(|last| json!({
            "at": instant(last.at),
            "verdict": if last.is_met { "met" } else { "missed" },
            "judged_at": instant(last.judged_at),
        })),
        "is_lacking": deadline.is_lacking,
        "next": deadline.next.map(|next| json!({
            "at": instant(next.at),
            "changes_before": instant(next.asked_before()),
        })),
    })
}
