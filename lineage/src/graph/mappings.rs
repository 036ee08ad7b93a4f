//! How the partitions of assets belong together, along physical edges.
//!
//! A view has no partitions: what is declared of the edge into it holds for the tables behind it. Assets
//! of which no side has partitions have no mapping and cost nothing here.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::partition::{Mapping, MappingError, MappingSpec};
use assets::{Asset, Diagnostic, Place};

use super::adjacency::Adjacency;
use super::inputs::Inputs;
use super::{AssetIndex, all_indices};

/// The mappings of assets onto their inputs, of those that have any.
#[derive(Debug, Clone, Default)]
pub(super) struct Mappings(BTreeMap<AssetIndex, Arc<[Mapping]>>);

impl Mappings {
    pub(super) fn of(&self, index: AssetIndex) -> Option<&[Mapping]> {
        self.0.get(&index).map(AsRef::as_ref)
    }

    /// Makes the mappings of an asset anew, by what is known of both sides now.
    pub(super) fn renew(&mut self, edges: &EdgesOf<'_>, index: AssetIndex) {
        if let Some(mappings) = self.0.get_mut(&index) {
            let tables = edges.inputs.of(index).iter();
            let tables =
                tables.filter_map(|input| edges.assets.get(input.position()).zip(Some(*input)));
            let renewed: Vec<Mapping> = tables
                .zip(mappings.iter())
                // What fitted still does: nothing of what is declared has changed.
                .map(|((input, at), old)| {
                    edges.mapping((input, at)).unwrap_or_else(|_| old.clone())
                })
                .collect();
            *mappings = renewed.into();
        }
    }
}

/// Works out the mappings of all assets.
///
/// # Errors
///
/// Every edge whose sides do not fit together, or leave more than one choice (`G007`).
pub(super) fn all(
    assets: &[Arc<Asset>],
    upstreams: &Adjacency,
    inputs: &Inputs,
) -> Result<Mappings, Vec<Diagnostic>> {
    let mut mappings = BTreeMap::new();
    if assets.iter().all(|asset| asset.partitions.is_none()) {
        return Ok(Mappings::default());
    }
    let mut problems = Vec::new();
    for (asset, index) in assets.iter().zip(all_indices(assets.len())) {
        let partitioned = |index: &AssetIndex| {
            let input = assets.get(index.position());
            input.is_some_and(|input| input.partitions.is_some())
        };
        let tables = inputs.of(index);
        let is_any = asset.partitions.is_some() || tables.iter().any(partitioned);
        if !is_any || !asset.kind.has_table() {
            problems.extend(needless(asset));
            continue;
        }
        let edges = EdgesOf {
            assets,
            asset,
            upstreams: upstreams.of(index),
            inputs,
        };
        let found = tables.iter().filter_map(|input| {
            let input = (assets.get(input.position())?.as_ref(), *input);
            match edges.mapping(input) {
                Ok(mapping) => Some(mapping),
                Err(problem) => {
                    problems.push(*problem);
                    None
                }
            }
        });
        mappings.insert(index, found.collect());
    }
    if problems.is_empty() {
        Ok(Mappings(mappings))
    } else {
        Err(problems)
    }
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
pub(super) struct EdgesOf<'a> {
    pub(super) assets: &'a [Arc<Asset>],
    pub(super) asset: &'a Asset,
    pub(super) upstreams: &'a [AssetIndex],
    pub(super) inputs: &'a Inputs,
}

impl EdgesOf<'_> {
    /// Returns the mapping onto one input.
    pub(super) fn mapping(
        &self,
        (input, index): (&Asset, AssetIndex),
    ) -> Result<Mapping, Box<Diagnostic>> {
        let (own, others) = (self.asset.partitions.as_ref(), input.partitions.as_ref());
        let mut chosen: Option<Mapping> = None;
        for (spec, place) in self.ways_to(index) {
            let mapping = Mapping::new(spec, own, others)
                .map_err(|error| Box::new(self.refused(input, place, &error)))?;
            let is_same = chosen.as_ref().is_none_or(|chosen| *chosen == mapping);
            if !is_same {
                // Whoever reads a table in two ways reads all that either of them reads.
                return Mapping::new(Some(&MappingSpec::All), own, others)
                    .map_err(|error| Box::new(self.refused(input, place, &error)));
            }
            chosen = Some(mapping);
        }
        match chosen {
            Some(mapping) => Ok(mapping),
            None => Mapping::new(None, own, others)
                .map_err(|error| Box::new(self.refused(input, None, &error))),
        }
    }

    /// What is declared of the upstreams that a table is reached by: itself, or views over it.
    fn ways_to(
        &self,
        input: AssetIndex,
    ) -> impl Iterator<Item = (Option<&MappingSpec>, Option<&Place>)> {
        let edges = self.upstreams.iter().zip(&self.asset.upstreams);
        let leads = move |upstream: AssetIndex| {
            let through = self.assets.get(upstream.position());
            let is_through = through.is_some_and(|asset| asset.kind.is_transparent());
            upstream == input
                || is_through && self.inputs.of(upstream).binary_search(&input).is_ok()
        };
        edges
            .filter(move |(upstream, _)| leads(**upstream))
            .map(|(_, edge)| (edge.mapping.as_ref(), edge.declared_at.as_ref()))
    }

    fn refused(&self, input: &Asset, place: Option<&Place>, error: &MappingError) -> Diagnostic {
        let message = format!("`{}` reads `{}`: {error}", self.asset.key, input.key);
        let place = place.or(self.asset.declared_at.as_ref()).cloned();
        Diagnostic::error("G007", place, message).help(error.help())
    }
}
