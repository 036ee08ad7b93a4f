//! The projects that schedules are about: small, and of every shape that matters.

use std::collections::BTreeMap;

use assets::declaration::{DayLimits, Limits};
use assets::policy::Consistency;
use assets::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, Tasks};
use assets::{Asset, AssetKey, AssetKind, Binding, Consume, Evidence, Upstream};
use chrono::TimeDelta;
use lineage::AssetGraph;

/// A project: assets in key order, as the graph has them.
pub(crate) struct Topology {
    pub(crate) graph: AssetGraph,
    pub(crate) tasks: Tasks,
    pub(crate) limits: Limits,
    pub(crate) assets: Vec<Node>,
}

/// An asset, its inputs by position.
pub(crate) struct Node {
    pub(crate) key: AssetKey,
    pub(crate) name: &'static str,
    pub(crate) inputs: Vec<usize>,
    pub(crate) consistency: Consistency,
    pub(crate) is_built: bool,
    pub(crate) attempts: u32,
}

/// How long a run may take where a project bounds it.
pub(crate) const TIMEOUT: TimeDelta = TimeDelta::hours(2);

const SETTLED: Consistency = Consistency::Settled {
    proceed_after: None,
};

/// Name, inputs, consistency.
type Sketch = (&'static str, &'static [&'static str], Consistency);

/// Every project.
pub(crate) fn all() -> Vec<Topology> {
    let chain: &[Sketch] = &[
        ("a", &["s"], SETTLED),
        ("b", &["a"], SETTLED),
        ("s", &[], SETTLED),
    ];
    let two: &[Sketch] = &[
        ("a", &["s"], SETTLED),
        ("b", &["s", "t"], SETTLED),
        ("s", &[], SETTLED),
        ("t", &[], SETTLED),
    ];
    let proceeds = Consistency::Settled {
        proceed_after: Some(TimeDelta::minutes(15)),
    };
    let diamond: &[Sketch] = &[
        ("a", &["s"], SETTLED),
        ("b", &["s", "t"], proceeds),
        ("c", &["a", "b"], SETTLED),
        ("d", &["a", "c"], Consistency::Latest),
        ("s", &[], SETTLED),
        ("t", &[], SETTLED),
    ];
    vec![
        topology(chain, 180, None),
        topology(two, 1, None),
        topology(diamond, 2, Some(TIMEOUT)),
    ]
}

fn topology(sketches: &[Sketch], at_once: u32, timeout: Option<TimeDelta>) -> Topology {
    let position = |name: &str| sketches.iter().position(|(found, ..)| *found == name);
    let nodes = sketches.iter().map(|(name, inputs, consistency)| Node {
        key: AssetKey::new(name).unwrap(),
        name,
        inputs: inputs.iter().filter_map(|input| position(input)).collect(),
        consistency: *consistency,
        is_built: !inputs.is_empty(),
        attempts: 3,
    });
    let nodes: Vec<Node> = nodes.collect();
    let assets = nodes.iter().map(|node| asset(node, &nodes)).collect();
    let built = nodes.iter().zip(0..).filter(|(node, _)| node.is_built);
    let tasks = built.map(|(node, at)| (TaskName::new(node.name), task(at, timeout)));
    Topology {
        graph: AssetGraph::build(assets).unwrap(),
        tasks: tasks.collect(),
        limits: Limits {
            max_concurrent_runs: at_once,
            pools: BTreeMap::new(),
            // Asked for in every pass, and never spent: what waits for a day is never built in a schedule.
            max_runs_per_day: DayLimits {
                total: Some(10_000),
                ..DayLimits::default()
            },
            ..Limits::default()
        },
        assets: nodes,
    }
}

fn asset(node: &Node, nodes: &[Node]) -> Asset {
    let kind = if node.is_built {
        AssetKind::Table
    } else {
        AssetKind::Source
    };
    let mut asset = Asset::new(node.key.clone(), kind);
    asset.path = Some(node.name.to_owned());
    asset.consistency = node.consistency;
    asset.retry.attempts = node.attempts;
    let upstream = |input: &usize| Upstream {
        asset: nodes[*input].key.clone(),
        consume: Consume::Table,
        mapping: None,
        evidence: vec![Evidence::Declared],
        declared_at: None,
    };
    asset.upstreams = node.inputs.iter().map(upstream).collect();
    asset.task = node.is_built.then(|| Binding {
        task: TaskName::new(node.name),
        parameters: BTreeMap::new(),
    });
    asset
}

/// The task of the asset at a position, whose job has that number and one more.
fn task(at: i64, timeout: Option<TimeDelta>) -> Task {
    Task {
        action: TaskAction::DatabricksJob(DatabricksJob {
            job: JobReference::Id(at + 1),
            task_key: None,
            parameters: BTreeMap::new(),
        }),
        select_parameter: None,
        max_concurrent_runs: None,
        pool: None,
        timeout,
        write_mode: assets::task::WriteMode::Overwrite,
    }
}

/// The position of the asset that a job builds.
pub(crate) fn asset_of_job(job: i64) -> usize {
    usize::try_from(job - 1).unwrap_or(usize::MAX)
}
