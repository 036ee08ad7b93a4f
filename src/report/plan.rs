//! The document of `headwater plan`.

use assets::AssetKey;
use assets::task::Tasks;
use lineage::AssetGraph;
use serde_json::{Value, json};

use super::partitions::keys_or_all;
use super::runs::masked;
use super::{document, instant, optional_instant};
use crate::plan::{Decision, Plan, Reason, Request, render_parameters, sentence};

/// Says what is decided about each asset, and what would be asked for.
///
/// Only assets that `is_shown` admits are listed.
pub fn plan_document(
    plan: &Plan,
    graph: &AssetGraph,
    tasks: &Tasks,
    environment: (&str, Option<&str>),
    is_shown: &dyn Fn(&Decision) -> bool,
) -> Value {
    let decisions: Vec<Value> = plan
        .decisions
        .iter()
        .filter(|d| is_shown(d))
        .map(|d| decision(d, graph))
        .collect();
    let requests: Vec<Value> = plan
        .requests
        .iter()
        .map(|request| request_document(request, graph, tasks, environment))
        .collect();
    let fields = json!({
        "now": instant(plan.now),
        "environment": environment.0,
        "decisions": decisions,
        "requests": requests,
    });
    document("Plan", fields)
}

fn decision(decision: &Decision, graph: &AssetGraph) -> Value {
    let asset = graph.asset(decision.asset);
    json!({
        "asset": asset.key,
        "partitions": keys_or_all(Some(asset), decision.partitions.as_ref()),
        "action": decision.action.as_str(),
        "reasons": decision.reasons.iter().map(reason).collect::<Vec<_>>(),
        "until": optional_instant(decision.until),
        "task": asset.task.as_ref().map(|binding| binding.task.as_str()),
    })
}

/// A reason with both sides of its comparison, and one sentence for people.
pub(super) fn reason(reason: &Reason) -> Value {
    let mut value = serde_json::to_value(reason).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("message".to_owned(), json!(sentence(reason)));
    }
    value
}

fn request_document(
    request: &Request,
    graph: &AssetGraph,
    tasks: &Tasks,
    environment: (&str, Option<&str>),
) -> Value {
    let index = graph.index_of(request.asset.as_str());
    let rendered = index
        .zip(tasks.get(&request.task))
        .map(|(index, task)| render_parameters(request, graph.asset(index), task, environment));
    let (parameters, problem) = match rendered {
        Some(Ok(parameters)) => (json!(masked(&parameters)), Value::Null),
        Some(Err(error)) => (Value::Null, json!(error.to_string())),
        None => (Value::Null, Value::Null),
    };
    let partitions = request.partitions.as_ref().map(|extent| &extent.partitions);
    json!({
        "task": request.task,
        "assets": [request.asset],
        "partitions": keys_or_all(index.map(|index| graph.asset(index)), partitions),
        "parameters": parameters,
        "problem": problem,
        "inputs": inputs(request),
        "degraded_by": request.degraded_by,
        "reason": request.reason,
        "backfill": request.backfill,
    })
}

fn inputs(request: &Request) -> Value {
    let input = |(upstream, version): (&AssetKey, &Option<assets::TableVersion>)| {
        let consumed = request.consumed.get(upstream).and_then(Option::as_ref);
        json!({
            "asset": upstream,
            "consumed": super::version_number(consumed),
            "version": super::version_number(version.as_ref()),
        })
    };
    Value::Array(request.inputs.iter().map(input).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use assets::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName};
    use assets::{Asset, AssetKind};

    use super::*;

    #[test]
    fn parameters_that_look_like_secrets_are_masked() {
        let key = AssetKey::new("mart").unwrap();
        let graph = AssetGraph::build(vec![Asset::new(key.clone(), AssetKind::Table)]).unwrap();
        let parameters = [("db_password", "hunter2"), ("env", "{{ env }}")];
        let job = DatabricksJob {
            job: JobReference::Id(1),
            task_key: None,
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        let task = Task {
            action: TaskAction::DatabricksJob(job),
            select_parameter: None,
            max_concurrent_runs: None,
            pool: None,
            timeout: None,
            write_mode: assets::task::WriteMode::Overwrite,
        };
        let name = TaskName::new("job");
        let request = Request {
            task: name.clone(),
            asset: key,
            inputs: BTreeMap::new(),
            consumed: BTreeMap::new(),
            code_version: None,
            origin: None,
            degraded_by: Vec::new(),
            partitions: None,
            full_refresh: false,
            beginnings: BTreeMap::new(),
            reason: String::new(),
            backfill: None,
        };
        let tasks = Tasks::from([(name, task)]);
        let shown = request_document(&request, &graph, &tasks, ("dev", None));
        let expected = json!({ "db_password": "***", "env": "dev" });
        assert_eq!(shown["parameters"], expected);
    }
}
