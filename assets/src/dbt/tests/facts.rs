//! What single fields of a node mean.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{manifest, node, read};
use crate::asset::AssetKind;
use crate::dbt::Node;
use crate::policy::{Bound, OnChange, Pacing, UpdatesOn};

fn model(fields: Value) -> Node {
    let mut whole = manifest(json!({"nodes": {}}));
    whole["nodes"]["model.shop.orders"] = fields;
    node(&read(&whole), "model.shop.orders").clone()
}

fn source(fields: Value) -> Node {
    let mut whole = manifest(json!({"sources": {}}));
    whole["sources"]["source.shop.raw.orders"] = fields;
    node(&read(&whole), "source.shop.raw.orders").clone()
}

#[test]
fn kinds_follow_the_materialization() {
    let kind = |word: &str| model(json!({"config": {"materialized": word}})).kind;
    assert_eq!(kind("view"), AssetKind::View);
    assert_eq!(kind("metric_view"), AssetKind::View);
    assert_eq!(kind("table"), AssetKind::Table);
    assert_eq!(kind("incremental"), AssetKind::Incremental);
    assert_eq!(kind("ephemeral"), AssetKind::Ephemeral);
    assert_eq!(kind("materialized_view"), AssetKind::MaterializedView);
    assert_eq!(kind("streaming_table"), AssetKind::StreamingTable);
    assert_eq!(kind("our_own_materialization"), AssetKind::Table);
    assert_eq!(model(json!({})).kind, AssetKind::View);
}

#[test]
fn keys_take_the_custom_schema_the_version_and_only_allowed_characters() {
    let key = |fields: Value| model(fields).key.to_string();
    let versioned = json!({"name": "fct", "version": 2, "config": {"schema": "finance"}});
    assert_eq!(key(versioned), "finance.fct_v2");
    let worded = json!({"name": "fct", "version": "2.1", "package_name": "a.b c"});
    assert_eq!(key(worded), "a_b_c.fct_v2_1");
    assert_eq!(
        &*source(json!({"source_name": "crm $", "name": "x"})).key,
        "crm__.x"
    );
}

#[test]
fn a_relation_needs_no_database() {
    let relation = |fields: Value| model(fields).relation.map(|relation| relation.to_string());
    let plain = json!({"name": "o", "schema": "S", "alias": "A", "database": null});
    assert_eq!(relation(plain).as_deref(), Some("s.a"));
    let empty = json!({"name": "o", "schema": "", "database": ""});
    assert_eq!(relation(empty).as_deref(), Some("o"));
    let ephemeral = json!({"name": "o", "schema": "s", "config": {"materialized": "ephemeral"}});
    assert_eq!(relation(ephemeral), None);
}

#[test]
fn the_only_threshold_of_a_source_is_its_limit() {
    let bound = |freshness: Value| source(json!({"freshness": freshness})).freshness?.max_age;
    let hours = |count: i64| json!({"count": count, "period": "hour"});
    let nothing = json!({"count": null, "period": null});
    let limit = |limit: i64, warn: Option<i64>| {
        Some(Bound {
            limit: TimeDelta::hours(limit),
            warn: warn.map(TimeDelta::hours),
        })
    };
    assert_eq!(
        bound(json!({"warn_after": hours(1), "error_after": hours(2)})),
        limit(2, Some(1))
    );
    assert_eq!(
        bound(json!({"warn_after": hours(3), "error_after": hours(2)})),
        limit(2, None)
    );
    assert_eq!(
        bound(json!({"warn_after": hours(1), "error_after": nothing})),
        limit(1, None)
    );
    assert_eq!(bound(json!({"error_after": hours(2)})), limit(2, None));
    assert_eq!(
        bound(json!({"warn_after": nothing, "error_after": nothing})),
        None
    );
    assert_eq!(bound(Value::Null), None);
    assert_eq!(bound(json!({"error_after": hours(i64::MAX)})), None);
    assert_eq!(bound(json!({"error_after": hours(-1)})), None);
}

#[test]
fn build_after_and_lag_tolerance_become_automation() {
    let on_change = |config: Value| model(json!({ "config": config })).on_change;
    let state = json!({"state": {"lag_tolerance": {"count": 5, "period": "minute"}}});
    let expected = OnChange {
        pacing: Pacing {
            tolerance: Some(TimeDelta::minutes(5)),
            ..Pacing::default()
        },
        ..OnChange::default()
    };
    assert_eq!(on_change(state), Some(expected));
    let all = json!({"freshness": {"build_after": {"updates_on": "all"}}});
    assert_eq!(on_change(all).unwrap().updates_on, UpdatesOn::All);
    let none = json!({"freshness": {"build_after": {"count": null, "period": null}}});
    assert_eq!(on_change(none), None);
}

#[test]
fn later_meta_wins_and_the_block_is_kept_as_it_stands() {
    let found = source(json!({
        "source_meta": {"owner": "a", "headwater": {"tier": 3}},
        "meta": {"owner": "b"},
        "config": {"meta": {"owner": "c"}, "tags": ["y"]},
        "tags": "x",
    }));
    assert_eq!(found.owner.as_deref(), Some("c"));
    assert_eq!(found.headwater, Some(json!({"tier": 3})));
    assert_eq!(found.tags.iter().collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn a_group_gives_its_owner_to_models_without_one() {
    let whole = manifest(json!({
        "nodes": {"model.shop.orders": {"group": "finance", "package_name": "shop"}},
        "groups": {
            "group.shop.finance": {"owner": {"name": null, "email": ["f@example.com"]}},
            "group.other.finance": {"owner": {"name": "Somebody else"}},
        },
    }));
    let found = read(&whole);
    let orders = node(&found, "model.shop.orders");
    assert_eq!(orders.owner.as_deref(), Some("f@example.com"));
    assert_eq!(orders.group.as_deref(), Some("finance"));
}

#[test]
fn a_scheduled_view_refreshes_itself() {
    let refreshes = |schedule: Value| {
        let config = json!({"materialized": "materialized_view", "schedule": schedule});
        model(json!({ "config": config })).refreshes_itself
    };
    assert!(refreshes(json!({"cron": "0 0 * * * ? *"})));
    assert!(refreshes(json!({"on_update": true})));
    assert!(!refreshes(json!({"on_update": false, "cron": null})));
    assert!(!refreshes(json!("manual")));
    assert!(!refreshes(Value::Null));
}

#[test]
fn tests_of_old_manifests_find_their_node() {
    let whole = manifest(json!({
        "nodes": {
            "model.shop.orders": {"name": "orders"},
            "model.shop.customers": {"name": "customers"},
            "test.shop.relationships_orders.0123456789": {
                "name": "relationships_orders", "file_key_name": "models.orders",
                "depends_on": {"nodes": ["model.shop.customers", "model.shop.orders"]},
            },
            "test.shop.singular": {
                "name": "singular",
                "depends_on": {"nodes": ["model.shop.customers", "model.shop.orders"]},
            },
        },
    }));
    let found = read(&whole);
    let tests = |id| {
        node(&found, id)
            .dbt
            .tests
            .iter()
            .map(|test| &*test.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        tests("model.shop.orders"),
        ["relationships_orders", "singular"]
    );
    assert_eq!(tests("model.shop.customers"), ["singular"]);
}

#[test]
fn an_exposure_of_a_metric_reads_what_the_metric_is_made_of() {
    let whole = manifest(json!({
        "nodes": {"model.shop.orders": {}},
        "semantic_models": {
            "semantic_model.shop.orders": {"depends_on": {"nodes": ["model.shop.orders"]}}},
        "metrics": {
            "metric.shop.sum": {"depends_on": {"nodes": ["semantic_model.shop.orders"]}},
            "metric.shop.ratio": {"depends_on": {"nodes": ["metric.shop.sum", "metric.shop.ratio"]}},
        },
        "exposures": {
            "exposure.shop.deck": {"depends_on": {"nodes": ["metric.shop.ratio"]}}},
        "disabled": {"model.shop.old": [{"unique_id": "model.shop.old"}]},
    }));
    let found = read(&whole);
    assert_eq!(found.nodes.len(), 2);
    assert_eq!(
        *node(&found, "exposure.shop.deck").depends_on,
        [std::sync::Arc::from("model.shop.orders")]
    );
}
