//! Builds a graph from assets, and says everything that is wrong with their edges.
//!
//! A problem does not stop the search for others: duplicates are merged and dangling edges left
//! out for the rest of it, and only then the graph is refused.

use std::collections::HashMap;
use std::sync::Arc;

use assets::{Asset, AssetKind, Consume, Diagnostic, Evidence, Place, did_you_mean};

use super::adjacency::Adjacency;
use super::cycle::{self, Edge};
use super::inputs::{TooManyInputs, inputs};
use super::mappings;
use super::order::{Order, order};
use super::{AssetGraph, AssetIndex, Edges, all_indices};

/// The most dangling upstreams that get a suggestion: each one is a search through all keys.
const MAX_SUGGESTIONS: usize = 50;

/// As [`AssetGraph::build`].
pub(super) fn build(assets: Vec<Asset>) -> Result<AssetGraph, Vec<Diagnostic>> {
    if u32::try_from(assets.len()).is_err() {
        let message = format!("{} assets are more than one graph can hold", assets.len());
        return Err(vec![Diagnostic::error("G006", None, message)]);
    }
    let (mut assets, mut problems) = unique(assets);
    for asset in &mut assets {
        tidy_upstreams(asset);
    }
    let mut warnings = reads_of_exposures(&assets);
    let mut upstreams = resolve(&assets, &mut problems);
    let mut downstreams = Adjacency::reversed(assets.len(), |index| upstreams.of(index));
    let mut ordered = order(&upstreams, &downstreams);
    if let Err(stuck) = &ordered {
        let edges = edges_among(stuck, &upstreams);
        let firm = edges
            .iter()
            .copied()
            .filter(|edge| !is_observed_only(&assets, *edge));
        problems.extend(cycle::describe(&assets, firm.collect()));
        if problems.is_empty() {
            warnings.extend(leave_out_observed(&mut assets, &edges));
            upstreams = resolve(&assets, &mut problems);
            downstreams = Adjacency::reversed(assets.len(), |index| upstreams.of(index));
            ordered = order(&upstreams, &downstreams);
        }
    }
    let Ok(order) = ordered else {
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    finish(assets, upstreams, downstreams, order, warnings)
}

fn finish(
    assets: Vec<Asset>,
    upstreams: Adjacency,
    downstreams: Adjacency,
    order: Order,
    warnings: Vec<Diagnostic>,
) -> Result<AssetGraph, Vec<Diagnostic>> {
    let inputs = inputs(&assets, &upstreams, &order.sorted)
        .map_err(|excess| vec![too_many_inputs(&assets, excess)])?;
    let assets: Vec<Arc<Asset>> = assets.into_iter().map(Arc::new).collect();
    let mappings = mappings::all(&assets, &upstreams, &inputs, &order.sorted)?;
    let is_dynamic = |index: &&AssetIndex| {
        let partitions = assets.get(index.position())?.partitions.as_ref()?;
        partitions.dynamic_parts().next()
    };
    let sorted = order.sorted.iter();
    let dynamic = sorted
        .filter(|index| is_dynamic(index).is_some())
        .copied()
        .collect();
    Ok(AssetGraph {
        assets,
        mappings,
        edges: Arc::new(Edges {
            upstreams,
            downstreams,
            inputs,
            order,
            warnings,
            dynamic,
        }),
    })
}

/// Sorts by key and merges assets of one key into the first, so that the edges of all are checked.
fn unique(mut assets: Vec<Asset>) -> (Vec<Asset>, Vec<Diagnostic>) {
    assets.sort_by(|a, b| a.key.cmp(&b.key));
    let mut problems = Vec::new();
    assets.dedup_by(|later, first| {
        if later.key != first.key {
            return false;
        }
        let message = format!("`{}` is declared twice", later.key);
        let mut problem = Diagnostic::error("G002", later.declared_at.clone(), message);
        if let Some(at) = &first.declared_at {
            problem = problem.note(format!("first declared at {}", location(at)));
        }
        problems.push(problem.help("keep one declaration, or give one of them another key"));
        for mut upstream in later.upstreams.drain(..) {
            upstream.declared_at = upstream.declared_at.or(later.declared_at.clone());
            first.upstreams.push(upstream);
        }
        true
    });
    (assets, problems)
}

fn location(place: &Place) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}

/// Puts upstreams in key order without duplicates, and drops the asset itself where nobody asked
/// for that edge: a MERGE or an incremental model reads its own table, which is no dependency.
fn tidy_upstreams(asset: &mut Asset) {
    let Asset { key, upstreams, .. } = asset;
    let is_meant = |evidence: &Evidence| matches!(evidence, Evidence::Declared | Evidence::Dbt);
    upstreams.retain(|upstream| upstream.asset != *key || upstream.evidence.iter().any(is_meant));
    upstreams.sort_by(|a, b| a.asset.cmp(&b.asset));
    upstreams.dedup_by(|later, first| {
        if later.asset != first.asset {
            return false;
        }
        first.evidence.append(&mut later.evidence);
        first.evidence.sort_unstable();
        first.evidence.dedup();
        // Reading changes is never a default, so somebody asked for it.
        if later.consume == Consume::Changes {
            first.consume = Consume::Changes;
        }
        // Nor is a mapping.
        first.mapping = first.mapping.take().or(later.mapping.take());
        true
    });
}

/// Warns of assets that read an exposure: it has no data, so that nothing would ever wake them.
fn reads_of_exposures(assets: &[Asset]) -> Vec<Diagnostic> {
    let exposures: Vec<&str> = assets
        .iter()
        .filter(|asset| asset.kind == AssetKind::Exposure)
        .map(|asset| asset.key.as_str())
        .collect();
    let mut warnings = Vec::new();
    for asset in assets {
        for upstream in &asset.upstreams {
            if exposures.binary_search(&upstream.asset.as_str()).is_err() {
                continue;
            }
            let place = upstream.declared_at.clone().or(asset.declared_at.clone());
            let message = format!(
                "`{}` reads the exposure `{}`, whose changes nobody can see",
                asset.key, upstream.asset
            );
            warnings.push(
                Diagnostic::warning("G005", place, message)
                    .help("name the tables behind it as upstreams as well"),
            );
        }
    }
    warnings
}

/// Turns upstream keys into places in the graph; keys that nobody declares become problems.
fn resolve(assets: &[Asset], problems: &mut Vec<Diagnostic>) -> Adjacency {
    let indices = all_indices(assets.len());
    let by_key: HashMap<&str, AssetIndex> = assets
        .iter()
        .map(|asset| asset.key.as_str())
        .zip(indices)
        .collect();
    let edges = assets.iter().map(|asset| asset.upstreams.len()).sum();
    let mut rows = Adjacency::with_capacity(assets.len(), edges);
    let mut suggested = 0;
    for asset in assets {
        let mut row = Vec::with_capacity(asset.upstreams.len());
        for upstream in &asset.upstreams {
            if let Some(index) = by_key.get(upstream.asset.as_str()) {
                row.push(*index);
                continue;
            }
            let missing = upstream.asset.as_str();
            let place = upstream.declared_at.clone().or(asset.declared_at.clone());
            let message = format!("`{}` reads `{missing}`, which nobody declares", asset.key);
            let suggestion = (suggested < MAX_SUGGESTIONS)
                .then(|| suggest(assets, missing))
                .flatten();
            suggested += 1;
            let help = match suggestion {
                Some(key) => format!(
                    "did you mean `{key}`? A table that nobody here builds is declared with `kind: source`"
                ),
                None => format!(
                    "declare it: `- key: {missing}` with `kind: source` for a table that nobody here builds"
                ),
            };
            problems.push(Diagnostic::error("G003", place, message).help(help));
        }
        rows.push_row(row.into_iter());
    }
    rows
}

/// Finds the key that was probably meant: the only one of that last name, else one spelled alike.
fn suggest<'a>(assets: &'a [Asset], missing: &str) -> Option<&'a str> {
    let name = missing.rsplit('.').next().unwrap_or(missing);
    let mut same_name = assets.iter().filter(|asset| asset.key.name() == name);
    match (same_name.next(), same_name.next()) {
        (Some(only), None) => Some(only.key.as_str()),
        _ => did_you_mean(missing, assets.iter().map(|asset| asset.key.as_str())),
    }
}

/// Returns the edges between the given assets, in order; `among` is in key order.
fn edges_among(among: &[AssetIndex], upstreams: &Adjacency) -> Vec<Edge> {
    let mut edges = Vec::new();
    for &to in among {
        let inside = |from: &&AssetIndex| among.binary_search(from).is_ok();
        edges.extend(
            upstreams
                .of(to)
                .iter()
                .filter(inside)
                .map(|from| (*from, to)),
        );
    }
    edges.sort_unstable();
    edges
}

fn is_observed_only(assets: &[Asset], (from, to): Edge) -> bool {
    let evidence = || {
        let key = &assets.get(from.position())?.key;
        let upstreams = &assets.get(to.position())?.upstreams;
        let at = upstreams
            .binary_search_by(|upstream| upstream.asset.cmp(key))
            .ok()?;
        Some(upstreams.get(at)?.evidence.as_slice())
    };
    evidence().is_some_and(|evidence| evidence == [Evidence::Observed])
}

/// Removes the edges within tangles that were only observed. Without them the edges have no cycle
/// (the caller made sure of that), so that whatever tangle there is runs through such edges; all
/// of a tangle's are removed, because a choice among them would hang on the order of names.
fn leave_out_observed(assets: &mut [Asset], edges: &[Edge]) -> Vec<Diagnostic> {
    let mut tangle_of: HashMap<AssetIndex, usize> = HashMap::new();
    for (number, group) in cycle::tangles(edges).into_iter().enumerate() {
        tangle_of.extend(group.into_iter().map(|index| (index, number)));
    }
    let is_inside = |(from, to): &Edge| {
        tangle_of.contains_key(from) && tangle_of.get(from) == tangle_of.get(to)
    };
    let mut warnings = Vec::new();
    for &(from, to) in edges.iter().filter(|edge| is_inside(edge)) {
        if !is_observed_only(assets, (from, to)) {
            continue;
        }
        let Some(upstream) = assets.get(from.position()).map(|asset| asset.key.clone()) else {
            continue;
        };
        let Some(asset) = assets.get_mut(to.position()) else {
            continue;
        };
        asset.upstreams.retain(|edge| edge.asset != upstream);
        let message = format!(
            "`{}` was seen reading `{upstream}`, which would close a cycle; the edge is left out",
            asset.key
        );
        warnings.push(
            Diagnostic::warning("G004", asset.declared_at.clone(), message)
                .help("declare the edge if it is real: the cycle then shows with all its edges"),
        );
    }
    warnings
}

fn too_many_inputs(assets: &[Asset], excess: TooManyInputs) -> Diagnostic {
    let widest = assets.get(excess.widest.position());
    let key = widest.map_or("", |asset| asset.key.as_str());
    let message = format!(
        "the views of this project multiply into more than {} pairs of table and reader",
        excess.limit
    );
    let place = widest.and_then(|asset| asset.declared_at.clone());
    Diagnostic::error("G006", place, message)
        .note(format!(
            "the widest is `{key}`, with {} tables behind it",
            excess.width
        ))
        .help("make a table of a view that many others read")
}
