//! Which nodes and declarations are one asset, and what it is called.

use serde_json::{Value, json};

use super::{
    asset, clean, codes, dbt, declared, files, keys, nothing, relation, upstreams, with_dbt,
};
use crate::asset::AssetKind;
use crate::resolve::{ResolveInput, resolve};

fn model(name: &str, reads: &[&str]) -> Value {
    json!({"name": name, "package_name": "a", "database": "main", "schema": "gold", "alias": name,
           "config": {"materialized": "table"}, "tags": [name], "depends_on": {"nodes": reads}})
}

/// Project A builds `main.gold.orders`.
fn project_a() -> Value {
    json!({"nodes": {"model.a.orders": model("orders", &[])}})
}

/// Project B reads it as a source, under another case.
fn project_b() -> Value {
    json!({
        "nodes": {"model.b.report": {"name": "report", "package_name": "b", "schema": "b",
            "config": {"materialized": "table"},
            "depends_on": {"nodes": ["source.b.gold.orders"]}}},
        "sources": {"source.b.gold.orders": {"name": "orders", "source_name": "gold",
            "database": "MAIN", "schema": "Gold", "identifier": "ORDERS", "tags": ["from_b"]}},
    })
}

fn lenient(manifest: &Value) -> Value {
    let mut whole = json!({"metadata":
        {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"}, "nodes": {}});
    for (section, value) in manifest.as_object().unwrap() {
        whole[section] = value.clone();
    }
    whole
}

#[test]
fn the_source_of_one_project_is_the_model_of_another_in_any_order() {
    let (a, b) = (lenient(&project_a()), lenient(&project_b()));
    for projects in [[("a", &a), ("b", &b)], [("b", &b), ("a", &a)]] {
        let inputs = projects
            .iter()
            .map(|(file, manifest)| dbt(file, manifest))
            .collect();
        let resolved = clean(with_dbt(inputs));
        assert_eq!(keys(&resolved), ["a.orders", "b.report"]);
        assert_eq!(upstreams(&resolved, "b.report"), ["a.orders"]);
        let orders = asset(&resolved, "a.orders");
        assert_eq!(orders.kind, AssetKind::Table);
        let node = orders.dbt.as_ref().unwrap();
        assert_eq!(&*node.unique_id, "model.a.orders");
        assert_eq!(
            node.also_known_as
                .iter()
                .map(|id| &**id)
                .collect::<Vec<_>>(),
            ["source.b.gold.orders"]
        );
        assert!(orders.tags.contains("orders") && orders.tags.contains("from_b"));
    }
}

#[test]
fn one_id_in_two_projects_may_be_two_tables() {
    let mut a = lenient(&project_a());
    let mut b = lenient(&project_a());
    a["nodes"]["model.a.mart"] = model("mart", &["model.a.orders"]);
    b["nodes"]["model.a.orders"]["schema"] = json!("other");
    b["nodes"]["model.a.orders"]["config"]["schema"] = json!("other");
    b["nodes"]["model.a.sum"] = model("sum", &["model.a.orders"]);
    let resolved = clean(with_dbt(vec![dbt("a", &a), dbt("b", &b)]));
    assert_eq!(
        keys(&resolved),
        ["a.mart", "a.orders", "a.sum", "other.orders"]
    );
    assert_eq!(upstreams(&resolved, "a.mart"), ["a.orders"]);
    assert_eq!(upstreams(&resolved, "a.sum"), ["other.orders"]);
}

#[test]
fn a_table_that_two_projects_build_is_one_asset_with_a_warning() {
    let a = lenient(&project_a());
    let resolved = resolve(with_dbt(vec![dbt("a", &a), dbt("b", &a)]));
    assert_eq!(codes(&resolved), [("R012", 1)]);
    assert_eq!(keys(&resolved), ["a.orders"]);
    assert!(
        asset(&resolved, "a.orders")
            .dbt
            .as_ref()
            .unwrap()
            .also_known_as
            .is_empty()
    );
}

#[test]
fn the_block_of_a_node_that_does_not_speak_for_the_table_is_reported() {
    let mut b = dbt("b", &lenient(&project_b()));
    b.blocks
        .insert("source.b.gold.orders".into(), declared("bronze.orders", 3));
    let resolved = resolve(with_dbt(vec![dbt("a", &lenient(&project_a())), b]));
    assert_eq!(codes(&resolved), [("R013", 3)]);
    assert_eq!(keys(&resolved), ["a.orders", "b.report"]);
}

#[test]
fn a_file_joins_a_node_by_relation_by_key_or_by_unique_id_and_its_key_wins() {
    let (a, b) = (lenient(&project_a()), lenient(&project_b()));
    let with_file = |file| ResolveInput {
        dbt: vec![dbt("a", &a), dbt("b", &b)],
        ..files(vec![file])
    };
    let mut by_relation = declared("finance.orders", 1);
    by_relation.relation = relation("`main`.gold.Orders");
    let mut by_key = declared("a.orders", 1);
    by_key.relation = relation("prod.gold.orders");
    let by_id = declared("model.a.orders", 1);
    for (file, expected) in [
        (by_relation, "finance.orders"),
        (by_key, "a.orders"),
        (by_id, "model.a.orders"),
    ] {
        let resolved = clean(with_file(file));
        assert_eq!(resolved.assets.len(), 2, "{expected}");
        assert_eq!(upstreams(&resolved, "b.report"), [expected]);
        assert!(asset(&resolved, expected).dbt.is_some());
    }
}

#[test]
fn a_file_without_a_key_takes_the_one_of_its_node() {
    let mut file = nothing();
    file.relation = relation("main.gold.orders");
    file.owner = Some("finance".to_owned());
    let resolved = clean(ResolveInput {
        dbt: vec![dbt("a", &lenient(&project_a()))],
        ..files(vec![file])
    });
    assert_eq!(
        asset(&resolved, "a.orders").owner.as_deref(),
        Some("finance")
    );
}

#[test]
fn the_key_of_a_block_wins_over_dbt_and_that_of_a_file_over_both() {
    let with = |file| {
        let mut a = dbt("a", &lenient(&project_a()));
        a.blocks
            .insert("model.a.orders".into(), declared("block.orders", 1));
        clean(ResolveInput {
            dbt: vec![a],
            ..files(file)
        })
    };
    assert_eq!(keys(&with(vec![])), ["block.orders"]);
    let mut file = declared("file.orders", 2);
    file.relation = relation("main.gold.orders");
    assert_eq!(keys(&with(vec![file])), ["file.orders"]);
}
