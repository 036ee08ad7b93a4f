//! Selections: dbt's syntax for naming assets, over all assets of a project.
//!
//! A criterion is `[@][<n>+][method:]value[+<n>]`: `+orders` is `orders` and everything upstream,
//! `orders+2` goes two edges downstream, `@orders` takes everything downstream and all that feeds
//! it. Commas intersect, blanks unite. A value may have the wild cards `*`, `?` and `[…]`; where
//! an owner's name has a blank, write `?`.
//!
//! | method | names the assets |
//! | --- | --- |
//! | none | with this exact key; else in this folder of keys, or whose key ends so, or of this dbt name, fully qualified name or relation. With a `/` as `path:`, with a file ending as `file:` |
//! | `key:` | with this key |
//! | `kind:`, `owner:`, `group:`, `tag:`, `tier:` | so declared |
//! | `health:` | of this health, which the caller knows |
//! | `source:` | dbt sources by `name`, `name.table` or `package.name.table`; other sources by key or folder |
//! | `exposure:` | exposures of this name |
//! | `package:`, `resource_type:`, `fqn:` | as in dbt |
//! | `path:`, `file:` | whose dbt file or declaration lies there, or is called so |
//!
//! What is not here: dbt's `state:`, `result:`, `config:` and test selection, which need files of
//! other runs or concern nodes that are no assets.

mod criterion;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;

pub use parse::{SelectError, SelectProblem};

use crate::graph::{AssetGraph, AssetIndex, AssetSet};
use criterion::{Criterion, HealthOf, Test};

/// The most criteria that get a suggestion: each one is a search through all assets.
const MAX_SUGGESTIONS: usize = 10;

/// What somebody wants to see or to do something with: assets by name and property.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// A union of intersections; `None` is every asset.
    included: Option<Vec<Vec<Criterion>>>,
    excluded: Vec<Vec<Criterion>>,
}

/// What a selection came to in one graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selected {
    /// The assets, in key order.
    pub assets: Vec<AssetIndex>,
    /// Criteria that name no asset at all, in the order written, those of `--exclude` last.
    pub unmatched: Vec<Unmatched>,
}

/// A criterion that names no asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The criterion as written, cut to 80 characters.
    pub criterion: String,
    /// The value that was probably meant.
    pub suggestion: Option<String>,
}

impl Selection {
    /// Selects every asset.
    pub fn all() -> Self {
        Self::default()
    }

    /// Reads one text.
    ///
    /// # Errors
    ///
    /// Says at which character it stops making sense; an empty text is an error, so that a
    /// variable that is not set never selects everything.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        Ok(Self {
            included: Some(parse::union(text)?),
            excluded: Vec::new(),
        })
    }

    /// Reads the arguments of a command: the union of `select`, or every asset where there is
    /// none, without the union of `exclude`.
    ///
    /// # Errors
    ///
    /// As [`Selection::parse`], for the first argument that cannot be read.
    pub fn parse_with_exclude(select: &[String], exclude: &[String]) -> Result<Self, SelectError> {
        let included = unions(select)?;
        Ok(Self {
            included: (!select.is_empty()).then_some(included),
            excluded: unions(exclude)?,
        })
    }

    /// Returns whether the outcome depends on how assets are, beside what they are.
    pub fn needs_health(&self) -> bool {
        let criteria = self.included.iter().flatten().chain(&self.excluded);
        criteria
            .flatten()
            .any(|criterion| matches!(criterion.test, Test::Health(_)))
    }

    /// Finds the assets. `health` says in one word how an asset is; it is asked only for
    /// `health:` criteria.
    pub fn evaluate<'a>(
        &self,
        graph: &AssetGraph,
        health: &'a dyn Fn(AssetIndex) -> &'a str,
    ) -> Selected {
        let mut unmatched = Vec::new();
        let mut set = AssetSet::new(graph.len());
        match &self.included {
            Some(union) => set = unite(union, graph, health, &mut unmatched),
            None => graph.indices().for_each(|index| {
                set.insert(index);
            }),
        }
        set.subtract(&unite(&self.excluded, graph, health, &mut unmatched));
        Selected {
            assets: set.iter().collect(),
            unmatched,
        }
    }
}

fn unions(texts: &[String]) -> Result<Vec<Vec<Criterion>>, SelectError> {
    let mut all = Vec::new();
    for text in texts {
        all.append(&mut parse::union(text)?);
    }
    Ok(all)
}

fn unite(
    union: &[Vec<Criterion>],
    graph: &AssetGraph,
    health: HealthOf<'_>,
    unmatched: &mut Vec<Unmatched>,
) -> AssetSet {
    let mut all = AssetSet::new(graph.len());
    for intersection in union {
        let mut common: Option<AssetSet> = None;
        for criterion in intersection {
            let named = criterion.named(graph, health);
            if named.is_empty() {
                let suggestion = (unmatched.len() < MAX_SUGGESTIONS)
                    .then(|| criterion.suggestion(graph, health))
                    .flatten();
                unmatched.push(Unmatched {
                    criterion: parse::shortened(&criterion.text, 80),
                    suggestion,
                });
            }
            let set = criterion.expand(graph, &named);
            match &mut common {
                Some(common) => common.intersect(&set),
                None => common = Some(set),
            }
        }
        if let Some(common) = common {
            all.unite(&common);
        }
    }
    all
}
