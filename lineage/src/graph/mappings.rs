//! How the partitions of assets belong together, along physical edges.
//!
//! A view without partitions passes those of the tables behind it on: what is declared of the edge into it
//! holds for them. One that declares partitions has mappings of its own, and whoever reads it needs of a table
//! what the partitions of the view need that it needs of the view. Assets of which no side has partitions have
//! no mapping and cost nothing here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assets::partition::{Mapping, MappingError, MappingSpec, Partitions};
use assets::{Asset, Diagnostic, Place};

use super::AssetIndex;
use super::adjacency::Adjacency;
use super::inputs::Inputs;

/// The mappings of assets onto their inputs, of those that have any.
#[derive(Debug, Clone, Default)]
pub(super) struct Mappings {
    of_tables: BTreeMap<AssetIndex, Arc<[Mapping]>>,
    of_views: Views,
}

/// The mappings of views with partitions onto the tables behind them, and what leads through such views.
#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    mappings: BTreeMap<AssetIndex, Arc<[Mapping]>>,
    /// These views, and those that read them.
    leading: BTreeSet<AssetIndex>,
}

impl Mappings {
    pub(super) fn of(&self, index: AssetIndex) -> Option<&[Mapping]> {
        self.of_tables.get(&index).map(AsRef::as_ref)
    }

    /// Makes the mappings of an asset anew, by what is known of both sides now; those of views that it reads
    /// have to be made before.
    pub(super) fn renew(&mut self, graph: (&[Arc<Asset>], &Adjacency, &Inputs), index: AssetIndex) {
        let (assets, upstreams, inputs) = graph;
        let Some(asset) = assets.get(index.position()) else {
            return;
        };
        let edges = EdgesOf {
            assets,
            asset,
            index,
            upstreams,
            inputs,
            views: &self.of_views,
        };
        let of_view = self.of_views.mappings.get(&index);
        let Some(mappings) = of_view.or(self.of_tables.get(&index)) else {
            return;
        };
        let tables = inputs.of(index).iter();
        let tables = tables.filter_map(|input| assets.get(input.position()).zip(Some(*input)));
        let renewed: Vec<Mapping> = tables
            .zip(mappings.iter())
            // What fitted still does: nothing of what is declared has changed.
            .map(|((input, at), old)| edges.mapping((input, at)).unwrap_or_else(|_| old.clone()))
            .collect();
        let is_view = of_view.is_some();
        let of_kind = if is_view {
            &mut self.of_views.mappings
        } else {
            &mut self.of_tables
        };
        of_kind.insert(index, renewed.into());
    }
}

/// Works out the mappings of all assets; `sorted` has upstreams first.
///
/// # Errors
///
/// Every edge whose sides do not fit together, or leave more than one choice (`G007`).
pub(super) fn all(
    assets: &[Arc<Asset>],
    upstreams: &Adjacency,
    inputs: &Inputs,
    sorted: &[AssetIndex],
) -> Result<Mappings, Vec<Diagnostic>> {
    let mut found = Mappings::default();
    if assets.iter().all(|asset| asset.partitions.is_none()) {
        return Ok(found);
    }
    let mut problems = Vec::new();
    for &index in sorted {
        let Some(asset) = assets.get(index.position()) else {
            continue;
        };
        let partitioned = |index: &AssetIndex| {
            let input = assets.get(index.position());
            input.is_some_and(|input| input.partitions.is_some())
        };
        let tables = inputs.of(index);
        let is_view = asset.passed_partitions().is_some();
        if asset.kind.is_transparent() {
            let leads = |upstream: &AssetIndex| found.of_views.leading.contains(upstream);
            if is_view || upstreams.of(index).iter().any(leads) {
                found.of_views.leading.insert(index);
            }
        }
        let is_any = asset.partitions.is_some() || tables.iter().any(partitioned);
        if !is_view && (!is_any || !asset.kind.has_table()) {
            problems.extend(needless(asset).into_iter().map(|problem| (index, problem)));
            continue;
        }
        let edges = EdgesOf {
            assets,
            asset,
            index,
            upstreams,
            inputs,
            views: &found.of_views,
        };
        let mappings = tables.iter().filter_map(|input| {
            let input = (assets.get(input.position())?.as_ref(), *input);
            match edges.mapping(input) {
                Ok(mapping) => Some(mapping),
                Err(problem) => {
                    problems.push((index, *problem));
                    // Whoever reads it through a view shall not be blamed for it, too.
                    edges.everything(input).ok()
                }
            }
        });
        let mappings: Arc<[Mapping]> = mappings.collect();
        if is_view {
            found.of_views.mappings.insert(index, mappings);
        } else {
            found.of_tables.insert(index, mappings);
        }
    }
    if problems.is_empty() {
        return Ok(found);
    }
    // In key order, as everything that is told of files.
    problems.sort_by_key(|(index, _)| *index);
    Err(problems.into_iter().map(|(_, problem)| problem).collect())
}

/// A mapping that is declared where nothing has partitions promises what cannot be.
fn needless(asset: &Asset) -> Vec<Diagnostic> {
    let declared = asset.upstreams.iter().filter_map(|upstream| {
        let spec = upstream.mapping.as_ref()?;
        let error = Mapping::new(Some(spec), None, None).err()?;
        let message = format!("`{}` reads `{}`: {error}", asset.key, upstream.asset);
        let place = upstream.declared_at.clone();
        Some(Diagnostic::error("G007", place, message).help(error.help()))
    });
    declared.collect()
}

/// The edges into one asset.
struct EdgesOf<'a> {
    assets: &'a [Arc<Asset>],
    asset: &'a Asset,
    index: AssetIndex,
    upstreams: &'a Adjacency,
    inputs: &'a Inputs,
    views: &'a Views,
}

/// What is declared of an edge, and where.
type Declared<'a> = (Option<&'a MappingSpec>, Option<&'a Place>);

impl EdgesOf<'_> {
    /// Returns the mapping onto one input.
    fn mapping(&self, (input, index): (&Asset, AssetIndex)) -> Result<Mapping, Box<Diagnostic>> {
        let others = input.partitions.as_ref();
        let mut chosen: Option<Mapping> = None;
        for (upstream, declared) in self.ways_to(index) {
            for stop in self.stops(upstream, index) {
                let mapping = self.step_by_step(stop, declared, (input, index))?;
                let is_same = chosen.as_ref().is_none_or(|chosen| *chosen == mapping);
                if !is_same {
                    // Whoever reads a table in two ways reads all that either of them reads.
                    return self.everything((input, index));
                }
                chosen = Some(mapping);
            }
        }
        match chosen {
            Some(mapping) => Ok(mapping),
            None => self.made(input, others, (None, None)),
        }
    }

    /// Returns that all of an input is needed.
    fn everything(&self, (input, _): (&Asset, AssetIndex)) -> Result<Mapping, Box<Diagnostic>> {
        let all = Some(&MappingSpec::All);
        self.made(input, input.partitions.as_ref(), (all, None))
    }

    /// Returns the mapping by way of a view with partitions, or straight onto the table.
    fn step_by_step(
        &self,
        stop: AssetIndex,
        declared: Declared<'_>,
        (input, index): (&Asset, AssetIndex),
    ) -> Result<Mapping, Box<Diagnostic>> {
        let view = self.assets.get(stop.position());
        let partitions = view.and_then(|view| view.passed_partitions());
        let further = self.further(stop, index);
        match (view, partitions, further) {
            (Some(view), Some(partitions), Some(further)) => {
                let near = self.made(view, Some(partitions), declared)?;
                Ok(near.through(further))
            }
            (_, _, _) => self.made(input, input.partitions.as_ref(), declared),
        }
    }

    /// What a view with partitions needs of a table behind it.
    fn further(&self, view: AssetIndex, table: AssetIndex) -> Option<&Mapping> {
        let at = self.inputs.of(view).binary_search(&table).ok()?;
        self.views.mappings.get(&view)?.get(at)
    }

    fn made(
        &self,
        input: &Asset,
        others: Option<&Partitions>,
        (spec, place): Declared<'_>,
    ) -> Result<Mapping, Box<Diagnostic>> {
        Mapping::new(spec, self.asset.partitions.as_ref(), others)
            .map_err(|error| Box::new(self.refused(input, place, &error)))
    }

    /// Returns the upstreams that a table is reached by, itself or views over it, with what is declared.
    fn ways_to(&self, input: AssetIndex) -> impl Iterator<Item = (AssetIndex, Declared<'_>)> {
        let edges = self.upstreams.of(self.index).iter();
        let edges = edges.zip(&self.asset.upstreams);
        edges
            .filter(move |(upstream, _)| self.leads(**upstream, input))
            .map(|(upstream, edge)| {
                let declared = (edge.mapping.as_ref(), edge.declared_at.as_ref());
                (*upstream, declared)
            })
    }

    fn leads(&self, upstream: AssetIndex, input: AssetIndex) -> bool {
        let through = self.assets.get(upstream.position());
        let is_through = through.is_some_and(|asset| asset.kind.is_transparent());
        upstream == input || is_through && self.inputs.of(upstream).binary_search(&input).is_ok()
    }

    /// Returns where the way to a table by an upstream comes by next: views with partitions, or the table,
    /// however many views without any lie before them.
    fn stops(&self, upstream: AssetIndex, input: AssetIndex) -> BTreeSet<AssetIndex> {
        if !self.views.leading.contains(&upstream) {
            return BTreeSet::from([input]);
        }
        let (mut stops, mut seen) = (BTreeSet::new(), BTreeSet::from([upstream]));
        let mut open = vec![upstream];
        while let Some(at) = open.pop() {
            if at == input || self.views.mappings.contains_key(&at) {
                stops.insert(at);
            } else if self.views.leading.contains(&at) {
                let next = self.upstreams.of(at).iter().copied();
                let next = next.filter(|next| self.leads(*next, input));
                open.extend(next.filter(|next| seen.insert(*next)));
            } else {
                stops.insert(input);
            }
        }
        stops
    }

    fn refused(&self, input: &Asset, place: Option<&Place>, error: &MappingError) -> Diagnostic {
        let message = format!("`{}` reads `{}`: {error}", self.asset.key, input.key);
        let place = place.or(self.asset.declared_at.as_ref()).cloned();
        Diagnostic::error("G007", place, message).help(error.help())
    }
}

#[cfg(test)]
mod tests;
