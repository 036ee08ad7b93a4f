//! Finds cycles among edges and says where they run.
//!
//! What people get is not the set of tangled assets but closed paths that they can follow. Each
//! one has to be broken on its own: paths of one report share no edge.

use std::collections::{BTreeMap, VecDeque};

use assets::{Asset, Diagnostic, Upstream};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::AssetIndex;

/// An edge: what is read, and who reads it.
pub(super) type Edge = (AssetIndex, AssetIndex);

/// The most cycles one report names: enough to see a pattern, few enough to read.
const MAX_CYCLES: usize = 10;

/// The most assets of one cycle that are spelled out.
const MAX_PATH: usize = 20;

/// Returns the groups of assets that feed each other, each in key order, the groups in key order.
pub(super) fn tangles(edges: &[Edge]) -> Vec<Vec<AssetIndex>> {
    let mut ends: Vec<AssetIndex> = edges.iter().flat_map(|edge| [edge.0, edge.1]).collect();
    ends.sort_unstable();
    ends.dedup();
    // `ends` holds both, so neither search fails; the numbers are dense, as petgraph wants them.
    let dense = |index: AssetIndex| AssetIndex::at(ends.binary_search(&index).unwrap_or(0)).0;
    let graph = DiGraph::<(), (), u32>::from_edges(
        edges.iter().map(|(from, to)| (dense(*from), dense(*to))),
    );
    let mut groups: Vec<Vec<AssetIndex>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|nodes| match nodes.as_slice() {
            [only] => graph.contains_edge(*only, *only),
            _ => true,
        })
        .map(|nodes| {
            let known = |node: petgraph::graph::NodeIndex| ends.get(node.index()).copied();
            let mut group: Vec<AssetIndex> = nodes.into_iter().filter_map(known).collect();
            group.sort_unstable();
            group
        })
        .collect();
    groups.sort_unstable();
    groups
}

/// Finds closed paths, at most ten; `edges` is in order. Each path begins at its tangle's first
/// asset by key, is a shortest one through it, and does not repeat it at the end. Also returns
/// whether there are more.
fn cycles(mut edges: Vec<Edge>) -> (Vec<Vec<AssetIndex>>, bool) {
    let mut found: Vec<Vec<AssetIndex>> = Vec::new();
    loop {
        let groups = tangles(&edges);
        if groups.is_empty() || found.len() >= MAX_CYCLES {
            return (found, !groups.is_empty());
        }
        let room = MAX_CYCLES - found.len();
        for group in groups.iter().take(room) {
            let path = shortest_cycle(&edges, group);
            let mut used = edges_of(&path);
            used.sort_unstable();
            edges.retain(|edge| used.binary_search(edge).is_err());
            found.push(path);
        }
    }
}

/// Returns the edges of a closed path.
fn edges_of(path: &[AssetIndex]) -> Vec<Edge> {
    let targets = path.iter().cycle().skip(1);
    path.iter().copied().zip(targets.copied()).collect()
}

/// Walks breadth first from the group's first asset until an edge leads back to it.
fn shortest_cycle(edges: &[Edge], group: &[AssetIndex]) -> Vec<AssetIndex> {
    let Some(&start) = group.first() else {
        return Vec::new();
    };
    let mut came_from: BTreeMap<AssetIndex, AssetIndex> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        let first = edges.partition_point(|edge| edge.0 < here);
        let leaving = edges.iter().skip(first).take_while(|edge| edge.0 == here);
        for &(_, next) in leaving {
            if next == start {
                return walk_back(&came_from, start, here);
            }
            if group.binary_search(&next).is_ok() && !came_from.contains_key(&next) {
                came_from.insert(next, here);
                queue.push_back(next);
            }
        }
    }
    // Not reached: in a tangle, every asset leads back to every other.
    group.to_vec()
}

fn walk_back(
    came_from: &BTreeMap<AssetIndex, AssetIndex>,
    start: AssetIndex,
    end: AssetIndex,
) -> Vec<AssetIndex> {
    let mut path = vec![end];
    let mut here = end;
    while here != start
        && let Some(&before) = came_from.get(&here)
    {
        path.push(before);
        here = before;
    }
    path.reverse();
    path
}

/// Writes one diagnostic for each closed path.
pub(super) fn describe(assets: &[Asset], edges: Vec<Edge>) -> Vec<Diagnostic> {
    let (paths, has_more) = cycles(edges);
    let mut problems: Vec<Diagnostic> = paths
        .iter()
        .map(|path| describe_one(assets, path))
        .collect();
    if has_more && let Some(last) = problems.pop() {
        problems.push(last.note("there are further cycles, which show once these are gone"));
    }
    problems
}

fn describe_one(assets: &[Asset], path: &[AssetIndex]) -> Diagnostic {
    let key = |index: AssetIndex| {
        assets
            .get(index.position())
            .map_or("", |asset| asset.key.as_str())
    };
    let mut steps: Vec<String> = path
        .iter()
        .take(MAX_PATH)
        .map(|index| format!("`{}`", key(*index)))
        .collect();
    if path.len() > MAX_PATH {
        steps.push(format!("{} more", path.len() - MAX_PATH));
    }
    steps.extend(path.first().map(|index| format!("`{}`", key(*index))));
    let edges = edges_of(path);
    let declared = |edge: &Edge| declaration(assets, *edge).and_then(|up| up.declared_at.clone());
    let place = edges.iter().find_map(declared).or_else(|| {
        let of_asset = |index: &AssetIndex| assets.get(index.position())?.declared_at.clone();
        path.iter().find_map(of_asset)
    });
    let (message, help) = if let [only] = path {
        let message = format!("`{}` is its own upstream", key(*only));
        (
            message,
            "take the edge away: reading its own earlier state makes no dependency",
        )
    } else {
        let message = format!("assets feed each other in a circle: {}", steps.join(" → "));
        (
            message,
            "take one of these edges away, or split the asset that both needs and feeds the rest",
        )
    };
    let problem = Diagnostic::error("G001", place, message);
    edges
        .iter()
        .take(MAX_PATH)
        .fold(problem, |problem, edge| {
            let (from, to) = (key(edge.0), key(edge.1));
            let says = declaration(assets, *edge).map_or(String::new(), provenance);
            problem.note(format!("`{to}` reads `{from}`: {says}"))
        })
        .help(help)
}

fn declaration(assets: &[Asset], (from, to): Edge) -> Option<&Upstream> {
    let key = &assets.get(from.position())?.key;
    let upstreams = &assets.get(to.position())?.upstreams;
    upstreams.iter().find(|upstream| upstream.asset == *key)
}

/// Says who knows of an edge and where: `declared, dbt (assets/mart.yml:4:7)`.
fn provenance(upstream: &Upstream) -> String {
    let words: Vec<&str> = upstream
        .evidence
        .iter()
        .map(|evidence| evidence.as_str())
        .collect();
    let words = words.join(", ");
    match &upstream.declared_at {
        Some(at) => format!("{words} ({}:{}:{})", at.file, at.line, at.column),
        None => words,
    }
}
