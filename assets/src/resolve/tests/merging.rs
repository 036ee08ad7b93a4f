//! Which of several voices counts.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    asset, bound_to, clean, codes, dbt, declared, files, key, named, nothing, relation, task, tasks,
};
use crate::asset::{AssetKind, Watermark};
use crate::declaration::{DeclaredAsset, DeclaredTask, Defaults};
use crate::policy::{
    Automation, Bound, CodeChanges, Consistency, Freshness, OnChange, Pacing, Retry, UpdatesOn,
};
use crate::resolve::{ResolveInput, Resolved, resolve};
use crate::task::TaskName;
use crate::version::CodeVersion;

fn lag(minutes: i64) -> Freshness {
    Freshness {
        max_lag: Some(Bound {
            limit: TimeDelta::minutes(minutes),
            warn: None,
        }),
        ..Freshness::default()
    }
}

fn settle(minutes: i64) -> Automation {
    Automation::OnChange(OnChange {
        pacing: Pacing {
            settle: Some(TimeDelta::minutes(minutes)),
            ..Pacing::default()
        },
        ..OnChange::default()
    })
}

fn defaults() -> Defaults {
    Defaults {
        freshness: Some(lag(30)),
        automation: Some(settle(2)),
        consistency: Some(Consistency::Latest),
        retry: Some(Retry {
            attempts: 9,
            ..Retry::default()
        }),
        gates: None,
        owner: Some("platform".to_owned()),
        timeout: Some(TimeDelta::hours(1)),
    }
}

fn shop() -> Value {
    json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
        "nodes": {
            "model.shop.orders": {
                "name": "orders", "schema": "s", "description": "From dbt", "tags": ["dbt"],
                "raw_code": "select 1", "group": "sales", "meta": {"owner": "dbt"},
                "config": {"materialized": "incremental", "freshness": {"build_after":
                    {"count": 4, "period": "hour", "updates_on": "all"}}}},
            "model.shop.live": {
                "name": "live", "schema": "s",
                "config": {"materialized": "streaming_table", "schedule": {"every": "1 hour"}}},
            "model.shop.eph": {"name": "eph", "config": {"materialized": "ephemeral"}},
        },
        "sources": {"source.shop.raw.orders": {
            "name": "orders", "source_name": "raw", "schema": "r",
            "freshness": {"error_after": {"count": 1, "period": "day"}}}},
        "exposures": {"exposure.shop.deck": {"name": "deck", "owner": {"email": "d@example.com"}}},
    })
}

fn merged(block: Option<DeclaredAsset>, file: Option<DeclaredAsset>) -> Resolved {
    let mut input = dbt("m", &shop());
    if let Some(block) = block {
        input.blocks.insert("model.shop.orders".into(), block);
    }
    clean(ResolveInput {
        defaults: defaults(),
        dbt: vec![input],
        ..files(file.into_iter().collect())
    })
}

#[test]
fn what_dbt_says_fills_an_asset() {
    let resolved = merged(None, None);
    let orders = asset(&resolved, "shop.orders");
    assert_eq!(orders.kind, AssetKind::Incremental);
    assert_eq!(orders.relation, relation("s.orders"));
    assert_eq!(orders.owner.as_deref(), Some("dbt"));
    assert_eq!(orders.group.as_deref(), Some("sales"));
    assert_eq!(orders.description.as_deref(), Some("From dbt"));
    assert_eq!(orders.code_changes, CodeChanges::Mark);
    assert_eq!(orders.code_version.as_ref().unwrap().as_str().len(), 64);
    assert_eq!(orders.task.as_ref().unwrap().task, TaskName::new("dbt"));
    // dbt gives the interval, the project's default the settling.
    let expected = OnChange {
        updates_on: UpdatesOn::All,
        pacing: Pacing {
            settle: Some(TimeDelta::minutes(2)),
            every: Some(TimeDelta::hours(4)),
            ..Pacing::default()
        },
    };
    assert_eq!(orders.automation, Automation::OnChange(expected));
    assert_eq!(
        orders.declared_at.as_ref().map(|place| &*place.file),
        Some("m")
    );
}

#[test]
fn the_watermark_of_the_file_wins_over_that_of_the_block() {
    let of = |name: &str, column: &str| DeclaredAsset {
        watermark: Some(Watermark {
            column: Some(column.to_owned()),
            checkpoint: None,
        }),
        ..declared(name, 1)
    };
    let block = || DeclaredAsset {
        key: None,
        ..of("shop.orders", "in_block")
    };
    let column = |resolved: Resolved| {
        let watermark = asset(&resolved, "shop.orders").watermark.clone();
        watermark.and_then(|watermark| watermark.column)
    };
    let file = of("shop.orders", "in_file");
    assert_eq!(column(merged(None, None)), None);
    assert_eq!(
        column(merged(Some(block()), None)).as_deref(),
        Some("in_block")
    );
    assert_eq!(
        column(merged(Some(block()), Some(file))).as_deref(),
        Some("in_file")
    );
}

#[test]
fn defaults_of_freshness_are_for_what_is_built_here() {
    let resolved = merged(None, Some(declared("other.table", 1)));
    assert_eq!(asset(&resolved, "shop.orders").freshness, lag(30));
    let source = &asset(&resolved, "raw.orders").freshness;
    assert_eq!(source.max_age.unwrap().limit, TimeDelta::days(1));
    assert_eq!(source.max_lag, None);
    for observed in ["other.table", "shop.live", "shop.eph", "exposure.deck"] {
        assert_eq!(
            asset(&resolved, observed).freshness,
            Freshness::default(),
            "{observed}"
        );
    }
    assert_eq!(
        asset(&resolved, "exposure.deck").owner.as_deref(),
        Some("d@example.com")
    );
    assert_eq!(
        asset(&resolved, "other.table").owner.as_deref(),
        Some("platform")
    );
    assert_eq!(asset(&resolved, "other.table").retry.attempts, 9);
}

#[test]
fn the_task_of_the_project_builds_what_nobody_else_does() {
    let resolved = merged(None, None);
    let task = |name| {
        asset(&resolved, name)
            .task
            .as_ref()
            .map(|bound| bound.task.to_string())
    };
    assert_eq!(task("shop.orders").as_deref(), Some("dbt"));
    assert_eq!(task("shop.live"), None, "it refreshes itself");
    assert_eq!(task("shop.eph"), None);
    assert_eq!(task("raw.orders"), None);
    assert_eq!(task("exposure.deck"), None);
}

#[test]
fn the_file_wins_over_the_block_and_the_block_over_dbt() {
    let block = DeclaredAsset {
        owner: Some("block".to_owned()),
        description: Some("From the block".to_owned()),
        freshness: Some(lag(10)),
        automation: Some(Automation::Manual),
        tags: ["block".to_owned()].into(),
        tier: Some(3),
        ..nothing()
    };
    let file = DeclaredAsset {
        owner: Some("file".to_owned()),
        freshness: Some(lag(5)),
        kind: Some(AssetKind::Table),
        code_version: Some(CodeVersion::new("7")),
        tags: ["file".to_owned()].into(),
        ..declared("shop.orders", 4)
    };
    let resolved = merged(Some(block), Some(file));
    let orders = asset(&resolved, "shop.orders");
    assert_eq!(orders.owner.as_deref(), Some("file"));
    assert_eq!(orders.description.as_deref(), Some("From the block"));
    assert_eq!(orders.freshness, lag(5));
    assert_eq!(orders.automation, Automation::Manual);
    assert_eq!(orders.tier, Some(3));
    assert_eq!(
        (orders.kind, orders.code_changes),
        (AssetKind::Table, CodeChanges::Rebuild)
    );
    assert_eq!(orders.code_version, Some(CodeVersion::new("7")));
    assert_eq!(
        orders.tags.iter().collect::<Vec<_>>(),
        ["block", "dbt", "file"]
    );
    assert_eq!(orders.declared_at.as_ref().unwrap().line, 4);
}

#[test]
fn an_inline_task_is_named_after_its_asset() {
    let mut file = declared("mart.revenue", 1);
    file.task = Some(bound_to(DeclaredTask::Inline(task())));
    let input = ResolveInput {
        defaults: defaults(),
        ..files(vec![file])
    };
    let resolved = clean(input.clone());
    let bound = asset(&resolved, "mart.revenue").task.as_ref().unwrap();
    assert_eq!(bound.task.as_str(), "mart.revenue");
    let names: Vec<_> = resolved.tasks.keys().map(TaskName::as_str).collect();
    assert_eq!(names, ["dbt", "mart.revenue"]);
    assert!(
        resolved
            .tasks
            .values()
            .all(|task| task.timeout == Some(TimeDelta::hours(1)))
    );

    let taken = ResolveInput {
        tasks: tasks(&["mart.revenue"]),
        ..input
    };
    assert_eq!(codes(&resolve(taken)), [("R011", 50)]);
}

#[test]
fn a_block_may_name_another_task() {
    let block = DeclaredAsset {
        task: Some(named("dbt")),
        ..nothing()
    };
    let mut project = dbt("m", &shop());
    project.task = None;
    project.blocks.insert("model.shop.orders".into(), block);
    let resolved = clean(ResolveInput {
        dbt: vec![project],
        ..files(vec![])
    });
    let built: Vec<_> = resolved
        .assets
        .iter()
        .filter(|asset| asset.is_built_here())
        .collect();
    assert_eq!(built.len(), 1);
    assert_eq!(built[0].key, key("shop.orders"));
}
