//! The graph by what is known of `dynamic` partitions.
//!
//! Which values such a part has is told by tables: by the asset's own, and by those that it follows, whose new
//! values are partitions that are still to come. So a graph is made with them, upstreams first:
//!
//! | the asset | its partitions are |
//! | --- | --- |
//! | is built by nobody here | the values that its table has |
//! | is built here, and every `dynamic` part is linked to values of an input | those that inputs have, and those that its own table has |
//! | is built here, and an input does not tell | not known: it is built as one whole |
//!
//! A value whose files are gone from all of them exists no more; its place in the list stays its own. It comes
//! back with a commit of an input, for which its partition is built anew, so that nothing else need be known of it.

use std::sync::Arc;

use assets::Asset;
use assets::delta::PartitionValue;
use assets::partition::{DynamicPart, Mapping, OwnValues, Partitions, Told};

use super::{AssetGraph, AssetIndex};

/// Values that an asset is to get and that its list does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewValues {
    /// The asset.
    pub asset: AssetIndex,
    /// The column of its `dynamic` part.
    pub column: String,
    /// The values, in the order in which they join the list.
    pub values: Vec<PartitionValue>,
}

impl AssetGraph {
    /// Returns the assets with `dynamic` partitions, every upstream before its downstreams.
    pub fn dynamic(&self) -> &[AssetIndex] {
        &self.edges.dynamic
    }

    /// Returns whether another graph has the same assets and edges, whatever is known of partitions.
    pub fn is_same_but_for_values(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.edges, &other.edges)
    }

    /// Returns the graph by what tables told of the `dynamic` parts of assets, by asset and column.
    #[must_use]
    pub fn with_values(&self, known: impl Fn(&Asset, &str) -> OwnValues) -> Self {
        self.resolve(known, &mut None)
    }

    /// As [`with_values`](Self::with_values), where values that inputs have take their place in the lists of
    /// those that follow them; with what is to be remembered of that.
    #[must_use]
    pub fn following(&self, known: impl Fn(&Asset, &str) -> OwnValues) -> (Self, Vec<NewValues>) {
        let mut news = Some(Vec::new());
        let graph = self.resolve(known, &mut news);
        (graph, news.unwrap_or_default())
    }

    fn resolve(
        &self,
        known: impl Fn(&Asset, &str) -> OwnValues,
        news: &mut Option<Vec<NewValues>>,
    ) -> Self {
        let mut graph = self.clone();
        for &index in &self.edges.dynamic {
            let asset = self.asset(index);
            let Some(declared) = &asset.partitions else {
                continue;
            };
            let columns = declared
                .dynamic_parts()
                .map(|part| part.column().to_owned());
            let own: Vec<(String, OwnValues)> = columns
                .map(|column| {
                    let own = known(asset, &column);
                    (column, own)
                })
                .collect();
            let mut parts: Vec<(String, DynamicPart)> = own.into_iter().map(of_table).collect();
            if asset.is_built_here() {
                graph.place(index, declared, &parts);
                graph.renew(index);
                let mappings = graph.mappings(index).unwrap_or_default();
                for (column, part) in &mut parts {
                    let new = follow(mappings, column, part);
                    let new = match news {
                        Some(_) => part.values.add(new),
                        None => Vec::new(),
                    };
                    if let Some(news) = news
                        && !new.is_empty()
                    {
                        news.push(NewValues {
                            asset: index,
                            column: column.clone(),
                            values: new,
                        });
                    }
                }
                // Those that have joined the list exist, too.
                graph.place(index, declared, &parts);
                graph.renew(index);
                let mappings = graph.mappings(index).unwrap_or_default();
                for (column, part) in &mut parts {
                    follow(mappings, column, part);
                }
            }
            graph.place(index, declared, &parts);
        }
        let mut affected: Vec<AssetIndex> = self.edges.dynamic.clone();
        let readers = self
            .edges
            .dynamic
            .iter()
            .flat_map(|index| self.readers(*index));
        affected.extend(readers);
        // Views before whoever reads tables through them.
        affected.sort_unstable_by_key(|index| (self.depth(*index), *index));
        affected.dedup();
        for index in affected {
            graph.renew(index);
        }
        graph
    }

    fn place(&mut self, index: AssetIndex, declared: &Partitions, parts: &[(String, DynamicPart)]) {
        let Some(asset) = self.assets.get_mut(index.position()) else {
            return;
        };
        let mut partitions = declared.clone();
        for (column, part) in parts {
            partitions = partitions.with_known(column, part);
        }
        Arc::make_mut(asset).partitions = Some(partitions);
    }

    fn renew(&mut self, index: AssetIndex) {
        let graph = (
            self.assets.as_slice(),
            &self.edges.upstreams,
            &self.edges.inputs,
        );
        self.mappings.renew(graph, index);
    }
}

/// What an asset's own table says of a part.
fn of_table((column, own): (String, OwnValues)) -> (String, DynamicPart) {
    let OwnValues { values, told } = own;
    let is_told = told != Told::ByNothing && values.has_room();
    let part = DynamicPart {
        // Of a table whose files tell nothing, whatever it was to get may be there.
        there: if is_told {
            values.present()
        } else {
            values.all()
        },
        is_told,
        ..DynamicPart::of_table(values)
    };
    (column, part)
}

/// Adds what a part takes over from inputs; returns the values that its list does not have.
fn follow(mappings: &[Mapping], column: &str, part: &mut DynamicPart) -> Vec<PartitionValue> {
    let mut new = Vec::new();
    let mut is_told = part.values.has_room();
    let mut is_any = false;
    let followed = mappings.iter().flat_map(Mapping::followed);
    for followed in followed.filter(|followed| followed.column == column) {
        is_any = true;
        is_told &= followed.is_told;
        part.there = part.there.union(&followed.there);
        new.extend(followed.new);
    }
    part.is_followed = is_any && is_told;
    part.is_told |= part.is_followed;
    new
}

#[cfg(test)]
mod tests;
