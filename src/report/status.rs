//! The document of `headwater status`: how fresh assets are, for the people who read them.

use lineage::AssetGraph;
use serde_json::{Value, json};

use super::{document, instant, optional_instant, version_number};
use crate::plan::{AssetHealth, Plan, PlanInput, healths, plan, standings};

/// How everything stands at one instant, decided and judged once for several questions.
pub struct Situation {
    /// The decisions, as the next pass would make them.
    pub plan: Plan,
    /// The health of every asset, by its position in the graph.
    pub healths: Vec<AssetHealth>,
}

impl Situation {
    /// Judges what is remembered, without looking at any table.
    pub fn of(input: &PlanInput<'_>) -> Self {
        let plan = plan(input);
        let healths = healths(input, &standings(input), &plan.decisions);
        Self { plan, healths }
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
        "assets": shown.iter().map(|health| health_document(graph, health)).collect::<Vec<_>>(),
    });
    document("Status", fields)
}

/// The health of one asset.
pub fn health_document(graph: &AssetGraph, health: &AssetHealth) -> Value {
    let asset = graph.asset(health.asset);
    json!({
        "asset": asset.key,
        "kind": asset.kind,
        "health": health.health,
        "activity": health.activity,
        "data_version": version_number(health.data_version.as_ref()),
        "data_changed_at": optional_instant(health.data_changed_at),
        "age_seconds": health.age.map(|age| age.num_seconds()),
        "lag_seconds": health.lag.map(|lag| lag.num_seconds()),
        "stale_since": optional_instant(health.stale_since),
        "next_expected_at": optional_instant(health.next_expected_at),
        "reasons": health.reasons,
        "owner": asset.owner,
    })
}
