//! What an asset reads, and who says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{
    asset, clean, codes, dbt, declared, files, key, keys, reads, relation, upstreams, with_dbt,
};
use crate::asset::{Consume, Evidence};
use crate::dbt::read_manifest;
use crate::resolve::{DbtInput, ResolveInput, resolve};
use crate::task::TaskName;

fn shop() -> serde_json::Value {
    json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
        "nodes": {
            "model.shop.orders": {"name": "orders", "schema": "s",
                "config": {"materialized": "table"},
                "depends_on": {"nodes": ["source.shop.raw.orders"]}},
            "test.shop.unique_orders.0": {"depends_on": {"nodes": ["model.shop.orders"]}},
        },
        "sources": {"source.shop.raw.orders":
            {"name": "orders", "source_name": "raw", "schema": "r"}},
    })
}

#[test]
fn an_edge_from_both_sides_is_one_upstream_with_both_evidences() {
    let mut file = declared("shop.orders", 1);
    file.depends_on = reads(&["raw.orders", "raw.rates"]);
    file.depends_on[0].consume = Consume::Changes;
    let resolved = clean(ResolveInput {
        dbt: vec![dbt("m", &shop())],
        ..files(vec![file, declared("raw.rates", 2)])
    });
    let [orders, rates] = &asset(&resolved, "shop.orders").upstreams[..] else {
        panic!("two upstreams");
    };
    assert_eq!(orders.asset, key("raw.orders"));
    assert_eq!(orders.evidence, [Evidence::Declared, Evidence::Dbt]);
    assert_eq!(orders.consume, Consume::Changes);
    assert_eq!(orders.declared_at.as_ref().unwrap().line, 100);
    assert_eq!(rates.evidence, [Evidence::Declared]);
}

#[test]
fn edges_follow_a_declared_key_and_accept_a_unique_id() {
    let mut source = declared("bronze.orders", 1);
    source.relation = relation("r.orders");
    let mut mart = declared("mart.orders", 2);
    mart.depends_on = reads(&["source.shop.raw.orders", "bronze.orders"]);
    let resolved = clean(ResolveInput {
        dbt: vec![dbt("m", &shop())],
        ..files(vec![source, mart])
    });
    assert_eq!(upstreams(&resolved, "shop.orders"), ["bronze.orders"]);
    assert_eq!(upstreams(&resolved, "mart.orders"), ["bronze.orders"]);
}

#[test]
fn an_unknown_upstream_gets_a_suggestion() {
    let mut file = declared("mart.revenue", 1);
    file.depends_on = reads(&["shop.order", "zzz", "raw.orders"]);
    let mut renamed = declared("bronze.orders", 2);
    renamed.relation = relation("r.orders");
    let resolved = resolve(ResolveInput {
        dbt: vec![dbt("m", &shop())],
        ..files(vec![file, renamed])
    });
    assert_eq!(
        codes(&resolved),
        [("R002", 100), ("R002", 101), ("R002", 102)]
    );
    let help = |at: usize| resolved.diagnostics[at].help.as_deref().unwrap();
    assert!(
        help(0).contains("did you mean `shop.orders`?"),
        "{}",
        help(0)
    );
    assert!(help(1).starts_with("for a table that nobody here builds"));
    assert_eq!(help(2), "write `bronze.orders`");
    assert_eq!(upstreams(&resolved, "mart.revenue"), Vec::<&str>::new());
}

#[test]
fn nobody_is_its_own_upstream() {
    let mut file = declared("mart.revenue", 1);
    file.depends_on = reads(&["mart.revenue"]);
    assert_eq!(codes(&resolve(files(vec![file]))), [("R003", 100)]);

    let mut own = shop();
    own["sources"]["source.shop.raw.orders"]["schema"] = json!("s");
    let resolved = resolve(with_dbt(vec![dbt("m", &own)]));
    assert_eq!(codes(&resolved), [("R015", 1)]);
    assert!(!resolved.diagnostics[0].is_error());
    assert_eq!(keys(&resolved), ["shop.orders"]);
    assert_eq!(upstreams(&resolved, "shop.orders"), Vec::<&str>::new());
}

#[test]
fn a_node_of_a_project_that_is_not_there_is_a_warning_once() {
    let mut mesh = shop();
    for name in ["a", "b"] {
        mesh["nodes"][format!("model.shop.{name}")] =
            json!({"name": name, "schema": "s", "depends_on": {"nodes": ["model.other.x"]}});
    }
    let resolved = resolve(with_dbt(vec![dbt("m", &mesh)]));
    assert_eq!(codes(&resolved), [("R014", 1)]);
    assert_eq!(
        resolved.diagnostics[0].notes,
        ["read by 2 nodes, such as `shop.a`, `shop.b`"]
    );
    let other = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
        "nodes": {"model.other.x": {"name": "x", "schema": "o"}}});
    let resolved = clean(with_dbt(vec![dbt("m", &mesh), dbt("o", &other)]));
    assert_eq!(upstreams(&resolved, "shop.a"), ["other.x"]);
}

#[test]
fn real_manifests_of_all_versions_give_the_same_graph() {
    let mut graphs = BTreeSet::new();
    for text in [
        include_str!("../../../../fixtures/dbt/manifests/features_dbt15.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_dbt17.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_dbt18.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_dbt19.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_dbt110.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_databricks_111.json"),
        include_str!("../../../../fixtures/dbt/manifests/features_dbt112.json"),
    ] {
        let input = DbtInput {
            manifest: read_manifest(&Arc::from("m.json"), text.as_bytes()).unwrap(),
            task: Some(TaskName::new("dbt")),
            place: None,
            blocks: std::collections::BTreeMap::new(),
        };
        let resolved = clean(with_dbt(vec![input]));
        let line = |name: &str| format!("{name} <- {}", upstreams(&resolved, name).join(" "));
        let lines: Vec<_> = keys(&resolved).into_iter().map(line).collect();
        graphs.insert(lines.join("\n").replace(" <- \n", "\n"));
    }
    assert_eq!(graphs.len(), 1);
    insta::assert_snapshot!(graphs.first().unwrap(), @r"
    crm.accounts
    crm.contacts
    crm.opportunities
    erp.invoices
    exposure.board_deck <- feat.fct_v2
    feat.down <- feat.fct_v1
    feat.eph <- feat.stg
    feat.fct_v1 <- feat.stg
    feat.fct_v2 <- feat.eph feat.stg
    feat.mb <- feat.stg
    feat.py <- feat.stg
    feat.s
    feat.snap <- feat.stg
    feat.stg <- crm.accounts
    ");
}
