//! Laws: what is written out reads back, and variables of unused environments are not asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::asset::{AssetKind, Consume, Watermark};
use crate::declaration::{
    Context, DeclaredAsset, DeclaredBinding, DeclaredTask, DeclaredUpstream, parse_asset_file,
    parse_project,
};
use crate::diagnostic::Place;
use crate::duration::format_duration;
use crate::key::AssetKey;
use crate::policy::{
    Automation, Bound, Consistency, Freshness, OnChange, OutsideWrites, Pacing, Retry, UpdatesOn,
};
use crate::relation::Relation;
use crate::task::{DatabricksJob, JobReference, Task, TaskAction, TaskName, WriteMode};

use super::{assets, context, variables};

fn put(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value.into());
    }
}

fn word(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Writes a text so that it reads as it is: `${` would name a variable.
fn text(value: &str) -> String {
    value.replace("${", "$${")
}

fn bound(bound: Bound) -> Value {
    let mut map = Map::new();
    map.insert("limit".into(), format_duration(bound.limit).into());
    put(&mut map, "warn", bound.warn.map(format_duration));
    map.into()
}

fn automation(automation: &Automation) -> Value {
    let Automation::OnChange(on) = automation else {
        return "manual".into();
    };
    let pacing = &on.pacing;
    let mut map = Map::new();
    put(&mut map, "settle", pacing.settle.map(format_duration));
    put(
        &mut map,
        "settle_at_most",
        pacing.settle_at_most.map(format_duration),
    );
    put(&mut map, "every", pacing.every.map(format_duration));
    put(&mut map, "tolerance", pacing.tolerance.map(format_duration));
    put(&mut map, "updates_on", Some(word(on.updates_on)));
    json!({ "on_change": map })
}

fn consistency(consistency: Consistency) -> Value {
    match consistency {
        Consistency::Latest => "latest".into(),
        Consistency::Snapshot => "snapshot".into(),
        Consistency::Settled {
            proceed_after: None,
        } => "settled".into(),
        Consistency::Settled {
            proceed_after: Some(after),
        } => {
            json!({ "settled": { "proceed_after": format_duration(after) } })
        }
    }
}

fn task(task: &DeclaredTask, parameters: &BTreeMap<String, String>) -> Value {
    match task {
        DeclaredTask::Named(name) => json!({ "use": name, "parameters": parameters }),
        DeclaredTask::Inline(task) => {
            let TaskAction::DatabricksJob(job) = &task.action;
            let mut map = Map::new();
            match &job.job {
                JobReference::Id(id) => map.insert("id".into(), json!(id)),
                JobReference::Name(name) => map.insert("name".into(), json!(text(name))),
            };
            put(&mut map, "task", job.task_key.as_deref().map(text));
            json!({
                "databricks_job": map,
                "limits": { "max_concurrent_runs": task.max_concurrent_runs },
                "timeout": task.timeout.map(format_duration),
                "write_mode": task.write_mode.as_str(),
                "parameters": parameters,
            })
        }
    }
}

/// Writes an asset as people could have written it.
fn written(asset: &DeclaredAsset) -> Value {
    let mut map = Map::new();
    put(&mut map, "key", asset.key.as_ref().map(AssetKey::as_str));
    put(&mut map, "kind", asset.kind.map(AssetKind::as_str));
    put(
        &mut map,
        "relation",
        asset.relation.as_ref().map(ToString::to_string),
    );
    put(&mut map, "path", asset.path.as_deref());
    let upstreams = asset.depends_on.iter();
    let upstreams = upstreams.map(|on| json!({ "asset": on.asset, "consume": on.consume }));
    put(&mut map, "depends_on", Some(upstreams.collect::<Value>()));
    let binding = asset.task.as_ref();
    put(
        &mut map,
        "task",
        binding.map(|binding| task(&binding.task, &binding.parameters)),
    );
    put(
        &mut map,
        "freshness",
        asset.freshness.as_ref().map(|freshness| {
            let mut map = Map::new();
            put(&mut map, "max_lag", freshness.max_lag.map(bound));
            put(&mut map, "max_age", freshness.max_age.map(bound));
            map
        }),
    );
    put(
        &mut map,
        "automation",
        asset.automation.as_ref().map(automation),
    );
    put(&mut map, "consistency", asset.consistency.map(consistency));
    put(
        &mut map,
        "retry",
        asset.retry.map(|retry| {
            json!({
                "attempts": retry.attempts,
                "backoff": format_duration(retry.backoff),
                "max_backoff": format_duration(retry.max_backoff),
            })
        }),
    );
    put(
        &mut map,
        "outside_writes",
        asset.outside_writes.map(|writes| match writes {
            OutsideWrites::Ignore => json!("ignore"),
            OutsideWrites::Assume { margin } => {
                json!({ "assume": { "margin": format_duration(margin) } })
            }
        }),
    );
    let watermark = asset.watermark.as_ref();
    put(
        &mut map,
        "watermark",
        watermark.map(|watermark| {
            let column = watermark
                .column
                .iter()
                .map(|column| ("column", text(column)));
            let folder = watermark.checkpoint.iter();
            let checkpoint = folder.map(|folder| ("checkpoint", text(folder)));
            let said: BTreeMap<_, _> = column.chain(checkpoint).collect();
            json!(said)
        }),
    );
    put(&mut map, "owner", asset.owner.as_deref().map(text));
    put(&mut map, "tier", asset.tier);
    let tags = asset.tags.iter().map(|tag| text(tag));
    put(&mut map, "tags", Some(tags.collect::<Value>()));
    put(
        &mut map,
        "description",
        asset.description.as_deref().map(text),
    );
    map.into()
}

fn durations() -> impl Strategy<Value = TimeDelta> {
    (1..100_000_i64).prop_map(TimeDelta::seconds)
}

fn bounds() -> impl Strategy<Value = Bound> {
    (durations(), option::of(durations())).prop_map(|(a, b)| Bound {
        limit: b.map_or(a, |b| a.max(b)),
        warn: b.map(|b| a.min(b)),
    })
}

fn automations() -> impl Strategy<Value = Automation> {
    let on_change = (
        durations(),
        option::of(durations()),
        option::of(durations()),
        any::<bool>(),
    );
    let on_change = on_change.prop_map(|(settle, every, more, all)| {
        Automation::OnChange(OnChange {
            updates_on: if all { UpdatesOn::All } else { UpdatesOn::Any },
            pacing: Pacing {
                settle: Some(settle),
                settle_at_most: more.map(|more| settle + more),
                every,
                tolerance: more,
                ..Pacing::default()
            },
        })
    });
    prop_oneof![Just(Automation::Manual), on_change]
}

fn names() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,8}(\\.[a-z0-9_-]{1,8}){0,3}"
}

fn place() -> Place {
    Place::start_of(&Arc::from("a.yml"))
}

fn tasks() -> impl Strategy<Value = DeclaredTask> {
    let inline = (
        1..9_999_i64,
        option::of("[ -~é]{1,12}[a-z]"),
        option::of(durations()),
        prop::sample::select(WriteMode::ALL.to_vec()),
    );
    let inline = inline.prop_map(|(id, name, timeout, write_mode)| {
        let name = name.map(JobReference::Name);
        DeclaredTask::Inline(Task {
            action: TaskAction::DatabricksJob(DatabricksJob {
                job: name.unwrap_or(JobReference::Id(id)),
                task_key: None,
                parameters: BTreeMap::new(),
            }),
            select_parameter: None,
            max_concurrent_runs: u32::try_from(id).ok(),
            pool: None,
            timeout,
            write_mode,
        })
    });
    prop_oneof![
        "[a-z ]{0,6}[a-z]".prop_map(|name| DeclaredTask::Named(TaskName::new(&name))),
        inline
    ]
}

prop_compose! {
    fn declared()(
        key in names(),
        kind in option::of(prop::sample::select(AssetKind::ALL.to_vec())),
        relation in option::of("[a-z]{1,5}(\\.[a-z]{1,5}){0,2}"),
        upstreams in prop::collection::btree_set(names(), 0..4),
        changes in any::<bool>(),
        task in option::of(tasks()),
        freshness in option::of((option::of(bounds()), option::of(bounds()))),
        automation in option::of(automations()),
        after in option::of(option::of(durations())),
        retry in option::of((1..=20_u32, durations(), durations())),
        margin in option::of(option::of(durations())),
        watermark in option::of(("\\PC{0,8}[a-z]", option::of("[a-z]{1,5}(/[a-z]{1,5}){0,2}"))),
        owner in option::of("\\PC{0,12}"),
        tier in option::of(1..=9_u8),
        tags in prop::collection::btree_set("[ -~]{0,6}", 0..4),
    ) -> DeclaredAsset {
        DeclaredAsset {
            key: AssetKey::new(&key).ok(),
            place: place(),
            kind,
            path: relation.as_ref().map(|relation| format!("lake/{relation}")),
            relation: relation.map(|relation| Relation::parse(&relation).unwrap()),
            depends_on: upstreams.iter().map(|name| DeclaredUpstream {
                asset: AssetKey::new(name).unwrap(),
                consume: if changes { Consume::Changes } else { Consume::Table },
                mapping: None,
                place: place(),
            }).collect(),
            task: task.map(|task| DeclaredBinding {
                task,
                parameters: BTreeMap::from([("asset".to_owned(), "{{ asset }}".to_owned())]),
                place: place(),
            }),
            freshness: freshness.map(|(max_lag, max_age)| Freshness { max_lag, max_age, ..Freshness::default() }),
            automation,
            consistency: after.map(|after| match after {
                None => Consistency::Latest,
                after => Consistency::Settled { proceed_after: after },
            }),
            retry: retry.map(|(attempts, a, b)| Retry {
                attempts,
                backoff: a.min(b),
                max_backoff: a.max(b),
            }),
            code_changes: None,
            code_version: None,
            adopt: None,
            outside_writes: margin.map(|margin| match margin {
                None => OutsideWrites::Ignore,
                Some(margin) => OutsideWrites::Assume { margin },
            }),
            full_refresh: None,
            watermark: watermark.map(|(column, checkpoint)| Watermark {
                column: Some(column),
                checkpoint,
            }),
            description: owner.clone(),
            partitions: None,
            lookback: None,
            checks: None,
            gates: None,
            owner,
            group: None,
            tier,
            tags,
        }
    }
}

/// Puts one place everywhere: where things stand depends on how they were written.
fn without_places(mut asset: DeclaredAsset) -> DeclaredAsset {
    asset.place = place();
    for upstream in &mut asset.depends_on {
        upstream.place = place();
    }
    if let Some(binding) = &mut asset.task {
        binding.place = place();
    }
    asset
}

proptest! {
    #[test]
    fn what_is_written_reads_back(declared in declared()) {
        let value = json!({ "assets": [written(&declared)] });
        // JSON is YAML too; and the block style is what people use.
        for text in [value.to_string(), serde_saphyr::to_string(&value).unwrap()] {
            let (read, problems) = assets(&text);
            prop_assert!(problems.is_empty(), "{problems:?} in {text}");
            let read: Vec<_> = read.into_iter().map(without_places).collect();
            prop_assert_eq!(read, vec![declared.clone()], "{}", text);
        }
    }

    #[test]
    fn the_order_of_assets_changes_nothing_but_their_order(
        all in prop::collection::btree_map(names(), declared(), 1..5)
    ) {
        let mut entries: Vec<Value> = Vec::new();
        for (name, mut asset) in all {
            asset.key = AssetKey::new(&name).ok();
            entries.push(written(&asset));
        }
        let (forward, _) = assets(&json!({ "assets": entries }).to_string());
        entries.reverse();
        let (mut backward, _) = assets(&json!({ "assets": entries }).to_string());
        backward.reverse();
        let forward: Vec<_> = forward.into_iter().map(without_places).collect();
        let backward: Vec<_> = backward.into_iter().map(without_places).collect();
        prop_assert_eq!(forward, backward);
    }
}

#[test]
fn only_the_environment_in_use_needs_its_variables() {
    let text = "version: 1\nname: n\ndefault_environment: dev\nenvironments:\n  dev: { catalog: d }\n  \
                prod: { catalog: p, databricks: { host: '${NOT_SET}' } }\n";
    let file = Arc::from("headwater.yml");
    let (project, problems) = parse_project(&file, text, None, &variables);
    assert!(problems.is_empty());
    let project = project.unwrap();
    assert_eq!(project.environments["prod"].catalog.as_deref(), Some("p"));

    let (_, problems) = parse_project(&file, text, Some("prod"), &variables);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, "P008");
}

#[test]
fn variables_and_templates_are_put_in() {
    let text = "assets:\n  - key: '${KEY}'\n    tier: ${NUMBER}\n    path: 'lake/{{ env }}/$${x}'\n    \
                relation: '{{ catalog }}.a.b'\n";
    let (read, problems) = assets(text);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(read[0].key, AssetKey::new("from.variable").ok());
    assert_eq!(read[0].tier, Some(2));
    assert_eq!(read[0].path.as_deref(), Some("lake/dev/${x}"));
    assert_eq!(read[0].relation.as_ref().unwrap().to_string(), "main.a.b");

    let no_catalog = Context {
        catalog: None,
        ..context()
    };
    let (_, problems) = parse_asset_file(&Arc::from("a.yml"), text, &no_catalog);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .help
            .as_ref()
            .unwrap()
            .contains("`environments: dev:`")
    );
}
