//! What is refused, with the place and a way out, and without hiding other problems.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    asset, codes, dbt, declared, files, keys, named, nothing, reads, relation, tasks, with_dbt,
};
use crate::asset::AssetKind;
use crate::condition::Condition;
use crate::declaration::DeclaredAsset;
use crate::key::AssetKey;
use crate::partition::{PartitionsSpec, WindowsSpec};
use crate::policy::{Automation, Bound, Freshness, Pacing};
use crate::resolve::{ResolveInput, resolve};

fn two_tables(source_schema: &str) -> Value {
    json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
        "nodes": {"model.shop.orders": {"name": "orders", "schema": "x_raw",
            "config": {"schema": "raw", "materialized": "table"}}},
        "sources": {"source.shop.raw.orders":
            {"name": "orders", "source_name": "raw", "schema": source_schema}},
    })
}

#[test]
fn a_key_declared_twice_names_both_places() {
    let resolved = resolve(files(vec![declared("a.b", 3), declared("a.b", 8)]));
    assert_eq!(codes(&resolved), [("R001", 8)]);
    assert_eq!(resolved.diagnostics[0].notes, ["first at assets.yml:3:1"]);
    assert_eq!(keys(&resolved), ["a.b"]);
    assert_eq!(
        asset(&resolved, "a.b").declared_at.as_ref().unwrap().line,
        3
    );
}

#[test]
fn a_node_declared_twice_under_two_keys_is_reported() {
    let mut one = declared("one.orders", 3);
    one.relation = relation("x_raw.orders");
    let mut two = declared("two.orders", 8);
    two.relation = relation("x_raw.orders");
    let resolved = resolve(ResolveInput {
        dbt: vec![dbt("m", &two_tables("x_raw"))],
        ..files(vec![one, two])
    });
    assert_eq!(codes(&resolved), [("R001", 8)]);
    assert!(
        resolved.diagnostics[0]
            .message
            .contains("`model.shop.orders`")
    );
}

#[test]
fn two_nodes_with_one_key_are_told_how_to_part() {
    let resolved = resolve(with_dbt(vec![dbt("m", &two_tables("landing"))]));
    assert_eq!(codes(&resolved), [("R008", 1)]);
    assert!(
        resolved.diagnostics[0]
            .help
            .as_ref()
            .unwrap()
            .contains("headwater: { key:")
    );

    let mut parted = dbt("m", &two_tables("landing"));
    parted.blocks.insert(
        "source.shop.raw.orders".into(),
        declared("landing.orders", 1),
    );
    let resolved = resolve(with_dbt(vec![parted]));
    assert_eq!(resolved.diagnostics, []);
    assert_eq!(keys(&resolved), ["landing.orders", "raw.orders"]);
}

#[test]
fn a_key_that_a_file_names_stays_with_its_asset() {
    let mut file = declared("raw.orders", 5);
    file.relation = relation("x_raw.orders");
    let resolved = resolve(ResolveInput {
        dbt: vec![dbt("m", &two_tables("landing"))],
        ..files(vec![file])
    });
    assert_eq!(codes(&resolved), [("R008", 1)]);
    assert_eq!(asset(&resolved, "raw.orders").kind, AssetKind::Table);
}

#[test]
fn a_node_whose_names_are_too_long_needs_a_key() {
    let mut long = two_tables("landing");
    long["nodes"]["model.shop.orders"]["name"] = json!("x".repeat(300));
    let resolved = resolve(with_dbt(vec![dbt("m", &long)]));
    assert_eq!(codes(&resolved), [("R009", 1)]);
    assert_eq!(keys(&resolved), ["raw.orders"]);
}

#[test]
fn a_file_without_key_or_node_is_refused() {
    assert_eq!(codes(&resolve(files(vec![nothing()]))), [("R010", 1)]);
}

#[test]
fn a_lookback_needs_partitions_of_time() {
    let mut file = declared("a.b", 1);
    file.lookback = Some(chrono::TimeDelta::days(7));
    assert_eq!(codes(&resolve(files(vec![file.clone()]))), [("R021", 1)]);
    let of = |spec| Some(crate::partition::Partitions::check(&spec).unwrap());
    file.partitions = of(PartitionsSpec::Keys {
        column: "region".to_owned(),
        values: vec!["emea".to_owned()],
    });
    assert_eq!(codes(&resolve(files(vec![file.clone()]))), [("R021", 1)]);
    file.partitions = of(PartitionsSpec::Daily(WindowsSpec {
        column: Some("day".to_owned()),
        start: "2026-01-01".to_owned(),
        ..WindowsSpec::default()
    }));
    assert_eq!(codes(&resolve(files(vec![file]))), []);
}

#[test]
fn an_unknown_task_gets_a_suggestion() {
    let mut file = declared("a.b", 1);
    file.task = Some(named("dbt_biuld"));
    let mut project = dbt("m", &two_tables("x_raw"));
    project.task = Some(crate::task::TaskName::new("nope"));
    let resolved = resolve(ResolveInput {
        tasks: tasks(&["dbt_build"]),
        dbt: vec![project],
        ..files(vec![file])
    });
    assert_eq!(codes(&resolved), [("R004", 9), ("R004", 50)]);
    assert_eq!(
        resolved.diagnostics[1].help.as_deref(),
        Some("did you mean `dbt_build`?")
    );
    assert!(
        resolved.diagnostics[0]
            .help
            .as_ref()
            .unwrap()
            .ends_with("there are `dbt_build`")
    );
    assert!(resolved.assets.iter().all(|asset| asset.task.is_none()));
}

#[test]
fn nobody_builds_a_source() {
    let mut file = declared("a.b", 1);
    file.kind = Some(AssetKind::Source);
    file.task = Some(named("dbt"));
    let resolved = resolve(files(vec![file]));
    assert_eq!(codes(&resolved), [("R005", 50)]);
    assert!(asset(&resolved, "a.b").task.is_none());
}

#[test]
fn one_table_is_not_two_assets() {
    let mut one = declared("a.one", 1);
    one.relation = relation("main.s.t");
    one.path = Some("./lake/t/".to_owned());
    let mut two = declared("a.two", 2);
    two.relation = relation("MAIN.s.T");
    two.path = Some("lake/t".to_owned());
    let resolved = resolve(files(vec![one, two]));
    assert_eq!(codes(&resolved), [("R006", 2), ("R007", 2)]);
    assert_eq!(
        resolved.diagnostics[0].notes,
        ["`a.one` stands at assets.yml:1:1"]
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut one = declared("a.one", 1);
    one.depends_on = reads(&["a.one", "nobody.knows"]);
    one.task = Some(named("nope"));
    let resolved = resolve(files(vec![one, declared("a.one", 2), nothing()]));
    let found: Vec<_> = codes(&resolved).into_iter().map(|(code, _)| code).collect();
    assert_eq!(found, ["R001", "R010", "R003", "R002", "R004"]);
}

proptest! {
    #[test]
    fn keys_are_sorted_and_unique_and_edges_lead_somewhere(
        names in prop::collection::vec(0_u8..8, 0..12),
        edges in prop::collection::vec(prop::collection::vec(0_u8..8, 0..4), 12),
    ) {
        let name = |n: &u8| format!("k.a{n}");
        let assets = names.iter().zip(&edges).enumerate().map(|(line, (n, edges))| {
            let mut file = declared(&name(n), line + 1);
            let edges: Vec<_> = edges.iter().map(name).collect();
            file.depends_on = reads(&edges.iter().map(String::as_str).collect::<Vec<_>>());
            file
        });
        let resolved = resolve(files(assets.collect()));
        let keys = keys(&resolved);
        prop_assert!(keys.is_sorted_by(|a, b| a < b));
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        prop_assert_eq!(keys.len(), distinct.len());
        for asset in &resolved.assets {
            for upstream in &asset.upstreams {
                prop_assert!(upstream.asset != asset.key);
                prop_assert!(keys.contains(&upstream.asset.as_str()));
            }
        }
    }
}

#[test]
fn an_automation_needs_what_it_speaks_of() {
    let built = |automation: Automation| {
        let mut file = declared("a.b", 1);
        file.task = Some(named("dbt"));
        file.depends_on = reads(&["up.x"]);
        file.automation = Some(automation);
        let tasks = tasks(&["dbt"]);
        move |change: fn(&mut DeclaredAsset)| {
            let mut file = file.clone();
            change(&mut file);
            let files = files(vec![declared("up.x", 5), file]);
            let tasks = tasks.clone();
            resolve(ResolveInput { tasks, ..files })
        }
    };
    let before_deadline = built(Automation::BeforeDeadline {
        slack: chrono::TimeDelta::zero(),
        pacing: Pacing::default(),
    });
    assert_eq!(codes(&before_deadline(|_| {})), [("R016", 1)]);
    let resolved = before_deadline(|file| {
        let limit = chrono::TimeDelta::hours(1);
        let max_lag = Some(Bound { limit, warn: None });
        file.freshness = Some(Freshness {
            max_lag,
            ..Freshness::default()
        });
    });
    assert_eq!(codes(&resolved), []);
    // Nobody builds it: what would be asked of its automation does not matter.
    assert_eq!(codes(&before_deadline(|file| file.task = None)), []);
    let changed = |name: &str| {
        let named = Condition::Changed(Some(AssetKey::new(name).unwrap()));
        built(Automation::When {
            condition: Condition::Not(Box::new(named)),
            pacing: Pacing::default(),
        })(|_| {})
    };
    assert_eq!(codes(&changed("up.x")), []);
    let resolved = changed("up.z");
    assert_eq!(codes(&resolved), [("R017", 1)]);
    let help = resolved.diagnostics[0].help.as_deref();
    assert_eq!(help, Some("did you mean `up.x`?"));
}
