//! `consistency: snapshot`: whether the project lets it be kept.

use assets::pinning::pinned_inputs;
use assets::policy::Consistency;
use assets::task::Tasks;
use assets::{Asset, AssetKey, Diagnostic};
use lineage::{AssetGraph, AssetIndex};

/// Finds assets under `snapshot` that are built by partitions, and those whose task is not told which
/// versions to read: what it would read, nobody could choose.
pub(super) fn check(graph: &AssetGraph, tasks: &Tasks) -> Vec<Diagnostic> {
    let snapshots = graph.indices().filter(|index| {
        let asset = graph.asset(*index);
        asset.consistency == Consistency::Snapshot && asset.is_built_here()
    });
    snapshots
        .filter_map(|index| by_partitions(graph.asset(index)).or(untold(graph, tasks, index)))
        .collect()
}

fn by_partitions(asset: &Asset) -> Option<Diagnostic> {
    asset.partitions.as_ref()?;
    let message = format!(
        "`consistency: snapshot` of `{}` cannot be kept by this version: it is built by partitions",
        asset.key
    );
    let help = "write `settled`, which waits for upstreams but does not pin versions";
    Some(Diagnostic::error("A014", asset.declared_at.clone(), message).help(help))
}

/// Inputs that share no root with another one may be read as they are.
fn untold(graph: &AssetGraph, tasks: &Tasks, index: AssetIndex) -> Option<Diagnostic> {
    let asset = graph.asset(index);
    let task = tasks.get(&asset.task.as_ref()?.task)?;
    let shared = graph.shared_roots(index);
    let is_shared = |input: &&AssetIndex| {
        let roots = graph.roots(**input);
        roots.iter().any(|root| shared.binary_search(root).is_ok())
    };
    let inputs = graph.inputs(index).iter().filter(is_shared);
    let inputs: Vec<&AssetKey> = inputs.map(|input| &graph.asset(*input).key).collect();
    let told = pinned_inputs(asset, task, &inputs);
    let untold = inputs.iter().filter(|input| !told.contains(input));
    let names: Vec<String> = untold.map(|input| format!("`{input}`")).collect();
    let example = names.first()?.replace('`', "'");
    let message = format!(
        "`{}` is under `snapshot`, and its task is not told which version of {} to read",
        asset.key,
        names.join(", ")
    );
    let help = format!(
        "give the task a parameter such as `{{{{ inputs[{example}].version }}}}`, and read that `VERSION AS OF`"
    );
    Some(Diagnostic::error("L013", asset.declared_at.clone(), message).help(help))
}
