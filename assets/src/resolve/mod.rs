//! Declarations and dbt nodes → the assets of one environment, complete and named once.
//!
//! What is said about an asset is merged in this order, later wins: the project's defaults, what
//! dbt knows, the `headwater` block of the dbt node, the asset file. The only exceptions are tags,
//! tests and upstreams, which add up. Problems are collected, and what can be kept is kept, so that
//! one problem never hides the others; while there are errors nothing may be planned.
//!
//! - `join`, `declared`: which nodes and declarations speak of the same table, and make a `slot`
//! - `name`: which key each has
//! - `merge`: what an asset is when all of them were heard
//! - `edges`: what it reads
//! - `check`: what must not be there twice
//!
//! It knows no cycles and collapses no views: that is the `lineage` crate's.

mod check;
mod checks;
mod declared;
mod edges;
mod join;
mod merge;
mod name;
mod slot;

#[cfg(test)]
mod tests;

pub use checks::lend_warehouse;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::asset::Asset;
use crate::dbt::Manifest;
use crate::declaration::{DeclaredAsset, Defaults};
use crate::diagnostic::{Diagnostic, Place};
use crate::task::{TaskName, Tasks};

/// Everything that was read about the assets of one environment.
#[derive(Debug, Clone, Default)]
pub struct ResolveInput {
    /// `defaults:` of the project.
    pub defaults: Defaults,
    /// `tasks:` of the project.
    pub tasks: Tasks,
    /// The assets of all asset files, in the order of the files.
    pub declared: Vec<DeclaredAsset>,
    /// The dbt projects, in the order of `headwater.yml`.
    pub dbt: Vec<DbtInput>,
}

/// One dbt project with what its nodes declare.
#[derive(Debug, Clone)]
pub struct DbtInput {
    /// Its manifest.
    pub manifest: Manifest,
    /// The task that builds its models; without one they are only observed.
    pub task: Option<TaskName>,
    /// Where `headwater.yml` names the project, for messages.
    pub place: Option<Place>,
    /// The parsed [`Node::headwater`](crate::dbt::Node::headwater) blocks by `unique_id`.
    pub blocks: BTreeMap<Arc<str>, DeclaredAsset>,
}

/// The assets of one environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// The assets, sorted by key.
    pub assets: Vec<Asset>,
    /// The project's tasks and those that stand inside declarations.
    pub tasks: Tasks,
    /// What is wrong; while one of them is an error, nothing may be planned.
    pub diagnostics: Vec<Diagnostic>,
}

/// Merges declarations, dbt nodes and defaults into assets.
///
/// The warnings of the manifests themselves are not repeated here.
pub fn resolve(input: ResolveInput) -> Resolved {
    let ResolveInput {
        defaults,
        tasks,
        declared,
        dbt,
    } = input;
    let mut diagnostics = Vec::new();
    check::project_tasks(&dbt, &tasks, &mut diagnostics);
    let mut slots = join::dbt_nodes(dbt, &mut diagnostics);
    name::propose(&mut slots.list, &mut diagnostics);
    declared::join(&mut slots, declared, &mut diagnostics);
    name::decide(&mut slots.list, &mut diagnostics);
    let upstreams = edges::all(&slots, &mut diagnostics);
    let mut merger = merge::Merger::new(&defaults, tasks);
    let mut assets: Vec<Asset> = slots
        .list
        .into_iter()
        .zip(upstreams)
        .filter_map(|(slot, upstreams)| {
            let mut asset = merger.asset(slot, &mut diagnostics)?;
            asset.upstreams = upstreams;
            Some(asset)
        })
        .collect();
    assets.sort_by(|a, b| a.key.cmp(&b.key));
    check::locations(&assets, &mut diagnostics);
    check::automations(&assets, &mut diagnostics);
    check::lookbacks(&assets, &mut diagnostics);
    Resolved {
        assets,
        tasks: merger.into_tasks(),
        diagnostics,
    }
}
