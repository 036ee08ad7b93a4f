//! `ls`: the assets of a project as they are declared, without a look at any table.

use assets::duration::format_duration;
use assets::policy::{Automation, Bound, Deadline, Freshness, UpdatesOn};
use assets::{Asset, AssetKind, Evidence};
use chrono::TimeDelta;
use lineage::{AssetGraph, AssetIndex};
use serde::Serialize;

use super::Context;
use super::arguments::SelectArgs;
use super::diagnostics::{load_project, require_ok};
use super::output::Document;
use super::select;
use super::table::{Cell, Table, Tone};
use crate::error::{CommandError, Exit};

/// Arguments of `ls`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater ls\n  headwater ls 'tag:finance,kind:table'\n  \
                  headwater ls +gold.revenue --exclude kind:source -o json"
)]
pub struct LsArgs {
    /// Which assets.
    #[command(flatten)]
    pub select: SelectArgs,
}

#[derive(Serialize)]
struct AssetList {
    assets: Vec<AssetItem>,
}

#[derive(Serialize)]
struct AssetItem {
    asset: String,
    kind: AssetKind,
    relation: Option<String>,
    path: Option<String>,
    task: Option<String>,
    owner: Option<String>,
    group: Option<String>,
    tier: Option<u8>,
    tags: Vec<String>,
    description: Option<String>,
    freshness: FreshnessItem,
    automation: Option<AutomationItem>,
    upstreams: Vec<UpstreamItem>,
    unique_id: Option<String>,
    file: Option<String>,
    line: Option<usize>,
}

#[derive(Serialize)]
struct FreshnessItem {
    max_lag: Option<BoundItem>,
    max_age: Option<BoundItem>,
    max_event_lag: Option<BoundItem>,
    deadlines: Vec<DeadlineItem>,
}

#[derive(Serialize)]
struct DeadlineItem {
    schedule: String,
    max_lag_seconds: i64,
}

#[derive(Serialize)]
struct BoundItem {
    limit_seconds: i64,
    warn_seconds: Option<i64>,
}

#[derive(Serialize)]
struct AutomationItem {
    when: &'static str,
    settle_seconds: Option<i64>,
    settle_at_most_seconds: Option<i64>,
    every_seconds: Option<i64>,
    tolerance_seconds: Option<i64>,
    updates_on: Option<UpdatesOn>,
    condition: String,
    window: Option<String>,
    max_partitions_per_run: Option<u32>,
}

#[derive(Serialize)]
struct UpstreamItem {
    asset: String,
    evidence: Vec<Evidence>,
}

impl Document for AssetList {
    const KIND: &'static str = "AssetList";
    type Item = AssetItem;

    fn items(&self) -> Option<&[AssetItem]> {
        Some(&self.assets)
    }
}

pub(super) fn run(context: &Context, args: &LsArgs) -> Result<Exit, CommandError> {
    let selection = select::parse(&args.select)?;
    if selection.needs_health() {
        let message = "`ls` does not know how assets are, so that it cannot select by `health:`";
        return Err(CommandError::new("C005", Exit::Usage, message)
            .hint("use `headwater status` with the same selection"));
    }
    let loaded = load_project(context)?;
    let graph = require_ok(context, &loaded)?;
    let selected = select::find(context, graph, &selection, &|_| "unknown")?;
    let assets = selected.iter().map(|index| item(graph.asset(*index)));
    let list = AssetList {
        assets: assets.collect(),
    };
    context.output.emit(&list, || table(graph, &selected))?;
    Ok(Exit::Done)
}

fn item(asset: &Asset) -> AssetItem {
    let place = asset.declared_at.as_ref();
    let upstreams = asset.upstreams.iter().map(|upstream| UpstreamItem {
        asset: upstream.asset.to_string(),
        evidence: upstream.evidence.clone(),
    });
    AssetItem {
        asset: asset.key.to_string(),
        kind: asset.kind,
        relation: asset.relation.as_ref().map(ToString::to_string),
        path: asset.path.clone(),
        task: asset.task.as_ref().map(|binding| binding.task.to_string()),
        owner: asset.owner.clone(),
        group: asset.group.clone(),
        tier: asset.tier,
        tags: asset.tags.iter().cloned().collect(),
        description: asset.description.clone(),
        freshness: freshness_item(&asset.freshness),
        automation: asset
            .is_built_here()
            .then(|| automation_item(&asset.automation)),
        upstreams: upstreams.collect(),
        unique_id: asset.dbt.as_ref().map(|node| node.unique_id.to_string()),
        file: place.map(|place| place.file.to_string()),
        line: place.map(|place| place.line),
    }
}

fn freshness_item(freshness: &Freshness) -> FreshnessItem {
    let bound = |bound: Bound| BoundItem {
        limit_seconds: bound.limit.num_seconds(),
        warn_seconds: seconds(bound.warn),
    };
    FreshnessItem {
        max_lag: freshness.max_lag.map(bound),
        max_age: freshness.max_age.map(bound),
        max_event_lag: freshness.max_event_lag.map(bound),
        deadlines: freshness.deadlines.iter().map(deadline_item).collect(),
    }
}

fn deadline_item(deadline: &Deadline) -> DeadlineItem {
    DeadlineItem {
        schedule: deadline.schedule.to_string(),
        max_lag_seconds: deadline.max_lag.num_seconds(),
    }
}

fn automation_item(automation: &Automation) -> AutomationItem {
    let pacing = automation.pacing();
    AutomationItem {
        when: automation.as_str(),
        settle_seconds: seconds(pacing.settle),
        settle_at_most_seconds: seconds(pacing.settle_at_most),
        every_seconds: seconds(pacing.every),
        tolerance_seconds: seconds(pacing.tolerance),
        updates_on: match automation {
            Automation::OnChange(on_change) => Some(on_change.updates_on),
            Automation::OnSchedule { .. }
            | Automation::BeforeDeadline { .. }
            | Automation::When { .. }
            | Automation::Manual => None,
        },
        condition: automation.condition().to_string(),
        window: pacing.window.as_ref().map(ToString::to_string),
        max_partitions_per_run: pacing.max_partitions_per_run,
    }
}

fn seconds(duration: Option<TimeDelta>) -> Option<i64> {
    duration.map(|duration| duration.num_seconds())
}

fn table(graph: &AssetGraph, selected: &[AssetIndex]) -> String {
    let headings = [
        "ASSET",
        "KIND",
        "TASK",
        "FRESHNESS",
        "OWNER",
        "UPSTREAMS",
        "TAGS",
    ];
    let mut table = Table::new(&headings);
    for index in selected {
        let asset = graph.asset(*index);
        let upstreams = match asset.upstreams.len() {
            0 => String::new(),
            count => count.to_string(),
        };
        let tags: Vec<&str> = asset.tags.iter().map(String::as_str).collect();
        table.row(vec![
            Cell::new(&asset.key, Tone::Strong),
            Cell::plain(asset.kind.as_str()),
            Cell::optional(asset.task.as_ref().map(|binding| binding.task.as_str())),
            Cell::plain(freshness_words(&asset.freshness)),
            Cell::optional(asset.owner.as_ref()),
            Cell::plain(upstreams),
            Cell::plain(tags.join(",")),
        ]);
    }
    table.render()
}

fn freshness_words(freshness: &Freshness) -> String {
    let bound = |name: &str, bound: Option<Bound>| {
        bound.map(|bound| format!("{name} {}", format_duration(bound.limit)))
    };
    let bounds = [
        bound("lag", freshness.max_lag),
        bound("age", freshness.max_age),
        bound("event lag", freshness.max_event_lag),
    ];
    let deadlines = freshness.deadlines.iter();
    let deadlines = deadlines.map(|deadline| format!("by {}", deadline.schedule));
    let bounds: Vec<String> = bounds.into_iter().flatten().chain(deadlines).collect();
    bounds.join(", ")
}
