//! Tests of joining, naming and merging: what people and dbt said → assets and problems.

mod edges;
mod joining;
mod merging;
mod problems;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{DbtInput, ResolveInput, Resolved, resolve};
use crate::asset::{Asset, Consume};
use crate::dbt::read_manifest;
use crate::declaration::{DeclaredAsset, DeclaredBinding, DeclaredTask, DeclaredUpstream};
use crate::diagnostic::Place;
use crate::key::AssetKey;
use crate::relation::Relation;
use crate::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, Tasks};

fn key(text: &str) -> AssetKey {
    AssetKey::new(text).unwrap()
}

fn place(file: &str, line: usize) -> Place {
    Place {
        line,
        ..Place::start_of(&Arc::from(file))
    }
}

/// A declaration that says nothing, at line 1 of `assets.yml`.
fn nothing() -> DeclaredAsset {
    DeclaredAsset {
        key: None,
        place: place("assets.yml", 1),
        kind: None,
        relation: None,
        path: None,
        depends_on: Vec::new(),
        task: None,
        freshness: None,
        automation: None,
        consistency: None,
        retry: None,
        code_changes: None,
        code_version: None,
        adopt: None,
        outside_writes: None,
        watermark: None,
        full_refresh: None,
        partitions: None,
        lookback: None,
        checks: None,
        gates: None,
        owner: None,
        group: None,
        tier: None,
        tags: BTreeSet::new(),
        description: None,
    }
}

fn declared(name: &str, line: usize) -> DeclaredAsset {
    DeclaredAsset {
        key: Some(key(name)),
        place: place("assets.yml", line),
        ..nothing()
    }
}

fn reads(names: &[&str]) -> Vec<DeclaredUpstream> {
    let upstream = |(position, name): (usize, &&str)| DeclaredUpstream {
        asset: key(name),
        consume: Consume::Table,
        mapping: None,
        place: place("assets.yml", 100 + position),
    };
    names.iter().enumerate().map(upstream).collect()
}

fn relation(text: &str) -> Option<Relation> {
    Relation::parse(text).ok()
}

fn task() -> Task {
    Task {
        action: TaskAction::DatabricksJob(DatabricksJob {
            job: JobReference::Id(7),
            task_key: None,
            parameters: BTreeMap::new(),
        }),
        select_parameter: None,
        max_concurrent_runs: None,
        pool: None,
        timeout: None,
        write_mode: crate::task::WriteMode::Overwrite,
    }
}

fn tasks(names: &[&str]) -> Tasks {
    names
        .iter()
        .map(|name| (TaskName::new(name), task()))
        .collect()
}

fn bound_to(task: DeclaredTask) -> DeclaredBinding {
    DeclaredBinding {
        task,
        parameters: BTreeMap::new(),
        place: place("assets.yml", 50),
    }
}

fn named(name: &str) -> DeclaredBinding {
    bound_to(DeclaredTask::Named(TaskName::new(name)))
}

/// A dbt project that the task `dbt` builds.
fn dbt(file: &str, manifest: &Value) -> DbtInput {
    let text = manifest.to_string();
    DbtInput {
        manifest: read_manifest(&Arc::from(file), text.as_bytes()).unwrap(),
        task: Some(TaskName::new("dbt")),
        place: Some(place("headwater.yml", 9)),
        blocks: BTreeMap::new(),
    }
}

fn files(declared: Vec<DeclaredAsset>) -> ResolveInput {
    ResolveInput {
        declared,
        tasks: tasks(&["dbt"]),
        ..ResolveInput::default()
    }
}

fn with_dbt(dbt: Vec<DbtInput>) -> ResolveInput {
    ResolveInput {
        dbt,
        tasks: tasks(&["dbt"]),
        ..ResolveInput::default()
    }
}

/// Resolves what must have no problems.
fn clean(input: ResolveInput) -> Resolved {
    let resolved = resolve(input);
    assert_eq!(resolved.diagnostics, []);
    resolved
}

/// Codes with the lines they point at.
fn codes(resolved: &Resolved) -> Vec<(&'static str, usize)> {
    let line = |place: &Option<Place>| place.as_ref().map_or(0, |place| place.line);
    resolved
        .diagnostics
        .iter()
        .map(|d| (d.code, line(&d.place)))
        .collect()
}

fn asset<'r>(resolved: &'r Resolved, name: &str) -> &'r Asset {
    let found = resolved
        .assets
        .iter()
        .find(|asset| asset.key.as_str() == name);
    found.unwrap_or_else(|| panic!("no {name} among {:?}", keys(resolved)))
}

fn keys(resolved: &Resolved) -> Vec<&str> {
    resolved
        .assets
        .iter()
        .map(|asset| asset.key.as_str())
        .collect()
}

fn upstreams<'r>(resolved: &'r Resolved, name: &str) -> Vec<&'r str> {
    asset(resolved, name)
        .upstreams
        .iter()
        .map(|up| up.asset.as_str())
        .collect()
}
