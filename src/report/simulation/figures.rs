//! The JSON document of `headwater simulate`.

use std::collections::BTreeMap;

use assets::AssetKey;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::super::{document, instant};
use super::{Simulated, Simulation, hours, totals};
use crate::simulate::{AssetOutcome, KnownBy, Lags};

/// Says what came of it.
pub fn simulation_document(simulation: &Simulation<'_>) -> Value {
    let outcome = &simulation.policy.outcome;
    let assets = simulation.shown.iter().map(|key| {
        let [own, other] = simulation.of(key);
        let mut fields = own.map(asset_figures).unwrap_or_default();
        fields.insert("asset".to_owned(), json!(key));
        fields.insert("durations".to_owned(), durations(simulation, key));
        fields.insert(
            "against".to_owned(),
            match other {
                Some(other) => Value::Object(asset_figures(other)),
                None => Value::Null,
            },
        );
        Value::Object(fields)
    });
    let assumptions = simulation.assumptions().into_iter();
    let assumptions = assumptions.map(
        |(code, message, assets)| json!({ "code": code, "message": message, "assets": assets }),
    );
    let fields = json!({
        "environment": simulation.environment,
        "from": instant(outcome.from),
        "until": instant(outcome.until),
        "every_seconds": simulation.every.num_seconds(),
        "seed": simulation.seed,
        "arrivals": {
            "declared": simulation.sources.0,
            "recorded": simulation.sources.1,
            "recorded_seconds": simulation.recorded.map(|recorded| recorded.num_seconds()),
            "none": simulation.silent.iter()
                .map(|(asset, reason)| json!({ "asset": asset, "reason": reason }))
                .collect::<Vec<_>>(),
        },
        "assumptions": assumptions.collect::<Vec<_>>(),
        "currency": simulation.durations.currency(),
        "project": simulation.policy.project,
        "totals": totals_document(&simulation.policy, simulation),
        "against": simulation.against.as_ref().map(|against| json!({
            "project": against.project,
            "totals": totals_document(against, simulation),
        })),
        "assets": assets.collect::<Vec<_>>(),
    });
    document("Simulation", fields)
}

fn durations(simulation: &Simulation<'_>, key: &AssetKey) -> Value {
    let graph = simulation.policy.graph;
    let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
    let task = asset.and_then(|asset| asset.task.as_ref());
    let known = task.map(|task| simulation.durations.known_by(key, &task.task));
    json!(known.map(KnownBy::as_str))
}

fn asset_figures(outcome: &AssetOutcome) -> Map<String, Value> {
    let figures = json!({
        "arrivals": outcome.arrivals,
        "runs": outcome.runs,
        "failed_runs": outcome.failed,
        "exhausted": outcome.exhausted,
        "lag": lag(&outcome.lags),
        "deadlines": outcome.deadlines,
        "missed_deadlines": outcome.missed.iter().copied().map(instant).collect::<Vec<_>>(),
        "overdue_seconds": outcome.overdue.num_seconds(),
        "run_hours": rounded(hours(outcome.run_time)),
        "cost": outcome.cost.map(rounded),
    });
    figures.as_object().cloned().unwrap_or_default()
}

fn totals_document(simulated: &Simulated<'_>, simulation: &Simulation<'_>) -> Value {
    let totals = totals(simulated, &simulation.shown);
    let outcome = &simulated.outcome;
    json!({
        "passes": outcome.ticks,
        "passes_made": outcome.planned,
        "runs": totals.runs,
        "runs_per_day": rounded(totals.runs_per_day),
        "failed_runs": totals.failed,
        "peak_concurrent_runs": totals.peak,
        "limits_reached": outcome.limited,
        "confirmations": {
            "passes": outcome.asked.passes,
            "first": outcome.asked.first.map(instant),
            "most_runs": outcome.asked.most,
        },
        "lag": lag(&totals.lags),
        "missed_deadlines": totals.missed,
        "overdue_seconds": totals.overdue.num_seconds(),
        "run_hours": rounded(hours(totals.run_time)),
        "cost": totals.cost.map(rounded),
        "tasks": tasks(simulated, simulation),
    })
}

/// What the runs of each task came to.
fn tasks(simulated: &Simulated<'_>, simulation: &Simulation<'_>) -> Vec<Value> {
    let mut tasks: BTreeMap<&str, (u64, TimeDelta, Option<f64>)> = BTreeMap::new();
    let assets = simulated.outcome.assets.iter();
    for outcome in assets.filter(|asset| simulation.shown.contains(&asset.asset)) {
        let index = simulated.graph.index_of(outcome.asset.as_str());
        let asset = index.map(|index| simulated.graph.asset(index));
        let Some(task) = asset.and_then(|asset| asset.task.as_ref()) else {
            continue;
        };
        let sums = tasks.entry(task.task.as_str()).or_default();
        sums.0 += outcome.runs;
        sums.1 += outcome.run_time;
        if let Some(cost) = outcome.cost {
            *sums.2.get_or_insert(0.0) += cost;
        }
    }
    let task = |(task, (runs, took, cost)): (&str, (u64, TimeDelta, Option<f64>))| {
        json!({
            "task": task,
            "runs": runs,
            "run_hours": rounded(hours(took)),
            "cost": cost.map(rounded),
        })
    };
    tasks.into_iter().map(task).collect()
}

fn lag(lags: &Lags) -> Value {
    let [p50, p95, p99] = lags.percentiles([0.50, 0.95, 0.99]);
    json!({
        "mean_seconds": rounded(lags.mean()),
        "p50_seconds": rounded(p50),
        "p95_seconds": rounded(p95),
        "p99_seconds": rounded(p99),
        "max_seconds": lags.max(),
    })
}

/// To two decimals.
fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
